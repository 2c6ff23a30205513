//! What an experiment asks, fixed before its first trial.

use std::collections::BTreeMap;

use measure::statistics::verdict::Better;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What both arms are put through.
    pub scenario: Scenario,
    /// What is compared with what.
    pub arms: Arms<Subject>,
    /// In what the arms differ, one setting a line: the key, the baseline's value, the candidate's.
    pub differences: Vec<String>,
    /// How they are measured.
    pub design: Design,
    /// The one metric that decides.
    pub primary: Metric,
    /// The metrics that are looked at beside it; absent where it is the usual ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secondaries: Option<Vec<Metric>>,
    /// Which of two values of it is wanted.
    pub better: Better,
    /// Ratios from 1 / (1 + band) to 1 + band mean nothing to anybody.
    pub band: f64,
    /// How often the whole experiment, with all its looks, may find a difference where there is none.
    pub alpha: f64,
    /// How many pairs, and when they are looked at.
    pub pairs: Pairs,
    /// Chooses the order within pairs, and the seed of each pair.
    pub seed: u64,
    /// Which control this is, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control: Option<Control>,
}

/// The scenario of an experiment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// SHA-256 of the file, as hexadecimal digits; the text itself is in the records of the trials.
    pub text_sha256: String,
}

/// One of the two that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Arm {
    /// What there was.
    Baseline,
    /// What is asked about.
    Candidate,
}

impl Arm {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Arm::Baseline => "baseline",
            Arm::Candidate => "candidate",
        }
    }
}

/// Something of each arm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Arms<T> {
    /// The baseline's.
    pub baseline: T,
    /// The candidate's.
    pub candidate: T,
}

impl<T> Arms<T> {
    /// That of one arm.
    pub fn of(&self, arm: Arm) -> &T {
        match arm {
            Arm::Baseline => &self.baseline,
            Arm::Candidate => &self.candidate,
        }
    }

    /// Both, the baseline's first.
    pub fn both(&self) -> [&T; 2] {
        [&self.baseline, &self.candidate]
    }
}

/// A control plane that is compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// The profile's name, or the kubeconfig's context.
    pub name: String,
    /// The profile, with what it extends and what the command line changed; absent where the control plane was not ours to tune.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved: Option<serde_json::Value>,
    /// What it is put through otherwise than the scenario says, by path; empty where nothing is changed for it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub changes: BTreeMap<String, serde_json::Value>,
}

impl Subject {
    /// One that is put through the scenario as it is.
    pub fn new(name: impl Into<String>, resolved: Option<serde_json::Value>) -> Self {
        Self { name: name.into(), resolved, changes: BTreeMap::new() }
    }
}

/// How the arms are measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Design {
    /// Both at one offered load; cost, latency and memory are compared.
    FixedRate {
        /// The load, in units of the scenario's axis.
        at: f64,
        /// The pilots' lambda* that it was taken from, where it was.
        pilots: Option<Arms<f64>>,
    },
    /// A search each; lambda* is compared.
    Capacity {
        /// The pilots' lambda*, around whose geometric mean every search begins.
        pilots: Arms<f64>,
        /// The highest load that there can be, where there is one.
        most: Option<f64>,
    },
    /// Records that were there already, without pairs.
    Kept,
}

/// How many pairs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Pairs {
    /// So many, looked at once.
    Exactly(usize),
    /// Until a look decides: the first after 8 pairs, then one after every 2.
    UntilDecided {
        /// How many looks at most.
        looks: usize,
        /// The time that this number was made from, seconds.
        budget_seconds: f64,
        /// How long a trial was expected to take, seconds.
        trial_seconds: f64,
    },
}

/// An experiment whose outcome is known beforehand, to see whether the harness finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Control {
    /// A profile against itself.
    Aa,
    /// A profile that is known to be worse.
    KnownBad,
}

/// What is compared. Each is one figure of one trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// lambda*, the highest load that holds, in units of the axis.
    Lambda,
    /// CPU-seconds of the whole control plane for each offered operation; of a level, for each unit of it and second.
    CpuPerOperation,
    /// Median service time of the drivers' requests, from the send, seconds.
    ServiceP50,
    /// 99th percentile of the same.
    ServiceP99,
    /// Median time from a pod's intended creation to its being seen Running, seconds.
    PodStartupP50,
    /// 99th percentile of the same.
    PodStartupP99,
    /// Operations that succeeded within their limit, per second; of a level, the share that is alive and within its SLO.
    Goodput,
    /// 99th percentile of etcd's fsync of its write-ahead log, seconds, by the server's own histogram.
    EtcdFsyncP99,
    /// The most memory that the control plane's processes had resident, added up, bytes.
    MemoryPeak,
    /// Bytes that the control plane sent to storage for each offered operation; of a level, for each unit of it and second.
    BytesWritten,
    /// CPU-seconds of the apiservers, as [`Metric::CpuPerOperation`].
    ApiserverCpu,
    /// CPU-seconds of etcd, as [`Metric::CpuPerOperation`].
    EtcdCpu,
    /// CPU-seconds of the schedulers, as [`Metric::CpuPerOperation`].
    SchedulerCpu,
    /// CPU-seconds of the controller managers, as [`Metric::CpuPerOperation`].
    ControllersCpu,
    /// Median service time of the drivers' requests that change something, seconds.
    WriteP50,
    /// 99th percentile of the same.
    WriteP99,
    /// Median service time of the drivers' lists, seconds.
    ListP50,
    /// 99th percentile of the same.
    ListP99,
    /// Median time from an operation's intended start to its success, of the load that is turned up or else the first that is
    /// judged, seconds.
    OperationP50,
    /// 99th percentile of the same.
    OperationP99,
    /// Median time from a pod's acknowledged creation to its being seen bound, seconds.
    PodScheduleP50,
    /// 99th percentile of the same.
    PodScheduleP99,
    /// Median time from a write's acknowledgement to its event at a watcher, of the load with the most deliveries, seconds.
    WatchLagP50,
    /// 99th percentile of the same.
    WatchLagP99,
    /// 99th percentile of the service time of the nodes' lease renewals, seconds.
    LeaseRenewP99,
    /// The longest time between two renewals of a node's lease, seconds.
    LeaseGap,
    /// The longest time in which no operation of a load succeeded, seconds.
    Stall,
    /// The longest time that watchers which were started anew took until they had seen all there is, seconds.
    Synced,
    /// Share of the requests of drivers and fleet that failed by the server's doing, with half a failure added.
    Errors,
    /// Nodes that were taken for dead and were not, with half a one added.
    FalseAlarms,
    /// The most memory that the apiservers had resident, added up, bytes.
    ApiserverMemory,
    /// The most memory that the etcd members had resident, added up, bytes.
    EtcdMemory,
    /// Bytes that etcd sent to storage, as [`Metric::BytesWritten`].
    EtcdBytesWritten,
    /// 99th percentile of etcd's commits of its database, seconds, by the server's own histogram.
    EtcdCommitP99,
    /// Size of the largest etcd database at the end of the window, bytes.
    EtcdDbBytes,
    /// Objects in etcd at the end of the window, as an apiserver counts them.
    Objects,
    /// Requests that the apiservers answered for each offered operation; of a level, for each unit of it and second.
    Requests,
    /// Events that the apiservers sent to watches, as [`Metric::Requests`].
    WatchEvents,
    /// Bytes of those events, as [`Metric::Requests`].
    WatchBytes,
    /// 99th percentile of a scheduling attempt, seconds, by the server's own histogram.
    SchedulingAttemptP99,
    /// Scheduling attempts, as [`Metric::Requests`].
    SchedulingAttempts,
    /// From the begin of the preparation to that of the load, seconds.
    ReadyTime,
}
