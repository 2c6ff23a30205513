use fake_kubelet::{FleetProgress, Held};
use measure::statistics::{
    Judgement,
    steady::{Reason, Steadiness},
};
use wire::Traffic;

use super::*;
use crate::telemetry;

const CREATE: Kind = Kind::new("create", "pods");

fn at(millis: u64) -> Nanos {
    Nanos(1_000_000_000 + millis * 1_000_000)
}

const RATE: f64 = 10.0;

fn watched(name: &str) -> Watched {
    Watched {
        name: name.to_owned(),
        is_judged: true,
        rate: Some(RATE),
        limit: Criteria::default().pod_startup,
        slow: Some("startup"),
    }
}

/// One load, and what its driver tells.
struct One {
    observed: Observed,
    told: Told,
}

fn observed() -> One {
    let observed = Observed::new(at(0), Criteria::default(), telemetry::metered(vec![watched("pods")]));
    One { told: observed.told(0), observed }
}

/// Ten operations a second, each created in 10 ms and done after `took`.
fn run(One { observed, told }: &One, seconds: u64, took: impl Fn(u64) -> u64) {
    for index in 0..seconds * 10 {
        let intended = at(index * 100);
        request(told, intended, 10, Outcome::Ok);
        told.offers(intended);
        told.achieves(intended, intended + Duration::from_millis(took(index)));
        observed.backlog_is(0, intended, 5);
    }
}

fn request(told: &Told, intended: Nanos, millis: u64, outcome: Outcome) {
    told.begins(CREATE, intended);
    let ended = intended + Duration::from_millis(millis);
    told.ends(&Done { kind: CREATE, intended, sent: intended, ended, outcome });
}

/// The judgements that are not `Holds`: criterion, group, value.
fn broken(judged: &[Judged]) -> Vec<(&str, &str, f64)> {
    let breaks = judged.iter().filter(|it| it.judgement == Judgement::Breaks);
    breaks.map(|it| (it.criterion.as_str(), it.group.as_str(), it.value)).collect()
}

fn report(kind: Kind, outcomes: &[(u64, Outcome)]) -> FleetReport {
    let mut recorder = Recorder::new();
    for (millis, outcome) in outcomes {
        recorder.record(kind, at(0), at(0), at(*millis), *outcome);
    }
    FleetReport {
        recorder,
        traffic: Traffic::default(),
        progress: FleetProgress::default(),
        held: Held::default(),
        longest_lease_gap: Duration::from_secs(10),
        written_off: Vec::new(),
    }
}

#[test]
fn a_load_that_is_served_keeps_every_criterion() {
    let one = observed();
    let One { observed, .. } = &one;
    run(&one, 100, |_| 300);
    let judged = observed.judge(&(at(0)..at(80_000)), at(100_000), Extent::END).unwrap();
    assert_eq!(broken(&judged), []);
    let criteria: Vec<&str> = judged.iter().map(|it| it.criterion.as_str()).collect();
    assert_eq!(criteria, ["goodput", "startup", "slow", "errors", "backlog"]);
    assert_eq!(observed.steadiness(at(100_000), Duration::from_secs(5)), Ok(Steadiness::Steady));
}

#[test]
fn what_takes_longer_than_twice_its_limit_is_not_goodput_and_what_takes_longer_than_it_is_slow() {
    let one = observed();
    let One { observed, .. } = &one;
    run(&one, 100, |index| if index % 10 == 0 { 6_000 } else { 300 });
    let window = at(0)..at(80_000);
    let judged = observed.judge_shares(&window, at(100_000), Extent::END).unwrap();
    assert_eq!(broken(&judged), [("startup", "pods", 0.1)]);
    assert_eq!(observed.goodput(0, &window, at(100_000)), (800, 800, Duration::from_secs(80)));
    let one = self::observed();
    let One { observed, .. } = &one;
    run(&one, 100, |index| if index % 10 == 0 { 11_000 } else { 300 });
    let judged = observed.judge_shares(&window, at(100_000), Extent::END).unwrap();
    assert_eq!(broken(&judged), [("goodput", "pods", 0.1), ("startup", "pods", 0.1)]);
    assert_eq!(observed.goodput(0, &window, at(100_000)), (800, 720, Duration::from_secs(80)));
}

#[test]
fn goodput_is_over_the_seconds_that_were_counted_and_not_over_those_that_were_cut_or_not_ripe() {
    let one = observed();
    let One { observed, told } = &one;
    run(&one, 100, |_| 300);
    // Fifteen whole seconds in sixteen.
    assert_eq!(observed.goodput(0, &(at(500)..at(16_500)), at(100_000)), (150, 150, Duration::from_secs(15)));
    // One that has no end yet may still be good until twice its limit.
    told.offers(at(2_500));
    assert_eq!(observed.goodput(0, &(at(0)..at(10_000)), at(12_000)), (20, 20, Duration::from_secs(2)));
    assert_eq!(observed.goodput(0, &(at(0)..at(10_000)), at(13_000)), (31, 30, Duration::from_secs(3)));
}

#[test]
fn a_window_is_ripe_when_everything_in_it_has_ended_or_had_its_time() {
    let one = observed();
    let One { observed, told } = &one;
    run(&one, 20, |_| 300);
    assert_eq!(observed.ripe_until(at(15_500)), at(14_000));
    told.begins(CREATE, at(8_000));
    assert_eq!(observed.ripe_until(at(15_500)), at(8_000), "a request without an answer");
    assert_eq!(observed.ripe_until(at(19_500)), at(9_000), "which has had its time");
    let ended = at(9_500);
    told.ends(&Done { kind: CREATE, intended: at(8_000), sent: at(8_000), ended, outcome: Outcome::Ok });
    assert_eq!(observed.ripe_until(at(15_500)), at(14_000));
    told.offers(at(6_000));
    assert_eq!(observed.ripe_until(at(15_500)), at(6_000), "an operation that has not succeeded");
}

#[test]
fn a_request_that_was_turned_away_has_failed_and_is_not_slow_and_a_conflict_is_an_answer() {
    let one = observed();
    let One { observed, told } = &one;
    for second in 0..100 {
        request(told, at(second * 1000), 10, Outcome::Status(if second % 10 == 0 { 429 } else { 409 }));
    }
    let judged = observed.judge_shares(&(at(0)..at(80_000)), at(100_000), Extent::END).unwrap();
    assert_eq!(broken(&judged), [("errors", "pods: mutating", 0.1)]);
}

#[test]
fn a_request_without_an_answer_is_slow_as_soon_as_its_time_is_over() {
    let one = observed();
    let One { observed, told } = &one;
    (0..100).for_each(|second| told.begins(CREATE, at(second * 1000)));
    let judged = observed.judge_shares(&(at(0)..at(80_000)), at(100_000), Extent::END).unwrap();
    assert_eq!(broken(&judged), [("slow", "pods: mutating", 1.0)]);
}

#[test]
fn a_delivery_counts_from_the_acknowledgement_and_none_is_early() {
    let one = observed();
    let One { observed, told } = &one;
    for second in 0..100 {
        let lag = if second % 10 == 0 { 1_500 } else { 5 };
        told.delivers(at(second * 1000), at(second * 1000 + lag));
        told.delivers(at(second * 1000 + 100), at(second * 1000));
    }
    let judged = observed.judge_shares(&(at(0)..at(80_000)), at(100_000), Extent::END).unwrap();
    assert_eq!(broken(&judged), [("watch-lag", "pods", 0.05)]);
}

#[test]
fn a_watcher_is_not_told_of_the_write_of_another_cell_that_has_the_same_version() {
    let One { observed, told } = observed();
    let beside = told.clone().in_cell(1);
    observed.open(at(0));
    told.acknowledges(7, at(100));
    beside.sees([(7, at(500))]);
    let window = at(0)..at(1000);
    assert_eq!(observed.lags(0, &window).len(), 0);
    beside.acknowledges(7, at(200));
    told.sees([(7, at(110))]);
    let lags = observed.lags(0, &window);
    assert_eq!((lags.len(), lags.longer_than(Duration::from_millis(250))), (2, 1));
}

#[test]
fn operations_of_all_cells_are_judged_as_those_of_one_load() {
    let one = observed();
    run(&one, 100, |_| 300);
    let One { observed, told } = one;
    run(&One { observed: observed.clone(), told: told.in_cell(1) }, 100, |_| 11_000);
    let window = at(0)..at(80_000);
    assert_eq!(observed.goodput(0, &window, at(120_000)), (1600, 800, Duration::from_secs(80)));
}

#[test]
fn the_fleets_requests_are_judged_apart_and_its_nodes_have_to_stay_alive() {
    let one = observed();
    let One { observed, .. } = &one;
    let lease = Kind::new("update", "coordination.k8s.io/leases");
    observed.open(at(0));
    let mut well = report(lease, &[(5, Outcome::Ok); 20]);
    for second in 1..=50 {
        observed.fleet_did(at(second * 1000), &well);
    }
    let window = at(0)..at(50_000);
    let judge = || observed.judge(&window, at(60_000), Extent::END).unwrap();
    assert_eq!(broken(&judge()), []);
    well.progress.nodes_written_off = 2;
    well.longest_lease_gap = Duration::from_secs(44);
    observed.fleet_did(at(50_000), &well);
    assert_eq!(broken(&judge()), [("lease-gap", "fleet", 44.0), ("not-ready", "fleet", 2.0)]);
    // Earlier ones are not this window's.
    observed.open(at(50_000));
    observed.fleet_did(at(51_000), &report(lease, &[(2_000, Outcome::Ok), (5, Outcome::Status(503))]));
    let judged = observed.judge(&(at(50_000)..at(52_000)), at(60_000), Extent::END).unwrap();
    let names =
        broken(&judged).into_iter().map(|(criterion, group, _)| (criterion, group)).collect::<Vec<_>>();
    assert_eq!(names, [("slow", "fleet: mutating"), ("errors", "fleet: mutating")]);
}

#[test]
fn a_look_between_two_seconds_missed_half_of_what_was_intended() {
    let one = observed();
    let One { observed, .. } = &one;
    run(&one, 100, |_| 300);
    for now in [90_000, 90_013, 90_500, 90_999] {
        let steadiness = observed.steadiness(at(now), Duration::from_secs(2));
        assert_eq!(steadiness, Ok(Steadiness::Steady), "{now}");
    }
}

#[test]
fn a_load_that_falls_behind_is_not_steady_and_then_broken() {
    let behind = |each: u64| {
        let one = observed();
        let One { observed, told } = &one;
        for index in 0..1000 {
            let intended = at(index * 100);
            told.offers(intended);
            told.achieves(intended, intended + Duration::from_millis(300 + index * each));
            observed.backlog_is(0, intended, index * each / 100);
        }
        observed.steadiness(at(90_000), Duration::from_secs(5))
    };
    assert_eq!(behind(5), Ok(Steadiness::Unsteady(Reason::Backlog)));
    assert_eq!(behind(50), Ok(Steadiness::Broken));
}

#[test]
fn only_requests_intended_in_the_window_are_recorded() {
    let one = observed();
    let One { observed, told } = &one;
    request(told, at(0), 5, Outcome::Ok);
    observed.open(at(1000));
    request(told, at(999), 5, Outcome::Ok);
    request(told, at(1000), 5, Outcome::Ok);
    // The load went on until those had had their time, and was counted as if it were all of the window's.
    request(told, at(5000), 5, Outcome::Ok);
    let window = at(1000)..at(5000);
    let done = |recorder: Recorder| recorder.kinds().map(|(_, stats)| stats.done()).sum::<u64>();
    assert_eq!(done(observed.recorded(&window)), 1);
    let lease = Kind::new("update", "coordination.k8s.io/leases");
    for second in 2..=30 {
        observed.fleet_did(at(second * 1000), &report(lease, &[(5, Outcome::Ok)]));
        if second == 15 {
            assert_eq!(done(observed.fleet_recorded(&window)), 4);
        }
    }
    assert_eq!(done(observed.fleet_recorded(&(at(1000)..at(20_000)))), 19);
}
