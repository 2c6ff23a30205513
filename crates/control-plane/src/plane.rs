//! One control plane: started as a whole, watched, stopped as a whole.

use std::{
    ffi::OsString,
    fmt,
    future::Future,
    path::{Path, PathBuf},
    time::Duration,
};

use profile::{AuditLevel, Component, Profile};
use rustix::process::Signal;
use tokio::time::timeout;

use crate::{
    Error, MetricsSource, MetricsSources, ProgressSink,
    binaries::Binaries,
    layout::Layout,
    ports::Claim,
    ready::Checks,
    spawn::{Child, Spawner},
    storage::Storage,
    work_dir::WorkDir,
};

use self::exits::Exits;

mod exits;
mod part;
mod rights;
mod start;

/// How long a component may take to end by itself. The apiserver lets requests under way finish first.
const GRACE: Duration = Duration::from_secs(10);
/// After SIGKILL the kernel only has to give the memory back.
const AFTER_KILL: Duration = Duration::from_secs(10);

/// What to start and how.
#[derive(Clone)]
pub struct Options {
    /// The tuning.
    pub profile: Profile,
    /// The apiserver's port; a free one when not given.
    pub port: Option<u16>,
    /// A folder of binaries that goes before the profile's own.
    pub bin_dir: Option<PathBuf>,
    /// Where the components' logs go; when not given, into the work directory, which is removed at the end.
    pub log_dir: Option<PathBuf>,
    /// A command that runs [`shim::run`](crate::shim::run) with the arguments that follow.
    pub shim: Vec<OsString>,
    /// Where reports on what is going on are sent.
    pub progress: ProgressSink,
    /// A snapshot to start from instead of from nothing; see [`ControlPlane::snapshot`].
    pub restore: Option<PathBuf>,
    /// Names the work directory. Unique among the control planes of one user.
    pub run_id: String,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { profile, port, bin_dir, log_dir, shim, progress: _, restore, run_id } = self;
        f.debug_struct("Options")
            .field("profile", &profile.name)
            .field("port", port)
            .field("bin_dir", bin_dir)
            .field("log_dir", log_dir)
            .field("shim", shim)
            .field("restore", restore)
            .field("run_id", run_id)
            .finish_non_exhaustive()
    }
}

/// A running control plane. Dropping it kills the components and removes the work directory; [`stop`](Self::stop)
/// lets them end in order.
#[derive(Debug)]
pub struct ControlPlane {
    // Dropped in this order: processes, then the thread that forked them, then their files.
    processes: Vec<Process>,
    spawner: Spawner,
    work: WorkDir,
    layout: Layout,
    storage: Storage,
    server: String,
    kubeconfig: PathBuf,
    ca_cert: PathBuf,
    ca_key: PathBuf,
    logs: PathBuf,
    audit_log: Option<PathBuf>,
    binaries: Binaries,
    profile: Profile,
    progress: ProgressSinkField,
    checks: Checks,
    exits: Exits,
    /// The ports of components that are stopped for a while.
    claims: Vec<(Component, Claim)>,
}

#[derive(Debug)]
struct Process {
    component: Component,
    argv: Vec<String>,
    log: PathBuf,
    child: Child,
}

/// What one component runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessInfo {
    /// The binary's name, `kube-apiserver`.
    pub name: String,
    /// Its process id.
    pub pid: u32,
    /// Its path and arguments.
    pub argv: Vec<String>,
    /// The file that its output goes to.
    pub log: PathBuf,
}

/// The versions that run, without a leading `v`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versions {
    /// Of the kube-* components.
    pub kubernetes: String,
    /// Of etcd.
    pub etcd: String,
}

impl Versions {
    fn of(binaries: &Binaries) -> Self {
        Self { kubernetes: binaries.kubernetes.version.clone(), etcd: binaries.etcd.version.clone() }
    }
}

/// The sink is a function and has nothing to show.
#[derive(Clone)]
struct ProgressSinkField(ProgressSink);

impl fmt::Debug for ProgressSinkField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProgressSink")
    }
}

impl ControlPlane {
    /// The admin's kubeconfig. The admin is in system:masters and so exempt from priority and fairness: for setting up
    /// and cleaning up only, never for load.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// `https://127.0.0.1:<port>`.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The certificate of the authority that signs the apiserver's and all clients' certificates, PEM.
    pub fn ca_cert(&self) -> &Path {
        &self.ca_cert
    }

    /// That authority's key, PEM.
    pub fn ca_key(&self) -> &Path {
        &self.ca_key
    }

    /// Holds everything; removed by [`stop`](Self::stop).
    pub fn work_dir(&self) -> &Path {
        self.work.path()
    }

    /// The components' logs.
    pub fn log_dir(&self) -> &Path {
        &self.logs
    }

    /// The audit log, when the profile asks for one; see [`audit::read`](crate::audit::read).
    pub fn audit_log(&self) -> Option<&Path> {
        self.audit_log.as_deref()
    }

    /// The versions that run.
    pub fn versions(&self) -> Versions {
        Versions::of(&self.binaries)
    }

    /// What it was started from.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The binaries that run, and kubectl.
    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn spawner(&self) -> &Spawner {
        &self.spawner
    }

    /// The components in the order in which they were started.
    pub fn processes(&self) -> Vec<ProcessInfo> {
        self.processes
            .iter()
            .map(|process| ProcessInfo {
                name: process.component.binary().to_owned(),
                pid: process.child.pid(),
                argv: process.argv.clone(),
                log: process.log.clone(),
            })
            .collect()
    }

    /// Where the components' metrics are, as the admin reads them.
    pub fn metrics(&self) -> MetricsSources {
        let source = |component: Component| MetricsSource {
            component,
            process: component.binary().to_owned(),
            url: self.layout.metrics(component),
        };
        MetricsSources::new(self.checks.clone(), Component::ALL.map(source))
    }

    /// Waits until a component ends that was not asked to, and says which, how, and what it wrote last. Never resolves
    /// otherwise, and knows of components that are stopped and started again meanwhile. The future does not borrow the
    /// control plane, so it can be waited for beside anything else.
    pub fn died(&self) -> impl Future<Output = Error> + Send + use<> {
        self.exits.unasked()
    }

    /// Ends the scheduler and the controller manager, then the apiserver, then etcd, each by SIGTERM and, should it
    /// not end within ten seconds, by SIGKILL; then removes the work directory.
    ///
    /// # Errors
    ///
    /// When a process survives SIGKILL or the work directory cannot be removed. Everything else has been done then.
    pub async fn stop(mut self) -> Result<(), Error> {
        self.exits.forget_all();
        let mut outcome = Ok(());
        for wave in [
            &[Component::Scheduler, Component::ControllerManager][..],
            &[Component::Apiserver],
            &[Component::Etcd],
        ] {
            let of_wave: Vec<&Process> =
                self.processes.iter().filter(|process| wave.contains(&process.component)).collect();
            for process in &of_wave {
                process.child.signal(Signal::TERM);
            }
            for process in of_wave {
                outcome = outcome.and(process.end().await);
            }
        }
        self.processes.clear();
        outcome.and(self.work.remove())
    }
}

impl Process {
    /// Waits for the end that was asked for, and enforces it.
    async fn end(&self) -> Result<(), Error> {
        if timeout(GRACE, self.child.ended()).await.is_ok() {
            return Ok(());
        }
        tracing::warn!(component = %self.component, "does not end after SIGTERM, so SIGKILL");
        self.child.signal(Signal::KILL);
        match timeout(AFTER_KILL, self.child.ended()).await {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::WillNotEnd { component: self.component, pid: self.child.pid() }),
        }
    }
}

fn audit_log(layout: &Layout, profile: &Profile) -> Option<PathBuf> {
    (profile.audit.level != AuditLevel::None).then(|| layout.audit_log())
}
