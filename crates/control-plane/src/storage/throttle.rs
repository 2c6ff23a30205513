//! A cgroup whose processes may write to a disk only so often.
//!
//! Three files are read and three written, in both versions of cgroups; the crate for it, cgroups-rs, brings D-Bus along and
//! hides which file was refused.
//!
//! The limit reaches what etcd waits for, fdatasync of its log: the process that syncs submits those writes itself.

use std::{
    fs,
    io::{self, ErrorKind},
    num::NonZeroU32,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    thread::sleep,
    time::Duration,
};

use procfs::{FromRead, ProcessCGroups, process::MountInfos};

use super::disk;

/// Where a group of ours goes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Parent {
    /// Version 1: beneath our own group, whose limits go on to hold.
    V1(PathBuf),
    /// Version 2: at the top of what is visible. Beneath our own group it could not be, because a group with processes passes no
    /// controller on.
    V2(PathBuf),
}

/// Makes a group called `name` that limits writes to the disk of `folder`, and a link to it.
pub(super) fn make(folder: &Path, link: &Path, name: &str, limit: NonZeroU32) -> Result<PathBuf, String> {
    let unreadable = |error| format!("/proc/self cannot be read: {error}");
    let mounts = MountInfos::from_file("/proc/self/mountinfo").map_err(unreadable)?;
    let own = ProcessCGroups::from_file("/proc/self/cgroup").map_err(unreadable)?;
    let folder =
        fs::canonicalize(folder).map_err(|error| format!("cannot find {}: {error}", folder.display()))?;
    let disk = disk::beneath(&folder, &mounts, Path::new(disk::DEVICES))?;
    let parent = parent(&mounts, &own)?;
    let (group, file, rule) = match &parent {
        Parent::V1(parent) => {
            (parent.join(name), "blkio.throttle.write_iops_device", format!("{disk} {limit}"))
        }
        Parent::V2(parent) => {
            pass_on_io(parent)?;
            (parent.join(name), "io.max", format!("{disk} wiops={limit}"))
        }
    };
    // The link comes first: a group that nothing leads to would stay for ever.
    symlink(&group, link).map_err(|error| format!("cannot link {}: {error}", link.display()))?;
    fs::create_dir(&group)
        .map_err(|error| format!("cannot create the cgroup {}: {error}", group.display()))?;
    write(&group.join(file), &rule)?;
    Ok(group)
}

fn write(file: &Path, rule: &str) -> Result<(), String> {
    fs::write(file, rule).map_err(|error| format!("cannot write `{rule}` to {}: {error}", file.display()))
}

/// Where groups with a limit on writes can be made.
fn parent(mounts: &MountInfos, own: &ProcessCGroups) -> Result<Parent, String> {
    let v1 = mounts.iter().find(|it| it.fs_type == "cgroup" && it.super_options.contains_key("blkio"));
    if let Some(mount) = v1 {
        let group = own.0.iter().find(|group| group.controllers.iter().any(|name| name == "blkio"));
        // In a container our own group's path is the host's, and begins with what is mounted here as the top.
        let visible = group.and_then(|group| Path::new(&group.pathname).strip_prefix(&mount.root).ok());
        return Ok(Parent::V1(mount.mount_point.join(visible.unwrap_or(Path::new("")))));
    }
    let v2 = mounts.iter().find(|it| it.fs_type == "cgroup2");
    let v2 = v2.ok_or("neither cgroups v1 with blkio nor cgroups v2 are mounted")?;
    Ok(Parent::V2(v2.mount_point.clone()))
}

/// Lets the groups below have the io controller. It stays so: others may have come to need it by the time we end.
fn pass_on_io(parent: &Path) -> Result<(), String> {
    let has_io = |file: &str| {
        let path = parent.join(file);
        let names =
            fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        Ok::<bool, String>(names.split_whitespace().any(|name| name == "io"))
    };
    if !has_io("cgroup.controllers")? {
        return Err(format!("the cgroups at {} have no io controller", parent.display()));
    }
    if has_io("cgroup.subtree_control")? {
        return Ok(());
    }
    write(&parent.join("cgroup.subtree_control"), "+io")
}

/// Removes a group whose processes have ended or are about to.
pub(super) fn remove(group: &Path) -> io::Result<()> {
    for _ in 0..40 {
        match fs::remove_dir(group) {
            Err(error) if error.kind() == ErrorKind::ResourceBusy => sleep(Duration::from_millis(50)),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            outcome => return outcome,
        }
    }
    fs::remove_dir(group)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use procfs::{FromBufRead, ProcessCGroups, process::MountInfos};

    use super::{Parent, parent, pass_on_io};

    #[test]
    fn groups_go_beneath_our_own_or_where_the_controller_can_be_passed_on() {
        let check = |mounts: &str, own: &str, expected: Result<Parent, &str>| {
            let mounts = MountInfos::from_buf_read(mounts.as_bytes()).unwrap();
            let own = ProcessCGroups::from_buf_read(own.as_bytes()).unwrap();
            assert_eq!(parent(&mounts, &own), expected.map_err(str::to_owned), "{own:?}");
        };
        let v1 = |path: &str| Ok(Parent::V1(path.into()));
        let hybrid = "\
38 31 0:35 / /sys/fs/cgroup/blkio rw,relatime - cgroup cgroup rw,blkio
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";
        check(hybrid, "7:blkio:/\n4:memory:/a\n0::/\n", v1("/sys/fs/cgroup/blkio/"));
        check(hybrid, "7:blkio:/user.slice/x\n0::/\n", v1("/sys/fs/cgroup/blkio/user.slice/x"));
        let container = "700 690 0:30 /docker/9f /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio\n";
        check(container, "7:blkio:/docker/9f\n", v1("/sys/fs/cgroup/blkio/"));
        check(container, "7:blkio:/docker/9f/child\n", v1("/sys/fs/cgroup/blkio/child"));
        check(container, "7:blkio:/elsewhere\n", v1("/sys/fs/cgroup/blkio/"));
        let v2 = "35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
        check(v2, "0::/user.slice/user-1000.slice\n", Ok(Parent::V2("/sys/fs/cgroup".into())));
        let none = "30 1 0:35 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
        check(none, "4:memory:/\n", Err("neither cgroups v1 with blkio nor cgroups v2 are mounted"));
    }

    #[test]
    fn the_io_controller_is_passed_on_where_there_is_one() {
        let group = tempfile::tempdir().unwrap();
        let file = |name: &str| group.path().join(name);
        let at = group.path().display();
        assert_eq!(
            pass_on_io(group.path()).unwrap_err(),
            format!("cannot read {at}/cgroup.controllers: No such file or directory (os error 2)")
        );
        fs::write(file("cgroup.controllers"), "cpu memory pids\n").unwrap();
        fs::write(file("cgroup.subtree_control"), "\n").unwrap();
        assert_eq!(
            pass_on_io(group.path()).unwrap_err(),
            format!("the cgroups at {at} have no io controller")
        );
        fs::write(file("cgroup.controllers"), "cpu io memory\n").unwrap();
        pass_on_io(group.path()).unwrap();
        assert_eq!(fs::read_to_string(file("cgroup.subtree_control")).unwrap(), "+io");
        fs::write(file("cgroup.subtree_control"), "cpu io\n").unwrap();
        pass_on_io(group.path()).unwrap();
        assert_eq!(fs::read_to_string(file("cgroup.subtree_control")).unwrap(), "cpu io\n");
    }
}
