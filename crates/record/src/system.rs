//! What was measured, and on what: the target, the machine, and what each process took from it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The control plane under test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// How it came to be there.
    pub kind: TargetKind,
    /// The apiserver's URL.
    pub server: String,
    /// The kubeconfig's context, if it was reached by one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
}

/// How a target came to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TargetKind {
    /// Started by this run from a profile.
    Local,
    /// Found through a kubeconfig.
    Kubeconfig,
}

/// One control-plane process that this run started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// `etcd`, `kube-apiserver`, ...
    pub name: String,
    /// The whole command line.
    pub argv: Vec<String>,
    /// The processors that its profile confines it to, as taskset writes them: `0-1,3`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpus: Option<String>,
}

/// The machine the harness ran on; for a local target, the control plane too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Name and release of the kernel.
    pub kernel: String,
    /// Processors online.
    pub cpus: u32,
    /// Memory, bytes, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Version of the cgroup hierarchy, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cgroup_version: Option<u8>,
}

/// What one process took in the measured window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessUse {
    /// CPU time, seconds.
    pub cpu_seconds: f64,
    /// CPU time divided by the length of the window: how many processors it kept busy.
    pub cpu_cores_mean: f64,
    /// The most resident memory seen, bytes.
    pub rss_max_bytes: u64,
    /// Bytes fetched from storage, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_bytes: Option<u64>,
    /// Bytes sent to storage, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write_bytes: Option<u64>,
}
