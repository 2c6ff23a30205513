//! `loadgen run`: one scenario at one load.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context, bail};
use control_plane::Options;
use fake_kubelet::Class;
use measure::{Clock, criteria::together, statistics::Judgement};
use profile::Profile;
use record::Folder;

use super::print;
use crate::{
    cleanup::Leftovers,
    cli::{ClusterArgs, LocalArgs, OutputArgs, RunArgs, TargetArgs},
    confirm,
    end::End,
    interrupt::{Interrupt, Interrupted},
    plan::{self, Plan, Wishes},
    progress::Progress,
    result, scenario,
    stand::Setting,
    table,
    target::{self, Target},
    trial::{self, Outcome},
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

pub(crate) async fn run(args: RunArgs) -> End {
    let wishes = Wishes {
        nodes: args.nodes,
        preset: args.fleet.preset,
        at: args.at,
        measure: args.duration,
        seed: args.seed,
        start_rate: args.fleet.start_rate,
    };
    match Where::of(args.target) {
        Ok(place) => scenario(&args.scenario, &wishes, place, args.output).await,
        Err(error) => End::usage(error),
    }
}

/// Runs a scenario from beginning to end.
pub(crate) async fn scenario(name: &str, wishes: &Wishes, place: Where, output: OutputArgs) -> End {
    // What can be known to be wrong is told before anything is started.
    let prepared = || {
        let plan = Plan::new(scenario::load(name)?, wishes)?;
        let profile = place.profile()?;
        place.check(&plan)?;
        anyhow::Ok((plan, profile))
    };
    match prepared() {
        Ok((plan, profile)) => {
            Box::pin(measure(plan, profile, place, output)).await.unwrap_or_else(End::from)
        }
        Err(error) => End::usage(error),
    }
}

async fn measure(
    plan: Plan,
    profile: Option<Profile>,
    place: Where,
    output: OutputArgs,
) -> anyhow::Result<End> {
    let interrupt = Interrupt::listen("`loadgen clean` says what is left and removes it")?;
    let progress = Arc::new(Progress::new());
    let run = result::new_run_id(&plan.scenario.name, plan.seed);
    let folder = Folder::create(&output.out, &run)?;
    let start = start_target(profile.as_ref(), &place, &run, &folder, &progress);
    let target = match interrupt.unless(start).await.map_err(Into::into).flatten() {
        Ok(target) => target,
        Err(error) => {
            progress.clear();
            discard(&folder);
            return Err(error);
        }
    };
    let outcome = watched(&plan, &target, &run, &folder, &progress, &interrupt).await;
    // Told before the target is stopped: afterwards nobody knows its processes any more.
    let record =
        outcome.and_then(|outcome| result::write(&plan, profile.as_ref(), &target, &run, &folder, &outcome));
    progress.doing("teardown", "");
    let torn_down = tear_down(target, &run).await;
    progress.clear();
    let record = match (record, torn_down) {
        (Ok(record), Ok(())) => record,
        (Err(error), Ok(())) | (Ok(_), Err(error)) => return Err(error),
        // What is left behind matters more than why the run ended.
        (Err(error), Err(left)) => return Err(left.context(format!("{error:#}, and then"))),
    };
    if output.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&record)?));
    } else {
        print(&table::render(&record, folder.path()));
    }
    Ok(match together(&record.judged) {
        _ if !record.is_valid() => End::Invalid,
        Judgement::Breaks => End::Broken,
        Judgement::Holds | Judgement::Undecided => End::Done,
    })
}

pub(crate) async fn start_target(
    profile: Option<&Profile>,
    place: &Where,
    run: &str,
    folder: &Folder,
    progress: &Arc<Progress>,
) -> anyhow::Result<Target> {
    match (place, profile) {
        (Where::Cluster { cluster, ca, yes }, _) => {
            let target = Target::cluster(cluster, ca.as_ref()).await?;
            confirm::ask(&format!("Load {} ({})?", target.name, target.endpoint.server()), *yes)?;
            Ok(target)
        }
        (Where::Local(local), Some(profile)) => {
            let options = target::options(profile.clone(), local, run, progress)?;
            Target::start_local(Options { log_dir: Some(folder.logs_dir()), ..options }).await
        }
        (Where::Local(_), None) => bail!("a control plane on this machine needs a profile"),
    }
}

/// The trial, unless the user wants out or a component dies.
async fn watched(
    plan: &Plan,
    target: &Target,
    run: &str,
    folder: &Folder,
    progress: &Progress,
    interrupt: &Interrupt,
) -> anyhow::Result<Outcome> {
    let setting = Setting { plan, target, run, clock: Clock::start(), progress, folder };
    tokio::select! {
        biased;
        () = interrupt.requested() => Err(Interrupted.into()),
        error = target.failure() => Err(error),
        outcome = trial::run(setting) => outcome,
    }
}

/// Leaves a cluster as it was found, and ends what is ours.
pub(crate) async fn tear_down(target: Target, run: &str) -> anyhow::Result<()> {
    if target.is_shared() {
        let leftovers = Leftovers::find(&target.kube, Some(run)).await?;
        leftovers.remove(&target.kube).await.with_context(|| {
            format!("cannot clean up; `loadgen clean --run {run} --kubeconfig ...` tries again")
        })?;
    }
    target.stop().await
}

/// A run that never had a control plane has nothing to record.
pub(crate) fn discard(folder: &Folder) {
    // Best effort: the error that brought us here is the one to tell.
    let _ = std::fs::remove_dir_all(folder.path());
    let _ = folder.path().parent().map(std::fs::remove_dir);
}
