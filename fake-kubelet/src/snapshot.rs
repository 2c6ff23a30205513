//! What a node shows of itself and its pods to whoever asks its HTTPS endpoint: copied out on demand, kept nowhere.

use std::sync::Arc;

use jiff::Timestamp;

/// A node at a moment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NodeSnapshot {
    pub(crate) name: Arc<str>,
    /// When its kubelet started.
    pub(crate) started: Timestamp,
    pub(crate) pods: Vec<PodSnapshot>,
}

/// A pod on it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PodSnapshot {
    pub(crate) namespace: Arc<str>,
    pub(crate) name: Arc<str>,
    pub(crate) uid: Arc<str>,
    /// `status.startTime`.
    pub(crate) started: Timestamp,
    pub(crate) containers: Vec<ContainerSnapshot>,
}

/// A container of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ContainerSnapshot {
    pub(crate) name: String,
    pub(crate) state: ContainerState,
    /// The run before the last restart.
    pub(crate) previous: Option<Ran>,
    pub(crate) cpu_request_millis: Option<u64>,
    pub(crate) memory_request_bytes: Option<u64>,
}

/// How far a container has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContainerState {
    /// It waits, with the reason that its status shows.
    Waiting(&'static str),
    Running {
        since: Timestamp,
    },
    Ended(Ran),
    /// It ended with its pod before it ran.
    NeverRan,
}

/// From when to when a container ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) since: Timestamp,
    pub(crate) until: Timestamp,
}

impl NodeSnapshot {
    /// The pod of this name.
    pub(crate) fn pod(&self, namespace: &str, name: &str) -> Option<&PodSnapshot> {
        self.pods.iter().find(|pod| *pod.namespace == *namespace && *pod.name == *name)
    }
}

impl PodSnapshot {
    /// The container of this name.
    pub(crate) fn container(&self, name: &str) -> Option<&ContainerSnapshot> {
        self.containers.iter().find(|container| container.name == name)
    }
}
