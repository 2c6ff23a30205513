//! What a node has room for: the part of a kubelet's admission that fake pods can fail (`lifecycle/predicate.go`).

use super::{life::Life, quantity::Quantity, seen::SeenPod};
use crate::node::NodeSpec;

/// What the pods of a node take up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Room {
    /// Pods that are being started: they slow each other down.
    starting: u32,
    pods: i128,
    cpu: i128,
    memory: i128,
}

/// Why a pod is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) reason: &'static str,
    pub(super) message: String,
}

impl Room {
    /// What these pods take up.
    pub(super) fn taken_by<'a>(lives: impl Iterator<Item = &'a Life>) -> Self {
        let mut room = Self::default();
        for life in lives.filter(|life| life.takes_room()) {
            room.starting += u32::from(life.is_starting());
            room.pods += 1;
            room.cpu += life.pod().requests.cpu().milli();
            room.memory += life.pod().requests.memory().value();
        }
        room
    }

    /// How much longer the runtime takes for a pod when it starts others at the same time. Of five recorded pods that started
    /// together each took two to three times as long as one alone.
    pub(super) fn slows_down(&self) -> f64 {
        1.0 + 0.4 * f64::from(self.starting.saturating_sub(1))
    }

    /// Refuses a pod that does not fit beside the others; the first resource that is short is named.
    pub(super) fn refuse(&self, pod: &SeenPod, node: &NodeSpec) -> Option<Refusal> {
        let requests = &pod.requests;
        let pods: i128 = node.max_pods.into();
        let cpu = Quantity::parse(&node.cpu).milli();
        let memory = Quantity::parse(&node.memory).value();
        [
            ("OutOfpods", "pods", 1, self.pods, pods),
            ("OutOfcpu", "cpu", requests.cpu().milli(), self.cpu, cpu),
            ("OutOfmemory", "memory", requests.memory().value(), self.memory, memory),
        ]
        .into_iter()
        .find(|(_, _, requested, used, capacity)| *requested > 0 && used + requested > *capacity)
        .map(|(reason, resource, requested, used, capacity)| Refusal {
            reason,
            message: format!(
                "Node didn't have enough resource: {resource}, requested: {requested}, used: {used}, capacity: {capacity}"
            ),
        })
    }
}
