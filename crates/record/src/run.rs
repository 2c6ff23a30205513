//! `run.json`: one run in figures, with all that is needed to repeat it.

use std::{collections::BTreeMap, path::Path, time::Duration};

use jiff::Timestamp;
use measure::{Phase, Summary, criteria::Judged};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Component, Error, FaultRecord, Host, Limit, LoadRecord, ProcessUse, Requests, Target};

/// Version of the layout of `run.json`. It rises when a field changes its meaning or goes.
pub const SCHEMA_VERSION: u32 = 1;

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunRecord {
    /// [`SCHEMA_VERSION`] when this was written.
    pub schema_version: u32,
    /// What kind of record this is.
    pub kind: RunKind,
    /// The run's name, which is also the value of the label `loadgen.run`.
    pub run_id: String,
    /// How the run ended.
    pub ended: Ended,
    /// Version of the program that ran.
    pub loadgen_version: String,
    /// Its command line.
    pub command: Vec<String>,
    /// Chooses everything that is random.
    pub seed: u64,
    /// The scenario.
    pub scenario: Scenario,
    /// The profile; absent where the control plane was not ours to tune.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// The control plane under test.
    pub target: Target,
    /// The processes that were started for it.
    pub components: Vec<Component>,
    /// Versions by name: `kubernetes`, `etcd`.
    pub versions: BTreeMap<String, String>,
    /// The machine.
    pub host: Host,
    /// The virtual nodes.
    pub fleet: Fleet,
    /// Over how many ServiceAccounts the drivers spread; each is one flow to priority and fairness.
    pub driver_identities: u32,
    /// The phases that were begun, in order.
    pub phases: Vec<PhaseRecord>,
    /// Each load of the scenario, in the order in which they were started.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub loads: Vec<LoadRecord>,
    /// What came of each fault of the scenario, in the whole run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<FaultRecord>,
    /// Requests of the measured window.
    pub requests: Requests,
    /// Offered and good operations of the measured window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goodput: Option<Goodput>,
    /// Where every pod of the whole run ended up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pods: Option<Pods>,
    /// How long pods of the measured window took to run, by stage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_startup: Option<PodStartup>,
    /// What each process took in the measured window, by name; `harness` is this program.
    pub resources: BTreeMap<String, ProcessUse>,
    /// Share of all the CPU time of the machine that the harness took in the measured window, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub harness_cpu_share: Option<f64>,
    /// The processors that the profile confines the harness to, as taskset writes them: `0-1,3`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub harness_cpus: Option<String>,
    /// What each component said of itself for that window, by process: the figures that `series.jsonl` has every 15 s.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub component_metrics: serde_json::Map<String, serde_json::Value>,
    /// How each limit of the scenario was kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub judged: Vec<Judged>,
    /// What was used up in the measured window, the strongest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limited_by: Vec<Limit>,
    /// Doubts about the figures above.
    pub warnings: Vec<Warning>,
}

/// The kind of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RunKind {
    /// A single run.
    #[default]
    Run,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// After its last phase.
    Completed,
    /// By the user.
    Interrupted,
    /// By an error.
    Failed,
}

/// The scenario of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// The file, as it was read.
    pub text: String,
    /// What ran: the file with what the command line changed.
    pub resolved: serde_json::Value,
}

/// The profile of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// Its contents, with what it extends and what the command line changed.
    pub resolved: serde_json::Value,
}

/// The virtual nodes of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fleet {
    /// How many were asked for.
    pub nodes: u32,
    /// How many were Ready when the load began.
    pub ready: u32,
    /// Which traffic they send: `kubelet`, ...
    pub preset: String,
    /// Where their identities come from: `ca`, ...
    pub identities: String,
}

/// One phase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PhaseRecord {
    /// Which.
    pub phase: Phase,
    /// When it began (RFC 3339, UTC).
    pub start: Timestamp,
    /// How long it took, seconds.
    pub seconds: f64,
}

/// Offered load and goodput, by cohort: of the operations whose intended start lay in the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Goodput {
    /// Operations whose intended start lay in the window.
    pub offered: u64,
    /// Those of them that succeeded within the limit.
    pub good: u64,
    /// The limit, seconds after the intended start.
    pub limit_seconds: f64,
    /// Offered operations per second.
    pub offered_per_second: f64,
    /// Good operations per second.
    pub goodput_per_second: f64,
}

impl Goodput {
    /// From counts of a window of this length, which must not be zero.
    #[expect(clippy::cast_precision_loss, reason = "a run does not reach 2^53 operations")]
    pub fn new(offered: u64, good: u64, limit: Duration, window: Duration) -> Self {
        Self {
            offered,
            good,
            limit_seconds: limit.as_secs_f64(),
            offered_per_second: offered as f64 / window.as_secs_f64(),
            goodput_per_second: good as f64 / window.as_secs_f64(),
        }
    }
}

/// Where the pods of a run ended up. Each offered pod is in exactly one of `running`, `deleted` and `failed`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pods {
    /// Pods that were to be created.
    pub offered: u64,
    /// Pods that were running when the run ended.
    pub running: u64,
    /// Pods that ran, were deleted and are gone.
    pub deleted: u64,
    /// Pods that did not get so far.
    pub failed: u64,
    /// Those of them by what stopped them.
    pub failed_by_reason: BTreeMap<String, u64>,
}

impl Pods {
    /// Whether every offered pod is accounted for exactly once.
    pub fn add_up(&self) -> bool {
        self.offered == self.running + self.deleted + self.failed
            && self.failed == self.failed_by_reason.values().sum::<u64>()
    }
}

/// The stages of a pod's start, as the harness's own watch saw them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PodStartup {
    /// From the intended start to the answer to the create.
    pub create: Summary,
    /// From then to the pod seen bound to a node.
    pub schedule: Summary,
    /// From then to the pod seen Running.
    pub start: Summary,
    /// From the intended start to the pod seen Running.
    pub total: Summary,
}

/// A doubt about a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Warning {
    /// Its name, like `late-sends`.
    pub name: String,
    /// How bad it is.
    pub class: WarningClass,
    /// What was measured.
    pub value: f64,
    /// What would have been well.
    pub threshold: f64,
    /// What to do about it, in one sentence.
    pub advice: String,
}

/// How bad a doubt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WarningClass {
    /// The figures are the harness's own and not the control plane's.
    Invalid,
    /// The figures hold with care.
    Warn,
}

impl RunRecord {
    /// Whether no doubt makes the figures void.
    pub fn is_valid(&self) -> bool {
        self.warnings.iter().all(|warning| warning.class != WarningClass::Invalid)
    }
}

/// Reads the record of a run that lies in `folder`.
///
/// # Errors
///
/// [`Error::Io`] where there is none; [`Error::Unreadable`] where it is cut off, or is not what a record of a run is;
/// [`Error::OtherRecord`] where it is of another kind or another version.
pub fn read_run(folder: &Path) -> Result<RunRecord, Error> {
    crate::folder::read_json(&folder.join("run.json"), "run", SCHEMA_VERSION)
}

/// The JSON schema of `run.json`.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(RunRecord).to_value()
}

#[cfg(test)]
pub(crate) mod tests;
