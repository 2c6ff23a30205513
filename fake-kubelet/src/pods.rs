//! The pods of one node: which there are, where each is in its life, and the status manager that reports them.
//!
//! Sends, one request at a time per node as the kubelet's status manager does (`status_manager.go`, `syncPod`): `GET pods/<pod>`,
//! then `PATCH pods/<pod>/status` with what differs, and once a deleted pod has ended `DELETE pods/<pod>` with grace period 0
//! and its uid as precondition. A failed request is tried again when any pod of the node changes, or at the next reconciliation,
//! every 10 s from the node's start.

mod behaviour;
mod conditions;
mod container;
mod life;
mod news;
mod quantity;
mod resources;
mod room;
mod seen;
mod server;
mod snapshot;
mod status;
mod uses;

use std::{collections::VecDeque, net::Ipv4Addr, sync::Arc, time::Duration};

use k8s_pb::apimachinery::pkg::apis::meta::v1 as meta;
use measure::Nanos;
use wire::{Encoding, Request};

pub use self::{
    behaviour::Behaviour,
    news::PodNews,
    resources::{Requests, Resources},
    seen::{Mount, Probe, Reported, RestartPolicy, Role, SeenContainer, SeenPod},
    uses::{UsedObject, VolumeToken},
};
use self::{
    life::{Life, Surroundings},
    room::Room,
    server::ServerPod,
    status::Verdict,
};
use crate::{
    action::{Action, Answer, Call, Milestone, Now, ObjectName, PodSighting},
    addresses::PodAddresses,
    classes::Class,
    json::{Fields, Json},
    merge,
    node::Common,
    objects::Objects,
};

const RECONCILE_EVERY: Duration = Duration::from_secs(10);

/// The pods of a node. Kubelets have at most a few hundred, so a scan is cheaper than an index.
#[derive(Debug, Default)]
pub(crate) struct Pods {
    lives: Vec<Life>,
    objects: Objects,
    /// Pods whose status may differ from the server's, each at most once.
    queue: VecDeque<Arc<str>>,
    /// The status manager is waiting for an answer.
    busy: bool,
    /// When the node started: reconciliations are whole periods later.
    started: Nanos,
    /// The next reconciliation, while it would have something to do.
    reconcile_at: Option<Nanos>,
}

/// What a node lends its pods for a step.
pub(crate) struct Lent<'a> {
    pub(crate) common: &'a mut Common,
    pub(crate) now: Now,
    pub(crate) addresses: &'a mut PodAddresses,
    pub(crate) out: &'a mut Vec<Action>,
}

impl Lent<'_> {
    fn around<'b>(&'b mut self, objects: &'b mut Objects, room: Room) -> Surroundings<'b> {
        let Lent { common, now, addresses, out } = self;
        Surroundings { common, now: *now, addresses, objects, room, out }
    }

    fn phases(&self) -> bool {
        self.common.spec.classes.has(Class::PodPhases)
    }
}

impl Pods {
    pub(crate) fn start(&mut self, now: Now) {
        self.started = now.at;
    }

    pub(crate) fn deadline(&self) -> Option<Nanos> {
        let lives = self.lives.iter().filter_map(Life::deadline);
        lives.chain(self.reconcile_at).chain(self.objects.deadline()).min()
    }

    pub(crate) fn on_sighting(&mut self, sighting: PodSighting, lent: &mut Lent<'_>) {
        match sighting {
            PodSighting::ListBegins => self.lives.iter_mut().for_each(|pod| pod.listed = false),
            PodSighting::ListEnds => {
                let missed = self.lives.iter().filter(|pod| !pod.listed).map(|pod| pod.uid().clone());
                for uid in missed.collect::<Vec<_>>() {
                    self.gone(&uid, lent);
                }
            }
            PodSighting::Seen(news) => self.seen(&news, lent),
            PodSighting::Gone { uid } => self.gone(&uid, lent),
        }
        self.advance(lent);
    }

    fn seen(&mut self, news: &PodNews, lent: &mut Lent<'_>) {
        let uid = news.uid();
        if news.evicted_by_taint && !self.is_being_deleted(uid) {
            lent.out.push(Action::Reached(Milestone::PodTaintEvicted));
        }
        let mut around = lent.around(&mut self.objects, Room::default());
        if let Some(pod) = self.lives.iter_mut().find(|pod| pod.uid() == uid) {
            pod.listed = true;
            if pod.update(news, &mut around) {
                self.reconcile_later(lent.now);
            }
        } else {
            // A pod that had already ended when this kubelet first saw it has nothing left to do on this node.
            let Some(pod) = news.pod().and_then(|pod| Life::begin(pod, &mut around)) else { return };
            if let Some(address) = pod.address() {
                lent.addresses.claim(address);
                lent.out.push(Action::Reached(Milestone::PodAdopted));
            }
            self.lives.push(pod);
        }
        self.enqueue_if_changed(uid, lent.phases());
    }

    /// Whether a pod is known here to be on its way out.
    fn is_being_deleted(&self, uid: &Arc<str>) -> bool {
        self.lives.iter().any(|pod| pod.uid() == uid && pod.pod().deleting)
    }

    fn gone(&mut self, uid: &Arc<str>, lent: &mut Lent<'_>) {
        let Some(index) = self.lives.iter().position(|pod| pod.uid() == uid) else { return };
        // Deleted by force while it ran: the containers are still to be stopped, and the status manager will look for the pod
        // in vain. In every other case this is the end.
        let mut around = lent.around(&mut self.objects, Room::default());
        if self.lives[index].removed_by_force(&mut around) {
            return;
        }
        let mut pod = self.lives.swap_remove(index);
        pod.forget(&mut around);
        release(&pod, lent.addresses);
        lent.out.push(Action::Reached(Milestone::PodGone));
    }

    /// A watch has shown a Secret or a config map.
    pub(crate) fn on_object(&mut self, name: &ObjectName, immutable: bool, out: &mut Vec<Action>) {
        self.objects.seen(name, immutable, out);
    }

    /// The node is about to shut down, or has to get rid of its pods: they are ended, and stay as failed.
    pub(crate) fn shut_down(&mut self, lent: &mut Lent<'_>) {
        for pod in &mut self.lives {
            let verdict = Verdict {
                reason: "Terminated",
                message: "Pod was terminated in response to imminent node shutdown.".to_owned(),
                disrupts: true,
            };
            pod.end_because(verdict, &mut lent.around(&mut self.objects, Room::default()));
        }
    }

    /// Whether no pod runs on the node any more.
    pub(crate) fn are_over(&self) -> bool {
        self.lives.iter().all(|pod| !pod.takes_room())
    }

    /// Every watch of a Secret or a config map that has begun and not ended.
    pub(crate) fn open(&self, out: &mut Vec<Action>) {
        self.objects.open(out);
    }

    /// The server can be reached again: it is told what it has missed, one pod after the other.
    pub(crate) fn resume(&mut self, lent: &mut Lent<'_>) {
        self.enqueue_unsynced(lent.phases());
        self.advance(lent);
    }

    /// The process that knew the pods has ended. Their addresses are free until whoever adopts the pods claims them.
    pub(crate) fn abandon(&mut self, addresses: &mut PodAddresses) {
        self.lives.iter().for_each(|pod| release(pod, addresses));
        *self = Self::default();
    }

    pub(crate) fn on_deadline(&mut self, lent: &mut Lent<'_>) {
        let now = lent.now;
        self.objects.on_deadline(now, lent.out);
        for index in 0..self.lives.len() {
            if self.lives[index].deadline().is_none_or(|at| at > now.at) {
                continue;
            }
            let room = Room::taken_by(self.lives.iter());
            let pod = &mut self.lives[index];
            pod.on_deadline(&mut lent.around(&mut self.objects, room));
            let uid = pod.uid().clone();
            self.enqueue_if_changed(&uid, lent.phases());
        }
        if self.reconcile_at.is_some_and(|at| at <= now.at) {
            self.reconcile_at = None;
            self.lives.iter_mut().for_each(Life::reconcile);
            self.enqueue_unsynced(lent.phases());
        }
        self.lives.retain(|pod| {
            let over = pod.is_over();
            if over {
                release(pod, lent.addresses);
                lent.out.push(Action::Reached(Milestone::PodGone));
            }
            !over
        });
        self.advance(lent);
    }

    pub(crate) fn on_answer(&mut self, call: &Call, answer: &Answer, lent: &mut Lent<'_>) {
        match call {
            Call::CreateToken(uid, index) | Call::GetClaim(uid, index) => {
                let room = Room::taken_by(self.lives.iter());
                let Some(pod) = self.lives.iter_mut().find(|pod| pod.uid() == uid) else { return };
                let mut around = lent.around(&mut self.objects, room);
                match call {
                    Call::CreateToken(..) => pod.on_token(*index, answer, &mut around),
                    _ => pod.on_claim(*index, answer, &mut around),
                }
            }
            Call::GetPod(uid) | Call::PatchPodStatus(uid) | Call::DeletePod(uid) => {
                self.busy = false;
                self.on_status_answer(uid, call, answer, lent);
                self.advance(lent);
            }
            _ => {}
        }
    }

    fn on_status_answer(&mut self, uid: &Arc<str>, call: &Call, answer: &Answer, lent: &mut Lent<'_>) {
        let Some(pod) = self.lives.iter_mut().find(|pod| pod.uid() == uid) else { return };
        match call {
            Call::GetPod(_) if let Some(server) = answer.object::<ServerPod>() => {
                if server.uid() == &**uid {
                    self.busy = send_patch(pod, &server, lent) || send_delete(pod, lent);
                } else {
                    pod.deleted = true;
                }
            }
            Call::PatchPodStatus(_) if answer.is_success() => {
                if pod.acknowledge() {
                    lent.out.push(Action::Reached(Milestone::PodRunning));
                }
                self.busy = send_delete(pod, lent);
            }
            Call::DeletePod(_) if answer.is_success() => pod.deleted = true,
            _ => {
                pod.fail();
                self.reconcile_later(lent.now);
            }
        }
    }

    /// Plans the next reconciliation: there is something for it to do.
    fn reconcile_later(&mut self, now: Now) {
        let period = Nanos::from(RECONCILE_EVERY).0;
        let ticks = Nanos::from(now.at.since(self.started)).0 / period;
        self.reconcile_at = Some(Nanos(self.started.0 + (ticks + 1) * period));
    }

    fn enqueue_if_changed(&mut self, uid: &Arc<str>, phases: bool) {
        if self.lives.iter().any(|pod| pod.uid() == uid && pod.wants_sync(phases)) {
            self.enqueue(uid);
        }
    }

    /// A pod has changed. The status manager then looks at every pod it is behind with (`syncBatch`).
    fn enqueue(&mut self, uid: &Arc<str>) {
        self.enqueue_one(uid);
        let failed = self.lives.iter().filter(|pod| pod.has_failed()).map(|pod| pod.uid().clone());
        failed.collect::<Vec<_>>().iter().for_each(|uid| self.enqueue_one(uid));
    }

    fn enqueue_unsynced(&mut self, phases: bool) {
        let unsynced = self.lives.iter().filter(|pod| pod.wants_sync(phases)).map(|pod| pod.uid().clone());
        unsynced.collect::<Vec<_>>().iter().for_each(|uid| self.enqueue_one(uid));
    }

    fn enqueue_one(&mut self, uid: &Arc<str>) {
        if !self.queue.contains(uid) {
            self.queue.push_back(uid.clone());
        }
    }

    /// Starts on the next pod in the queue if nothing is under way.
    fn advance(&mut self, lent: &mut Lent<'_>) {
        while !self.busy {
            let Some(uid) = self.queue.pop_front() else { return };
            let Some(pod) = self.lives.iter_mut().find(|pod| *pod.uid() == uid) else { continue };
            pod.take_up();
            if !pod.wants_sync(lent.phases()) {
                continue;
            }
            if !lent.common.spec.classes.has(Class::PodGets) {
                self.busy = send_patch(pod, &ServerPod::default(), lent) || send_delete(pod, lent);
                continue;
            }
            self.busy = true;
            let request = Request::get(pod_path(pod));
            lent.out.push(Action::Send { call: Call::GetPod(uid), request, intended: lent.now.at });
        }
    }
}

fn release(pod: &Life, addresses: &mut PodAddresses) {
    if let Some(address) = pod.address() {
        addresses.release(address);
    }
}

fn pod_path(pod: &Life) -> String {
    format!("/api/v1/namespaces/{}/pods/{}", pod.pod().namespace, pod.pod().name)
}

/// Sends what differs between the status the server has and the one it should have; nothing when they are equal.
fn send_patch(pod: &mut Life, server: &ServerPod, lent: &mut Lent<'_>) -> bool {
    if !lent.phases() && pod.can_be_deleted(false) {
        return false;
    }
    let host: Ipv4Addr = lent.common.address;
    let (old, new) = pod.statuses(host, server);
    let changes = merge::diff(&old, &new);
    let runs = new.get("phase").and_then(Json::as_text) == Some("Running");
    let body = (!changes.is_empty()).then(|| {
        let metadata = [("uid", (&**pod.uid()).into())];
        Fields::from([("metadata", metadata.into()), ("status", changes.into())]).to_text()
    });
    pod.sending(runs);
    let Some(body) = body else {
        pod.acknowledge();
        return false;
    };
    let request = Request::patch_strategic(format!("{}/status", pod_path(pod)), body);
    let call = Call::PatchPodStatus(pod.uid().clone());
    lent.out.push(Action::Send { call, request, intended: lent.now.at });
    true
}

fn send_delete(pod: &Life, lent: &mut Lent<'_>) -> bool {
    if !pod.can_be_deleted(lent.phases()) {
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
    let call = Call::DeletePod(pod.uid().clone());
    lent.out.push(Action::Send { call, request, intended: lent.now.at });
    true
}
