//! The figures that everything else is made of.

use proptest::prelude::*;

use super::*;

#[test]
fn median_is_the_middle_or_the_mean_of_two() {
    assert_eq!(median(&[]), None);
    assert_eq!(median(&[3.0]), Some(3.0));
    assert_eq!(median(&[9.0, 1.0, 5.0]), Some(5.0));
    assert_eq!(median(&[9.0, 1.0, 5.0, 7.0]), Some(6.0));
}

#[test]
fn quantile_is_that_of_r() {
    // R 4: quantile(c(1, 2, 4, 8, 16), c(0, .1, .25, .9, 1)) gives 1.0 1.4 2.0 12.8 16.0.
    let sample = [16.0, 1.0, 8.0, 2.0, 4.0];
    for (share, expected) in [(0.0, 1.0), (0.1, 1.4), (0.25, 2.0), (0.9, 12.8), (1.0, 16.0)] {
        let found = quantile(&sample, share).unwrap();
        assert!((found - expected).abs() < 1e-12, "{share}: {found} for {expected}");
    }
}

#[test]
fn median_of_huge_values_does_not_overflow() {
    assert_eq!(median(&[f64::MAX, -f64::MAX]), Some(0.0));
    assert_eq!(median(&[f64::MAX, f64::MAX]), Some(f64::MAX));
}

#[test]
fn errors_say_what_is_missing() {
    assert_eq!(
        Error::TooFew { found: 5, least: 6 }.to_string(),
        "5 samples, and it takes 6 at the level asked"
    );
    assert_eq!(
        chance("level", 1.0).unwrap_err().to_string(),
        "level is 1; it must be between 0 and 1, without the ends"
    );
    assert_eq!(finite(&[1.0, f64::NAN]), Err(Error::NotFinite));
}

proptest! {
    #[test]
    fn quantiles_rise_and_stay_inside(values in prop::collection::vec(-1e9..1e9, 1..40), a in 0.0..=1.0, b in 0.0..=1.0) {
        let of = |share| quantile(&values, share).unwrap();
        let (low, high) = (of(f64::min(a, b)), of(f64::max(a, b)));
        prop_assert!(low <= high + 1e-6);
        prop_assert!(of(0.0) <= low + 1e-6 && high <= of(1.0) + 1e-6);
    }
}
