//! The fleet's process.

use std::{
    collections::BTreeMap,
    io::{BufRead, Lines, StdinLock},
    sync::Arc,
};

use anyhow::Context;
use benches::node_spec;
use fake_kubelet::{Fleet, FleetSpec, Held, Identities, Latencies, Latency, NodeSpec, Preset};
use identity::Authority;
use measure::{Clock, Rate};
use serde::{Deserialize, Serialize};
use wire::{Credential, Endpoint, Token};

use crate::serve::Served;

/// What fleet to run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) preset: String,
    pub(crate) nodes: u32,
    pub(crate) start_rate: f64,
    pub(crate) shards: u32,
}

/// What to do next.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Command {
    /// Say how far it is.
    Progress,
    /// Say what was sent since the last time.
    Take,
}

/// How far the fleet is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) ready: u64,
    pub(crate) trouble: Option<String>,
}

/// What was sent.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Sent {
    /// By verb and resource.
    pub(crate) requests: BTreeMap<String, u64>,
    pub(crate) errors: u64,
    /// Milliseconds from the time that a lease was due to its PUT being sent.
    pub(crate) lease_late_p99_ms: f64,
    pub(crate) leases_missed: u64,
    /// Pods that are gone, since the start.
    pub(crate) pods_gone: u64,
    /// What the fleet holds at the moment.
    pub(crate) held: Held,
}

/// Runs a fleet until its input ends.
pub(crate) fn run() -> anyhow::Result<()> {
    fake_kubelet::raise_descriptor_limit()?;
    let mut input = std::io::stdin().lock().lines();
    let plan: Plan = read(&mut input)?.context("no plan")?;
    let served: Served = read(&mut input)?.context("no server")?;
    let fleet = Fleet::start(spec(&plan, &served)?)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    while let Some(command) = read(&mut input)? {
        let answer = match command {
            Command::Progress => {
                let progress = fleet.progress();
                serde_json::to_string(&Progress { ready: progress.ready, trouble: progress.last_error })?
            }
            Command::Take => serde_json::to_string(&runtime.block_on(sent(&fleet)))?,
        };
        crate::say(&answer);
    }
    Ok(())
}

fn read<T: for<'a> Deserialize<'a>>(input: &mut Lines<StdinLock<'_>>) -> anyhow::Result<Option<T>> {
    Ok(input.next().transpose()?.map(|line| serde_json::from_str(&line)).transpose()?)
}

async fn sent(fleet: &Fleet) -> Sent {
    let report = fleet.take().await;
    let held = report.held;
    let (leases_missed, pods_gone) = (report.progress.leases_missed, report.progress.pods_gone);
    let mut sent = Sent { leases_missed, pods_gone, held, ..Sent::default() };
    for (kind, stats) in report.recorder.kinds() {
        sent.requests.insert(kind.to_string(), stats.ok + stats.errors.total());
        sent.errors += stats.errors.total();
        if (kind.verb, kind.resource) == ("update", "coordination.k8s.io/leases") {
            let lateness = stats.lateness.summary();
            sent.lease_late_p99_ms = lateness.p99.or(lateness.max).unwrap_or_default() * 1e3;
        }
    }
    sent
}

fn spec(plan: &Plan, served: &Served) -> anyhow::Result<FleetSpec> {
    let authority = Authority::from_pem(&served.ca, &served.ca_key)?;
    let preset: Preset = plan.preset.parse()?;
    let quick = "1ms..20ms".parse::<Latency>()?;
    Ok(FleetSpec {
        endpoint: Endpoint::new(&served.url, Some(served.ca.as_bytes()))?,
        identities: Identities::Ca(Arc::new(authority)),
        // As long as a service account's.
        proxy: Some(Credential::bearer(Token::new("t".repeat(900)))),
        nodes: plan.nodes,
        name_prefix: "bench-".to_owned(),
        node: NodeSpec {
            latencies: Latencies { stop: quick.clone(), remove: quick, ..Latencies::default() },
            ..node_spec(preset)
        },
        start_rate: Rate::per_second(plan.start_rate)?,
        start_at_once: None,
        shards: plan.shards,
        seed: 1,
        clock: Clock::start(),
        serving: None,
    })
}
