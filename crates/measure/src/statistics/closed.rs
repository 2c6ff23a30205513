//! Closed confidence intervals between order statistics: what is left when an exact test is inverted.
//!
//! Walsh averages, differences of two samples and slopes of a series have this in common: if they are sorted and the true
//! value is asked how many of them lie below it, the answer has a known, symmetric distribution, that of the test's
//! statistic. So the k-th smallest and the k-th greatest enclose the true value with the chance 1 - 2 P(statistic <= k - 1).
//! With ties that chance is only greater, as long as both ends belong to the interval (Noether 1967).

use super::Interval;

/// A chance that equals the share of errors but for rounding is within it.
const ROUNDING: f64 = 1e-12;

/// The narrowest interval that keeps `level`, or `None` where even the two outermost values do not.
///
/// `null[i]` is the chance that the statistic is i; there are one fewer values in `sorted` than in `null`.
pub(super) fn interval(sorted: &[f64], null: &[f64], level: f64) -> Option<Interval> {
    let mut outside = 0.0;
    let mut found = None;
    for (place, chance) in null.iter().enumerate().take(sorted.len().div_ceil(2)) {
        outside += 2.0 * chance;
        if outside > 1.0 - level + ROUNDING {
            break;
        }
        let (low, high) = (sorted[place], sorted[sorted.len() - 1 - place]);
        found = Some(Interval { low, high, level: 1.0 - outside });
    }
    found
}

/// The interval by the normal approximation of the same statistic, for samples whose exact distribution costs too much:
/// `z` is the normal quantile, `deviation` the statistic's standard deviation. Infinite where not even the outermost
/// values reach.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to half the length")]
pub(super) fn approximate(sorted: &[f64], z: f64, deviation: f64, level: f64) -> Interval {
    let from_end = (super::real(sorted.len()) / 2.0 - z * deviation).floor();
    if from_end < 1.0 {
        return Interval { low: f64::NEG_INFINITY, high: f64::INFINITY, level };
    }
    let place = (from_end as usize).min(sorted.len().div_ceil(2)) - 1;
    Interval { low: sorted[place], high: sorted[sorted.len() - 1 - place], level }
}
