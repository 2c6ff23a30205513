//! One profile file as it is written, before `extends` is resolved. Only what this version can do is accepted.

use std::{collections::BTreeMap, path::PathBuf};

use serde::Deserialize;
use toml::Spanned;

use crate::{
    Component, Form, apf::ApfTable, audit::AuditTable, cpu::CpuTable, flags::FlagValue, gates::GateTable,
    kubelet::KubeletTable, manifest::ManifestTable, storage::StorageTable, topology::TopologyTable,
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
    pub(crate) not_expressible: BTreeMap<Form, Vec<Spanned<String>>>,
    #[serde(default)]
    pub(crate) versions: VersionsTable,
    #[serde(default)]
    pub(crate) topology: TopologyTable,
    #[serde(default)]
    pub(crate) audit: AuditTable,
    #[serde(default)]
    pub(crate) storage: StorageTable,
    #[serde(default)]
    pub(crate) cpu: CpuTable,
    #[serde(default)]
    pub(crate) admission: BTreeMap<String, toml::Table>,
    #[serde(default)]
    pub(crate) apf: ApfTable,
    #[serde(default)]
    pub(crate) kubelet: KubeletTable,
    #[serde(default, rename = "manifest")]
    pub(crate) manifests: Vec<Spanned<ManifestTable>>,
    #[serde(default)]
    env: ByComponent<EnvTable>,
    #[serde(default)]
    etcd: ComponentTable,
    #[serde(default)]
    apiserver: ComponentTable,
    #[serde(default)]
    scheduler: SchedulerTable,
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
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ComponentTable {
    #[serde(default)]
    flags: FlagTable,
    #[serde(default)]
    feature_gates: GateTable,
}

/// `[scheduler]`: as any other's, and the table of its configuration file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct SchedulerTable {
    #[serde(default)]
    flags: FlagTable,
    #[serde(default)]
    feature_gates: GateTable,
    config: Option<toml::Table>,
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
        match component {
            Component::Etcd => &self.etcd.flags,
            Component::Apiserver => &self.apiserver.flags,
            Component::Scheduler => &self.scheduler.flags,
            Component::ControllerManager => &self.controller_manager.flags,
        }
    }

    pub(crate) fn feature_gates(&self, component: Component) -> &GateTable {
        match component {
            Component::Etcd => &self.etcd.feature_gates,
            Component::Apiserver => &self.apiserver.feature_gates,
            Component::Scheduler => &self.scheduler.feature_gates,
            Component::ControllerManager => &self.controller_manager.feature_gates,
        }
    }

    pub(crate) fn scheduler_config(&self) -> Option<&toml::Table> {
        self.scheduler.config.as_ref()
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
