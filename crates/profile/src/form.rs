//! `not_expressible`: what other ways of setting up a cluster cannot say.

use serde::{Deserialize, Serialize};

/// A form that a profile can be rendered in besides our own control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// kubeadm's `ClusterConfiguration` and what stands beside it.
    Kubeadm,
    /// kind's `Cluster`.
    Kind,
}

impl Form {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Kubeadm, Self::Kind];

    /// The name in profiles.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kubeadm => "kubeadm",
            Self::Kind => "kind",
        }
    }
}
