//! `[apf]`: objects of priority and fairness.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::free_form;

/// Specs of objects of flowcontrol.apiserver.k8s.io/v1 by their names, as they are written. They are applied when the
/// control plane is up; where an object of the name is there, its spec is changed by what is written here, key by key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Apf {
    /// Of `FlowSchema`s.
    pub flow_schemas: BTreeMap<String, Value>,
    /// Of `PriorityLevelConfiguration`s.
    pub priority_levels: BTreeMap<String, Value>,
}

impl Apf {
    /// Whether nothing is to be applied.
    pub fn is_empty(&self) -> bool {
        self.flow_schemas.is_empty() && self.priority_levels.is_empty()
    }

    pub(crate) fn apply(&mut self, said: &ApfTable) {
        free_form::merge_named(&mut self.flow_schemas, &said.flow_schemas);
        free_form::merge_named(&mut self.priority_levels, &said.priority_levels);
    }
}

/// `[apf]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ApfTable {
    #[serde(default)]
    flow_schemas: BTreeMap<String, toml::Table>,
    #[serde(default)]
    priority_levels: BTreeMap<String, toml::Table>,
}
