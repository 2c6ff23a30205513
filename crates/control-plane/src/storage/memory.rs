//! A folder in memory: a tmpfs of its own where we may mount one, else a folder in `/dev/shm`.
//!
//! A tmpfs takes up to half of the machine's memory, and only what is written.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, symlink},
    path::Path,
};

use rustix::{
    fs::statfs,
    mount::{MountFlags, UnmountFlags},
};

/// Where Linux has a tmpfs for everybody.
pub(super) const SHM: &str = "/dev/shm";
/// `TMPFS_MAGIC` (Linux `uapi/linux/magic.h`).
const TMPFS: i64 = 0x0102_1994;

/// Makes `data` a folder in memory. `name` is that of the folder in `shm`, should it have to be one.
pub(super) fn provide(data: &Path, shm: &Path, name: &str) -> Result<(), String> {
    private(data)?;
    let Err(refusal) = mount(data) else { return Ok(()) };
    fs::remove_dir(data).map_err(|error| format!("cannot remove {}: {error}", data.display()))?;
    link(data, shm, name).map_err(|reason| {
        format!("mounting a tmpfs at {} is refused ({refusal}), and {reason}", data.display())
    })
}

/// The way of those who may not mount.
fn link(data: &Path, shm: &Path, name: &str) -> Result<(), String> {
    if !is_tmpfs(shm) {
        return Err(format!("there is none at {}", shm.display()));
    }
    let folder = shm.join(name);
    // The link comes first: a folder that nothing leads to would stay for ever.
    symlink(&folder, data).map_err(|error| format!("cannot link {}: {error}", data.display()))?;
    private(&folder)
}

fn private(path: &Path) -> Result<(), String> {
    let made = DirBuilder::new().mode(0o700).create(path);
    made.map_err(|error| format!("cannot create {}: {error}", path.display()))
}

fn mount(data: &Path) -> io::Result<()> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    Ok(rustix::mount::mount("tmpfs", data, "tmpfs", flags, c"mode=0700")?)
}

fn is_tmpfs(folder: &Path) -> bool {
    statfs(folder).is_ok_and(|about| about.f_type == TMPFS)
}

/// Unmounts what is mounted at a folder of `work`. A process that was killed a moment ago may still hold a file in it; then the
/// memory comes back when it is gone.
pub(super) fn unmount(work: &Path, data: &Path) -> io::Result<()> {
    let (Ok(outside), Ok(inside)) = (fs::metadata(work), fs::symlink_metadata(data)) else { return Ok(()) };
    if outside.dev() == inside.dev() {
        return Ok(());
    }
    Ok(rustix::mount::unmount(data, UnmountFlags::DETACH)?)
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::{SHM, link};
    use crate::storage::{DATA, release};

    #[test]
    fn without_the_right_to_mount_the_data_is_in_the_machines_own_tmpfs() {
        let work = tempfile::tempdir().unwrap();
        let data = work.path().join(DATA);
        let name = format!("loadgen-test-{}", std::process::id());
        link(&data, Path::new(SHM), &name).unwrap();
        fs::write(data.join("x"), "y").unwrap();
        let folder = Path::new(SHM).join(&name);
        assert_eq!(fs::read_to_string(folder.join("x")).unwrap(), "y");
        release(work.path()).unwrap();
        assert!(!folder.exists() && !data.is_symlink());
        let error = link(&data, Path::new("/proc"), &name).unwrap_err();
        assert_eq!(error, "there is none at /proc");
        assert!(!data.is_symlink());
    }

    #[test]
    fn a_link_that_leads_nowhere_yet_is_removed() {
        let work = tempfile::tempdir().unwrap();
        let data = work.path().join(DATA);
        std::os::unix::fs::symlink("/dev/shm/loadgen-never-made", &data).unwrap();
        release(work.path()).unwrap();
        assert!(!data.is_symlink());
    }
}
