//! From what a trial measured to the record of the run.

use std::{collections::BTreeMap, time::Duration};

use control_plane::ControlPlane;
use fake_kubelet::Class;
use measure::{Kind, KindStats, Phase, Recorder};
use profile::Profile;
use record::{
    Ended, Folder, Goodput, Interval, KindRecord, PhaseRecord, PodStartup, Pods, ProcessUse, Requests,
    RunKind, RunRecord, SCHEMA_VERSION, Side, TargetKind,
};

use crate::{
    drivers::pods::{Accounting, PodsReport, Stages},
    plan::Plan,
    sampling::{HARNESS, MachineUse, Used},
    target::Target,
    trial::{Outcome, Timing},
    validity,
};

/// Twice the SLO of five seconds: a pod that takes longer is not goodput.
const GOOD_WITHIN: Duration = Duration::from_secs(10);

/// A name for a run that begins now.
pub(crate) fn new_run_id(what: &str, seed: u64) -> String {
    record::run_id(jiff::Timestamp::now(), what, seed)
}

/// Writes the record of a run that went to its end.
pub(crate) fn write(
    plan: &Plan,
    profile: Option<&Profile>,
    target: &Target,
    run: &str,
    folder: &Folder,
    outcome: &Outcome,
) -> anyhow::Result<RunRecord> {
    let totals = Totals::of(&outcome.pods);
    let record = record(plan, profile, target, run, outcome, &totals)?;
    folder.write_run(&record)?;
    let measured = outcome.timings.iter().find(|timing| timing.phase == Phase::Measure);
    if let Some(Timing { start, length, .. }) = measured.copied() {
        for (side, recorder) in [(Side::Drivers, &totals.recorder), (Side::Fleet, &outcome.fleet.recorder)] {
            folder.write_hlog(side, start, &[Interval { start: Duration::ZERO, length, recorder }])?;
        }
    }
    Ok(record)
}

fn record(
    plan: &Plan,
    profile: Option<&Profile>,
    target: &Target,
    run: &str,
    outcome: &Outcome,
    totals: &Totals,
) -> anyhow::Result<RunRecord> {
    let used = outcome.used.as_ref();
    let harness_cpu_share = used.and_then(harness_share);
    Ok(RunRecord {
        schema_version: SCHEMA_VERSION,
        kind: RunKind::Run,
        run_id: run.to_owned(),
        ended: Ended::Completed,
        loadgen_version: env!("CARGO_PKG_VERSION").to_owned(),
        command: std::env::args().collect(),
        seed: plan.seed,
        scenario: record::Scenario {
            name: plan.scenario.name.clone(),
            text: plan.scenario.text.clone(),
            resolved: serde_json::to_value(&plan.scenario.scenario)?,
        },
        profile: profile.map(resolved).transpose()?,
        target: describe(target),
        components: components(target),
        versions: versions(target),
        host: host(),
        fleet: record::Fleet {
            nodes: plan.nodes,
            ready: plan.nodes,
            preset: plan.traffic.to_string(),
            identities: if plan.classes.has(Class::OwnConnection) { "ca" } else { "shared" }.to_owned(),
        },
        driver_identities: plan.scenario.scenario.load.iter().map(|load| load.identities).sum(),
        phases: outcome
            .timings
            .iter()
            .map(|timing| PhaseRecord {
                phase: timing.phase,
                start: timing.start,
                seconds: timing.length.as_secs_f64(),
            })
            .collect(),
        requests: Requests {
            drivers: driver_kinds(&totals.recorder, totals.stages.offered),
            fleet: KindRecord::of_all(&outcome.fleet.recorder),
        },
        goodput: Some(goodput(&totals.stages, plan.measure)),
        pods: Some(pods(&totals.accounting)),
        pod_startup: Some(PodStartup {
            create: totals.stages.create.summary(),
            schedule: totals.stages.schedule.summary(),
            start: totals.stages.start.summary(),
            total: totals.stages.total.summary(),
        }),
        resources: used.map(resources).unwrap_or_default(),
        harness_cpu_share,
        warnings: validity::judge(&validity::Evidence {
            recorder: &totals.recorder,
            dropped_starts: totals.accounting.dropped_starts(),
            waited_for_stream: totals.waited_for_stream,
            harness_cpu_share,
            outside_cpu_share: used.filter(|_| !target.is_shared()).and_then(outside_share),
            clock_step: outcome.clock_step,
            classes: plan.classes,
        }),
    })
}

/// What several loads came to together.
struct Totals {
    recorder: Recorder,
    accounting: Accounting,
    stages: Stages,
    waited_for_stream: u64,
}

impl Totals {
    fn of(reports: &[PodsReport]) -> Self {
        let mut total = Self {
            recorder: Recorder::new(),
            accounting: Accounting::default(),
            stages: Stages::default(),
            waited_for_stream: 0,
        };
        for report in reports {
            total.recorder.merge(&report.recorder);
            total.accounting.add(&report.accounting);
            total.stages.add(&report.stages);
            total.waited_for_stream += report.waited_for_stream;
        }
        total
    }
}

/// Of creations all that were due count as offered, also those that had no answer before the run gave up.
fn driver_kinds(recorder: &Recorder, offered: u64) -> Vec<KindRecord> {
    let offered = |kind: Kind, stats: &KindStats| if kind.verb == "create" { offered } else { stats.done() };
    recorder.kinds().map(|(kind, stats)| KindRecord::new(kind, stats, offered(kind, stats))).collect()
}

fn goodput(stages: &Stages, window: Duration) -> Goodput {
    let good = stages.total.len() - stages.total.longer_than(GOOD_WITHIN);
    Goodput::new(stages.offered, good, GOOD_WITHIN, window)
}

fn pods(accounting: &Accounting) -> Pods {
    Pods {
        offered: accounting.offered,
        running: accounting.running,
        deleted: accounting.deleted,
        failed: accounting.failed(),
        failed_by_reason: accounting.failed_by_reason.clone(),
    }
}

fn resolved(profile: &Profile) -> anyhow::Result<record::Profile> {
    Ok(record::Profile { name: profile.name.clone(), resolved: serde_json::to_value(profile)? })
}

fn describe(target: &Target) -> record::Target {
    let shared = target.is_shared();
    record::Target {
        kind: if shared { TargetKind::Kubeconfig } else { TargetKind::Local },
        server: target.endpoint.server().to_owned(),
        context: shared.then(|| target.name.clone()),
    }
}

fn components(target: &Target) -> Vec<record::Component> {
    let processes = target.local.iter().flat_map(ControlPlane::processes);
    processes.map(|process| record::Component { name: process.name, argv: process.argv }).collect()
}

fn host() -> record::Host {
    let scrape::Host { kernel, cpus, memory_bytes, cgroup_version } = scrape::Host::read();
    record::Host { kernel, cpus: u32::try_from(cpus).unwrap_or(u32::MAX), memory_bytes, cgroup_version }
}

fn versions(target: &Target) -> BTreeMap<String, String> {
    let etcd = target.local.iter().map(|local| ("etcd".to_owned(), local.versions().etcd));
    let kubernetes = target.version.trim_start_matches('v').to_owned();
    etcd.chain([("kubernetes".to_owned(), kubernetes)]).collect()
}

fn resources(used: &Used) -> BTreeMap<String, ProcessUse> {
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
fn harness_share(used: &Used) -> Option<f64> {
    let harness = used.tally.usages().find(|(name, _)| *name == HARNESS)?.1.cpu_seconds;
    Some(harness / available(used)?)
}

/// Of all the CPU time the machine had, how much went to processes that are none of ours.
fn outside_share(used: &Used) -> Option<f64> {
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
