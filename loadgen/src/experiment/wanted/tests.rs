//! Every mistake that is told before anything is started.

use proptest::prelude::*;

use super::*;
use crate::experiment::simulated::wanted;

const TEN: PairsWanted = PairsWanted::Exactly(10);

fn fixed() -> Wanted {
    wanted(Kind::FixedRate, TEN)
}

fn refusal(wanted: &Wanted) -> String {
    wanted.check().unwrap_err().to_string()
}

fn until(budget_minutes: u64, trial_seconds: u64) -> PairsWanted {
    PairsWanted::UntilDecided {
        budget: Duration::from_mins(budget_minutes),
        trial: Duration::from_secs(trial_seconds),
    }
}

#[test]
fn fewer_than_six_pairs_are_refused() {
    for pairs in 0..6 {
        let few = Wanted { pairs: PairsWanted::Exactly(pairs), ..fixed() };
        assert_eq!(
            refusal(&few),
            "too few pairs for the design: 6 is the least that can show a difference at 5 %"
        );
    }
    assert_eq!(Wanted { pairs: PairsWanted::Exactly(6), ..fixed() }.check(), Ok(()));
    let strict = Wanted { pairs: PairsWanted::Exactly(6), alpha: 0.01, ..fixed() };
    assert!(refusal(&strict).contains("8 is the least that can show a difference at 1 %"));
    assert_eq!(PairsWanted::default(), TEN);
}

#[test]
fn budget_that_is_too_small_for_the_first_look_is_refused() {
    let small = Wanted { pairs: until(15, 60), ..fixed() };
    assert_eq!(
        refusal(&small),
        "a budget of 15 min is too small for the first look: 8 pairs of trials that take about 1.0 min each need 16 min"
    );
    assert!(refusal(&Wanted { pairs: until(15, 0), ..fixed() }).contains("above zero"));
}

#[test]
fn budget_is_turned_into_looks_before_the_start() {
    for (minutes, expected) in [(16, 1), (19, 1), (20, 2), (24, 3), (60, 12), (100_000, 100)] {
        let plan = Wanted { pairs: until(minutes, 60), ..fixed() }.plan(Loads::At(20.0)).unwrap();
        let Pairs::UntilDecided { looks, budget_seconds, trial_seconds } = plan.pairs else { panic!() };
        assert_eq!(looks, expected, "{minutes} minutes");
        let told = [budget_seconds, trial_seconds].map(Duration::from_secs_f64);
        assert_eq!(told, [Duration::from_mins(minutes), Duration::from_mins(1)]);
    }
}

#[test]
fn arms_that_differ_in_nothing_are_refused_but_for_the_control() {
    let alike = |wanted: Wanted| Wanted {
        arms: Arms { candidate: wanted.arms.baseline.clone(), ..wanted.arms },
        ..wanted
    };
    assert!(refusal(&alike(fixed())).starts_with("the arms differ in nothing"));
    let aa = Wanted { control: Some(Control::Aa), ..fixed() };
    assert_eq!(alike(aa.clone()).check(), Ok(()));
    assert!(refusal(&aa).contains("these differ: flags.kube-scheduler.kube-api-qps: 50 -> 5000"));
    assert!(alike(Wanted { control: Some(Control::KnownBad), ..fixed() }).check().is_err());
}

#[test]
fn capacity_needs_an_axis_and_pilots() {
    let search = wanted(Kind::Capacity, TEN);
    let lambda = Arms { baseline: 40.0, candidate: 90.0 };
    assert!(refusal(&Wanted { has_axis: false, ..search.clone() }).contains("pod-churn has no axis"));
    assert_eq!(search.clone().plan(Loads::At(20.0)), Err(BadPlan::NoPilots));
    let plan = search.clone().plan(Loads::Pilots { lambda, most: Some(100.0) }).unwrap();
    assert_eq!(plan.design, Design::Capacity { pilots: lambda, most: Some(100.0) });
    assert_eq!(plan.primary, Metric::Lambda);
    for baseline in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let lambda = Arms { baseline, ..lambda };
        assert!(search.clone().plan(Loads::Pilots { lambda, most: None }).is_err(), "{baseline}");
    }
    // Without an axis there are still steps to measure at.
    assert_eq!(Wanted { has_axis: false, ..fixed() }.check(), Ok(()));
}

#[test]
fn fixed_rate_is_given_or_taken_from_the_weaker_pilot() {
    let given = fixed().plan(Loads::At(25.0)).unwrap();
    assert_eq!(given.design, Design::FixedRate { at: 25.0, pilots: None });
    assert_eq!((given.primary, given.better), (Metric::CpuPerOperation, given.primary.row().better));
    let lambda = Arms { baseline: 90.0, candidate: 40.0 };
    let piloted = fixed().plan(Loads::Pilots { lambda, most: None }).unwrap();
    assert_eq!(piloted.design, Design::FixedRate { at: 32.0, pilots: Some(lambda) });
    assert!(fixed().plan(Loads::At(0.0)).is_err() && fixed().plan(Loads::At(f64::NAN)).is_err());
}

#[test]
fn metric_that_cannot_decide_the_design_is_refused() {
    let lambda = Wanted { primary: Some(Metric::Lambda), ..fixed() };
    assert!(refusal(&lambda).starts_with("lambda cannot decide this design; cpu-per-operation, "));
    let cost = Wanted { primary: Some(Metric::CpuPerOperation), ..wanted(Kind::Capacity, TEN) };
    assert_eq!(refusal(&cost), "cpu-per-operation cannot decide this design; lambda can");
    assert_eq!(Wanted { primary: Some(Metric::PodStartupP99), ..fixed() }.check(), Ok(()));
}

#[test]
fn level_and_band_have_a_meaning() {
    for alpha in [0.0, 0.5, -1.0, f64::NAN] {
        assert!(Wanted { alpha, ..fixed() }.check().is_err(), "{alpha}");
    }
    for band in [0.0, -0.1, f64::NAN, f64::INFINITY] {
        assert!(Wanted { band, ..fixed() }.check().is_err(), "{band}");
    }
}

#[test]
fn plan_says_what_differs_and_which_scenario_it_was() {
    let plan = fixed().plan(Loads::At(25.0)).unwrap();
    assert_eq!(plan.differences, ["flags.kube-scheduler.kube-api-qps: 50 -> 5000"]);
    // echo 'about = "Pods come and go."' | sha256sum
    assert_eq!(plan.scenario.text_sha256, "2906c50be67590be54023507448860bd27be5d689d74c93c4be4ecbff05f3381");
}

proptest! {
    #[test]
    fn looks_fit_into_their_budget(budget in 1_u64..100_000, trial in 1_u64..1000) {
        let pairs = PairsWanted::UntilDecided { budget: Duration::from_secs(budget), trial: Duration::from_secs(trial) };
        let time = |looks: u64| 2 * (8 + 2 * (looks - 1)) * trial;
        match (Wanted { pairs, ..fixed() }).pairs() {
            Ok(Pairs::UntilDecided { looks, .. }) => {
                let looks = looks as u64;
                prop_assert!(time(looks) <= budget && (looks == 100 || time(looks + 1) > budget));
            }
            Err(BadPlan::SmallBudget { .. }) => prop_assert!(time(1) > budget),
            other => prop_assert!(false, "{other:?}"),
        }
    }
}
