//! Searches of servers whose capacity is known, in simulated time: what settles, measures, judges and searches is the program's.

mod server;

use std::time::Duration;

use measure::{Arrivals, Nanos, search::End};

use self::server::{Server, Simulation};
use super::*;

/// Until as much is deleted as is made: a lifetime and five seconds.
const WARM_UP: Duration = Duration::from_secs(15);

/// A trial of a search.
#[derive(Clone, Debug)]
struct Tried {
    task: Task,
    finding: Finding,
    begin: Nanos,
    end: Nanos,
    /// Nothing of a recovery.
    seen: Option<Seen>,
}

/// Searches to the end, with a fresh server after each break.
async fn search(server: Server, lengths: &Lengths, plan: measure::search::Plan) -> (Vec<Tried>, Answer) {
    let mut search = Search::new(plan).unwrap();
    let mut simulation = Simulation::new(server);
    let mut tried: Vec<Tried> = Vec::new();
    loop {
        let task = match search.next() {
            Next::Over(answer) => return (tried, answer),
            Next::Try(task) => task,
        };
        let last = tried.last().map(|last| (last.task.kind, last.finding.outcome));
        if last.is_some_and(|last| has_had_its_day(last, task.kind)) {
            simulation = Simulation::new(server);
        }
        let last = attempt(&mut simulation, task, &lengths.ask(tried.len(), task, WARM_UP)).await;
        search.report(last.finding);
        tried.push(last);
    }
}

async fn attempt(simulation: &mut Simulation, task: Task, ask: &Ask) -> Tried {
    let mut course = simulation.begin(ask);
    let begin = course.begin;
    let (finding, seen) = match task.kind {
        TaskKind::Recovery => {
            let recovered = course.recover().await.unwrap();
            let outcome = if recovered.is_some() { Outcome::Held } else { Outcome::Broke };
            (Finding { outcome, close: false }, None)
        }
        kind => {
            let seen = if kind == TaskKind::Ramp { course.step().await } else { course.probe().await };
            let seen = seen.unwrap();
            (finding(kind, &seen, true), Some(seen))
        }
    };
    Tried { task, finding, begin, end: simulation.now, seen }
}

/// A server that does not do less the longer its line is.
fn with_a_line(capacity: f64, arrivals: Arrivals, seed: u64) -> Server {
    Server { capacity, doubles_at: None, arrivals, seed }
}

/// One whose time of service doubles with a line of a thousand.
fn collapsing(capacity: f64, arrivals: Arrivals, seed: u64) -> Server {
    Server { doubles_at: Some(1000.0), ..with_a_line(capacity, arrivals, seed) }
}

/// Searches, beginning about the capacity, and says as which shares of it lambda* and its bracket were found.
async fn shares(server: Server, lengths: &Lengths) -> (f64, f64, f64) {
    let plan = lengths.from(server.capacity, server.seed);
    let (tried, answer) = search(server, lengths, plan).await;
    let trials: Vec<_> = tried.iter().map(|it| (it.task.kind, it.finding.outcome)).collect();
    assert_eq!(answer.end, End::Found, "{server:?}: {trials:?}");
    let share = |load: Option<f64>| load.unwrap() / server.capacity;
    let (low, lambda, high) = (share(answer.low), share(answer.lambda()), share(answer.high));
    // A hold that breaks takes the lower end away, and one probe more does not bring another as near.
    let has_held = trials.iter().all(|trial| trial != &(TaskKind::Hold, Outcome::Broke));
    assert!(
        high / low <= plan.bracket * (1.0 + 1e-9) || !has_held,
        "{server:?}: {low} to {high}, {trials:?}"
    );
    (low, lambda, high)
}

#[tokio::test]
async fn a_full_search_finds_lambda_within_a_twentieth() {
    let lengths = Lengths::full(Confirm::Short);
    for server in [
        with_a_line(20.0, Arrivals::Uniform, 1),
        with_a_line(20.0, Arrivals::Uniform, 2),
        with_a_line(20.0, Arrivals::Uniform, 3),
        collapsing(20.0, Arrivals::Uniform, 4),
        collapsing(20.0, Arrivals::Uniform, 5),
        with_a_line(500.0, Arrivals::Poisson, 6),
    ] {
        let (low, lambda, high) = shares(server, &lengths).await;
        assert!((0.95..=1.05).contains(&lambda), "{server:?}: {lambda}");
        assert!(low <= 1.03 && high >= 0.97, "{server:?}: {low} to {high}");
    }
}

/// At 500/s a Poisson load is as good as an even one.
#[tokio::test]
async fn a_quick_search_finds_lambda_within_a_tenth() {
    let lengths = Lengths::quick();
    let servers = (1..=10)
        .flat_map(|seed| [with_a_line, collapsing].map(|server| server(20.0, Arrivals::Uniform, seed)))
        .chain([with_a_line(500.0, Arrivals::Poisson, 1), collapsing(500.0, Arrivals::Uniform, 2)]);
    for server in servers {
        let (low, lambda, high) = shares(server, &lengths).await;
        assert!((0.9..=1.1).contains(&lambda), "{server:?}: {lambda}");
        assert!(low <= 1.05 && high >= 0.95, "{server:?}: {low} to {high}");
    }
}

/// The highest load of which one creation in a hundred waits for more than a second is 0.885 of the capacity at 20/s (M/D/1), and of
/// half a minute of it one cannot say much. It is never more than what the server can do.
#[tokio::test]
async fn a_bursty_load_at_twenty_a_second_is_found_to_hold_less_than_an_even_one() {
    let mut lambdas = Vec::new();
    for seed in 1..=20 {
        let (low, lambda, _) = shares(with_a_line(20.0, Arrivals::Poisson, seed), &Lengths::quick()).await;
        assert!(low <= 1.05, "seed {seed}: {low}");
        lambdas.push(lambda);
    }
    let mean = lambdas.iter().sum::<f64>() / 20.0;
    assert!((0.82..=0.97).contains(&mean), "{mean}: {lambdas:?}");
}

#[tokio::test]
async fn a_long_line_breaks_the_backlog_first() {
    let server = with_a_line(20.0, Arrivals::Uniform, 1);
    let lengths = Lengths::full(Confirm::Short);
    let (tried, answer) = search(server, &lengths, lengths.from(20.0, 1)).await;
    let mut record = tests::sample();
    let template = record.trials.remove(0);
    record.trials = tried
        .into_iter()
        .map(|Tried { task, finding, seen, .. }| {
            let judged = seen.map(|seen| seen.judged).unwrap_or_default();
            TrialRecord { task, finding, judged, ..template.clone() }
        })
        .collect();
    conclude(&mut record, answer);
    let broken: Vec<&str> = record.broke_first.iter().map(|judged| judged.criterion.as_str()).collect();
    assert!(broken.contains(&"backlog"), "{broken:?}");
}

#[tokio::test]
async fn a_load_that_holds_is_measured_for_the_least_time_and_holds_again_after_an_overload() {
    let lengths = Lengths::quick();
    let mut simulation = Simulation::new(with_a_line(20.0, Arrivals::Uniform, 1));
    let task = |kind, at| Task { kind, at };
    let probe = task(TaskKind::Probe, 10.0);
    let held = attempt(&mut simulation, probe, &lengths.ask(0, probe, WARM_UP)).await;
    assert_eq!(held.finding.outcome, Outcome::Held);
    let measured = held.seen.unwrap().measured;
    assert_eq!(measured.end.since(measured.start), lengths.measure);
    // The longest warm-up, and what the last operations of the window are given.
    let most = WARM_UP * 2 + lengths.measure + Duration::from_secs(10) + Duration::from_secs(3);
    assert!(held.end.since(held.begin) <= most, "{:?}", held.end.since(held.begin));
    let overload = task(TaskKind::Overload, 30.0);
    let broken = attempt(&mut simulation, overload, &lengths.ask(1, overload, WARM_UP)).await;
    assert_eq!(broken.finding.outcome, Outcome::Broke);
    // It has left a line of three hundred, which goes by ten a second.
    let recovery = task(TaskKind::Recovery, 10.0);
    let recovered = attempt(&mut simulation, recovery, &lengths.ask(2, recovery, WARM_UP)).await;
    assert_eq!(recovered.finding.outcome, Outcome::Held);
    let took = recovered.end.since(recovered.begin).as_secs();
    assert!((30..=75).contains(&took), "{took}");
}

/// What a scenario does in its window, such as deleting a namespace, was never done on a busy machine: the window never began.
#[tokio::test]
async fn a_load_that_broke_while_it_warmed_up_was_not_measured_by_a_run() {
    let overload = Task { kind: TaskKind::Probe, at: 40.0 };
    let mut ask = Lengths::quick().ask(0, overload, WARM_UP);
    let probed = async |ask: &Ask| {
        Simulation::new(with_a_line(20.0, Arrivals::Uniform, 1)).begin(ask).probe().await.unwrap()
    };
    assert_eq!(probed(&ask).await.rest, Rest::Broken);
    ask.rest.as_mut().unwrap().or_break = false;
    let seen = probed(&ask).await;
    assert!(matches!(seen.rest, Rest::Not(_)), "{:?}", seen.rest);
    assert_eq!(seen.measured.end.since(seen.measured.start), ask.measure);
    assert_eq!(seen.judgement, measure::statistics::Judgement::Breaks);
}
