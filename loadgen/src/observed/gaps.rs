//! What may not be away for long: watchers, or the success of operations.

use std::{ops::Range, time::Duration};

use measure::{
    Nanos,
    criteria::{self, Judged},
};

use super::LoadState;
use crate::criteria::Criteria;

impl LoadState {
    /// How many of a level were there all the time, or how soon they were back; and the longest time in which no operation succeeded.
    pub(super) fn judge_gaps(&self, limits: &Criteria, window: &Range<Nanos>, now: Nanos) -> Vec<Judged> {
        let name = &self.watched.name;
        let mut judged = Vec::new();
        let asked = self.level.asked();
        if let Some(limit) = limits.synced.filter(|_| self.level.syncs()) {
            // Who is started anew is away in between.
            if let Some(longest) = self.level.longest_sync(window) {
                let (longest, limit) = (longest.as_secs_f64(), limit.as_secs_f64());
                judged.push(criteria::at_most("synced", name, longest, limit, asked));
            }
        } else if let Some(least) = self.level.least(window).filter(|_| asked > 0) {
            let missing = 1.0 - ratio(least, asked);
            judged.push(criteria::at_most("alive", name, missing, 1.0 - limits.goodput, asked));
        }
        if let Some(limit) = limits.stall.filter(|_| self.watched.rate.is_some()) {
            let window = window.start..window.end.min(now);
            let longest = longest(self.over.iter().map(|over| over.at), &window).as_secs_f64();
            let n = self.good.intended(&window);
            judged.push(criteria::at_most("stall", name, longest, limit.as_secs_f64(), n));
        }
        judged
    }
}

/// The longest part of a window in which none of these moments lies.
fn longest(moments: impl IntoIterator<Item = Nanos>, window: &Range<Nanos>) -> Duration {
    let mut inside: Vec<Nanos> = moments.into_iter().filter(|at| window.contains(at)).collect();
    inside.sort_unstable();
    inside.push(window.end);
    let (longest, _) = inside
        .into_iter()
        .fold((Duration::ZERO, window.start), |(longest, before), at| (longest.max(at.since(before)), at));
    longest
}

#[expect(clippy::cast_precision_loss, reason = "a level is not 2^53")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(moments: &[u64]) -> u64 {
        let moment = |second: &u64| Nanos(second * 1_000_000_000);
        longest(moments.iter().map(moment), &(moment(&10)..moment(&20))).as_secs()
    }

    #[test]
    fn a_gap_is_between_two_moments_or_a_moment_and_an_end() {
        assert_eq!(seconds(&[11, 12, 17, 19]), 5);
        assert_eq!(seconds(&[16, 18]), 6);
        assert_eq!(seconds(&[11, 12]), 8);
        assert_eq!(seconds(&[]), 10);
    }

    #[test]
    fn what_is_outside_does_not_count_and_order_does_not_matter() {
        assert_eq!(seconds(&[2, 30]), 10);
        assert_eq!(seconds(&[17, 12, 14]), 3);
    }
}
