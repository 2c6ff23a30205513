//! Bounds against published ones, and what they are for: rarely wrong.

use proptest::prelude::*;

use super::*;
use crate::statistics::simulated::{self, Simulated};

fn share(misses: f64, n: f64) -> Share {
    Share::new(misses, n).unwrap()
}

#[track_caller]
fn close(found: f64, expected: f64) {
    assert!((found / expected - 1.0).abs() < 1e-7, "{found} for {expected}");
}

#[test]
fn bounds_are_those_of_clopper_and_pearson() {
    // R 4: binom.test(4, 20) gives 0.0573340 to 0.4366140; each end is a one-sided bound at 97.5 %.
    close(share(4.0, 20.0).lower(0.975).unwrap(), 0.057_333_997_050_032_78);
    close(share(4.0, 20.0).upper(0.975).unwrap(), 0.436_614_002_996_668_3);
}

#[test]
fn bounds_of_other_counts_are_those_of_the_beta_distribution() {
    // SciPy 1.17: beta.ppf(1 - level, misses, n - misses + 1), beta.ppf(level, misses + 1, n - misses).
    for (misses, n, level, low, high) in [
        (10.0, 1000.0, 0.99, 0.004_140_298_065_144_728, 0.020_042_605_900_878_93),
        (2.5, 300.25, 0.99, 0.000_924_946_823_363_943_6, 0.030_423_263_256_344_164),
        (0.3, 12.5, 0.95, 2.498_283_395_318_523_7e-6, 0.250_197_957_899_925_8),
        (1e4, 1e6, 0.99, 0.009_769_963_989_057_693, 0.010_233_909_870_990_082),
        (5e4, 1e7, 0.99, 0.004_948_256_638_132_634, 0.005_052_134_062_564_343),
    ] {
        close(share(misses, n).lower(level).unwrap(), low);
        close(share(misses, n).upper(level).unwrap(), high);
    }
}

#[test]
fn without_a_miss_the_bound_is_a_root() {
    let none = share(0.0, 459.0);
    assert_eq!(none.lower(0.99), Ok(0.0));
    close(none.upper(0.99).unwrap(), 1.0 - 0.01_f64.powf(1.0 / 459.0));
    assert_eq!(share(7.0, 7.0).upper(0.99), Ok(1.0));
}

#[test]
fn least_n_is_the_first_that_shows_the_limit() {
    assert_eq!(least_n(0.01, 0.99), Ok(459));
    assert_eq!(least_n(0.005, 0.99), Ok(919));
    for (n, limit, expected) in [
        (459.0, 0.01, Judgement::Holds),
        (458.0, 0.01, Judgement::Undecided),
        (919.0, 0.005, Judgement::Holds),
        (918.0, 0.005, Judgement::Undecided),
    ] {
        assert_eq!(share(0.0, n).judge(limit, 0.99), Ok(expected), "{n}");
    }
}

#[test]
fn judged_broken_only_where_the_lower_bound_is() {
    // 10 of 1,000 is the limit itself; 25 of 1,000 has a lower bound of 1.5 %.
    assert_eq!(share(10.0, 1000.0).judge(0.01, 0.99), Ok(Judgement::Undecided));
    assert_eq!(share(25.0, 1000.0).judge(0.01, 0.99), Ok(Judgement::Breaks));
}

#[test]
fn what_is_no_share_is_refused() {
    for (misses, n) in
        [(1.0, 0.0), (-1.0, 5.0), (6.0, 5.0), (f64::NAN, 5.0), (0.0, f64::NAN), (0.0, f64::INFINITY)]
    {
        assert!(Share::new(misses, n).is_err(), "{misses} of {n}");
    }
    assert!(share(1.0, 5.0).upper(1.0).is_err() && share(1.0, 5.0).lower(0.0).is_err());
    assert!(least_n(0.0, 0.99).is_err());
}

#[test]
fn blocks_that_miss_together_count_as_one_each() {
    let blocks: Vec<Block> =
        (0..40).map(|i| Block { misses: if i % 4 == 0 { 25 } else { 0 }, n: 25 }).collect();
    // Ten of forty blocks: the effect is the size of a block, and 40/39 for estimating it.
    close(design_effect(&blocks), 25.0 * 40.0 / 39.0);
    let (misses, n) = Share::of_blocks(&blocks).unwrap().effective();
    close(misses, 10.0 * 39.0 / 40.0);
    close(n, 39.0);
}

#[test]
fn no_design_effect_where_it_cannot_be_told() {
    let even = [Block { misses: 1, n: 10 }; 9];
    let all = [Block { misses: 10, n: 10 }; 9];
    let none = [Block { misses: 0, n: 10 }; 9];
    let one = [Block { misses: 3, n: 10 }, Block { misses: 0, n: 0 }];
    for blocks in [&even[..], &all, &none, &one, &[]] {
        close(design_effect(blocks), 1.0);
    }
    assert!(Share::of_blocks(&[]).is_err());
}

/// Seconds of `size` requests that miss alone with `alone`; in one second of twenty half of them miss together.
fn seconds(random: &mut Simulated, size: u64, alone: f64, together: f64) -> Vec<Block> {
    let one_second = |_| {
        let pause = random.uniform() < together;
        let chance = if pause { 0.5 } else { alone };
        Block { misses: (0..size).map(|_| u64::from(random.uniform() < chance)).sum(), n: size }
    };
    (0..80).map(one_second).collect()
}

#[test]
fn design_effect_of_independent_requests_is_about_one() {
    let mut random = Simulated::new(11);
    let effects: Vec<f64> = (0..100).map(|_| design_effect(&seconds(&mut random, 20, 0.05, 0.0))).collect();
    let mean = effects.iter().sum::<f64>() / 100.0;
    // max(1, a variance ratio with standard deviation 0.16) is 1.06 in the mean.
    assert!((1.0..1.15).contains(&mean), "{mean}");
}

#[test]
fn bounds_of_bursts_hold_with_the_design_effect_and_not_without() {
    let (alone, together) = (0.01, 0.05);
    let truth = alone * (1.0 - together) + 0.5 * together;
    let mut random = Simulated::new(12);
    let (mut with, mut without) = (0, 0);
    for _ in 0..600 {
        let blocks = seconds(&mut random, 30, alone, together);
        let (misses, n) = totals(&blocks);
        with += u32::from(Share::of_blocks(&blocks).unwrap().upper(0.95).unwrap() < truth);
        without += u32::from(share(misses, n).upper(0.95).unwrap() < truth);
    }
    // 5 % of 600 is 30. The skew of few bursts costs something; counting requests as independent costs everything.
    println!("upper 95 % bound below the truth: {with} of 600 with the design effect, {without} without");
    assert!(with <= 60 && without >= 120, "{with}, {without}");
}

#[test]
fn one_sided_bounds_miss_no_more_often_than_they_say() {
    let mut random = Simulated::new(13);
    for truth in [0.01, 0.2] {
        let count = |random: &mut Simulated| (0..150).filter(|_| random.uniform() < truth).count();
        let wrong =
            simulated::share(1000, || share(real(count(&mut random)), 150.0).upper(0.95).unwrap() < truth);
        assert!(wrong <= 0.05, "{truth}: {wrong}");
        let wrong =
            simulated::share(1000, || share(real(count(&mut random)), 150.0).lower(0.95).unwrap() > truth);
        assert!(wrong <= 0.05, "{truth}: {wrong}");
    }
}

proptest! {
    #[test]
    fn bounds_enclose_the_share_and_widen_with_the_level(n in 0.5_f64..5000.0, part in 0.0..=1.0, level in 0.55_f64..0.99) {
        let share = share(n * part, n);
        let (low, high) = (share.lower(level).unwrap(), share.upper(level).unwrap());
        prop_assert!(0.0 <= low && low <= share.point() + 1e-9 && share.point() <= high + 1e-9 && high <= 1.0);
        let wider = level + 0.005;
        prop_assert!(share.lower(wider).unwrap() <= low + 1e-12 && high <= share.upper(wider).unwrap() + 1e-12);
    }
}
