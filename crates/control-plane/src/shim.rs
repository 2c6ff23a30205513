//! A program that becomes another one which dies with its parent, even when the parent is killed by SIGKILL.
//!
//! Linux can send a process a signal when its parent dies, but a process must ask for that itself, between fork and
//! exec. Code there needs `unsafe`; a tiny program that asks and then execs does not. The request survives the exec
//! (prctl(2), `PR_SET_PDEATHSIG`). It refers to the *thread* that forked, so that thread must live as long as the
//! child should: see `spawn`.

use std::{
    ffi::OsString,
    io::{Error, ErrorKind},
    os::unix::process::CommandExt,
    process::Command,
    thread::sleep,
    time::Duration,
};

use rustix::process::{Signal, getppid, set_parent_process_death_signal};

/// Takes the arguments `PARENT_PID PROGRAM [ARGUMENT...]`, ties this process's life to its parent's and becomes
/// PROGRAM. Returns only when that fails.
///
/// A program offers this as a hidden subcommand and passes itself as the shim: it must be called before any thread is
/// started.
pub fn run(mut args: impl Iterator<Item = OsString>) -> Error {
    let invalid = |message: &str| Error::new(ErrorKind::InvalidInput, message);
    let Some(parent) = args.next().and_then(|pid| pid.to_str()?.parse::<i32>().ok()) else {
        return invalid("the first argument must be the process id of the parent");
    };
    let Some(program) = args.next() else { return invalid("the second argument must be the program") };
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return error.into();
    }
    // The parent may have died before the signal was asked for; then it will never come.
    if getppid().map(rustix::process::Pid::as_raw_pid) != Some(parent) {
        return Error::other("the parent is already gone");
    }
    become_program(Command::new(program).args(args))
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
