//! Child processes that die with us.
//!
//! The parent-death signal that [`shim`] asks for fires when the *thread* that forked ends, and a runtime
//! may end its threads at any time. So all children are forked by one thread that lives as long as its [`Spawner`].

use std::{
    ffi::OsString,
    io,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{self, Command, ExitStatus},
    sync::mpsc,
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::sync::{oneshot, watch};

use crate::shim;

type Request = (Command, oneshot::Sender<io::Result<process::Child>>);

/// What a program is held within.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bounds {
    pub(crate) cgroup: Option<PathBuf>,
    /// `0,1`.
    pub(crate) cpus: Option<String>,
}

/// The thread that forks. When it is dropped, the thread ends and the kernel kills what still runs.
#[derive(Debug, Clone)]
pub(crate) struct Spawner {
    requests: mpsc::Sender<Request>,
    shim: Vec<OsString>,
}

impl Spawner {
    /// `shim` is a command that runs [`shim::run`] with the arguments that follow.
    pub(crate) fn new(shim: Vec<OsString>) -> io::Result<Self> {
        let (requests, incoming) = mpsc::channel::<Request>();
        thread::Builder::new().name("spawner".to_owned()).spawn(move || {
            for (mut command, reply) in incoming {
                // A reply that nobody waits for any more drops the child's handle: its owner has given up, and so
                // must the child.
                if let Err(Ok(mut orphan)) = reply.send(command.spawn()) {
                    let _ = orphan.kill();
                    let _ = orphan.wait();
                }
            }
        })?;
        Ok(Self { requests, shim })
    }

    /// A command that runs `program` through the shim.
    pub(crate) fn command(&self, program: impl Into<OsString>) -> Command {
        self.command_in(&Bounds::default(), program)
    }

    /// The same within bounds, from before the program's first instruction on.
    pub(crate) fn command_in(&self, bounds: &Bounds, program: impl Into<OsString>) -> Command {
        let mut words = self.shim.iter().cloned();
        let Some(first) = words.next() else { return Command::new(program.into()) };
        let mut command = Command::new(first);
        command.args(words).arg(process::id().to_string());
        if let Some(cgroup) = &bounds.cgroup {
            command.arg(shim::CGROUP).arg(cgroup);
        }
        if let Some(cpus) = &bounds.cpus {
            command.arg(shim::CPUS).arg(cpus);
        }
        command.arg(program.into());
        command
    }

    /// Starts a command made by [`command`](Self::command), in a process group of its own so that a terminal's
    /// Ctrl-C reaches only us and the order of teardown stays ours.
    pub(crate) async fn spawn(&self, mut command: Command) -> io::Result<Child> {
        let gone = || io::Error::other("the thread that starts processes is gone");
        command.process_group(0);
        let (reply, answer) = oneshot::channel();
        self.requests.send((command, reply)).map_err(|_| gone())?;
        let mut child = answer.await.map_err(|_| gone())??;
        let pid = child.id();
        let (ended, exit) = watch::channel(None);
        thread::Builder::new().name(format!("wait-{pid}")).spawn(move || {
            ended.send_replace(child.wait().ok());
        })?;
        Ok(Child { pid, exit })
    }
}

/// A running process. Dropping it kills it and everything in its process group, and reaps it.
#[derive(Debug)]
pub(crate) struct Child {
    pid: u32,
    exit: watch::Receiver<Option<ExitStatus>>,
}

impl Child {
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// How the process ended, once it has. The receiver outlives the child's handle.
    pub(crate) fn exit(&self) -> watch::Receiver<Option<ExitStatus>> {
        self.exit.clone()
    }

    /// Waits for the end of the process.
    pub(crate) async fn ended(&self) -> ExitStatus {
        wait(self.exit()).await
    }

    /// Sends a signal to the process group, unless the process has ended.
    pub(crate) fn signal(&self, signal: Signal) {
        // A process id is reused only after 32,768 others, so between this check and the signal there is no danger.
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        if let (None, Some(pid)) = (*self.exit.borrow(), pid) {
            let _ = kill_process_group(pid, signal);
        }
    }
}

/// Waits for an exit status.
pub(crate) async fn wait(mut exit: watch::Receiver<Option<ExitStatus>>) -> ExitStatus {
    let status = exit.wait_for(Option::is_some).await.ok().and_then(|status| *status);
    match status {
        Some(status) => status,
        // The waiter is gone without a status: wait(2) failed, which it does only for a process that is not ours.
        None => std::future::pending().await,
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        // The kernel takes milliseconds to end a killed process. One that hangs in a broken disk is left behind rather
        // than waited for without end.
        for _ in 0..2000 {
            if self.exit.borrow().is_some() || self.exit.has_changed().is_err() {
                break;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}
