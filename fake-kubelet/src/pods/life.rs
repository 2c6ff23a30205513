//! One pod's life on its node, from being seen to being gone.
//!
//! Phases a kubelet reports: Pending with the containers being created, the sandbox ready, Running; after a deletion the new
//! generation observed, then the terminal phase, and when everything is cleaned up the final DELETE. A status is a function of
//! the pod and a [`View`] of how far it has come, so only views are kept: what the server has, and what it should have.

use std::{net::Ipv4Addr, ops::Range, sync::Arc, time::Duration};

use measure::Nanos;
use serde_json::{Map, Value};

use super::{
    seen::SeenPod,
    server::{ServerPod, merged, with_conditions},
    status::{Place, conditions, status},
};
use crate::{
    action::Now,
    addresses::PodAddresses,
    node::{Common, Latencies},
};

/// How long a pod waits before it asks again for an address when the pool is empty.
const ADDRESS_RETRY: Duration = Duration::from_secs(1);

/// How far a pod has come, with the moments a status mentions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct View {
    pub(super) generation: i64,
    pub(super) started: jiff::Timestamp,
    pub(super) sandbox_ready: Option<jiff::Timestamp>,
    pub(super) running: Option<jiff::Timestamp>,
    pub(super) finished: Option<jiff::Timestamp>,
    /// Everything on the node is cleaned up.
    pub(super) removed: bool,
}

/// What the node does next with a pod, at the life's deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    MakeSandbox,
    StartContainers,
    StopContainers,
    Remove,
}

/// How a pod's end came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// It has not.
    No,
    /// The pod was deleted with grace: its end is reported, and then the object removed.
    Graceful,
    /// The pod was deleted without grace: there is nothing left on the server to report to.
    ByForce,
}

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "facts about one pod that do not depend on each other")]
pub(super) struct Life {
    pod: SeenPod,
    address: Option<Ipv4Addr>,
    next: Option<(Nanos, Step)>,
    /// What the server has; nothing of ours before the first PATCH.
    acknowledged: Option<View>,
    current: View,
    /// The view in the PATCH that is under way.
    sent: Option<View>,
    /// A look at the server is owed although nothing may differ, as after an adoption or a deletion.
    look: bool,
    /// Somebody else has changed what this node reports; the next reconciliation looks.
    pub(super) contradicted: bool,
    /// The last request for it failed; it is tried again with the next change of any pod, or at the next reconciliation.
    failed: bool,
    ending: Ending,
    /// Our DELETE was accepted, or the name belongs to another pod now: nothing more is sent.
    pub(super) deleted: bool,
    /// Seen since the watch last began a list.
    pub(super) listed: bool,
}

impl Life {
    /// A pod that this process of the node sees for the first time: newly bound, or left by an earlier process. `None` when it
    /// has already ended and is not being deleted.
    pub(super) fn begin(common: &mut Common, now: Now, pod: SeenPod) -> Option<Self> {
        let ended = pod.has_ended();
        if ended && !pod.deleting {
            return None;
        }
        let reported = pod.reported;
        let running = reported.and_then(|reported| reported.running);
        let current = View {
            generation: pod.generation,
            started: reported.map_or(now.wall, |reported| reported.started),
            sandbox_ready: running,
            running,
            finished: ended.then_some(now.wall),
            removed: ended,
        };
        let acknowledged = match reported {
            _ if ended => Some(current),
            Some(reported) => Some(View { generation: reported.generation, ..current }),
            None => None,
        };
        let mut life = Self {
            address: reported.and_then(|reported| reported.address),
            next: None,
            acknowledged,
            current,
            sent: None,
            look: true,
            contradicted: false,
            failed: false,
            ending: Ending::No,
            deleted: false,
            listed: true,
            pod,
        };
        if life.pod.deleting && !ended {
            life.stop(common, now, Ending::Graceful);
        } else if !ended && running.is_none() {
            life.plan(common, now, Step::MakeSandbox, |latencies| &latencies.sandbox);
        }
        Some(life)
    }

    pub(super) fn uid(&self) -> &Arc<str> {
        &self.pod.uid
    }

    pub(super) fn namespace(&self) -> &str {
        &self.pod.namespace
    }

    pub(super) fn name(&self) -> &str {
        &self.pod.name
    }

    pub(super) fn address(&self) -> Option<Ipv4Addr> {
        self.address
    }

    pub(super) fn deadline(&self) -> Option<Nanos> {
        self.next.map(|(at, _)| at)
    }

    /// The watch shows the pod again. Returns whether the node has something new to report.
    pub(super) fn update(&mut self, common: &mut Common, now: Now, seen: &SeenPod) -> bool {
        let observed = seen.generation > self.current.generation;
        if observed {
            self.current.generation = seen.generation;
        }
        let stops = seen.deleting && self.ending == Ending::No && !self.current.removed;
        if stops {
            self.stop(common, now, Ending::Graceful);
        }
        self.pod.deleting |= seen.deleting;
        self.contradicted = seen.denied && self.ending == Ending::No;
        observed || stops
    }

    fn stop(&mut self, common: &mut Common, now: Now, ending: Ending) {
        self.ending = ending;
        self.look = true;
        self.plan(common, now, Step::StopContainers, |latencies| &latencies.stop);
    }

    fn plan(
        &mut self,
        common: &mut Common,
        now: Now,
        step: Step,
        takes: impl Fn(&Latencies) -> &Range<Duration>,
    ) {
        let spec = common.spec.clone();
        self.next = Some((now.at + common.draw(takes(&spec.latencies)), step));
    }

    /// The pod is gone from the server. Returns whether its containers still have to be stopped.
    pub(super) fn removed_by_force(&mut self, common: &mut Common, now: Now) -> bool {
        let runs = self.ending == Ending::No && !self.current.removed;
        if runs {
            self.stop(common, now, Ending::ByForce);
        }
        runs
    }

    pub(super) fn on_deadline(&mut self, common: &mut Common, now: Now, addresses: &mut PodAddresses) {
        let Some((_, step)) = self.next.take() else { return };
        match step {
            Step::MakeSandbox => {
                self.address = self.address.or_else(|| addresses.take());
                if self.address.is_none() {
                    self.next = Some((now.at + ADDRESS_RETRY, Step::MakeSandbox));
                    return;
                }
                self.current.sandbox_ready = Some(now.wall);
                self.plan(common, now, Step::StartContainers, |latencies| &latencies.start);
            }
            Step::StartContainers => self.current.running = Some(now.wall),
            Step::StopContainers => {
                // Containers that never ran have no end to report; such a pod is marked as failed when it is cleaned up.
                if self.current.running.is_some() {
                    self.current.finished = Some(now.wall);
                }
                self.look = true;
                self.plan(common, now, Step::Remove, |latencies| &latencies.remove);
            }
            Step::Remove => {
                self.current.finished = self.current.finished.or(Some(now.wall));
                self.current.removed = true;
                self.look = true;
            }
        }
    }

    /// Reconciliation: a pod whose status somebody else has changed is looked at.
    pub(super) fn reconcile(&mut self) {
        self.look |= std::mem::take(&mut self.contradicted);
    }

    /// Whether the status manager should look at the pod.
    pub(super) fn wants_sync(&self) -> bool {
        !self.deleted && (self.look || self.acknowledged != Some(self.current) || self.can_be_deleted())
    }

    /// The status the server has and the one it should have.
    pub(super) fn statuses(
        &self,
        host: Ipv4Addr,
        server: &ServerPod,
    ) -> (Map<String, Value>, Map<String, Value>) {
        let place = Place { host, pod: self.address };
        let server = server.conditions();
        // Of a pod that has been cleaned up and reported there is nothing left to say, whoever reported it.
        let settled = self.current.removed && self.acknowledged == Some(self.current);
        let own =
            if settled { server.clone() } else { merged(&server, conditions(&self.pod, &self.current)) };
        let old = self.acknowledged.map(|view| status(&self.pod, &view, place)).unwrap_or_default();
        let new = status(&self.pod, &self.current, place);
        (with_conditions(old, server), with_conditions(new, own))
    }

    /// A PATCH with the current view is on its way.
    pub(super) fn sending(&mut self) {
        self.sent = Some(self.current);
    }

    /// The server has what was sent, or had it already. Returns whether it has thereby learnt that the pod runs.
    pub(super) fn acknowledge(&mut self) -> bool {
        let sent = self.sent.take().unwrap_or(self.current);
        let runs = |view: View| view.running.is_some() && view.finished.is_none();
        let news = runs(sent) && !self.acknowledged.is_some_and(runs);
        self.acknowledged = Some(sent);
        self.look = false;
        news
    }

    /// The request under way failed.
    pub(super) fn fail(&mut self) {
        self.sent = None;
        self.failed = true;
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    /// The status manager turns to the pod.
    pub(super) fn take_up(&mut self) {
        self.failed = false;
    }

    /// The kubelet deletes the object when the pod is being deleted, the server knows its terminal phase, and nothing of it is
    /// left on the node (`status_manager.go`, `canBeDeleted`).
    pub(super) fn can_be_deleted(&self) -> bool {
        let terminal = self.acknowledged.is_some_and(|view| view.finished.is_some());
        self.pod.deleting
            && self.current.removed
            && terminal
            && !self.deleted
            && self.ending != Ending::ByForce
    }

    /// A pod deleted by force ends when its containers have been stopped and cleaned up.
    pub(super) fn is_over(&self) -> bool {
        self.ending == Ending::ByForce && self.current.removed
    }
}
