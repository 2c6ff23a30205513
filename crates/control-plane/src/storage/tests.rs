//! What this machine lets us make, and that all of it can be found and removed by somebody else.

use std::{fs, num::NonZeroU32, path::Path};

use profile::{Component, Medium, Topology};
use rustix::fs::statfs;

use super::{DATA, Storage, link_to_ours, release};
use crate::{Error, Instance, StaleWorkDir, Store, remove_work_dir};

/// The link to the cgroup of the first member.
const CGROUP: &str = "etcd-cgroup";

/// An etcd, and another for events.
fn members() -> [Instance; 2] {
    let etcd = Instance::members(Topology::default(), Store::Main).next().unwrap();
    [etcd, Instance { store: Store::Events, ..etcd }]
}

/// The work directory of a run that was killed: its owner file is locked by nobody.
fn killed() -> (tempfile::TempDir, StaleWorkDir) {
    let cache = tempfile::tempdir().unwrap();
    let path = cache.path().join("work/killed");
    fs::create_dir_all(&path).unwrap();
    fs::write(path.join("owner"), "4194999\n").unwrap();
    (cache, StaleWorkDir { run_id: "killed".to_owned(), path, owner: Some(4_194_999) })
}

fn wanted(medium: Medium, write_iops: u32) -> profile::Storage {
    profile::Storage { medium, write_iops: NonZeroU32::new(write_iops) }
}

fn is_mounted(path: &Path) -> bool {
    fs::read_to_string("/proc/self/mountinfo").unwrap().contains(path.to_str().unwrap())
}

#[test]
fn what_a_killed_run_kept_in_memory_is_removed_with_its_work_directory() {
    let (_cache, stale) = killed();
    Storage::prepare(wanted(Medium::Tmpfs, 0), &stale.path, members()).unwrap();
    let data = members().map(|member| stale.path.join(member.name()));
    for data in &data {
        fs::write(data.join("member"), "x").unwrap();
        assert_eq!(statfs(data).unwrap().f_type, 0x0102_1994);
        assert_eq!(is_mounted(data), link_to_ours(data).is_none());
    }
    let in_shm: Vec<_> = data.iter().filter_map(|data| link_to_ours(data)).collect();
    remove_work_dir(&stale).unwrap();
    assert!(!stale.path.exists() && !data.iter().any(|data| is_mounted(data)));
    assert!(in_shm.iter().all(|folder| !folder.exists()));
}

#[test]
fn the_cgroup_of_a_killed_run_is_removed_with_its_work_directory() {
    let (_cache, stale) = killed();
    match Storage::prepare(wanted(Medium::Disk, 100), &stale.path, members()) {
        Ok(storage) => {
            let [etcd, events] = members();
            let (group, other) = (storage.cgroup(etcd).unwrap(), storage.cgroup(events).unwrap());
            assert_eq!(storage.cgroup(Component::Apiserver.into()), None);
            assert_eq!(link_to_ours(&stale.path.join(CGROUP)).as_deref(), Some(group));
            assert_ne!(group, other, "each may write as often as the profile says");
            let limit = ["blkio.throttle.write_iops_device", "io.max"]
                .into_iter()
                .find_map(|file| fs::read_to_string(group.join(file)).ok());
            assert!(limit.as_ref().is_some_and(|limit| limit.contains("100")), "{limit:?}");
            remove_work_dir(&stale).unwrap();
            assert!(!group.exists() && !other.exists());
        }
        // Where this user may not, or the folder for temporary files is on no disk.
        Err(error) => {
            let Error::Storage { wanted, reason, .. } = &error else { panic!("{error}") };
            assert_eq!(wanted, "etcd's writes cannot be limited to 100/s (storage.write-iops)");
            let known = [
                "cannot create the cgroup",
                "cannot write",
                "no block device",
                "no io controller",
                "cgroups v2",
            ];
            assert!(known.iter().any(|known| reason.contains(known)), "{reason}");
            remove_work_dir(&stale).unwrap();
        }
    }
    assert!(!stale.path.exists());
}

#[test]
fn somebody_elses_links_and_folders_are_left_alone() {
    let work = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    for link in [DATA, CGROUP] {
        std::os::unix::fs::symlink(elsewhere.path(), work.path().join(link)).unwrap();
    }
    release(work.path()).unwrap();
    assert!(elsewhere.path().exists());
    let plain = tempfile::tempdir().unwrap();
    fs::create_dir(plain.path().join(DATA)).unwrap();
    release(plain.path()).unwrap();
    assert!(plain.path().join(DATA).exists());
}
