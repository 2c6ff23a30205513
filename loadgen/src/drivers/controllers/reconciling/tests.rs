use serde_json::json;

use super::*;

#[test]
fn every_object_is_looked_after_by_one_controller() {
    let mut shares = [0; 3];
    for number in 0..300 {
        let key = format!("ns/widget-{number}");
        let of: Vec<u32> = (0..3).filter(|index| Share { index: *index, of: 3 }.has(&key)).collect();
        assert_eq!(of.len(), 1);
        shares[of[0] as usize] += 1;
    }
    assert!(shares.iter().all(|share| *share > 50), "{shares:?}");
}

#[test]
fn objects_are_told_apart_by_namespace_and_name() {
    assert_eq!(key(&json!({ "metadata": { "name": "a", "namespace": "n" } })).as_deref(), Some("n/a"));
    assert_eq!(key(&json!({ "metadata": { "name": "a" } })).as_deref(), Some("a"));
    assert_eq!(key(&json!({})), None);
}

/// A controller that wants every object to be looked into once.
#[derive(Default)]
struct Noting(Vec<String>);

impl Controller for Noting {
    fn see(&mut self, key: &str, _: Value, _: Nanos) -> bool {
        self.0.push(format!("see {key}"));
        true
    }

    fn gone(&mut self, key: &str, _: Nanos) -> bool {
        self.0.push(format!("gone {key}"));
        false
    }

    fn work(&mut self, _: &str) -> Option<Work> {
        None
    }

    fn over(&mut self, _: &str, _: Ended) -> bool {
        false
    }
}

fn running() -> Running<Noting> {
    let share = Share { index: 0, of: 1 };
    Running::new(Noting::default(), share, true, 1, Clock::start(), Arc::default())
}

fn added(name: &str) -> Seen {
    let object = json!({ "metadata": { "name": name } }).to_string();
    Seen::Object {
        kind: WatchKind::Added,
        object: wire::Object::from_json(object.into()),
        resource_version: "1".to_owned(),
    }
}

#[test]
fn what_a_new_list_does_not_have_is_gone() {
    let mut running = running();
    for seen in [Seen::Restarted, added("a"), added("b"), Seen::Synced] {
        running.see(seen);
    }
    assert_eq!(running.tally.in_sync(), 1);
    running.see(Seen::Restarted);
    assert_eq!(running.tally.in_sync(), 0);
    running.see(added("b"));
    running.see(Seen::Synced);
    assert_eq!(running.controller.0, ["see a", "see b", "see b", "gone a"]);
}

#[test]
fn what_has_failed_is_counted_and_waits() {
    struct Failing;
    impl Controller for Failing {
        fn see(&mut self, _: &str, _: Value, _: Nanos) -> bool {
            true
        }

        fn gone(&mut self, _: &str, _: Nanos) -> bool {
            false
        }

        fn work(&mut self, _: &str) -> Option<Work> {
            None
        }

        fn over(&mut self, _: &str, ended: Ended) -> bool {
            ended.error.is_some()
        }
    }
    let share = Share { index: 0, of: 1 };
    let mut running = Running::new(Failing, share, true, 1, Clock::start(), Arc::default());
    running.see(added("a"));
    let key = running.queue.take().unwrap();
    running.over(key, Ended { at: Nanos(1), error: Some(ErrorClass::Conflict) });
    assert!(running.queue.take().is_none() && running.queue.due().is_some());
    assert_eq!(running.tally.figures().into_keys().collect::<Vec<_>>(), ["retried-conflict"]);
}
