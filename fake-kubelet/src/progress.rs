//! How far a fleet has come, readable from any thread while it runs.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use crate::action::Milestone;

/// Counts since the fleet started. Nodes and pods are counted once for each step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FleetProgress {
    /// Nodes whose kubelet has been started.
    pub started: u64,
    /// Nodes whose Node object exists.
    pub registered: u64,
    /// Nodes whose Ready=True the apiserver has acknowledged.
    pub ready: u64,
    /// Times a node has shut down on command.
    pub stopped: u64,
    /// Pods taken over from an earlier process of their node.
    pub pods_adopted: u64,
    /// Pods whose phase Running the apiserver has acknowledged.
    pub pods_started: u64,
    /// Pods that no longer exist.
    pub pods_gone: u64,
    /// Times a node failed to renew its lease five times in a row.
    pub leases_missed: u64,
    /// Times a node was taken for dead, as it has seen itself: Ready became Unknown.
    pub nodes_written_off: u64,
    /// Those of them in which the node was silent indeed.
    pub silences_detected: u64,
    /// Nodes that are silent at the moment.
    pub nodes_silent: u64,
    /// Nodes in whose place another came.
    pub nodes_replaced: u64,
    /// Pods that the taint manager has deleted, as their nodes have seen them.
    pub pods_taint_evicted: u64,
    /// Requests without an answer.
    pub failed_requests: u64,
    /// Requests that the apiserver refused; 409, and 404 to a GET, are answers and not counted.
    pub refused_requests: u64,
    /// The last thing that went wrong, in words.
    pub last_error: Option<String>,
}

impl FleetProgress {
    /// That of two fleets together; of their last errors, that of the second where it has one.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            started: self.started + other.started,
            registered: self.registered + other.registered,
            ready: self.ready + other.ready,
            stopped: self.stopped + other.stopped,
            pods_adopted: self.pods_adopted + other.pods_adopted,
            pods_started: self.pods_started + other.pods_started,
            pods_gone: self.pods_gone + other.pods_gone,
            leases_missed: self.leases_missed + other.leases_missed,
            nodes_written_off: self.nodes_written_off + other.nodes_written_off,
            silences_detected: self.silences_detected + other.silences_detected,
            nodes_silent: self.nodes_silent + other.nodes_silent,
            nodes_replaced: self.nodes_replaced + other.nodes_replaced,
            pods_taint_evicted: self.pods_taint_evicted + other.pods_taint_evicted,
            failed_requests: self.failed_requests + other.failed_requests,
            refused_requests: self.refused_requests + other.refused_requests,
            last_error: other.last_error.or(self.last_error),
        }
    }

    /// Times a node was taken for dead that was not silent.
    pub fn false_alarms(&self) -> u64 {
        self.nodes_written_off.saturating_sub(self.silences_detected)
    }
}

/// The counters behind [`FleetProgress`], shared by the shards.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    started: AtomicU64,
    registered: AtomicU64,
    ready: AtomicU64,
    stopped: AtomicU64,
    pods_adopted: AtomicU64,
    pods_started: AtomicU64,
    pods_gone: AtomicU64,
    leases_missed: AtomicU64,
    false_alarms: AtomicU64,
    silences_detected: AtomicU64,
    nodes_silent: AtomicU64,
    nodes_replaced: AtomicU64,
    pods_taint_evicted: AtomicU64,
    failed_requests: AtomicU64,
    refused_requests: AtomicU64,
    last_error: Mutex<Option<String>>,
}

impl Counters {
    pub(crate) fn node_started(&self) {
        self.started.fetch_add(1, Relaxed);
    }

    pub(crate) fn node_stopped(&self) {
        self.stopped.fetch_add(1, Relaxed);
    }

    pub(crate) fn node_fell_silent(&self) {
        self.nodes_silent.fetch_add(1, Relaxed);
    }

    pub(crate) fn node_spoke(&self) {
        self.nodes_silent.fetch_sub(1, Relaxed);
    }

    pub(crate) fn node_replaced(&self) {
        self.nodes_replaced.fetch_add(1, Relaxed);
    }

    pub(crate) fn reached(&self, milestone: Milestone) {
        let counter = match milestone {
            Milestone::NodeRegistered => &self.registered,
            Milestone::NodeReady => &self.ready,
            Milestone::PodAdopted => &self.pods_adopted,
            Milestone::PodRunning => &self.pods_started,
            Milestone::PodGone => &self.pods_gone,
            Milestone::LeaseMissed => &self.leases_missed,
            Milestone::NodeWrittenOff(None) => &self.false_alarms,
            Milestone::NodeWrittenOff(Some(_)) => &self.silences_detected,
            Milestone::PodTaintEvicted => &self.pods_taint_evicted,
        };
        counter.fetch_add(1, Relaxed);
    }

    pub(crate) fn request_failed(&self, error: &str) {
        self.failed_requests.fetch_add(1, Relaxed);
        self.note(error);
    }

    pub(crate) fn request_refused(&self, refusal: &str) {
        self.refused_requests.fetch_add(1, Relaxed);
        self.note(refusal);
    }

    /// Keeps `error` as the last one.
    pub(crate) fn note(&self, error: &str) {
        let mut last = self.last_error.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some(error.to_owned());
    }

    pub(crate) fn read(&self) -> FleetProgress {
        let silences_detected = self.silences_detected.load(Relaxed);
        FleetProgress {
            started: self.started.load(Relaxed),
            registered: self.registered.load(Relaxed),
            ready: self.ready.load(Relaxed),
            stopped: self.stopped.load(Relaxed),
            pods_adopted: self.pods_adopted.load(Relaxed),
            pods_started: self.pods_started.load(Relaxed),
            pods_gone: self.pods_gone.load(Relaxed),
            leases_missed: self.leases_missed.load(Relaxed),
            nodes_written_off: self.false_alarms.load(Relaxed) + silences_detected,
            silences_detected,
            nodes_silent: self.nodes_silent.load(Relaxed),
            nodes_replaced: self.nodes_replaced.load(Relaxed),
            pods_taint_evicted: self.pods_taint_evicted.load(Relaxed),
            failed_requests: self.failed_requests.load(Relaxed),
            refused_requests: self.refused_requests.load(Relaxed),
            last_error: self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}
