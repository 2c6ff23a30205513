//! One measured run of a scenario: prepare, warm up, measure, drain.

use std::time::Duration;

use measure::{Clock, Nanos, Phase};
use record::RunRecord;

use crate::{
    drivers::pods::PodsReport,
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
    pub(crate) pods: Vec<PodsReport>,
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
    let Ground { run, folder, progress, profile, .. } = *ground;
    let clock = Clock::start();
    let outcome =
        self::run(Setting { plan, target, run: ground.run, clock, progress, folder }, ground.inventory)
            .await?;
    result::write(plan, profile, target, run, folder, &outcome)
}

async fn run(setting: Setting<'_>, inventory: Option<&Inventory>) -> anyhow::Result<Outcome> {
    let Setting { plan, clock, .. } = setting;
    let prepared = clock.now();
    let mut stand = Stand::prepare(setting, inventory).await?;
    let ask = Ask {
        title: None,
        number: 0,
        at: plan.at,
        rest: Some(ToRest { least: plan.warm_up, window: plan.rest_window }),
        measure: plan.measure,
        longest: 1,
    };
    let probed = stand.probe(&ask).await?;
    let pods = stand.drain(Phase::Drain.name()).await?;
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
    Ok(Outcome { probed, pods, timings, clock_step })
}

fn timing(clock: Clock, phase: Phase, from: Nanos, to: Nanos) -> Timing {
    Timing { phase, start: clock.wall(from), length: to.since(from) }
}
