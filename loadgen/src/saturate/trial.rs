//! From a probe to its part of the search's record.

use std::{collections::BTreeMap, time::Duration};

use measure::{
    Clock, Nanos, Summary,
    search::{Finding, Outcome, Task, TaskKind},
};
use record::{Goodput, KindRecord, Requests, TrialRecord, WarningClass};

use super::finding;
use crate::{
    about,
    criteria::good_within,
    loads,
    probe::{Probed, Rest},
    scenario::Axis,
    stand::Stand,
    validity,
};

/// The record of a probe.
pub(super) fn record(stand: &Stand<'_>, task: Task, plane: u32, probed: &Probed) -> TrialRecord {
    let setting = stand.setting;
    let Probed { begin, end, seen, observed, .. } = probed;
    let measured = &seen.measured;
    let warnings =
        validity::of_probe(setting.plan, setting.target, probed, setting.clock.wall_drift().unsigned_abs());
    let is_valid = warnings.iter().all(|warning| warning.class != WarningClass::Invalid);
    let window = measured.end.since(measured.start);
    let scenario = &setting.plan.scenario.scenario;
    let at = stand.loads_at(task.at);
    let mut loads = loads::records(&at, &scenario.criteria, probed);
    if task.kind == TaskKind::Ramp {
        // A step of the ramp is over before its operations have had their time.
        for (place, record) in loads.iter_mut().enumerate().filter(|(_, record)| record.goodput.is_some()) {
            let (offered, good, counted) = observed.achieved(place, measured);
            let limit = good_within(at[place].limit(&scenario.criteria));
            record.goodput = Some(Goodput::new(offered, good, limit, counted.max(Duration::from_secs(1))));
        }
    }
    let turned = scenario.axis.as_ref().and_then(Axis::load);
    let used = probed.used.as_ref();
    TrialRecord {
        task,
        finding: finding(task.kind, seen, is_valid),
        plane,
        start: setting.clock.wall(*begin),
        seconds: end.since(*begin).as_secs_f64(),
        window_seconds: window.as_secs_f64(),
        rest: rest(seen.rest),
        goodput: loads::together(&loads).unwrap_or_default(),
        response: loads::response(&loads, turned).cloned().unwrap_or_default(),
        loads,
        requests: Requests {
            drivers: KindRecord::of_all(&observed.recorded(measured)),
            fleet: KindRecord::of_all(&observed.fleet_recorded(measured)),
        },
        judged: seen.judged.clone(),
        limited_by: probed.cause.limits.clone(),
        resources: used.map(about::resources).unwrap_or_default(),
        harness_cpu_share: used.and_then(about::harness_share),
        recovery_seconds: None,
        warnings,
    }
}

/// The record of a recovery, of which only the time counts.
pub(super) fn recovery(
    task: Task,
    plane: u32,
    (clock, start): (Clock, Nanos),
    recovered: Option<Duration>,
) -> TrialRecord {
    let outcome = if recovered.is_some() { Outcome::Held } else { Outcome::Broke };
    TrialRecord {
        task,
        finding: Finding { outcome, close: false },
        plane,
        start: clock.wall(start),
        seconds: clock.now().since(start).as_secs_f64(),
        window_seconds: 0.0,
        rest: rest(Rest::Steady),
        goodput: Goodput::default(),
        loads: Vec::new(),
        response: Summary::default(),
        requests: Requests::default(),
        judged: Vec::new(),
        limited_by: Vec::new(),
        resources: BTreeMap::new(),
        harness_cpu_share: None,
        recovery_seconds: recovered.map(|it| it.as_secs_f64()),
        warnings: Vec::new(),
    }
}

/// What an operation cost: milliseconds of CPU by process.
pub(super) fn cpu_ms_per_operation(trial: &TrialRecord) -> BTreeMap<String, f64> {
    let operations = trial.goodput.goodput_per_second;
    let cost = |cores: f64| cores * 1000.0 / operations;
    let costs = trial.resources.iter().map(|(name, used)| (name.clone(), cost(used.cpu_cores_mean)));
    costs.filter(|(_, cost)| cost.is_finite()).collect()
}

fn rest(rest: Rest) -> String {
    match rest {
        Rest::Steady => "steady".to_owned(),
        Rest::Broken => "broken".to_owned(),
        Rest::Not(reason) => validity::words(reason).to_owned(),
    }
}
