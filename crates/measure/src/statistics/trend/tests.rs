//! Slopes against published ones, and how often their intervals hold the truth.

use proptest::prelude::*;

use super::*;
use crate::statistics::simulated::{self, Simulated};

#[track_caller]
fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found} for {expected}");
}

#[test]
fn slope_is_that_of_hollander_and_wolfe() {
    // Hollander & Wolfe, Nonparametric Statistical Methods, example 9.1 (seeded clouds, Smith 1967): -0.0563.
    let trend = theil_sen(&[1.26, 1.27, 1.12, 1.16, 1.03], 1.0, 0.95).unwrap();
    close(trend.slope, -0.05625);
    // Five points only tell at 98.3 %, by the two outermost of the ten slopes.
    close(trend.interval.low, -0.15);
    close(trend.interval.high, 0.04);
    close(trend.interval.level, 1.0 - 2.0 / 120.0);
    close(trend.inflation, 1.0);
}

#[test]
fn distribution_of_falling_pairs_is_kendalls() {
    // Kendall 1938: of the 24 orders of four, 1, 3, 5, 6, 5, 3 and 1 have 0 to 6 falling pairs.
    let found = inversions(4);
    for (found, expected) in found.iter().zip([1.0, 3.0, 5.0, 6.0, 5.0, 3.0, 1.0]) {
        close(found * 24.0, expected);
    }
    assert_eq!(found.len(), 7);
}

#[test]
fn variance_is_that_of_mann_and_kendall() {
    // Gilbert 1987, chapter 16: n (n - 1) (2n + 5) / 18, less the same for each group of ties.
    close(variance(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]), 125.0);
    close(variance(&[1.0, 2.0, 2.0, 4.0, 5.0, 6.0, 6.0, 6.0, 9.0, 10.0]), (2250.0 - 18.0 - 66.0) / 18.0);
}

#[test]
fn four_points_cannot_show_a_trend() {
    assert_eq!(theil_sen(&[1.0, 2.0, 3.0, 4.0], 1.0, 0.95), Err(Error::TooFew { found: 4, least: 5 }));
    assert!(theil_sen(&[1.0, 2.0, 3.0, 4.0, 5.0], 1.0, 0.95).unwrap().is_shown());
}

#[test]
fn level_series_has_no_trend() {
    for n in [5, 20, 40] {
        let trend = theil_sen(&vec![7.0; n], 2.0, 0.95).unwrap();
        assert_eq!((trend.slope, trend.interval.low, trend.interval.high), (0.0, 0.0, 0.0), "{n}");
        assert_eq!(trend.judge(0.0, 0.0), Judgement::Holds);
    }
}

#[test]
fn slope_is_per_second_and_not_per_point() {
    let line: Vec<f64> = (0..20).map(|at| 3.0 * f64::from(at)).collect();
    let trend = theil_sen(&line, 2.0, 0.95).unwrap();
    close(trend.slope, 1.5);
    assert_eq!(trend.judge(1.4, 2.0), Judgement::Breaks);
    assert_eq!(trend.judge(1.6, 1.7), Judgement::Holds);
    assert_eq!(trend.judge(1.6, 1.4), Judgement::Undecided);
}

#[test]
fn what_is_no_series_is_refused() {
    let line = [1.0, 2.0, 3.0, 4.0, f64::NAN];
    assert_eq!(theil_sen(&line, 1.0, 0.95), Err(Error::NotFinite));
    assert!(theil_sen(&line[..4], 0.0, 0.95).is_err());
    assert!(theil_sen(&line[..4], 1.0, 1.0).is_err());
    assert!(theil_sen(&[], 1.0, 0.95).is_err());
}

/// A first-order process in its stationary state, plus a line.
fn process(random: &mut Simulated, n: usize, persistence: f64, slope: f64) -> Vec<f64> {
    let mut value = random.normal() / (1.0 - persistence * persistence).sqrt();
    (0..n)
        .map(|at| {
            value = persistence * value + random.normal();
            value + slope * real(at)
        })
        .collect()
}

#[test]
fn intervals_hold_the_slope_in_spite_of_autocorrelation() {
    let mut random = Simulated::new(21);
    for (n, persistence, least) in
        [(5, 0.0, 0.975), (20, 0.0, 0.95), (20, 0.3, 0.93), (20, 0.5, 0.9), (40, 0.5, 0.91), (40, 0.7, 0.87)]
    {
        let held = simulated::share(800, || {
            let series = process(&mut random, n, persistence, 0.2);
            theil_sen(&series, 1.0, 0.95).unwrap().interval.contains(0.2)
        });
        println!("95 % interval of {n} points at {persistence}: {held}");
        assert!(held >= least, "{n} points at {persistence}: {held}");
    }
}

#[test]
fn trend_is_found_when_there_is_one() {
    let mut random = Simulated::new(22);
    let found = simulated::share(200, || {
        theil_sen(&process(&mut random, 20, 0.3, 0.3), 1.0, 0.95).unwrap().interval.low > 0.0
    });
    assert!(found >= 0.9, "{found}");
}

#[test]
fn points_that_all_resemble_one_another_say_nothing() {
    let wave: Vec<f64> = (0..12).map(|at| (f64::from(at) / 2.0).sin()).collect();
    let trend = theil_sen(&wave, 1.0, 0.99).unwrap();
    assert!(trend.interval.low == f64::NEG_INFINITY && trend.inflation > 3.0, "{trend:?}");
    assert_eq!(trend.judge(1.0, 1e9), Judgement::Undecided);
}

proptest! {
    #[test]
    fn slope_moves_with_the_line_added(values in prop::collection::vec(-100.0..100.0, 5..30), slope in -5.0_f64..5.0) {
        let before = theil_sen(&values, 2.0, 0.95).unwrap();
        prop_assert!(before.interval.contains(before.slope));
        prop_assert!(before.inflation >= 1.0);
        let tilted: Vec<f64> = values.iter().enumerate().map(|(at, value)| value + slope * 2.0 * real(at)).collect();
        let after = theil_sen(&tilted, 2.0, 0.95).unwrap();
        prop_assert!((after.slope - before.slope - slope).abs() < 1e-6);
    }
}
