//! `experiment.json`: two arms measured in pairs, and what that says about the second one.
//!
//! The record is whole after every pair. What has been asked ([`Plan`]) and what came of it ([`Pair`]) decide everything else,
//! so an experiment that was interrupted goes on from here, and a verdict can be made again from what is kept.

mod metric;
mod pair;
mod plan;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use measure::statistics::{
    Interval,
    verdict::{Comparison, Verdict},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::{
    metric::{ROWS as METRICS, Row as MetricRow, Unit},
    pair::{FALSE_DISCOVERY_RATE, Load, Look, Order, Pair, Secondary, Trial},
    plan::{Arm, Arms, Control, Design, Metric, Pairs, Plan, Scenario, Subject},
};
use crate::{Error, Folder, Host, Warning, folder};

/// Version of the layout of `experiment.json`. It rises when a field changes its meaning or goes.
pub const SCHEMA_VERSION: u32 = 1;

/// The file's name in its folder.
const FILE: &str = "experiment.json";

/// One experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExperimentRecord {
    /// [`SCHEMA_VERSION`] when this was written.
    pub schema_version: u32,
    /// What kind of record this is.
    pub kind: ExperimentKind,
    /// The experiment's name.
    pub run_id: String,
    /// How it ended; absent while it is under way, and where it was interrupted or failed: then it can go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Finished>,
    /// Version of the program that ran.
    pub loadgen_version: String,
    /// Its command line.
    pub command: Vec<String>,
    /// When it began (RFC 3339, UTC).
    pub start: Timestamp,
    /// The machine.
    pub host: Host,
    /// What was asked, fixed before the first trial.
    pub plan: Plan,
    /// Every pair that was measured, in order, those that were repeated or left out among them.
    pub pairs: Vec<Pair>,
    /// Trials that are no pairs, where the experiment is made of records that were there already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unpaired: Option<Arms<Vec<Trial>>>,
    /// Each time that the primary metric was judged.
    pub looks: Vec<Look>,
    /// What the last of them said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Comparison>,
    /// The ratio's interval by the bootstrap (`BCa`), from 20 pairs up: shown beside the exact one, it decides nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bootstrap: Option<Interval>,
    /// The other metrics, judged once at the end.
    pub secondaries: Vec<Secondary>,
    /// Doubts about the experiment as a whole; those about a trial are with the trial.
    pub warnings: Vec<Warning>,
}

/// The kind of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExperimentKind {
    /// Two arms compared.
    #[default]
    Experiment,
}

/// How an experiment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Finished {
    /// After the last pair that was wanted.
    AllPairs,
    /// Before it: a look had the answer.
    Decided,
    /// So many pairs were void that no verdict can come of what is left.
    TooFewValid,
}

impl ExperimentRecord {
    /// Whether the candidate is shown to be worse.
    pub fn hurts(&self) -> bool {
        self.verdict.is_some_and(|comparison| comparison.verdict == Verdict::Hurts)
    }

    /// Whether there is a verdict to believe.
    pub fn is_valid(&self) -> bool {
        self.verdict.is_some() && self.ended != Some(Finished::TooFewValid)
    }

    /// Of a control, whether it came out as it must: an arm against itself is neither better nor worse, and what is known to be
    /// bad is found to be. `None` of an experiment that is no control.
    pub fn control_passed(&self) -> Option<bool> {
        let verdict = self.verdict.map(|comparison| comparison.verdict);
        Some(match self.plan.control? {
            Control::Aa => matches!(verdict, Some(Verdict::Equivalent | Verdict::Inconclusive)),
            Control::KnownBad => verdict == Some(Verdict::Hurts),
        })
    }
}

/// The JSON schema of `experiment.json`.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(ExperimentRecord).to_value()
}

impl Folder {
    /// Writes `experiment.json`, in place of an earlier one.
    pub fn write_experiment(&self, experiment: &ExperimentRecord) -> Result<(), Error> {
        folder::write_json(&self.path().join(FILE), experiment)
    }

    /// Reads `experiment.json`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where there is none; [`Error::Unreadable`] where it is cut off, or is not what a record of an experiment is;
    /// [`Error::OtherRecord`] where it is of another kind or another version.
    pub fn read_experiment(&self) -> Result<ExperimentRecord, Error> {
        read_experiment(self.path())
    }
}

/// Reads the record of an experiment that lies in `folder`. Errors are those of [`Folder::read_experiment`].
pub fn read_experiment(folder: &Path) -> Result<ExperimentRecord, Error> {
    folder::read_json(&path(folder), "experiment", SCHEMA_VERSION)
}

fn path(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

#[cfg(test)]
mod tests;
