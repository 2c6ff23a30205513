//! Where a run's control planes come from: one of this machine after another, or a cluster that is already there.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, bail};
use control_plane::{ControlPlane, Options, inventory_key};
use fake_kubelet::Class;
use profile::Profile;
use record::Folder;
use tempfile::TempDir;

use crate::{
    cells::Part,
    cleanup::Leftovers,
    cli::{ClusterArgs, LocalArgs, TargetArgs},
    confirm,
    interrupt::{Interrupt, Interrupted},
    knobs::Witness,
    plan::{self, Plan},
    progress::Progress,
    scenario::Scenario,
    shown::Shown,
    target::{self, Target},
    telemetry::Telemetry,
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
    pub(crate) fn profile(&self, plan: &Plan) -> anyhow::Result<Option<Profile>> {
        match self {
            Self::Local(local) => plan::profile(local, &plan.scenario.scenario.set).map(Some),
            Self::Cluster { .. } => Ok(None),
        }
    }

    /// Fails where the control plane or the nodes cannot be what the plan says.
    pub(crate) fn check(&self, plan: &Plan) -> anyhow::Result<()> {
        let Scenario { set: needed, cells, .. } = &plan.scenario.scenario;
        if matches!(self, Self::Cluster { .. }) && *cells > 1 {
            bail!(
                "scenario {} is over {cells} control planes of this machine, and the cluster of a --kubeconfig is one; leave \
                 --kubeconfig out",
                plan.scenario.name
            );
        }
        if matches!(self, Self::Cluster { .. }) && !needed.is_empty() {
            bail!(
                "scenario {} needs a control plane with {}, and the cluster of a --kubeconfig is as it is; without --kubeconfig \
                 it has one of its own on this machine",
                plan.scenario.name,
                needed.join(" and ")
            );
        }
        if matches!(self, Self::Cluster { .. }) && !plan.scenario.scenario.faults.is_empty() {
            bail!(
                "the faults of scenario {} come from a webhook on this machine's loopback, which the apiserver of a \
                 --kubeconfig cannot reach; without --kubeconfig it has a control plane of its own on this machine",
                plan.scenario.name
            );
        }
        if plan.classes.has(Class::OwnConnection) && self.lacks_ca() {
            bail!(
                "with --kubeconfig the nodes' certificates need the cluster's CA: --ca-cert and --ca-key (on a kubeadm \
                 control plane /etc/kubernetes/pki/ca.crt and ca.key); --preset kwok does without"
            );
        }
        match self.profile(plan)? {
            Some(profile) => plan::enough_descriptors_with(&profile, plan.nodes, plan.classes),
            None => Ok(()),
        }
    }

    fn lacks_ca(&self) -> bool {
        matches!(self, Where::Cluster { ca: None, .. })
    }
}

/// What every control plane of a run has in common.
pub(crate) struct Ground<'a> {
    pub(crate) place: &'a Where,
    pub(crate) profile: Option<&'a Profile>,
    /// So many are beside one another at a time.
    pub(crate) cells: u32,
    /// The run's id: the label of everything that it makes.
    pub(crate) run: &'a str,
    pub(crate) folder: &'a Folder,
    pub(crate) progress: &'a Arc<Progress>,
    pub(crate) interrupt: &'a Interrupt,
    /// The running figures.
    pub(crate) telemetry: &'a Telemetry,
    /// What others see of them and of the control planes.
    pub(crate) shown: &'a Shown,
    /// What fresh control planes begin with; nothing where there is only one.
    pub(crate) inventory: Option<&'a Inventory>,
    /// Looks at settings on them, where somebody wants to know.
    pub(crate) witness: Option<&'a Witness<'a>>,
}

/// A control plane's contents when its nodes were ready and nothing had been offered yet, for those that come after it. Profiles that
/// cannot begin with the same have one each ([`inventory_key`]).
#[derive(Debug, Default)]
pub(crate) struct Inventory(Mutex<BTreeMap<String, (TempDir, PathBuf)>>);

impl Inventory {
    fn path(&self, profile: &Profile) -> Option<PathBuf> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(&inventory_key(profile)).map(|(_, path)| path.clone())
    }

    /// Whether something is kept with which a control plane like this one begins.
    pub(crate) fn is_kept(&self, local: &ControlPlane) -> bool {
        self.path(local.profile()).is_some()
    }

    /// Keeps what the control plane has in it, unless something is kept already or cannot be.
    pub(crate) async fn keep(&self, local: &ControlPlane) -> anyhow::Result<()> {
        if self.is_kept(local) {
            return Ok(());
        }
        let folder = TempDir::new().context("cannot make a folder for the inventory")?;
        let path = folder.path().join("snapshot");
        match local.snapshot(&path).await {
            Ok(_) => {
                let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                kept.insert(inventory_key(local.profile()), (folder, path));
            }
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
    /// Starts a control plane, or several as cells, or reaches the cluster, does the work on it, and leaves it as it was found, however
    /// the work ended. `number` tells the control planes of a run apart.
    pub(crate) async fn with<T>(
        &self,
        number: u32,
        work: impl AsyncFnOnce(&Target) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        match self.profile {
            Some(profile) => self.telemetry.is_under(&profile.name),
            None => self.telemetry.is_as_it_was(),
        }
        let target =
            self.interrupt.unless(Box::pin(self.start(number))).await.map_err(Into::into).flatten()?;
        self.telemetry.runs_on(&target);
        self.shown.comes_up(&target);
        let done = tokio::select! {
            biased;
            () = self.interrupt.requested() => Err(Interrupted.into()),
            error = target.failure() => Err(error),
            done = Box::pin(work(&target)) => done,
        };
        self.progress.doing("teardown", "");
        self.shown.goes_down();
        let left = tear_down(target, self.run).await;
        self.telemetry.plane_is_gone();
        both(done, left)
    }

    async fn start(&self, number: u32) -> anyhow::Result<Target> {
        match (self.place, self.profile) {
            (Where::Cluster { cluster, ca, yes }, _) => {
                let target = Target::cluster(cluster, ca.as_ref()).await?;
                confirm::ask(&format!("Load {} ({})?", target.name, target.endpoint.server()), *yes)?;
                Ok(target)
            }
            (Where::Local(local), Some(profile)) => self.start_cells(local, profile, number).await,
            (Where::Local(_), None) => bail!("a control plane on this machine needs a profile"),
        }
    }

    /// One after the other: all at once they would keep one another from becoming ready.
    async fn start_cells(&self, local: &LocalArgs, profile: &Profile, number: u32) -> anyhow::Result<Target> {
        let mut first: Option<Target> = None;
        for part in Part::all(self.cells) {
            let started = self.options(local, profile, number, part);
            let started = match started {
                Ok(options) => Target::start_local(options).await,
                Err(error) => Err(error),
            };
            match (started, &mut first) {
                (Ok(cell), Some(first)) => first.others.push(cell),
                (Ok(cell), None) => first = Some(cell),
                (Err(error), _) => {
                    let stopped = match first {
                        Some(first) => first.stop().await,
                        None => Ok(()),
                    };
                    return both(Err(part.blamed(error)), stopped);
                }
            }
        }
        first.context("a run has a control plane")
    }

    fn options(
        &self,
        local: &LocalArgs,
        profile: &Profile,
        number: u32,
        part: Part,
    ) -> anyhow::Result<Options> {
        let name = name(self.run, number, part);
        let logs = self.folder.logs_dir();
        let options = target::options(profile.clone(), local, &name, self.progress)?;
        if part.is_whole() {
            let restore = self.inventory.and_then(|inventory| inventory.path(profile));
            return Ok(Options { log_dir: Some(logs), restore, ..options });
        }
        // Each would need an inventory of its own: they are filled anew.
        let logs = logs.join(format!("cell-{}", part.number()));
        let progress = target::telling(self.progress, part.named("control plane"));
        Ok(Options { log_dir: Some(logs), progress, ..options })
    }
}

/// The name of a control plane: the first has the run's own, the others one that `clean --run` knows.
fn name(run: &str, number: u32, part: Part) -> String {
    let number = if number == 1 { String::new() } else { format!("-{number}") };
    let cell = if part.index() == 0 { String::new() } else { format!("-cell-{}", part.number()) };
    format!("{run}{number}{cell}")
}

/// What came of some work, and of leaving everything as it was: what is left behind matters more than why the work ended.
fn both<T>(done: anyhow::Result<T>, left: anyhow::Result<()>) -> anyhow::Result<T> {
    match (done, left) {
        (done, Ok(())) => done,
        (Ok(_), Err(left)) => Err(left),
        (Err(error), Err(left)) => Err(left.context(format!("{error:#}, and then"))),
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{plan::Wishes, scenario};

    #[test]
    fn no_two_control_planes_of_a_run_have_one_name() {
        let names = |number, of| Part::all(of).map(|part| name("run", number, part)).collect::<Vec<_>>();
        assert_eq!(names(1, 1), ["run"]);
        assert_eq!(names(3, 1), ["run-3"]);
        assert_eq!(names(1, 2), ["run", "run-cell-2"]);
        assert_eq!(names(3, 3), ["run-3", "run-3-cell-2", "run-3-cell-3"]);
    }

    #[test]
    fn a_cluster_that_is_there_cannot_be_several() {
        let wishes = Wishes::new(Duration::from_secs(40), 1, "100/s".parse().unwrap());
        let cluster =
            Where::Cluster { cluster: ClusterArgs { kubeconfig: None, context: None }, ca: None, yes: true };
        let plan = Plan::new(scenario::load("cells").unwrap(), &wishes).unwrap();
        let error = cluster.check(&plan).unwrap_err().to_string();
        assert_eq!(
            error,
            "scenario cells is over 2 control planes of this machine, and the cluster of a --kubeconfig is one; leave \
             --kubeconfig out"
        );
    }
}
