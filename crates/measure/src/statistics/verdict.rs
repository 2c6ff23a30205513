//! From measured pairs to one of four words.
//!
//! The unit is the pair of trials, or the trial, and never the request. An effect is the logarithm of candidate over
//! baseline. The closed interval of the exact test decides; the p-value is only shown. A difference must be shown, and its
//! estimate must lie outside of the band of what nobody cares about; likeness must be shown too, and is not what remains
//! when no difference is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

use super::{
    Error, Interval,
    equivalence::{self, Band},
    normal, rank_sum, real, signed_rank,
};

/// Which of two values of the metric is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Better {
    /// The lower one, as of a latency or a cost.
    Lower,
    /// The higher one, as of a rate that is sustained.
    Higher,
}

/// What is asked of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Which of two values is wanted.
    pub better: Better,
    /// Ratios from 1 / (1 + band) to 1 + band mean nothing to anybody.
    pub band: f64,
    /// How often a difference may be found where there is none, and a likeness where the ratio lies at the band's edge.
    /// With several looks the level of one of them ([`super::sequential::pocock_level`]).
    pub alpha: f64,
}

impl Question {
    /// With a band of 3 % and an alpha of 5 %.
    pub fn new(better: Better) -> Self {
        Self { better, band: 0.03, alpha: 0.05 }
    }
}

/// What an experiment says about the candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The interval excludes 1, and the estimate lies outside of the band, on the side that is better.
    Helps,
    /// The same on the other side.
    Hurts,
    /// The interval of the two one-sided tests lies inside of the band.
    Equivalent,
    /// Anything else.
    Inconclusive,
}

/// A verdict with everything that led to it. Figures are ratios, candidate over baseline.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// The verdict.
    pub verdict: Verdict,
    /// How many pairs; of two samples without pairs, the size of the smaller one.
    pub n: usize,
    /// The Hodges-Lehmann estimate.
    pub ratio: f64,
    /// Its closed interval at level 1 - alpha or the next higher one, by the exact test.
    pub interval: Interval,
    /// The same at level 1 - 2 alpha: what is compared with the band.
    pub equivalence: Interval,
    /// The two-sided p-value that nothing differs: Pratt's of pairs, Mann and Whitney's without.
    pub p_value: f64,
    /// Of an inconclusive one: how many pairs (or trials of each) its spread needs. So many would show a likeness four
    /// times of five if the ratio were 1, and a difference about as often if it were at the edge of the band.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needed: Option<usize>,
}

/// Judges pairs, each given as the logarithm of candidate over baseline.
///
/// # Errors
///
/// [`Error::TooFew`] where no number of equal signs could show a difference (fewer than 6 pairs at 5 %);
/// [`Error::NotFinite`]; [`Error::OutOfRange`] for the band or alpha.
pub fn paired(log_ratios: &[f64], question: Question) -> Result<Comparison, Error> {
    let walsh = signed_rank::Walsh::of(log_ratios)?;
    let n = log_ratios.len();
    judge(
        question,
        (n, n - 1),
        walsh.hodges_lehmann(),
        |level| walsh.interval(level),
        signed_rank::pratt(log_ratios)?,
    )
}

/// Judges two samples without pairs, given as logarithms.
///
/// # Errors
///
/// [`Error::TooFew`] where the smaller sample could not show a difference from another one of its size (fewer than 4 at
/// 5 %); [`Error::NotFinite`]; [`Error::OutOfRange`] for the band or alpha.
pub fn unpaired(baseline: &[f64], candidate: &[f64], question: Question) -> Result<Comparison, Error> {
    let differences = rank_sum::Differences::of(baseline, candidate)?;
    let n = baseline.len().min(candidate.len());
    let least = rank_sum::least_each(question.alpha);
    if n < least {
        return Err(Error::TooFew { found: n, least });
    }
    let p_value = rank_sum::mann_whitney(baseline, candidate)?;
    judge(
        question,
        (n, baseline.len() + candidate.len() - 2),
        differences.hodges_lehmann(),
        |level| differences.interval(level),
        p_value,
    )
}

fn judge(
    question: Question,
    (n, freedom): (usize, usize),
    point: f64,
    at: impl Fn(f64) -> Result<Interval, Error>,
    p_value: f64,
) -> Result<Comparison, Error> {
    let Question { better, band, alpha } = question;
    let band = Band::of_share(band)?;
    let narrow_level = equivalence::level(alpha)?;
    let (wide, narrow) = (at(1.0 - alpha)?, at(narrow_level)?);
    let verdict = if band.encloses(&narrow) {
        Verdict::Equivalent
    } else if wide.contains(0.0) || band.contains(point) {
        Verdict::Inconclusive
    } else if (point > 0.0) == (better == Better::Higher) {
        Verdict::Helps
    } else {
        Verdict::Hurts
    };
    Ok(Comparison {
        verdict,
        n,
        ratio: point.exp(),
        interval: wide.map(f64::exp),
        equivalence: narrow.map(f64::exp),
        p_value,
        needed: (verdict == Verdict::Inconclusive).then(|| needed(n, freedom, &wide, alpha, band)),
    })
}

/// How many pairs a spread needs so that equivalence is shown with a power of 80 % where there is no difference: n times
/// ((z(1 - alpha) + z(0.9)) s / band)^2, s being the estimate's standard error (Julious 2004, Statistics in Medicine 23).
///
/// s is read from the width of the exact interval, which is about that of Student's, and not from the sample's standard
/// deviation, which one outlier rules.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "above zero, and the cast saturates"
)]
fn needed(n: usize, freedom: usize, interval: &Interval, alpha: f64, band: Band) -> usize {
    let share = f64::midpoint(1.0, interval.level);
    let student = StudentsT::new(0.0, 1.0, real(freedom.max(1)));
    let width = student.map_or_else(|_| normal::quantile(share), |student| student.inverse_cdf(share));
    let error = (interval.high - interval.low) / 2.0 / width;
    let reach = (normal::quantile(1.0 - alpha) + normal::quantile(0.9)) * error / band.width();
    ((real(n) * reach * reach).ceil() as usize).max(n + 1)
}

#[cfg(test)]
mod tests;
