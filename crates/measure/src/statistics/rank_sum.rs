//! Two samples without pairs: by how much they differ, and whether at all (Mann & Whitney 1947).
//!
//! Point and interval come from all differences between a value of one sample and one of the other: their median is the
//! Hodges-Lehmann estimate of the shift, and two of them enclose it at the level of the exact rank-sum test (Hollander &
//! Wolfe, sections 4.2 and 4.3). Assumed is that the samples come from distributions of one shape.

use super::{Error, Interval, chance, closed, finite, normal, quantile_of_sorted, ranks::Ranks, real};

/// Up to so many values in each sample the distribution is exact; with more it is the normal one.
const EXACT: usize = 50;

/// All differences between two samples, sorted.
#[derive(Clone, Debug, PartialEq)]
pub struct Differences {
    baseline: usize,
    candidate: usize,
    sorted: Vec<f64>,
}

impl Differences {
    /// Of `candidate` from `baseline`: above zero where the candidate's values are greater.
    ///
    /// # Errors
    ///
    /// [`Error::TooFew`] where a sample is empty, [`Error::NotFinite`].
    pub fn of(baseline: &[f64], candidate: &[f64]) -> Result<Self, Error> {
        check(baseline, candidate)?;
        let mut sorted = Vec::with_capacity(baseline.len() * candidate.len());
        for from in baseline {
            sorted.extend(candidate.iter().map(|to| to - from));
        }
        sorted.sort_unstable_by(f64::total_cmp);
        Ok(Self { baseline: baseline.len(), candidate: candidate.len(), sorted })
    }

    /// The Hodges-Lehmann estimate of the shift: the median of the differences.
    pub fn hodges_lehmann(&self) -> f64 {
        // There is at least one.
        quantile_of_sorted(&self.sorted, 0.5).unwrap_or_default()
    }

    /// The closed interval of the shift by the exact test, at `level` or the next higher one that there is; by the normal
    /// approximation with more than 50 values in a sample.
    ///
    /// # Errors
    ///
    /// [`Error::TooFew`] where even the least and the greatest difference do not reach the level; [`Error::OutOfRange`] for
    /// a level outside of (0, 1).
    pub fn interval(&self, level: f64) -> Result<Interval, Error> {
        let alpha = 1.0 - chance("level", level)?;
        let (m, n) = (self.baseline, self.candidate);
        let too_few = Error::TooFew { found: m.min(n), least: least_each(alpha) };
        if m.max(n) > EXACT {
            let deviation = (real(m) * real(n) * real(m + n + 1) / 12.0).sqrt();
            let z = normal::quantile(1.0 - alpha / 2.0);
            let interval = closed::approximate(&self.sorted, z, deviation, level);
            return if interval.low.is_finite() { Ok(interval) } else { Err(too_few) };
        }
        closed::interval(&self.sorted, &null(m, n), level).ok_or(too_few)
    }
}

/// The fewest values that two samples of one size need for a two-sided test to be able to reject at `alpha`: 4 at 5 %. (The
/// least n with 2 n! n! / (2n)! at most alpha.)
pub fn least_each(alpha: f64) -> usize {
    let mut chance = 2.0;
    (1..1024)
        .find(|&n| {
            chance *= real(n) / (2.0 * real(2 * n - 1));
            chance <= alpha + 1e-12
        })
        .unwrap_or(usize::MAX)
}

/// The two-sided p-value that neither sample tends to be greater.
///
/// Exact up to 50 values in each sample, with ties too: all ways to deal out the ranks that are there. With more it is the
/// normal approximation with the variance corrected for ties, and for continuity.
///
/// # Errors
///
/// [`Error::TooFew`] where a sample is empty, [`Error::NotFinite`].
pub fn mann_whitney(baseline: &[f64], candidate: &[f64]) -> Result<f64, Error> {
    check(baseline, candidate)?;
    let ranks = Ranks::of(&[baseline, candidate].concat());
    let sum: usize = ranks.doubled[..baseline.len()].iter().sum();
    // Of doubled ranks the sum's mean is whole.
    let mean = baseline.len() * (baseline.len() + candidate.len() + 1);
    let p = if baseline.len().max(candidate.len()) > EXACT {
        approximate(&ranks, baseline.len(), candidate.len(), sum.abs_diff(mean))
    } else {
        let ways = ways(&ranks.doubled, baseline.len());
        let as_far = ways.iter().enumerate().filter(|(other, _)| other.abs_diff(mean) >= sum.abs_diff(mean));
        as_far.map(|(_, ways)| ways).sum::<f64>() / ways.iter().sum::<f64>()
    };
    Ok(p.min(1.0))
}

/// The normal approximation, `doubled_distance` being twice the rank sum's distance from its mean.
fn approximate(ranks: &Ranks, m: usize, n: usize, doubled_distance: usize) -> f64 {
    let all = real(m + n);
    let ties = ranks.correction(|t| t * t * t - t) / (all * (all - 1.0));
    let variance = real(m) * real(n) / 12.0 * (all + 1.0 - ties);
    let distance = (real(doubled_distance) / 2.0 - 0.5).max(0.0);
    if variance > 0.0 { 2.0 * normal::cumulative(-distance / variance.sqrt()) } else { 1.0 }
}

fn check(baseline: &[f64], candidate: &[f64]) -> Result<(), Error> {
    finite(baseline)?;
    finite(candidate)?;
    let found = baseline.len().min(candidate.len());
    if found == 0 { Err(Error::TooFew { found, least: 1 }) } else { Ok(()) }
}

/// The chance of each count of pairs in which the first sample's value is greater, without a shift and without ties.
fn null(m: usize, n: usize) -> Vec<f64> {
    let ranks: Vec<usize> = (1..=m + n).collect();
    let ways = ways(&ranks, m);
    // The least sum of m ranks is where the count is zero.
    let counts = &ways[m * (m + 1) / 2..=m * (m + 1) / 2 + m * n];
    let all: f64 = counts.iter().sum();
    counts.iter().map(|ways| ways / all).collect()
}

/// In how many ways `taken` of `ranks` have each sum. Counts up to 10^29 (50 of 100) lose nothing that matters in f64.
fn ways(ranks: &[usize], taken: usize) -> Vec<f64> {
    let mut greatest = ranks.to_vec();
    greatest.sort_unstable();
    let width = greatest.iter().rev().take(taken).sum::<usize>() + 1;
    let mut of = vec![vec![0.0; width]; taken + 1];
    of[0][0] = 1.0;
    for (seen, &rank) in ranks.iter().enumerate() {
        for size in (1..=taken.min(seen + 1)).rev() {
            let (smaller, this) = of.split_at_mut(size);
            for (sum, ways) in this[0].iter_mut().enumerate().skip(rank) {
                *ways += smaller[size - 1][sum - rank];
            }
        }
    }
    of.pop().unwrap_or_default()
}

#[cfg(test)]
mod tests;
