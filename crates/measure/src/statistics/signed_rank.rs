//! Pairs: by how much, and whether at all (Wilcoxon 1945).
//!
//! Point and interval come from the Walsh averages, the means of any two differences and of each with itself: their median
//! is the Hodges-Lehmann estimate, and two of them enclose the true shift at the level of the exact signed-rank test
//! (Hollander & Wolfe, sections 3.2 and 3.3). All that is assumed is that a difference is as likely to lie below the true
//! shift as above it by the same amount, which randomly ordered pairs make true when nothing differs.
//!
//! All of it costs the square of the number of pairs or its cube, and is meant for up to a few hundred.

use super::{Error, Interval, chance, closed, finite, quantile_of_sorted, ranks::Ranks};

/// The Walsh averages of differences, sorted.
#[derive(Clone, Debug, PartialEq)]
pub struct Walsh {
    pairs: usize,
    sorted: Vec<f64>,
    null: Vec<f64>,
}

impl Walsh {
    /// Of the differences within pairs.
    ///
    /// # Errors
    ///
    /// [`Error::TooFew`] without a pair, [`Error::NotFinite`].
    pub fn of(differences: &[f64]) -> Result<Self, Error> {
        finite(differences)?;
        if differences.is_empty() {
            return Err(Error::TooFew { found: 0, least: 1 });
        }
        let pairs = differences.len();
        Ok(Self { pairs, sorted: averages(differences), null: null(pairs) })
    }

    /// The Hodges-Lehmann estimate of the shift: the median of the averages.
    pub fn hodges_lehmann(&self) -> f64 {
        // There is at least one.
        quantile_of_sorted(&self.sorted, 0.5).unwrap_or_default()
    }

    /// The closed interval of the shift by the exact test, at `level` or the next higher one that there is.
    ///
    /// # Errors
    ///
    /// [`Error::TooFew`] where even the least and the greatest difference do not reach the level; [`Error::OutOfRange`] for
    /// a level outside of (0, 1).
    pub fn interval(&self, level: f64) -> Result<Interval, Error> {
        let alpha = 1.0 - chance("level", level)?;
        closed::interval(&self.sorted, &self.null, level)
            .ok_or_else(|| Error::TooFew { found: self.pairs, least: least_pairs(alpha) })
    }
}

/// The Hodges-Lehmann estimate of differences; `None` where there are none. For resampling, which needs nothing else.
pub fn hodges_lehmann(differences: &[f64]) -> Option<f64> {
    quantile_of_sorted(&averages(differences), 0.5)
}

fn averages(differences: &[f64]) -> Vec<f64> {
    let mut averages = Vec::with_capacity(differences.len() * (differences.len() + 1) / 2);
    for (at, one) in differences.iter().enumerate() {
        averages.extend(differences[at..].iter().map(|other| f64::midpoint(*one, *other)));
    }
    averages.sort_unstable_by(f64::total_cmp);
    averages
}

/// The fewest pairs of which a two-sided test can reject at `alpha`: 6 at 5 %. (The least n with 2 / 2^n at most alpha.)
pub fn least_pairs(alpha: f64) -> usize {
    let mut chance = 2.0;
    (1..1024)
        .find(|_| {
            chance /= 2.0;
            chance <= alpha + 1e-12
        })
        .unwrap_or(usize::MAX)
}

/// The chance of each sum of positive ranks among `pairs` differences without a shift.
fn null(pairs: usize) -> Vec<f64> {
    sums(1..=pairs)
}

/// The chance of each sum of the ranks that are positive, where each is so by the throw of a coin.
fn sums(ranks: impl Iterator<Item = usize>) -> Vec<f64> {
    let mut chances = vec![1.0];
    for rank in ranks {
        // Half of what was stays, the other half moves up by the rank.
        let mut next = vec![0.0; chances.len() + rank];
        next.iter_mut().zip(&chances).for_each(|(it, chance)| *it = chance / 2.0);
        next[rank..].iter_mut().zip(&chances).for_each(|(it, chance)| *it += chance / 2.0);
        chances = next;
    }
    chances
}

/// The two-sided p-value that there is no shift, exact with ties and zeros.
///
/// Zeros take part in the ranking and then leave (Pratt 1959, J. Amer. Statist. Assoc. 54): if they are dropped before it,
/// taking a little from every pair can make the test surer that they lie above zero. The distribution is that of the ranks that are there, by all
/// throws of signs, so ties need no correction. 1 where nothing differs.
///
/// # Errors
///
/// [`Error::TooFew`] without a pair, [`Error::NotFinite`].
pub fn pratt(differences: &[f64]) -> Result<f64, Error> {
    finite(differences)?;
    if differences.is_empty() {
        return Err(Error::TooFew { found: 0, least: 1 });
    }
    let sizes: Vec<f64> = differences.iter().map(|difference| difference.abs()).collect();
    let doubled = Ranks::of(&sizes).doubled;
    let signed = || doubled.iter().copied().zip(differences).filter(|(_, difference)| **difference != 0.0);
    // Where no tie is of an even number all doubled ranks are even, and there are half as many sums.
    let unit = if signed().all(|(rank, _)| rank % 2 == 0) { 2 } else { 1 };
    let positive = signed().filter(|(_, difference)| **difference > 0.0).map(|(rank, _)| rank / unit).sum();
    let mut ranks: Vec<usize> = signed().map(|(rank, _)| rank / unit).collect();
    // The sums stay few for longest if the small ranks come first.
    ranks.sort_unstable();
    let all: usize = ranks.iter().sum();
    let from_middle = |sum: usize| (2 * sum).abs_diff(all);
    let chances = sums(ranks.into_iter());
    let as_far = chances.iter().enumerate().filter(|(sum, _)| from_middle(*sum) >= from_middle(positive));
    Ok(as_far.map(|(_, chance)| chance).sum::<f64>().min(1.0))
}

#[cfg(test)]
mod tests;
