//! Against tables and textbooks, and how often the intervals hold the truth.

use proptest::prelude::*;

use super::*;
use crate::statistics::simulated::{self, Simulated};

/// Hollander & Wolfe, table 4.1: how much water passes the human chorioamnion, at term and at 12 to 26 weeks.
const TERM: [f64; 10] = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46];
const EARLY: [f64; 5] = [1.15, 0.88, 0.90, 0.74, 1.21];

#[track_caller]
fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found} for {expected}");
}

#[test]
fn permeability_is_that_of_hollander_and_wolfe() {
    // R 4: wilcox.test(term, early, conf.int = TRUE) gives W = 35, p = 0.2544, 0.305 [-0.15, 0.76].
    let differences = Differences::of(&EARLY, &TERM).unwrap();
    close(differences.hodges_lehmann(), 0.305);
    let interval = differences.interval(0.95).unwrap();
    close(interval.low, -0.15);
    close(interval.high, 0.76);
    close(mann_whitney(&EARLY, &TERM).unwrap(), 0.254_412_254_412_254_4);
    close(mann_whitney(&TERM, &EARLY).unwrap(), 0.254_412_254_412_254_4);
}

#[test]
fn critical_values_are_those_of_the_tables() {
    // Siegel 1956, table K (after Auble 1953), two-sided 5 %: the greatest U that rejects.
    for (m, n, critical) in
        [(4, 4, 0.0), (5, 5, 2.0), (6, 6, 5.0), (8, 8, 13.0), (10, 10, 23.0), (5, 10, 8.0), (20, 20, 127.0)]
    {
        let places: Vec<f64> = (0..m * n).map(real).collect();
        let interval = closed::interval(&places, &null(m, n), 0.95).unwrap();
        close(interval.low, critical);
    }
}

#[test]
fn counts_are_those_of_mann_and_whitney() {
    // Mann & Whitney 1947, table I: of n = m = 3 the chance of U at most 0, 1, 2 and 3 is .050, .100, .200 and .350.
    let chances = null(3, 3);
    let up_to = |u: usize| chances[..=u].iter().sum::<f64>();
    [0.05, 0.1, 0.2, 0.35].iter().enumerate().for_each(|(u, expected)| close(up_to(u), *expected));
    close(chances.iter().sum(), 1.0);
    assert_eq!(chances.len(), 10);
}

#[test]
fn four_and_four_are_the_least_at_five_per_cent() {
    let (low, high) = ([1.0, 2.0, 3.0, 4.0], [11.0, 12.0, 13.0, 14.0]);
    let of = |a: &[f64], b: &[f64]| Differences::of(a, b).unwrap().interval(0.95);
    assert_eq!(of(&low[..3], &high), Err(Error::TooFew { found: 3, least: 4 }));
    let interval = of(&low, &high).unwrap();
    assert_eq!((interval.low, interval.high), (7.0, 13.0));
    close(interval.level, 1.0 - 2.0 / 70.0);
    close(mann_whitney(&low, &high).unwrap(), 2.0 / 70.0);
    assert_eq!([0.2, 0.1, 0.05, 0.01].map(least_each), [3, 3, 4, 5]);
}

#[test]
fn ties_are_counted_out() {
    // 41 of the 462 ways to deal out the mid-ranks lie as far from the middle.
    let p = mann_whitney(&[1.0, 2.0, 2.0, 3.0, 5.0], &[2.0, 4.0, 5.0, 5.0, 6.0, 7.0]).unwrap();
    close(p, 41.0 / 462.0);
    assert_eq!(mann_whitney(&[3.0; 4], &[3.0; 5]), Ok(1.0));
}

#[test]
fn large_samples_have_the_corrected_normal_approximation() {
    // SciPy 1.17: mannwhitneyu(method="asymptotic"), which corrects for ties and continuity; there are 52 ties.
    let first: Vec<f64> = (0..60).map(|i| real(i * 7 % 61) * 0.5).collect();
    let second: Vec<f64> = (0..55).map(|i| real(i * 5 % 57) * 0.5 + 3.0).collect();
    assert!((mann_whitney(&first, &second).unwrap() - 0.276_108_617_029_276_6).abs() < 1e-9);
    assert_eq!(mann_whitney(&[3.0; 60], &[3.0; 60]), Ok(1.0));
}

#[test]
fn approximation_takes_over_where_the_exact_one_ends() {
    let of = |n: usize| {
        let first: Vec<f64> = (0..n).map(|i| real(i * 7 % n)).collect();
        let second: Vec<f64> = (0..n).map(|i| real(i * 11 % n) + 4.3).collect();
        let interval = Differences::of(&first, &second).unwrap().interval(0.95).unwrap();
        (mann_whitney(&first, &second).unwrap(), interval.low, interval.high)
    };
    let (exact, approximate) = (of(50), of(51));
    assert!((exact.0 - approximate.0).abs() < 0.02, "{exact:?}, {approximate:?}");
    assert!((exact.1 - approximate.1).abs() <= 1.0 && (exact.2 - approximate.2).abs() <= 1.0);
}

#[test]
fn what_is_no_sample_is_refused() {
    assert_eq!(Differences::of(&[], &[1.0]), Err(Error::TooFew { found: 0, least: 1 }));
    assert_eq!(Differences::of(&[1.0], &[f64::NAN]), Err(Error::NotFinite));
    assert!(mann_whitney(&[1.0], &[]).is_err() && mann_whitney(&[f64::INFINITY], &[1.0]).is_err());
    // Beyond the exact distribution there is still too little: one value says nothing about a shift.
    assert!(Differences::of(&[1.0; 1], &[2.0; 60]).unwrap().interval(0.999).is_err());
}

#[test]
fn interval_holds_the_shift_as_often_as_it_says() {
    let mut random = Simulated::new(51);
    for (m, n) in [(4, 4), (6, 9)] {
        let mut level = 0.0;
        let held = simulated::share(3000, || {
            let first = Simulated::sample(m, || random.heavy());
            let second = Simulated::sample(n, || 0.3 + random.heavy());
            let interval = Differences::of(&first, &second).unwrap().interval(0.95).unwrap();
            level = interval.level;
            interval.contains(0.3)
        });
        assert!(
            (held - level).abs() < 2.5 * (level * (1.0 - level) / 3000.0).sqrt(),
            "{m}, {n}: {held} at {level}"
        );
    }
}

proptest! {
    #[test]
    fn interval_excludes_zero_exactly_when_the_test_rejects(
        first in prop::collection::vec(-1.0_f64..1.0, 4..9),
        second in prop::collection::vec(-0.5_f64..1.5, 4..9),
    ) {
        let interval = Differences::of(&first, &second).unwrap().interval(0.95).unwrap();
        let p = mann_whitney(&first, &second).unwrap();
        prop_assert_eq!(interval.contains(0.0), p > 1.0 - interval.level + 1e-9, "{} at {:?}", p, interval);
    }
}
