use super::*;

const PLAN: Plan = Plan {
    from: From::Ramp { start: 4.0, seed: 1 },
    bracket: 1.05,
    repeats: true,
    most: None,
    probes: None,
    hold: true,
    overload: true,
};

/// A server that holds up to `capacity`, and is close to its limits within a tenth of it. The ramp sees `flattered` times as much.
struct Server {
    capacity: f64,
    flattered: f64,
    /// The harness offers no more than this.
    harness: f64,
}

impl Server {
    fn of(capacity: f64) -> Self {
        Self { capacity, flattered: 1.0, harness: f64::INFINITY }
    }

    fn finding(&self, Task { kind, at }: Task) -> Finding {
        let capacity = if kind == TaskKind::Ramp { self.capacity * self.flattered } else { self.capacity };
        let outcome = match at {
            at if at > self.harness => Outcome::HarnessLimited,
            at if at > capacity => Outcome::Broke,
            _ => Outcome::Held,
        };
        Finding { outcome, close: (at / capacity - 1.0).abs() < 0.1 }
    }
}

/// Everything that was tried, and the answer.
fn search(plan: Plan, mut finding: impl FnMut(Task) -> Finding) -> (Vec<Task>, Answer) {
    let mut search = Search::new(plan).unwrap();
    let mut tried = Vec::new();
    loop {
        match search.next() {
            Next::Over(answer) => return (tried, answer),
            Next::Try(task) => {
                assert!(tried.len() < 200, "it does not end: {tried:?}");
                tried.push(task);
                search.report(finding(task));
            }
        }
    }
}

fn of_kind(tried: &[Task], kind: TaskKind) -> Vec<f64> {
    tried.iter().filter(|task| task.kind == kind).map(|task| task.at).collect()
}

#[test]
fn a_capacity_is_found_within_the_bracket() {
    for capacity in [0.9, 3.0, 17.0, 100.0, 512.3, 4000.0] {
        for flattered in [0.5, 0.9, 1.0, 1.3, 3.0] {
            let server = Server { flattered, ..Server::of(capacity) };
            let (tried, answer) = search(PLAN, |task| server.finding(task));
            let (low, high) = (answer.low.unwrap(), answer.high.unwrap());
            assert!(answer.end == End::Found && low <= capacity && capacity < high, "{capacity}: {answer:?}");
            assert!(high / low <= 1.05 + 1e-9, "{capacity}: {answer:?}");
            assert!((answer.lambda().unwrap() / capacity - 1.0).abs() < 0.05, "{capacity}: {answer:?}");
            assert!(of_kind(&tried, TaskKind::Probe).contains(&high), "what breaks was probed: {tried:?}");
        }
    }
}

#[test]
fn what_is_likely_begins_with_what_is_next_and_comes_near_to_what_is_left() {
    let server = Server::of(100.0);
    let plan = Plan { repeats: false, ..PLAN };
    let (tried, _) = search(plan, |task| server.finding(task));
    let mut search = Search::new(plan).unwrap();
    for (number, task) in tried.iter().enumerate() {
        let likely = search.likely();
        assert_eq!(likely.first(), Some(task));
        // How long the ramp will be nobody knows.
        if task.kind != TaskKind::Ramp {
            assert!(likely.len().abs_diff(tried.len() - number) <= 1, "{number}: {likely:?} of {tried:?}");
        }
        search.report(server.finding(*task));
    }
    assert_eq!(search.likely(), []);
}

#[test]
fn the_end_of_a_search_is_a_hold_and_two_overloads_and_a_recovery() {
    let (tried, answer) = search(PLAN, |task| Server::of(100.0).finding(task));
    let lambda = answer.lambda().unwrap();
    assert_eq!(of_kind(&tried, TaskKind::Hold), [answer.low.unwrap()]);
    assert_eq!(of_kind(&tried, TaskKind::Overload), [lambda * 1.2, lambda * 2.0]);
    assert_eq!(of_kind(&tried, TaskKind::Recovery), [lambda * 0.8]);
    assert_eq!(tried.last().unwrap().kind, TaskKind::Recovery);
}

#[test]
fn a_ramp_grows_from_a_seeded_start_by_what_halvings_bring_to_the_bracket() {
    let (tried, _) = search(PLAN, |task| Server::of(100.0).finding(task));
    let ramp = of_kind(&tried, TaskKind::Ramp);
    assert!((4.0..6.0).contains(&ramp[0]), "{ramp:?}");
    assert!(ramp.windows(2).all(|pair| (pair[1] / pair[0] - 1.05_f64.powi(8)).abs() < 1e-9), "{ramp:?}");
    let other = Plan { from: From::Ramp { start: 4.0, seed: 2 }, ..PLAN };
    let (others, _) = search(other, |task| Server::of(100.0).finding(task));
    assert!((ramp[0] - others[0].at).abs() > 0.01);
}

#[test]
fn no_probe_is_spent_on_a_bracket_narrower_than_asked() {
    for (bracket, step, probes) in
        [(1.05_f64, 1.4774, 4), (1.2, 1.44, 2), (1.3, 1.3, 1), (1.5, 1.5, 1), (2.0, 1.5, 1)]
    {
        let plan = Plan { bracket, repeats: false, hold: false, overload: false, ..PLAN };
        assert!((plan.step() - step).abs() < 1e-4, "{bracket}: {}", plan.step());
        // What the ramp held, and each halving.
        let (tried, _) = search(plan, |task| Server::of(100.0).finding(task));
        let probes_made = of_kind(&tried, TaskKind::Probe).len();
        assert!((probes..=probes + 1).contains(&probes_made), "{bracket}: {tried:?}");
    }
}

#[test]
fn without_a_ramp_steady_probes_find_the_same() {
    for start in [4.0, 90.0, 1000.0] {
        let plan = Plan { from: From::Start { at: start }, hold: false, overload: false, ..PLAN };
        let (tried, answer) = search(plan, |task| Server::of(100.0).finding(task));
        assert!(tried.iter().all(|task| task.kind == TaskKind::Probe), "{tried:?}");
        let (low, high) = (answer.low.unwrap(), answer.high.unwrap());
        assert!(low <= 100.0 && 100.0 < high && high / low <= 1.05 * ROUNDING, "{start}: {answer:?}");
    }
}

#[test]
fn what_is_close_to_a_limit_is_tried_until_two_of_three_agree() {
    // At the same load the first window holds, the second breaks and the third holds.
    let mut times = std::collections::BTreeMap::new();
    let plan = Plan { hold: false, overload: false, bracket: 1.2, ..PLAN };
    let (tried, answer) = search(plan, |task| {
        let finding = Server::of(100.0).finding(task);
        if task.kind != TaskKind::Probe || !finding.close {
            return finding;
        }
        let times: &mut u32 = times.entry(task.at.to_bits()).or_default();
        *times += 1;
        Finding { outcome: if *times == 2 { Outcome::Broke } else { Outcome::Held }, close: true }
    });
    assert!(times.values().all(|times| *times == 3), "{tried:?}");
    assert!(!times.is_empty() && answer.low.unwrap() > 90.0, "{answer:?}");
}

#[test]
fn without_repeats_each_load_is_tried_once() {
    let plan = Plan { repeats: false, bracket: 1.2, hold: true, overload: false, ..PLAN };
    let (tried, answer) = search(plan, |task| Server::of(50.0).finding(task));
    let mut probes = of_kind(&tried, TaskKind::Probe);
    let count = probes.len();
    probes.dedup();
    assert_eq!((probes.len(), answer.end), (count, End::Found));
    assert!(count <= 5, "{tried:?}");
}

#[test]
fn a_hold_that_breaks_lowers_the_bracket_by_one_more_look() {
    let mut holds = 0;
    let (tried, answer) = search(Plan { overload: false, ..PLAN }, |task| match task.kind {
        TaskKind::Hold => {
            holds += 1;
            Finding { outcome: Outcome::Broke, close: false }
        }
        _ => Server::of(100.0).finding(task),
    });
    let hold = of_kind(&tried, TaskKind::Hold)[0];
    assert_eq!(holds, 1);
    assert!(tried.last().unwrap().kind == TaskKind::Probe && tried.last().unwrap().at < hold, "{tried:?}");
    assert!(answer.high.unwrap() <= hold && answer.low.unwrap() < hold, "{answer:?}");
}

#[test]
fn a_share_that_holds_at_one_was_not_broken() {
    let plan = Plan { from: From::Ramp { start: 0.05, seed: 3 }, most: Some(1.0), ..PLAN };
    let (tried, answer) = search(plan, |task| Server::of(7.0).finding(task));
    assert_eq!((answer.end, answer.low, answer.high), (End::NotReached, Some(1.0), None));
    assert!(tried.iter().all(|task| task.at <= 1.0), "{tried:?}");
    let (_, answer) = search(plan, |task| Server::of(0.6).finding(task));
    assert_eq!(answer.end, End::Found, "{answer:?}");
}

#[test]
fn a_harness_at_its_end_leaves_a_lower_bound_and_no_lambda() {
    for harness in [3.0, 60.0, 99.0] {
        let server = Server { harness, ..Server::of(100.0) };
        let (tried, answer) = search(PLAN, |task| server.finding(task));
        assert_eq!((answer.end, answer.lambda()), (End::HarnessLimited, None), "{harness}");
        let beyond: Vec<f64> = tried.iter().map(|task| task.at).filter(|at| *at > harness).collect();
        assert!(beyond.len() >= 3 && beyond.iter().all(|at| (at - beyond[0]).abs() < 1e-9), "{tried:?}");
        assert!(answer.low.is_none_or(|low| low <= harness), "{answer:?}");
    }
}

#[test]
fn a_server_that_holds_nothing_is_told_so() {
    let (tried, answer) = search(PLAN, |_| Finding { outcome: Outcome::Broke, close: false });
    assert_eq!((answer.end, answer.low), (End::NothingHolds, None), "{tried:?}");
    assert!(tried.len() < 16, "{tried:?}");
}

#[test]
fn a_bracket_that_is_given_is_probed_six_times_at_most() {
    for (capacity, c) in [(100.0, 100.0), (100.0, 60.0), (100.0, 170.0)] {
        let plan = Plan {
            from: From::Bracket { low: c / 1.2, high: c * 1.2 },
            repeats: false,
            probes: Some(6),
            hold: false,
            overload: false,
            ..PLAN
        };
        let (tried, answer) = search(plan, |task| Server::of(capacity).finding(task));
        assert!(tried.len() <= 6 && tried.iter().all(|task| task.kind == TaskKind::Probe), "{tried:?}");
        let (low, high) = (answer.low.unwrap(), answer.high.unwrap());
        assert!(low <= capacity && capacity < high, "c {c}: {answer:?}, {tried:?}");
    }
}

#[test]
fn findings_that_are_reported_again_lead_to_the_same_place() {
    let server = Server::of(77.0);
    let (tried, answer) = search(PLAN, |task| server.finding(task));
    for cut in [1, 5, tried.len() - 1] {
        let mut resumed = Search::new(PLAN).unwrap();
        for task in &tried[..cut] {
            assert_eq!(resumed.next(), Next::Try(*task));
            resumed.report(server.finding(*task));
        }
        assert_eq!(resumed.next(), Next::Try(tried[cut]));
    }
    assert_eq!(answer.end, End::Found);
}

#[test]
fn a_plan_that_cannot_be_is_refused() {
    for plan in [
        Plan { bracket: 1.0, ..PLAN },
        Plan { from: From::Ramp { start: 0.0, seed: 1 }, ..PLAN },
        Plan { from: From::Bracket { low: 2.0, high: 1.0 }, ..PLAN },
        Plan { most: Some(f64::NAN), ..PLAN },
    ] {
        assert!(Search::new(plan).is_err(), "{plan:?}");
    }
}

#[test]
fn a_harness_that_was_late_for_once_ended_the_whole_search() {
    let mut tries = 0;
    let (_, answer) = search(PLAN, |task| {
        tries += 1;
        match tries % 3 {
            0 => Server::of(100.0).finding(task),
            _ => Finding { outcome: Outcome::HarnessLimited, close: false },
        }
    });
    assert_eq!(answer.end, End::Found, "{answer:?}");
}

#[test]
fn a_hold_that_the_harness_could_not_offer_says_nothing_of_the_server() {
    let server = Server::of(100.0);
    let (_, answer) = search(PLAN, |task| match task.kind {
        TaskKind::Hold => Finding { outcome: Outcome::HarnessLimited, close: false },
        _ => server.finding(task),
    });
    assert_eq!(answer.end, End::HarnessLimited);
    assert!(answer.low.is_some_and(|low| low > 90.0), "what the probes have shown stays: {answer:?}");
}
