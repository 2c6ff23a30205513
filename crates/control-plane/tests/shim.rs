//! The parent-death shim, with a shell for a parent.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    thread::sleep,
    time::Duration,
};

const SHIM: &str = env!("CARGO_BIN_EXE_supervised");

fn gone_within(seconds: u32, pid: &str) -> bool {
    let is_gone = || {
        // A zombie has no memory any more: it is dead, and only its parent has not asked about it.
        fs::read_to_string(Path::new("/proc").join(pid).join("cmdline")).is_ok_and(|text| text.is_empty())
            || !Path::new("/proc").join(pid).exists()
    };
    for _ in 0..seconds * 50 {
        if is_gone() {
            return true;
        }
        sleep(Duration::from_millis(20));
    }
    false
}

#[test]
fn what_it_becomes_dies_when_the_parent_is_killed() {
    let script = format!("{SHIM} $$ sleep 1000 & echo $!; wait");
    let mut shell = Command::new("sh").args(["-c", &script]).stdout(Stdio::piped()).spawn().unwrap();
    let mut pid = String::new();
    BufReader::new(shell.stdout.take().unwrap()).read_line(&mut pid).unwrap();
    let pid = pid.trim();
    let cmdline = || fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    for _ in 0..500 {
        if cmdline().starts_with(b"sleep\0") {
            break;
        }
        sleep(Duration::from_millis(10));
    }
    assert!(cmdline().starts_with(b"sleep\0"), "it has become the program");
    shell.kill().unwrap();
    shell.wait().unwrap();
    assert!(gone_within(2, pid));
}

#[test]
fn it_does_not_start_for_a_parent_that_is_gone() {
    let output = Command::new(SHIM).args(["1", "echo", "started"]).output().unwrap();
    assert_eq!(output.status.code(), Some(127));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "supervised: the parent is already gone\n");
}

/// A folder with a file in it stands for the cgroup: this is the part that needs no rights.
#[test]
fn it_moves_into_the_cgroup_before_it_becomes_the_program() {
    let cgroup = tempfile::tempdir().unwrap();
    let procs = cgroup.path().join("cgroup.procs");
    fs::write(&procs, "").unwrap();
    let parent = std::process::id().to_string();
    let arguments =
        [parent.as_str(), "--cgroup", cgroup.path().to_str().unwrap(), "cat", procs.to_str().unwrap()];
    let output = Command::new(SHIM).args(arguments).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "0", "the program has found it written");
}

#[test]
fn it_runs_on_the_cpus_that_it_is_told() {
    let parent = std::process::id().to_string();
    let arguments = [parent.as_str(), "--cpus", "0", "cat", "/proc/self/status"];
    let output = Command::new(SHIM).args(arguments).output().unwrap();
    let status = String::from_utf8_lossy(&output.stdout);
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
    assert_eq!(allowed.trim(), "0");
}

#[test]
fn it_says_what_it_lacks() {
    let error = |arguments: &[&str]| {
        let output = Command::new(SHIM).args(arguments).output().unwrap();
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert_eq!(error(&[]), "supervised: the first argument must be the process id of the parent\n");
    let parent = std::process::id().to_string();
    assert_eq!(error(&[&parent]), "supervised: the second argument must be the program\n");
    assert_eq!(
        error(&[&parent, "--cgroup", "/"]),
        "supervised: after --cgroup must come its folder and the program\n"
    );
    for list in ["", "0,,1", "1-2", "100000"] {
        assert_eq!(
            error(&[&parent, "--cpus", list, "echo"]),
            "supervised: after --cpus must come a list of them, as 0,1, and the program\n"
        );
    }
    let none = error(&[&parent, "--cpus", "1023", "echo"]);
    assert_eq!(none, "supervised: cannot run on these CPUs: Invalid argument (os error 22)\n");
    let not_moved = error(&[&parent, "--cgroup", "/no/such", "echo"]);
    assert_eq!(
        not_moved,
        "supervised: cannot move into the cgroup /no/such: No such file or directory (os error 2)\n"
    );
    let missing = error(&[&parent, "/no/such/program"]);
    assert!(missing.starts_with("supervised: No such file or directory"), "{missing}");
}

#[test]
fn what_it_becomes_makes_way_for_its_parent() {
    let script = format!("cat /proc/self/stat; {SHIM} $$ cat /proc/self/stat");
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    // The 19th field (proc(5)); the second is in parentheses.
    let nice = |line: &str| line.rsplit(')').next()?.split_whitespace().nth(16)?.parse::<i32>().ok();
    let found: Vec<i32> = text.lines().filter_map(nice).collect();
    let [parent, child] = found[..] else { panic!("{text}") };
    assert_eq!(child, parent + 10);
}
