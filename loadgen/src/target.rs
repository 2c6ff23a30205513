//! The control plane under test: one that we start on this machine, or a cluster that is already there.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;
use control_plane::{ControlPlane, Options};
use fake_kubelet::ServerVersion;
use identity::{Authority, kubeconfig};
use profile::Profile;
use wire::{Client, Endpoint};

use crate::{
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
    pub(crate) local: Option<ControlPlane>,
}

impl Target {
    /// Starts a control plane on this machine.
    pub(crate) async fn start_local(options: Options) -> anyhow::Result<Self> {
        let control_plane = ControlPlane::start(options).await?;
        match Self::reach(&control_plane).await {
            Ok(target) => Ok(Self { local: Some(control_plane), ..target }),
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
        Ok(Self { name, endpoint, admin, kube, authority: authority.map(Arc::new), version, local: None })
    }

    /// Whether others use the cluster too, so that what we make must be kept apart and cleaned up.
    pub(crate) fn is_shared(&self) -> bool {
        self.local.is_none()
    }

    /// The components that are ours to watch: name and pid.
    pub(crate) fn components(&self) -> Vec<(String, u32)> {
        let processes = self.local.iter().flat_map(ControlPlane::processes);
        processes.map(|process| (process.name, process.pid)).collect()
    }

    /// Resolves with an error when a component of ours dies.
    pub(crate) async fn failure(&self) -> anyhow::Error {
        match &self.local {
            Some(control_plane) => control_plane.died().await.into(),
            None => std::future::pending().await,
        }
    }

    /// Ends what we started.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.admin.close().await;
        match self.local {
            Some(control_plane) => control_plane.stop().await.context("cannot stop the control plane"),
            None => Ok(()),
        }
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
    let progress = progress.clone();
    Ok(Options {
        profile,
        port: None,
        bin_dir: local.bin_dir.clone(),
        log_dir: None,
        restore: None,
        shim: shim()?,
        progress: Arc::new(move |step| progress.doing("control plane", &step.to_string())),
        run_id: run_id.to_owned(),
    })
}

/// The command that starts a component through this program.
pub(crate) fn shim() -> anyhow::Result<Vec<OsString>> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    Ok(vec![program.into_os_string(), OsString::from(SUPERVISED)])
}
