//! Looking more than once: the level that each look may use so that all together are wrong no more often than one.
//!
//! Pocock's boundary (Biometrika 64, 1977): the same level at each of k looks. After each as many samples as before the sum
//! of what was seen is a random walk, and the chance that it has not yet left the boundary is carried from look to look by
//! numerical integration (Armitage, `McPherson` & Rowe 1969, J. R. Statist. Soc. A 132).
//!
//! Looks that are closer together than the first one is to the start (8 pairs, then every 2) resemble one another more, so
//! the level errs on the side of too few verdicts.

use super::{Error, chance, normal, real};

/// The abscissae and weights of Gauss and Legendre with five points in [-1, 1] (Abramowitz & Stegun, table 25.4).
const GAUSS: [(f64, f64); 5] = [
    (-0.906_179_845_938_664, 0.236_926_885_056_189),
    (-0.538_469_310_105_683, 0.478_628_670_499_366),
    (0.0, 0.568_888_888_888_889),
    (0.538_469_310_105_683, 0.478_628_670_499_366),
    (0.906_179_845_938_664, 0.236_926_885_056_189),
];

/// More looks than anybody takes; the work grows with the square.
const MOST_LOOKS: usize = 100;

/// The two-sided level of each of `looks` equally spaced looks that makes their common level `alpha`.
///
/// # Errors
///
/// [`Error::OutOfRange`] unless there are 1 to 100 looks and alpha is between 0 and 1.
pub fn pocock_level(looks: usize, alpha: f64) -> Result<f64, Error> {
    Ok(2.0 * normal::cumulative(-pocock_constant(looks, alpha)?))
}

/// The boundary itself: how many standard deviations from zero stop the experiment, at any of `looks`.
///
/// # Errors
///
/// As [`pocock_level`].
pub fn pocock_constant(looks: usize, alpha: f64) -> Result<f64, Error> {
    let alpha = chance("alpha", alpha)?;
    if !(1..=MOST_LOOKS).contains(&looks) {
        return Err(Error::OutOfRange { name: "looks", value: real(looks), allowed: "1 to 100" });
    }
    // One look alone needs the least, looks that know nothing of one another (Bonferroni) the most.
    let mut low = normal::quantile(1.0 - alpha / 2.0);
    let mut high = normal::quantile(1.0 - alpha / (2.0 * real(looks)));
    while high - low > 1e-9 {
        let middle = f64::midpoint(low, high);
        if crossing(looks, middle) > alpha { low = middle } else { high = middle }
    }
    Ok(f64::midpoint(low, high))
}

/// The chance that a walk of independent normal steps leaves `boundary` standard deviations at one of `looks`.
fn crossing(looks: usize, boundary: f64) -> f64 {
    // The walk is symmetric, so its density is kept above zero only: places and the chance near each, after the first step.
    let mut walk: Vec<(f64, f64)> =
        nodes(boundary).into_iter().map(|(place, weight)| (place, 2.0 * weight * density(place))).collect();
    for look in 2..=looks {
        let step = |to: f64| -> f64 {
            walk.iter()
                .map(|&(from, mass)| mass * f64::midpoint(density(to - from), density(to + from)))
                .sum()
        };
        let next = nodes(boundary * real(look).sqrt());
        walk = next.into_iter().map(|(place, weight)| (place, 2.0 * weight * step(place))).collect();
    }
    1.0 - walk.iter().map(|&(_, mass)| mass).sum::<f64>()
}

/// Places and weights that integrate a smooth function from 0 to `end`, in panels of at most a standard deviation.
fn nodes(end: f64) -> Vec<(f64, f64)> {
    let mut panels = 1;
    while end / real(panels) > 1.0 {
        panels += 1;
    }
    let half = end / real(panels) / 2.0;
    (0..panels)
        .flat_map(|panel| GAUSS.map(|(place, weight)| (half * (real(2 * panel + 1) + place), half * weight)))
        .collect()
}

/// The density of the standard normal distribution.
fn density(z: f64) -> f64 {
    const AT_ZERO: f64 = 0.398_942_280_401_432_7;
    AT_ZERO * (-0.5 * z * z).exp()
}

#[cfg(test)]
mod tests;
