//! From what a trial measured to the record of the run.

use std::time::Duration;

use measure::{Kind, KindStats, Phase, Recorder};
use profile::Profile;
use record::{
    Ended, Folder, Goodput, Interval, KindRecord, PhaseRecord, PodStartup, Pods, Requests, RunKind,
    RunRecord, SCHEMA_VERSION, Side,
};

use crate::{
    about,
    criteria::Criteria,
    drivers::pods::{Accounting, Stages},
    plan::Plan,
    probe::Probed,
    target::Target,
    trial::{Outcome, Timing},
    validity,
};

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
    let totals = Totals::of(outcome);
    let fleet_recorder = outcome.probed.observed.fleet_recorded(&outcome.probed.seen.measured);
    let record = record(plan, profile, target, run, outcome, &totals, &fleet_recorder)?;
    folder.write_run(&record)?;
    let measured = outcome.timings.iter().find(|timing| timing.phase == Phase::Measure);
    if let Some(Timing { start, length, .. }) = measured.copied() {
        for (side, recorder) in [(Side::Drivers, &totals.recorder), (Side::Fleet, &fleet_recorder)] {
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
    fleet_recorder: &Recorder,
) -> anyhow::Result<RunRecord> {
    let used = outcome.probed.used.as_ref();
    // Where the load is the fleet's alone there are no operations to account for.
    let has_loads = !plan.scenario.scenario.load.is_empty();
    let harness_cpu_share = used.and_then(about::harness_share);
    Ok(RunRecord {
        schema_version: SCHEMA_VERSION,
        kind: RunKind::Run,
        run_id: run.to_owned(),
        ended: Ended::Completed,
        loadgen_version: env!("CARGO_PKG_VERSION").to_owned(),
        command: std::env::args().collect(),
        seed: plan.seed,
        scenario: about::scenario(plan)?,
        profile: profile.map(about::resolved).transpose()?,
        target: about::describe(target),
        components: about::components(target),
        versions: about::versions(target),
        host: about::host(),
        fleet: about::fleet(plan),
        driver_identities: about::driver_identities(plan),
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
            fleet: KindRecord::of_all(fleet_recorder),
        },
        goodput: has_loads
            .then(|| goodput(&plan.scenario.scenario.criteria, &totals.stages, window(&outcome.probed))),
        pods: has_loads.then(|| pods(&totals.accounting)),
        pod_startup: has_loads.then(|| PodStartup {
            create: totals.stages.create.summary(),
            schedule: totals.stages.schedule.summary(),
            start: totals.stages.start.summary(),
            total: totals.stages.total.summary(),
        }),
        resources: used.map(about::resources).unwrap_or_default(),
        harness_cpu_share,
        component_metrics: outcome.probed.cause.figures.clone(),
        judged: outcome.probed.seen.judged.clone(),
        warnings: validity::of_probe(plan, target, &outcome.probed, outcome.clock_step),
    })
}

/// What several loads came to together.
struct Totals {
    recorder: Recorder,
    accounting: Accounting,
    stages: Stages,
}

impl Totals {
    fn of(outcome: &Outcome) -> Self {
        let mut total = Self {
            recorder: outcome.probed.observed.recorded(&outcome.probed.seen.measured),
            accounting: Accounting::default(),
            stages: Stages::default(),
        };
        for report in &outcome.pods {
            total.accounting.add(&report.accounting);
            total.stages.add(&report.stages);
        }
        total
    }
}

fn window(probed: &Probed) -> Duration {
    let measured = &probed.seen.measured;
    measured.end.since(measured.start)
}

/// Of creations all that were due count as offered, also those that had no answer before the run gave up.
fn driver_kinds(recorder: &Recorder, offered: u64) -> Vec<KindRecord> {
    let offered = |kind: Kind, stats: &KindStats| if kind.verb == "create" { offered } else { stats.done() };
    recorder.kinds().map(|(kind, stats)| KindRecord::new(kind, stats, offered(kind, stats))).collect()
}

fn goodput(criteria: &Criteria, stages: &Stages, window: Duration) -> Goodput {
    let within = criteria.good_within();
    let good = stages.total.len() - stages.total.longer_than(within);
    Goodput::new(stages.offered, good, within, window)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_that_takes_twelve_seconds_was_no_goodput_even_where_it_may_take_twenty() {
        let mut stages = Stages { offered: 1, ..Stages::default() };
        stages.total.record(Duration::from_secs(12));
        let good = |pod_startup| {
            let criteria = Criteria { pod_startup, ..Criteria::default() };
            let goodput = goodput(&criteria, &stages, Duration::from_secs(1));
            (goodput.good, goodput.limit_seconds)
        };
        assert_eq!(good(Duration::from_secs(5)), (0, 10.0));
        assert_eq!(good(Duration::from_secs(20)), (1, 40.0));
    }
}
