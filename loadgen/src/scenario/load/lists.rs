//! Lists at a rate.

use measure::{Arrivals, Rate};
use serde::{Deserialize, Serialize};

/// Lists of any resource.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ListsLoad {
    pub(crate) name: String,
    #[serde(default = "super::yes")]
    pub(crate) judged: bool,
    /// Lists per second.
    pub(crate) rate: Rate,
    /// As of objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mix: Option<String>,
    /// Its part of the mix, from 0 to 1.
    #[serde(skip, default = "super::whole")]
    pub(crate) share: f64,
    #[serde(default)]
    pub(crate) arrivals: Arrivals,
    /// As the API's paths have it: `pods`, `apps/v1/deployments`, `example.com/v1/widgets`.
    pub(crate) resource: String,
    /// In one namespace of the run after the other, instead of all of them at once.
    #[serde(default)]
    pub(crate) namespaced: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) label_selector: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) field_selector: Option<String>,
    /// `any` is what the watch cache has (`resourceVersion=0`), `most-recent` what etcd has (none).
    #[serde(default)]
    pub(crate) consistency: Consistency,
    /// So many objects a page; all at once without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<u32>,
    #[serde(default)]
    pub(crate) encoding: ListEncoding,
    /// Whether answers are compressed on the way.
    #[serde(default)]
    pub(crate) gzip: bool,
    #[serde(default = "super::sixteen")]
    pub(crate) identities: u32,
}

/// How recent a list is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Consistency {
    #[default]
    Any,
    MostRecent,
}

/// How objects come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ListEncoding {
    #[default]
    Json,
    Protobuf,
}
