//! The control plane under test: one that we start on this machine, or a cluster that is already there.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use control_plane::{ControlPlane, Options, ProcessInfo, Processes, ProgressSink};
use fake_kubelet::ServerVersion;
use identity::{Authority, kubeconfig};
use profile::Profile;
use tokio::task::JoinSet;
use wire::{Client, Endpoint};

use crate::{
    cells::Part,
    cli::{ClusterArgs, LocalArgs},
    progress::Progress,
    rights::USER_AGENT,
};

/// The hidden first argument under which this program starts a component that dies with it.
pub(crate) const SUPERVISED: &str = "supervised";

/// A control plane that can be loaded.
pub(crate) struct Target {
    /// Its context, or what it is.
    pub(crate) name: String,
    /// Where the apiserver is.
    pub(crate) endpoint: Endpoint,
    /// For set-up and clean-up only: it may be system:masters, which priority and fairness does not limit.
    pub(crate) admin: Client,
    /// The same, where typed objects are handier.
    pub(crate) kube: kube::Client,
    /// Signs the nodes' certificates; not needed where they have none.
    pub(crate) authority: Option<Arc<Authority>>,
    /// Of the apiserver, such as `v1.36.3`.
    pub(crate) version: String,
    /// Only if it is ours.
    pub(crate) local: Option<Arc<ControlPlane>>,
    /// Those beside it: it is the first of several cells.
    pub(crate) others: Vec<Target>,
}

impl Target {
    /// Starts a control plane on this machine.
    pub(crate) async fn start_local(options: Options) -> anyhow::Result<Self> {
        let control_plane = ControlPlane::start(options).await?;
        match Self::reach(&control_plane).await {
            Ok(target) => Ok(Self { local: Some(Arc::new(control_plane)), ..target }),
            Err(error) => {
                control_plane.stop().await.context("cannot stop the control plane")?;
                Err(error)
            }
        }
    }

    async fn reach(control_plane: &ControlPlane) -> anyhow::Result<Self> {
        let ca = (control_plane.ca_cert(), control_plane.ca_key());
        Self::connect(Some(control_plane.kubeconfig()), None, Some(ca)).await
    }

    /// A cluster that is already there.
    pub(crate) async fn cluster(args: &ClusterArgs, ca: Option<&(PathBuf, PathBuf)>) -> anyhow::Result<Self> {
        let ca = ca.map(|(certificate, key)| (certificate.as_path(), key.as_path()));
        Self::connect(args.kubeconfig.as_deref(), args.context.as_deref(), ca).await
    }

    async fn connect(
        path: Option<&Path>,
        context: Option<&str>,
        ca: Option<(&Path, &Path)>,
    ) -> anyhow::Result<Self> {
        let read = |path: &Path| {
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
        };
        let authority = match ca {
            Some((certificate, key)) => Some(Authority::from_pem(&read(certificate)?, &read(key)?)?),
            None => None,
        };
        let Admin { context: name, endpoint, client: admin, kube, version } =
            Admin::connect(path, context).await?;
        Ok(Self {
            name,
            endpoint,
            admin,
            kube,
            authority: authority.map(Arc::new),
            version,
            local: None,
            others: Vec::new(),
        })
    }

    /// Whether others use the cluster too, so that what we make must be kept apart and cleaned up.
    pub(crate) fn is_shared(&self) -> bool {
        self.local.is_none()
    }

    /// All cells: it and those beside it, or itself alone.
    pub(crate) fn cells(&self) -> impl Iterator<Item = (Part, &Target)> {
        self.parts().zip(std::iter::once(self).chain(&self.others))
    }

    fn parts(&self) -> impl DoubleEndedIterator<Item = Part> + use<> {
        Part::all(u32::try_from(self.others.len()).unwrap_or(u32::MAX).saturating_add(1))
    }

    /// The control planes of all cells, as far as they are ours.
    pub(crate) fn locals(&self) -> impl Iterator<Item = (Part, &ControlPlane)> {
        self.cells().filter_map(|(part, cell)| Some((part, cell.local.as_deref()?)))
    }

    /// The components that are ours to watch, of several cells with the cell in their names.
    pub(crate) fn processes(&self) -> Vec<ProcessInfo> {
        let of_cell = |(part, local): (Part, &ControlPlane)| {
            let processes = local.processes().into_iter();
            processes.map(move |process| ProcessInfo { name: part.named(&process.name), ..process })
        };
        self.locals().flat_map(of_cell).collect()
    }

    /// Their names and pids, as they are whenever this is asked. It keeps nothing alive.
    pub(crate) fn components(&self) -> impl Fn() -> Vec<(String, u32)> + Send + use<> {
        let watched: Vec<(Part, Processes)> =
            self.locals().map(|(part, local)| (part, local.watch_processes())).collect();
        move || {
            let of_cell = |(part, processes): &(Part, Processes)| {
                let named = |process: ProcessInfo| (part.named(&process.name), process.pid);
                processes.now().into_iter().map(named).collect::<Vec<_>>()
            };
            watched.iter().flat_map(of_cell).collect()
        }
    }

    /// Resolves with an error when a component of ours dies, in whichever cell.
    pub(crate) async fn failure(&self) -> anyhow::Error {
        let mut dying = JoinSet::new();
        for (part, local) in self.locals() {
            let died = local.died();
            dying.spawn(async move { part.blamed(died.await.into()) });
        }
        match dying.join_next().await {
            Some(Ok(error)) => error,
            // There are none, or the runtime is at its end.
            _ => std::future::pending().await,
        }
    }

    /// Ends what we started, the last first.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        let mut parts = self.parts().rev();
        let mut stopped = Ok(());
        while let (Some(part), Some(other)) = (parts.next(), self.others.pop()) {
            // What came of one is no reason to leave another running.
            stopped = stopped.and(other.stop_alone().await.map_err(|error| part.blamed(error)));
        }
        self.stop_alone().await.and(stopped)
    }

    async fn stop_alone(self) -> anyhow::Result<()> {
        self.admin.close().await;
        match self.local {
            Some(local) => alone(local).await.stop().await.context("cannot stop the control plane"),
            None => Ok(()),
        }
    }
}

/// Waits until nobody else holds it: a driver that was dropped amid a step lets go of it the next time that its task is looked at.
async fn alone(mut local: Arc<ControlPlane>) -> ControlPlane {
    loop {
        match Arc::try_unwrap(local) {
            Ok(control_plane) => return control_plane,
            Err(held) => local = held,
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Access with the rights of whoever gave us the kubeconfig.
pub(crate) struct Admin {
    pub(crate) context: String,
    pub(crate) endpoint: Endpoint,
    pub(crate) client: Client,
    pub(crate) kube: kube::Client,
    pub(crate) version: String,
}

impl Admin {
    /// Reads the kubeconfig and asks the server for its version, which proves that it can be reached.
    pub(crate) async fn connect(path: Option<&Path>, context: Option<&str>) -> anyhow::Result<Self> {
        let access = kubeconfig::load(path, context)?;
        let client = Client::new(access.endpoint.clone(), access.credential, USER_AGENT)?;
        let server = access.endpoint.server().to_owned();
        let version = ServerVersion::ask(&client).await.with_context(|| {
            format!("no answer from {server} (context {} of {})", access.context, access.source.display())
        })?;
        let kube = kube_client(&access.source, &access.context).await.context("cannot use the kubeconfig")?;
        Ok(Self {
            context: access.context,
            endpoint: access.endpoint,
            client,
            kube,
            version: version.git_version,
        })
    }
}

async fn kube_client(path: &Path, context: &str) -> anyhow::Result<kube::Client> {
    let file = kube::config::Kubeconfig::read_from(path)?;
    let options = kube::config::KubeConfigOptions {
        context: Some(context.to_owned()),
        ..kube::config::KubeConfigOptions::default()
    };
    let config = kube::Config::from_custom_kubeconfig(file, &options).await?;
    Ok(kube::Client::try_from(config)?)
}

/// How control planes of this program are started.
pub(crate) fn options(
    profile: Profile,
    local: &LocalArgs,
    run_id: &str,
    progress: &Arc<Progress>,
) -> anyhow::Result<Options> {
    Ok(Options {
        profile,
        port: None,
        bin_dir: local.bin_dir.clone(),
        log_dir: None,
        restore: None,
        shim: shim()?,
        progress: telling(progress, "control plane".to_owned()),
        run_id: run_id.to_owned(),
    })
}

/// Tells what becomes of a control plane, under this title.
pub(crate) fn telling(progress: &Arc<Progress>, title: String) -> ProgressSink {
    let progress = progress.clone();
    Arc::new(move |step| progress.doing(&title, &step.to_string()))
}

/// The command that starts a component through this program.
pub(crate) fn shim() -> anyhow::Result<Vec<OsString>> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    Ok(vec![program.into_os_string(), OsString::from(SUPERVISED)])
}
