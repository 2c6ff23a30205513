//! Starting a control plane: binaries, certificates, etcd, apiserver, and then the rest.

use std::{
    env, fs, io,
    process::{Command, Stdio},
    sync::Mutex,
    time::Duration,
};

use identity::ClusterPki;
use profile::{AuditBackend, AuditLevel, Component, Profile, Topology};
use tokio::time::{Instant, sleep};

use super::{ControlPlane, Exits, Options, Process, ProgressSinkField, Roster, Versions, audit_logs};
use crate::{
    Error, Instance, Progress,
    audit::{self, Webhook},
    balancer::{Balancer, Behind},
    binaries::{self, Places, cache_dir},
    flags,
    layout::{Layout, PortNumbers},
    logs,
    pki::{self, Access},
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
        let mut ports = Reserved::new(options.port, options.profile.topology)?;
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
        let (access, audit_webhook) = {
            let pki = snapshot.as_ref().map_or_else(|| Ok(ClusterPki::generate()?), Snapshot::pki)?;
            (pki::write(&layout, &pki)?, audit_webhook(&layout, &pki, &profile)?)
        };
        let balancer = balancer(ports.take_balancer(), &layout, &profile, &access)?;
        fs::create_dir_all(&layout.logs).map_err(Error::file("create", &layout.logs))?;
        pki::private(&layout.audit_policy(), &audit::policy(profile.audit.level))?;
        let checks = Checks::new(&access)?;
        let spawner = Spawner::new(shim).map_err(Error::Spawner)?;
        let plane = Self {
            roster: Roster::default(),
            spawner,
            balancer,
            audit_webhook,
            work,
            server: layout.server(),
            kubeconfig: layout.admin_kubeconfig(),
            ca_cert: layout.ca_cert(),
            ca_key: layout.ca_key(),
            logs: layout.logs.clone(),
            audit_logs: audit_logs(&layout, &profile),
            layout,
            storage,
            binaries,
            profile,
            progress: ProgressSinkField(progress),
            checks: checks.clone(),
            exits: Exits::default(),
            claims: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        };
        if let Some(snapshot) = &snapshot {
            plane.restore(snapshot).await?;
        }
        for wave in waves(plane.profile.topology) {
            for instance in &wave {
                ports.release(*instance);
                let log = plane.layout.log(*instance);
                fs::write(&log, "").map_err(Error::file("create", &log))?;
                plane.spawn(*instance).await?;
            }
            for instance in &wave {
                plane.ready(*instance, &checks).await?;
            }
            if snapshot.is_some() && wave.contains(&Component::Apiserver.into()) {
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
        let several = match self.profile.topology.apiservers() {
            1 => String::new(),
            number => format!(" with {number} apiservers"),
        };
        format!("a control plane of Kubernetes v{} on etcd v{}{several}", versions.kubernetes, versions.etcd)
    }

    pub(crate) fn report(&self, progress: Progress) {
        (self.progress.0)(progress);
    }

    /// Starts a process, whose output goes to the end of its log.
    pub(super) async fn spawn(&self, instance: Instance) -> Result<(), Error> {
        let component = instance.component;
        let path = self.binaries.path(component);
        let arguments = flags::arguments(instance, &self.layout, &self.profile, &self.binaries.etcd.version);
        let log = self.layout.log(instance);
        let failed = |source| Error::Start { instance, source };
        let file = fs::OpenOptions::new().append(true).create(true).open(&log);
        let file = file.map_err(Error::file("open", &log))?;
        let mut command = self.spawner.command_in(self.storage.cgroup(component), &path);
        command.args(&arguments).stdin(Stdio::null());
        command.stdout(file.try_clone().map_err(failed)?).stderr(file);
        self.environment(component, &mut command);
        let child = self.spawner.spawn(command).await.map_err(failed)?;
        let argv = [path.to_string_lossy().into_owned()].into_iter().chain(arguments).collect();
        tracing::debug!(process = %instance, pid = child.pid(), "started");
        let process = Process { instance, argv, log, child };
        self.exits.expect(&process);
        self.roster.add(process);
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

    /// Waits until a process is ready, or any that was started before has ended.
    pub(super) async fn ready(&self, instance: Instance, checks: &Checks) -> Result<(), Error> {
        let outcome = tokio::select! {
            biased;
            error = self.died() => Err(error),
            outcome = self.checked(instance, checks) => outcome,
        };
        outcome?;
        // Whoever comes now comes through the balancer, which would look only in a second.
        if let Some(balancer) = &self.balancer {
            balancer.admit(&instance.name());
        }
        Ok(())
    }

    async fn checked(&self, instance: Instance, checks: &Checks) -> Result<(), Error> {
        let url = self.layout.readiness(instance);
        let begin = Instant::now();
        let what = format!("waiting for {instance} to be ready");
        let mut reported = begin;
        self.report(Progress::Working { what: what.clone(), elapsed: Duration::ZERO });
        loop {
            let Err(last) = checks.check(&url).await else {
                tracing::debug!(process = %instance, took = ?begin.elapsed(), "ready");
                return Ok(());
            };
            if begin.elapsed() >= READY_WITHIN {
                let log = self.layout.log(instance);
                return Err(Error::NotReady {
                    instance,
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

/// What starts at once, one wave after the other. Apiservers after the first wait for it, as kubeadm lets them join: all of them
/// would write the same roles and priority levels into an empty etcd.
fn waves(topology: Topology) -> [Vec<Instance>; 4] {
    let of =
        |wanted: fn(&Instance) -> bool| -> Vec<Instance> { Instance::all(topology).filter(wanted).collect() };
    [
        of(|it| it.component == Component::Etcd),
        of(|it| it.component == Component::Apiserver && it.number == 0),
        of(|it| it.component == Component::Apiserver && it.number > 0),
        of(|it| matches!(it.component, Component::ControllerManager | Component::Scheduler)),
    ]
}

/// Listens for audit events before there is an apiserver that sends them, if the profile wants them sent.
fn audit_webhook(layout: &Layout, pki: &ClusterPki, profile: &Profile) -> Result<Option<Webhook>, Error> {
    if profile.audit.level == AuditLevel::None || profile.audit.backend != AuditBackend::Webhook {
        return Ok(None);
    }
    let port = Port::reserve(None)?;
    let acceptor = pki::webhook(layout, pki, port.number)?;
    let started = Webhook::start(port.into_listener(), acceptor);
    started.map(Some).map_err(aside("the audit webhook"))
}

/// Puts a balancer before the apiservers, on the port that is there for one. It accepts before any of them does.
fn balancer(
    port: Option<Port>,
    layout: &Layout,
    profile: &Profile,
    access: &Access,
) -> Result<Option<Balancer>, Error> {
    let Some(port) = port else { return Ok(None) };
    let apiservers =
        Instance::all(profile.topology).filter(|instance| instance.component == Component::Apiserver);
    let behind = apiservers.map(|instance| Behind {
        process: instance.name(),
        port: layout.ports.apiserver(instance.number),
        readiness: layout.readiness(instance),
    });
    let started = Balancer::start(port.into_listener(), behind.collect(), Checks::new(access)?);
    started.map(Some).map_err(aside("the balancer of the apiservers"))
}

fn aside(what: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Aside { what, source }
}

/// The ports of a control plane, each held until the process that binds it starts.
struct Reserved {
    ports: Vec<(Instance, Port)>,
    balancer: Option<Port>,
    numbers: PortNumbers,
}

impl Reserved {
    /// `api` is the port of the API, if it is to be a certain one.
    fn new(api: Option<u16>, topology: Topology) -> Result<Self, Error> {
        let mut ports = Vec::new();
        let mut reserve = |instance: Instance, wanted| -> Result<u16, Error> {
            let port = Port::reserve(wanted)?;
            let number = port.number;
            ports.push((instance, port));
            Ok(number)
        };
        let api = api.filter(|port| *port != 0);
        let balancer = (topology.apiservers() > 1).then(|| Port::reserve(api)).transpose()?;
        let own = if balancer.is_some() { None } else { api };
        let apiserver = |number| Instance { component: Component::Apiserver, number };
        let numbers = PortNumbers {
            apiservers: (0..topology.apiservers())
                .map(|number| reserve(apiserver(number), own))
                .collect::<Result<_, _>>()?,
            balancer: balancer.as_ref().map(|port| port.number),
            etcd_client: reserve(Component::Etcd.into(), None)?,
            etcd_peer: reserve(Component::Etcd.into(), None)?,
            etcd_metrics: reserve(Component::Etcd.into(), None)?,
            scheduler: reserve(Component::Scheduler.into(), None)?,
            controller_manager: reserve(Component::ControllerManager.into(), None)?,
        };
        Ok(Self { ports, balancer, numbers })
    }

    fn numbers(&self) -> PortNumbers {
        self.numbers.clone()
    }

    /// The balancer's port, which listens already.
    fn take_balancer(&mut self) -> Option<Port> {
        self.balancer.take()
    }

    fn release(&mut self, instance: Instance) {
        for (_, port) in self.ports.extract_if(.., |(of, _)| *of == instance) {
            port.release();
        }
    }
}
