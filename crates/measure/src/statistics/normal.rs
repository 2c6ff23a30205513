//! The standard normal distribution.

use std::f64::consts::SQRT_2;

use statrs::function::erf::{erfc, erfc_inv};

/// The chance of a value up to `z`.
pub(super) fn cumulative(z: f64) -> f64 {
    0.5 * erfc(-z / SQRT_2)
}

/// The value that is not exceeded with the chance `share`.
pub(super) fn quantile(share: f64) -> f64 {
    -SQRT_2 * erfc_inv(2.0 * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (share, z) in [
            (0.5, 0.0),
            (0.8, 0.841_621_233_572_914),
            (0.975, 1.959_963_984_540_054),
            (0.001, -3.090_232_306_167_813),
        ] {
            assert!((quantile(share) - z).abs() < 1e-9, "{share}");
            assert!((cumulative(z) - share).abs() < 1e-9, "{z}");
        }
    }
}
