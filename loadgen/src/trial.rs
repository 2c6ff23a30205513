//! One measured run of a scenario: prepare, warm up, measure, drain.

use std::time::Duration;

use measure::{Clock, Nanos, Phase};
use record::{FaultRecord, RunRecord};

use crate::{
    drivers::Report,
    ground::{Ground, Inventory},
    plan::Plan,
    probe::{Ask, Probed, ToRest},
    result,
    stand::{Setting, Stand},
    target::Target,
};

/// What a trial measured.
pub(crate) struct Outcome {
    pub(crate) probed: Probed,
    /// What the driver of each load said in the end, by the load's place.
    pub(crate) reports: Vec<(usize, Report)>,
    /// What came of the scenario's faults, from the begin of the load to the end of the drain.
    pub(crate) faults: Vec<FaultRecord>,
    pub(crate) timings: Vec<Timing>,
    /// How far the wall clock moved against the monotonic one.
    pub(crate) clock_step: Duration,
}

/// When a phase was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    pub(crate) phase: Phase,
    pub(crate) start: jiff::Timestamp,
    pub(crate) length: Duration,
}

/// Runs it and writes its record. Whatever it made on the target is still there afterwards.
pub(crate) async fn measure(ground: &Ground<'_>, plan: &Plan, target: &Target) -> anyhow::Result<RunRecord> {
    let Ground { run, folder, progress, profile, telemetry, shown, witness, .. } = *ground;
    let clock = Clock::start();
    // That of a search before it is not this one's.
    telemetry.bracket_is((None, None));
    let setting = Setting { plan, target, run, clock, progress, folder, telemetry, shown, witness };
    let outcome = self::run(setting, ground.inventory).await?;
    let record = result::write(plan, profile, target, run, folder, &outcome)?;
    telemetry.doubts(&record.warnings);
    Ok(record)
}

async fn run(setting: Setting<'_>, inventory: Option<&Inventory>) -> anyhow::Result<Outcome> {
    let Setting { plan, clock, .. } = setting;
    let prepared = clock.now();
    let mut stand = Stand::prepare(setting, inventory).await?;
    let ask = Ask {
        title: None,
        number: 0,
        at: plan.at,
        // Whoever asks for one load wants its window, and what happens in it, also where it is too much.
        rest: Some(ToRest { least: plan.warm_up, window: plan.rest_window, or_break: false }),
        measure: plan.measure,
        longest: 1,
    };
    let probed = stand.probe(&ask).await?;
    stand.look_at_settings().await;
    let reports = stand.drain(Phase::Drain.name()).await?;
    let faults = stand.faults();
    stand.stop().await;
    let ended = clock.now();
    let measured = &probed.seen.measured;
    let phases = [
        (Phase::Prepare, prepared, probed.begin),
        (Phase::WarmUp, probed.begin, measured.start),
        (Phase::Measure, measured.start, measured.end),
        (Phase::Drain, measured.end, ended),
    ];
    let timings = phases.map(|(phase, from, to)| timing(clock, phase, from, to)).into();
    let clock_step = clock.wall_drift().unsigned_abs();
    Ok(Outcome { probed, reports, faults, timings, clock_step })
}

fn timing(clock: Clock, phase: Phase, from: Nanos, to: Nanos) -> Timing {
    Timing { phase, start: clock.wall(from), length: to.since(from) }
}
