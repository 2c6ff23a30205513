//! A profile with everything it extends applied.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Component, Flags, Kubelet, Storage};

/// A complete description of a control plane's tuning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Profile {
    /// The name of a built-in profile, or the file name without `.toml`.
    pub name: String,
    /// One sentence: what this profile is.
    pub about: String,
    /// Where its settings come from.
    pub sources: Vec<String>,
    /// Which binaries run.
    pub versions: Versions,
    /// What the apiserver's audit log records.
    pub audit: Audit,
    /// Where etcd's data lives.
    pub storage: Storage,
    /// How the fleet's kubelets are set.
    pub kubelet: Kubelet,
    pub(crate) flags: BTreeMap<Component, Flags>,
    pub(crate) env: BTreeMap<Component, BTreeMap<String, String>>,
}

/// Versions without a leading `v`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Versions {
    /// Of kube-apiserver, kube-controller-manager and kube-scheduler.
    pub kubernetes: String,
    /// Of etcd.
    pub etcd: String,
    /// A folder with binaries that go before all others.
    pub bin_dir: Option<PathBuf>,
}

/// `[audit]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// How much of each request is recorded.
    pub level: AuditLevel,
}

/// An audit level, by the names of audit.k8s.io/v1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AuditLevel {
    /// No audit log.
    #[default]
    None,
    /// Who asked for what and when, and the answer's code; no bodies.
    Metadata,
    /// That and the bodies of requests, Secrets' too.
    Request,
}

impl Profile {
    /// The flags that the profile sets for a component.
    pub fn flags(&self, component: Component) -> &Flags {
        static NONE: Flags = Flags::none();
        self.flags.get(&component).unwrap_or(&NONE)
    }

    /// The environment variables that the profile sets for a component.
    pub fn env(&self, component: Component) -> &BTreeMap<String, String> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        self.env.get(&component).unwrap_or(&NONE)
    }

    /// The version that a component's binary should have.
    pub fn version(&self, component: Component) -> &str {
        match component {
            Component::Etcd => &self.versions.etcd,
            _ => &self.versions.kubernetes,
        }
    }
}
