//! Operations by the second in which they were intended, and how many of each second's came to their end in time.
//!
//! A window is judged by cohorts: what was intended in it counts for it, whenever it ended. So a second is ripe for judgement only
//! when its last operation has ended or has had its time, and one without an end by then has missed its limit.

use std::{ops::Range, time::Duration};

use crate::{Nanos, statistics::binomial::Block};

const SECOND: u64 = 1_000_000_000;
/// A second is over for so long before nothing is told any more that was intended in it.
const TOLD_WITHIN: Duration = Duration::from_secs(1);

/// Cohorts of operations with one limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cohorts {
    origin: Nanos,
    limit: Duration,
    seconds: Vec<Second>,
}

/// Operations that were intended in the same second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Second {
    intended: u64,
    ended: u64,
    in_time: u64,
    failed: u64,
}

impl Cohorts {
    /// None yet. Seconds are counted from `origin`; nothing is intended before it.
    pub fn new(origin: Nanos, limit: Duration) -> Self {
        Self { origin, limit, seconds: Vec::new() }
    }

    /// An operation that is to start at `at`.
    pub fn intend(&mut self, at: Nanos) {
        self.second(at).intended += 1;
    }

    /// An operation that was intended at `at` has succeeded, so long after.
    pub fn succeed(&mut self, at: Nanos, took: Duration) {
        let is_in_time = took <= self.limit;
        let second = self.second(at);
        second.ended += 1;
        second.in_time += u64::from(is_in_time);
    }

    /// The operation that was intended at `at` has failed.
    pub fn fail(&mut self, at: Nanos) {
        let second = self.second(at);
        second.ended += 1;
        second.failed += 1;
    }

    /// How many operations are intended in the seconds of `window`.
    pub fn intended(&self, window: &Range<Nanos>) -> u64 {
        self.blocks(window, window.end, |_| 0).iter().map(|block| block.n).sum()
    }

    /// The moment before which all has had its time at `now`, a whole second after the origin.
    pub fn ripe_until(&self, now: Nanos) -> Nanos {
        let ripe = now.since(self.origin).saturating_sub(self.limit);
        self.origin + Duration::from_secs(ripe.as_secs())
    }

    /// The moment before which everything has ended at `now`, a whole second after the origin. It means something only where an
    /// operation is told of when it is due: of one that is told of when it has succeeded nobody knows before.
    pub fn ended_until(&self, now: Nanos) -> Nanos {
        let past = now.since(self.origin).saturating_sub(TOLD_WITHIN).as_secs();
        let open = self.seconds.iter().position(|second| second.ended < second.intended);
        let ended = open.map_or(past, |open| past.min(open as u64));
        self.origin + Duration::from_secs(ended)
    }

    /// The seconds of `window` before `until`: their operations, and those that missed the limit. Seconds that the window holds in part
    /// are not among them.
    pub fn missed(&self, window: &Range<Nanos>, until: Nanos) -> Vec<Block> {
        self.blocks(window, until, |second| second.intended.saturating_sub(second.in_time))
    }

    /// The same with the operations that missed the limit although they have not failed: slow ones.
    pub fn late(&self, window: &Range<Nanos>, until: Nanos) -> Vec<Block> {
        self.blocks(window, until, |second| second.intended.saturating_sub(second.in_time + second.failed))
    }

    /// The same with the operations that have failed.
    pub fn failed(&self, window: &Range<Nanos>, until: Nanos) -> Vec<Block> {
        self.blocks(window, until, |second| second.failed)
    }

    fn blocks(&self, window: &Range<Nanos>, until: Nanos, misses: impl Fn(&Second) -> u64) -> Vec<Block> {
        let end = window.end.min(until);
        let first = window.start.since(self.origin).as_nanos().div_ceil(SECOND.into());
        let last = end.since(self.origin).as_nanos() / u128::from(SECOND);
        let block = |index: u128| {
            let second = usize::try_from(index).ok().and_then(|index| self.seconds.get(index));
            let second = second.copied().unwrap_or_default();
            Block { misses: misses(&second), n: second.intended }
        };
        (first..last.max(first)).map(block).collect()
    }

    fn second(&mut self, at: Nanos) -> &mut Second {
        let index = usize::try_from(at.since(self.origin).as_secs()).unwrap_or(usize::MAX - 1);
        if self.seconds.len() <= index {
            self.seconds.resize(index + 1, Second::default());
        }
        &mut self.seconds[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Nanos {
        Nanos(7 * SECOND) + Duration::from_millis(millis)
    }

    fn cohorts() -> Cohorts {
        Cohorts::new(at(0), Duration::from_secs(2))
    }

    #[test]
    fn an_operation_counts_for_the_second_it_was_intended_in() {
        let mut cohorts = cohorts();
        for (intended, took) in [(0, Some(100)), (999, Some(1999)), (1000, Some(2001)), (2500, None)] {
            cohorts.intend(at(intended));
            if let Some(took) = took {
                cohorts.succeed(at(intended), Duration::from_millis(took));
            }
        }
        let blocks = cohorts.missed(&(at(0)..at(4000)), at(58_000));
        let expected = [(0, 2), (1, 1), (1, 1), (0, 0)].map(|(misses, n)| Block { misses, n });
        assert_eq!(blocks, expected);
    }

    #[test]
    fn failures_are_counted_beside_what_was_late() {
        let mut cohorts = cohorts();
        (0..3).for_each(|_| cohorts.intend(at(100)));
        cohorts.succeed(at(100), Duration::from_millis(5));
        cohorts.fail(at(100));
        let window = at(0)..at(1000);
        assert_eq!(cohorts.failed(&window, at(58_000)), [Block { misses: 1, n: 3 }]);
        assert_eq!(cohorts.missed(&window, at(58_000)), [Block { misses: 2, n: 3 }]);
        assert_eq!(cohorts.late(&window, at(58_000)), [Block { misses: 1, n: 3 }]);
    }

    #[test]
    fn a_second_whose_operations_may_still_succeed_is_not_judged() {
        let mut cohorts = cohorts();
        (0..10).for_each(|second| cohorts.intend(at(second * 1000 + 500)));
        let window = at(0)..at(10_000);
        for (now, ripe) in [(5900, 3), (1900, 0)] {
            let until = cohorts.ripe_until(at(now));
            assert_eq!(until, at(ripe * 1000));
            assert_eq!(cohorts.missed(&window, until).len() as u64, ripe);
        }
    }

    #[test]
    fn a_second_has_ended_when_its_last_operation_has_and_nobody_can_tell_of_another() {
        let mut cohorts = cohorts();
        (0..3).for_each(|second| cohorts.intend(at(second * 1000 + 500)));
        assert_eq!(cohorts.ended_until(at(9000)), at(0));
        cohorts.succeed(at(500), Duration::from_millis(100));
        cohorts.fail(at(1500));
        assert_eq!(cohorts.ended_until(at(9000)), at(2000));
        cohorts.succeed(at(2500), Duration::from_secs(4));
        assert_eq!(cohorts.ended_until(at(9000)), at(8000), "nothing was intended after it");
        assert_eq!(cohorts.ended_until(at(3900)), at(2000), "it is not over for a second yet");
    }

    #[test]
    fn seconds_that_a_window_cuts_are_left_out() {
        let cohorts = cohorts();
        assert_eq!(cohorts.missed(&(at(1500)..at(4200)), at(58_000)).len(), 2);
        assert_eq!(cohorts.missed(&(at(4200)..at(4300)), at(58_000)), []);
    }
}
