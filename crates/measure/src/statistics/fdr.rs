//! Many questions at once: the false discovery rate (Benjamini & Hochberg 1995, J. R. Statist. Soc. B 57).
//!
//! Of the differences that are called so, the share that is none is at most q in expectation, if the p-values are
//! independent or rise together (Benjamini & Yekutieli 2001).

use super::{Error, chance, real};

/// The adjusted p-values, in the order given: a difference is called one at rate q if its adjusted p-value is at most q.
///
/// # Errors
///
/// [`Error::OutOfRange`] for a p-value outside of [0, 1].
pub fn adjusted(p_values: &[f64]) -> Result<Vec<f64>, Error> {
    let allowed = "between 0 and 1";
    if let Some(&value) = p_values.iter().find(|p| !(0.0..=1.0).contains(*p)) {
        return Err(Error::OutOfRange { name: "p-value", value, allowed });
    }
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![1.0; p_values.len()];
    // From the greatest one down, so that none is adjusted above a greater one.
    let mut least: f64 = 1.0;
    for (before, &at) in order.iter().enumerate().rev() {
        least = least.min(p_values[at] * (real(p_values.len()) / real(before + 1)));
        adjusted[at] = least;
    }
    Ok(adjusted)
}

/// Which of the p-values are called differences at the rate `q`.
///
/// # Errors
///
/// [`Error::OutOfRange`] for a p-value outside of [0, 1] or a rate outside of (0, 1).
pub fn discoveries(p_values: &[f64], q: f64) -> Result<Vec<bool>, Error> {
    let q = chance("q", q)?;
    Ok(adjusted(p_values)?.into_iter().map(|p| p <= q).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Benjamini & Hochberg 1995, section 4.1: fifteen hypotheses about two treatments of myocardial infarction.
    const INFARCTION: [f64; 15] = [
        0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719,
        0.6528, 0.7590, 1.0,
    ];

    #[test]
    fn four_of_fifteen_hypotheses_are_rejected() {
        let rejected = discoveries(&INFARCTION, 0.05).unwrap();
        assert_eq!(rejected.iter().filter(|it| **it).count(), 4);
        assert!(rejected[..4].iter().all(|it| *it));
    }

    #[test]
    fn adjusted_values_are_those_of_r() {
        // R 4: p.adjust(p, "BH") is the least p[j] * 15 / j over the ranks j from its own up.
        let found = adjusted(&INFARCTION).unwrap();
        for (at, expected) in [(0, 0.0015), (3, 0.035_625), (4, 0.0603), (5, 0.063_857_142_857), (14, 1.0)] {
            assert!((found[at] - expected).abs() < 1e-9, "{at}: {}", found[at]);
        }
    }

    #[test]
    fn order_given_is_order_returned() {
        let found = adjusted(&[0.04, 0.01, 0.03]).unwrap();
        for (found, expected) in found.iter().zip([0.04, 0.03, 0.04]) {
            assert!((found - expected).abs() < 1e-12, "{found} for {expected}");
        }
        assert_eq!(adjusted(&[]), Ok(Vec::new()));
    }

    #[test]
    fn what_is_no_chance_is_refused() {
        assert!(adjusted(&[0.5, f64::NAN]).is_err() && adjusted(&[1.5]).is_err());
        assert!(discoveries(&[0.5], 0.0).is_err());
    }

    proptest! {
        #[test]
        fn adjusting_raises_and_keeps_the_order(p in prop::collection::vec(0.0_f64..=1.0, 1..30)) {
            let found = adjusted(&p).unwrap();
            for (at, one) in p.iter().enumerate() {
                prop_assert!(*one <= found[at] && found[at] <= 1.0);
                prop_assert!(p.iter().zip(&found).all(|(other, it)| other < one || found[at] <= *it));
            }
        }
    }
}
