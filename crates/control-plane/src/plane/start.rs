//! Starting a control plane: binaries, certificates, etcd, apiserver, and then the rest.

use std::{
    env, fs, io,
    path::Path,
    process::{Command, Stdio},
    sync::Mutex,
    time::Duration,
};

use identity::ClusterPki;
use profile::{AuditBackend, Component, Profile, Topology, render::objects as rendered};
use tokio::time::{Instant, sleep, timeout};

use super::{ControlPlane, Exits, Options, Process, ProgressSinkField, Roster, Versions, audit_logs};
use crate::{
    Error, Instance, Progress,
    audit::Webhook,
    balancer::{Balancer, Behind},
    binaries::{self, Places, cache_dir},
    check_profile,
    cpus::Cpus,
    flags,
    layout::{Layout, PortNumbers, text},
    logs,
    objects::{self, Applied, Objects},
    pki::{self, Access},
    ports::{Claim, Port},
    ready::Checks,
    snapshot::Snapshot,
    spawn::{Bounds, Spawner},
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
    /// profile's to set, CPUs that this machine does not have, a taken port, binaries or storage that cannot be had, a snapshot of other
    /// versions; a component that dies or does not become ready, with its last log lines; an object that the server does not take.
    pub async fn start(options: Options) -> Result<Self, Error> {
        check_profile(&options.profile)?;
        let objects = Objects::of(&options.profile)?;
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
            snapshot.fits(&Versions::of(&binaries), profile.topology)?;
        }

        let begin = Instant::now();
        let work = WorkDir::create(&cache_dir(), &run_id)?;
        let logs = log_dir.unwrap_or_else(|| work.path().join("logs"));
        let layout = Layout { dir: work.path().to_owned(), logs, ports: ports.numbers() };
        let etcds = Instance::of(profile.topology, Component::Etcd);
        let storage = Storage::prepare(profile.storage, work.path(), etcds)?;
        let cpus = Cpus::claim(&profile.cpu)?;
        let (access, audit_webhook) = {
            let pki = snapshot.as_ref().map_or_else(|| Ok(ClusterPki::generate()?), Snapshot::pki)?;
            (pki::write(&layout, &pki)?, audit_webhook(&layout, &pki, &profile)?)
        };
        let balancer = balancer(ports.take_balancer(), &layout, &profile, &access)?;
        fs::create_dir_all(&layout.logs).map_err(Error::file("create", &layout.logs))?;
        write_files(&layout, &profile)?;
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
            cpus,
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
            let one_by_one = snapshot.is_some() && wave.contains(&Component::Etcd.into());
            let _claims = if one_by_one { ports.claim(&wave)? } else { Vec::new() };
            for instance in &wave {
                ports.release(*instance);
                let log = plane.layout.log(*instance);
                fs::write(&log, "").map_err(Error::file("create", &log))?;
                plane.spawn(*instance).await?;
                if one_by_one {
                    plane.serves(*instance, &checks).await?;
                }
            }
            for instance in &wave {
                plane.ready(*instance, &checks).await?;
            }
            if snapshot.is_some() && wave.contains(&Component::Apiserver.into()) {
                plane.forget_leaders(&checks).await?;
            }
        }
        plane.let_the_apiserver_reach_kubelets(&checks).await?;
        // Boxed like the search for binaries: kube's futures are large too.
        Box::pin(plane.put(&objects)).await?;
        plane.report(Progress::Done {
            what: format!("{} is ready", plane.describe()),
            elapsed: begin.elapsed(),
        });
        Ok(plane)
    }

    fn describe(&self) -> String {
        let (versions, topology) = (self.versions(), self.profile.topology);
        let several = [
            (topology.etcd_members(), "etcd members"),
            (topology.apiservers(), "apiservers"),
            (topology.controller_managers(), "controller managers"),
            (topology.schedulers(), "schedulers"),
        ];
        let several = several.into_iter().filter(|(number, _)| *number > 1);
        let several: Vec<String> = several.map(|(number, what)| format!("{number} {what}")).collect();
        let with = if several.is_empty() { String::new() } else { format!(" with {}", several.join(", ")) };
        format!("a control plane of Kubernetes v{} on etcd v{}{with}", versions.kubernetes, versions.etcd)
    }

    /// Puts what the profile brings along into the cluster. It is removed with it.
    async fn put(&self, objects: &Objects) -> Result<(), Error> {
        if objects.is_empty() {
            return Ok(());
        }
        self.report(Progress::Working {
            what: "applying the profile's objects".to_owned(),
            elapsed: Duration::ZERO,
        });
        let client = objects::client(&self.kubeconfig).await?;
        objects.apply(&client, &mut Applied::default()).await
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
        let cgroup = self.storage.cgroup(instance).map(Path::to_owned);
        let bounds = Bounds { cgroup, cpus: self.cpus.of(component) };
        let mut command = self.spawner.command_in(&bounds, &path);
        command.args(&arguments).stdin(Stdio::null());
        command.stdout(file.try_clone().map_err(failed)?).stderr(file);
        self.environment(component, &mut command);
        let child = self.spawner.spawn(command).await.map_err(failed)?;
        let argv = [path.to_string_lossy().into_owned()].into_iter().chain(arguments).collect();
        tracing::debug!(process = %instance, pid = child.pid(), "started");
        let process = Process { instance, argv, cpus: self.cpus.said(component), log, child };
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

    /// Waits until a member of an etcd that goes on from data answers at all. Before it does, it asks the others whether theirs is the
    /// same, and waits seven seconds for each that has its port and does not serve yet, as all of them would that start at once (etcd
    /// `etcdserver/corrupt.go`, `getPeerHashKVs`). Those that have not been started refuse.
    async fn serves(&self, member: Instance, checks: &Checks) -> Result<(), Error> {
        // Without a quorum it does not answer whether it is ready.
        let url = self.layout.metrics(member);
        let serves = async {
            while !checks.answers(&url).await {
                sleep(CHECK_EVERY).await;
            }
        };
        tokio::select! {
            biased;
            error = self.died() => Err(error),
            // That one does not serve is said where it is waited for to be ready.
            _ = timeout(READY_WITHIN, serves) => Ok(()),
        }
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

/// What starts at once, one wave after the other: all etcds, because a member is not ready without a quorum. Apiservers after the
/// first wait for it, as kubeadm lets them join: all of them would write the same roles and priority levels into an empty etcd.
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

/// Writes the files that components are configured by.
fn write_files(layout: &Layout, profile: &Profile) -> Result<(), Error> {
    let kubeconfig = text(&layout.kubeconfig(Component::Scheduler));
    let files = [
        (layout.audit_policy(), Some(rendered::audit_policy(&profile.audit))),
        (layout.scheduler_config(), rendered::scheduler_configuration(profile, &kubeconfig)),
        (layout.admission_config(), rendered::admission_configuration(profile)),
    ];
    for (path, content) in files {
        if let Some(content) = content {
            // JSON is YAML too.
            pki::private(&path, &format!("{content:#}\n"))?;
        }
    }
    Ok(())
}

/// Listens for audit events before there is an apiserver that sends them, if the profile wants them sent.
fn audit_webhook(layout: &Layout, pki: &ClusterPki, profile: &Profile) -> Result<Option<Webhook>, Error> {
    if !profile.audit.records() || profile.audit.backend != AuditBackend::Webhook {
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
    let apiservers = Instance::of(profile.topology, Component::Apiserver);
    let behind = apiservers.map(|instance| Behind {
        process: instance.name(),
        port: layout.ports.secure(instance),
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
    /// `api` is the port of the API, if it is to be a certain one: the balancer's, or the only apiserver's.
    fn new(api: Option<u16>, topology: Topology) -> Result<Self, Error> {
        let api = api.filter(|port| *port != 0);
        let balancer = (topology.apiservers() > 1).then(|| Port::reserve(api)).transpose()?;
        let only = if balancer.is_some() { None } else { api };
        let mut numbers =
            PortNumbers { balancer: balancer.as_ref().map(|port| port.number), ..PortNumbers::default() };
        let mut ports = Vec::new();
        // A port that was asked for is taken before a free one can be it.
        let apiservers = Instance::of(topology, Component::Apiserver);
        let others = Instance::all(topology).filter(|instance| instance.component != Component::Apiserver);
        for instance in apiservers.chain(others) {
            let wanted = only.filter(|_| instance.component == Component::Apiserver);
            for _ in 0..PortNumbers::needed(instance.component) {
                let port = Port::reserve(wanted)?;
                numbers.own.entry(instance).or_default().push(port.number);
                ports.push((instance, port));
            }
        }
        Ok(Self { ports, balancer, numbers })
    }

    fn numbers(&self) -> PortNumbers {
        self.numbers.clone()
    }

    /// The balancer's port, which listens already.
    fn take_balancer(&mut self) -> Option<Port> {
        self.balancer.take()
    }

    /// Keeps the ports of these processes as [`Claim`]s instead: whoever asks there is refused.
    fn claim(&mut self, instances: &[Instance]) -> Result<Vec<Claim>, Error> {
        let claimed = self.ports.extract_if(.., |(of, _)| instances.contains(of));
        let claim = |(_, port): (Instance, Port)| {
            let number = port.number;
            port.release();
            Claim::new(number)
        };
        claimed.map(claim).collect()
    }

    fn release(&mut self, instance: Instance) {
        for (_, port) in self.ports.extract_if(.., |(of, _)| *of == instance) {
            port.release();
        }
    }
}
