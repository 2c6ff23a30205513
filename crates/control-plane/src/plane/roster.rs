//! The processes of a control plane, as they come and go.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rustix::process::Signal;
use tokio::{sync::watch, time::timeout};

use crate::{Error, Instance, spawn::Child};

/// How long a component may take to end by itself. The apiserver lets requests under way finish first.
const GRACE: Duration = Duration::from_secs(10);
/// After SIGKILL the kernel only has to give the memory back.
const AFTER_KILL: Duration = Duration::from_secs(10);

/// What one process runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessInfo {
    /// The binary's name, `kube-apiserver`; with a number for those after the first, `kube-apiserver-1`, and of an etcd of its own
    /// with what it keeps, `etcd-events`.
    pub name: String,
    /// Its process id.
    pub pid: u32,
    /// Its path and arguments.
    pub argv: Vec<String>,
    /// The CPUs that its profile confines it to, as taskset writes them, `0-1,3`.
    pub cpus: Option<String>,
    /// The file that its output goes to.
    pub log: PathBuf,
}

/// The processes of a control plane at any time: one that is started again has another id. Does not keep the control plane alive.
#[derive(Clone, Debug)]
pub struct Processes(watch::Receiver<Vec<ProcessInfo>>);

impl Processes {
    /// Those that there are now, in the order in which they were started.
    pub fn now(&self) -> Vec<ProcessInfo> {
        self.0.borrow().clone()
    }
}

#[derive(Debug)]
pub(super) struct Process {
    pub(super) instance: Instance,
    pub(super) argv: Vec<String>,
    pub(super) cpus: Option<String>,
    pub(super) log: PathBuf,
    pub(super) child: Child,
}

impl Process {
    /// Waits for the end that was asked for, and enforces it.
    pub(super) async fn end(&self) -> Result<(), Error> {
        if timeout(GRACE, self.child.ended()).await.is_ok() {
            return Ok(());
        }
        tracing::warn!(process = %self.instance, "does not end after SIGTERM, so SIGKILL");
        self.child.signal(Signal::KILL);
        match timeout(AFTER_KILL, self.child.ended()).await {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::WillNotEnd { instance: self.instance, pid: self.child.pid() }),
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.child.exit().borrow().is_some()
    }

    fn info(&self) -> ProcessInfo {
        ProcessInfo {
            name: self.instance.name(),
            pid: self.child.pid(),
            argv: self.argv.clone(),
            cpus: self.cpus.clone(),
            log: self.log.clone(),
        }
    }
}

/// One process of each instance at most, in the order in which they were started. Those that have ended by themselves stay.
#[derive(Debug, Default)]
pub(super) struct Roster {
    processes: Mutex<Vec<Arc<Process>>>,
    /// Apart, because whoever watches must not hold a process: the last one that does kills it.
    shown: watch::Sender<Vec<ProcessInfo>>,
}

impl Roster {
    pub(super) fn add(&self, process: Process) {
        self.change(|processes| processes.push(Arc::new(process)));
    }

    pub(super) fn of(&self, instance: Instance) -> Option<Arc<Process>> {
        self.processes().iter().find(|process| process.instance == instance).cloned()
    }

    pub(super) fn remove(&self, instance: Instance) {
        self.change(|processes| processes.retain(|process| process.instance != instance));
    }

    pub(super) fn take_all(&self) -> Vec<Arc<Process>> {
        self.change(std::mem::take)
    }

    pub(super) fn infos(&self) -> Vec<ProcessInfo> {
        self.shown.borrow().clone()
    }

    pub(super) fn watch(&self) -> Processes {
        Processes(self.shown.subscribe())
    }

    fn change<T>(&self, change: impl FnOnce(&mut Vec<Arc<Process>>) -> T) -> T {
        let mut processes = self.processes();
        let changed = change(&mut processes);
        self.shown.send_replace(processes.iter().map(|process| process.info()).collect());
        changed
    }

    fn processes(&self) -> MutexGuard<'_, Vec<Arc<Process>>> {
        self.processes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
