//! What is asked next, and when it is over.

use std::time::Duration;

use measure::statistics::verdict::Verdict;
use record::experiment::Metric;

use super::*;
use crate::experiment::{
    simulated::{drive, fixed_rate, trial, void},
    wanted::PairsWanted,
};

const METRIC: Metric = Metric::CpuPerOperation;

/// So many pairs and a figure for each arm; the trials with these numbers are void.
fn with_void(pairs: usize, numbers: &[usize]) -> ExperimentRecord {
    let mut made = 0;
    drive(fixed_rate(PairsWanted::Exactly(pairs)), |ask| {
        made += 1;
        let value = if ask.arm == Arm::Candidate { 1.2 } else { 1.0 };
        // So that no two ratios are equal.
        let value = value * (1.0 + 0.001 * judge::real(made));
        if numbers.contains(&made) { void(METRIC, value) } else { trial(METRIC, value) }
    })
}

fn places(record: &ExperimentRecord) -> Vec<(usize, usize, bool)> {
    record.pairs.iter().map(|pair| (pair.number, pair.attempt, pair.left_out.is_none())).collect()
}

#[test]
fn void_pair_is_measured_again_with_another_seed_in_the_same_order() {
    let record = with_void(6, &[4]);
    assert_eq!(places(&record)[..4], [(1, 1, true), (2, 1, false), (2, 2, true), (3, 1, true)]);
    let [before, again] = [&record.pairs[1], &record.pairs[2]];
    assert_eq!(before.order, again.order);
    assert_ne!(before.seed, again.seed);
    let why = before.left_out.as_deref().unwrap();
    assert!(why.ends_with("'s trial is void: late-sends"), "{why}");
    assert_eq!(record.verdict.unwrap().n, 6);
    assert_eq!(record.warnings[0].name, "pairs-left-out");
}

#[test]
fn no_more_than_two_pairs_of_an_experiment_are_measured_again() {
    // One trial of the first pair is void three times, and one of the fourth once.
    let record = with_void(8, &[1, 3, 5, 12]);
    let expected = [(1, 1, false), (1, 2, false), (1, 3, false), (2, 1, true), (3, 1, true), (4, 1, false)];
    assert_eq!(places(&record)[..6], expected);
    assert_eq!(record.ended, Some(Finished::AllPairs));
    assert_eq!(
        record.verdict.map(|comparison| (comparison.n, comparison.verdict)),
        Some((6, Verdict::Hurts))
    );
    assert_eq!((record.looks[0].pairs, record.looks[0].valid), (8, 6));
}

#[test]
fn experiment_stops_as_soon_as_no_verdict_can_come_of_it() {
    let record = with_void(6, &[1, 3, 5]);
    assert_eq!(places(&record), [(1, 1, false), (1, 2, false), (1, 3, false)]);
    assert_eq!((record.ended, record.verdict), (Some(Finished::TooFewValid), None));
    assert!(!record.is_valid() && !record.hurts());
    assert!(record.warnings.iter().any(|warning| warning.name == "too-few-valid-pairs"));
}

#[test]
fn pair_without_the_primary_figure_takes_no_part() {
    for (value, why) in [
        (None, "has no CPU per operation"),
        (Some(f64::NAN), "has no CPU per operation"),
        (Some(f64::INFINITY), "has no CPU per operation"),
        (Some(0.0), "has a CPU per operation of 0, which makes no ratio"),
        (Some(-1.0), "has a CPU per operation of -1, which makes no ratio"),
    ] {
        let mut made = 0;
        let record = drive(fixed_rate(PairsWanted::Exactly(6)), |_| {
            made += 1;
            match value {
                _ if made > 1 => trial(METRIC, 1.0),
                Some(value) => trial(METRIC, value),
                None => Measured::default(),
            }
        });
        let found = record.pairs[0].left_out.clone().unwrap_or_default();
        assert!(found.ends_with(why), "{found}");
        assert_eq!(record.pairs.len(), 7);
        // Whatever was measured, the record is JSON that can be read.
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<ExperimentRecord>(&text).unwrap().pairs, record.pairs);
    }
}

fn until_decided(looks: u64) -> Plan {
    let pairs = 8 + 2 * (looks - 1);
    fixed_rate(PairsWanted::UntilDecided {
        budget: Duration::from_secs(2 * pairs),
        trial: Duration::from_secs(1),
    })
}

#[test]
fn look_that_has_the_answer_is_the_last() {
    let record = drive(until_decided(5), |ask| {
        let ratio = if ask.arm == Arm::Candidate { 1.3 } else { 1.0 };
        trial(METRIC, ratio + 0.001 * judge::real(ask.number))
    });
    assert_eq!((record.ended, record.pairs.len(), record.looks.len()), (Some(Finished::Decided), 8, 1));
    let comparison = record.verdict.unwrap();
    assert_eq!(comparison.verdict, Verdict::Hurts);
    let alpha = sequential::pocock_level(5, 0.05).unwrap();
    assert!((record.looks[0].alpha - alpha).abs() < 1e-12);
    assert!(comparison.interval.level >= 1.0 - alpha && comparison.equivalence.level >= 1.0 - 2.0 * alpha);
}

#[test]
fn undecided_experiment_looks_after_every_second_pair_until_its_last() {
    let record = drive(until_decided(4), |ask| {
        // As often above as below.
        let up = (ask.arm == Arm::Candidate) == (ask.number % 4 < 2);
        trial(METRIC, if up { 1.2 } else { 1.0 } + 0.001 * judge::real(ask.number))
    });
    assert_eq!(record.looks.iter().map(|look| look.pairs).collect::<Vec<_>>(), [8, 10, 12, 14]);
    assert_eq!(record.ended, Some(Finished::AllPairs));
    assert_eq!(record.verdict.map(|comparison| comparison.verdict), Some(Verdict::Inconclusive));
    let alphas: Vec<f64> = record.looks.iter().map(|look| look.alpha).collect();
    assert!(alphas.windows(2).all(|pair| pair[0].to_bits() == pair[1].to_bits()), "{alphas:?}");
}

#[test]
fn level_of_one_look_is_that_of_the_experiment() {
    let record = drive(until_decided(1), |_| trial(METRIC, 1.0));
    assert_eq!(record.looks.len(), 1);
    assert!((record.looks[0].alpha - 0.05).abs() < 1e-8);
}

#[test]
fn report_that_nobody_asked_for_changes_nothing() {
    let mut experiment = Experiment::new(fixed_rate(PairsWanted::Exactly(6)));
    while matches!(experiment.next(), Next::Measure(_)) {
        experiment.report(trial(METRIC, 1.0));
    }
    let pairs = experiment.pairs.clone();
    assert!(!experiment.report(trial(METRIC, 9.0)));
    assert_eq!(experiment.pairs, pairs);
}

#[test]
fn experiment_of_kept_records_measures_nothing() {
    let plan = fixed_rate(PairsWanted::Exactly(6));
    let kept = Plan { design: Design::Kept, pairs: Pairs::Exactly(0), ..plan.clone() };
    for plan in [kept, Plan { pairs: Pairs::Exactly(0), ..plan }] {
        assert_eq!(Experiment::new(plan).next(), Next::Over(Finished::TooFewValid));
    }
}

#[test]
fn same_findings_lead_to_the_same_asks() {
    let plan = fixed_rate(PairsWanted::Exactly(6));
    let asks = || {
        let mut asks = Vec::new();
        drive(plan.clone(), |ask| {
            asks.push(ask.clone());
            trial(METRIC, 1.0)
        });
        asks
    };
    assert_eq!(asks(), asks());
}
