//! Statistics as pure functions: samples in, figures with their doubt out.
//!
//! Each file holds one subject and names its sources. Nothing here knows what a sample means; times are seconds where a
//! function says so, and effects are differences of natural logarithms, which turn into ratios at the very end
//! ([`verdict`]). Where an exact null distribution is affordable it is used instead of an approximation.

pub mod bca;
pub mod binomial;
mod closed;
pub mod equivalence;
pub mod fdr;
pub mod knee;
mod normal;
pub mod rank_sum;
mod ranks;
pub mod sequential;
pub mod signed_rank;
#[cfg(test)]
mod simulated;
pub mod steady;
pub mod trend;
pub mod verdict;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a sample gives no answer.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// The sample is too small for what is asked, whatever its values are.
    #[error("{found} samples, and it takes {least} at the level asked")]
    TooFew {
        /// How many there are; of two samples the smaller one.
        found: usize,
        /// How many there must be.
        least: usize,
    },
    /// A sample is infinite or not a number.
    #[error("a sample is not a finite number")]
    NotFinite,
    /// An argument lies outside of what has a meaning.
    #[error("{name} is {value}; it must be {allowed}")]
    OutOfRange {
        /// The argument.
        name: &'static str,
        /// What it was.
        value: f64,
        /// What it may be.
        allowed: &'static str,
    },
}

/// A confidence interval. Both ends belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// The share of such intervals that hold the true value. An exact method achieves at least the level that was asked
    /// for, and this is what it achieves.
    pub level: f64,
}

impl Interval {
    /// Whether `value` may be the true one.
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// The interval of an increasing function of the figure.
    #[must_use]
    pub fn map(self, increasing: impl Fn(f64) -> f64) -> Self {
        Self { low: increasing(self.low), high: increasing(self.high), level: self.level }
    }
}

/// What bounds say about a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Judgement {
    /// The limit is shown to be kept.
    Holds,
    /// The limit is shown to be broken.
    Breaks,
    /// Neither: more samples are needed.
    Undecided,
}

/// The median: the middle value, or the mean of the two in the middle. `None` of an empty sample.
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// The sample quantile by linear interpolation, `share` between 0 and 1 (Hyndman & Fan 1996, type 7: what R and `NumPy` do
/// unless told otherwise). `None` of an empty sample; a share outside is taken as the nearest end.
pub fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    quantile_of_sorted(&sorted, share)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the length")]
fn quantile_of_sorted(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = share.clamp(0.0, 1.0) * real(last);
    let below = (place.floor() as usize).min(last);
    let part = place - real(below);
    let (low, high) = (sorted[below], sorted[(below + 1).min(last)]);
    // Not low + part * (high - low): that overflows between huge values of opposite signs.
    Some(if part > 0.0 && low < high { low.mul_add(1.0 - part, high * part) } else { low })
}

/// A count as a number.
#[expect(clippy::cast_precision_loss, reason = "a sample does not reach 2^53 values")]
fn real(count: usize) -> f64 {
    count as f64
}

/// The same of things that are counted one by one.
#[expect(clippy::cast_precision_loss, reason = "a trial does not reach 2^53 operations")]
pub(crate) fn number(count: u64) -> f64 {
    count as f64
}

fn finite(values: &[f64]) -> Result<(), Error> {
    if values.iter().all(|value| value.is_finite()) { Ok(()) } else { Err(Error::NotFinite) }
}

/// A level, a share of errors or any other chance: strictly between 0 and 1.
fn chance(name: &'static str, value: f64) -> Result<f64, Error> {
    let allowed = "between 0 and 1, without the ends";
    if value > 0.0 && value < 1.0 { Ok(value) } else { Err(Error::OutOfRange { name, value, allowed }) }
}

fn above_zero(name: &'static str, value: f64) -> Result<f64, Error> {
    let allowed = "finite and above zero";
    if value > 0.0 && value.is_finite() { Ok(value) } else { Err(Error::OutOfRange { name, value, allowed }) }
}

#[cfg(test)]
mod tests;
