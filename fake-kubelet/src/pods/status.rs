//! A pod's status as a kubelet writes it: a function of the pod, where it runs and what its kubelet has seen of it.
//!
//! Field by field after `kubelet_pods.go` (`generateAPIPodStatus`, `getPhase`, `convertStatusToAPIStatus`).

use std::{net::Ipv4Addr, time::Duration};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{
    container::{Ended, State, View},
    seen::{RestartPolicy, Role, SeenContainer, SeenPod},
};
use crate::json::{Fields, Json};

/// What a kubelet knows of a pod when it writes its status.
#[derive(Clone, Debug)]
pub(super) struct Snapshot<'a> {
    pub(super) pod: &'a SeenPod,
    /// The generation that the kubelet has seen.
    pub(super) generation: i64,
    /// The node's address, and the pod's once it has one.
    pub(super) host: Ipv4Addr,
    pub(super) address: Option<Ipv4Addr>,
    pub(super) started: Timestamp,
    /// When the kubelet made up its mind about this status.
    pub(super) set_at: Timestamp,
    /// Since when it has a sandbox; none any more at its end.
    pub(super) sandbox_ready: Option<Timestamp>,
    /// How each container is, in the pod's order.
    pub(super) views: Vec<View>,
    /// Since when nothing of it runs any more and its end may be told.
    pub(super) finished: Option<Timestamp>,
    /// Its cgroup is gone.
    pub(super) without_cgroup: bool,
    /// Why the kubelet has ended it, if it has.
    pub(super) verdict: Option<&'a Verdict>,
}

/// Why a kubelet refused or ended a pod by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) reason: &'static str,
    pub(super) message: String,
    /// Whether the pod had run, and was disrupted.
    pub(super) disrupts: bool,
}

/// `status.phase`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Pending,
    Running,
    Succeeded,
    Failed,
}

impl Phase {
    pub(super) fn is_terminal(self) -> bool {
        matches!(self, Phase::Succeeded | Phase::Failed)
    }

    fn name(self) -> &'static str {
        match self {
            Phase::Pending => "Pending",
            Phase::Running => "Running",
            Phase::Succeeded => "Succeeded",
            Phase::Failed => "Failed",
        }
    }
}

impl<'a> Snapshot<'a> {
    pub(super) fn containers(&self) -> impl Iterator<Item = (&'a SeenContainer, &View)> + Clone {
        self.pod.containers.iter().zip(&self.views)
    }

    /// The phase that follows from the containers (`getPhase`).
    pub(super) fn phase(&self) -> Phase {
        if self.verdict.is_some() {
            return Phase::Failed;
        }
        let terminating = self.finished.is_some();
        let init = self.containers().filter(|(spec, _)| spec.role != Role::Main);
        let unfinished = init.clone().any(|(spec, view)| match spec.role {
            Role::Init => !view.has_succeeded(),
            _ => !view.has_run(),
        });
        let failed = init.filter(|(spec, _)| spec.role == Role::Init).any(|(_, view)| {
            view.ended().is_some_and(|ended| ended.code != 0)
                && (self.pod.restart == RestartPolicy::Never || terminating)
        });
        let main = || self.containers().filter(|(spec, _)| spec.role == Role::Main).map(|(_, view)| view);
        if failed {
            return Phase::Failed;
        }
        if main().any(|view| view.state == State::NeverRan) {
            return Phase::Failed;
        }
        if main().any(|view| view.state == State::Waiting) || unfinished {
            return if terminating { Phase::Failed } else { Phase::Pending };
        }
        if main().any(View::is_running) {
            return Phase::Running;
        }
        let succeeded = main().all(View::has_succeeded);
        match self.pod.restart {
            _ if terminating && succeeded => Phase::Succeeded,
            _ if terminating => Phase::Failed,
            RestartPolicy::Always => Phase::Running,
            _ if succeeded => Phase::Succeeded,
            RestartPolicy::Never => Phase::Failed,
            RestartPolicy::OnFailure => Phase::Running,
        }
    }

    /// The phase that is told: an end only when nothing can run any more (`mergePodStatus`).
    fn told_phase(&self) -> Phase {
        match self.phase() {
            phase if !phase.is_terminal() || self.finished.is_some() => phase,
            _ if self.has_run() => Phase::Running,
            _ => Phase::Pending,
        }
    }

    pub(super) fn has_run(&self) -> bool {
        self.containers().any(|(spec, view)| spec.role == Role::Main && view.has_run())
    }

    /// The status, but for its conditions.
    pub(super) fn status(&self) -> Fields<'a> {
        let mut status = self.outcome();
        if self.verdict.is_some_and(|verdict| !verdict.disrupts) {
            return status;
        }
        let statuses = |role: fn(Role) -> bool| -> Vec<Fields<'a>> {
            let containers = self.containers().filter(|(spec, _)| role(spec.role));
            containers.map(|(spec, view)| self.container(spec, view)).collect()
        };
        let list = |statuses: Vec<Fields<'a>>| statuses.into_iter().map(Json::from).collect::<Json<'a>>();
        // Those of init containers keep the order of the pod (`SortedContainerStatuses`).
        status.insert_filled("initContainerStatuses", list(statuses(|role| role != Role::Main)));
        let mut main = statuses(|role| role == Role::Main);
        main.sort_by(|one, other| {
            one.get("name").and_then(Json::as_text).cmp(&other.get("name").and_then(Json::as_text))
        });
        status.insert("containerStatuses", list(main));
        if let Some(address) = self.told_address() {
            status.insert("podIP", address);
            status.insert("podIPs", vec![Json::from([("ip", address.into())])]);
        }
        self.add_resources(&mut status);
        status
    }

    fn outcome(&self) -> Fields<'a> {
        let mut status = Fields::from([
            ("observedGeneration", self.generation.into()),
            ("phase", self.told_phase().name().into()),
            ("startTime", Json::time(self.started)),
        ]);
        if let Some(verdict) = self.verdict.filter(|_| self.finished.is_some()) {
            status.insert("reason", verdict.reason);
            status.insert("message", &verdict.message);
        }
        if self.verdict.is_none_or(|verdict| verdict.disrupts) {
            status.insert("hostIP", self.host);
            status.insert("hostIPs", vec![Json::from([("ip", self.host.into())])]);
        }
        status
    }

    /// A pod's address is known with its first container, one in the node's network from the start.
    fn told_address(&self) -> Option<Ipv4Addr> {
        if self.pod.host_network {
            return Some(self.host);
        }
        self.address.filter(|_| self.views.iter().any(View::has_run))
    }

    /// The pod's own resources. A running pod's CPU request and its limits are read from its cgroup, and when that is gone so are
    /// they; the memory request comes from the pod (`convertToAPIPodLevelResourcesStatus`).
    fn add_resources(&self, status: &mut Fields<'a>) {
        let told = self.pod.requests.told();
        let resources = if self.without_cgroup && self.has_run() {
            match told.requests.get("memory") {
                Some(memory) => [("requests", Json::from([("memory", memory.into())]))].into(),
                None => Json::empty(),
            }
        } else {
            told.to_json().into()
        };
        status.insert("resources", resources);
        status.insert_filled("allocatedResources", told.requests_to_json());
    }

    fn container(&self, spec: &'a SeenContainer, view: &View) -> Fields<'a> {
        let last = view.last.map_or_else(Json::empty, |ended| self.terminated(spec, ended));
        let mut status = Fields::from([
            ("image", Json::from(&spec.image)),
            ("imageID", "".into()),
            ("lastState", last),
            ("name", (&spec.name).into()),
            ("ready", view.ready.into()),
            ("restartCount", view.run.into()),
            ("started", view.started.into()),
            ("state", self.state(spec, view)),
        ]);
        if view.has_run() {
            status.insert("containerID", container_id(self.pod, spec, view.run));
            status.insert("imageID", format!("sha256:{}", hex(&spec.image)));
            let groups = vec![Json::Number(0)];
            let user =
                [("gid", Json::Number(0)), ("supplementalGroups", groups.into()), ("uid", Json::Number(0))];
            status.insert("user", [("linux", user.into())]);
            status.insert_filled("allocatedResources", spec.resources.requests_to_json());
            status.insert("resources", spec.resources.to_json());
        }
        let mounts = spec.volume_mounts.iter().map(|mount| Json::from(mount.to_json()));
        status.insert_filled("volumeMounts", mounts.collect::<Json<'a>>());
        status
    }

    fn state(&self, spec: &'a SeenContainer, view: &View) -> Json<'a> {
        match view.state {
            State::Running { since } => [("running", [("startedAt", Json::time(since))].into())].into(),
            State::Terminated(ended) => self.terminated(spec, ended),
            State::NeverRan => {
                let message = "The container could not be located when the pod was terminated";
                let fields = [
                    ("exitCode", Json::Number(137)),
                    ("finishedAt", Json::Null),
                    ("message", message.into()),
                    ("reason", "ContainerStatusUnknown".into()),
                    ("startedAt", Json::Null),
                ];
                [("terminated", fields.into())].into()
            }
            State::BackingOff(pause) => {
                let SeenPod { name, namespace, uid, .. } = self.pod;
                let pause = go_duration(pause);
                let message = format!(
                    "back-off {pause} restarting failed container={} pod={name}_{namespace}({uid})",
                    spec.name
                );
                let fields = [("message", message.into()), ("reason", "CrashLoopBackOff".into())];
                [("waiting", fields.into())].into()
            }
            State::Waiting => {
                let initialises = self.pod.containers.iter().any(|container| container.role != Role::Main);
                let reason = if initialises { "PodInitializing" } else { "ContainerCreating" };
                [("waiting", [("reason", reason.into())].into())].into()
            }
        }
    }

    fn terminated(&self, spec: &SeenContainer, ended: Ended) -> Json<'a> {
        let fields = [
            ("containerID", container_id(self.pod, spec, ended.run).into()),
            ("exitCode", ended.code.into()),
            ("finishedAt", Json::time(ended.until)),
            ("reason", if ended.code == 0 { "Completed" } else { "Error" }.into()),
            ("startedAt", Json::time(ended.since)),
        ];
        [("terminated", fields.into())].into()
    }
}

/// Go's `time.Duration.String` of whole seconds.
fn go_duration(pause: Duration) -> String {
    match (pause.as_secs() / 60, pause.as_secs() % 60) {
        (0, seconds) => format!("{seconds}s"),
        (minutes, seconds) => format!("{minutes}m{seconds}s"),
    }
}

/// A container's id is derived from its pod and the number of the run, so that a node that is started again reports the same one.
fn container_id(pod: &SeenPod, container: &SeenContainer, run: u32) -> String {
    format!("containerd://{}", hex(&format!("{}/{}/{run}", pod.uid, container.name)))
}

fn hex(text: &str) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or_default();
    Sha256::digest(text).iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
