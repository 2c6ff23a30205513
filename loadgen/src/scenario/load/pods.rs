//! The load of a churn: pods that come and go at a rate.

use std::time::Duration;

use measure::{Arrivals, Rate};
use serde::{Deserialize, Serialize};

use crate::words::duration;

/// Pods that are created, live for a while, and are deleted.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct PodsLoad {
    pub(crate) name: String,
    /// Whether the control plane is judged by it; what is only there to disturb others is not.
    #[serde(default = "super::yes")]
    pub(crate) judged: bool,
    /// Pods created per second.
    pub(crate) rate: Rate,
    /// How creations are spread.
    #[serde(default)]
    pub(crate) arrivals: Arrivals,
    /// From when it is what `until` says, to its deletion.
    #[serde(with = "duration")]
    pub(crate) lifetime: Duration,
    /// What a pod has to come to, by which its time is judged.
    #[serde(default)]
    pub(crate) until: Until,
    /// ServiceAccounts that take turns.
    #[serde(default = "super::sixteen")]
    pub(crate) identities: u32,
    /// The pod, as a template.
    pub(crate) manifest: String,
}

/// What a pod comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Until {
    /// It is bound to a node: what the scheduler does, and not what nodes do after it.
    Bound,
    #[default]
    Running,
}
