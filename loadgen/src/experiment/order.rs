//! What is random in an experiment: the order within pairs, their seeds, and where their searches begin. All of it is a function
//! of the experiment's seed and the pair's place, and of nothing that was measured.

use measure::search;
use record::experiment::{Arms, Design, Load, Order};

/// So many tries at one place at most; see [`super::machine::MOST_REPEATS`].
const MOST_ATTEMPTS: usize = 1 + super::machine::MOST_REPEATS;
/// A search of an experiment begins with a bracket from the pilots' middle divided by this to it times this.
const REACH: f64 = 1.2;
/// By so much the middle moves from pair to pair, so that not all pairs try the same loads.
const JITTER: std::ops::Range<f64> = 0.9..1.1;
/// So many probes for a search at most, whatever bracket is left then: pairs are worth more than narrow brackets.
const PROBES: u32 = 6;
/// A search stops earlier when the ends of its bracket are so near.
const BRACKET: f64 = 1.05;

/// What a random number is for: each has a sequence of its own.
const ORDERS: u64 = 1;
const SEEDS: u64 = 2;
const MIDDLES: u64 = 3;

/// The number at `place` of a random sequence: `SplitMix64` (Steele, Lea & Flood 2014), which can be entered anywhere. Numbers at
/// different places of one sequence differ, because every step is a permutation.
fn random(seed: u64, purpose: u64, place: usize) -> u64 {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    mix(mix(seed ^ mix(purpose)).wrapping_add(GOLDEN.wrapping_mul(place as u64)))
}

fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// The order of the pair at place `number`, from 1.
///
/// Places one and two are a block, three and four the next: in each block both orders occur, and a coin says which is first. So
/// whatever a machine does to the second trial of a pair, and however it drifts, it does to both arms alike; and wherever an
/// experiment stops, one order has at most one pair more. (Sequential looks come after even numbers of pairs.)
pub(super) fn order(seed: u64, number: usize) -> Order {
    let (block, is_second) = ((number - 1) / 2, number.is_multiple_of(2));
    let baseline_first = random(seed, ORDERS, block) >> 63 == 1;
    if baseline_first == is_second { Order::CandidateFirst } else { Order::BaselineFirst }
}

/// The seed of a pair. No two of an experiment are the same.
pub(super) fn pair_seed(seed: u64, number: usize, attempt: usize) -> u64 {
    random(seed, SEEDS, (number - 1) * MOST_ATTEMPTS + attempt)
}

/// Uniform between the ends of [`JITTER`].
fn jitter(pair_seed: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
    let share = (random(pair_seed, MIDDLES, 0) >> 11) as f64 / (1_u64 << 53) as f64;
    JITTER.start + share * (JITTER.end - JITTER.start)
}

/// What both trials of a pair offer.
///
/// In the capacity design both arms begin with one bracket, around the middle of the pilots. It never moves by what a pair has
/// found: that would make the pairs depend on one another, and double the false verdicts.
pub(super) fn load(design: &Design, pair_seed: u64) -> Load {
    match *design {
        // An experiment of kept records measures nothing.
        Design::FixedRate { at, .. } => Load::At(at),
        Design::Kept => Load::At(0.0),
        Design::Capacity { pilots: Arms { baseline, candidate }, most } => {
            let middle = (baseline * candidate).sqrt() * jitter(pair_seed);
            Load::Search(search::Plan {
                from: search::From::Bracket { low: middle / REACH, high: middle * REACH },
                bracket: BRACKET,
                repeats: false,
                most,
                probes: Some(PROBES),
                hold: false,
                overload: false,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_block_of_two_has_both_orders(seed: u64) {
            let orders: Vec<Order> = (1..=20).map(|number| order(seed, number)).collect();
            prop_assert!(orders.chunks(2).all(|block| block[0] != block[1]), "{orders:?}");
        }

        #[test]
        fn no_two_pairs_have_one_seed(seed: u64) {
            let all = (1..=100).flat_map(|number| (1..=3).map(move |attempt| pair_seed(seed, number, attempt)));
            prop_assert_eq!(all.collect::<BTreeSet<u64>>().len(), 300);
        }

        #[test]
        fn brackets_lie_around_the_pilots(seed: u64, baseline in 1.0_f64..1e4, ratio in 0.3_f64..3.0) {
            let pilots = Arms { baseline, candidate: baseline * ratio };
            let Load::Search(plan) = load(&Design::Capacity { pilots, most: None }, seed) else { panic!() };
            let search::From::Bracket { low, high } = plan.from else { panic!() };
            prop_assert!((high / low - 1.44).abs() < 1e-9);
            let factor = (low * high).sqrt() / (baseline * ratio.sqrt());
            prop_assert!((0.9..=1.1).contains(&factor), "{factor}");
            prop_assert!(search::Search::new(plan).is_ok());
        }
    }

    #[test]
    fn first_of_a_block_is_as_often_one_as_the_other() {
        let first = (0..1000).filter(|&seed| order(seed, 1) == Order::BaselineFirst).count();
        assert!((450..550).contains(&first), "{first}");
        let firsts: Vec<Order> = (0..20).map(|block| order(7, 2 * block + 1)).collect();
        assert!(
            firsts.contains(&Order::BaselineFirst) && firsts.contains(&Order::CandidateFirst),
            "{firsts:?}"
        );
    }

    #[test]
    fn searches_of_a_pair_are_the_same_and_short() {
        let design = Design::Capacity { pilots: Arms { baseline: 40.0, candidate: 90.0 }, most: Some(64.0) };
        let Load::Search(plan) = load(&design, 5) else { panic!("a search") };
        assert_eq!(load(&design, 5), Load::Search(plan));
        assert_ne!(load(&design, 6), Load::Search(plan), "pairs begin elsewhere");
        assert_eq!((plan.probes, plan.most), (Some(6), Some(64.0)));
        assert!(!plan.repeats && !plan.hold && !plan.overload);
        assert_eq!(load(&Design::FixedRate { at: 32.0, pilots: None }, 5), Load::At(32.0));
    }
}
