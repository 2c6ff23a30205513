//! `fake-kubelet`: a fleet of virtual nodes beside any cluster, where people use KWOK or kubemark.

mod arguments;
mod serving;

use std::{io::Write, path::Path, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use clap::Parser;
use fake_kubelet::{
    Capacity, Class, Classes, Fleet, FleetProgress, FleetSpec, Heartbeats, Identities, KUBELET_PORT,
    NodeSpec, ServerVersion, descriptor_limit, raise_descriptor_limit,
};
use identity::{Authority, allow_rotation, kubeconfig, proxy_account};
use measure::Clock;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use wire::Client;

use self::arguments::Arguments;

/// A fleet makes and drops small things by the thousand. With glibc's allocator 1,000 nodes at rest took 51 MB and with this one
/// 37 MB, and a pod's life a tenth less CPU time (benches/README.md); jemalloc took as much memory as glibc, and so does this one
/// when it asks for huge pages.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args = Arguments::parse();
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

async fn run(args: Arguments) -> anyhow::Result<ExitCode> {
    let (classes, nodes) = (args.classes().unwrap_or_else(|error| error.exit()), args.nodes);
    let authority = args.authority(classes).unwrap_or_else(|error| error.exit());
    enough_descriptors(nodes, classes)?;
    let access = kubeconfig::load(args.target.kubeconfig.as_deref(), args.target.context.as_deref())?;
    let admin = Client::new(access.endpoint.clone(), access.credential.clone(), "fake-kubelet")?;
    let version = ServerVersion::ask(&admin).await.with_context(|| {
        format!("no answer from {} (context {})", access.endpoint.server(), access.context)
    })?;
    let holds_authority = matches!(authority, arguments::Authority::Ca(..));
    let identities = match authority {
        arguments::Authority::Ca(certificate, key) => {
            Identities::Ca(Arc::new(Authority::from_pem(&read(certificate)?, &read(key)?)?))
        }
        arguments::Authority::Shared => Identities::Shared(access.credential),
    };
    let (proxy, _refresher) = if classes.has(Class::KubeProxy) {
        let (credential, refresher) = proxy_account(&admin, &[], args.seed).await?;
        (Some(credential), Some(refresher))
    } else {
        (None, None)
    };
    if args.rotation().is_some() {
        allow_rotation(&admin, &[]).await?;
    }
    admin.close().await;
    let serving = args.kubelet_endpoint.spec(access.endpoint.server(), holds_authority);
    let fleet = Fleet::start(FleetSpec {
        endpoint: access.endpoint,
        identities,
        proxy,
        nodes,
        node: NodeSpec {
            kubelet_version: version.git_version,
            labels: [("loadgen.run".to_owned(), args.run_id.clone())].into(),
            taints: Vec::new(),
            latencies: args.latencies()?,
            classes,
            limits: args.limits(),
            heartbeats: Heartbeats::default(),
            rotation: args.rotation(),
            cpu: args.node_cpu,
            memory: args.node_memory,
            max_pods: args.max_pods,
            kubelet_port: KUBELET_PORT,
        },
        name_prefix: args.name_prefix,
        start_rate: args.start_rate,
        start_at_once: args.start_at_once,
        shards: args.shards,
        seed: args.seed,
        clock: Clock::start(),
        serving,
    })?;
    if let Some(port) = fleet.kubelet_port() {
        say(&format!("the nodes serve HTTPS on port {port} of their addresses"));
    }
    watch(&fleet, nodes).await?;
    let report = fleet.stop().await;
    say(&format!("stopped; the {} Node objects stay", report.progress.registered));
    Ok(ExitCode::from(130))
}

/// Raises the limit as far as it goes, and says so when that is not far enough.
fn enough_descriptors(nodes: u32, classes: Classes) -> anyhow::Result<()> {
    raise_descriptor_limit().context("cannot raise the descriptor limit")?;
    match Capacity::of(nodes.into(), classes, descriptor_limit()) {
        Capacity::Enough => Ok(()),
        Capacity::TooFew { fit, limit, needed } => bail!(
            "{nodes} nodes with {} connections each need {needed} descriptors, and the limit is {limit}: {fit} nodes fit; raise \
             it with `ulimit -Hn {needed}` as root or LimitNOFILE={needed} in a unit",
            classes.connections_per_node()
        ),
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
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
