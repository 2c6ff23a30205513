//! What an experiment asks, fixed before its first trial.

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
}
