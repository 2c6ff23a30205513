//! `loadgen up`: holds a control plane open on this machine.

use std::sync::Arc;

use control_plane::{ControlPlane, Options};
use fake_kubelet::Preset;

use super::print;
use crate::{cli::UpArgs, end::End, interrupt::Interrupt, plan, progress::Progress, result, target};

pub(crate) async fn run(args: UpArgs) -> End {
    let profile = match plan::profile(&args.local, &[]).and_then(|profile| {
        plan::enough_descriptors_with(&profile, args.nodes, Preset::default().classes()).map(|()| profile)
    }) {
        Ok(profile) => profile,
        Err(error) => return End::usage(error),
    };
    hold(args, profile).await.unwrap_or_else(End::from)
}

async fn hold(args: UpArgs, profile: profile::Profile) -> anyhow::Result<End> {
    let interrupt = Interrupt::listen("`loadgen clean` removes its work folder")?;
    let progress = Arc::new(Progress::new());
    let run_id = result::new_run_id("up", u64::from(std::process::id()));
    let options = Options { port: args.port, ..target::options(profile, &args.local, &run_id, &progress)? };
    // Dropped half-way, a start takes down what it has started.
    let control_plane = interrupt.unless(ControlPlane::start(options)).await??;
    progress.clear();
    print(&instructions(&control_plane, args.nodes));
    let end = tokio::select! {
        () = interrupt.requested() => End::Interrupted,
        error = control_plane.died() => End::Failed(error.into()),
    };
    control_plane.stop().await?;
    Ok(end)
}

fn instructions(control_plane: &ControlPlane, nodes: u32) -> String {
    let kubeconfig = control_plane.kubeconfig().display();
    format!(
        "export KUBECONFIG={kubeconfig}\n\
         fake-kubelet --nodes {nodes} --kubeconfig {kubeconfig} --ca-cert {} --ca-key {}\n\
         # {} is ready; Ctrl-C ends it and removes everything\n",
        control_plane.ca_cert().display(),
        control_plane.ca_key().display(),
        control_plane.server(),
    )
}
