//! The search for one product: each place in its order, with the reason why it did not do.

use std::{env, ffi::OsString, path::Path};

use super::{
    Places, Release, build, cache, download, folder,
    product::{Product, Wanted},
};
use crate::{Error, Progress, ProgressSink, Tried, spawn::Spawner};

/// Something that can put a product's binaries into an empty folder.
pub(super) trait Source {
    async fn fill(&self, folder: &Path) -> Result<(), String>;
}

/// The means of a search.
pub(super) struct Search<'a> {
    places: &'a Places,
    progress: &'a ProgressSink,
    spawner: Spawner,
}

impl<'a> Search<'a> {
    /// A folder that was named must have something.
    pub(super) fn new(
        places: &'a Places,
        shim: &[OsString],
        progress: &'a ProgressSink,
    ) -> Result<Self, Error> {
        if let Some(folder) = &places.bin_dir {
            folder::has_any(folder).map_err(|reason| Error::BinDir { folder: folder.clone(), reason })?;
        }
        let spawner = Spawner::new(shim.to_vec()).map_err(Error::Spawner)?;
        Ok(Self { places, progress, spawner })
    }

    /// The steps that neither download nor build anything; those that did not help are added to `tried`.
    pub(super) async fn on_this_machine(
        &self,
        wanted: Wanted<'_>,
        tried: &mut Vec<Tried>,
    ) -> Result<Option<Release>, Error> {
        let mut note = |step: String, reason: String| note(wanted, tried, step, reason);
        if let Some(release) = self.named_folder(wanted).await? {
            return Ok(Some(release));
        }
        match &self.places.bin_dir {
            Some(folder) => {
                note(format!("--bin-dir {}", folder.display()), "it has no such binary".to_owned());
            }
            None => note("--bin-dir or the profile's bin_dir".to_owned(), "not given".to_owned()),
        }
        match &self.places.assets {
            None => note("KUBEBUILDER_ASSETS".to_owned(), "not set".to_owned()),
            Some(folder) => {
                let step = format!("KUBEBUILDER_ASSETS {}", folder.display());
                match folder::of_version(&self.spawner, folder, wanted).await {
                    Ok(()) => return Ok(Some(wanted.release(folder, "KUBEBUILDER_ASSETS"))),
                    Err(reason) => note(step, reason),
                }
            }
        }
        match self.path(wanted).await {
            Ok(release) => return Ok(Some(release)),
            Err(reason) => note("PATH".to_owned(), reason),
        }
        let cache = cache::Slot::new(&self.places.cache, wanted);
        match cache.complete() {
            Ok(()) => return Ok(Some(wanted.release(&cache.folder, "cache"))),
            Err(reason) => note(format!("cache {}", cache.folder.display()), reason),
        }
        Ok(None)
    }

    /// The first place that has all of a product, filling the cache when none has.
    pub(super) async fn product(&self, wanted: Wanted<'_>) -> Result<Release, Error> {
        let mut tried = Vec::new();
        if let Some(release) = self.on_this_machine(wanted, &mut tried).await? {
            return Ok(release);
        }
        let mut note = |step: String, reason: String| note(wanted, &mut tried, step, reason);
        let cache = cache::Slot::new(&self.places.cache, wanted);
        let _lock = cache.lock(self.progress).await?;
        // Whoever held the lock may just have filled the slot.
        if cache.complete().is_ok() {
            return Ok(wanted.release(&cache.folder, "cache"));
        }
        let (base, step) = match wanted.product {
            Product::Kubernetes | Product::Kubemark | Product::Kubeadm => {
                (&self.places.kubernetes_mirror, "LOADGEN_KUBERNETES_MIRROR")
            }
            Product::Etcd => (&self.places.etcd_mirror, "LOADGEN_ETCD_MIRROR"),
        };
        match self.fill(&cache, download::Download { wanted, base, progress: self.progress }).await? {
            Ok(()) => return Ok(wanted.release(&cache.folder, "download")),
            Err(reason) => note(format!("download from {base} ({step} names another server)"), reason),
        }
        let Some(go) = self.places.in_path("go") else {
            let reason =
                format!("there is no `go` in PATH; install Go ({}) or name a folder of binaries", build::GO);
            note("build from the published Go modules".to_owned(), reason);
            return Err(Error::NoBinaries { what: wanted.describe(), tried });
        };
        let build = build::Build { wanted, go: &go, spawner: &self.spawner, progress: self.progress };
        match self.fill(&cache, build).await? {
            Ok(()) => Ok(wanted.release(&cache.folder, "build")),
            Err(reason) => {
                note(format!("build from the published Go modules with {}", go.display()), reason);
                Err(Error::NoBinaries { what: wanted.describe(), tried })
            }
        }
    }

    /// A folder that was named and has some of a product but not all of it is a mistake to say so about, not to pass
    /// over: silently testing another apiserver than the one in the folder would be worse.
    async fn named_folder(&self, wanted: Wanted<'_>) -> Result<Option<Release>, Error> {
        let Some(folder) = &self.places.bin_dir else { return Ok(None) };
        let wrong = |reason| Error::BinDir { folder: folder.clone(), reason };
        if folder::present(folder, wanted.product).is_empty() {
            return Ok(None);
        }
        let version = folder::version(&self.spawner, folder, wanted.product).await.map_err(wrong)?;
        if version != wanted.version {
            let name = wanted.product.name();
            (self.progress)(Progress::Note(format!(
                "{} has {name} v{version}; it runs instead of v{}",
                folder.display(),
                wanted.version
            )));
        }
        Ok(Some(Release { folder: folder.clone(), version, origin: "bin-dir".to_owned() }))
    }

    async fn path(&self, wanted: Wanted<'_>) -> Result<Release, String> {
        let mut reason = "no folder of it has all the binaries".to_owned();
        for folder in env::split_paths(&self.places.path) {
            if folder::present(&folder, wanted.product).is_empty() {
                continue;
            }
            match folder::of_version(&self.spawner, &folder, wanted).await {
                Ok(()) => return Ok(wanted.release(&folder, "PATH")),
                Err(why) => reason = format!("{}: {why}", folder.display()),
            }
        }
        Err(reason)
    }

    /// Lets a source fill a partial folder, checks what it put there and moves it into its place in one step.
    async fn fill(&self, slot: &cache::Slot, source: impl Source) -> Result<Result<(), String>, Error> {
        let partial = slot.partial()?;
        if let Err(reason) = source.fill(&partial.path).await {
            return Ok(Err(reason));
        }
        let folder = &partial.path;
        if let Err(reason) = folder::of_version(&self.spawner, folder, slot.wanted()).await {
            return Ok(Err(format!("what came of it does not work: {reason}")));
        }
        slot.commit(&partial).map(Ok)
    }
}

fn note(wanted: Wanted<'_>, tried: &mut Vec<Tried>, step: String, reason: String) {
    tracing::debug!(%wanted, step, reason, "binaries are not here");
    tried.push(Tried { step, reason });
}
