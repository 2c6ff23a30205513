//! What every record says of the plan, the control plane, the machine, and what processes took from it.

use std::collections::BTreeMap;

use control_plane::ProcessInfo;
use fake_kubelet::Class;
use profile::Profile;
use record::{ProcessUse, TargetKind};

use crate::{
    plan::Plan,
    sampling::{HARNESS, MachineUse, Used},
    target::Target,
};

/// The scenario as it is run.
pub(crate) fn scenario(plan: &Plan) -> anyhow::Result<record::Scenario> {
    Ok(record::Scenario {
        name: plan.scenario.name.clone(),
        text: plan.scenario.text.clone(),
        resolved: serde_json::to_value(&plan.scenario.scenario)?,
    })
}

/// The virtual nodes, all of which were ready when the load began.
pub(crate) fn fleet(plan: &Plan) -> record::Fleet {
    record::Fleet {
        nodes: plan.nodes,
        ready: plan.nodes,
        preset: plan.traffic.to_string(),
        identities: if plan.classes.has(Class::OwnConnection) { "ca" } else { "shared" }.to_owned(),
    }
}

/// Over how many ServiceAccounts the drivers spread; each cell has its own.
pub(crate) fn driver_identities(plan: &Plan) -> u32 {
    let scenario = &plan.scenario.scenario;
    let identities: u32 = scenario.loads.iter().map(crate::scenario::Load::identities).sum();
    identities.saturating_mul(scenario.cells)
}

pub(crate) fn resolved(profile: &Profile) -> anyhow::Result<record::Profile> {
    Ok(record::Profile { name: profile.name.clone(), resolved: serde_json::to_value(profile)? })
}

pub(crate) fn describe(target: &Target) -> record::Target {
    let shared = target.is_shared();
    record::Target {
        kind: if shared { TargetKind::Kubeconfig } else { TargetKind::Local },
        server: target.endpoint.server().to_owned(),
        context: shared.then(|| target.name.clone()),
    }
}

pub(crate) fn components(target: &Target) -> Vec<record::Component> {
    let processes = target.processes().into_iter();
    let component =
        |ProcessInfo { name, argv, cpus, .. }: ProcessInfo| record::Component { name, argv, cpus };
    processes.map(component).collect()
}

pub(crate) fn host() -> record::Host {
    let scrape::Host { kernel, cpus, memory_bytes, cgroup_version } = scrape::Host::read();
    record::Host { kernel, cpus: u32::try_from(cpus).unwrap_or(u32::MAX), memory_bytes, cgroup_version }
}

pub(crate) fn versions(target: &Target) -> BTreeMap<String, String> {
    let etcd = target.local.iter().map(|local| ("etcd".to_owned(), local.versions().etcd));
    let kubernetes = target.version.trim_start_matches('v').to_owned();
    etcd.chain([("kubernetes".to_owned(), kubernetes)]).collect()
}

pub(crate) fn resources(used: &Used) -> BTreeMap<String, ProcessUse> {
    let usages = used.tally.usages().map(|(name, usage)| {
        let figures = ProcessUse {
            cpu_seconds: usage.cpu_seconds,
            cpu_cores_mean: usage.cpu_seconds / used.seconds,
            rss_max_bytes: usage.rss_max_bytes,
            read_bytes: usage.read_bytes,
            write_bytes: usage.write_bytes,
        };
        (name.to_owned(), figures)
    });
    usages.collect()
}

/// Of all the CPU time the machine had, how much the harness took.
pub(crate) fn harness_share(used: &Used) -> Option<f64> {
    let harness = used.tally.usages().find(|(name, _)| *name == HARNESS)?.1.cpu_seconds;
    Some(harness / available(used)?)
}

/// Of all the CPU time the machine had, how much went to processes that are none of ours.
pub(crate) fn outside_share(used: &Used) -> Option<f64> {
    let ours: f64 = used.tally.usages().map(|(_, usage)| usage.cpu_seconds).sum();
    Some((used.machine?.busy_cpu_seconds - ours).max(0.0) / available(used)?)
}

/// CPU-seconds the machine had in the window.
fn available(used: &Used) -> Option<f64> {
    let MachineUse { cores, .. } = used.machine?;
    #[expect(clippy::cast_precision_loss, reason = "no machine has 2^53 cores")]
    let seconds = used.seconds * cores as f64;
    (seconds > 0.0).then_some(seconds)
}
