//! What a number of misses says about their share: exact binomial bounds (Clopper & Pearson 1934), each one-sided.
//!
//! Requests are not independent: a pause of the server makes a hundred neighbours slow together. So both counts are
//! divided by a [`design_effect`] first (Kish 1965; for shares of clustered samples Rao & Scott 1992), and need not be whole
//! afterwards; the bounds go on through the beta distribution.

use statrs::function::beta::checked_beta_reg;

use super::{Error, Judgement, chance, number, real};

/// Misses among n.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    misses: f64,
    n: f64,
}

/// A stretch of neighbours that may have missed together, one second of requests as a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// How many missed.
    pub misses: u64,
    /// Out of how many.
    pub n: u64,
}

impl Share {
    /// Misses among n, whole or not.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] unless n is above zero and `misses` is between 0 and n.
    pub fn new(misses: f64, n: f64) -> Result<Self, Error> {
        super::above_zero("n", n)?;
        if (0.0..=n).contains(&misses) {
            Ok(Self { misses, n })
        } else {
            Err(Error::OutOfRange { name: "misses", value: misses, allowed: "between 0 and n" })
        }
    }

    /// Of blocks, both counts divided by their design effect.
    ///
    /// # Errors
    ///
    /// As [`Share::new`]: without a single sample.
    pub fn of_blocks(blocks: &[Block]) -> Result<Self, Error> {
        let (misses, n) = totals(blocks);
        let effect = design_effect(blocks);
        Self::new(misses / effect, n / effect)
    }

    /// The share itself.
    pub fn point(&self) -> f64 {
        self.misses / self.n
    }

    /// Misses and n, as they count.
    pub fn effective(&self) -> (f64, f64) {
        (self.misses, self.n)
    }

    /// The true share is at most this, with the chance `level` at least.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] for a level outside of (0, 1).
    pub fn upper(&self, level: f64) -> Result<f64, Error> {
        let level = chance("level", level)?;
        let hits = self.n - self.misses;
        Ok(if hits > 0.0 { beta_quantile(level, self.misses + 1.0, hits) } else { 1.0 })
    }

    /// The true share is at least this, with the chance `level` at least.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] for a level outside of (0, 1).
    pub fn lower(&self, level: f64) -> Result<f64, Error> {
        let level = chance("level", level)?;
        let hits = self.n - self.misses;
        Ok(if self.misses > 0.0 { beta_quantile(1.0 - level, self.misses, hits + 1.0) } else { 0.0 })
    }

    /// Whether the share keeps within `limit`: it holds if its upper bound does, and breaks if its lower bound does not.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] for a level outside of (0, 1).
    pub fn judge(&self, limit: f64, level: f64) -> Result<Judgement, Error> {
        Ok(if self.upper(level)? <= limit {
            Judgement::Holds
        } else if self.lower(level)? > limit {
            Judgement::Breaks
        } else {
            Judgement::Undecided
        })
    }
}

/// The fewest samples that can show at `level` that a share keeps within `limit`, if none of them misses: 459 for 1 % at
/// 99 %, 919 for 0.5 %. (The least n with (1 - limit)^n at most 1 - level.)
///
/// # Errors
///
/// [`Error::OutOfRange`] for a limit or a level outside of (0, 1).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "above zero, and the cast saturates"
)]
pub fn least_n(limit: f64, level: f64) -> Result<u64, Error> {
    let (limit, level) = (chance("limit", limit)?, chance("level", level)?);
    Ok(((-level).ln_1p() / (-limit).ln_1p()).ceil() as u64)
}

/// By how much the variance of a share exceeds that of as many independent samples; never below 1.
///
/// The variance of the share, estimated between blocks, over the binomial variance, both of the ratio of totals, so that
/// blocks need not be of one size (Rao & Scott 1992). 1 where it cannot be told: no misses or nothing else, or
/// fewer than two blocks with samples.
pub fn design_effect(blocks: &[Block]) -> f64 {
    let (misses, n) = totals(blocks);
    let filled = real(blocks.iter().filter(|block| block.n > 0).count());
    let share = misses / n;
    if filled < 2.0 || !(share > 0.0 && share < 1.0) {
        return 1.0;
    }
    let squares: f64 =
        blocks.iter().map(|block| (number(block.misses) - share * number(block.n)).powi(2)).sum();
    let between = filled / (filled - 1.0) * squares / (n * n);
    (between / (share * (1.0 - share) / n)).max(1.0)
}

fn totals(blocks: &[Block]) -> (f64, f64) {
    (number(blocks.iter().map(|block| block.misses).sum()), number(blocks.iter().map(|block| block.n).sum()))
}

/// The value that a beta distribution does not exceed with the chance `share`, by halving [0, 1].
///
/// Not statrs' own inverse: that is Newton's method from a start between 0.0001 and 0.9999, and what is asked here is often
/// smaller. Its cumulative function gives up after 140 terms, which is enough in the tails up to ten million samples (ten
/// digits), and in the middle still leads the right way.
fn beta_quantile(share: f64, a: f64, b: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    // 2^-100 is far below any share that can be counted.
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if checked_beta_reg(a, b, middle).is_ok_and(|below| below < share) {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests;
