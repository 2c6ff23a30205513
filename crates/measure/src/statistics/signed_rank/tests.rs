//! Against tables and textbooks, and how often the intervals hold the truth.

use proptest::prelude::*;

use super::*;
use crate::statistics::{
    real,
    simulated::{self, Simulated},
};

/// Hollander & Wolfe, table 3.1: depression of nine patients before and after a tranquillizer (Salsburg 1970).
const BEFORE: [f64; 9] = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30];
#[expect(clippy::approx_constant, reason = "a patient")]
const AFTER: [f64; 9] = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29];

/// Fisher 1935, The Design of Experiments, section 17: Darwin's fifteen pairs of maize, in eighths of an inch.
const MAIZE: [f64; 15] =
    [49.0, -67.0, 8.0, 16.0, 6.0, 23.0, 28.0, 41.0, 14.0, 29.0, 56.0, 24.0, 75.0, 60.0, -48.0];

#[track_caller]
fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found} for {expected}");
}

fn depression() -> Vec<f64> {
    BEFORE.iter().zip(AFTER).map(|(before, after)| before - after).collect()
}

#[test]
fn depression_is_that_of_hollander_and_wolfe() {
    // R 4: wilcox.test(before, after, paired = TRUE, conf.int = TRUE) gives V = 40, p = 0.03906, 0.46 [0.010, 0.786].
    let walsh = Walsh::of(&depression()).unwrap();
    close(walsh.hodges_lehmann(), 0.46);
    let interval = walsh.interval(0.95).unwrap();
    close(interval.low, 0.010);
    close(interval.high, 0.786);
    close(interval.level, 1.0 - 20.0 / 512.0);
    close(pratt(&depression()).unwrap(), 20.0 / 512.0);
}

#[test]
fn maize_is_that_of_darwin() {
    // R 4: wilcox.test(maize, conf.int = TRUE) gives V = 96, p = 0.04126, 25.
    let walsh = Walsh::of(&MAIZE).unwrap();
    close(walsh.hodges_lehmann(), 25.0);
    assert!((pratt(&MAIZE).unwrap() - 0.041_259_765_625).abs() < 1e-12);
    // The 26th of 120 averages from either end.
    let interval = walsh.interval(0.95).unwrap();
    assert_eq!((interval.low, interval.high), (4.0, 41.5));
    assert_eq!(hodges_lehmann(&MAIZE), Some(25.0));
}

#[test]
fn critical_values_are_those_of_the_tables() {
    // Wilcoxon & Wilcox 1964, table 2, two-sided 5 %: the greatest sum that rejects.
    for (pairs, critical) in [
        (6, 0.0),
        (7, 2.0),
        (8, 3.0),
        (9, 5.0),
        (10, 8.0),
        (11, 10.0),
        (12, 13.0),
        (13, 17.0),
        (14, 21.0),
        (15, 25.0),
    ] {
        let places: Vec<f64> = (0..pairs * (pairs + 1) / 2).map(real).collect();
        let interval = closed::interval(&places, &null(pairs), 0.95).unwrap();
        close(interval.low, critical);
        close(interval.high, places.last().unwrap() - critical);
    }
}

#[test]
fn level_achieved_at_ten_pairs_is_told() {
    let ten: Vec<f64> = (1..=10).map(real).collect();
    let level = Walsh::of(&ten).unwrap().interval(0.95).unwrap().level;
    // Wilcoxon 1945, table I: of the 1,024 throws 25 have a sum of at most 8.
    close(level, 1.0 - 50.0 / 1024.0);
}

#[test]
fn six_pairs_are_the_least_at_five_per_cent() {
    let pairs = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6];
    assert_eq!(Walsh::of(&pairs[..5]).unwrap().interval(0.95), Err(Error::TooFew { found: 5, least: 6 }));
    let interval = Walsh::of(&pairs).unwrap().interval(0.95).unwrap();
    assert_eq!((interval.low, interval.high, interval.level), (0.1, 0.6, 1.0 - 2.0 / 64.0));
    assert_eq!([0.5, 0.1, 0.05, 0.01, 0.001].map(least_pairs), [2, 5, 6, 8, 11]);
}

#[test]
fn zeros_are_kept_as_pratt_keeps_them() {
    // The sample of Pratt 1959. With the zero dropped it is less sure (2 * 70 / 4096) than with 1 taken from each
    // (2 * 115 / 8192); with the zero kept it is not.
    let sample = [0.0, 2.0, 3.0, 4.0, 6.0, 7.0, 8.0, 9.0, 11.0, 14.0, 15.0, 17.0, -18.0];
    let p = |shift: f64| pratt(&sample.map(|it| it + shift)).unwrap();
    close(p(0.0), 98.0 / 4096.0);
    close(pratt(&sample[1..]).unwrap(), 140.0 / 4096.0);
    close(p(-1.0), 230.0 / 8192.0);
    close(p(1.0), 140.0 / 8192.0);
    assert!(p(1.0) < p(0.0) && p(0.0) < p(-1.0));
}

#[test]
fn ties_are_counted_out() {
    // All 128 signs of the ranks of 1, 2, 2, 2, 3, 5, 4 above two zeros: 6 lie as far out.
    close(pratt(&[0.0, 0.0, 1.0, 2.0, 2.0, -1.0, 3.0, 5.0, 4.0]).unwrap(), 6.0 / 128.0);
}

#[test]
fn nothing_differs_where_all_pairs_are_equal() {
    let walsh = Walsh::of(&[0.0; 8]).unwrap();
    let interval = walsh.interval(0.95).unwrap();
    assert_eq!((interval.low, walsh.hodges_lehmann(), interval.high), (0.0, 0.0, 0.0));
    assert_eq!(pratt(&[0.0; 8]), Ok(1.0));
    assert_eq!(pratt(&[0.0, -0.0]), Ok(1.0));
}

#[test]
fn what_is_no_sample_is_refused() {
    assert_eq!(Walsh::of(&[]), Err(Error::TooFew { found: 0, least: 1 }));
    assert_eq!(Walsh::of(&[1.0, f64::NAN]), Err(Error::NotFinite));
    assert_eq!(pratt(&[f64::INFINITY]), Err(Error::NotFinite));
    assert!(pratt(&[]).is_err());
    assert!(Walsh::of(&[1.0; 9]).unwrap().interval(0.0).is_err());
    assert_eq!(hodges_lehmann(&[]), None);
}

#[test]
fn interval_holds_the_shift_as_often_as_it_says() {
    let mut random = Simulated::new(41);
    for heavy in [false, true] {
        for pairs in [6, 10, 15] {
            let mut level = 0.0;
            let held = simulated::share(4000, || {
                let sample =
                    Simulated::sample(pairs, || 0.3 + if heavy { random.heavy() } else { random.normal() });
                let interval = Walsh::of(&sample).unwrap().interval(0.95).unwrap();
                level = interval.level;
                interval.contains(0.3)
            });
            // Two and a half standard errors.
            assert!(
                (held - level).abs() < 2.5 * (level * (1.0 - level) / 4000.0).sqrt(),
                "{pairs}: {held} at {level}"
            );
        }
    }
}

proptest! {
    #[test]
    fn interval_excludes_zero_exactly_when_the_test_rejects(values in prop::collection::vec(-1.0_f64..1.0, 6..16)) {
        // Without ties and zeros, which a random sample does not have.
        let interval = Walsh::of(&values).unwrap().interval(0.95).unwrap();
        let p = pratt(&values).unwrap();
        prop_assert_eq!(interval.contains(0.0), p > 1.0 - interval.level + 1e-9, "{} at {:?}", p, interval);
    }

    #[test]
    fn shift_moves_estimate_and_interval(values in prop::collection::vec(-1.0_f64..1.0, 6..16), shift in -3.0_f64..3.0) {
        let of = |values: &[f64]| {
            let walsh = Walsh::of(values).unwrap();
            let interval = walsh.interval(0.9).unwrap();
            [interval.low, walsh.hodges_lehmann(), interval.high]
        };
        let moved: Vec<f64> = values.iter().map(|value| value + shift).collect();
        let mirrored: Vec<f64> = values.iter().map(|value| -value).collect();
        let (before, after, mirror) = (of(&values), of(&moved), of(&mirrored));
        for at in 0..3 {
            prop_assert!((after[at] - before[at] - shift).abs() < 1e-9);
            prop_assert!((mirror[at] + before[2 - at]).abs() < 1e-9);
        }
        prop_assert!(before.is_sorted());
    }
}
