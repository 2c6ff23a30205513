//! What is released together, and in which version it is wanted.

use std::{fmt, path::Path};

use super::Release;

pub(super) const KUBECTL: &str = "kubectl";
/// Restores etcd's snapshots; released together with it.
pub(super) const ETCDUTL: &str = "etcdutl";
pub(super) const KUBEMARK: &str = "kubemark";
pub(super) const KUBEADM: &str = "kubeadm";

/// What is released together under one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Product {
    Kubernetes,
    Etcd,
    /// kubemark's hollow node. Kubernetes releases no binary of it, so it is always built.
    Kubemark,
    /// kubeadm, which sets clusters up; a control plane of ours does without it.
    Kubeadm,
}

impl Product {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Kubernetes => "kubernetes",
            Self::Etcd => "etcd",
            Self::Kubemark => KUBEMARK,
            Self::Kubeadm => KUBEADM,
        }
    }

    /// What a control plane cannot do without.
    pub(super) fn needed(self) -> &'static [&'static str] {
        match self {
            Self::Kubernetes => &["kube-apiserver", "kube-controller-manager", "kube-scheduler"],
            Self::Etcd => &["etcd"],
            Self::Kubemark => &[KUBEMARK],
            Self::Kubeadm => &[KUBEADM],
        }
    }

    /// How its programs are asked for their version.
    pub(super) fn asks_version(self) -> &'static [&'static str] {
        match self {
            Self::Kubernetes | Self::Etcd | Self::Kubemark => &["--version"],
            Self::Kubeadm => &["version", "--output=short"],
        }
    }

    /// What a download or a build leaves in the cache.
    pub(super) fn cached(self) -> &'static [&'static str] {
        match self {
            Self::Kubernetes => &["kube-apiserver", "kube-controller-manager", "kube-scheduler", KUBECTL],
            Self::Etcd => &["etcd", ETCDUTL],
            Self::Kubemark => &[KUBEMARK],
            Self::Kubeadm => &[KUBEADM],
        }
    }
}

/// A product in a version.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) product: Product,
    pub(super) version: &'a str,
}

impl fmt::Display for Wanted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} v{}", self.product.name(), self.version)
    }
}

impl Wanted<'_> {
    pub(super) fn release(self, folder: &Path, origin: &str) -> Release {
        Release { folder: folder.to_owned(), version: self.version.to_owned(), origin: origin.to_owned() }
    }

    pub(super) fn describe(self) -> String {
        format!("{} v{}", self.product.needed().join(", "), self.version)
    }
}
