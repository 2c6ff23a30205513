//! `loadgen up`: holds a control plane open on this machine.

use std::sync::Arc;

use control_plane::{ControlPlane, Options};
use fake_kubelet::Preset;

use super::print;
use crate::{
    cli::UpArgs,
    end::End,
    interrupt::Interrupt,
    metrics_server::{Listening, MetricsServer},
    plan,
    progress::Progress,
    result,
    server_metrics::components::Ours,
    shown::Shown,
    target,
    telemetry::Telemetry,
};

/// What a control plane that is held open is loaded with by us.
const NO_SCENARIO: &str = "none";

pub(crate) async fn run(args: UpArgs) -> End {
    let prepared = || {
        let profile = plan::profile(&args.local, &[])?;
        plan::enough_descriptors_with(&profile, args.nodes, Preset::default().classes())?;
        anyhow::Ok((profile, args.metrics.listen()?))
    };
    match prepared() {
        Ok((profile, listening)) => Box::pin(hold(args, profile, listening)).await.unwrap_or_else(End::from),
        Err(error) => End::usage(error),
    }
}

async fn hold(args: UpArgs, profile: profile::Profile, listening: Option<Listening>) -> anyhow::Result<End> {
    let interrupt = Interrupt::listen("`loadgen clean` removes its work folder")?;
    let progress = Arc::new(Progress::new());
    let server = MetricsServer::open(listening, |text| progress.say(text))?;
    let run_id = result::new_run_id("up", u64::from(std::process::id()));
    let telemetry = Telemetry::new(&run_id, NO_SCENARIO);
    telemetry.is_under(&profile.name);
    let shown = Shown::unkept(&telemetry);
    let _showing = MetricsServer::shows(server.as_ref(), &shown);
    let options = Options { port: args.port, ..target::options(profile, &args.local, &run_id, &progress)? };
    // Dropped half-way, a start takes down what it has started.
    let control_plane = interrupt.unless(ControlPlane::start(options)).await??;
    if server.is_some() {
        shown.can_ask(Box::new(Ours::alone(&control_plane)?));
    }
    progress.clear();
    print(&instructions(&control_plane, args.nodes));
    let end = tokio::select! {
        () = interrupt.requested() => End::Interrupted,
        error = control_plane.died() => End::Failed(error.into()),
    };
    shown.goes_down();
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
