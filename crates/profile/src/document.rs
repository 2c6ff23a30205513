//! One profile file as it is written, before `extends` is resolved. Only what this version can do is accepted.

use std::{collections::BTreeMap, path::PathBuf};

use serde::Deserialize;
use toml::Spanned;

use crate::{
    Component, audit::AuditTable, flags::FlagValue, kubelet::KubeletTable, storage::StorageTable,
    topology::TopologyTable,
};

/// A profile file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    pub(crate) about: String,
    #[serde(default)]
    pub(crate) sources: Vec<String>,
    pub(crate) extends: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) versions: VersionsTable,
    #[serde(default)]
    pub(crate) topology: TopologyTable,
    #[serde(default)]
    pub(crate) audit: AuditTable,
    #[serde(default)]
    pub(crate) storage: StorageTable,
    #[serde(default)]
    pub(crate) kubelet: KubeletTable,
    #[serde(default)]
    env: ByComponent<EnvTable>,
    #[serde(default)]
    etcd: ComponentTable,
    #[serde(default)]
    apiserver: ComponentTable,
    #[serde(default)]
    scheduler: ComponentTable,
    #[serde(default, rename = "controller-manager")]
    controller_manager: ComponentTable,
}

/// `[versions]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VersionsTable {
    pub(crate) kubernetes: Option<Spanned<String>>,
    pub(crate) etcd: Option<Spanned<String>>,
    pub(crate) bin_dir: Option<PathBuf>,
}

/// `[<component>]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ComponentTable {
    #[serde(default)]
    flags: FlagTable,
}

/// `[<component>.flags]`.
pub(crate) type FlagTable = BTreeMap<Spanned<String>, FlagValue>;

/// `[env.<component>]`.
pub(crate) type EnvTable = BTreeMap<String, String>;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ByComponent<T: Default> {
    #[serde(default)]
    etcd: T,
    #[serde(default)]
    apiserver: T,
    #[serde(default)]
    scheduler: T,
    #[serde(default, rename = "controller-manager")]
    controller_manager: T,
}

impl Document {
    pub(crate) fn flags(&self, component: Component) -> &FlagTable {
        let table = match component {
            Component::Etcd => &self.etcd,
            Component::Apiserver => &self.apiserver,
            Component::Scheduler => &self.scheduler,
            Component::ControllerManager => &self.controller_manager,
        };
        &table.flags
    }

    pub(crate) fn env(&self, component: Component) -> &EnvTable {
        match component {
            Component::Etcd => &self.env.etcd,
            Component::Apiserver => &self.env.apiserver,
            Component::Scheduler => &self.env.scheduler,
            Component::ControllerManager => &self.env.controller_manager,
        }
    }
}
