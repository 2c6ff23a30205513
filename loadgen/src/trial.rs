//! One measured run of a scenario: prepare, warm up, measure, drain.

use std::time::Duration;

use measure::{Clock, Nanos, Phase};

use crate::{
    drivers::pods::PodsReport,
    probe::{Ask, Probed, ToRest},
    stand::{Setting, Stand},
};

/// Rest is judged by windows of this length.
const WINDOW: Duration = Duration::from_secs(5);

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

/// Runs it. Whatever it made on the target is still there afterwards.
pub(crate) async fn run(setting: Setting<'_>) -> anyhow::Result<Outcome> {
    let Setting { plan, clock, .. } = setting;
    let prepared = clock.now();
    let mut stand = Stand::prepare(setting).await?;
    let ask = Ask {
        title: "load".to_owned(),
        at: plan.at,
        rest: Some(ToRest { least: plan.warm_up, window: WINDOW }),
        measure: plan.measure,
        longest: 1,
    };
    let probed = stand.probe(&ask).await?;
    let pods = stand.drain(Phase::Drain.name()).await?;
    stand.stop().await;
    let ended = clock.now();
    let measured = &probed.measured;
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
