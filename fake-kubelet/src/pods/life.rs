//! One pod's life on its node, from being seen to being gone: what its pod worker does next, and what there is to report.
//!
//! A pod worker (`pod_workers.go`, `kubelet.go` `SyncPod`) is a chain of steps, each with the time it takes: admission, volumes,
//! sandbox, one container after the other, a look at the runtime, and in the end stopping and cleaning up. Containers live beside it
//! (`container.rs`). Whenever a step gives the status something new to say, its version grows; the status manager (`pods.rs`) makes the server
//! catch up.

mod ending;
mod mounting;
mod starting;

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use jiff::Timestamp;
use measure::Nanos;

pub(super) use self::ending::Ending;
use self::mounting::Mounting;
use super::{
    container::{Change, Container, Fate, View},
    news::PodNews,
    room::Room,
    seen::{RestartPolicy, Role, SeenContainer, SeenPod},
    server::{ServerPod, merged},
    status::{Phase, Snapshot, Verdict},
};
use crate::{
    action::{Action, Now},
    addresses::PodAddresses,
    classes::Class,
    events::{About, FieldPath, Note, PodName, Severity},
    json::{Fields, Json},
    latency::{Latencies, Latency},
    node::Common,
    objects::Objects,
};

/// What a step of a pod's life may use.
pub(super) struct Surroundings<'a> {
    pub(super) common: &'a mut Common,
    pub(super) now: Now,
    pub(super) addresses: &'a mut PodAddresses,
    pub(super) objects: &'a mut Objects,
    /// What pods take up of the node.
    pub(super) room: Room,
    pub(super) out: &'a mut Vec<Action>,
}

/// What the pod worker does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Admit,
    Mount,
    MakeSandbox,
    /// The image has been pulled.
    Pulled(usize, Duration),
    Create(usize),
    Start(usize),
    /// A look at the runtime, and what follows from it.
    Sync,
    /// The containers are told to stop.
    Terminate,
    /// The containers have been told to stop, and have.
    Stop,
    /// The cgroup is removed.
    RemoveCgroup,
    /// Nothing runs any more: the end may be told.
    Finish,
    /// Nothing is left on the node.
    Remove,
}

/// What a status says.
#[derive(Clone, Copy, Debug)]
struct Said {
    version: u32,
    runs: bool,
    ended: bool,
}

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "facts about one pod that do not depend on each other")]
pub(super) struct Life {
    pod: SeenPod,
    address: Option<Ipv4Addr>,
    containers: Box<[Container]>,
    worker: Option<(Nanos, Step)>,
    mounting: Mounting,
    generation: i64,
    started: Timestamp,
    sandbox_ready: Option<Timestamp>,
    finished: Option<Timestamp>,
    sandbox_gone: bool,
    without_cgroup: bool,
    removed: bool,
    verdict: Option<Box<Verdict>>,
    evict_at: Option<Nanos>,
    ending: Ending,
    /// Whether its Secrets and config maps are watched for it.
    registered: bool,
    /// Grows with everything new to report.
    version: u32,
    set_at: Timestamp,
    /// The version that the server has.
    acknowledged: u32,
    /// What the PATCH that is under way says.
    sent: Option<Said>,
    /// The server knows that the pod runs.
    told_running: bool,
    /// The server knows its end.
    told_end: bool,
    /// A look at the server is owed although nothing may differ, as after an adoption or a deletion.
    look: bool,
    /// Somebody else has changed what this node reports; the next reconciliation looks.
    contradicted: bool,
    /// It was deleted after it was over; the next reconciliation finds that.
    waits_for_reconciliation: bool,
    /// The last request for it failed; it is tried again with the next change of any pod, or at the next reconciliation.
    failed: bool,
    /// Our DELETE was accepted, or the name belongs to another pod now: nothing more is sent.
    pub(super) deleted: bool,
    /// Seen since the watch last began a list.
    pub(super) listed: bool,
}

impl Life {
    /// A pod that this process of the node sees for the first time: newly bound, or left by an earlier process. `None` when it
    /// has already ended and is not being deleted.
    pub(super) fn begin(mut pod: SeenPod, around: &mut Surroundings<'_>) -> Option<Self> {
        let ended = pod.has_ended();
        if ended && !pod.deleting {
            return None;
        }
        let now = around.now;
        let reported = pod.reported.take();
        let views = reported.as_ref().map(|reported| reported.containers.clone()).unwrap_or_default();
        let containers: Box<[Container]> = if views.is_empty() {
            pod.containers.iter().map(|_| Container::default()).collect()
        } else {
            views.into_iter().map(Container::reported).collect()
        };
        let mut life = Self {
            address: reported.as_ref().and_then(|reported| reported.address),
            containers,
            worker: None,
            mounting: Mounting::of(&pod),
            generation: pod.generation,
            started: reported.as_ref().map_or(now.wall, |reported| reported.started),
            sandbox_ready: reported.as_ref().and_then(|reported| reported.sandbox_ready),
            finished: ended.then_some(now.wall),
            sandbox_gone: ended,
            without_cgroup: ended,
            removed: ended,
            verdict: None,
            evict_at: None,
            ending: Ending::No,
            registered: false,
            version: 0,
            set_at: now.wall,
            acknowledged: 0,
            sent: None,
            told_running: pod.phase == "Running",
            told_end: ended,
            // What an earlier process has reported is compared with the server once.
            look: reported.is_some(),
            contradicted: false,
            waits_for_reconciliation: false,
            failed: false,
            deleted: false,
            listed: true,
            pod,
        };
        life.take_over(around, reported.is_some());
        Some(life)
    }

    /// Goes on from what was reported, or begins.
    fn take_over(&mut self, around: &mut Surroundings<'_>, adopted: bool) {
        if self.removed {
            return;
        }
        if adopted {
            self.register(around);
            for (container, spec) in self.containers.iter_mut().zip(&*self.pod.containers) {
                container.take_over(spec, around.now, fate_of(&self.pod, spec, around.common));
            }
        }
        if self.pod.deleting {
            self.stop(around, Ending::Graceful);
        } else if !adopted {
            self.plan(around, Step::Admit, |it| &it.admit);
        } else if self.sandbox_ready.is_none() || !self.containers.iter().any(|it| it.now.has_run()) {
            self.plan_start(around, Step::MakeSandbox, |it| &it.sandbox);
        } else {
            self.worker = Some((around.now.at, Step::Sync));
        }
    }

    pub(super) fn uid(&self) -> &Arc<str> {
        &self.pod.uid
    }

    pub(super) fn pod(&self) -> &SeenPod {
        &self.pod
    }

    pub(super) fn address(&self) -> Option<Ipv4Addr> {
        self.address
    }

    /// How its containers are, in the order of the pod.
    pub(super) fn views(&self) -> impl Iterator<Item = &View> {
        self.containers.iter().map(|container| &container.now)
    }

    pub(super) fn started(&self) -> Timestamp {
        self.started
    }

    /// Whether it still takes up room on the node.
    pub(super) fn takes_room(&self) -> bool {
        self.registered && self.finished.is_none()
    }

    pub(super) fn deadline(&self) -> Option<Nanos> {
        let worker = self.worker.map(|(at, _)| at);
        let containers = self.containers.iter().filter_map(Container::deadline);
        containers.chain(worker).chain(self.mounting.deadline()).chain(self.evict_at).min()
    }

    /// Whether the runtime is at work for it.
    pub(super) fn is_starting(&self) -> bool {
        let step = self.worker.map(|(_, step)| step);
        matches!(step, Some(Step::MakeSandbox | Step::Create(_) | Step::Start(_)))
    }

    /// The watch shows the pod again. Returns whether the next reconciliation has something to do.
    pub(super) fn update(&mut self, news: &PodNews, around: &mut Surroundings<'_>) -> bool {
        self.pod.resource_version = news.resource_version.clone();
        self.contradicted = news.denied && self.ending == Ending::No && self.all_ready();
        // The worker of a pod that is over takes no updates; whether it can be deleted is found at a reconciliation.
        let settled = self.removed && self.ending == Ending::ByItself;
        let stops = news.deleting && !self.pod.deleting;
        self.pod.deleting |= news.deleting;
        if settled {
            self.waits_for_reconciliation |= stops;
            return stops;
        }
        let observed = news.generation > self.generation;
        if observed {
            self.generation = news.generation;
        }
        if stops && self.ending == Ending::No && !self.removed {
            self.stop(around, Ending::Graceful);
        } else if observed {
            self.changed(around.now);
        }
        self.contradicted
    }

    fn all_ready(&self) -> bool {
        self.containers.iter().all(|container| container.seen.ready)
    }

    /// Lets happen what is due.
    pub(super) fn on_deadline(&mut self, around: &mut Surroundings<'_>) {
        self.containers_change(around);
        self.mounting_due(around);
        if self.evict_at.take_if(|at| *at <= around.now.at).is_some() {
            self.evict(around);
        }
        if let Some((_, step)) = self.worker.take_if(|(at, _)| *at <= around.now.at) {
            self.take(step, around);
        }
    }

    fn take(&mut self, step: Step, around: &mut Surroundings<'_>) {
        match step {
            Step::Admit => self.admit(around),
            Step::Mount => self.mount(around),
            Step::MakeSandbox => self.make_sandbox(around),
            Step::Pulled(index, took) => self.pulled(index, took, around),
            Step::Create(index) => self.create(index, around),
            Step::Start(index) => self.start(index, around),
            Step::Sync => self.sync(around),
            Step::Terminate => self.terminate(around),
            Step::Stop => self.stopped(around),
            Step::RemoveCgroup => self.remove_cgroup(around),
            Step::Finish => self.finish(around),
            Step::Remove => self.remove(around),
        }
    }

    fn containers_change(&mut self, around: &mut Surroundings<'_>) {
        for index in 0..self.containers.len() {
            while let Some(change) =
                self.containers[index].take_change(&self.pod.containers[index], around.now)
            {
                self.container_changed(index, change, around);
            }
        }
    }

    fn container_changed(&mut self, index: usize, change: Change, around: &mut Surroundings<'_>) {
        let container = &mut self.containers[index];
        match change {
            Change::Exited => self.look_at_runtime(around),
            // The probes' results go to the status manager directly (`SetContainerReadiness`, `SetContainerStartup`).
            Change::Ready => {
                container.seen.ready = true;
                self.changed(around.now);
            }
            Change::Started => {
                container.seen.started = true;
                container.now.ready |= self.pod.containers[index].readiness.is_none();
                self.changed(around.now);
                self.look_at_runtime(around);
            }
        }
    }

    /// The next relist of the runtime finds what has changed (`pleg/generic.go`).
    fn look_at_runtime(&mut self, around: &mut Surroundings<'_>) {
        let at = around.now.at + around.common.latency(|it| &it.relist);
        match self.worker {
            None => self.worker = Some((at, Step::Sync)),
            Some((due, Step::Sync)) if due > at => self.worker = Some((at, Step::Sync)),
            Some(_) => {}
        }
    }

    fn plan(&mut self, around: &mut Surroundings<'_>, step: Step, takes: impl Fn(&Latencies) -> &Latency) {
        self.worker = Some((around.now.at + around.common.latency(takes), step));
    }

    /// The same for what the runtime does: it takes longer when other pods start too.
    fn plan_start(
        &mut self,
        around: &mut Surroundings<'_>,
        step: Step,
        takes: impl Fn(&Latencies) -> &Latency,
    ) {
        let takes = around.common.latency(takes).mul_f64(around.room.slows_down());
        self.worker = Some((around.now.at + takes, step));
    }

    /// There is something new to report.
    fn changed(&mut self, now: Now) {
        self.version += 1;
        self.set_at = now.wall;
    }

    fn note(
        &self,
        around: &mut Surroundings<'_>,
        container: Option<usize>,
        severity: Severity,
        reason: &'static str,
        message: String,
    ) {
        if !around.common.spec.classes.has(Class::Events) {
            return;
        }
        let container = container.map(|index| FieldPath::of(&self.pod.containers[index]));
        let pod = PodName {
            namespace: self.pod.namespace.clone(),
            name: self.pod.name.clone(),
            uid: self.pod.uid.clone(),
            resource_version: self.pod.resource_version.clone(),
        };
        around.common.note(Note {
            about: About::Pod { pod, container },
            severity,
            reason,
            message: message.into(),
        });
    }

    /// Reconciliation: a pod whose status somebody else has changed is looked at.
    pub(super) fn reconcile(&mut self) {
        self.look |= std::mem::take(&mut self.contradicted);
        self.waits_for_reconciliation = false;
    }

    /// Whether the status manager should look at the pod.
    pub(super) fn wants_sync(&self, phases: bool) -> bool {
        let news = self.version != self.acknowledged && (phases || self.is_worth_telling());
        let over = self.can_be_deleted(phases) && !self.waits_for_reconciliation;
        !self.deleted && (self.look && phases || news || over)
    }

    /// Whether the pod runs or has ended: all that is told of it without the class of its phases.
    fn is_worth_telling(&self) -> bool {
        let phase = self.snapshot(Ipv4Addr::UNSPECIFIED).phase();
        phase != Phase::Pending && self.ending == Ending::No
    }

    fn snapshot(&self, host: Ipv4Addr) -> Snapshot<'_> {
        Snapshot {
            pod: &self.pod,
            generation: self.generation,
            host,
            address: self.address,
            started: self.started,
            set_at: self.set_at,
            sandbox_ready: self.sandbox_ready.filter(|_| !self.sandbox_gone),
            views: self.containers.iter().map(|container| container.seen).collect(),
            finished: self.finished,
            without_cgroup: self.without_cgroup,
            verdict: self.verdict.as_deref(),
        }
    }

    /// The status the server has and the one it should have.
    pub(super) fn statuses<'a>(&'a self, host: Ipv4Addr, server: &'a ServerPod) -> (Fields<'a>, Fields<'a>) {
        let old = server.status();
        // Of a pod that has been cleaned up and reported there is nothing left to say, whoever reported it.
        if self.removed && self.told_end && self.version == self.acknowledged {
            return (old.clone(), old);
        }
        let snapshot = self.snapshot(host);
        let conditions = old.get("conditions").and_then(Json::as_list);
        let mut new = snapshot.status();
        new.insert("conditions", merged(conditions.unwrap_or_default(), snapshot.conditions()));
        (old, new)
    }

    /// The server is told its status, or has it already; whether that says that it runs.
    pub(super) fn sending(&mut self, runs: bool) {
        self.sent = Some(Said { version: self.version, runs, ended: self.finished.is_some() });
    }

    /// The server has what was sent, or had it already. Returns whether it has thereby learnt that the pod runs.
    pub(super) fn acknowledge(&mut self) -> bool {
        let Some(said) = self.sent.take() else { return false };
        let news = said.runs && !self.told_running;
        self.told_running |= said.runs;
        self.told_end |= said.ended;
        self.acknowledged = said.version;
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
}

/// What becomes of a container that is started.
fn fate_of(pod: &SeenPod, spec: &SeenContainer, common: &mut Common) -> Fate {
    let exit = match (spec.behaviour.exit, spec.role, pod.restart) {
        (Some(exit), ..) => Some(exit),
        (None, Role::Init, _) => Some((0, common.latency(|it| &it.init))),
        (None, Role::Main, RestartPolicy::OnFailure | RestartPolicy::Never) => {
            Some((0, common.latency(|it| &it.job)))
        }
        _ => None,
    };
    Fate { exit, probe: common.latency(|it| &it.probe) }
}
