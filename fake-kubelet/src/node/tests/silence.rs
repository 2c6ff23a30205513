//! A node is cut off, and comes back.

use std::time::Duration;

use serde_json::json;
use wire::Step;

use super::{
    driver::{Driver, LIFE_ONLY, millis, pod, seconds},
    server::Server,
};
use crate::{Action, Class, Event, Milestone, Now};

const PUT: &str = "PUT leases/vm?timeout=10s";

/// A node that watches its Node and has a lease. The time is 15 s, and nothing is under way.
fn living() -> Driver {
    let mut driver = Driver::sending(LIFE_ONLY.with(Class::NodeWatches), Server::default(), 1);
    driver.start();
    driver.run_until(seconds(15));
    assert!(driver.server.lease.is_some());
    driver.forget();
    driver
}

/// The same with a pod `j` that has just begun to run, for two seconds.
fn with_job() -> Driver {
    let mut driver = living();
    let mut job = pod("j");
    job.spec.as_mut().unwrap().restart_policy = Some("Never".to_owned());
    driver.bind(&job);
    driver.run_for(millis(500));
    assert_eq!(driver.server.pods["j"].status["phase"], "Running");
    driver.forget();
    driver
}

fn count(driver: &Driver, milestone: Milestone) -> usize {
    driver.milestones.iter().filter(|it| **it == milestone).count()
}

#[test]
fn a_node_that_is_cut_off_sends_nothing_while_its_pods_go_on() {
    let mut driver = with_job();
    let watched = driver.watched.len();
    driver.happen(Event::Silence);
    assert!(driver.cut_off, "its connections are closed");
    driver.run_for(seconds(600));
    assert_eq!(driver.milestones, []);
    assert_eq!(driver.watched.len(), watched);
    driver.check(&[]);
    assert_eq!(driver.server.pods["j"].status["phase"], "Running", "nobody has told");

    driver.happen(Event::Resume);
    driver.run_for(seconds(1));
    assert_eq!(driver.server.pods["j"].status["phase"], "Succeeded");
}

#[test]
fn back_in_contact_it_renews_its_lease_reports_lists_and_tells_of_its_pods() {
    let mut driver = with_job();
    driver.happen(Event::Silence);
    driver.run_for(seconds(20));
    let now = Now { at: driver.now.into(), wall: driver.wall() };
    let mut out = Vec::new();
    driver.node.step(now, Event::Resume, &mut driver.addresses, &mut out);
    let done = |action: &Action| match action {
        Action::Send { call, .. } => format!("{call:?}"),
        Action::Rewatch { watched, first: Step::Rewatch, .. } => format!("watch {watched:?}"),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        out.iter().map(done).collect::<Vec<_>>(),
        [
            "RenewLease",
            "PatchNodeStatus",
            "watch Node",
            "watch Services",
            "watch CsiDrivers",
            "watch RuntimeClasses",
            "watch Pods",
            r#"GetPod("uid-of-j")"#,
        ]
    );
}

#[test]
fn nothing_changes_for_a_node_that_was_not_cut_off() {
    let mut driver = living();
    driver.happen(Event::Resume);
    driver.check(&[]);
}

#[test]
fn it_says_how_long_it_had_been_silent_when_it_was_written_off() {
    let mut driver = living();
    driver.happen(Event::Silence);
    driver.run_for(seconds(50));
    driver.write_off();
    driver.run_for(seconds(10));
    assert_eq!(driver.milestones, [], "it cannot know");
    driver.happen(Event::Resume);
    driver.run_for(seconds(1));
    // Conditions carry whole seconds, and the silence began 566 ms into one.
    let detected = Milestone::NodeWrittenOff(Some(millis(49_434)));
    assert_eq!(driver.milestones, [detected]);
    driver.run_for(seconds(11));
    assert_eq!(driver.server.node_condition("Ready"), "True");
    assert_eq!(count(&driver, detected), 1, "the report's answer and the watch show the same");
}

#[test]
fn the_process_that_follows_a_loss_of_power_says_so_too() {
    let mut driver = living();
    driver.lose_power();
    driver.run_for(seconds(50));
    driver.write_off();
    driver.run_for(seconds(10));
    driver.check(&[]);
    driver.start();
    driver.run_for(seconds(2));
    assert_eq!(count(&driver, Milestone::NodeWrittenOff(Some(millis(49_434)))), 1);
    assert_eq!(driver.server.node_condition("Ready"), "True");
}

#[test]
fn a_node_that_is_written_off_while_it_is_heard_is_a_false_alarm() {
    let mut driver = living();
    driver.write_off();
    driver.run_for(seconds(12));
    assert_eq!(driver.milestones, [Milestone::NodeWrittenOff(None)]);
    // That it has been silent once is no excuse for ever.
    driver.happen(Event::Silence);
    driver.run_for(seconds(5));
    driver.happen(Event::Resume);
    driver.run_for(seconds(20));
    driver.write_off();
    driver.run_for(seconds(1));
    assert_eq!(driver.milestones, [Milestone::NodeWrittenOff(None); 2]);
}

/// A node that is heard again at this time, having been silent since 15 s; and when its watches came back.
fn heard_again_at(at: u64) -> (Driver, Vec<(Duration, Step)>) {
    let mut driver = living();
    driver.happen(Event::Silence);
    driver.run_until(seconds(at));
    driver.happen(Event::Resume);
    assert_eq!(driver.times_of(PUT), [at * 1000], "the lease does not wait");
    driver.run_until(seconds(at + 5));
    let rewatched = std::mem::take(&mut driver.rewatched);
    assert_eq!(rewatched.len(), 5, "{rewatched:?}");
    (driver, rewatched)
}

#[test]
fn watches_go_on_as_far_as_their_reflectors_have_come_with_the_loss_of_the_connection() {
    // It is found dead after 45 s. 0.8-1.6 s later comes a WatchList that dials for 30 s, a LIST that dials for 30 s, and then a
    // pause of 1.6-3.2 s; and so on.
    for (at, step) in [
        (59, Step::Rewatch),
        (62, Step::WatchList),
        (90, Step::WatchList),
        (92, Step::List),
        (120, Step::List),
    ] {
        let (_, rewatched) = heard_again_at(at);
        assert_eq!(rewatched, [(seconds(at), step); 5]);
    }
}

#[test]
fn watches_wait_for_the_end_of_their_reflectors_pauses() {
    let (mut driver, rewatched) = heard_again_at(122);
    let ends = millis(122_400)..millis(124_800);
    assert!(
        rewatched.iter().all(|(at, step)| ends.contains(at) && *step == Step::WatchList),
        "{rewatched:?}"
    );
    assert!(
        rewatched.iter().any(|(at, _)| *at != rewatched[0].0),
        "each has a pause of its own: {rewatched:?}"
    );
    // The pods are watched too: a new one runs.
    driver.bind(&pod("p"));
    driver.run_for(seconds(2));
    assert_eq!(count(&driver, Milestone::PodRunning), 1);
    // After two minutes pauses are short again: the next ends at 183.2-186.4 s.
    let (_, rewatched) = heard_again_at(187);
    assert_eq!(rewatched, [(seconds(187), Step::WatchList); 5]);
}

#[test]
fn pods_that_were_deleted_meanwhile_end() {
    let mut driver = living();
    driver.bind(&pod("p"));
    driver.bind(&pod("q"));
    driver.run_for(seconds(5));
    driver.happen(Event::Silence);
    driver.run_for(seconds(10));
    driver.delete("p");
    driver.delete_by_force("q");
    driver.forget();
    driver.run_for(seconds(10));
    driver.happen(Event::Resume);
    driver.run_for(seconds(30));
    assert!(driver.server.pods.is_empty());
    assert_eq!(count(&driver, Milestone::PodGone), 2);
    driver.check_of("DELETE", &["DELETE pods/p"]);
}

#[test]
fn a_pod_that_the_taint_manager_deletes_is_counted_once() {
    let mut driver = living();
    driver.bind(&pod("p"));
    driver.run_for(seconds(5));
    let condition =
        json!({ "type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager" });
    driver.server.patch_pod("p", json!({ "conditions": [condition] }));
    driver.deliver_events();
    driver.run_for(millis(100));
    assert_eq!(count(&driver, Milestone::PodTaintEvicted), 0, "it is not deleted yet");
    driver.delete("p");
    driver.run_for(seconds(10));
    assert_eq!(count(&driver, Milestone::PodTaintEvicted), 1);
    assert_eq!(count(&driver, Milestone::PodGone), 1);
}

#[test]
fn that_a_lease_is_not_renewed_in_silence_is_nobodys_fault() {
    let mut driver = living();
    driver.run_for(seconds(30));
    driver.happen(Event::Silence);
    driver.run_for(seconds(100));
    let gap = |driver: &mut Driver| driver.node.take_longest_lease_gap(driver.now.into());
    assert!(gap(&mut driver) < seconds(11));
    driver.happen(Event::Resume);
    driver.run_for(seconds(30));
    assert!(gap(&mut driver) < seconds(11));
    assert_eq!(count(&driver, Milestone::LeaseMissed), 0);
}
