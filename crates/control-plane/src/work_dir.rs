//! The work directory of one control plane, and those that killed processes have left behind.
//!
//! `<cache>/work/<run id>/`. Its file `owner` names our process and is locked by flock for as long as we live; the
//! kernel lets go of the lock however we end, so a directory whose lock is free belongs to nobody. (A process id alone
//! may have been given to somebody else since.) What a run made elsewhere goes with its directory ([`storage::release`]).

use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process,
    thread::sleep,
    time::Duration,
};

use rustix::fs::{FlockOperation, flock};

use crate::{Error, binaries::cache_dir, storage};

/// A work directory of ours, removed when it is dropped.
#[derive(Debug)]
pub(crate) struct WorkDir {
    path: PathBuf,
    _owner: File,
}

/// A work directory whose owner is dead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaleWorkDir {
    /// The id of the run it belonged to.
    pub run_id: String,
    /// Where it is.
    pub path: PathBuf,
    /// The process that owned it, when it came so far as to say so.
    pub owner: Option<u32>,
}

impl WorkDir {
    pub(crate) fn create(cache: &Path, run_id: &str) -> Result<Self, Error> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if run_id.is_empty() || run_id.starts_with('.') || !run_id.chars().all(plain) {
            return Err(Error::RunId { run_id: run_id.to_owned() });
        }
        let all = cache.join("work");
        fs::create_dir_all(&all).map_err(Error::file("create", &all))?;
        // Between the creation of the directory and the lock on its owner file it would look abandoned.
        let _door = Door::close(&all)?;
        let path = all.join(run_id);
        fs::DirBuilder::new().mode(0o700).create(&path).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => Error::WorkDirExists { path: path.clone() },
            _ => Error::file("create", &path)(error),
        })?;
        let owner = path.join("owner");
        let mut file = File::create(&owner).map_err(Error::file("create", &owner))?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)
            .map_err(|errno| Error::file("lock", &owner)(errno.into()))?;
        writeln!(file, "{}", process::id()).map_err(Error::file("write", &owner))?;
        Ok(Self { path, _owner: file })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the directory, and says so when that fails.
    pub(crate) fn remove(self) -> Result<(), Error> {
        remove_all(&self.path)
    }
}

impl Drop for WorkDir {
    fn drop(&mut self) {
        let _ = remove_all(&self.path);
    }
}

/// The work directories that dead processes have left.
///
/// # Errors
///
/// When the folder of work directories cannot be read.
pub fn stale_work_dirs() -> Result<Vec<StaleWorkDir>, Error> {
    stale_in(&cache_dir())
}

/// Removes a work directory, unless somebody has come to own it since.
///
/// # Errors
///
/// When its owner lives, or it cannot be removed.
pub fn remove_work_dir(stale: &StaleWorkDir) -> Result<(), Error> {
    let _door = stale.path.parent().map(Door::close).transpose()?;
    match owner(&stale.path) {
        Owner::Alive(owner) => Err(Error::WorkDirInUse { path: stale.path.clone(), owner }),
        Owner::Dead(_) => remove_all(&stale.path),
    }
}

fn stale_in(cache: &Path) -> Result<Vec<StaleWorkDir>, Error> {
    let all = cache.join("work");
    if !all.is_dir() {
        return Ok(Vec::new());
    }
    let _door = Door::close(&all)?;
    let mut stale = Vec::new();
    for entry in fs::read_dir(&all).map_err(Error::file("read", &all))? {
        let path = entry.map_err(Error::file("read", &all))?.path();
        if path.is_dir()
            && let Owner::Dead(owner) = owner(&path)
        {
            let run_id = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            stale.push(StaleWorkDir { run_id, path, owner });
        }
    }
    stale.sort_by(|a, b| a.run_id.cmp(&b.run_id));
    Ok(stale)
}

enum Owner {
    Alive(u32),
    Dead(Option<u32>),
}

fn owner(dir: &Path) -> Owner {
    let file = dir.join("owner");
    let pid = fs::read_to_string(&file).ok().and_then(|text| text.trim().parse().ok());
    match File::open(&file) {
        Ok(file) if flock(&file, FlockOperation::NonBlockingLockShared).is_err() => {
            Owner::Alive(pid.unwrap_or(0))
        }
        _ => Owner::Dead(pid),
    }
}

/// Held, for moments only, while directories come, go or are looked at.
struct Door {
    _file: File,
}

impl Door {
    fn close(all: &Path) -> Result<Self, Error> {
        let path = all.join(".lock");
        let file = File::create(&path).map_err(Error::file("create", &path))?;
        flock(&file, FlockOperation::LockExclusive)
            .map_err(|errno| Error::file("lock", &path)(errno.into()))?;
        Ok(Self { _file: file })
    }
}

/// A process that was killed a moment ago may still have a write under way, which makes a directory that was just
/// emptied not empty again.
fn remove_all(path: &Path) -> Result<(), Error> {
    storage::release(path)?;
    for _ in 0..20 {
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => sleep(Duration::from_millis(50)),
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(Error::file("remove", path)(error));
            }
            _ => return Ok(()),
        }
    }
    fs::remove_dir_all(path).map_err(Error::file("remove", path))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{StaleWorkDir, WorkDir, remove_work_dir, stale_in};
    use crate::Error;

    #[test]
    fn is_ours_while_it_lives_and_gone_when_dropped() {
        let cache = tempfile::tempdir().unwrap();
        let work = WorkDir::create(cache.path(), "run-1").unwrap();
        assert!(matches!(WorkDir::create(cache.path(), "run-1"), Err(Error::WorkDirExists { .. })));
        assert_eq!(stale_in(cache.path()).unwrap(), []);
        let path = work.path().to_owned();
        let as_stale = StaleWorkDir { run_id: "run-1".into(), path: path.clone(), owner: None };
        let Err(Error::WorkDirInUse { owner, .. }) = remove_work_dir(&as_stale) else { panic!("removed") };
        assert_eq!(owner, std::process::id());
        drop(work);
        assert!(!path.exists());
    }

    #[test]
    fn what_a_dead_owner_left_is_found_and_removed() {
        let cache = tempfile::tempdir().unwrap();
        assert_eq!(stale_in(cache.path()).unwrap(), []);
        let dir = cache.path().join("work/run-2");
        fs::create_dir_all(dir.join("etcd")).unwrap();
        fs::write(dir.join("owner"), "4194999\n").unwrap();
        fs::create_dir(cache.path().join("work/run-3")).unwrap();
        let stale = stale_in(cache.path()).unwrap();
        let found: Vec<_> = stale.iter().map(|dir| (dir.run_id.as_str(), dir.owner)).collect();
        assert_eq!(found, [("run-2", Some(4_194_999)), ("run-3", None)]);
        for dir in &stale {
            remove_work_dir(dir).unwrap();
        }
        assert_eq!(stale_in(cache.path()).unwrap(), []);
    }

    #[test]
    fn a_run_id_cannot_lead_out_of_the_folder() {
        let cache = tempfile::tempdir().unwrap();
        for run_id in ["", ".", "..", "../x", "a/b", ".hidden", "a b"] {
            assert!(matches!(WorkDir::create(cache.path(), run_id), Err(Error::RunId { .. })), "{run_id}");
        }
    }
}
