//! What a node needs to know of a pod it sees: a few fields of the object, taken out at the edge.

use std::{net::Ipv4Addr, sync::Arc};

use k8s_pb::{api::core::v1 as core, apimachinery::pkg::apis::meta::v1 as meta};
use serde_json::{Map, Value, json};

/// A pod as the watch shows it, reduced to what its node uses.
#[derive(Clone, Debug, PartialEq)]
pub struct SeenPod {
    /// Uid.
    pub uid: Arc<str>,
    /// Namespace.
    pub namespace: Arc<str>,
    /// Name.
    pub name: Arc<str>,
    /// `metadata.generation`, which the kubelet reports back as observed.
    pub generation: i64,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// The phase in its status.
    pub phase: String,
    /// Its containers, in order.
    pub containers: Arc<[SeenContainer]>,
    /// Its containers are ready and yet it is not: somebody else, such as the node lifecycle controller, has said so.
    pub denied: bool,
    /// What an earlier process of the node has reported, if any.
    pub reported: Option<Reported>,
}

/// What a status says that cannot be derived again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reported {
    /// `status.startTime`.
    pub started: jiff::Timestamp,
    /// `status.podIP`.
    pub address: Option<Ipv4Addr>,
    /// When the containers began to run.
    pub running: Option<jiff::Timestamp>,
    /// `status.observedGeneration`.
    pub generation: i64,
}

/// One container of a pod.
#[derive(Clone, Debug, PartialEq)]
pub struct SeenContainer {
    /// Name.
    pub name: String,
    /// Image reference.
    pub image: String,
    /// `resources.requests` and `resources.limits` as the status repeats them; empty when there are none.
    pub resources: Map<String, Value>,
    /// `volumeMounts` as the status repeats them.
    pub volume_mounts: Vec<Value>,
}

impl SeenPod {
    /// Takes what is needed out of a pod. `None` if it lacks a name or a uid, which no pod from a server does.
    pub fn from_pod(pod: core::Pod) -> Option<Self> {
        let metadata = pod.metadata?;
        let status = pod.status.unwrap_or_default();
        let containers =
            pod.spec.unwrap_or_default().containers.into_iter().map(SeenContainer::from_container);
        Some(Self {
            uid: metadata.uid?.into(),
            namespace: metadata.namespace.unwrap_or_default().into(),
            name: metadata.name?.into(),
            generation: metadata.generation.unwrap_or(1),
            deleting: metadata.deletion_timestamp.is_some(),
            containers: containers.collect(),
            denied: is_denied(&status),
            reported: Reported::from_status(&status),
            phase: status.phase.unwrap_or_default(),
        })
    }

    /// Whether the pod has run to its end.
    pub fn has_ended(&self) -> bool {
        matches!(self.phase.as_str(), "Succeeded" | "Failed")
    }
}

fn is_denied(status: &core::PodStatus) -> bool {
    let ready = status.conditions.iter().find(|condition| condition.r#type.as_deref() == Some("Ready"));
    let containers = &status.container_statuses;
    ready.is_some_and(|ready| ready.status.as_deref() != Some("True"))
        && !containers.is_empty()
        && containers.iter().all(|container| container.ready == Some(true))
}

impl Reported {
    fn from_status(status: &core::PodStatus) -> Option<Self> {
        let running = status.container_statuses.iter().find_map(|container| {
            let running = container.state.as_ref()?.running.as_ref()?;
            timestamp(running.started_at.as_ref()?)
        });
        Some(Self {
            started: timestamp(status.start_time.as_ref()?)?,
            address: status.pod_ip.as_deref().and_then(|address| address.parse().ok()),
            running,
            generation: status.observed_generation.unwrap_or(1),
        })
    }
}

impl SeenContainer {
    fn from_container(container: core::Container) -> Self {
        let mut resources = Map::new();
        let spec = container.resources.unwrap_or_default();
        for (key, quantities) in [("limits", spec.limits), ("requests", spec.requests)] {
            if !quantities.is_empty() {
                let values = quantities
                    .into_iter()
                    .map(|(name, value)| (name, value.string.unwrap_or_default().into()));
                resources.insert(key.to_owned(), Value::Object(values.collect()));
            }
        }
        Self {
            name: container.name.unwrap_or_default(),
            image: container.image.unwrap_or_default(),
            resources,
            volume_mounts: container.volume_mounts.into_iter().map(volume_mount).collect(),
        }
    }
}

/// How a container's status repeats a mount; `recursiveReadOnly` is spelled out for read-only ones.
fn volume_mount(mount: core::VolumeMount) -> Value {
    let mut value = json!({ "mountPath": mount.mount_path, "name": mount.name });
    if mount.read_only == Some(true) {
        value["readOnly"] = true.into();
        value["recursiveReadOnly"] =
            mount.recursive_read_only.unwrap_or_else(|| "Disabled".to_owned()).into();
    }
    value
}

fn timestamp(time: &meta::Time) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_second(time.seconds?).ok()
}
