//! `loadgen clean`: removes everything that runs have left behind.

use super::print;
use crate::{
    cleanup::{Leftovers, Removed},
    cli::CleanArgs,
    confirm,
    end::End,
    target::Admin,
};

pub(crate) async fn run(args: CleanArgs) -> End {
    match clean(args).await {
        Ok(text) => {
            print(&text);
            End::Done
        }
        Err(error) => End::from(error),
    }
}

async fn clean(args: CleanArgs) -> anyhow::Result<String> {
    let mut text = local(args.run.as_deref())?;
    if args.cluster.kubeconfig.is_some() {
        let admin =
            Admin::connect(args.cluster.kubeconfig.as_deref(), args.cluster.context.as_deref()).await?;
        text += &cluster(&admin, &args).await?;
    }
    Ok(text)
}

/// Work folders of control planes whose loadgen was killed.
fn local(run: Option<&str>) -> anyhow::Result<String> {
    let mut removed = Vec::new();
    for stale in control_plane::stale_work_dirs()? {
        if run.is_none_or(|run| is_of(&stale.run_id, run)) {
            control_plane::remove_work_dir(&stale)?;
            removed.push(format!("removed {}\n", stale.path.display()));
        }
    }
    if removed.is_empty() {
        removed.push("nothing left on this machine\n".to_owned());
    }
    Ok(removed.concat())
}

/// A run may have several control planes: the first has its name, the others have a number after it.
fn is_of(work_dir: &str, run: &str) -> bool {
    work_dir.strip_prefix(run).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

async fn cluster(admin: &Admin, args: &CleanArgs) -> anyhow::Result<String> {
    let leftovers = Leftovers::find(&admin.kube, args.run.as_deref()).await?;
    let context = &admin.context;
    if leftovers.is_empty() {
        return Ok(format!("nothing left on {context}\n"));
    }
    confirm::ask(&format!("Remove {} from {context}?", leftovers.describe()), args.yes)?;
    let Removed { namespaces, nodes } = leftovers.remove(&admin.kube).await?;
    Ok(format!("removed {namespaces} namespaces and {nodes} nodes from {context}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_control_planes_of_a_run_are_its_own_and_no_others() {
        let run = "20261122-143000-pod-churn-3f2a";
        assert!(is_of(run, run) && is_of(&format!("{run}-12"), run));
        assert!(!is_of(&format!("{run}b"), run) && !is_of("20261122-143001-pod-churn-3f2a", run));
    }
}
