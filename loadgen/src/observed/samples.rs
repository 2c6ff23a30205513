//! A number that is looked at from time to time.

use std::{ops::Range, time::Duration};

use measure::Nanos;

/// What was seen, in the order of time.
#[derive(Debug, Default)]
pub(super) struct Samples(Vec<(Nanos, f64)>);

impl Samples {
    #[expect(clippy::cast_precision_loss, reason = "a control plane does not hold 2^52 objects")]
    pub(super) fn push(&mut self, at: Nanos, value: u64) {
        self.0.push((at, value as f64));
    }

    /// The mean of the samples in a window.
    #[expect(clippy::cast_precision_loss, reason = "a window does not have 2^52 samples")]
    pub(super) fn mean(&self, window: &Range<Nanos>) -> Option<f64> {
        let first = self.0.partition_point(|(at, _)| *at < window.start);
        let values = self.0[first..].iter().take_while(|(at, _)| *at < window.end).map(|(_, value)| *value);
        let (count, sum) = values.fold((0_u64, 0.0), |(count, sum), value| (count + 1, sum + value));
        (count > 0).then(|| sum / count as f64)
    }

    /// The least of the samples in a window.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was a whole number")]
    pub(super) fn least(&self, window: &Range<Nanos>) -> Option<u64> {
        let values = self.0.iter().filter(|(at, _)| window.contains(at)).map(|(_, value)| *value);
        values.reduce(f64::min).map(|least| least as u64)
    }

    /// Means of the whole stretches of this length in a window.
    pub(super) fn means(&self, window: &Range<Nanos>, length: Duration) -> Vec<f64> {
        let stretches = window.end.since(window.start).as_nanos() / length.as_nanos();
        let begins =
            (0..u32::try_from(stretches).unwrap_or(u32::MAX)).map(|index| window.start + length * index);
        begins.filter_map(|begin| self.mean(&(begin..begin + length))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_of_whole_stretches() {
        let at = |millis: u64| Nanos(millis * 1_000_000);
        let mut samples = Samples::default();
        for (millis, value) in [(0, 1), (500, 3), (1000, 10), (1999, 20), (2500, 7)] {
            samples.push(at(millis), value);
        }
        let means = samples.means(&(at(0)..at(2900)), Duration::from_secs(1));
        assert_eq!(means, [2.0, 15.0]);
        assert_eq!(samples.mean(&(at(3000)..at(4000))), None);
    }
}
