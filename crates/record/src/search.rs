//! `search.json`: the search for the highest load that holds, with everything that was tried.

use std::{collections::BTreeMap, path::Path};

use jiff::Timestamp;
use measure::{
    Summary,
    criteria::Judged,
    search::{Answer, Finding, Outcome, Plan, Task, TaskKind},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Component, Ended, Error, Fleet, Goodput, Host, LoadRecord, ProcessUse, Profile, Requests, Scenario,
    Target, Warning, folder::read_json,
};

/// Version of the layout of `search.json`. It rises when a field changes its meaning or goes.
pub const SEARCH_SCHEMA_VERSION: u32 = 1;

/// One search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchRecord {
    /// [`SEARCH_SCHEMA_VERSION`] when this was written.
    pub schema_version: u32,
    /// What kind of record this is.
    pub kind: SearchKind,
    /// The run's name, which is also the value of the label `loadgen.run`.
    pub run_id: String,
    /// How the search ended; absent while it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
    /// Version of the program that ran.
    pub loadgen_version: String,
    /// Its command line.
    pub command: Vec<String>,
    /// Chooses everything that is random.
    pub seed: u64,
    /// The scenario.
    pub scenario: Scenario,
    /// What was turned up.
    pub axis: SearchAxis,
    /// The profile; absent where the control plane was not ours to tune.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// The control plane under test, the first if there were several.
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
    /// How it was searched.
    pub settings: SearchSettings,
    /// Everything that was tried, in order.
    pub trials: Vec<TrialRecord>,
    /// The answer; absent while the search goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// The geometric middle of the bracket, in units of the axis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lambda: Option<f64>,
    /// Where goodput stops following what is offered (Kneedle), in units of the axis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub knee: Option<f64>,
    /// The criteria that were broken at the lowest load that broke.
    pub broke_first: Vec<Judged>,
    /// What was used up there, the strongest first.
    pub limited_by: Vec<Limit>,
    /// What an operation costs at the highest load that held: milliseconds of CPU by process.
    pub cpu_ms_per_operation: BTreeMap<String, f64>,
    /// Doubts about the answer.
    pub warnings: Vec<Warning>,
}

/// The kind of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SearchKind {
    /// A search for the highest load that holds.
    #[default]
    Search,
}

/// What a search turns up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchAxis {
    /// Its name in the scenario.
    pub name: String,
    /// What follows a number of it.
    pub unit: String,
}

/// How a search is done.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchSettings {
    /// Whether it was to be over soon, at the price of a wide bracket.
    pub quick: bool,
    /// Where it begins, how narrow the bracket becomes and what follows.
    pub plan: Plan,
    /// Length of a step of the ramp.
    pub ramp_step_seconds: f64,
    /// Length of each of the windows by which rest is judged.
    pub rest_window_seconds: f64,
    /// The least measured window.
    pub measure_seconds: f64,
    /// So many times that a window may be while its criteria are undecided.
    pub longest: u32,
    /// Length of the hold.
    pub hold_seconds: f64,
}

/// One load that was tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrialRecord {
    /// What it was for, and where the axis was.
    pub task: Task,
    /// What came of it.
    pub finding: Finding,
    /// On which control plane, counted from 1: after a break there is a fresh one.
    pub plane: u32,
    /// When it began (RFC 3339, UTC).
    pub start: Timestamp,
    /// How long it took, warm-up included.
    pub seconds: f64,
    /// Length of the measured window, seconds.
    pub window_seconds: f64,
    /// How the load was when it was measured: `steady`, `broken`, or why it was not steady.
    pub rest: String,
    /// Offered and good operations of the window.
    pub goodput: Goodput,
    /// From the intended start of an operation to its success.
    pub response: Summary,
    /// Requests of the window.
    pub requests: Requests,
    /// Each load of the scenario, in the order in which they were started.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub loads: Vec<LoadRecord>,
    /// How each limit was kept.
    pub judged: Vec<Judged>,
    /// What was used up, the strongest first.
    pub limited_by: Vec<Limit>,
    /// What each process took in the window, by name; `harness` is this program.
    pub resources: BTreeMap<String, ProcessUse>,
    /// Share of all the CPU time of the machine that the harness took, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub harness_cpu_share: Option<f64>,
    /// Of a recovery: seconds until everything held again; absent if it never did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery_seconds: Option<f64>,
    /// Doubts about the figures above.
    pub warnings: Vec<Warning>,
}

/// A resource that was in use beyond its threshold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Whose: a process by its name, or `machine`.
    pub component: String,
    /// Which resource, and which of several.
    pub resource: String,
    /// The figure.
    pub figure: f64,
    /// What it is held against.
    pub threshold: f64,
    /// All of it in one sentence.
    pub text: String,
}

impl SearchAxis {
    /// A value of it with its unit, with as many digits as say something.
    pub fn show(&self, value: f64) -> String {
        let digits = match self.unit.as_str() {
            "/s" if value < 10.0 => 2,
            "/s" if value < 100.0 => 1,
            _ => 0,
        };
        format!("{value:.digits$}{}", self.unit)
    }
}

impl SearchRecord {
    /// Reads `search.json` of a record's folder.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        read_json(&folder.join("search.json"), "search", SEARCH_SCHEMA_VERSION)
    }

    /// The steady windows of this outcome, in the order in which they were tried.
    pub fn steady(&self, outcome: Outcome) -> impl DoubleEndedIterator<Item = &TrialRecord> {
        self.trials.iter().filter(move |trial| trial.is_steady() && trial.finding.outcome == outcome)
    }

    /// The last steady window at the highest load that holds, once there is an answer.
    pub fn held(&self) -> Option<&TrialRecord> {
        let low = self.answer?.low;
        // A hold may have broken where a probe held.
        self.steady(Outcome::Held).rfind(|trial| Some(trial.task.at) == low)
    }

    /// Between which loads steady windows held and broke by turns, in units of the axis: the lowest that broke, where one held
    /// above it, and the highest that held. No search is sharper than that.
    pub fn wavered(&self) -> Option<(f64, f64)> {
        let at = |outcome| self.steady(outcome).map(|trial| trial.task.at);
        let (broke, held) = (at(Outcome::Broke).reduce(f64::min)?, at(Outcome::Held).reduce(f64::max)?);
        (broke < held).then_some((broke, held))
    }
}

impl TrialRecord {
    /// Whether its window says of a load that it holds or breaks; a ramp's step is too short for that, and the rest comes after.
    pub fn is_steady(&self) -> bool {
        matches!(self.task.kind, TaskKind::Probe | TaskKind::Hold)
    }

    /// Whether no doubt makes the figures void.
    pub fn is_valid(&self) -> bool {
        self.warnings.iter().all(|warning| warning.class != crate::WarningClass::Invalid)
    }
}

/// The JSON schema of `search.json`.
pub fn search_schema() -> serde_json::Value {
    schemars::schema_for!(SearchRecord).to_value()
}
