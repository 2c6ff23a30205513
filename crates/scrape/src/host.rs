//! What the machine is.

use std::{path::Path, thread};

/// The machine, as far as it can be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Name and release of the kernel, like `Linux 6.8.0`.
    pub kernel: String,
    /// Processors online.
    pub cpus: usize,
    /// Memory, bytes.
    pub memory_bytes: Option<u64>,
    /// Version of the cgroup hierarchy: 2, 1, or none.
    pub cgroup_version: Option<u8>,
}

impl Host {
    /// Looks at the machine now.
    pub fn read() -> Self {
        let uname = rustix::system::uname();
        let [name, release] = [uname.sysname(), uname.release()].map(|text| text.to_string_lossy());
        let parallelism = || thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        Self {
            kernel: format!("{name} {release}"),
            cpus: crate::Machine::now().map_or_else(parallelism, |machine| machine.cores),
            memory_bytes: memory_bytes(),
            cgroup_version: cgroup_version(Path::new("/sys/fs/cgroup")),
        }
    }
}

#[cfg(target_os = "linux")]
fn memory_bytes() -> Option<u64> {
    use procfs::{Current as _, Meminfo};

    Meminfo::current().ok().map(|memory| memory.mem_total)
}

#[cfg(not(target_os = "linux"))]
fn memory_bytes() -> Option<u64> {
    None
}

/// The unified hierarchy has its files at the root; version 1 has a folder for each controller (cgroups(7)).
fn cgroup_version(root: &Path) -> Option<u8> {
    if root.join("cgroup.controllers").exists() {
        Some(2)
    } else if root.join("cpu").exists() || root.join("memory").exists() {
        Some(1)
    } else {
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{fs, process::Command};

    use super::*;

    #[test]
    fn agrees_with_the_systems_own_tools() {
        let host = Host::read();
        let tool = |program, argument| Command::new(program).arg(argument).output().unwrap().stdout;
        assert_eq!(format!("{}\n", host.kernel).into_bytes(), tool("uname", "-sr"));
        assert_eq!(format!("{}\n", host.cpus).into_bytes(), tool("getconf", "_NPROCESSORS_ONLN"));
        let pages: u64 = String::from_utf8(tool("getconf", "_PHYS_PAGES")).unwrap().trim().parse().unwrap();
        assert_eq!(host.memory_bytes, Some(pages * procfs::page_size()));
    }

    #[test]
    fn cgroup_versions_are_told_apart() {
        let folder = tempfile::TempDir::new().unwrap();
        assert_eq!(cgroup_version(folder.path()), None);
        fs::create_dir(folder.path().join("memory")).unwrap();
        assert_eq!(cgroup_version(folder.path()), Some(1));
        fs::write(folder.path().join("cgroup.controllers"), "").unwrap();
        assert_eq!(cgroup_version(folder.path()), Some(2));
    }
}
