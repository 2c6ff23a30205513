//! A histogram of durations.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::Summary;

/// The least and greatest duration told apart, in microseconds. Longer ones count as the greatest.
const LEAST: u64 = 1;
const GREATEST: u64 = 120_000_000;
const SIGNIFICANT_DIGITS: u8 = 3;

/// Durations from 1 us to 120 s at three significant digits, in microseconds.
///
/// All have the same bounds, so merging is exact: the merged histogram is the one that a single recorder would have made.
/// It takes 144 KiB of address space, of which only the touched pages become memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Latency(Histogram<u64>);

impl Latency {
    /// An empty histogram.
    #[expect(
        clippy::missing_panics_doc,
        reason = "the bounds are constants that the histogram accepts; a test makes one"
    )]
    pub fn new() -> Self {
        let bounded = Histogram::new_with_bounds(LEAST, GREATEST, SIGNIFICANT_DIGITS);
        Self(bounded.expect("constant bounds are valid"))
    }

    /// Counts one duration, rounded to the nearest microsecond; beyond 120 s it counts as 120 s. Never allocates.
    pub fn record(&mut self, duration: Duration) {
        let micros = u64::try_from((duration.as_nanos() + 500) / 1000).unwrap_or(u64::MAX);
        self.0.saturating_record(micros);
    }

    /// Adds what another histogram has counted.
    pub fn merge(&mut self, other: &Self) {
        // Cannot fail: it only does when the other one's values lie outside of our bounds.
        self.0 += &other.0;
    }

    /// How many durations were counted.
    pub fn len(&self) -> u64 {
        self.0.len()
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many durations were longer than `limit`, to the histogram's resolution.
    pub fn longer_than(&self, limit: Duration) -> u64 {
        let micros = u64::try_from(limit.as_micros()).unwrap_or(u64::MAX).min(GREATEST);
        self.0.len() - self.0.count_between(0, micros)
    }

    /// Percentiles, as far as the number of samples carries them.
    pub fn summary(&self) -> Summary {
        Summary::of(&self.0)
    }

    /// The histogram itself, in microseconds.
    pub fn histogram(&self) -> &Histogram<u64> {
        &self.0
    }
}

impl Default for Latency {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(durations: impl IntoIterator<Item = Duration>) -> Latency {
        let mut latency = Latency::new();
        durations.into_iter().for_each(|duration| latency.record(duration));
        latency
    }

    #[test]
    fn keeps_three_digits_and_saturates_at_both_ends() {
        let histogram = of([Duration::ZERO, Duration::from_micros(1234), Duration::from_hours(1)]).0;
        assert_eq!(histogram.len(), 3);
        assert_eq!(histogram.min(), 0);
        assert_eq!(histogram.value_at_quantile(0.5), 1234);
        assert!(histogram.equivalent(histogram.max(), GREATEST), "{}", histogram.max());
    }

    #[test]
    fn counts_what_is_longer_than_a_limit() {
        let latency = of([1, 999, 1000, 1001, 300_000].map(Duration::from_millis));
        assert_eq!(latency.longer_than(Duration::from_secs(1)), 1 + 1);
        assert_eq!(latency.longer_than(Duration::from_millis(999)), 3);
        assert_eq!(latency.longer_than(Duration::from_hours(1)), 0);
    }

    proptest! {
        #[test]
        fn a_merge_is_what_one_recorder_would_have_counted(
            nanos in prop::collection::vec(0..200_000_000_000_u64, 0..200), cut in 0..200_usize,
        ) {
            let durations: Vec<_> = nanos.into_iter().map(Duration::from_nanos).collect();
            let (left, right) = durations.split_at(cut.min(durations.len()));
            let mut merged = of(left.iter().copied());
            merged.merge(&of(right.iter().copied()));
            prop_assert_eq!(merged, of(durations));
        }
    }
}
