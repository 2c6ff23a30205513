//! A program that becomes another one which dies with its parent, even when the parent is killed by SIGKILL.
//!
//! Linux can send a process a signal when its parent dies, but a process must ask for that itself, between fork and
//! exec. Code there needs `unsafe`; a tiny program that asks and then execs does not. The request survives the exec
//! (prctl(2), `PR_SET_PDEATHSIG`). It refers to the *thread* that forked, so that thread must live as long as the
//! child should: see `spawn`.

use std::{
    ffi::OsString,
    fs,
    io::{Error, ErrorKind},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::Command,
    thread::sleep,
    time::Duration,
};

use rustix::{
    process::{Signal, getppid, nice, set_parent_process_death_signal},
    thread::{CpuSet, sched_setaffinity},
};

/// How much less urgent a component is than we are. Both share the machine, and a control plane that is driven to its end takes all of
/// it: a load that is then sent late says nothing. Among each other the components are as before, and we need a twentieth of what they
/// do.
const NICENESS: i32 = 10;

/// What goes before the program's name to start it in a cgroup.
pub(crate) const CGROUP: &str = "--cgroup";

/// What goes before the program's name to start it on certain CPUs, `0,1`.
pub(crate) const CPUS: &str = "--cpus";

/// Takes the arguments `PARENT_PID [--cgroup FOLDER] [--cpus LIST] PROGRAM [ARGUMENT...]`, ties this process's life to its parent's,
/// moves into the cgroup and onto the CPUs, makes way for its parent (nice 10) and becomes PROGRAM. Returns only when that fails.
///
/// A program offers this as a hidden subcommand and passes itself as the shim: it must be called before any thread is
/// started.
pub fn run(mut args: impl Iterator<Item = OsString>) -> Error {
    let invalid = |message: &str| Error::new(ErrorKind::InvalidInput, message);
    let Some(parent) = args.next().and_then(|pid| pid.to_str()?.parse::<i32>().ok()) else {
        return invalid("the first argument must be the process id of the parent");
    };
    let Some(mut program) = args.next() else { return invalid("the second argument must be the program") };
    let mut cgroup = None;
    if program == CGROUP {
        let (Some(folder), Some(next)) = (args.next(), args.next()) else {
            return invalid("after --cgroup must come its folder and the program");
        };
        (cgroup, program) = (Some(PathBuf::from(folder)), next);
    }
    let mut cpus = None;
    if program == CPUS {
        let (Some(list), Some(next)) = (args.next().and_then(|list| cpu_set(list.to_str()?)), args.next())
        else {
            return invalid("after --cpus must come a list of them, as 0,1, and the program");
        };
        (cpus, program) = (Some(list), next);
    }
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return error.into();
    }
    // The parent may have died before the signal was asked for; then it will never come.
    if getppid().map(rustix::process::Pid::as_raw_pid) != Some(parent) {
        return Error::other("the parent is already gone");
    }
    // In both versions of cgroups 0 stands for whoever writes it.
    if let Some(folder) = cgroup
        && let Err(error) = fs::write(folder.join("cgroup.procs"), "0")
    {
        return Error::other(format!("cannot move into the cgroup {}: {error}", folder.display()));
    }
    if let Some(cpus) = cpus
        && let Err(error) = sched_setaffinity(None, &cpus)
    {
        return Error::other(format!("cannot run on these CPUs: {error}"));
    }
    if let Err(error) = nice(NICENESS) {
        return error.into();
    }
    become_program(Command::new(program).args(args))
}

/// Numbers with commas between them.
fn cpu_set(list: &str) -> Option<CpuSet> {
    let mut set = CpuSet::new();
    for cpu in list.split(',') {
        set.set(cpu.parse().ok().filter(|cpu| *cpu < CpuSet::MAX_CPU)?);
    }
    Some(set)
}

/// A program that was written a moment ago is "busy" while any process forked meanwhile still holds the writer's
/// descriptor, which it does until its own exec (golang/go#22315).
fn become_program(command: &mut Command) -> Error {
    let mut error = command.exec();
    for _ in 0..50 {
        if error.kind() != ErrorKind::ExecutableFileBusy {
            break;
        }
        sleep(Duration::from_millis(20));
        error = command.exec();
    }
    error
}
