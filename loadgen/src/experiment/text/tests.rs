//! What a user reads.

use measure::statistics::Interval;
use record::experiment::{Arm, Control, Metric};

use super::*;
use crate::experiment::{
    judge,
    simulated::{Machine, capacity, drive, fixed_rate, trial, void},
    wanted::PairsWanted,
};

/// The whole text, trimmed as a reader sees it.
fn check(record: &ExperimentRecord, expected: &str) {
    let text = render(record, Some(Path::new("loadgen-runs/it")));
    assert_eq!(text.trim_end(), expected.trim_start_matches('\n').trim_end(), "\n{text}");
}

fn first_line(record: &ExperimentRecord) -> String {
    render(record, None).lines().next().unwrap_or_default().to_owned()
}

fn with_ratio(pairs: usize, ratio: f64, spread: f64) -> ExperimentRecord {
    drive(fixed_rate(PairsWanted::Exactly(pairs)), |ask| {
        // Spread evenly around the ratio.
        let place = (judge::real(ask.number) - judge::real(pairs + 1) / 2.0) / judge::real(pairs);
        let value = if ask.arm == Arm::Candidate { ratio * (spread * place).exp() } else { 1.0 };
        trial(Metric::CpuPerOperation, 0.03 * value)
    })
}

const WHOLE: &str = "
`defaults-unthrottled` helps: lambda* 1.77x (95 % 1.71 to 1.86, 6 pairs)
compared with `defaults` on pod-churn, a search for each
  flags.kube-scheduler.kube-api-qps: 50 -> 5000

lambda* by pair
pair                  first       from  defaults  defaults-unthrottled  ratio
1                  defaults  40.4-58.2      40.0                  74.4  1.860
2      defaults-unthrottled  47.9-69.0      40.0                  72.4  1.810  left out: the baseline's trial is void: late-sends
2 (2)  defaults-unthrottled  41.3-59.5      40.6                  69.4  1.710
3                  defaults  44.2-63.6      40.6                  70.1  1.728
4      defaults-unthrottled  47.5-68.4      39.8                  72.8  1.829
5      defaults-unthrottled  45.2-65.1      39.6                  71.7  1.812
6                  defaults  47.5-68.4      40.5                  69.5  1.715

secondary metric             ratio          95 %  adjusted p
peak memory                  1.76x  1.67 to 1.79       0.062
bytes written per operation  1.00x  1.00 to 1.00       1.000  alike
(they decide nothing; at most 5 % of those called better or worse are expected to be false)

warning pairs-left-out: pairs with a void trial took no part; the warnings of the trials say what to change
INVALID late-sends (1 of 14 trials): requests were sent late; offer less, or give the harness more CPU

record: loadgen-runs/it
";

#[test]
fn answer_comes_first_then_the_pairs_then_the_doubts() {
    let plan = capacity(PairsWanted::Exactly(6));
    let machine = Machine { void: vec!["trials/004"], ..Machine::new(1.8, 0.02) };
    check(&drive(plan, |ask| machine.trial(ask)), WHOLE);
}

#[test]
fn each_verdict_is_one_line() {
    for (record, expected) in [
        (
            with_ratio(6, 0.8, 0.05),
            "`defaults-unthrottled` helps: CPU per operation 0.80x (95 % 0.78 to 0.82, 6 pairs)",
        ),
        (
            with_ratio(6, 1.2, 0.05),
            "`defaults-unthrottled` hurts: CPU per operation 1.20x (95 % 1.18 to 1.23, 6 pairs)",
        ),
        (
            with_ratio(10, 1.0, 0.02),
            "`defaults-unthrottled` is equivalent to `defaults`: CPU per operation 1.00x (90 % 0.996 to 1.004, 10 pairs, \
             band 3 %)",
        ),
        (
            with_ratio(10, 1.0, 0.3),
            "`defaults-unthrottled`: inconclusive, CPU per operation 1.00x (95 % 0.93 to 1.08, 10 pairs); a spread like this \
             needs about 107 pairs",
        ),
    ] {
        assert_eq!(first_line(&record), expected);
    }
}

#[test]
fn level_of_a_look_is_the_one_that_is_shown() {
    let until = PairsWanted::UntilDecided {
        budget: std::time::Duration::from_secs(20),
        trial: std::time::Duration::from_secs(1),
    };
    let record = drive(fixed_rate(until), |ask| {
        let value = if ask.arm == Arm::Candidate { 1.2 } else { 1.0 };
        trial(Metric::CpuPerOperation, value + 0.01 * judge::real(ask.number))
    });
    let line = first_line(&record);
    assert!(line.contains("(97.1 % 1.1") && line.contains(", 8 pairs)"), "{line}");
}

#[test]
fn experiment_without_a_verdict_says_so() {
    let record = drive(fixed_rate(PairsWanted::Exactly(6)), |_| void(Metric::CpuPerOperation, 1.0));
    assert_eq!(first_line(&record), "`defaults-unthrottled`: no verdict, too few pairs are valid");
    let text = render(&record, None);
    assert!(text.contains("INVALID too-few-valid-pairs: too few pairs are left"), "{text}");
    assert!(text.contains("INVALID late-sends (6 of 6 trials): requests were sent late"), "{text}");
    let under_way = ExperimentRecord { ended: None, ..record };
    assert_eq!(first_line(&under_way), "`defaults-unthrottled`: no verdict yet, 3 pairs are measured");
}

#[test]
fn control_says_whether_it_passed() {
    let control = |control, ratio| {
        let mut record = with_ratio(6, ratio, 0.05);
        record.plan.control = Some(control);
        render(&record, None)
    };
    assert!(control(Control::Aa, 1.0).contains("\nthe control passed\n"));
    assert!(control(Control::Aa, 0.8).contains("\nthe control FAILED\n"));
    assert!(control(Control::KnownBad, 1.2).contains("\nthe control passed\n"));
    assert!(!render(&with_ratio(6, 1.2, 0.05), None).contains("control"));
}

#[test]
fn bootstrap_is_shown_beside_the_interval_from_twenty_pairs_up() {
    assert_eq!(with_ratio(19, 1.2, 0.1).bootstrap, None);
    let record = with_ratio(20, 1.2, 0.1);
    let Some(Interval { low, high, .. }) = record.bootstrap else { panic!("no bootstrap") };
    assert!(low > 1.15 && low < 1.2 && high > 1.2 && high < 1.25, "{low} {high}");
    assert!(render(&record, None).contains("by the bootstrap (BCa), which decides nothing: 95 % 1.1"));
}
