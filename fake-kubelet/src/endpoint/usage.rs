//! What containers that do not exist would use: a function of the container and the time, so that nothing is kept and a
//! node that is started again goes on where it was.

use std::{f64::consts::TAU, time::Duration};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::snapshot::{ContainerSnapshot, ContainerState, NodeSnapshot, PodSnapshot};

/// What the node's own services use: about what a kubelet and a containerd without pods do.
const NODE_CPU_CORES: f64 = 0.1;
const NODE_MEMORY_BYTES: f64 = 500.0 * MIB;
const MIB: f64 = 1_048_576.0;
/// The memory of the container that holds a pod's namespaces.
const SANDBOX_MEMORY_BYTES: f64 = 0.25 * MIB;
/// Memory goes up and down by so much of itself.
const SWING: f64 = 0.1;
/// And takes so many seconds for it.
const SWING_SECONDS: f64 = 600.0;

/// What somebody uses, or has used.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Usage {
    /// CPU time so far, in core seconds.
    pub(super) cpu_seconds: f64,
    /// Working set.
    pub(super) memory_bytes: f64,
}

/// How far a node's CPU counter had come at a scrape. Pods end, and their part of the counter stays: the counter is what was
/// used at each scrape, added up over the time between them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Reading {
    at: Timestamp,
    cpu_seconds: f64,
}

/// A container's ways, drawn from its pod's uid and its name.
struct Character {
    cpu_cores: f64,
    memory_bytes: f64,
    /// Where in its swing the memory is at the epoch, as a part of a turn.
    phase: f64,
}

impl Character {
    fn of(pod: &PodSnapshot, container: &ContainerSnapshot) -> Self {
        let hash = Sha256::digest(format!("{}/{}", pod.uid, container.name));
        let drawn = |at: usize| f64::from(u16::from_be_bytes([hash[at], hash[at + 1]])) / 65536.0;
        let within = |drawn: f64, low: f64, high: f64| low + (high - low) * drawn;
        let cpu_cores = match container.cpu_request_millis {
            Some(request) => whole(request) / 1000.0 * within(drawn(0), 0.2, 0.8),
            None => within(drawn(0), 0.005, 0.05),
        };
        let memory_bytes = match container.memory_request_bytes {
            Some(request) => whole(request) * within(drawn(2), 0.3, 0.8),
            None => within(drawn(2), 16.0 * MIB, 64.0 * MIB),
        };
        Self { cpu_cores, memory_bytes, phase: drawn(4) }
    }

    fn memory_at(&self, now: Timestamp) -> f64 {
        let turns = whole(now.as_second().unsigned_abs()) / SWING_SECONDS + self.phase;
        (self.memory_bytes * (1.0 + SWING * (TAU * turns).sin())).round()
    }
}

#[expect(clippy::cast_precision_loss, reason = "bytes and seconds stay far below 2^53")]
fn whole(number: u64) -> f64 {
    number as f64
}

/// Seconds from `since` to `until`, zero if that is earlier.
fn seconds(since: Timestamp, until: Timestamp) -> f64 {
    Duration::try_from(until.duration_since(since)).unwrap_or_default().as_secs_f64()
}

/// What a container uses while it runs, since it was started.
pub(super) fn of_container(
    pod: &PodSnapshot,
    container: &ContainerSnapshot,
    now: Timestamp,
) -> Option<Usage> {
    let ContainerState::Running { since } = container.state else { return None };
    let character = Character::of(pod, container);
    Some(Usage {
        cpu_seconds: character.cpu_cores * seconds(since, now),
        memory_bytes: character.memory_at(now),
    })
}

/// What a pod uses while one of its containers runs. Its CPU counts from the pod's start, so that it goes on when a container
/// is started again.
pub(super) fn of_pod(pod: &PodSnapshot, now: Timestamp) -> Option<Usage> {
    let running = pod.containers.iter().filter_map(|container| of_container(pod, container, now));
    let memory: Vec<f64> = running.map(|usage| usage.memory_bytes).collect();
    if memory.is_empty() {
        return None;
    }
    let cpu = pod.containers.iter().map(|container| {
        let until = match container.state {
            ContainerState::Running { .. } => now,
            ContainerState::Ended(ran) => ran.until,
            ContainerState::Waiting(_) => container.previous.map_or(pod.started, |ran| ran.until),
            ContainerState::NeverRan => pod.started,
        };
        Character::of(pod, container).cpu_cores * seconds(pod.started, until)
    });
    Some(Usage { cpu_seconds: cpu.sum(), memory_bytes: memory.iter().sum::<f64>() + SANDBOX_MEMORY_BYTES })
}

/// What the node uses, and where its CPU counter stands now; `last` is where it stood at the scrape before.
pub(super) fn of_node(node: &NodeSnapshot, last: Option<Reading>, now: Timestamp) -> (Usage, Reading) {
    let pods: Vec<Usage> = node.pods.iter().filter_map(|pod| of_pod(pod, now)).collect();
    let cpu_seconds = if let Some(last) = last {
        last.cpu_seconds + (NODE_CPU_CORES + cores(node)) * seconds(last.at, now)
    } else {
        let used: f64 = pods.iter().map(|usage| usage.cpu_seconds).sum();
        used + NODE_CPU_CORES * seconds(node.started, now)
    };
    let memory_bytes = NODE_MEMORY_BYTES + pods.iter().map(|usage| usage.memory_bytes).sum::<f64>();
    let at = last.map_or(now, |last| last.at.max(now));
    (Usage { cpu_seconds, memory_bytes }, Reading { at, cpu_seconds })
}

/// The cores that all running containers of a node use.
fn cores(node: &NodeSnapshot) -> f64 {
    let containers = node.pods.iter().flat_map(|pod| pod.containers.iter().map(move |it| (pod, it)));
    let running = containers.filter(|(_, it)| matches!(it.state, ContainerState::Running { .. }));
    running.map(|(pod, container)| Character::of(pod, container).cpu_cores).sum()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::snapshot::Ran;

    pub(crate) fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    /// A node with one pod, whose only container requests half a core and 1 GiB and runs since second 10.
    pub(crate) fn node() -> NodeSnapshot {
        let container = ContainerSnapshot {
            name: "app".to_owned(),
            state: ContainerState::Running { since: at(10) },
            previous: None,
            cpu_request_millis: Some(500),
            memory_request_bytes: Some(1 << 30),
        };
        let pod = PodSnapshot {
            namespace: "default".into(),
            name: "web".into(),
            uid: "6b1f".into(),
            started: at(8),
            containers: vec![container],
        };
        NodeSnapshot { name: "n-0".into(), started: at(0), pods: vec![pod] }
    }

    #[test]
    fn a_container_uses_a_share_of_what_it_requests() {
        let mut node = node();
        let pod = &mut node.pods[0];
        for request in [Some(500), None] {
            pod.containers[0].cpu_request_millis = request;
            for uid in 0..200 {
                pod.uid = uid.to_string().into();
                let usage = of_container(pod, &pod.containers[0], at(110)).unwrap();
                let cores = usage.cpu_seconds / 100.0;
                let (low, high) = if request.is_some() { (0.1, 0.4) } else { (0.005, 0.05) };
                assert!((low..=high).contains(&cores), "{cores}");
                assert!((0.25e9..1e9).contains(&usage.memory_bytes), "{usage:?}");
            }
        }
    }

    #[test]
    fn counters_only_go_up_and_are_the_same_when_asked_again() {
        let node = node();
        let (pod, container) = (&node.pods[0], &node.pods[0].containers[0]);
        let mut last = (0.0, 0.0, None);
        for second in (10..1000).step_by(7) {
            let of_container = |()| of_container(pod, container, at(second)).unwrap();
            assert_eq!(of_container(()), of_container(()));
            let (cpu, pod_cpu) = (of_container(()).cpu_seconds, of_pod(pod, at(second)).unwrap().cpu_seconds);
            let (usage, reading) = of_node(&node, last.2, at(second));
            assert!(cpu >= last.0 && pod_cpu >= last.1 && usage.cpu_seconds >= cpu);
            assert!(last.2.is_none_or(|last| usage.cpu_seconds > last.cpu_seconds));
            last = (cpu, pod_cpu, Some(reading));
        }
    }

    #[test]
    fn a_node_keeps_what_its_pods_have_used_when_they_end() {
        let mut node = node();
        let (before, reading) = of_node(&node, None, at(500));
        node.pods.clear();
        let (after, _) = of_node(&node, Some(reading), at(510));
        assert!((after.cpu_seconds - before.cpu_seconds - 10.0 * NODE_CPU_CORES).abs() < 1e-9);
        assert!(after.memory_bytes < before.memory_bytes);
    }

    #[test]
    fn a_clock_that_steps_back_takes_nothing_away() {
        let node = node();
        let (before, reading) = of_node(&node, None, at(500));
        let (after, reading) = of_node(&node, Some(reading), at(400));
        assert!(after.cpu_seconds >= before.cpu_seconds);
        assert!(of_node(&node, Some(reading), at(501)).0.cpu_seconds < before.cpu_seconds + 1.0);
    }

    #[test]
    fn a_container_that_is_started_again_counts_anew_and_its_pod_goes_on() {
        let mut node = node();
        let pod = &mut node.pods[0];
        let before = of_pod(pod, at(300)).unwrap();
        pod.containers[0].previous = Some(Ran { since: at(10), until: at(300) });
        pod.containers[0].state = ContainerState::Running { since: at(301) };
        assert!(of_container(pod, &pod.containers[0], at(301)).unwrap().cpu_seconds < 1e-9);
        assert!(of_pod(pod, at(301)).unwrap().cpu_seconds >= before.cpu_seconds);
    }

    #[test]
    fn what_does_not_run_uses_nothing() {
        let mut node = node();
        let pod = &mut node.pods[0];
        for state in [
            ContainerState::Waiting("ContainerCreating"),
            ContainerState::NeverRan,
            ContainerState::Ended(Ran { since: at(10), until: at(20) }),
        ] {
            pod.containers[0].state = state;
            assert_eq!((of_container(pod, &pod.containers[0], at(30)), of_pod(pod, at(30))), (None, None));
        }
    }
}
