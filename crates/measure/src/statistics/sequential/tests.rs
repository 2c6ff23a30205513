//! Against the published constants, and a walk that is looked at.

use super::*;
use crate::statistics::simulated::{self, Simulated};

#[test]
fn constants_are_those_of_jennison_and_turnbull() {
    // Jennison & Turnbull 2000, table 2.1: C_P(K, alpha), for alpha of 1, 5 and 10 %.
    for (looks, constants) in [
        (1, [2.576, 1.960, 1.645]),
        (2, [2.772, 2.178, 1.875]),
        (3, [2.873, 2.289, 1.992]),
        (4, [2.939, 2.361, 2.067]),
        (5, [2.986, 2.413, 2.122]),
        (10, [3.117, 2.555, 2.270]),
        (20, [3.225, 2.672, 2.392]),
    ] {
        for (alpha, expected) in [0.01, 0.05, 0.1].into_iter().zip(constants) {
            let found = pocock_constant(looks, alpha).unwrap();
            assert!((found - expected).abs() < 0.000_51, "{looks} looks at {alpha}: {found} for {expected}");
        }
    }
}

#[test]
fn levels_are_those_of_pocock() {
    // Pocock 1977, table 1: nominal levels for a common one of 5 %.
    for (looks, expected) in [(1, 0.05), (2, 0.0294), (3, 0.0221), (4, 0.0182), (5, 0.0158), (10, 0.0106)] {
        let found = pocock_level(looks, 0.05).unwrap();
        assert!((found - expected).abs() < 0.000_051, "{looks}: {found} for {expected}");
    }
}

#[test]
fn crossing_is_what_a_walk_does() {
    let mut random = Simulated::new(71);
    let boundary = pocock_constant(4, 0.05).unwrap();
    let crossed = simulated::share(20_000, || {
        let mut walk = 0.0;
        (1..=4).any(|look| {
            walk += random.normal();
            f64::abs(walk) > boundary * real(look).sqrt()
        })
    });
    // Standard error 0.15 %.
    assert!((crossed - 0.05).abs() < 0.004, "{crossed}");
}

#[test]
fn more_looks_take_a_smaller_level() {
    let levels: Vec<f64> = (1..=12).map(|looks| pocock_level(looks, 0.05).unwrap()).collect();
    assert!(levels.windows(2).all(|pair| pair[1] < pair[0] && pair[1] > 0.05 / 12.0), "{levels:?}");
}

#[test]
fn what_is_no_plan_is_refused() {
    assert!(pocock_level(0, 0.05).is_err() && pocock_level(101, 0.05).is_err());
    assert!(pocock_level(3, 0.0).is_err() && pocock_level(3, 1.0).is_err());
}
