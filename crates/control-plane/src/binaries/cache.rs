//! The cache of binaries: one folder per product, version and platform, which is either whole or not there.
//!
//! `<cache>/bin/kubernetes-v1.36.3-linux-amd64/` appears by a rename of a folder that was filled and checked beside it,
//! so a download or build that was cut short is never taken for a whole one. Who fills a slot holds an flock on a file
//! beside it; the kernel lets it go when its holder dies.

use std::{
    env,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};
use tokio::time::{Instant, sleep};

use super::{
    build,
    folder::is_executable,
    product::{Product, Wanted},
};
use crate::{Error, Progress, ProgressSink};

/// `$LOADGEN_CACHE_DIR`, else `$XDG_CACHE_HOME/loadgen`, else `~/.cache/loadgen`; without a home, a folder for
/// temporary files.
pub fn cache_dir() -> PathBuf {
    let variable = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable("LOADGEN_CACHE_DIR")
        .or_else(|| variable("XDG_CACHE_HOME").map(|base| base.join("loadgen")))
        .or_else(|| variable("HOME").map(|home| home.join(".cache/loadgen")))
        .unwrap_or_else(|| env::temp_dir().join("loadgen"))
}

/// The name of this platform in Go's words, as the release servers use it.
pub(super) fn platform() -> String {
    let arch = match env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "powerpc64" => "ppc64le",
        other => other,
    };
    format!("{}-{arch}", env::consts::OS)
}

/// The place of one product in one version.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) folder: PathBuf,
    product: Product,
    version: String,
}

/// Held while a slot is being filled.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// A folder beside the slot, removed when it is dropped unless it was moved into the slot.
#[derive(Debug)]
pub(super) struct Partial {
    pub(super) path: PathBuf,
}

impl Slot {
    pub(super) fn new(cache: &Path, wanted: Wanted<'_>) -> Self {
        let name = format!("{}-v{}-{}", wanted.product.name(), wanted.version, platform());
        Self {
            folder: cache.join("bin").join(name),
            product: wanted.product,
            version: wanted.version.to_owned(),
        }
    }

    pub(super) fn wanted(&self) -> Wanted<'_> {
        Wanted { product: self.product, version: &self.version }
    }

    /// Whether everything is there.
    pub(super) fn complete(&self) -> Result<(), String> {
        if !self.folder.is_dir() {
            return Err("not there".to_owned());
        }
        match self.product.cached().iter().find(|name| !is_executable(&self.folder.join(name))) {
            Some(missing) => Err(format!("{missing} is missing")),
            None if self.is_of_another_recipe() => {
                Err("it was built by another version of this program".to_owned())
            }
            None => Ok(()),
        }
    }

    /// A download has no recipe, and neither has what was built before there were any.
    fn is_of_another_recipe(&self) -> bool {
        let recipe = fs::read_to_string(self.folder.join(build::RECIPE));
        recipe.is_ok_and(|recipe| recipe != build::recipe(self.product))
    }

    /// Waits until nobody else fills this slot, and keeps others from it.
    pub(super) async fn lock(&self, progress: &ProgressSink) -> Result<Lock, Error> {
        let path = self.beside("lock");
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(Error::file("create", parent))?;
        }
        let file = File::create(&path).map_err(Error::file("create", &path))?;
        let start = Instant::now();
        let mut reported: Option<Instant> = None;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Lock { _file: file }),
                Err(Errno::WOULDBLOCK) => {}
                Err(errno) => return Err(Error::file("lock", path)(errno.into())),
            }
            if reported.is_none_or(|at| at.elapsed() >= Duration::from_secs(15)) {
                reported = Some(Instant::now());
                let what = format!("waiting: another process is downloading or building {}", self.wanted());
                progress(Progress::Working { what, elapsed: start.elapsed() });
            }
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// An empty folder to fill. The lock must be held: what an earlier holder left is removed.
    pub(super) fn partial(&self) -> Result<Partial, Error> {
        let path = self.beside("partial");
        remove(&path)?;
        fs::create_dir_all(&path).map_err(Error::file("create", &path))?;
        Ok(Partial { path })
    }

    /// Moves a filled folder into the slot. It is on disk before it is visible.
    pub(super) fn commit(&self, partial: &Partial) -> Result<(), Error> {
        for name in self.product.cached() {
            let path = partial.path.join(name);
            File::open(&path).and_then(|file| file.sync_all()).map_err(Error::file("write", &path))?;
        }
        // Only a slot from which something was deleted can be there.
        remove(&self.folder)?;
        fs::rename(&partial.path, &self.folder).map_err(Error::file("create", &self.folder))?;
        if let Some(parent) = self.folder.parent() {
            File::open(parent).and_then(|file| file.sync_all()).map_err(Error::file("write", parent))?;
        }
        Ok(())
    }

    fn beside(&self, kind: &str) -> PathBuf {
        let name = self.folder.file_name().unwrap_or_default().to_string_lossy();
        self.folder.with_file_name(format!(".{name}.{kind}"))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // After a commit it is no longer there.
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn remove(folder: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::file("remove", folder)(error)),
        _ => Ok(()),
    }
}
