//! Showing that two things are alike, which failing to show a difference does not.
//!
//! Two one-sided tests (Schuirmann 1987), each at alpha, reject both "lower than the band" and "higher than the band"
//! exactly if the interval at level 1 - 2 alpha lies inside of the band; no correction for there being two.

use super::{Error, Interval, chance};

/// How far a logarithm of a ratio may lie from zero and still mean nothing to anybody.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    width: f64,
}

impl Band {
    /// The band of ratios from 1 / (1 + share) to 1 + share: the same whichever of the two is divided by the other.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] unless the share is finite and above zero.
    pub fn of_share(share: f64) -> Result<Self, Error> {
        Ok(Self { width: super::above_zero("band", share)?.ln_1p() })
    }

    /// Its half width, as a logarithm of a ratio.
    pub fn width(&self) -> f64 {
        self.width
    }

    /// Whether a logarithm of a ratio lies strictly inside.
    pub fn contains(&self, log_ratio: f64) -> bool {
        log_ratio.abs() < self.width
    }

    /// Whether both one-sided tests reject, by the interval at [`level`].
    pub fn encloses(&self, interval: &Interval) -> bool {
        self.contains(interval.low) && self.contains(interval.high)
    }
}

/// The level of the interval that tests for equivalence at `alpha`: 90 % at 5 %.
///
/// # Errors
///
/// [`Error::OutOfRange`] unless alpha is between 0 and 1/2.
pub fn level(alpha: f64) -> Result<f64, Error> {
    chance("twice alpha", 2.0 * alpha).map(|both| 1.0 - both)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(low: f64, high: f64) -> Interval {
        Interval { low, high, level: 0.9 }
    }

    #[test]
    fn interval_must_lie_inside_with_both_ends() {
        let band = Band::of_share(0.03).unwrap();
        assert!(band.encloses(&interval(-0.029, 0.029)));
        assert!(!band.encloses(&interval(-0.031, 0.0)));
        assert!(!band.encloses(&interval(0.0, 0.03)), "0.03 is more than ln 1.03");
        let edge = band.width();
        assert!(!band.encloses(&interval(0.0, edge)));
    }

    #[test]
    fn band_does_not_care_who_is_divided_by_whom() {
        let band = Band::of_share(0.03).unwrap();
        for ratio in [1.0299, 1.0301, 0.9] {
            assert_eq!(band.contains(f64::ln(ratio)), band.contains(f64::ln(1.0 / ratio)), "{ratio}");
        }
    }

    #[test]
    fn level_leaves_alpha_on_each_side() {
        assert!((level(0.05).unwrap() - 0.9).abs() < 1e-15);
        assert!(level(0.5).is_err() && level(0.0).is_err());
        assert!(Band::of_share(0.0).is_err());
    }
}
