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
    /// Requests without an answer.
    pub failed_requests: u64,
    /// Requests that the apiserver refused; 409, and 404 to a GET, are answers and not counted.
    pub refused_requests: u64,
    /// The last thing that went wrong, in words.
    pub last_error: Option<String>,
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
    nodes_written_off: AtomicU64,
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

    pub(crate) fn reached(&self, milestone: Milestone) {
        let counter = match milestone {
            Milestone::NodeRegistered => &self.registered,
            Milestone::NodeReady => &self.ready,
            Milestone::PodAdopted => &self.pods_adopted,
            Milestone::PodRunning => &self.pods_started,
            Milestone::PodGone => &self.pods_gone,
            Milestone::LeaseMissed => &self.leases_missed,
            Milestone::NodeWrittenOff => &self.nodes_written_off,
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
        FleetProgress {
            started: self.started.load(Relaxed),
            registered: self.registered.load(Relaxed),
            ready: self.ready.load(Relaxed),
            stopped: self.stopped.load(Relaxed),
            pods_adopted: self.pods_adopted.load(Relaxed),
            pods_started: self.pods_started.load(Relaxed),
            pods_gone: self.pods_gone.load(Relaxed),
            leases_missed: self.leases_missed.load(Relaxed),
            nodes_written_off: self.nodes_written_off.load(Relaxed),
            failed_requests: self.failed_requests.load(Relaxed),
            refused_requests: self.refused_requests.load(Relaxed),
            last_error: self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}
