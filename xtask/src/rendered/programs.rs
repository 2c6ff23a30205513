//! The programs that judge, each looked for once.

use std::collections::BTreeMap;

use control_plane::binaries::Binaries;
use profile::{Profile, Versions};

use super::kubeadm::Kubeadm;
use crate::binaries::Search;

/// By their versions.
pub(crate) struct Programs {
    search: Search,
    kubeadms: BTreeMap<String, Kubeadm>,
    binaries: BTreeMap<[String; 2], Binaries>,
}

impl Programs {
    /// None yet.
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self { search: Search::new()?, kubeadms: BTreeMap::new(), binaries: BTreeMap::new() })
    }

    /// kubeadm of a profile's Kubernetes.
    pub(crate) fn kubeadm(&mut self, profile: &Profile) -> anyhow::Result<Kubeadm> {
        let version = &profile.versions.kubernetes;
        if let Some(kubeadm) = self.kubeadms.get(version) {
            return Ok(kubeadm.clone());
        }
        let kubeadm = Kubeadm::new(self.search.kubeadm(version)?);
        self.kubeadms.insert(version.clone(), kubeadm.clone());
        Ok(kubeadm)
    }

    /// What a control plane is made of.
    pub(crate) fn of(&mut self, versions: &Versions) -> anyhow::Result<Binaries> {
        let both = [versions.kubernetes.clone(), versions.etcd.clone()];
        if let Some(binaries) = self.binaries.get(&both) {
            return Ok(binaries.clone());
        }
        let found = self.search.binaries(versions)?;
        self.binaries.insert(both, found.clone());
        Ok(found)
    }
}
