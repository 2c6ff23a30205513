//! The pods of one node: which there are, where each is in its life, and the status manager that reports them.
//!
//! Sends, one request at a time per node as the kubelet's status manager does (`status_manager.go`, `syncPod`): `GET pods/<pod>`,
//! then `PATCH pods/<pod>/status` with what differs, and once a deleted pod has ended `DELETE pods/<pod>` with grace period 0
//! and its uid as precondition. A failed request is tried again when any pod of the node changes, or at the next reconciliation,
//! every 10 s from the node's start.

mod life;
mod seen;
mod server;
mod status;

use std::{collections::VecDeque, net::Ipv4Addr, sync::Arc, time::Duration};

use k8s_pb::apimachinery::pkg::apis::meta::v1 as meta;
use measure::Nanos;
use serde_json::{Map, Value, json};
use wire::{Encoding, Request};

pub use self::seen::SeenPod;
use self::{life::Life, server::ServerPod};
use crate::{
    action::{Action, Answer, Call, Milestone, Now, PodSighting},
    addresses::PodAddresses,
    merge,
    node::Common,
};

const RECONCILE_EVERY: Duration = Duration::from_secs(10);

/// The pods of a node. Kubelets have at most a few hundred, so a scan is cheaper than an index.
#[derive(Debug, Default)]
pub(crate) struct Pods {
    lives: Vec<Life>,
    /// Pods whose status may differ from the server's, each at most once.
    queue: VecDeque<Arc<str>>,
    /// The status manager is waiting for an answer.
    busy: bool,
    /// When the node started: reconciliations are whole periods later.
    started: Nanos,
    /// The next reconciliation, while it would have something to do.
    reconcile_at: Option<Nanos>,
}

impl Pods {
    pub(crate) fn start(&mut self, now: Now) {
        self.started = now.at;
    }

    pub(crate) fn deadline(&self) -> Option<Nanos> {
        self.lives.iter().filter_map(Life::deadline).chain(self.reconcile_at).min()
    }

    pub(crate) fn on_sighting(
        &mut self,
        common: &mut Common,
        now: Now,
        sighting: PodSighting,
        addresses: &mut PodAddresses,
        out: &mut Vec<Action>,
    ) {
        match sighting {
            PodSighting::ListBegins => self.lives.iter_mut().for_each(|pod| pod.listed = false),
            PodSighting::ListEnds => {
                let missed = self.lives.iter().filter(|pod| !pod.listed).map(|pod| pod.uid().clone());
                for uid in missed.collect::<Vec<_>>() {
                    self.gone(common, now, &uid, addresses, out);
                }
            }
            PodSighting::Seen(seen) => self.seen(common, now, *seen, addresses, out),
            PodSighting::Gone { uid } => self.gone(common, now, &uid, addresses, out),
        }
        self.advance(now, out);
    }

    fn seen(
        &mut self,
        common: &mut Common,
        now: Now,
        seen: SeenPod,
        addresses: &mut PodAddresses,
        out: &mut Vec<Action>,
    ) {
        let uid = seen.uid.clone();
        if let Some(pod) = self.lives.iter_mut().find(|pod| *pod.uid() == uid) {
            pod.listed = true;
            let news = pod.update(common, now, &seen);
            if pod.contradicted {
                self.reconcile_later(now);
            }
            if !news {
                return;
            }
        } else {
            // A pod that had already ended when this kubelet first saw it has nothing left to do on this node.
            let Some(pod) = Life::begin(common, now, seen) else { return };
            if let Some(address) = pod.address() {
                addresses.claim(address);
                out.push(Action::Reached(Milestone::PodAdopted));
            }
            self.lives.push(pod);
        }
        self.enqueue(&uid);
    }

    fn gone(
        &mut self,
        common: &mut Common,
        now: Now,
        uid: &Arc<str>,
        addresses: &mut PodAddresses,
        out: &mut Vec<Action>,
    ) {
        let Some(index) = self.lives.iter().position(|pod| pod.uid() == uid) else { return };
        // Deleted by force while it ran: the containers are still to be stopped, and the status manager will look for the pod
        // in vain. In every other case this is the end.
        if self.lives[index].removed_by_force(common, now) {
            self.enqueue(uid);
            return;
        }
        let pod = self.lives.swap_remove(index);
        release(&pod, addresses);
        out.push(Action::Reached(Milestone::PodGone));
    }

    pub(crate) fn on_deadline(
        &mut self,
        common: &mut Common,
        now: Now,
        addresses: &mut PodAddresses,
        out: &mut Vec<Action>,
    ) {
        let mut changed = Vec::new();
        for pod in self.lives.iter_mut().filter(|pod| pod.deadline().is_some_and(|at| at <= now.at)) {
            pod.on_deadline(common, now, addresses);
            changed.push(pod.uid().clone());
        }
        for uid in &changed {
            self.enqueue(uid);
        }
        if self.reconcile_at.is_some_and(|at| at <= now.at) {
            self.reconcile_at = None;
            self.lives.iter_mut().for_each(Life::reconcile);
            let unsynced = self.lives.iter().filter(|pod| pod.wants_sync()).map(|pod| pod.uid().clone());
            unsynced.collect::<Vec<_>>().iter().for_each(|uid| self.enqueue_one(uid));
        }
        self.lives.retain(|pod| {
            let over = pod.is_over();
            if over {
                release(pod, addresses);
                out.push(Action::Reached(Milestone::PodGone));
            }
            !over
        });
        self.advance(now, out);
    }

    pub(crate) fn on_answer(
        &mut self,
        common: &Common,
        now: Now,
        call: &Call,
        answer: &Answer,
        out: &mut Vec<Action>,
    ) {
        self.busy = false;
        let (Call::GetPod(uid) | Call::PatchPodStatus(uid) | Call::DeletePod(uid)) = call else { return };
        if let Some(pod) = self.lives.iter_mut().find(|pod| pod.uid() == uid) {
            match call {
                Call::GetPod(_) if let Some(server) = answer.object::<ServerPod>() => {
                    if server.uid() == &**uid {
                        self.busy =
                            send_patch(pod, common.address, &server, now, out) || send_delete(pod, now, out);
                    } else {
                        pod.deleted = true;
                    }
                }
                Call::PatchPodStatus(_) if answer.is_success() => {
                    if pod.acknowledge() {
                        out.push(Action::Reached(Milestone::PodRunning));
                    }
                    self.busy = send_delete(pod, now, out);
                }
                Call::DeletePod(_) if answer.is_success() => pod.deleted = true,
                _ => {
                    pod.fail();
                    self.reconcile_later(now);
                }
            }
        }
        self.advance(now, out);
    }

    /// Plans the next reconciliation: there is something for it to do.
    fn reconcile_later(&mut self, now: Now) {
        let period = Nanos::from(RECONCILE_EVERY).0;
        let ticks = Nanos::from(now.at.since(self.started)).0 / period;
        self.reconcile_at = Some(Nanos(self.started.0 + (ticks + 1) * period));
    }

    /// A pod has changed. The status manager then looks at every pod it is behind with (`syncBatch`).
    fn enqueue(&mut self, uid: &Arc<str>) {
        self.enqueue_one(uid);
        let failed = self.lives.iter().filter(|pod| pod.has_failed()).map(|pod| pod.uid().clone());
        failed.collect::<Vec<_>>().iter().for_each(|uid| self.enqueue_one(uid));
    }

    fn enqueue_one(&mut self, uid: &Arc<str>) {
        if !self.queue.contains(uid) {
            self.queue.push_back(uid.clone());
        }
    }

    /// Starts on the next pod in the queue if nothing is under way.
    fn advance(&mut self, now: Now, out: &mut Vec<Action>) {
        while !self.busy {
            let Some(uid) = self.queue.pop_front() else { return };
            let Some(pod) = self.lives.iter_mut().find(|pod| *pod.uid() == uid) else { continue };
            pod.take_up();
            if !pod.wants_sync() {
                continue;
            }
            self.busy = true;
            let request = Request::get(pod_path(pod));
            out.push(Action::Send { call: Call::GetPod(uid), request, intended: now.at });
        }
    }
}

fn release(pod: &Life, addresses: &mut PodAddresses) {
    if let Some(address) = pod.address() {
        addresses.release(address);
    }
}

fn pod_path(pod: &Life) -> String {
    format!("/api/v1/namespaces/{}/pods/{}", pod.namespace(), pod.name())
}

/// Sends what differs between the status the server has and the one it should have; nothing when they are equal.
fn send_patch(pod: &mut Life, host: Ipv4Addr, server: &ServerPod, now: Now, out: &mut Vec<Action>) -> bool {
    let (old, new) = pod.statuses(host, server);
    let changes: Map<String, Value> = merge::diff(&old, &new);
    if changes.is_empty() {
        pod.acknowledge();
        return false;
    }
    let body = json!({ "metadata": { "uid": &**pod.uid() }, "status": changes });
    let request = Request::patch_strategic(format!("{}/status", pod_path(pod)), body.to_string());
    pod.sending();
    out.push(Action::Send { call: Call::PatchPodStatus(pod.uid().clone()), request, intended: now.at });
    true
}

fn send_delete(pod: &Life, now: Now, out: &mut Vec<Action>) -> bool {
    if !pod.can_be_deleted() {
        return false;
    }
    let options = meta::DeleteOptions {
        grace_period_seconds: Some(0),
        preconditions: Some(meta::Preconditions { uid: Some(pod.uid().to_string()), resource_version: None }),
        ..Default::default()
    };
    let mut request = Request::delete(pod_path(pod));
    request.body = wire::protobuf::encode("v1", "DeleteOptions", &options);
    request.content = Encoding::Protobuf;
    out.push(Action::Send { call: Call::DeletePod(pod.uid().clone()), request, intended: now.at });
    true
}
