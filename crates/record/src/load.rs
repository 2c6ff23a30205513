//! What came of one load of a scenario.

use std::collections::BTreeMap;

use measure::Summary;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Goodput;

/// One load, in the measured window unless it says otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoadRecord {
    /// As the scenario calls it.
    pub name: String,
    /// Which driver offers it: `pods`, `objects`, `lists`, `watches`, ...
    pub driver: String,
    /// Whether the control plane is judged by it.
    pub judged: bool,
    /// Operations per second that were asked for; absent of a level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_per_second: Option<f64>,
    /// How many were asked for; absent of a rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// Offered and good operations; absent of a level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goodput: Option<Goodput>,
    /// From the intended start of an operation to its success.
    pub response: Summary,
    /// From a write's acknowledgement to its event at a watcher; absent where nothing was delivered that a driver had written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watch_lag: Option<Summary>,
    /// Where every operation of the whole run ended up; absent where the load went on afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operations: Option<Operations>,
    /// What else its driver has to say of the whole run: bytes, relists, watches that were cut.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub figures: BTreeMap<String, f64>,
}

/// Where operations ended up: each is in exactly one of `there`, `gone` and `failed`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Operations {
    /// Operations that were due.
    pub offered: u64,
    /// Succeeded, and what they made is there.
    pub there: u64,
    /// Succeeded, and nothing of them is left.
    pub gone: u64,
    /// Did not succeed.
    pub failed: u64,
    /// Those by what stopped them.
    pub failed_by_reason: BTreeMap<String, u64>,
}

impl Operations {
    /// Whether every operation is accounted for exactly once.
    pub fn add_up(&self) -> bool {
        self.offered == self.there + self.gone + self.failed
            && self.failed == self.failed_by_reason.values().sum::<u64>()
    }
}
