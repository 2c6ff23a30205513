//! What is released together, and in which version it is wanted.

use std::{fmt, path::Path};

use super::Release;

pub(super) const KUBECTL: &str = "kubectl";
/// Restores etcd's snapshots; released together with it.
pub(super) const ETCDUTL: &str = "etcdutl";
pub(super) const KUBEMARK: &str = "kubemark";

/// What is released together under one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Product {
    Kubernetes,
    Etcd,
    /// kubemark's hollow node. Kubernetes releases no binary of it, so it is always built.
    Kubemark,
}

impl Product {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Kubernetes => "kubernetes",
            Self::Etcd => "etcd",
            Self::Kubemark => KUBEMARK,
        }
    }

    /// What a control plane cannot do without.
    pub(super) fn needed(self) -> &'static [&'static str] {
        match self {
            Self::Kubernetes => &["kube-apiserver", "kube-controller-manager", "kube-scheduler"],
            Self::Etcd => &["etcd"],
            Self::Kubemark => &[KUBEMARK],
        }
    }

    /// What a download or a build leaves in the cache.
    pub(super) fn cached(self) -> &'static [&'static str] {
        match self {
            Self::Kubernetes => &["kube-apiserver", "kube-controller-manager", "kube-scheduler", KUBECTL],
            Self::Etcd => &["etcd", ETCDUTL],
            Self::Kubemark => &[KUBEMARK],
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
