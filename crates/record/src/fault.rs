//! What came of a fault of a scenario.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One fault: requests to the API that were denied, or answered late, because the scenario wanted it so. Counted from the begin of
/// the load to the end of the drain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FaultRecord {
    /// As the scenario calls it.
    pub name: String,
    /// To what the requests were: `pods`, `apps/deployments`, `pods/status`.
    pub resource: String,
    /// Requests that the apiserver asked about.
    pub asked: u64,
    /// Those of them that were denied.
    pub denied: u64,
    /// With which HTTP status; absent where none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// How long each waited for its answer, seconds; absent where none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_seconds: Option<f64>,
}

impl FaultRecord {
    /// The same fault on two control planes together.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        Self { asked: self.asked + other.asked, denied: self.denied + other.denied, ..self }
    }
}
