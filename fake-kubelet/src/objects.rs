//! Secrets and config maps that the pods of a node use: one watch for each, for as long as a pod needs it.
//!
//! Follows `util/manager/watch_based_manager.go` and `cache_based_manager.go`: references are counted over pods; the watch begins
//! with the first pod and ends with the last. An object that cannot change is not watched further once it was seen. One that
//! nothing has read for five minutes, because it is only in the environment of containers, is not watched either until it is
//! read again; what is mounted is read at every sync of its pod. Such a watch lasts 30 to 60 minutes.

use std::time::Duration;

use measure::Nanos;
use wire::WatchSpec;

use crate::action::{Action, Now, ObjectKind, ObjectName, Watched};

const IDLE_AFTER: Duration = Duration::from_mins(5);
/// How often idle ones are looked for (`startRecycleIdleWatch`).
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// The objects of one node. There are few, so a scan is cheaper than an index.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    used: Vec<Used>,
}

#[derive(Debug)]
struct Used {
    name: ObjectName,
    /// Pods that use it.
    pods: usize,
    /// Pods that have it mounted.
    mounts: usize,
    watched: bool,
    /// The watch has shown it.
    seen: bool,
    immutable: bool,
    last_read: Nanos,
}

impl Objects {
    /// A pod uses this from now on.
    pub(crate) fn acquire(&mut self, name: &ObjectName, mounted: bool, now: Now, out: &mut Vec<Action>) {
        if let Some(used) = self.used.iter_mut().find(|used| used.name == *name) {
            used.pods += 1;
            used.mounts += usize::from(mounted);
            used.read(now, out);
            return;
        }
        let mut used = Used {
            name: name.clone(),
            pods: 1,
            mounts: usize::from(mounted),
            watched: false,
            seen: false,
            immutable: false,
            last_read: now.at,
        };
        used.read(now, out);
        self.used.push(used);
    }

    /// A pod is done with it.
    pub(crate) fn release(&mut self, name: &ObjectName, mounted: bool, out: &mut Vec<Action>) {
        let Some(index) = self.used.iter().position(|used| used.name == *name) else { return };
        let used = &mut self.used[index];
        used.pods -= 1;
        used.mounts -= usize::from(mounted);
        if used.pods == 0 {
            self.used.swap_remove(index).unwatch(out);
        }
    }

    /// A container is about to start: its environment is read.
    pub(crate) fn read(&mut self, name: &ObjectName, now: Now, out: &mut Vec<Action>) {
        if let Some(used) = self.used.iter_mut().find(|used| used.name == *name) {
            used.read(now, out);
        }
    }

    /// The watch has shown it.
    pub(crate) fn seen(&mut self, name: &ObjectName, immutable: bool, out: &mut Vec<Action>) {
        let Some(used) = self.used.iter_mut().find(|used| used.name == *name) else { return };
        used.seen = true;
        used.immutable = immutable;
        if immutable {
            used.unwatch(out);
        }
    }

    /// Whether it is there to be mounted.
    pub(crate) fn is_known(&self, name: &ObjectName) -> bool {
        self.used.iter().any(|used| used.name == *name && used.seen)
    }

    /// Every watch that has begun and not ended.
    pub(crate) fn open(&self, out: &mut Vec<Action>) {
        out.extend(self.used.iter().filter(|used| used.watched).map(Used::watch));
    }

    pub(crate) fn deadline(&self) -> Option<Nanos> {
        let idle = self.used.iter().filter(|used| used.can_idle());
        idle.map(|used| used.last_read + IDLE_AFTER + LOOK_EVERY / 2).min()
    }

    pub(crate) fn on_deadline(&mut self, now: Now, out: &mut Vec<Action>) {
        for used in self.used.iter_mut().filter(|used| used.can_idle()) {
            if now.at.since(used.last_read) > IDLE_AFTER {
                used.unwatch(out);
            }
        }
    }
}

impl Used {
    fn can_idle(&self) -> bool {
        self.watched && self.mounts == 0
    }

    fn read(&mut self, now: Now, out: &mut Vec<Action>) {
        self.last_read = now.at;
        let settled = self.immutable && self.seen;
        if !self.watched && !settled {
            self.watched = true;
            out.push(self.watch());
        }
    }

    fn watch(&self) -> Action {
        Action::Watch { watched: Watched::Object(self.name.clone()), spec: spec(&self.name) }
    }

    fn unwatch(&mut self, out: &mut Vec<Action>) {
        if self.watched {
            self.watched = false;
            out.push(Action::Unwatch(Watched::Object(self.name.clone())));
        }
    }
}

fn spec(name: &ObjectName) -> WatchSpec {
    let kind = match name.kind {
        ObjectKind::ConfigMap => "configmaps",
        ObjectKind::Secret => "secrets",
    };
    WatchSpec::new(format!("/api/v1/namespaces/{}/{kind}", name.namespace))
        .field_selector(format!("metadata.name={}", name.name))
        .timeout(Duration::from_mins(30)..Duration::from_hours(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(kind: ObjectKind, name: &str) -> ObjectName {
        ObjectName { kind, namespace: "default".into(), name: name.into() }
    }

    fn at(seconds: u64) -> Now {
        Now { at: Nanos::from(Duration::from_secs(seconds)), wall: jiff::Timestamp::UNIX_EPOCH }
    }

    /// What was started (`+`) and ended (`-`).
    fn watches(out: &mut Vec<Action>) -> Vec<String> {
        let line = |action| match action {
            Action::Watch { watched: Watched::Object(object), spec } => {
                assert!(spec.field_selector.unwrap().ends_with(&*object.name));
                format!("+{}", object.name)
            }
            Action::Unwatch(Watched::Object(object)) => format!("-{}", object.name),
            other => panic!("{other:?}"),
        };
        out.drain(..).map(line).collect()
    }

    #[test]
    fn a_watch_lasts_from_the_first_pod_to_the_last() {
        let (mut objects, mut out) = (Objects::default(), Vec::new());
        let map = name(ObjectKind::ConfigMap, "m");
        objects.acquire(&map, true, at(0), &mut out);
        objects.acquire(&map, true, at(1), &mut out);
        assert_eq!(watches(&mut out), ["+m"]);
        objects.release(&map, true, &mut out);
        assert!(watches(&mut out).is_empty());
        objects.release(&map, true, &mut out);
        assert_eq!(watches(&mut out), ["-m"]);
        objects.acquire(&map, true, at(9), &mut out);
        assert_eq!(watches(&mut out), ["+m"]);
    }

    #[test]
    fn an_immutable_object_is_watched_until_it_is_seen() {
        let (mut objects, mut out) = (Objects::default(), Vec::new());
        let secret = name(ObjectKind::Secret, "s");
        objects.acquire(&secret, true, at(0), &mut out);
        objects.seen(&secret, true, &mut out);
        assert_eq!(watches(&mut out), ["+s", "-s"]);
        objects.acquire(&secret, true, at(1), &mut out);
        objects.release(&secret, true, &mut out);
        objects.release(&secret, true, &mut out);
        assert!(watches(&mut out).is_empty());
        assert!(!objects.is_known(&secret));
    }

    #[test]
    fn what_nothing_mounts_is_let_go_after_five_minutes_and_taken_up_when_it_is_read() {
        let (mut objects, mut out) = (Objects::default(), Vec::new());
        let (mounted, environment) = (name(ObjectKind::Secret, "s"), name(ObjectKind::ConfigMap, "m"));
        objects.acquire(&mounted, true, at(0), &mut out);
        objects.acquire(&environment, false, at(0), &mut out);
        watches(&mut out);
        let due = Duration::from(objects.deadline().unwrap());
        assert_eq!(due, Duration::from_secs(330));
        objects.on_deadline(at(330), &mut out);
        assert_eq!(watches(&mut out), ["-m"]);
        assert_eq!(objects.deadline(), None);
        objects.read(&environment, at(400), &mut out);
        assert_eq!(watches(&mut out), ["+m"]);
    }
}
