//! Where a run's control planes come from: one of this machine after another, or a cluster that is already there.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, bail};
use control_plane::{ControlPlane, Options};
use fake_kubelet::Class;
use profile::Profile;
use record::Folder;
use tempfile::TempDir;

use crate::{
    cleanup::Leftovers,
    cli::{ClusterArgs, LocalArgs, TargetArgs},
    confirm,
    interrupt::{Interrupt, Interrupted},
    plan::{self, Plan},
    progress::Progress,
    target::{self, Target},
};

/// Which control plane.
pub(crate) enum Where {
    Local(LocalArgs),
    /// With the CA's certificate and key, where they are given.
    Cluster {
        cluster: ClusterArgs,
        ca: Option<(PathBuf, PathBuf)>,
        yes: bool,
    },
}

impl Where {
    /// Fails on a command line that means both.
    pub(crate) fn of(args: TargetArgs) -> anyhow::Result<Self> {
        let TargetArgs { local, cluster, ca_cert, ca_key, yes } = args;
        if cluster.kubeconfig.is_none() {
            return Ok(Self::Local(local));
        }
        if local.is_given() {
            bail!(
                "--profile, --set, --audit and --bin-dir describe a control plane on this machine; the cluster of a \
                 --kubeconfig is as it is"
            );
        }
        Ok(Self::Cluster { cluster, ca: ca_cert.zip(ca_key), yes })
    }

    /// The profile of a control plane on this machine.
    pub(crate) fn profile(&self) -> anyhow::Result<Option<Profile>> {
        match self {
            Self::Local(local) => plan::profile(local).map(Some),
            Self::Cluster { .. } => Ok(None),
        }
    }

    /// Fails where the nodes cannot be what the plan says.
    pub(crate) fn check(&self, plan: &Plan) -> anyhow::Result<()> {
        if plan.classes.has(Class::OwnConnection) && self.lacks_ca() {
            bail!(
                "with --kubeconfig the nodes' certificates need the cluster's CA: --ca-cert and --ca-key (on a kubeadm \
                 control plane /etc/kubernetes/pki/ca.crt and ca.key); --preset kwok does without"
            );
        }
        Ok(())
    }

    fn lacks_ca(&self) -> bool {
        matches!(self, Where::Cluster { ca: None, .. })
    }
}

/// What every control plane of a run has in common.
pub(crate) struct Ground<'a> {
    pub(crate) place: &'a Where,
    pub(crate) profile: Option<&'a Profile>,
    /// The run's id: the label of everything that it makes.
    pub(crate) run: &'a str,
    pub(crate) folder: &'a Folder,
    pub(crate) progress: &'a Arc<Progress>,
    pub(crate) interrupt: &'a Interrupt,
    /// What fresh control planes begin with; nothing where there is only one.
    pub(crate) inventory: Option<&'a Inventory>,
}

/// A control plane's contents when its nodes were ready and nothing had been offered yet, for those that come after it.
#[derive(Debug, Default)]
pub(crate) struct Inventory(Mutex<Option<(TempDir, PathBuf)>>);

impl Inventory {
    fn path(&self) -> Option<PathBuf> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().map(|(_, path)| path.clone())
    }

    /// Keeps what the control plane has in it, unless something is kept already or cannot be.
    pub(crate) async fn keep(&self, local: &ControlPlane) -> anyhow::Result<()> {
        if self.path().is_some() {
            return Ok(());
        }
        let folder = TempDir::new().context("cannot make a folder for the inventory")?;
        let path = folder.path().join("snapshot");
        match local.snapshot(&path).await {
            Ok(_) => *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((folder, path)),
            // Without the tool every control plane is filled anew, which takes longer and is as good.
            Err(error @ control_plane::Error::NoSnapshotTool { .. }) => {
                tracing::warn!(%error, "control planes are filled anew each time");
            }
            Err(error) => return Err(error).context("cannot keep the inventory"),
        }
        Ok(())
    }
}

impl Ground<'_> {
    /// Starts a control plane, or reaches the cluster, does the work on it, and leaves it as it was found, however the work ended.
    /// `number` tells the control planes of a run apart.
    pub(crate) async fn with<T>(
        &self,
        number: u32,
        work: impl AsyncFnOnce(&Target) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let target =
            self.interrupt.unless(Box::pin(self.start(number))).await.map_err(Into::into).flatten()?;
        let done = tokio::select! {
            biased;
            () = self.interrupt.requested() => Err(Interrupted.into()),
            error = target.failure() => Err(error),
            done = Box::pin(work(&target)) => done,
        };
        self.progress.doing("teardown", "");
        match (done, tear_down(target, self.run).await) {
            (done, Ok(())) => done,
            (Ok(_), Err(left)) => Err(left),
            // What is left behind matters more than why the work ended.
            (Err(error), Err(left)) => Err(left.context(format!("{error:#}, and then"))),
        }
    }

    async fn start(&self, number: u32) -> anyhow::Result<Target> {
        match (self.place, self.profile) {
            (Where::Cluster { cluster, ca, yes }, _) => {
                let target = Target::cluster(cluster, ca.as_ref()).await?;
                confirm::ask(&format!("Load {} ({})?", target.name, target.endpoint.server()), *yes)?;
                Ok(target)
            }
            (Where::Local(local), Some(profile)) => {
                // The first has the run's own name; those after it one that `clean --run` knows.
                let name = if number == 1 { self.run.to_owned() } else { format!("{}-{number}", self.run) };
                let options = target::options(profile.clone(), local, &name, self.progress)?;
                let restore = self.inventory.and_then(Inventory::path);
                let log_dir = Some(self.folder.logs_dir());
                Target::start_local(Options { log_dir, restore, ..options }).await
            }
            (Where::Local(_), None) => bail!("a control plane on this machine needs a profile"),
        }
    }
}

/// Leaves a cluster as it was found, and ends what is ours.
async fn tear_down(target: Target, run: &str) -> anyhow::Result<()> {
    if target.is_shared() {
        let leftovers = Leftovers::find(&target.kube, Some(run)).await?;
        leftovers.remove(&target.kube).await.with_context(|| {
            format!("cannot clean up; `loadgen clean --run {run} --kubeconfig ...` tries again")
        })?;
    }
    target.stop().await
}

/// Removes the folder of a run that never had a control plane: there is nothing to record.
pub(crate) fn discard(folder: &Path) {
    // Best effort: the error that brought us here is the one to tell.
    let _ = std::fs::remove_dir_all(folder);
    let _ = folder.parent().map(std::fs::remove_dir);
}
