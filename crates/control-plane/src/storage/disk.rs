//! Which disk a folder is on.

use std::{
    fs,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

use procfs::process::{MountInfo, MountInfos};

/// Where the kernel shows block devices by their numbers.
pub(super) const DEVICES: &str = "/sys/dev/block";

/// The numbers, `254:0`, of the whole disk beneath a folder: cgroups limit disks, not partitions. `folder` must be free of links.
pub(super) fn beneath(folder: &Path, mounts: &MountInfos, devices: &Path) -> Result<String, String> {
    let on_it = mounts.iter().filter(|mount| folder.starts_with(unescaped(&mount.mount_point)));
    // Where several have the same place, the last one hides the others.
    let mount = on_it.max_by_key(|mount| unescaped(&mount.mount_point).components().count());
    let MountInfo { majmin, fs_type, .. } =
        mount.ok_or_else(|| format!("nothing is mounted at {} or above", folder.display()))?;
    if majmin.starts_with("0:") {
        return Err(format!("{} is on {fs_type}, which has no block device of its own", folder.display()));
    }
    let unknown =
        |error| format!("{} is on the device {majmin}, which cannot be looked up: {error}", folder.display());
    let device = fs::canonicalize(devices.join(majmin)).map_err(unknown)?;
    match device.parent() {
        Some(disk) if device.join("partition").exists() => {
            Ok(fs::read_to_string(disk.join("dev")).map_err(unknown)?.trim().to_owned())
        }
        _ => Ok(majmin.clone()),
    }
}

/// The kernel writes blanks and backslashes in paths as `\040` (`fs/proc_namespace.c`, `mangle`).
fn unescaped(path: &Path) -> PathBuf {
    let mut rest = path.as_os_str().as_bytes();
    let mut plain = Vec::with_capacity(rest.len());
    while let Some((&first, after)) = rest.split_first() {
        let code = after.get(..3).and_then(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 8).ok());
        match code {
            Some(code) if first == b'\\' => {
                plain.push(code);
                rest = &after[3..];
            }
            _ => {
                plain.push(first);
                rest = after;
            }
        }
    }
    std::ffi::OsString::from_vec(plain).into()
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink, path::Path};

    use procfs::{FromBufRead, process::MountInfos};

    use super::beneath;

    /// A virtual machine whose root is a whole disk.
    const WHOLE: &str = "\
22 27 0:21 / /proc rw,relatime - proc proc rw
25 24 0:23 / /dev/shm rw,relatime - tmpfs tmpfs rw,size=24684096k
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard,resv_strict
38 31 0:35 / /sys/fs/cgroup/blkio rw,relatime - cgroup cgroup rw,blkio
";
    /// A laptop with partitions, a home on btrfs, and a disk whose name has a blank.
    const PARTITIONS: &str = "\
28 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw,errors=remount-ro
101 28 0:43 /@home /home rw,relatime shared:54 - btrfs /dev/nvme0n1p3 rw,ssd,space_cache=v2
119 28 8:17 / /mnt/my\\040disk rw,relatime shared:60 - xfs /dev/sdb1 rw,attr2
";
    /// A container: everything is an overlay but what was mounted into it, over which nothing may be hidden.
    const CONTAINER: &str = "\
1042 929 0:142 / / rw,relatime master:412 - overlay overlay rw,lowerdir=/a:/b,upperdir=/c,workdir=/d
1061 1042 259:2 /var/lib/docker/volumes/x/_data /srv/cache rw,relatime master:1 - ext4 /dev/nvme0n1p2 rw
1070 1042 0:150 / /covered rw,relatime - tmpfs tmpfs rw
1071 1070 259:2 /y /covered rw,relatime master:1 - ext4 /dev/nvme0n1p2 rw
";

    /// `/sys` with a disk of each kind that these have.
    fn devices() -> tempfile::TempDir {
        let sys = tempfile::tempdir().unwrap();
        let links = sys.path().join("dev/block");
        fs::create_dir_all(&links).unwrap();
        for (numbers, path, partition) in [
            ("254:0", "devices/vda", false),
            ("259:0", "devices/nvme0n1", false),
            ("259:2", "devices/nvme0n1/nvme0n1p2", true),
            ("8:16", "devices/sdb", false),
            ("8:17", "devices/sdb/sdb1", true),
        ] {
            let device = sys.path().join(path);
            fs::create_dir_all(&device).unwrap();
            fs::write(device.join("dev"), format!("{numbers}\n")).unwrap();
            if partition {
                fs::write(device.join("partition"), "1\n").unwrap();
            }
            symlink(format!("../../{path}"), links.join(numbers)).unwrap();
        }
        sys
    }

    #[test]
    fn the_disk_beneath_a_folder_is_that_of_the_nearest_mount() {
        let sys = devices();
        let check = |mounts: &str, folder: &str, expected: Result<&str, &str>| {
            let mounts = MountInfos::from_buf_read(mounts.as_bytes()).unwrap();
            let found = beneath(Path::new(folder), &mounts, &sys.path().join("dev/block"));
            assert_eq!(found.as_deref().map_err(String::as_str), expected, "{folder}");
        };
        check(WHOLE, "/srv/cache/loadgen/work/x", Ok("254:0"));
        check(WHOLE, "/dev/shm/x", Err("/dev/shm/x is on tmpfs, which has no block device of its own"));
        check(PARTITIONS, "/var/cache", Ok("259:0"));
        check(PARTITIONS, "/homes", Ok("259:0"));
        check(PARTITIONS, "/home/me", Err("/home/me is on btrfs, which has no block device of its own"));
        check(PARTITIONS, "/mnt/my disk/x", Ok("8:16"));
        check(CONTAINER, "/work", Err("/work is on overlay, which has no block device of its own"));
        check(CONTAINER, "/srv/cache/loadgen", Ok("259:0"));
        check(CONTAINER, "/covered/x", Ok("259:0"));
        check("", "/x", Err("nothing is mounted at /x or above"));
        let gone = "1 0 7:9 / / rw - ext4 /dev/loop9 rw\n";
        check(
            gone,
            "/x",
            Err("/x is on the device 7:9, which cannot be looked up: No such file or directory (os error 2)"),
        );
    }
}
