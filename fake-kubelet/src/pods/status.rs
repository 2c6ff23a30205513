//! A pod's status as a kubelet writes it: a function of the pod, where it runs and what its kubelet has seen of it.
//!
//! Field by field after `kubelet_pods.go` (`generateAPIPodStatus`, `getPhase`, `convertStatusToAPIStatus`).

use std::{net::Ipv4Addr, time::Duration};

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{
    container::{Ended, State, View},
    seen::{RestartPolicy, Role, SeenContainer, SeenPod},
};
use crate::node::seconds;

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
    pub(super) views: &'a [View],
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
    pub(super) fn containers(&self) -> impl Iterator<Item = (&'a SeenContainer, &'a View)> + Clone + use<'a> {
        self.pod.containers.iter().zip(self.views)
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
    pub(super) fn status(&self) -> Map<String, Value> {
        let mut status = self.outcome();
        if self.verdict.is_some_and(|verdict| !verdict.disrupts) {
            return status;
        }
        let statuses = |role: fn(Role) -> bool| -> Vec<Value> {
            let containers = self.containers().filter(|(spec, _)| role(spec.role));
            containers.map(|(spec, view)| self.container(spec, view)).collect()
        };
        let init = statuses(|role| role != Role::Main);
        // Those of init containers keep the order of the pod (`SortedContainerStatuses`).
        let mut main = statuses(|role| role == Role::Main);
        main.sort_by(|one, other| one["name"].as_str().cmp(&other["name"].as_str()));
        status.insert("containerStatuses".to_owned(), main.into());
        if !init.is_empty() {
            status.insert("initContainerStatuses".to_owned(), init.into());
        }
        if let Some(address) = self.told_address() {
            status.insert("podIP".to_owned(), json!(address));
            status.insert("podIPs".to_owned(), json!([{ "ip": address }]));
        }
        status.extend(self.resources());
        status
    }

    fn outcome(&self) -> Map<String, Value> {
        let mut status = object(json!({
            "observedGeneration": self.generation,
            "phase": self.told_phase().name(),
            "startTime": seconds(self.started),
        }));
        if let Some(verdict) = self.verdict.filter(|_| self.finished.is_some()) {
            status.insert("reason".to_owned(), verdict.reason.into());
            status.insert("message".to_owned(), verdict.message.as_str().into());
        }
        if self.verdict.is_none_or(|verdict| verdict.disrupts) {
            status.insert("hostIP".to_owned(), json!(self.host));
            status.insert("hostIPs".to_owned(), json!([{ "ip": self.host }]));
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
    fn resources(&self) -> Map<String, Value> {
        let resources = self.pod.requests.to_json();
        let requests = resources.get("requests").cloned();
        let told = if self.without_cgroup && self.has_run() {
            match requests.as_ref().and_then(|requests| requests.get("memory")) {
                Some(memory) => json!({ "requests": { "memory": memory } }),
                None => json!({}),
            }
        } else {
            Value::Object(resources)
        };
        let allocated = requests.map(|requests| ("allocatedResources".to_owned(), requests));
        allocated.into_iter().chain([("resources".to_owned(), told)]).collect()
    }

    fn container(&self, spec: &SeenContainer, view: &View) -> Value {
        let mut status = object(json!({
            "name": spec.name,
            "image": spec.image,
            "imageID": "",
            "lastState": view.last.map_or_else(|| json!({}), |ended| self.terminated(spec, ended)),
            "ready": view.ready,
            "started": view.started,
            "restartCount": view.run,
            "state": self.state(spec, view),
        }));
        if view.has_run() {
            status.insert("containerID".to_owned(), container_id(self.pod, spec, view.run).into());
            status.insert("imageID".to_owned(), format!("sha256:{}", hex(&spec.image)).into());
            status.insert(
                "user".to_owned(),
                json!({ "linux": { "gid": 0, "supplementalGroups": [0], "uid": 0 } }),
            );
            if let Some(requests) = spec.resources.get("requests") {
                status.insert("allocatedResources".to_owned(), requests.clone());
            }
            status.insert("resources".to_owned(), Value::Object(spec.resources.clone()));
        }
        if !spec.volume_mounts.is_empty() {
            status.insert("volumeMounts".to_owned(), Value::Array(spec.volume_mounts.clone()));
        }
        Value::Object(status)
    }

    fn state(&self, spec: &SeenContainer, view: &View) -> Value {
        match view.state {
            State::Running { since } => json!({ "running": { "startedAt": seconds(since) } }),
            State::Terminated(ended) => self.terminated(spec, ended),
            State::NeverRan => json!({ "terminated": {
                "exitCode": 137,
                "reason": "ContainerStatusUnknown",
                "message": "The container could not be located when the pod was terminated",
                "startedAt": null,
                "finishedAt": null,
            }}),
            State::BackingOff(pause) => {
                let SeenPod { name, namespace, uid, .. } = self.pod;
                let pause = go_duration(pause);
                let message = format!(
                    "back-off {pause} restarting failed container={} pod={name}_{namespace}({uid})",
                    spec.name
                );
                json!({ "waiting": { "reason": "CrashLoopBackOff", "message": message } })
            }
            State::Waiting => {
                let initialises = self.pod.containers.iter().any(|container| container.role != Role::Main);
                let reason = if initialises { "PodInitializing" } else { "ContainerCreating" };
                json!({ "waiting": { "reason": reason } })
            }
        }
    }

    fn terminated(&self, spec: &SeenContainer, ended: Ended) -> Value {
        json!({ "terminated": {
            "containerID": container_id(self.pod, spec, ended.run),
            "exitCode": ended.code,
            "reason": if ended.code == 0 { "Completed" } else { "Error" },
            "startedAt": seconds(ended.since),
            "finishedAt": seconds(ended.until),
        }})
    }
}

pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
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
