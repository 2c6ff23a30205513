//! How a pod ends: by itself, because it is deleted, with or without grace, or because its kubelet ends it.

use super::{Life, Step, Surroundings};
use crate::{
    events::Severity,
    pods::{container::State, seen::Role, status::Verdict},
};

/// How a pod's end came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pods) enum Ending {
    /// It has not.
    No,
    /// Its containers have done their work, or its kubelet ended it: the end is reported, and the object stays.
    ByItself,
    /// The pod was deleted with grace: its end is reported, and then the object removed.
    Graceful,
    /// The pod was deleted without grace: there is nothing left on the server to report to.
    ByForce,
}

impl Life {
    /// The pod has to end: its worker is told.
    pub(super) fn stop(&mut self, around: &mut Surroundings<'_>, ending: Ending) {
        self.ending = ending;
        self.plan(around, Step::Terminate, |it| &it.admit);
    }

    /// Tells the containers to stop (`SyncTerminatingPod`).
    pub(super) fn terminate(&mut self, around: &mut Surroundings<'_>) {
        self.look = true;
        self.changed(around.now);
        for index in 0..self.containers.len() {
            if self.containers[index].now.is_running() {
                let message = format!("Stopping container {}", self.pod.containers[index].name);
                self.note(around, Some(index), Severity::Normal, "Killing", message);
            }
        }
        self.plan(around, Step::Stop, |it| &it.stop);
    }

    /// The kubelet ends the pod by itself: an eviction, or the node shuts down.
    pub(in crate::pods) fn end_because(&mut self, verdict: Verdict, around: &mut Surroundings<'_>) {
        if self.ending == Ending::No && !self.removed {
            self.verdict = Some(Box::new(verdict));
            self.stop(around, Ending::ByItself);
        }
    }

    /// The node is short of memory, and this pod has to go (`eviction/eviction_manager.go`, `evictPod`).
    pub(super) fn evict(&mut self, around: &mut Surroundings<'_>) {
        let message = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 98304Ki. ";
        if self.ending == Ending::No && !self.removed {
            self.note(around, None, Severity::Warning, "Evicted", message.to_owned());
        }
        let verdict = Verdict { reason: "Evicted", message: message.to_owned(), disrupts: true };
        self.end_because(verdict, around);
    }

    /// All containers have ended and none is started again: the kubelet stops the pod and cleans up.
    pub(super) fn complete(&mut self, around: &mut Surroundings<'_>) {
        self.ending = Ending::ByItself;
        self.plan(around, Step::RemoveCgroup, |it| &it.relist_again);
    }

    /// The pod is gone from the server. Returns whether its containers still have to be stopped.
    pub(in crate::pods) fn removed_by_force(&mut self, around: &mut Surroundings<'_>) -> bool {
        let runs = self.registered && !self.removed;
        if runs && self.ending == Ending::No {
            self.stop(around, Ending::ByForce);
        } else if runs {
            self.ending = Ending::ByForce;
        }
        runs
    }

    /// The containers have ended.
    pub(super) fn stopped(&mut self, around: &mut Surroundings<'_>) {
        for (container, spec) in self.containers.iter_mut().zip(&*self.pod.containers) {
            container.stop(around.now, spec);
            container.look();
        }
        // Containers that never ran have no end to report; such a pod is marked as failed when it is cleaned up.
        let main =
            self.pod.containers.iter().zip(&*self.containers).filter(|(spec, _)| spec.role == Role::Main);
        let ran = main.map(|(_, container)| container).any(|container| container.now.has_run());
        if ran || self.verdict.is_some() {
            self.finished = Some(around.now.wall);
        }
        self.sandbox_gone = true;
        self.changed(around.now);
        self.look = true;
        self.plan(around, Step::Remove, |it| &it.remove);
    }

    /// A pod that ended by itself loses its cgroup before its end is told, and that shows.
    pub(super) fn remove_cgroup(&mut self, around: &mut Surroundings<'_>) {
        if self.pod.requests.is_in_cgroup() {
            self.without_cgroup = true;
            self.changed(around.now);
        }
        self.plan(around, Step::Finish, |it| &it.start);
    }

    pub(super) fn finish(&mut self, around: &mut Surroundings<'_>) {
        self.finished = Some(around.now.wall);
        self.sandbox_gone = true;
        self.changed(around.now);
        self.plan(around, Step::Remove, |it| &it.remove);
    }

    /// Nothing of it is left on the node (`SyncTerminatedPod`).
    pub(super) fn remove(&mut self, around: &mut Surroundings<'_>) {
        if self.finished.is_none() {
            self.give_up_containers();
        }
        self.finished = self.finished.or(Some(around.now.wall));
        if self.pod.requests.is_in_cgroup() {
            self.without_cgroup = true;
        }
        self.removed = true;
        self.unregister(around);
        self.changed(around.now);
        self.look = true;
    }

    /// Containers that never ran are called failed, once those before them have done their work (`TerminatePod`).
    fn give_up_containers(&mut self) {
        let init =
            self.pod.containers.iter().zip(&*self.containers).filter(|(spec, _)| spec.role == Role::Init);
        if init.into_iter().any(|(_, container)| !container.now.has_succeeded()) {
            return;
        }
        for (container, spec) in self.containers.iter_mut().zip(&*self.pod.containers) {
            if container.now.state == State::Waiting && spec.role == Role::Main {
                container.now.state = State::NeverRan;
                container.seen.state = State::NeverRan;
            }
        }
    }

    /// The kubelet deletes the object when the pod is being deleted, the server knows its terminal phase, and nothing of it is
    /// left on the node (`status_manager.go`, `canBeDeleted`). Nodes that do not tell phases do not tell that one either.
    pub(in crate::pods) fn can_be_deleted(&self, phases: bool) -> bool {
        let may_go = self.pod.deleting && self.removed && (self.told_end || !phases);
        may_go && !self.deleted && self.ending != Ending::ByForce
    }

    /// Nobody asks for the pod any more.
    pub(in crate::pods) fn forget(&mut self, around: &mut Surroundings<'_>) {
        self.unregister(around);
    }

    /// A pod deleted by force ends when its containers have been stopped and cleaned up.
    pub(in crate::pods) fn is_over(&self) -> bool {
        self.ending == Ending::ByForce && self.removed
    }
}
