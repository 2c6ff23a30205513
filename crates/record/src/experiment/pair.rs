//! What came of an experiment: pairs, and what was seen in them.

use std::collections::BTreeMap;

use measure::{search, statistics::verdict::Comparison};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Arm, Arms, Metric};
use crate::{Warning, WarningClass};

/// Two trials side by side, one of each arm. A pair is recorded when both are over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// Its place in the plan, from 1. A pair that was repeated is here twice.
    pub number: usize,
    /// Which try at this place it was, from 1.
    pub attempt: usize,
    /// Which arm came first.
    pub order: Order,
    /// Seed of everything that is random in either trial.
    pub seed: u64,
    /// What both trials offered.
    pub load: Load,
    /// What they came to.
    pub trials: Arms<Trial>,
    /// Why the pair takes no part in the verdict; absent where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
}

/// Which arm of a pair comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// The baseline.
    BaselineFirst,
    /// The candidate.
    CandidateFirst,
}

impl Order {
    /// The arms in order.
    pub fn arms(self) -> [Arm; 2] {
        match self {
            Order::BaselineFirst => [Arm::Baseline, Arm::Candidate],
            Order::CandidateFirst => [Arm::Candidate, Arm::Baseline],
        }
    }
}

/// What a trial offers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Load {
    /// This load, in units of the axis.
    At(f64),
    /// What this search tries.
    Search(search::Plan),
}

/// One trial, or one search.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// Where its record lies: a path relative to the experiment's folder, or the path that was given for a record that was there
    /// already.
    pub path: String,
    /// Its figures; one that it does not carry is absent.
    pub values: BTreeMap<Metric, f64>,
    /// Doubts about it.
    pub warnings: Vec<Warning>,
    /// What was seen on the server's side of the settings in which the arms are to differ, by name; empty where nobody looked.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub seen: BTreeMap<String, String>,
    /// How long it took, with all that it takes to set up and tear down.
    pub seconds: f64,
}

impl Pair {
    /// Candidate over baseline, as a logarithm, where both trials have the metric.
    pub fn log_ratio(&self, metric: Metric) -> Option<f64> {
        let [baseline, candidate] = self.trials.both().map(|trial| trial.logarithm(metric));
        Some(candidate? - baseline?)
    }
}

impl Trial {
    /// The logarithm of a metric, where it has one.
    pub fn logarithm(&self, metric: Metric) -> Option<f64> {
        self.values.get(&metric).map(|value| value.ln()).filter(|logarithm| logarithm.is_finite())
    }

    /// Doubts that make it void.
    pub fn invalid(&self) -> impl Iterator<Item = &Warning> {
        self.warnings.iter().filter(|warning| warning.class == WarningClass::Invalid)
    }
}

/// One look at the primary metric.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Look {
    /// After so many pairs of the plan.
    pub pairs: usize,
    /// How many of them take part: those left out do not.
    pub valid: usize,
    /// How often this look alone may find a difference where there is none.
    pub alpha: f64,
    /// What it said; absent where too few pairs were valid for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
}

/// At most this share of the secondary metrics that are called a difference are expected to be none.
pub const FALSE_DISCOVERY_RATE: f64 = 0.05;

/// A metric that does not decide.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Secondary {
    /// Which.
    pub metric: Metric,
    /// As if it were the only one; its own verdict does not know that others were looked at.
    pub comparison: Comparison,
    /// The p-value adjusted for all secondary metrics of the experiment (Benjamini and Hochberg).
    pub adjusted_p_value: f64,
    /// Whether it is called a difference at a false discovery rate of 5 %: the adjusted p-value is at most that, and the
    /// comparison by itself helps or hurts.
    pub differs: bool,
}
