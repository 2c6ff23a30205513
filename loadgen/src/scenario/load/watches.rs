//! Watchers in numbers.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ListEncoding;
use crate::words::optional_duration;

/// Watchers that stay.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct WatchesLoad {
    pub(crate) name: String,
    #[serde(default = "super::yes")]
    pub(crate) judged: bool,
    /// How many.
    pub(crate) count: u32,
    /// As the API's paths have it: `pods`, `apps/v1/deployments`, `example.com/v1/widgets`.
    pub(crate) resource: String,
    /// In one namespace of the run after the other, instead of all of them at once.
    #[serde(default)]
    pub(crate) namespaced: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) label_selector: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) field_selector: Option<String>,
    /// How a watcher comes to know what is there.
    #[serde(default)]
    pub(crate) start: WatchStart,
    #[serde(default)]
    pub(crate) encoding: ListEncoding,
    /// Of a hundred watchers so many read slowly.
    #[serde(default)]
    pub(crate) slow_percent: u32,
    /// Bytes per second that a slow one reads.
    #[serde(default = "super::hundred")]
    pub(crate) slow_bytes: u32,
    /// All lose their connections and start anew so often.
    #[serde(default, with = "optional_duration", skip_serializing_if = "Option::is_none")]
    pub(crate) restart_every: Option<Duration>,
    #[serde(default = "super::sixteen")]
    pub(crate) identities: u32,
}

/// How a watcher begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum WatchStart {
    /// By a list and a watch from there, as informers do without WatchList.
    #[default]
    List,
    /// By a watch that sends what is there first (KEP-3157).
    WatchList,
}
