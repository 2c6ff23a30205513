//! How a process was really started, and what holds it back: its command line and environment, its cgroup, the file systems under
//! its folders. What a profile says is one thing; this is what the kernel says.

/// The value of a flag, given without its dashes, in a process' command line: `--name=value`, `--name value` or `--name`, which is
/// `true`. Of one that is repeated all values, with commas.
pub fn flag(pid: u32, name: &str) -> Option<String> {
    of_command_line(&linux::command_line(pid)?, name)
}

fn of_command_line(arguments: &[String], name: &str) -> Option<String> {
    let mut values = Vec::new();
    for (place, argument) in arguments.iter().enumerate().skip(1) {
        let Some(own) = argument.strip_prefix("--").or_else(|| argument.strip_prefix('-')) else { continue };
        match own.strip_prefix(name) {
            Some("") => {
                let next = arguments.get(place + 1).filter(|next| !next.starts_with('-'));
                values.push(next.map_or("true", String::as_str));
            }
            Some(rest) => values.extend(rest.strip_prefix('=')),
            None => {}
        }
    }
    (!values.is_empty()).then(|| values.join(","))
}

/// A variable of a process' environment.
pub fn variable(pid: u32, name: &str) -> Option<String> {
    linux::variable(pid, name)
}

/// A line of `/proc/PID/status`, such as `Cpus_allowed_list`.
pub fn status(pid: u32, field: &str) -> Option<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    Some(line.trim().to_owned())
}

/// The type of the file system that a process has a folder on: `ext4`, `tmpfs`.
pub fn filesystem(pid: u32, folder: &std::path::Path) -> Option<String> {
    linux::filesystem(pid, folder)
}

/// How many writes per second a process' cgroup lets it have; the least, where it is limited on several disks. Nothing where it is
/// not limited.
pub fn write_iops(pid: u32) -> Option<u64> {
    linux::write_iops(pid)
}

/// From `8:0 100` of version 1 and `8:0 rbps=max wiops=100` of version 2.
fn least_limit(rules: &str) -> Option<u64> {
    let limit = |rule: &str| {
        let mut words = rule.split_whitespace().skip(1);
        words.find_map(|word| word.strip_prefix("wiops=").unwrap_or(word).parse().ok())
    };
    rules.lines().filter_map(limit).min()
}

#[cfg(target_os = "linux")]
mod linux {
    use std::{fs, path::Path};

    use procfs::{FromRead, ProcessCGroups, process::Process};

    fn process(pid: u32) -> Option<Process> {
        Process::new(i32::try_from(pid).ok()?).ok()
    }

    pub(super) fn command_line(pid: u32) -> Option<Vec<String>> {
        process(pid)?.cmdline().ok()
    }

    pub(super) fn variable(pid: u32, name: &str) -> Option<String> {
        let environment = process(pid)?.environ().ok()?;
        environment.get(std::ffi::OsStr::new(name)).map(|value| value.to_string_lossy().into_owned())
    }

    pub(super) fn filesystem(pid: u32, folder: &Path) -> Option<String> {
        let folder = fs::canonicalize(folder).ok()?;
        let mounts = process(pid)?.mountinfo().ok()?;
        // Of two on one place the later is on top.
        let above = mounts.into_iter().filter(|mount| folder.starts_with(&mount.mount_point));
        above.max_by_key(|mount| mount.mount_point.components().count()).map(|mount| mount.fs_type)
    }

    pub(super) fn write_iops(pid: u32) -> Option<u64> {
        let mounts = process(pid)?.mountinfo().ok()?;
        let groups = ProcessCGroups::from_file(format!("/proc/{pid}/cgroup")).ok()?;
        let v1 = mounts.iter().find(|it| it.fs_type == "cgroup" && it.super_options.contains_key("blkio"));
        let v2 = mounts.iter().find(|it| it.fs_type == "cgroup2");
        let (mount, file) = match v1 {
            Some(mount) => (mount, "blkio.throttle.write_iops_device"),
            None => (v2?, "io.max"),
        };
        let is_of = |controllers: &[String]| match v1 {
            Some(_) => controllers.iter().any(|name| name == "blkio"),
            None => controllers.iter().all(String::is_empty),
        };
        let group = groups.0.iter().find(|group| is_of(&group.controllers))?;
        // In a container a group's path is the host's, and begins with what is mounted here as the top.
        let visible = Path::new(&group.pathname).strip_prefix(&mount.root).ok();
        let folder = mount.mount_point.join(visible.unwrap_or(Path::new("")));
        super::least_limit(&fs::read_to_string(folder.join(file)).ok()?)
    }
}

#[cfg(not(target_os = "linux"))]
mod linux {
    pub(super) fn command_line(_pid: u32) -> Option<Vec<String>> {
        None
    }

    pub(super) fn variable(_pid: u32, _name: &str) -> Option<String> {
        None
    }

    pub(super) fn filesystem(_pid: u32, _folder: &std::path::Path) -> Option<String> {
        None
    }

    pub(super) fn write_iops(_pid: u32) -> Option<u64> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_read_as_programs_read_them() {
        let line = ["/bin/etcd", "--data-dir=/d", "--v", "2", "--gates=A=true", "--gates=B=false", "--last"];
        let line = line.map(str::to_owned);
        let of = |name| of_command_line(&line, name);
        assert_eq!(of("data-dir").as_deref(), Some("/d"));
        assert_eq!(of("v").as_deref(), Some("2"));
        assert_eq!(of("gates").as_deref(), Some("A=true,B=false"));
        assert_eq!(of("last").as_deref(), Some("true"));
        assert_eq!(of("data"), None);
    }

    #[test]
    fn limits_are_read_in_both_versions_of_cgroups() {
        assert_eq!(least_limit("8:0 100\n8:16 50\n"), Some(50));
        assert_eq!(least_limit("8:0 rbps=max wbps=max riops=max wiops=100\n"), Some(100));
        assert_eq!(least_limit("8:0 rbps=1 wbps=max riops=max wiops=max\n"), None);
        assert_eq!(least_limit(""), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_child_is_seen_as_it_was_started() {
        let mut command = std::process::Command::new("sleep");
        let mut child = command.arg("1000").env("GOGC", "400").spawn().unwrap();
        // It is a copy of this process until it has begun to be the other.
        while linux::command_line(child.id()).is_none_or(|line| line.first().is_none_or(|own| own != "sleep"))
        {
        }
        assert_eq!(variable(child.id(), "GOGC").as_deref(), Some("400"));
        assert_eq!(variable(child.id(), "GOMEMLIMIT"), None);
        assert!(status(child.id(), "Cpus_allowed_list").is_some_and(|list| list.starts_with('0')));
        assert_eq!(status(child.id(), "Cpus"), None);
        assert_eq!(filesystem(child.id(), std::path::Path::new("/proc")).as_deref(), Some("proc"));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
