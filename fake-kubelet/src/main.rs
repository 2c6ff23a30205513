//! `fake-kubelet`: a fleet of virtual nodes beside any cluster, where people use KWOK or kubemark.

use std::{io::Write, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use clap::Parser;
use fake_kubelet::{
    Capacity, Fleet, FleetProgress, FleetSpec, Identities, Latencies, Limits, NodeSpec, Preset,
    ServerVersion, descriptor_limit, raise_descriptor_limit,
};
use identity::{Authority, kubeconfig};
use measure::{Clock, Rate};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use wire::Client;

/// Registers virtual nodes with a kube-apiserver and keeps them alive until Ctrl-C.
///
/// Each node has its own certificate and its own connection, renews its lease, reports its status, and runs the pods the
/// scheduler binds to it as a kubelet would, without containers. The Node objects stay when the fleet stops; started again
/// with the same names, it takes its nodes and their pods over.
#[derive(Parser, Debug)]
#[command(version)]
struct Args {
    /// How many nodes.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    nodes: u32,
    /// Where the apiserver is. Also read from KUBECONFIG, or ~/.kube/config.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Which context of the kubeconfig.
    #[arg(long)]
    context: Option<String>,
    /// Certificate of the cluster's CA for client certificates, which signs the nodes' certificates.
    #[arg(long, value_name = "FILE")]
    ca_cert: PathBuf,
    /// Key of that CA.
    #[arg(long, value_name = "FILE")]
    ca_key: PathBuf,
    /// Nodes are called PREFIX0, PREFIX1, and so on.
    #[arg(long, default_value = "fake-", value_name = "PREFIX")]
    name_prefix: String,
    /// Value of the label loadgen.run on every Node.
    #[arg(long, default_value = "fake-kubelet", value_name = "ID")]
    run_id: String,
    /// Nodes started per second.
    #[arg(long, default_value = "100/s")]
    start_rate: Rate,
    /// CPUs of a node.
    #[arg(long, default_value = "8")]
    node_cpu: String,
    /// Memory of a node.
    #[arg(long, default_value = "32Gi")]
    node_memory: String,
    /// Most pods on a node.
    #[arg(long, default_value_t = 110)]
    max_pods: u32,
    /// Threads.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    shards: u32,
    /// Seed of every random choice.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    let args = Args::parse();
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into()),
    };
    match runtime.block_on(run(args)) {
        Ok(code) => code,
        Err(error) => fail(&error),
    }
}

#[expect(clippy::print_stderr, reason = "the program's last word to its user")]
fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}

async fn run(args: Args) -> anyhow::Result<ExitCode> {
    raise_descriptor_limit().context("cannot raise the descriptor limit")?;
    if let Capacity::TooFew { fit, limit } = Capacity::of(args.nodes.into(), descriptor_limit()) {
        bail!(
            "{} nodes need as many descriptors, and the limit is {limit}: {fit} nodes fit; raise it with `ulimit -Hn` as \
             root or LimitNOFILE= in a unit",
            args.nodes
        );
    }
    let access = kubeconfig::load(args.kubeconfig.as_deref(), args.context.as_deref())?;
    let admin = Client::new(access.endpoint.clone(), access.credential.clone(), "fake-kubelet")?;
    let version = ServerVersion::ask(&admin).await.with_context(|| {
        format!("no answer from {} (context {})", access.endpoint.server(), access.context)
    })?;
    admin.close().await;
    let read = |path: &PathBuf| {
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
    };
    let authority = Authority::from_pem(&read(&args.ca_cert)?, &read(&args.ca_key)?)?;
    let nodes = args.nodes;
    let fleet = Fleet::start(FleetSpec {
        endpoint: access.endpoint,
        identities: Identities::Ca(Arc::new(authority)),
        proxy: None,
        nodes,
        name_prefix: args.name_prefix,
        node: NodeSpec {
            kubelet_version: version.git_version,
            cpu: args.node_cpu,
            memory: args.node_memory,
            max_pods: args.max_pods,
            labels: [("loadgen.run".to_owned(), args.run_id)].into(),
            taints: Vec::new(),
            latencies: Latencies::default(),
            classes: Preset::KubeletOnly.classes(),
            limits: Limits::default(),
        },
        start_rate: args.start_rate,
        shards: args.shards,
        seed: args.seed,
        clock: Clock::start(),
    })?;
    watch(&fleet, nodes).await?;
    let report = fleet.stop().await;
    say(&format!("stopped; the {} Node objects stay", report.progress.registered));
    Ok(ExitCode::from(130))
}

/// Says how the fleet is doing, whenever that changes, until Ctrl-C.
async fn watch(fleet: &Fleet, nodes: u32) -> anyhow::Result<()> {
    // Listened to from here on without a gap: one that comes while a line is printed must not be lost.
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut hangup = signal(SignalKind::hangup()).context("cannot wait for SIGHUP")?;
    let mut looks = tokio::time::interval(Duration::from_secs(2));
    let mut last = FleetProgress::default();
    loop {
        tokio::select! {
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            _ = hangup.recv() => return Ok(()),
            _ = looks.tick() => {
                let progress = fleet.progress();
                if progress != last {
                    say(&line(&progress, &last, nodes));
                    last = progress;
                }
            }
        }
    }
}

fn line(progress: &FleetProgress, last: &FleetProgress, nodes: u32) -> String {
    let FleetProgress { registered, ready, pods_adopted, pods_started, pods_gone, .. } = progress;
    let (failed, refused) = (progress.failed_requests, progress.refused_requests);
    let trouble = match &progress.last_error {
        Some(error) if failed > last.failed_requests || refused > last.refused_requests => {
            format!("; {failed} requests without an answer, {refused} refused: {error}")
        }
        _ => String::new(),
    };
    format!(
        "{registered} of {nodes} nodes registered, {ready} ready; pods: {pods_adopted} taken over, {pods_started} started, \
         {pods_gone} gone{trouble}"
    )
}

/// A reader that has gone away is no reason to stop.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
