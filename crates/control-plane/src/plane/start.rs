//! Starting a control plane: binaries, certificates, etcd, apiserver, and then the rest.

use std::{
    env, fs,
    process::{Command, Stdio},
    time::Duration,
};

use identity::ClusterPki;
use profile::Component;
use tokio::time::{Instant, sleep};

use super::{ControlPlane, Exits, Options, Process, ProgressSinkField, Versions, audit_log};
use crate::{
    Error, Progress, audit,
    binaries::{self, Places, cache_dir},
    flags,
    layout::{Layout, PortNumbers},
    logs, pki,
    ports::Port,
    ready::Checks,
    snapshot::Snapshot,
    spawn::Spawner,
    storage::Storage,
    work_dir::WorkDir,
};

/// A component that is not ready by then is not slow but stuck: on two busy cores the apiserver takes about 10 s.
const READY_WITHIN: Duration = Duration::from_mins(2);
const CHECK_EVERY: Duration = Duration::from_millis(100);
const REPORT_EVERY: Duration = Duration::from_secs(5);

impl ControlPlane {
    /// Starts a control plane and waits until all of it is ready.
    ///
    /// Dropping the future at any point leaves nothing behind, and neither does an error.
    ///
    /// # Errors
    ///
    /// Whatever stands in the way, before anything is started where that is possible: flags that are not the
    /// profile's to set, a taken port, binaries or storage that cannot be had, a snapshot of other versions; a component that
    /// dies or does not become ready, with its last log lines.
    pub async fn start(options: Options) -> Result<Self, Error> {
        flags::check(&options.profile)?;
        let mut ports = Reserved::new(options.port)?;
        let begin = Instant::now();
        let Options { profile, bin_dir, log_dir, shim, progress, run_id, restore, .. } = options;
        let snapshot = restore.as_deref().map(Snapshot::open).transpose()?;
        let places = Places::from_env(bin_dir.or_else(|| profile.versions.bin_dir.clone()));
        let versions = &profile.versions;
        // Boxed: with a download and a build in it, it is larger than all the rest.
        let find = binaries::find(&versions.kubernetes, &versions.etcd, &places, &shim, &progress);
        let binaries = Box::pin(find).await?;
        tracing::debug!(?binaries, took = ?begin.elapsed(), "binaries found");
        if let Some(snapshot) = &snapshot {
            snapshot.fits(&Versions::of(&binaries))?;
        }

        let begin = Instant::now();
        let work = WorkDir::create(&cache_dir(), &run_id)?;
        let logs = log_dir.unwrap_or_else(|| work.path().join("logs"));
        let layout = Layout { dir: work.path().to_owned(), logs, ports: ports.numbers() };
        let storage = Storage::prepare(profile.storage, work.path())?;
        let access = {
            let pki = snapshot.as_ref().map_or_else(|| Ok(ClusterPki::generate()?), Snapshot::pki)?;
            pki::write(&layout, &pki)?
        };
        fs::create_dir_all(&layout.logs).map_err(Error::file("create", &layout.logs))?;
        pki::private(&layout.audit_policy(), &audit::policy(profile.audit.level))?;
        let checks = Checks::new(&access)?;
        let spawner = Spawner::new(shim).map_err(Error::Spawner)?;
        let mut plane = Self {
            processes: Vec::new(),
            spawner,
            work,
            server: layout.server(),
            kubeconfig: layout.admin_kubeconfig(),
            ca_cert: layout.ca_cert(),
            ca_key: layout.ca_key(),
            logs: layout.logs.clone(),
            audit_log: audit_log(&layout, &profile),
            layout,
            storage,
            binaries,
            profile,
            progress: ProgressSinkField(progress),
            checks: checks.clone(),
            exits: Exits::default(),
            claims: Vec::new(),
        };
        if let Some(snapshot) = &snapshot {
            plane.restore(snapshot).await?;
        }
        for wave in [
            &[Component::Etcd][..],
            &[Component::Apiserver],
            &[Component::ControllerManager, Component::Scheduler],
        ] {
            for component in wave {
                ports.release(*component);
                let log = plane.layout.log(*component);
                fs::write(&log, "").map_err(Error::file("create", &log))?;
                plane.spawn(*component).await?;
            }
            for component in wave {
                plane.ready(*component, &checks).await?;
            }
            if snapshot.is_some() && wave.contains(&Component::Apiserver) {
                plane.forget_leaders(&checks).await?;
            }
        }
        plane.let_the_apiserver_reach_kubelets(&checks).await?;
        plane.report(Progress::Done {
            what: format!("{} is ready", plane.describe()),
            elapsed: begin.elapsed(),
        });
        Ok(plane)
    }

    fn describe(&self) -> String {
        let versions = self.versions();
        format!("a control plane of Kubernetes v{} on etcd v{}", versions.kubernetes, versions.etcd)
    }

    pub(crate) fn report(&self, progress: Progress) {
        (self.progress.0)(progress);
    }

    /// Starts a component's process, whose output goes to the end of its log.
    pub(super) async fn spawn(&mut self, component: Component) -> Result<(), Error> {
        let path = self.binaries.path(component);
        let arguments = flags::arguments(component, &self.layout, &self.profile, &self.binaries.etcd.version);
        let log = self.layout.log(component);
        let failed = |source| Error::Start { component, source };
        let file = fs::OpenOptions::new().append(true).create(true).open(&log);
        let file = file.map_err(Error::file("open", &log))?;
        let mut command = self.spawner.command_in(self.storage.cgroup(component), &path);
        command.args(&arguments).stdin(Stdio::null());
        command.stdout(file.try_clone().map_err(failed)?).stderr(file);
        self.environment(component, &mut command);
        let child = self.spawner.spawn(command).await.map_err(failed)?;
        let argv = [path.to_string_lossy().into_owned()].into_iter().chain(arguments).collect();
        tracing::debug!(%component, pid = child.pid(), "started");
        let process = Process { component, argv, log, child };
        self.exits.expect(&process);
        self.processes.push(process);
        Ok(())
    }

    /// Our own environment stays outside: `ETCD_*` variables are flags to etcd, `GOGC` and `GOMAXPROCS` tune every
    /// component, proxies would be asked for loopback addresses. What tunes is in the profile.
    fn environment(&self, component: Component, command: &mut Command) {
        command.env_clear();
        for name in ["PATH", "HOME", "TMPDIR"] {
            if let Some(value) = env::var_os(name) {
                command.env(name, value);
            }
        }
        command.envs(self.profile.env(component));
    }

    /// Waits until a component is ready, or any that was started before has ended.
    pub(super) async fn ready(&self, component: Component, checks: &Checks) -> Result<(), Error> {
        tokio::select! {
            biased;
            error = self.died() => Err(error),
            outcome = self.checked(component, checks) => outcome,
        }
    }

    async fn checked(&self, component: Component, checks: &Checks) -> Result<(), Error> {
        let url = self.layout.readiness(component);
        let begin = Instant::now();
        let what = format!("waiting for {component} to be ready");
        let mut reported = begin;
        self.report(Progress::Working { what: what.clone(), elapsed: Duration::ZERO });
        loop {
            let Err(last) = checks.check(&url).await else {
                tracing::debug!(%component, took = ?begin.elapsed(), "ready");
                return Ok(());
            };
            if begin.elapsed() >= READY_WITHIN {
                let log = self.layout.log(component);
                return Err(Error::NotReady {
                    component,
                    waited: READY_WITHIN,
                    last,
                    tail: logs::tail(&log),
                    log,
                });
            }
            if reported.elapsed() >= REPORT_EVERY {
                reported = Instant::now();
                self.report(Progress::Working { what: what.clone(), elapsed: begin.elapsed() });
            }
            sleep(CHECK_EVERY).await;
        }
    }
}

/// The ports of a control plane, each held until the component that binds it starts.
struct Reserved {
    ports: Vec<(Component, Port)>,
    numbers: PortNumbers,
}

impl Reserved {
    fn new(apiserver: Option<u16>) -> Result<Self, Error> {
        let mut ports = Vec::new();
        let mut reserve = |component, wanted| -> Result<u16, Error> {
            let port = Port::reserve(wanted)?;
            let number = port.number;
            ports.push((component, port));
            Ok(number)
        };
        let numbers = PortNumbers {
            apiserver: reserve(Component::Apiserver, apiserver.filter(|port| *port != 0))?,
            etcd_client: reserve(Component::Etcd, None)?,
            etcd_peer: reserve(Component::Etcd, None)?,
            etcd_metrics: reserve(Component::Etcd, None)?,
            scheduler: reserve(Component::Scheduler, None)?,
            controller_manager: reserve(Component::ControllerManager, None)?,
        };
        Ok(Self { ports, numbers })
    }

    fn numbers(&self) -> PortNumbers {
        self.numbers
    }

    fn release(&mut self, component: Component) {
        for (_, port) in self.ports.extract_if(.., |(of, _)| *of == component) {
            port.release();
        }
    }
}
