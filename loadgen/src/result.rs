//! From what a trial measured to the record of the run.

use std::time::Duration;

use measure::Phase;
use profile::Profile;
use record::{
    Ended, Folder, Interval, KindRecord, PhaseRecord, PodStartup, Pods, Requests, RunKind, RunRecord,
    SCHEMA_VERSION, Side,
};

use crate::{
    about,
    drivers::{Accounting, Report, Stages},
    loads,
    plan::Plan,
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
    let measured = &outcome.probed.seen.measured;
    let drivers = outcome.probed.observed.recorded(measured);
    let fleet = outcome.probed.observed.fleet_recorded(measured);
    let requests = Requests { drivers: KindRecord::of_all(&drivers), fleet: KindRecord::of_all(&fleet) };
    let record = record(plan, profile, target, run, outcome, requests)?;
    folder.write_run(&record)?;
    let measured = outcome.timings.iter().find(|timing| timing.phase == Phase::Measure);
    if let Some(Timing { start, length, .. }) = measured.copied() {
        for (side, recorder) in [(Side::Drivers, &drivers), (Side::Fleet, &fleet)] {
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
    requests: Requests,
) -> anyhow::Result<RunRecord> {
    let used = outcome.probed.used.as_ref();
    let scenario = &plan.scenario.scenario;
    let mut loads = loads::records(&scenario.loads, &scenario.criteria, &outcome.probed);
    loads::add_reports(&mut loads, &outcome.reports);
    let pods = PodTotals::of(&outcome.reports);
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
        faults: outcome.faults.clone(),
        requests,
        goodput: loads::together(&loads),
        loads,
        pods: pods.as_ref().map(PodTotals::pods),
        pod_startup: pods.as_ref().map(PodTotals::startup),
        resources: used.map(about::resources).unwrap_or_default(),
        harness_cpu_share,
        harness_cpus: profile.and_then(|profile| profile.cpu.harness()).map(ToString::to_string),
        component_metrics: outcome.probed.cause.figures.clone(),
        judged: outcome.probed.seen.judged.clone(),
        limited_by: outcome.probed.cause.limits.clone(),
        warnings: validity::of_probe(plan, target, &outcome.probed, outcome.clock_step),
    })
}

/// What the loads of pods came to together.
#[derive(Default)]
struct PodTotals {
    accounting: Accounting,
    stages: Stages,
}

impl PodTotals {
    /// Nothing where there is no load of pods.
    fn of(reports: &[(usize, Report)]) -> Option<Self> {
        let mut total: Option<Self> = None;
        for (_, Report { accounting, stages, .. }) in reports {
            let Some(stages) = stages else { continue };
            let total = total.get_or_insert_default();
            total.accounting.add(accounting);
            total.stages.add(stages);
        }
        total
    }

    fn pods(&self) -> Pods {
        let Accounting { offered, there, gone, failed_by_reason } = &self.accounting;
        Pods {
            offered: *offered,
            running: *there,
            deleted: *gone,
            failed: self.accounting.failed(),
            failed_by_reason: failed_by_reason.clone(),
        }
    }

    fn startup(&self) -> PodStartup {
        PodStartup {
            create: self.stages.create.summary(),
            schedule: self.stages.schedule.summary(),
            start: self.stages.start.summary(),
            total: self.stages.total.summary(),
        }
    }
}
