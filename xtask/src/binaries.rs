//! The control-plane binaries that tests and generators use.

use std::{ffi::OsString, path::PathBuf, sync::Arc};

use control_plane::{
    ProgressSink,
    binaries::{self, Binaries, Places},
};
use profile::Versions;

use crate::command::build;

/// Finds the binaries of the profile `defaults`, or builds them, which takes minutes the first time.
pub(crate) fn find() -> anyhow::Result<Binaries> {
    of(&profile::load("defaults")?.versions)
}

/// The same with other versions where any are said.
pub(crate) fn find_versions(kubernetes: Option<&str>, etcd: Option<&str>) -> anyhow::Result<Binaries> {
    let mut versions = profile::load("defaults")?.versions;
    for (said, version) in [(kubernetes, &mut versions.kubernetes), (etcd, &mut versions.etcd)] {
        if let Some(said) = said {
            said.clone_into(version);
        }
    }
    of(&versions)
}

/// Finds or builds those of certain versions.
fn of(versions: &Versions) -> anyhow::Result<Binaries> {
    Search::new()?.binaries(versions)
}

/// What a search needs, for several of them.
pub(crate) struct Search {
    runtime: tokio::runtime::Runtime,
    places: Places,
    shim: [OsString; 1],
    progress: ProgressSink,
}

impl Search {
    /// Where this process' environment says.
    pub(crate) fn new() -> anyhow::Result<Self> {
        wire::install_crypto_provider();
        Ok(Self {
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
            places: Places::from_env(None),
            shim: [shim()?],
            progress: Arc::new(|step| say(&step.to_string())),
        })
    }

    /// Finds or builds what a control plane is made of.
    pub(crate) fn binaries(&self, versions: &Versions) -> anyhow::Result<Binaries> {
        let Versions { kubernetes, etcd, .. } = versions;
        let found = binaries::find(kubernetes, etcd, &self.places, &self.shim, &self.progress);
        Ok(self.runtime.block_on(found)?)
    }

    /// Finds or builds kubeadm of a version of Kubernetes.
    pub(crate) fn kubeadm(&self, kubernetes: &str) -> anyhow::Result<PathBuf> {
        let found = binaries::find_kubeadm(kubernetes, &self.places, &self.shim, &self.progress);
        Ok(self.runtime.block_on(found)?)
    }
}

/// The program through which children are started: one of the control-plane crate.
pub(crate) fn shim() -> anyhow::Result<OsString> {
    Ok(build("supervised", true)?.into_os_string())
}

#[expect(clippy::print_stdout, reason = "the log of CI")]
fn say(text: &str) {
    println!("{text}");
}
