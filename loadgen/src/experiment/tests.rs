//! Whole experiments on simulated machines: that they find what is there and nothing else, and go on where they stopped.

use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
use record::{
    Folder,
    experiment::{Finished, Order},
};
use tempfile::TempDir;

use super::{
    judge,
    simulated::{Machine, capacity, drive, drive_on, fixed_rate, normal, origin, trial},
    wanted::PairsWanted,
    *,
};

const METRIC: Metric = Metric::CpuPerOperation;

/// Runs with everything that was saved.
async fn run_saving(
    record: ExperimentRecord,
    machine: &mut Machine,
) -> (anyhow::Result<ExperimentRecord>, Vec<ExperimentRecord>) {
    let mut saved = Vec::new();
    let save = |record: &ExperimentRecord| {
        saved.push(record.clone());
        Ok(())
    };
    let end = run(record, machine, |_| {}, save).await;
    (end, saved)
}

fn new(plan: &Plan) -> ExperimentRecord {
    begin(plan.clone(), origin("20261122-143000-pod-churn-3f2a"))
}

/// As a program that starts later finds it.
fn kept(record: &ExperimentRecord) -> ExperimentRecord {
    let base = TempDir::new().unwrap();
    let folder = Folder::create(base.path(), "it").unwrap();
    folder.write_experiment(record).unwrap();
    Folder::open(folder.path()).unwrap().read_experiment().unwrap()
}

#[tokio::test]
async fn experiment_that_goes_on_after_any_pair_ends_like_one_that_was_never_interrupted() {
    let until = PairsWanted::UntilDecided {
        budget: std::time::Duration::from_mins(24),
        trial: std::time::Duration::from_mins(1),
    };
    for plan in [capacity(PairsWanted::Exactly(7)), fixed_rate(until)] {
        let machine = Machine { void: vec!["trials/003", "trials/008"], ..Machine::new(1.03, 0.03) };
        let (whole, saved) = run_saving(new(&plan), &mut machine.clone()).await;
        let whole = whole.unwrap();
        assert_eq!(saved.last(), Some(&whole));
        assert!(whole.pairs.iter().any(|pair| pair.attempt == 2) && whole.ended.is_some());
        for record in &saved {
            let (again, _) = run_saving(kept(record), &mut machine.clone()).await;
            assert_eq!(again.unwrap(), whole, "after {} pairs", record.pairs.len());
        }
    }
}

#[tokio::test]
async fn trial_that_fails_leaves_a_record_to_go_on_from() {
    let plan = fixed_rate(PairsWanted::Exactly(6));
    let mut machine = Machine::new(1.5, 0.02);
    let (whole, _) = run_saving(new(&plan), &mut machine).await;
    machine.fails = Some("trials/008");
    let (failed, saved) = run_saving(new(&plan), &mut machine).await;
    let error = format!("{:#}", failed.unwrap_err());
    assert!(
        error.starts_with("pair 4, ") && error.ends_with("(trials/008): kube-apiserver ended"),
        "{error}"
    );
    assert_eq!(saved.len(), 3, "the half of the fourth pair is in no record");
    machine.fails = None;
    let (again, _) = run_saving(kept(&saved[2]), &mut machine).await;
    assert_eq!(again.unwrap(), whole.unwrap());
}

#[tokio::test]
async fn nothing_is_measured_for_an_experiment_that_is_over() {
    let plan = fixed_rate(PairsWanted::Exactly(6));
    let (whole, _) = run_saving(new(&plan), &mut Machine::new(1.0, 0.02)).await;
    let whole = whole.unwrap();
    let mut machine = Machine { fails: Some("trials/013"), ..Machine::new(1.0, 0.02) };
    let (again, saved) = run_saving(kept(&whole), &mut machine).await;
    assert_eq!((again.unwrap(), saved), (whole, Vec::new()));
}

#[tokio::test]
async fn record_that_was_changed_is_not_gone_on_from() {
    let plan = fixed_rate(PairsWanted::Exactly(6));
    let (_, saved) = run_saving(new(&plan), &mut Machine::new(1.0, 0.02)).await;
    let mut record = saved[3].clone();
    record.plan.seed += 1;
    let (end, _) = run_saving(record, &mut Machine::new(1.0, 0.02)).await;
    let error = end.unwrap_err().to_string();
    assert!(
        error.starts_with("the record's pair at place 1 is not the one that its plan asks for"),
        "{error}"
    );
}

#[tokio::test]
async fn user_is_told_where_an_experiment_stands() {
    let plan = fixed_rate(PairsWanted::Exactly(7));
    let mut told = Vec::new();
    let mut machine = Machine { void: vec!["trials/003"], ..Machine::new(1.5, 0.02) };
    run(new(&plan), &mut machine, |standing| told.push(standing.to_string()), |_| Ok(())).await.unwrap();
    let told = told.join("\n");
    // Trials take a minute each here, and a ratio of 1.5 with noise.
    for part in [
        "pair 1 of 7, baseline\n",
        "pair 1 of 7, candidate, 14 min left\n",
        "pair 2 of 7, candidate: 1.55x so far, 13 min left\n",
        "pair 2 of 7, candidate (again): 1.55x so far, 13 min left\n",
        "pair 7 of 7, baseline: 1.48x (95 % 1.42 to 1.55), 3 min left\n",
    ] {
        assert!(told.contains(part), "no `{part}` in:\n{told}");
    }
}

fn finds_a_difference(record: &ExperimentRecord) -> bool {
    record.verdict.is_some_and(|comparison| judge::differs(&comparison))
}

#[test]
fn profile_against_itself_differs_at_most_once_in_twenty_experiments() {
    let mut random = ChaCha8Rng::seed_from_u64(91);
    let plan = fixed_rate(PairsWanted::Exactly(10));
    // 10,240 experiments: ten draws of what the machine does, each in all 1,024 ways to deal it out to two arms that are one. So
    // the exact test's own chance (50 of 1,024) is seen without the noise of a simulation.
    let mut wrong = 0;
    for _ in 0..10 {
        let drawn: Vec<[f64; 2]> =
            (0..10).map(|_| [0.08_f64, 0.08].map(|spread| (spread * normal(&mut random)).exp())).collect();
        for dealt in 0..1024 {
            let record = drive(plan.clone(), |ask| {
                let swapped = dealt >> (ask.number - 1) & 1 == 1;
                let which = usize::from((ask.arm == Arm::Candidate) != swapped);
                trial(METRIC, drawn[ask.number - 1][which])
            });
            assert_eq!(record.ended, Some(Finished::AllPairs));
            wrong += u32::from(finds_a_difference(&record));
        }
    }
    println!("A against A, 10 pairs: {wrong} of 10,240 experiments find a difference");
    assert!(wrong * 20 <= 10_240, "{wrong}");
}

#[test]
fn machine_that_drifts_and_favours_the_first_trial_does_not_make_a_difference() {
    let mut random = ChaCha8Rng::seed_from_u64(92);
    // The second trial of a pair costs 10 % more, and every trial 2 % more than the one before.
    let experiments = 1000;
    let wrong = (0..experiments)
        .filter(|&seed| {
            let plan = Plan { seed, ..fixed_rate(PairsWanted::Exactly(10)) };
            let mut made = 0;
            let record = drive(plan, |_| {
                made += 1;
                let is_second = f64::from(u8::from(made % 2 == 0));
                trial(METRIC, (0.02 * f64::from(made) + 0.1 * is_second + 0.03 * normal(&mut random)).exp())
            });
            finds_a_difference(&record)
        })
        .count();
    println!("A against A on a machine with order and drift: {wrong} of {experiments}");
    assert!(wrong * 20 <= 1000, "{wrong}");
}

#[test]
fn looks_at_a_profile_against_itself_differ_at_most_once_in_twenty_experiments() {
    let mut random = ChaCha8Rng::seed_from_u64(93);
    // Looks after 8, 10, 12 and 14 pairs.
    let until = PairsWanted::UntilDecided {
        budget: std::time::Duration::from_secs(28),
        trial: std::time::Duration::from_secs(1),
    };
    let plan = fixed_rate(until);
    let new = Experiment::new(plan.clone());
    let experiments = 1000;
    let wrong = (0..experiments)
        .filter(|_| {
            let noise = |_: &Ask| trial(METRIC, (0.2_f64 * normal(&mut random)).exp());
            finds_a_difference(&drive_on(new.clone(), plan.clone(), noise))
        })
        .count();
    println!("A against A, until decided with 4 looks: {wrong} of {experiments}");
    assert!(wrong * 20 <= experiments, "{wrong}");
}

#[test]
fn tenth_more_is_found_by_ten_pairs_and_has_the_right_sign() {
    let mut random = ChaCha8Rng::seed_from_u64(94);
    let experiments = 1000;
    let (mut found, mut wrong) = (0, 0);
    for seed in 0..experiments {
        let plan = Plan { seed, ..fixed_rate(PairsWanted::Exactly(10)) };
        // 0.08 is the standard deviation of a pair's ratio.
        let noise: f64 = 0.08 / std::f64::consts::SQRT_2;
        let record = drive(plan, |ask| {
            let ratio = if ask.arm == Arm::Candidate { 1.1 } else { 1.0 };
            trial(METRIC, ratio * (noise * normal(&mut random)).exp())
        });
        found += u64::from(record.hurts());
        wrong += u64::from(finds_a_difference(&record) && !record.hurts());
    }
    println!("10 pairs find a ratio of 1.10 at a standard deviation of 0.08 in {found} of {experiments}");
    assert!(found * 10 >= experiments * 8 && wrong == 0, "{found} found, {wrong} wrong");
}

#[test]
fn void_trials_do_not_move_the_verdict() {
    let mut random = ChaCha8Rng::seed_from_u64(95);
    let plan = fixed_rate(PairsWanted::Exactly(10));
    // A fifth of the candidate's trials are void and ten times as dear.
    for _ in 0..50 {
        let record = drive(plan.clone(), |ask| {
            let noise = (0.01_f64 * normal(&mut random)).exp();
            if ask.arm == Arm::Candidate && random.random_bool(0.2) {
                simulated::void(METRIC, 10.0 * noise)
            } else {
                trial(METRIC, noise)
            }
        });
        let ratio = record.verdict.map(|comparison| comparison.ratio);
        assert!(ratio.is_none_or(|ratio| (0.97..1.03).contains(&ratio)), "{record:?}");
        let repeats = record.pairs.iter().filter(|pair| pair.attempt > 1).count();
        assert!(repeats <= 2, "{repeats}");
    }
}

#[test]
fn both_arms_of_a_pair_are_asked_alike() {
    let mut asks = Vec::new();
    let record = drive(capacity(PairsWanted::Exactly(8)), |ask| {
        asks.push(ask.clone());
        trial(Metric::Lambda, 40.0)
    });
    for (pair, both) in record.pairs.iter().zip(asks.chunks(2)) {
        let [first, second] = both else { panic!("{both:?}") };
        assert_eq!((first.seed, first.load), (second.seed, second.load));
        assert_eq!([first.arm, second.arm], pair.order.arms());
        assert_eq!(pair.trials.of(second.arm).path, second.path);
    }
    let paths: Vec<&str> = asks.iter().map(|ask| ask.path.as_str()).collect();
    assert_eq!(paths[..3], ["trials/001", "trials/002", "trials/003"]);
    assert_eq!(paths.len(), 16);
    let orders = record.pairs.iter().filter(|pair| pair.order == Order::BaselineFirst).count();
    assert_eq!(orders, 4);
}
