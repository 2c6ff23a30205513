//! One control plane: started as a whole, watched, stopped as a whole.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt,
    future::Future,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use profile::{AuditBackend, Component, Profile};
use rustix::process::Signal;

use crate::{
    Balanced, Error, Instance, MetricsSource, MetricsSources, ProgressSink,
    audit::{Received, Webhook},
    balancer::Balancer,
    binaries::Binaries,
    cpus::Cpus,
    layout::Layout,
    ports::Claim,
    ready::Checks,
    spawn::Spawner,
    storage::Storage,
    work_dir::WorkDir,
};

pub use self::roster::{ProcessInfo, Processes};
use self::{
    exits::Exits,
    roster::{Process, Roster},
};

mod elected;
mod exits;
mod part;
mod rights;
mod roster;
mod start;

/// What to start and how.
#[derive(Clone)]
pub struct Options {
    /// The tuning.
    pub profile: Profile,
    /// The port of the API, which is the apiserver's or, with several, the balancer's; a free one when not given.
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
    // Dropped in this order: processes, then the thread that forked them and what they talk to, then their files.
    roster: Roster,
    spawner: Spawner,
    balancer: Option<Balancer>,
    audit_webhook: Option<Webhook>,
    work: WorkDir,
    layout: Layout,
    storage: Storage,
    cpus: Cpus,
    server: String,
    kubeconfig: PathBuf,
    ca_cert: PathBuf,
    ca_key: PathBuf,
    logs: PathBuf,
    audit_logs: Vec<PathBuf>,
    binaries: Binaries,
    profile: Profile,
    progress: ProgressSinkField,
    checks: Checks,
    exits: Exits,
    /// The ports of processes that are stopped for a while.
    claims: Mutex<BTreeMap<Instance, Vec<Claim>>>,
    /// Held by whoever stops or starts a process.
    turn: tokio::sync::Mutex<()>,
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

    /// The audit log, when the profile asks for one; see [`audit::read`](crate::audit::read). With several apiservers it is
    /// the first one's alone.
    pub fn audit_log(&self) -> Option<&Path> {
        self.audit_logs.first().map(PathBuf::as_path)
    }

    /// The audit log of each apiserver, when the profile asks for logs.
    pub fn audit_logs(&self) -> &[PathBuf] {
        &self.audit_logs
    }

    /// What the audit webhook was sent so far, when the profile asks for one.
    pub fn audit_received(&self) -> Option<Received> {
        self.audit_webhook.as_ref().map(Webhook::received)
    }

    /// How connections are spread over the apiservers; nothing where there is only one.
    pub fn balanced(&self) -> Vec<Balanced> {
        self.balancer.as_ref().map(Balancer::balanced).unwrap_or_default()
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

    /// Whether a process is there and has not ended.
    pub(crate) fn runs(&self, instance: Instance) -> bool {
        self.roster.of(instance).is_some_and(|process| !process.has_ended())
    }

    /// The process of a name, to stop or restart it; the name of a component is that of its first one.
    ///
    /// # Errors
    ///
    /// [`Error::NoProcess`] with the names there are.
    pub fn instance(&self, name: &str) -> Result<Instance, Error> {
        let all = || Instance::all(self.profile.topology);
        let no_such =
            || Error::NoProcess { name: name.to_owned(), known: all().map(Instance::name).collect() };
        all().find(|instance| instance.name() == name).ok_or_else(no_such)
    }

    /// The processes in the order in which they were started.
    pub fn processes(&self) -> Vec<ProcessInfo> {
        self.roster.infos()
    }

    /// The processes as they come and go, for whoever looks at them again and again.
    pub fn watch_processes(&self) -> Processes {
        self.roster.watch()
    }

    /// Where the components' metrics are, as the admin reads them.
    pub fn metrics(&self) -> MetricsSources {
        let source = |instance: Instance| MetricsSource {
            component: instance.component,
            process: instance.name(),
            url: self.layout.metrics(instance),
        };
        MetricsSources::new(self.checks.clone(), Instance::all(self.profile.topology).map(source))
    }

    /// Waits until a component ends that was not asked to, and says which, how, and what it wrote last. Never resolves
    /// otherwise, and knows of components that are stopped and started again meanwhile. The future does not borrow the
    /// control plane, so it can be waited for beside anything else.
    pub fn died(&self) -> impl Future<Output = Error> + Send + use<> {
        self.exits.unasked()
    }

    /// Ends the schedulers and the controller managers, then the apiservers, then the etcds, each by SIGTERM and, should it
    /// not end within ten seconds, by SIGKILL; then removes the work directory.
    ///
    /// # Errors
    ///
    /// When a process survives SIGKILL or the work directory cannot be removed. Everything else has been done then.
    pub async fn stop(self) -> Result<(), Error> {
        self.exits.forget_all();
        let processes = self.roster.take_all();
        let mut outcome = Ok(());
        for wave in [
            &[Component::Scheduler, Component::ControllerManager][..],
            &[Component::Apiserver],
            &[Component::Etcd],
        ] {
            let of_wave = processes.iter().filter(|it| wave.contains(&it.instance.component));
            let of_wave: Vec<&Arc<Process>> = of_wave.collect();
            for process in &of_wave {
                process.child.signal(Signal::TERM);
            }
            for process in of_wave {
                outcome = outcome.and(process.end().await);
            }
        }
        drop(processes);
        outcome.and(self.work.remove())
    }
}

fn audit_logs(layout: &Layout, profile: &Profile) -> Vec<PathBuf> {
    if !profile.audit.records() || profile.audit.backend != AuditBackend::Log {
        return Vec::new();
    }
    (0..profile.topology.apiservers()).map(|number| layout.audit_log(number)).collect()
}
