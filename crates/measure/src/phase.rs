//! The phases of a trial.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A trial goes through these in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The control plane comes up, the fleet registers and becomes Ready.
    Prepare,
    /// The load runs and is not yet counted, until what it leaves behind is deleted as fast as it is created.
    WarmUp,
    /// The window that counts.
    Measure,
    /// No more load is offered; what is unfinished gets its time to finish.
    Drain,
}

impl Phase {
    /// The name people read, and the one in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::WarmUp => "warm-up",
            Self::Measure => "measure",
            Self::Drain => "drain",
        }
    }
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_and_people_read_the_same_names() {
        for phase in [Phase::Prepare, Phase::WarmUp, Phase::Measure, Phase::Drain] {
            assert_eq!(serde_json::to_value(phase).unwrap(), phase.to_string());
        }
    }
}
