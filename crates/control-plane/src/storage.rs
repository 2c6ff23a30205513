//! Where etcd's data lives, as a profile's `[storage]` says: on the disk of the work directory, in memory, or on that disk with
//! a limit on writes.
//!
//! What is made outside the work directory can be found from inside it, so that [`release`] needs nothing else to undo it, also
//! when whoever made it was killed: the data directory is a mount point or a link into `/dev/shm`, and a link names the cgroup.

mod disk;
mod memory;
mod throttle;

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    process,
};

use profile::{Component, Medium};

use crate::Error;

/// etcd's data directory in the work directory.
pub(crate) const DATA: &str = "etcd";
/// The link to etcd's cgroup in the work directory.
const CGROUP: &str = "etcd-cgroup";
/// What begins the name of everything outside the work directory.
const OURS: &str = "loadgen-";

/// What was made for etcd's data.
#[derive(Debug, Default)]
pub(crate) struct Storage {
    cgroup: Option<PathBuf>,
}

impl Storage {
    /// Makes what a profile asks for, before anything is started. The work directory's removal undoes it, also after an error.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`] where this machine or this user cannot do it.
    pub(crate) fn prepare(wanted: profile::Storage, work: &Path) -> Result<Self, Error> {
        let name = format!("{OURS}{}-{}", work.file_name().unwrap_or_default().display(), process::id());
        if wanted.medium == Medium::Tmpfs {
            memory::provide(&work.join(DATA), Path::new(memory::SHM), &name).map_err(|reason| {
                Error::Storage {
                    wanted: "etcd's data cannot be kept in memory (storage.medium = \"tmpfs\")".to_owned(),
                    reason,
                    advice: "run as root, or keep it on the disk with --set storage.medium=disk",
                }
            })?;
        }
        let Some(limit) = wanted.write_iops else { return Ok(Self::default()) };
        let cgroup = throttle::make(work, &work.join(CGROUP), &name, limit).map_err(|reason| Error::Storage {
            wanted: format!("etcd's writes cannot be limited to {limit}/s (storage.write-iops)"),
            reason,
            advice: "run as root on a machine whose disk and cgroups are its own, or lift the limit with --set \
                     storage.write-iops=none",
        })?;
        Ok(Self { cgroup: Some(cgroup) })
    }

    /// The cgroup that a component's process must be in from its first write on.
    pub(crate) fn cgroup(&self, component: Component) -> Option<&Path> {
        self.cgroup.as_deref().filter(|_| component == Component::Etcd)
    }
}

/// Undoes what was made for the control plane of a work directory, whose processes have ended. Without any of it does nothing.
pub(crate) fn release(work: &Path) -> Result<(), Error> {
    let cgroup = work.join(CGROUP);
    if let Some(group) = link_to_ours(&cgroup) {
        throttle::remove(&group).map_err(Error::file("remove", group))?;
        fs::remove_file(&cgroup).map_err(Error::file("remove", cgroup))?;
    }
    let data = work.join(DATA);
    let Some(folder) = link_to_ours(&data) else {
        return memory::unmount(work, &data).map_err(Error::file("unmount", data));
    };
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::file("remove", folder)(error)),
        _ => fs::remove_file(&data).map_err(Error::file("remove", data)),
    }
}

/// Where a link leads, if it is one of ours.
fn link_to_ours(path: &Path) -> Option<PathBuf> {
    let target = fs::read_link(path).ok()?;
    let is_ours = target.file_name()?.to_str()?.starts_with(OURS);
    is_ours.then_some(target)
}

#[cfg(test)]
mod tests;
