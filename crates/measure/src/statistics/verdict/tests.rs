//! Each row of the table, and how often it is wrong.

use proptest::prelude::*;

use super::*;
use crate::statistics::{
    sequential,
    simulated::{self, Simulated},
};

const HIGHER: Better = Better::Higher;

fn question(better: Better) -> Question {
    Question::new(better)
}

/// Eight pairs around a ratio, spread by up to `spread` of a logarithm.
fn around(ratio: f64, spread: f64) -> Vec<f64> {
    [-1.0, -0.7, -0.4, -0.1, 0.2, 0.5, 0.6, 0.9].map(|place| f64::ln(ratio) + spread * place).to_vec()
}

fn verdict_of(log_ratios: &[f64], better: Better) -> Verdict {
    paired(log_ratios, question(better)).unwrap().verdict
}

#[test]
fn difference_that_is_shown_and_matters_helps_or_hurts() {
    assert_eq!(verdict_of(&around(1.1, 0.05), Better::Higher), Verdict::Helps);
    assert_eq!(verdict_of(&around(1.1, 0.05), Better::Lower), Verdict::Hurts);
    assert_eq!(verdict_of(&around(0.9, 0.05), Better::Higher), Verdict::Hurts);
    assert_eq!(verdict_of(&around(0.9, 0.05), Better::Lower), Verdict::Helps);
}

#[test]
fn difference_that_is_shown_and_does_not_matter_is_equivalent() {
    // The interval excludes 1, and lies inside of the band.
    let found = paired(&around(1.015, 0.005), question(HIGHER)).unwrap();
    assert!(!found.interval.contains(1.0), "{found:?}");
    assert_eq!(found.verdict, Verdict::Equivalent);
}

#[test]
fn estimate_inside_of_the_band_is_never_a_difference() {
    let found = paired(&around(1.022, 0.02), question(HIGHER)).unwrap();
    assert!(!found.interval.contains(1.0) && found.equivalence.high > 1.03, "{found:?}");
    assert_eq!(found.verdict, Verdict::Inconclusive);
}

#[test]
fn spread_that_hides_the_answer_is_inconclusive_and_says_what_it_takes() {
    let found = paired(&around(1.02, 0.2), question(HIGHER)).unwrap();
    assert_eq!(found.verdict, Verdict::Inconclusive);
    assert!(found.needed.unwrap() > 100, "{found:?}");
    // Half the spread needs a quarter of the pairs.
    let half = paired(&around(1.02, 0.1), question(HIGHER)).unwrap();
    assert!(found.needed.unwrap().abs_diff(4 * half.needed.unwrap()) <= 4, "{found:?}, {half:?}");
    assert_eq!(paired(&around(1.1, 0.05), question(HIGHER)).unwrap().needed, None);
}

#[test]
fn pairs_without_any_difference_are_equivalent() {
    let found = paired(&[0.0; 6], question(HIGHER)).unwrap();
    assert_eq!((found.verdict, found.ratio, found.p_value), (Verdict::Equivalent, 1.0, 1.0));
    assert_eq!((found.interval.low, found.interval.high), (1.0, 1.0));
    let found = unpaired(&[2.0; 4], &[2.0; 4], question(HIGHER)).unwrap();
    assert_eq!((found.verdict, found.ratio, found.p_value), (Verdict::Equivalent, 1.0, 1.0));
}

#[test]
fn too_few_pairs_for_the_level_are_an_error() {
    assert_eq!(paired(&[0.1; 5], question(HIGHER)), Err(Error::TooFew { found: 5, least: 6 }));
    assert_eq!(paired(&[], question(HIGHER)), Err(Error::TooFew { found: 0, least: 1 }));
    let strict = Question { alpha: sequential::pocock_level(5, 0.05).unwrap(), ..question(HIGHER) };
    assert_eq!(paired(&[0.1; 6], strict), Err(Error::TooFew { found: 6, least: 7 }));
    assert_eq!(unpaired(&[0.1; 3], &[0.2; 9], question(HIGHER)), Err(Error::TooFew { found: 3, least: 4 }));
}

#[test]
fn first_look_at_eight_pairs_is_enough_for_ten_looks() {
    let alpha = sequential::pocock_level(10, 0.05).unwrap();
    let found = paired(&around(1.3, 0.05), Question { alpha, ..question(HIGHER) }).unwrap();
    assert_eq!(found.verdict, Verdict::Helps);
    assert!(found.interval.level >= 1.0 - alpha && found.equivalence.level >= 1.0 - 2.0 * alpha);
}

#[test]
fn what_is_no_question_is_refused() {
    let pairs = around(1.1, 0.05);
    for (band, alpha) in [(0.0, 0.05), (f64::NAN, 0.05), (0.03, 0.0), (0.03, 0.5), (0.03, f64::NAN)] {
        let question = Question { better: HIGHER, band, alpha };
        assert!(
            paired(&pairs, question).is_err() && unpaired(&pairs, &pairs, question).is_err(),
            "{question:?}"
        );
    }
    assert_eq!(paired(&[f64::NAN; 8], question(HIGHER)), Err(Error::NotFinite));
}

#[test]
fn samples_without_pairs_are_judged_alike() {
    let (low, high) = (around(100.0, 0.03), around(115.0, 0.03));
    let found = unpaired(&low, &high, question(Better::Lower)).unwrap();
    assert_eq!((found.verdict, found.n), (Verdict::Hurts, 8));
    assert!((found.ratio - 1.15).abs() < 1e-9, "{found:?}");
    assert_eq!(unpaired(&high, &low, question(Better::Lower)).unwrap().verdict, Verdict::Helps);
    assert_eq!(unpaired(&low, &around(100.5, 0.012), question(HIGHER)).unwrap().verdict, Verdict::Equivalent);
    assert_eq!(unpaired(&low, &around(102.0, 0.3), question(HIGHER)).unwrap().verdict, Verdict::Inconclusive);
}

#[test]
fn comparison_is_the_same_after_a_journey_through_json() {
    let found = paired(&around(1.02, 0.2), question(HIGHER)).unwrap();
    let text = serde_json::to_string(&found).unwrap();
    assert!(text.starts_with(r#"{"verdict":"inconclusive","n":8,"#), "{text}");
    let back: Comparison = serde_json::from_str(&text).unwrap();
    assert_eq!((back.verdict, back.needed), (found.verdict, found.needed));
    assert!((back.interval.low - found.interval.low).abs() < 1e-12);
}

/// Whether a false difference is found.
fn differs(log_ratios: &[f64], alpha: f64) -> bool {
    let found = paired(log_ratios, Question { alpha, ..question(HIGHER) }).unwrap();
    matches!(found.verdict, Verdict::Helps | Verdict::Hurts)
}

#[test]
fn profile_against_itself_is_a_difference_at_most_once_in_twenty() {
    let mut random = Simulated::new(81);
    for (name, spread, heavy) in
        [("normal", 0.03, false), ("normal", 0.08, false), ("normal", 0.5, false), ("heavy", 0.08, true)]
    {
        // 10,240 experiments: ten draws, each in all 1,024 orders that its pairs may have had. So the exact test's own
        // chance (50 of 1,024) is seen without the noise of a simulation, and the band's share in it remains random.
        let mut wrong = 0;
        for _ in 0..10 {
            let draw = || spread * if heavy { random.heavy() } else { random.normal() };
            let pairs = Simulated::sample(10, draw);
            let ordered = |order: u32| -> Vec<f64> {
                pairs
                    .iter()
                    .enumerate()
                    .map(|(at, pair)| if order >> at & 1 == 1 { -pair } else { *pair })
                    .collect()
            };
            wrong += (0..1024).filter(|&order| differs(&ordered(order), 0.05)).count();
        }
        println!("A against A, 10 pairs, {name}, spread {spread}: {wrong} of 10,240");
        assert!(wrong * 20 <= 10_240, "{name}, {spread}: {wrong}");
    }
}

/// How often a profile differs from itself at one of these numbers of pairs, out of 10,000 experiments.
fn wrong_at(looks: &[usize], mut draw: impl FnMut() -> f64) -> f64 {
    let alpha = sequential::pocock_level(looks.len(), 0.05).unwrap();
    simulated::share(10_000, || {
        let mut pairs = Vec::new();
        looks.iter().any(|&look| {
            pairs.resize_with(look, &mut draw);
            differs(&pairs, alpha)
        })
    })
}

#[test]
fn profile_against_itself_is_a_difference_at_most_once_in_twenty_at_two_looks() {
    let mut random = Simulated::new(82);
    let wrong = wrong_at(&[8, 16], || 0.3 * random.normal());
    println!("A against A, looks at 8 and 16 pairs, normal: {wrong}");
    assert!(wrong <= 0.05, "{wrong}");
}

#[test]
fn profile_against_itself_is_a_difference_at_most_once_in_twenty_at_three_looks() {
    let mut random = Simulated::new(88);
    let wrong = wrong_at(&[8, 12, 16], || 0.3 * random.heavy());
    println!("A against A, looks at 8, 12 and 16 pairs, heavy: {wrong}");
    assert!(wrong <= 0.05, "{wrong}");
}

#[test]
fn looks_at_the_level_of_one_are_wrong_more_often() {
    // What the level is for.
    let mut random = Simulated::new(87);
    let wrong = simulated::share(1500, || {
        let mut pairs = Vec::new();
        [8, 16, 24].into_iter().any(|look| {
            pairs.resize_with(look, || 0.3 * random.normal());
            differs(&pairs, 0.05)
        })
    });
    assert!(wrong > 0.06, "{wrong}");
}

#[test]
fn samples_without_pairs_of_one_profile_differ_at_most_once_in_twenty() {
    let mut random = Simulated::new(83);
    let wrong = simulated::share(4000, || {
        let mut draw = || Simulated::sample(6, || 0.3 * random.heavy());
        let found = unpaired(&draw(), &draw(), question(HIGHER)).unwrap();
        matches!(found.verdict, Verdict::Helps | Verdict::Hurts)
    });
    assert!(wrong <= 0.05, "{wrong}");
}

#[test]
fn tenth_more_is_found_by_ten_pairs_four_times_of_five() {
    let mut random = Simulated::new(84);
    let found = simulated::share(4000, || {
        let pairs = Simulated::sample(10, || f64::ln(1.1) + 0.08 * random.normal());
        verdict_of(&pairs, HIGHER) == Verdict::Helps
    });
    println!("power of 10 pairs at a ratio of 1.10 and a standard deviation of 0.08: {found}");
    assert!(found >= 0.9, "{found}");
}

#[test]
fn ratio_at_the_edge_of_the_band_is_equivalent_at_most_once_in_twenty() {
    let mut random = Simulated::new(85);
    let wrong = simulated::share(6000, || {
        let pairs = Simulated::sample(10, || f64::ln(1.03) + 0.02 * random.normal());
        verdict_of(&pairs, HIGHER) == Verdict::Equivalent
    });
    assert!(wrong <= 0.05, "{wrong}");
}

#[test]
fn pairs_that_are_said_to_be_needed_are_about_enough() {
    let mut random = Simulated::new(86);
    // The median of what inconclusive experiments of ten pairs ask for.
    let asked: Vec<f64> = (0..200)
        .filter_map(|_| {
            let pairs = Simulated::sample(10, || 0.05 * random.normal());
            paired(&pairs, question(HIGHER)).unwrap().needed.map(real)
        })
        .collect();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some twenty pairs")]
    let needed = super::super::median(&asked).unwrap().round() as usize;
    let shown = simulated::share(300, || {
        let pairs = Simulated::sample(needed, || 0.05 * random.normal());
        verdict_of(&pairs, HIGHER) == Verdict::Equivalent
    });
    println!("at a standard deviation of 0.05 {needed} pairs are asked for, and show a likeness in {shown}");
    assert!((0.65..=0.92).contains(&shown), "{needed} pairs: {shown}");
}

proptest! {
    #[test]
    fn exchanging_the_arms_exchanges_the_verdict(values in prop::collection::vec(-0.3_f64..0.5, 6..14)) {
        let there = paired(&values, question(HIGHER)).unwrap();
        let mirrored: Vec<f64> = values.iter().map(|value| -value).collect();
        let back = paired(&mirrored, question(HIGHER)).unwrap();
        let expected = match there.verdict {
            Verdict::Helps => Verdict::Hurts,
            Verdict::Hurts => Verdict::Helps,
            other => other,
        };
        prop_assert_eq!(back.verdict, expected);
        prop_assert!((back.ratio * there.ratio - 1.0).abs() < 1e-9);
        prop_assert_eq!(paired(&values, question(Better::Lower)).unwrap().verdict, expected);
    }

    #[test]
    fn finite_pairs_have_an_answer(values in prop::collection::vec(prop::num::f64::NORMAL, 6..14)) {
        let found = paired(&values, question(HIGHER)).unwrap();
        prop_assert!(found.p_value > 0.0 && found.p_value <= 1.0);
    }
}
