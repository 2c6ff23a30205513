//! How the loads stand just now: for whoever looks on, and for nothing else.

use std::{fmt, ops::Range, time::Duration};

use measure::Nanos;

use super::{LoadState, Observed, Over};
use crate::criteria::{good_within, is_servers};

/// So far it is looked back.
const BACK: u64 = 10;
/// What ended is told of nearly in order: nothing is told of after what ended so much later.
const DISORDER: Duration = Duration::from_secs(1);

/// What the loads that are judged did in the last ten seconds, or in all that there are yet.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Recently {
    /// Nothing where all of them are levels.
    operations: Option<Operations>,
    /// Of levels: how many there are, and how many are asked for.
    level: Option<(u64, u64)>,
    /// The drivers' requests that ended, and those of them that the server failed.
    requests: u64,
    failed: u64,
}

/// What is done at a rate.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Operations {
    /// Per second, by when they were due.
    offered: f64,
    /// Per second, by when they succeeded within twice their limit.
    good: f64,
    /// From the intended start to the success; nothing where none succeeded.
    p99: Option<Duration>,
}

impl Observed {
    /// How the loads stand at `now`.
    pub(crate) fn recently(&self, now: Nanos) -> Recently {
        let state = self.state();
        // What is due is counted by whole seconds.
        let passed = now.since(state.origin).as_secs();
        let end = state.origin + Duration::from_secs(passed);
        let window = state.origin + Duration::from_secs(passed.saturating_sub(BACK))..end;
        let judged = || state.loads.iter().filter(|load| load.watched.is_judged);
        let mut recently = Recently::default();
        let (mut offered, mut good, mut took) = (0, 0, Vec::new());
        for load in judged() {
            if load.watched.rate.is_some() {
                offered += load.good.intended(&window);
                good += load.succeeded(&window, &mut took);
            } else if load.level.asked() > 0 {
                let (there, asked) = recently.level.unwrap_or_default();
                recently.level = Some((there + load.level.there(), asked + load.level.asked()));
            }
            recently.count(load, &window);
        }
        if judged().any(|load| load.watched.rate.is_some()) {
            let seconds = window.end.since(window.start).as_secs_f64().max(1.0);
            let p99 = ninety_ninth(&mut took);
            recently.operations =
                Some(Operations { offered: number(offered) / seconds, good: number(good) / seconds, p99 });
        }
        recently
    }
}

impl LoadState {
    /// Says how many operations succeeded in time in a window, and adds how long all took that succeeded.
    fn succeeded(&self, window: &Range<Nanos>, took: &mut Vec<Duration>) -> u64 {
        let limit = good_within(self.watched.limit);
        let recent = self.over.iter().rev().take_while(|over| over.at + DISORDER >= window.start);
        let mut good = 0;
        for Over { intended, at } in recent.filter(|over| window.contains(&over.at)) {
            good += u64::from(at.since(*intended) <= limit);
            took.push(at.since(*intended));
        }
        good
    }
}

impl Recently {
    fn count(&mut self, load: &LoadState, window: &Range<Nanos>) {
        let recent = load.done.iter().rev().take_while(|done| done.ended + DISORDER >= window.start);
        for done in recent.filter(|done| window.contains(&done.ended)) {
            self.requests += 1;
            self.failed += u64::from(done.outcome.error().is_some_and(is_servers));
        }
    }
}

/// By the nearest rank: of fewer than a hundred it is the longest.
fn ninety_ninth(took: &mut [Duration]) -> Option<Duration> {
    took.sort_unstable();
    took.get((took.len() * 99).div_ceil(100).checked_sub(1)?).copied()
}

impl fmt::Display for Recently {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Operations { offered, good, p99 }) = &self.operations {
            let p99 = p99.map_or_else(|| "-".to_owned(), short);
            write!(f, "{:>7} offered {:>7} good  p99 {p99:>7}  ", rate(*offered), rate(*good))?;
        }
        if let Some((there, asked)) = self.level {
            write!(f, "{there} of {asked} there  ")?;
        }
        write!(f, "errors {:>6}", percent(self.failed, self.requests))
    }
}

fn rate(per_second: f64) -> String {
    let digits = match per_second {
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    format!("{per_second:.digits$}/s")
}

fn short(took: Duration) -> String {
    match took.as_secs_f64() {
        ..1.0 => format!("{} ms", took.as_millis()),
        seconds @ ..10.0 => format!("{seconds:.2} s"),
        seconds => format!("{seconds:.1} s"),
    }
}

fn percent(part: u64, whole: u64) -> String {
    match part {
        0 => "0 %".to_owned(),
        part => format!("{:.1} %", number(part) / number(whole) * 100.0),
    }
}

#[expect(clippy::cast_precision_loss, reason = "nobody sends 2^53 requests in ten seconds")]
fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use measure::{Kind, Outcome};

    use super::{
        super::{Done, Told, Watched},
        *,
    };
    use crate::{criteria::Criteria, telemetry};

    fn at(millis: u64) -> Nanos {
        Nanos(5_000_000_000 + millis * 1_000_000)
    }

    fn observed(rate: Option<f64>) -> (Observed, Told) {
        let watched = Watched {
            name: "them".to_owned(),
            is_judged: true,
            rate,
            limit: Duration::from_secs(1),
            slow: None,
        };
        let observed = Observed::new(at(0), Criteria::default(), telemetry::metered(vec![watched]));
        observed.open(at(0));
        (observed.clone(), observed.told(0))
    }

    /// Ten operations a second that take so long, and of every tenth the request fails.
    fn run(told: &Told, seconds: u64, took: impl Fn(u64) -> u64) {
        for index in 0..seconds * 10 {
            let intended = at(index * 100);
            told.offers(intended);
            let outcome = if index % 10 == 0 { Outcome::Status(503) } else { Outcome::Ok };
            let ended = intended + Duration::from_millis(5);
            let kind = Kind::new("create", "pods");
            told.ends(&Done { kind, intended, sent: intended, ended, outcome });
            told.achieves(intended, intended + Duration::from_millis(took(index)));
        }
    }

    #[test]
    fn only_the_last_ten_seconds_are_told_of() {
        let (observed, told) = observed(Some(10.0));
        run(&told, 30, |index| if index < 150 { 900 } else { 40 });
        assert_eq!(
            observed.recently(at(30_500)).to_string(),
            " 10.0/s offered  10.0/s good  p99   40 ms  errors 10.0 %"
        );
    }

    #[test]
    fn what_takes_longer_than_twice_its_limit_is_told_of_and_is_not_good() {
        let (observed, told) = observed(Some(10.0));
        run(&told, 30, |index| if index % 2 == 0 { 2_500 } else { 40 });
        assert_eq!(
            observed.recently(at(30_000)).to_string(),
            " 10.0/s offered  5.00/s good  p99  2.50 s  errors 10.0 %"
        );
    }

    #[test]
    fn a_load_of_which_nothing_is_known_says_so() {
        let (observed, _) = observed(Some(10.0));
        assert_eq!(
            observed.recently(at(300)).to_string(),
            " 0.00/s offered  0.00/s good  p99       -  errors    0 %"
        );
    }

    #[test]
    fn of_a_level_it_is_told_how_many_there_are() {
        let (observed, told) = observed(None);
        told.alive(at(0), 480, 500);
        assert_eq!(observed.recently(at(3000)).to_string(), "480 of 500 there  errors    0 %");
    }

    #[test]
    fn the_ninety_ninth_of_few_is_the_longest() {
        let millis = |count: u64| (1..=count).rev().map(Duration::from_millis).collect::<Vec<_>>();
        let found = [1, 99, 100, 101, 200].map(|count| ninety_ninth(&mut millis(count)).unwrap().as_millis());
        assert_eq!(found, [1, 99, 99, 100, 198]);
        assert_eq!(ninety_ninth(&mut []), None);
    }
}
