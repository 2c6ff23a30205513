//! Finding the binaries: in folders, in our cache, on the official servers, or by building them.
//!
//! Each product is taken from the first of these places that has all of it: the folder that was named;
//! `KUBEBUILDER_ASSETS`; a folder of `PATH`; the cache; a download of the official release; a build from the published
//! Go modules. In the named folder any version is taken, because whoever names a folder wants what is in it (a patched
//! apiserver, say); elsewhere the version must be the profile's. The kube-* binaries always come from one folder and
//! must be of one version.

mod build;
mod cache;
mod download;
mod folder;
mod places;
mod product;
mod run;
mod search;

use std::{ffi::OsString, path::PathBuf, sync::Arc};

use profile::Component;

pub(crate) use self::run::output;
pub use self::{cache::cache_dir, places::Places};
use self::{
    product::{ETCDUTL, KUBEADM, KUBECTL, KUBEMARK, Product, Wanted},
    search::Search,
};
use crate::{Error, ProgressSink};

/// The binaries of a control plane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    /// etcd.
    pub etcd: Release,
    /// kube-apiserver, kube-controller-manager and kube-scheduler, and kubectl where there is one.
    pub kubernetes: Release,
}

/// One product in one folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Where the binaries are.
    pub folder: PathBuf,
    /// Their version, without a leading `v`.
    pub version: String,
    /// Which step found them, for people.
    pub origin: String,
}

impl Binaries {
    /// A component's executable.
    pub fn path(&self, component: Component) -> PathBuf {
        let release = if component == Component::Etcd { &self.etcd } else { &self.kubernetes };
        release.folder.join(component.binary())
    }

    /// The etcdutl beside etcd, which the cache always has and a folder of someone else's may have.
    pub fn etcdutl(&self) -> Option<PathBuf> {
        Some(self.etcd.folder.join(ETCDUTL)).filter(|path| path.is_file())
    }

    /// A kubectl of the same version, which the cache always has and a folder of someone else's may have.
    pub fn kubectl(&self) -> Option<PathBuf> {
        Some(self.kubernetes.folder.join(KUBECTL)).filter(|path| path.is_file())
    }
}

/// Finds the binaries of these versions, downloading or building them when they are nowhere on this machine.
///
/// `shim` is a command that runs [`shim::run`](crate::shim::run); a build is started through it, so that it does not
/// outlive this process. Dropping the future stops a download or a build and removes what it has done so far.
///
/// # Errors
///
/// [`Error::NoBinaries`] with every step that was tried; [`Error::BinDir`] when a folder was named and holds none of
/// the binaries, or only some of a product's.
pub async fn find(
    kubernetes: &str,
    etcd: &str,
    places: &Places,
    shim: &[OsString],
    progress: &ProgressSink,
) -> Result<Binaries, Error> {
    let search = Search::new(places, shim, progress)?;
    // etcd first: when there is no way to get binaries on this machine, that shows within seconds.
    let etcd = search.product(Wanted { product: Product::Etcd, version: etcd }).await?;
    let kubernetes = search.product(Wanted { product: Product::Kubernetes, version: kubernetes }).await?;
    Ok(Binaries { etcd, kubernetes })
}

/// Finds kubemark's hollow node of a Kubernetes version, building it when it is nowhere on this machine, as [`find`] does
/// with the rest. A control plane does without it; it is what virtual nodes are compared with.
///
/// # Errors
///
/// [`Error::NoBinaries`] with every step that was tried.
pub async fn find_kubemark(
    kubernetes: &str,
    places: &Places,
    shim: &[OsString],
    progress: &ProgressSink,
) -> Result<PathBuf, Error> {
    let wanted = Wanted { product: Product::Kubemark, version: kubernetes };
    let release = Search::new(places, shim, progress)?.product(wanted).await?;
    Ok(release.folder.join(KUBEMARK))
}

/// Finds kubeadm of a Kubernetes version, downloading or building it when it is nowhere on this machine, as [`find`] does with the
/// rest. A control plane does without it; it judges what profiles are rendered to.
///
/// # Errors
///
/// [`Error::NoBinaries`] with every step that was tried.
pub async fn find_kubeadm(
    kubernetes: &str,
    places: &Places,
    shim: &[OsString],
    progress: &ProgressSink,
) -> Result<PathBuf, Error> {
    let wanted = Wanted { product: Product::Kubeadm, version: kubernetes };
    let release = Search::new(places, shim, progress)?.product(wanted).await?;
    Ok(release.folder.join(KUBEADM))
}

/// Where a product is, or would come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// The binaries and their version, for people.
    pub what: String,
    /// Where they are on this machine, if they are.
    pub release: Option<Release>,
    /// The Go that would build them if they can be downloaded from nowhere.
    pub go: Option<PathBuf>,
}

/// Looks for the binaries as [`find`] does, but downloads and builds nothing.
///
/// # Errors
///
/// [`Error::BinDir`] when a folder was named and holds none of the binaries, or only some of a product's.
pub async fn locate(
    kubernetes: &str,
    etcd: &str,
    places: &Places,
    shim: &[OsString],
) -> Result<Vec<Located>, Error> {
    let progress: ProgressSink = Arc::new(|_| {});
    let search = Search::new(places, shim, &progress)?;
    let mut located = Vec::new();
    for (product, version) in [(Product::Etcd, etcd), (Product::Kubernetes, kubernetes)] {
        let wanted = Wanted { product, version };
        let release = search.on_this_machine(wanted, &mut Vec::new()).await?;
        located.push(Located { what: wanted.describe(), release, go: places.in_path("go") });
    }
    Ok(located)
}
