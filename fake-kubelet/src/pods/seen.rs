//! What a node needs to know of a pod it sees: the fields of the object that matter here, taken out at the edge.

use std::{collections::BTreeMap, net::Ipv4Addr, sync::Arc, time::Duration};

use k8s_pb::{api::core::v1 as core, apimachinery::pkg::apis::meta::v1 as meta};
use serde_json::{Map, Value, json};

use super::{
    behaviour::{Behaviour, evicted_after},
    container::{Ended, State, View},
    quantity::Quantity,
    uses::{UsedObject, Uses, VolumeToken},
};

/// A pod as the watch shows it, reduced to what its node uses.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "facts about one pod that do not depend on each other")]
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
    /// Its containers are ready and yet it is not: somebody else, such as the node lifecycle controller, has said so.
    pub denied: bool,
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

/// A pod's `resources` as its status repeats them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Requests {
    pub(super) requests: BTreeMap<String, Quantity>,
    pub(super) limits: BTreeMap<String, Quantity>,
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
    /// `resources.requests` and `resources.limits` as the status repeats them; empty when there are none.
    pub resources: Map<String, Value>,
    /// `volumeMounts` as the status repeats them.
    pub volume_mounts: Vec<Value>,
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
        let uses = Uses::of(&spec, &namespace);
        Some(Self {
            uid: metadata.uid?.into(),
            name: metadata.name?.into(),
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
            denied: is_denied(&status),
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

fn is_denied(status: &core::PodStatus) -> bool {
    let ready = status.conditions.iter().find(|condition| condition.r#type.as_deref() == Some("Ready"));
    let containers = &status.container_statuses;
    ready.is_some_and(|ready| ready.status.as_deref() != Some("True"))
        && !containers.is_empty()
        && containers.iter().all(|container| container.ready == Some(true))
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

impl Requests {
    /// The sum of the containers that run together, or what an init container asks for if that is more
    /// (`component-helpers/resource/helpers.go`, `PodRequests`).
    fn of(containers: &[SeenContainer]) -> Self {
        Self { requests: sums(containers, "requests"), limits: sums(containers, "limits") }
    }

    pub(super) fn to_json(&self) -> Map<String, Value> {
        let part = |amounts: &BTreeMap<String, Quantity>| {
            let amounts = amounts.iter().map(|(name, amount)| (name.clone(), amount.to_string().into()));
            Value::Object(amounts.collect())
        };
        let parts = [("limits", &self.limits), ("requests", &self.requests)];
        let parts = parts.into_iter().filter(|(_, amounts)| !amounts.is_empty());
        parts.map(|(name, amounts)| (name.to_owned(), part(amounts))).collect()
    }

    /// Whether any of it is read from the pod's cgroup while there is one.
    pub(super) fn is_in_cgroup(&self) -> bool {
        !self.limits.is_empty() || self.requests.contains_key("cpu")
    }

    pub(super) fn amount(&self, resource: &str) -> Quantity {
        self.requests.get(resource).copied().unwrap_or_default()
    }
}

fn sums(containers: &[SeenContainer], kind: &str) -> BTreeMap<String, Quantity> {
    let (mut together, mut beside, mut most) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for container in containers {
        let amounts = container.resources.get(kind).and_then(Value::as_object).into_iter().flatten();
        for (name, amount) in amounts {
            let amount = Quantity::parse(amount.as_str().unwrap_or_default());
            let total: &mut BTreeMap<String, Quantity> = &mut together;
            match container.role {
                Role::Init => {
                    // It runs beside the sidecars that were started before it.
                    let mut sum: Quantity = beside.get(name).copied().unwrap_or_default();
                    sum += amount;
                    let most: &mut Quantity = most.entry(name.clone()).or_default();
                    *most = most.max(sum);
                }
                Role::Sidecar => {
                    *beside.entry(name.clone()).or_default() += amount;
                    *total.entry(name.clone()).or_default() += amount;
                }
                Role::Main => *total.entry(name.clone()).or_default() += amount,
            }
        }
    }
    for (name, most) in most {
        let total: &mut Quantity = together.entry(name).or_default();
        *total = total.max(most);
    }
    together
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
        let mut resources = Map::new();
        let spec = container.resources.clone().unwrap_or_default();
        for (key, quantities) in [("limits", spec.limits), ("requests", spec.requests)] {
            if !quantities.is_empty() {
                let values = quantities
                    .into_iter()
                    .map(|(name, value)| (name, value.string.unwrap_or_default().into()));
                resources.insert(key.to_owned(), Value::Object(values.collect()));
            }
        }
        let name = container.name.clone().unwrap_or_default();
        Self {
            behaviour: Behaviour::of(&name, annotations),
            image: container.image.clone().unwrap_or_default(),
            role,
            always_pulls: container.image_pull_policy.as_deref() == Some("Always"),
            readiness: container.readiness_probe.as_ref().map(Probe::from_probe),
            startup: container.startup_probe.as_ref().map(Probe::from_probe),
            resources,
            volume_mounts: container.volume_mounts.iter().map(volume_mount).collect(),
            name,
        }
    }

    /// Whether it has to end before the pod's work begins.
    pub(super) fn ends_before_the_others(&self) -> bool {
        self.role == Role::Init
    }
}

/// How a container's status repeats a mount; `recursiveReadOnly` is spelled out for read-only ones.
fn volume_mount(mount: &core::VolumeMount) -> Value {
    let mut value = json!({ "mountPath": mount.mount_path, "name": mount.name });
    if mount.read_only == Some(true) {
        value["readOnly"] = true.into();
        let recursive = mount.recursive_read_only.as_deref().unwrap_or("Disabled");
        value["recursiveReadOnly"] = recursive.into();
    }
    value
}

fn timestamp(time: &meta::Time) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_second(time.seconds?).ok()
}
