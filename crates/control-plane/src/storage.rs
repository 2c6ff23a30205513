//! Where the data of the etcds lives, as a profile's `[storage]` says: on the disk of the work directory, in memory, or on that disk
//! with a limit on writes. Each member has its own, as on a machine of its own: two that may write a hundred times a second each may.
//!
//! What is made outside the work directory can be found from inside it, so that [`release`] needs nothing else to undo it, also
//! when whoever made it was killed: a data directory is a mount point or a link into `/dev/shm`, and a link names each cgroup.

mod disk;
mod memory;
mod throttle;

use std::{
    collections::BTreeMap,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    process,
};

use profile::Medium;

use crate::{Error, Instance};

/// What begins the names of all data directories in a work directory; the first is called so (`Layout::etcd_data`).
pub(crate) const DATA: &str = "etcd";
/// What ends the name of the link to a member's cgroup, behind that of its data directory.
const CGROUP: &str = "-cgroup";
/// What begins the name of everything outside the work directory.
const OURS: &str = "loadgen-";

/// What was made for the data of the etcds.
#[derive(Debug, Default)]
pub(crate) struct Storage {
    cgroups: BTreeMap<Instance, PathBuf>,
}

impl Storage {
    /// Makes what a profile asks for, for each of these members of etcds, before anything is started. The work directory's removal
    /// undoes it, also after an error.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`] where this machine or this user cannot do it.
    pub(crate) fn prepare(
        wanted: profile::Storage,
        work: &Path,
        members: impl IntoIterator<Item = Instance>,
    ) -> Result<Self, Error> {
        let run = format!("{OURS}{}-{}", work.file_name().unwrap_or_default().display(), process::id());
        let mut cgroups = BTreeMap::new();
        for member in members {
            let data = member.name();
            let name = format!("{run}-{data}");
            if wanted.medium == Medium::Tmpfs {
                in_memory(&work.join(&data), &name)?;
            }
            if let Some(limit) = wanted.write_iops {
                let link = work.join(format!("{data}{CGROUP}"));
                let made = throttle::make(work, &link, &name, limit).map_err(|reason| Error::Storage {
                    wanted: format!("etcd's writes cannot be limited to {limit}/s (storage.write-iops)"),
                    reason,
                    advice: "run as root on a machine whose disk and cgroups are its own, or lift the limit with --set \
                             storage.write-iops=none",
                });
                cgroups.insert(member, made?);
            }
        }
        Ok(Self { cgroups })
    }

    /// The cgroup that a process must be in from its first write on.
    pub(crate) fn cgroup(&self, instance: Instance) -> Option<&Path> {
        self.cgroups.get(&instance).map(PathBuf::as_path)
    }
}

fn in_memory(data: &Path, name: &str) -> Result<(), Error> {
    memory::provide(data, Path::new(memory::SHM), name).map_err(|reason| Error::Storage {
        wanted: "etcd's data cannot be kept in memory (storage.medium = \"tmpfs\")".to_owned(),
        reason,
        advice: "run as root, or keep it on the disk with --set storage.medium=disk",
    })
}

/// Undoes what was made for the control plane of a work directory, whose processes have ended. Without any of it does nothing.
pub(crate) fn release(work: &Path) -> Result<(), Error> {
    let entries = match fs::read_dir(work) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(Error::file("read", work))?,
    };
    for entry in entries {
        let path = entry.map_err(Error::file("read", work))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !name.starts_with(DATA) {
            continue;
        }
        if name.ends_with(CGROUP) { release_cgroup(path)? } else { release_data(work, path)? }
    }
    Ok(())
}

fn release_cgroup(link: PathBuf) -> Result<(), Error> {
    let Some(group) = link_to_ours(&link) else { return Ok(()) };
    throttle::remove(&group).map_err(Error::file("remove", group))?;
    fs::remove_file(&link).map_err(Error::file("remove", link))
}

fn release_data(work: &Path, data: PathBuf) -> Result<(), Error> {
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
