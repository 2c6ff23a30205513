//! What is so at this moment.

use std::{collections::BTreeMap, time::Duration};

use fake_kubelet::{FleetProgress, FleetReport};
use measure::Phase;
use wire::Traffic;

use super::counted::Counted;
use crate::{about, target::Target};

/// What goes up and down.
#[derive(Clone, Debug, Default)]
pub(super) struct Now {
    /// What is running, or was last.
    pub(super) runs_on: Option<RunsOn>,
    /// Nothing between two control planes.
    pub(super) phase: Option<Phase>,
    /// Loads offered so far.
    pub(super) trial: u64,
    /// The axis, its unit, and where it is put.
    pub(super) axis: Option<(String, String, f64)>,
    /// What is known to hold, and believed to break.
    pub(super) bracket: (Option<f64>, Option<f64>),
    /// Of a comparison: the ratio so far, and its interval.
    pub(super) ratio: Option<f64>,
    pub(super) interval: Option<(f64, f64)>,
    /// Whether each criterion was kept in the last window.
    pub(super) criteria: BTreeMap<String, bool>,
    /// By cell.
    pub(super) fleets: BTreeMap<u32, OfFleet>,
    /// Resident bytes of each process that is there.
    pub(super) memory: BTreeMap<String, u64>,
}

/// What is running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RunsOn {
    pub(super) kubernetes: String,
    /// Empty where it is not known.
    pub(super) etcd: String,
    pub(super) target: String,
}

/// A fleet as it was when it was looked at last.
#[derive(Clone, Debug)]
pub(super) struct OfFleet {
    pub(super) asked: u64,
    pub(super) progress: FleetProgress,
    traffic: Traffic,
    false_alarms: u64,
    pub(super) lease_gap: Duration,
}

impl RunsOn {
    pub(super) fn of(target: &Target) -> Self {
        let versions = about::versions(target);
        let version = |name: &str| versions.get(name).cloned().unwrap_or_default();
        Self {
            kubernetes: version("kubernetes"),
            etcd: version("etcd"),
            target: if target.is_shared() { target.name.clone() } else { "local".to_owned() },
        }
    }
}

impl OfFleet {
    /// One that has done nothing.
    pub(super) fn new(asked: u32) -> Self {
        Self {
            asked: asked.into(),
            progress: FleetProgress::default(),
            traffic: Traffic::default(),
            false_alarms: 0,
            lease_gap: Duration::ZERO,
        }
    }

    /// Looks at it again, and counts what it did meanwhile.
    pub(super) fn advance(&mut self, report: &FleetReport, counted: &mut Counted) {
        let FleetReport { progress: now, traffic, longest_lease_gap, .. } = report;
        let before = &self.progress;
        let total = counted.fleet.get_or_insert_default();
        total.pods_started += now.pods_started.saturating_sub(before.pods_started);
        total.pods_adopted += now.pods_adopted.saturating_sub(before.pods_adopted);
        total.pods_evicted += now.pods_taint_evicted.saturating_sub(before.pods_taint_evicted);
        total.pods_gone += now.pods_gone.saturating_sub(before.pods_gone);
        total.bytes_read += traffic.bytes_read.saturating_sub(self.traffic.bytes_read);
        total.bytes_written += traffic.bytes_written.saturating_sub(self.traffic.bytes_written);
        total.connections += traffic.connections.saturating_sub(self.traffic.connections);
        // The two counts behind it are read one after the other, so for a moment it may be too low.
        let false_alarms = now.false_alarms().max(self.false_alarms);
        total.false_alarms += false_alarms - self.false_alarms;
        *self = Self {
            asked: self.asked,
            progress: now.clone(),
            traffic: *traffic,
            false_alarms,
            lease_gap: *longest_lease_gap,
        };
    }

    /// Nodes that have a Node object. One that was replaced has none any more.
    pub(super) fn registered(&self) -> u64 {
        self.progress.registered.saturating_sub(self.progress.nodes_replaced)
    }

    /// Nodes that have been Ready.
    pub(super) fn ready(&self) -> u64 {
        self.progress.ready.saturating_sub(self.progress.nodes_replaced)
    }
}
