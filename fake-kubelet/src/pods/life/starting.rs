//! How a pod starts: admission, sandbox, then one container after the other, and a look at the runtime after each round.

use std::time::Duration;

use rand::RngExt;

use super::{Life, Step, Surroundings, fate_of};
use crate::{
    classes::Class,
    events::Severity,
    pods::{
        container::State,
        seen::{RestartPolicy, Role},
        status::Verdict,
    },
};

/// How long a pod waits before it asks again for an address when the pool is empty.
const ADDRESS_RETRY: Duration = Duration::from_secs(1);
/// From the end of a sync that started something to the next one (`PLEGOnDemandRelist`).
const RELIST_ON_DEMAND: Duration = Duration::from_millis(3);
/// A healthy pod is synced again after this and up to half as much again (`syncFrequency`, `workerResyncIntervalJitterFactor`).
const RESYNC: Duration = Duration::from_mins(1);
const HALF_AS_MUCH: f64 = 0.5;

impl Life {
    /// The pod is new here: it fits, or it is refused (`HandlePodAdditions`).
    pub(super) fn admit(&mut self, around: &mut Surroundings<'_>) {
        self.started = around.now.wall;
        if let Some(refusal) = around.room.refuse(&self.pod, &around.common.spec) {
            self.note(around, None, Severity::Warning, refusal.reason, refusal.message.clone());
            let message = format!("Pod was rejected: {}", refusal.message);
            self.verdict = Some(Box::new(Verdict { reason: refusal.reason, message, disrupts: false }));
            self.finished = Some(around.now.wall);
            self.removed = true;
            self.changed(around.now);
            return;
        }
        self.register(around);
        self.evict_at = self.pod.evicted_after.map(|after| around.now.at + after);
        self.changed(around.now);
        self.reprocess_volumes(around.now);
        if self.pod.has_volumes {
            self.plan(around, Step::Mount, |it| &it.mount);
        } else {
            self.plan_start(around, Step::MakeSandbox, |it| &it.sandbox);
        }
    }

    pub(super) fn make_sandbox(&mut self, around: &mut Surroundings<'_>) {
        if !self.pod.host_network {
            self.address = self.address.or_else(|| around.addresses.take());
            if self.address.is_none() {
                self.worker = Some((around.now.at + ADDRESS_RETRY, Step::MakeSandbox));
                return;
            }
        }
        self.sandbox_ready = Some(around.now.wall);
        self.changed(around.now);
        self.start_next(around);
    }

    /// A sync of the pod: the kubelet sees what has become of its containers, reports that, and starts what may start.
    pub(super) fn sync(&mut self, around: &mut Surroundings<'_>) {
        let mut news = false;
        for container in &mut self.containers {
            let before = container.seen;
            container.look();
            news |= container.seen != before;
        }
        if news {
            self.changed(around.now);
        }
        self.reprocess_volumes(around.now);
        if self.has_done_its_work() {
            self.complete(around);
            return;
        }
        self.refresh_tokens(around);
        self.start_next(around);
        // The regular relist reports what was started once more; that only shows in what every sync reads.
        let started = news && self.containers.iter().any(|container| container.seen.is_running());
        if started && !self.pod.claims.is_empty() {
            self.look_at_runtime(around);
        }
    }

    /// Starts the next container that may start now; otherwise waits for the next sync.
    fn start_next(&mut self, around: &mut Surroundings<'_>) {
        let mut from = 0;
        while let Some(index) = self.next_to_start(from) {
            match self.containers[index].holds_back(around.now) {
                None => {
                    self.image(index, around);
                    return;
                }
                Some(left) => self.back_off(index, left, around),
            }
            // The containers of the pod's own do not wait for each other.
            from = index + 1;
            if self.pod.containers[index].role != Role::Main {
                break;
            }
        }
        self.wait(around);
    }

    fn back_off(&mut self, index: usize, left: Duration, around: &mut Surroundings<'_>) {
        let (name, namespace, uid) = (&self.pod.name, &self.pod.namespace, &self.pod.uid);
        let container = &self.pod.containers[index].name;
        let message =
            format!("Back-off restarting failed container {container} in pod {name}_{namespace}({uid})");
        self.note(around, Some(index), Severity::Warning, "BackOff", message);
        // The worker is called again when the pause is over, and up to half of it later (`completeWork`).
        let wait = left.min(RESYNC).mul_f64(1.0 + HALF_AS_MUCH * around.common.rng.random::<f64>());
        let at = around.now.at + wait;
        self.worker = Some((self.worker.map_or(at, |(planned, _)| planned.min(at)), Step::Sync));
    }

    /// Waits for the next regular sync, if it will have anything to do.
    fn wait(&mut self, around: &mut Surroundings<'_>) {
        if self.worker.is_none() && self.has_volumes_to_keep() {
            let wait = around.common.stretched(RESYNC, HALF_AS_MUCH);
            self.worker = Some((around.now.at + wait, Step::Sync));
        }
    }

    /// The container that is started next (`computePodActions`): init containers in turn, then the others, those before `from` left
    /// out.
    fn next_to_start(&self, from: usize) -> Option<usize> {
        let mut containers = self.pod.containers.iter().zip(&*self.containers).enumerate();
        for (index, (spec, container)) in containers.by_ref() {
            match (spec.role, container.now.state) {
                (Role::Init, State::Terminated(ended)) if ended.code == 0 => {}
                (Role::Init, State::Terminated(_)) if self.pod.restart == RestartPolicy::Never => {
                    return None;
                }
                (Role::Init | Role::Sidecar, State::Waiting | State::Terminated(_)) => return Some(index),
                // It has to end, or to have started, first.
                (Role::Init, _) => return None,
                (Role::Sidecar, _) if !container.now.started => return None,
                (Role::Main, _) if index >= from && self.may_start(index) => return Some(index),
                (Role::Sidecar | Role::Main, _) => {}
            }
        }
        None
    }

    fn may_start(&self, index: usize) -> bool {
        match self.containers[index].now.state {
            State::Waiting => true,
            State::Terminated(ended) => match self.pod.restart {
                RestartPolicy::Always => true,
                RestartPolicy::OnFailure => ended.code != 0,
                RestartPolicy::Never => false,
            },
            _ => false,
        }
    }

    /// Whether every container of a pod that is not always restarted has come to its end.
    fn has_done_its_work(&self) -> bool {
        let containers = || self.pod.containers.iter().zip(&*self.containers).enumerate();
        let init_failed = self.pod.restart == RestartPolicy::Never
            && containers().any(|(_, (spec, container))| {
                spec.role == Role::Init && container.now.ended().is_some_and(|ended| ended.code != 0)
            });
        let mut main = containers().filter(|(_, (spec, _))| spec.role == Role::Main);
        init_failed
            || main.all(|(index, (_, container))| container.now.ended().is_some() && !self.may_start(index))
    }

    pub(super) fn image(&mut self, index: usize, around: &mut Surroundings<'_>) {
        let spec = &self.pod.containers[index];
        if spec.always_pulls {
            let message = format!("Pulling image {:?}", spec.image);
            self.note(around, Some(index), Severity::Normal, "Pulling", message);
            let takes = around.common.latency(|it| &it.pull);
            self.worker = Some((around.now.at + takes, Step::Pulled(index, takes)));
        } else {
            let message = format!(
                "Container image {:?} already present on machine and can be accessed by the pod",
                spec.image
            );
            self.note(around, Some(index), Severity::Normal, "Pulled", message);
            self.plan_start(around, Step::Create(index), |it| &it.create);
        }
    }

    pub(super) fn pulled(&mut self, index: usize, took: Duration, around: &mut Surroundings<'_>) {
        let (image, took) = (&self.pod.containers[index].image, took.as_millis());
        let message = format!(
            "Successfully pulled image {image:?} in {took}ms ({took}ms including waiting). Image size: 9437184 bytes."
        );
        self.note(around, Some(index), Severity::Normal, "Pulled", message);
        self.plan_start(around, Step::Create(index), |it| &it.create);
    }

    pub(super) fn create(&mut self, index: usize, around: &mut Surroundings<'_>) {
        if around.common.spec.classes.has(Class::ObjectWatches) {
            // Its environment is read.
            for object in self.pod.objects.iter().filter(|object| !object.is_mounted) {
                around.objects.read(&object.name, around.now, around.out);
            }
        }
        self.note(around, Some(index), Severity::Normal, "Created", "Container created".to_owned());
        self.plan_start(around, Step::Start(index), |it| &it.start);
    }

    pub(super) fn start(&mut self, index: usize, around: &mut Surroundings<'_>) {
        let fate = fate_of(&self.pod, &self.pod.containers[index], around.common);
        self.containers[index].run(&self.pod.containers[index], around.now, fate);
        self.note(around, Some(index), Severity::Normal, "Started", "Container started".to_owned());
        let main = self.pod.containers[index].role == Role::Main;
        // The containers of the pod's own are started in one sync; after an init container another sync follows.
        self.worker = Some((around.now.at + RELIST_ON_DEMAND, Step::Sync));
        if main
            && let Some(next) = self.next_to_start(index + 1)
            && self.containers[next].holds_back(around.now).is_none()
        {
            self.image(next, around);
        }
    }
}
