//! The load of nodes of the fleet that fall silent or are replaced.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::words::duration;

/// Nodes of the fleet to which something happens.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct NodesLoad {
    pub(crate) name: String,
    #[serde(default = "super::yes")]
    pub(crate) judged: bool,
    /// What happens to them.
    pub(crate) action: NodesAction,
    /// To so many nodes together.
    pub(crate) count: u32,
    /// From the end of one time, when the nodes are heard again or others have come in their place, to the next.
    #[serde(default = "half_a_minute", with = "duration")]
    pub(crate) pause: Duration,
    /// Of a flap: for how long the nodes are silent.
    #[serde(default = "minute_and_a_half", with = "duration")]
    pub(crate) silent: Duration,
    /// Of a flap: what becomes of the nodes meanwhile.
    #[serde(default)]
    pub(crate) how: How,
    /// What takes longer is slow: until a silent node is found to be (the controller-manager's `--node-monitor-grace-period` is 50 s
    /// and it looks every 5 s), or until another takes pods in its place.
    #[serde(default = "minute", with = "duration")]
    pub(crate) within: Duration,
    #[serde(default = "one")]
    pub(crate) identities: u32,
}

/// What happens to nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum NodesAction {
    /// They fall silent for a time and come back.
    Flap,
    /// They are cordoned, emptied and replaced by others, one wave after the other.
    Roll,
}

/// How a node is silent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum How {
    /// It cannot reach the server; its pods run on.
    #[default]
    Network,
    /// It has no power.
    Power,
}

impl NodesLoad {
    /// What an operation's time is called.
    pub(crate) fn slow(&self) -> &'static str {
        match self.action {
            NodesAction::Flap => "detection",
            NodesAction::Roll => "replacement",
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let Self { name, action, count, silent, within, .. } = self;
        if *count == 0 {
            return Err(format!("count of {name} is 0; it has to happen to some node"));
        }
        if *action == NodesAction::Flap && silent < within {
            return Err(format!(
                "the nodes of {name} are heard again before it is due that their silence is found: make `silent` at least `within`"
            ));
        }
        Ok(())
    }
}

fn half_a_minute() -> Duration {
    Duration::from_secs(30)
}

fn minute() -> Duration {
    Duration::from_mins(1)
}

fn minute_and_a_half() -> Duration {
    Duration::from_secs(90)
}

fn one() -> u32 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(more: &str) -> Result<(), String> {
        let text = format!(r#"{{"name": "flap", "action": "flap", "count": 5{more}}}"#);
        serde_json::from_str::<NodesLoad>(&text).unwrap().check()
    }

    #[test]
    fn a_silence_has_to_be_long_enough_to_be_found() {
        assert_eq!(check(""), Ok(()));
        assert!(check(r#", "silent": "40s""#).unwrap_err().contains("at least `within`"));
        assert_eq!(check(r#", "silent": "40s", "within": "40s""#), Ok(()));
    }
}
