//! What a node needs to know of a pod it sees: the fields of the object that matter here, taken out at the edge.

use std::{collections::BTreeMap, net::Ipv4Addr, sync::Arc, time::Duration};

use k8s_pb::{api::core::v1 as core, apimachinery::pkg::apis::meta::v1 as meta};

use super::{
    behaviour::{Behaviour, evicted_after},
    container::{Ended, State, View},
    resources::{Requests, Resources},
    uses::{UsedObject, Uses, VolumeToken},
};
use crate::json::Fields;

/// A pod that its node sees for the first time, reduced to what it uses.
#[derive(Clone, Debug, PartialEq)]
pub struct SeenPod {
    /// Uid.
    pub uid: Arc<str>,
    /// Namespace.
    pub namespace: Arc<str>,
    /// Name.
    pub name: Arc<str>,
    /// `metadata.resourceVersion`, which events about the pod mention.
    pub resource_version: Arc<str>,
    /// `metadata.generation`, which the kubelet reports back as observed.
    pub generation: i64,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// The phase in its status.
    pub phase: String,
    /// Its init containers in order, and then the others in order.
    pub containers: Arc<[SeenContainer]>,
    /// When containers that ended are started again.
    pub restart: RestartPolicy,
    /// Whether it has the addresses of its node.
    pub host_network: bool,
    /// Secrets and config maps that it uses, in order, each once.
    pub objects: Arc<[UsedObject]>,
    /// Tokens that are projected into it.
    pub tokens: Arc<[VolumeToken]>,
    /// Its service account.
    pub service_account: Arc<str>,
    /// Claims that it mounts.
    pub claims: Arc<[String]>,
    /// Whether anything is mounted into it.
    pub has_volumes: bool,
    /// What it asks the node for, as its status repeats it; empty when nothing.
    pub requests: Requests,
    /// How long after its start the kubelet evicts it, if it does.
    pub evicted_after: Option<Duration>,
    /// What an earlier process of the node has reported, if any.
    pub reported: Option<Reported>,
}

/// `spec.restartPolicy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartPolicy {
    /// However a container ends.
    Always,
    /// When a container fails.
    OnFailure,
    /// Not at all.
    Never,
}

/// What a status says that cannot be derived again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// `status.startTime`.
    pub started: jiff::Timestamp,
    /// `status.podIP`.
    pub address: Option<Ipv4Addr>,
    /// `status.observedGeneration`.
    pub generation: i64,
    /// Since when its sandbox is ready.
    pub(super) sandbox_ready: Option<jiff::Timestamp>,
    /// How each of its containers is, in the pod's order.
    pub(super) containers: Vec<View>,
}

/// One container of a pod.
#[derive(Clone, Debug, PartialEq)]
pub struct SeenContainer {
    /// Name.
    pub name: String,
    /// Image reference.
    pub image: String,
    /// What it is for.
    pub role: Role,
    /// Whether its image is asked for at every start (`imagePullPolicy: Always`).
    pub always_pulls: bool,
    /// Its readiness probe.
    pub readiness: Option<Probe>,
    /// Its startup probe.
    pub startup: Option<Probe>,
    /// What its program does.
    pub behaviour: Behaviour,
    /// What it asks for and may use.
    pub resources: Resources,
    /// `volumeMounts`.
    pub volume_mounts: Vec<Mount>,
}

/// A volume mounted into a container, as far as its status repeats it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Which volume.
    pub name: String,
    /// Where.
    pub path: String,
    /// How the mounts beneath a read-only one are (`recursiveReadOnly`), which is spelled out; `None` for one that can be written.
    pub read_only: Option<String>,
}

/// What a container is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It runs to its end before the next one starts.
    Init,
    /// It is started in its turn among the init containers, and then runs beside the others.
    Sidecar,
    /// What the pod is there for.
    Main,
}

/// A probe, as far as its success takes time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// From the start of the container to the first try.
    pub delay: Duration,
    /// From try to try.
    pub period: Duration,
}

impl Probe {
    fn from_probe(probe: &core::Probe) -> Self {
        let seconds = |value: Option<i32>| Duration::from_secs(value.unwrap_or(0).try_into().unwrap_or(0));
        Self {
            delay: seconds(probe.initial_delay_seconds),
            period: seconds(probe.period_seconds).max(Duration::from_secs(1)),
        }
    }

    /// How long after the container's start the first try begins that succeeds, when one would from `possible` on.
    pub(super) fn first_success(self, possible: Duration) -> Duration {
        let missed = possible.saturating_sub(self.delay);
        let tries = missed.as_nanos().div_ceil(self.period.as_nanos());
        self.delay + self.period * u32::try_from(tries).unwrap_or(u32::MAX)
    }
}

impl SeenPod {
    /// Takes what is needed out of a pod. `None` if it lacks a name or a uid, which no pod from a server does.
    pub fn from_pod(pod: core::Pod) -> Option<Self> {
        let metadata = pod.metadata?;
        let status = pod.status.unwrap_or_default();
        let spec = pod.spec.unwrap_or_default();
        let namespace: Arc<str> = metadata.namespace.unwrap_or_default().into();
        let containers = containers(&spec, &metadata.annotations);
        let name: Arc<str> = metadata.name?.into();
        let uses = Uses::of(&spec, &name, &namespace);
        Some(Self {
            uid: metadata.uid?.into(),
            name,
            resource_version: metadata.resource_version.unwrap_or_default().into(),
            generation: metadata.generation.unwrap_or(1),
            deleting: metadata.deletion_timestamp.is_some(),
            restart: RestartPolicy::of(spec.restart_policy.as_deref()),
            host_network: spec.host_network == Some(true),
            objects: uses.objects.into(),
            tokens: uses.tokens.into(),
            claims: uses.claims.into(),
            has_volumes: !spec.volumes.is_empty(),
            service_account: spec.service_account_name.unwrap_or_default().into(),
            requests: Requests::of(&containers),
            evicted_after: evicted_after(&metadata.annotations),
            reported: Reported::from_status(&status, &containers),
            phase: status.phase.unwrap_or_default(),
            containers: containers.into(),
            namespace,
        })
    }

    /// Whether the pod has run to its end.
    pub fn has_ended(&self) -> bool {
        matches!(self.phase.as_str(), "Succeeded" | "Failed")
    }
}

fn containers(spec: &core::PodSpec, annotations: &BTreeMap<String, String>) -> Vec<SeenContainer> {
    let init = spec.init_containers.iter().map(|container| {
        let role =
            if container.restart_policy.as_deref() == Some("Always") { Role::Sidecar } else { Role::Init };
        (role, container)
    });
    let main = spec.containers.iter().map(|container| (Role::Main, container));
    init.chain(main).map(|(role, container)| SeenContainer::new(container, role, annotations)).collect()
}

impl RestartPolicy {
    fn of(text: Option<&str>) -> Self {
        match text {
            Some("Never") => Self::Never,
            Some("OnFailure") => Self::OnFailure,
            _ => Self::Always,
        }
    }
}

impl Reported {
    fn from_status(status: &core::PodStatus, containers: &[SeenContainer]) -> Option<Self> {
        let sandbox = status.conditions.iter().find(|condition| {
            condition.r#type.as_deref() == Some("PodReadyToStartContainers")
                && condition.status.as_deref() == Some("True")
        });
        let statuses = status.init_container_statuses.iter().chain(&status.container_statuses);
        let view = |container: &SeenContainer| {
            let status = statuses.clone().find(|status| status.name.as_deref() == Some(&container.name));
            status.map(View::from_status).unwrap_or_default()
        };
        Some(Self {
            started: timestamp(status.start_time.as_ref()?)?,
            address: status.pod_ip.as_deref().and_then(|address| address.parse().ok()),
            generation: status.observed_generation.unwrap_or(1),
            sandbox_ready: sandbox.and_then(|it| timestamp(it.last_transition_time.as_ref()?)),
            containers: containers.iter().map(view).collect(),
        })
    }
}

impl View {
    fn from_status(status: &core::ContainerStatus) -> Self {
        let run = status.restart_count.and_then(|count| u32::try_from(count).ok()).unwrap_or(0);
        let last = status.last_state.as_ref().and_then(|last| last.terminated.as_ref());
        let last = last.and_then(|last| ended(last, run.saturating_sub(1)));
        let state = status.state.clone().unwrap_or_default();
        let running = state.running.and_then(|running| timestamp(running.started_at.as_ref()?));
        let state = match (running, state.terminated.as_ref()) {
            (Some(since), _) => State::Running { since },
            (None, Some(terminated)) => ended(terminated, run).map_or(State::NeverRan, State::Terminated),
            // One that waits for its restart has ended.
            (None, None) => last.map_or(State::Waiting, |last| State::Terminated(Ended { run, ..last })),
        };
        Self { state, run, last, started: status.started == Some(true), ready: status.ready == Some(true) }
    }
}

fn ended(terminated: &core::ContainerStateTerminated, run: u32) -> Option<Ended> {
    Some(Ended {
        run,
        code: terminated.exit_code.unwrap_or(0),
        since: timestamp(terminated.started_at.as_ref()?)?,
        until: timestamp(terminated.finished_at.as_ref()?)?,
    })
}

impl SeenContainer {
    fn new(container: &core::Container, role: Role, annotations: &BTreeMap<String, String>) -> Self {
        let name = container.name.clone().unwrap_or_default();
        Self {
            behaviour: Behaviour::of(&name, annotations),
            image: container.image.clone().unwrap_or_default(),
            role,
            always_pulls: container.image_pull_policy.as_deref() == Some("Always"),
            readiness: container.readiness_probe.as_ref().map(Probe::from_probe),
            startup: container.startup_probe.as_ref().map(Probe::from_probe),
            resources: container.resources.as_ref().map(Resources::of).unwrap_or_default(),
            volume_mounts: container.volume_mounts.iter().map(Mount::of).collect(),
            name,
        }
    }

    /// Whether it has to end before the pod's work begins.
    pub(super) fn ends_before_the_others(&self) -> bool {
        self.role == Role::Init
    }
}

impl Mount {
    fn of(mount: &core::VolumeMount) -> Self {
        let recursive = || mount.recursive_read_only.clone().unwrap_or_else(|| "Disabled".to_owned());
        Self {
            name: mount.name.clone().unwrap_or_default(),
            path: mount.mount_path.clone().unwrap_or_default(),
            read_only: (mount.read_only == Some(true)).then(recursive),
        }
    }

    pub(super) fn to_json(&self) -> Fields<'_> {
        let mut fields = Fields::from([("mountPath", (&self.path).into()), ("name", (&self.name).into())]);
        if let Some(recursive) = &self.read_only {
            fields.insert("readOnly", true);
            fields.insert("recursiveReadOnly", recursive);
        }
        fields
    }
}

fn timestamp(time: &meta::Time) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_second(time.seconds?).ok()
}
