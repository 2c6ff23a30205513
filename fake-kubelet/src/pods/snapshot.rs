//! What a node's pods show of themselves to its HTTPS endpoint.

use std::collections::BTreeMap;

use measure::Nanos;

use super::{
    Pods,
    container::{Ended, State, View},
    life::Life,
    quantity::Quantity,
    seen::SeenContainer,
};
use crate::snapshot::{ContainerSnapshot, ContainerState, PodSnapshot, Ran};

impl Pods {
    /// When the node started.
    pub(crate) fn started(&self) -> Nanos {
        self.started
    }

    /// All pods of the node as they are now.
    pub(crate) fn snapshot(&self) -> Vec<PodSnapshot> {
        self.lives.iter().map(pod).collect()
    }
}

fn pod(life: &Life) -> PodSnapshot {
    let pod = life.pod();
    PodSnapshot {
        namespace: pod.namespace.clone(),
        name: pod.name.clone(),
        uid: pod.uid.clone(),
        started: life.started(),
        containers: pod
            .containers
            .iter()
            .zip(life.views())
            .map(|(spec, view)| container(spec, view))
            .collect(),
    }
}

fn container(spec: &SeenContainer, view: &View) -> ContainerSnapshot {
    let requests = &spec.resources.requests;
    ContainerSnapshot {
        name: spec.name.clone(),
        state: match view.state {
            State::Waiting => ContainerState::Waiting("ContainerCreating"),
            State::BackingOff(_) => ContainerState::Waiting("CrashLoopBackOff"),
            State::Running { since } => ContainerState::Running { since },
            State::Terminated(ended) => ContainerState::Ended(ran(ended)),
            State::NeverRan => ContainerState::NeverRan,
        },
        previous: view.last.map(ran),
        cpu_request_millis: request(requests, "cpu", Quantity::milli),
        memory_request_bytes: request(requests, "memory", Quantity::value),
    }
}

fn ran(ended: Ended) -> Ran {
    Ran { since: ended.since, until: ended.until }
}

fn request(
    requests: &BTreeMap<String, String>,
    resource: &str,
    amount: impl Fn(Quantity) -> i128,
) -> Option<u64> {
    let quantity = Quantity::parse(requests.get(resource)?);
    u64::try_from(amount(quantity)).ok()
}
