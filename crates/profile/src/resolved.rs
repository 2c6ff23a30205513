//! A profile with everything it extends applied.

use std::{collections::BTreeMap, path::PathBuf};

use serde::Serialize;
use serde_json::Value;

use crate::{Apf, Audit, Component, Cpu, Flags, Form, Gate, Kubelet, Manifest, Storage, Topology};

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
    /// How many of what there are.
    pub topology: Topology,
    /// What the apiserver notes of requests, and where.
    pub audit: Audit,
    /// Where etcd's data lives.
    pub storage: Storage,
    /// Which processors each part may run on.
    pub cpu: Cpu,
    /// How the fleet's kubelets are set.
    pub kubelet: Kubelet,
    /// What the scheduler's configuration file says beside what the harness writes into it, an object of
    /// kubescheduler.config.k8s.io/v1; none where it has no such file.
    pub scheduler_config: Option<Value>,
    /// The configuration of admission plugins by their names, an object each.
    pub admission: BTreeMap<String, Value>,
    /// Objects of priority and fairness.
    pub apf: Apf,
    /// What is applied when the control plane is up, in this order.
    pub manifests: Vec<Manifest>,
    /// The paths of settings, as `--set` takes them, that a form cannot say.
    pub not_expressible: BTreeMap<Form, Vec<String>>,
    pub(crate) feature_gates: BTreeMap<Component, BTreeMap<String, Gate>>,
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

impl Profile {
    /// The flags that the profile sets for a component.
    pub fn flags(&self, component: Component) -> &Flags {
        static NONE: Flags = Flags::none();
        self.flags.get(&component).unwrap_or(&NONE)
    }

    /// The feature gates that the profile sets for a component, by their names.
    pub fn feature_gates(&self, component: Component) -> &BTreeMap<String, Gate> {
        static NONE: BTreeMap<String, Gate> = BTreeMap::new();
        self.feature_gates.get(&component).unwrap_or(&NONE)
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
