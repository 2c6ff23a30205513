//! Which requests a fault denies: a function of the seed and of what the request is about, and of nothing else.
//!
//! Requests have an id of their own, which is random, and an order, which is not the same twice when many are under way. What
//! repeats is what the drivers do: the same seed has them write the same names. So a request is known by operation, namespace and
//! name, without the run's own name in them, and by how many were asked about before of which the object is no other now: of an
//! update all before it, of a creation or deletion those that were denied. Whoever tries again is judged again.
//! A request without a name, for a whole collection or for a name that the server is to generate, goes by its id and repeats
//! nothing.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use sha2::{Digest, Sha256};

use super::review::Asked;

/// Decides for one fault.
#[derive(Debug)]
pub(super) struct Dice {
    /// Of all requests, 0 to 1.
    share: f64,
    seed: u64,
    fault: String,
    run: String,
    /// How many went before, by the request.
    before: Mutex<HashMap<u64, u32>>,
}

impl Dice {
    /// `percent` of the requests to the fault called `fault`.
    pub(super) fn new(percent: f64, seed: u64, fault: &str, run: &str) -> Self {
        let (fault, run) = (fault.to_owned(), run.to_owned());
        Self { share: percent / 100.0, seed, fault, run, before: Mutex::default() }
    }

    /// Whether the request is denied.
    pub(super) fn denies(&self, asked: &Asked) -> bool {
        if asked.name.is_empty() {
            return self.is_hit(self.hash(asked, &[&asked.uid]), 0);
        }
        let without_run = |text: &str| text.replace(&self.run, "");
        let about = self.hash(asked, &[&without_run(&asked.namespace), &without_run(&asked.name)]);
        let mut before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        let number = before.get(&about).copied().unwrap_or(0);
        let is_denied = self.is_hit(about, number);
        // A creation or deletion that is done comes once: nothing of it needs to be kept.
        if is_denied || asked.operation == "UPDATE" {
            before.insert(about, number.wrapping_add(1));
        }
        is_denied
    }

    fn hash(&self, asked: &Asked, about: &[&str]) -> u64 {
        let mut hash = Sha256::new_with_prefix(self.seed.to_be_bytes());
        for part in [self.fault.as_str(), asked.operation.as_str()].iter().chain(about) {
            hash.update(part);
            // No name has it, so no two lists of parts read the same.
            hash.update([0]);
        }
        first(&hash.finalize())
    }

    #[expect(clippy::cast_precision_loss, reason = "53 bits are a share, to one in 10^15")]
    fn is_hit(&self, about: u64, number: u32) -> bool {
        let hash = Sha256::new_with_prefix(about.to_be_bytes()).chain_update(number.to_be_bytes());
        let of_53_bits = first(&hash.finalize()) >> 11;
        (of_53_bits as f64) < self.share * (1_u64 << 53) as f64
    }
}

fn first(hash: &[u8]) -> u64 {
    hash.iter().take(8).fold(0, |value, byte| value << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(operation: &str, run: &str, number: u32) -> Asked {
        Asked {
            uid: format!("{run}-{number}"),
            operation: operation.to_owned(),
            namespace: format!("loadgen-{run}"),
            name: format!("pods-{number}"),
        }
    }

    /// What becomes of a thousand creations, in this order.
    fn creations(seed: u64, percent: f64, run: &str, order: impl Iterator<Item = u32>) -> Vec<(u32, bool)> {
        let dice = Dice::new(percent, seed, "refusals", run);
        let mut all: Vec<_> =
            order.map(|number| (number, dice.denies(&asked("CREATE", run, number)))).collect();
        all.sort_unstable();
        all
    }

    fn denied(all: &[(u32, bool)]) -> usize {
        all.iter().filter(|(_, denied)| *denied).count()
    }

    #[test]
    fn a_seed_denies_the_same_in_every_run_and_in_any_order() {
        let once = creations(1, 50.0, "20261123-a", 0..1000);
        assert_eq!(once, creations(1, 50.0, "20261124-b", (0..1000).rev()));
        assert_ne!(once, creations(2, 50.0, "20261123-a", 0..1000));
    }

    #[test]
    fn about_so_many_of_a_hundred_are_denied() {
        for (percent, least, most) in [(5.0, 25, 80), (50.0, 440, 560), (100.0, 1000, 1000), (0.001, 0, 1)] {
            let denied = denied(&creations(7, percent, "run", 0..1000));
            assert!((least..=most).contains(&denied), "{denied} at {percent} %");
        }
    }

    #[test]
    fn whoever_tries_again_is_judged_again() {
        let dice = Dice::new(50.0, 3, "refusals", "run");
        for operation in ["CREATE", "DELETE"] {
            for number in 0..100 {
                assert!(
                    (0..64).any(|_| !dice.denies(&asked(operation, "run", number))),
                    "{operation} {number}"
                );
            }
        }
        let updates = (0..1000).filter(|_| dice.denies(&asked("UPDATE", "run", 0))).count();
        assert!((440..=560).contains(&updates), "{updates} of a thousand to one object");
    }

    #[test]
    fn only_what_may_come_again_is_remembered() {
        let dice = Dice::new(50.0, 3, "refusals", "run");
        let denied = (0..1000).filter(|number| dice.denies(&asked("CREATE", "run", *number))).count();
        assert_eq!(dice.before.lock().unwrap().len(), denied);
    }

    #[test]
    fn requests_without_a_name_are_told_apart_by_their_ids() {
        let dice = Dice::new(50.0, 3, "refusals", "run");
        let nameless = |number| Asked { name: String::new(), ..asked("DELETE", "run", number) };
        let denied = (0..1000).filter(|number| dice.denies(&nameless(*number))).count();
        assert!((440..=560).contains(&denied), "{denied}");
    }
}
