//! What came of a load's controllers together.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use measure::ErrorClass;

use super::super::{Accounting, Counts, NOT_OVER};

/// Counts that all controllers of a load keep.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<Counted>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Counted {
    in_sync: u64,
    offered: u64,
    /// Done, and what was done stays.
    there: u64,
    /// Over, and nothing is left of what it was about.
    gone: u64,
    errors: BTreeMap<&'static str, u64>,
}

impl Tally {
    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A controller knows all there is.
    pub(super) fn synced(&self) {
        self.counted().in_sync += 1;
    }

    /// It does not any more.
    pub(super) fn out_of_sync(&self) {
        self.counted().in_sync -= 1;
    }

    pub(super) fn in_sync(&self) -> u64 {
        self.counted().in_sync
    }

    /// There is something to do.
    pub(super) fn offered(&self) {
        self.counted().offered += 1;
    }

    /// It is done.
    pub(super) fn achieved(&self) {
        self.counted().there += 1;
    }

    /// There is nothing to do about it any more.
    pub(super) fn moot(&self) {
        self.counted().gone += 1;
    }

    /// A request failed, and is tried again.
    pub(super) fn failed(&self, class: ErrorClass) {
        *self.counted().errors.entry(class.name()).or_default() += 1;
    }

    pub(super) fn counts(&self) -> Counts {
        let Counted { offered, there, gone, .. } = *self.counted();
        let settled = there + gone;
        Counts { offered, done: settled, settled, backlog: offered - settled, dropped: 0 }
    }

    pub(super) fn accounting(&self) -> Accounting {
        let Counted { offered, there, gone, .. } = *self.counted();
        let not_over = offered - there - gone;
        let failed = (not_over > 0).then(|| (NOT_OVER.to_owned(), not_over));
        Accounting { offered, there, gone, failed_by_reason: failed.into_iter().collect() }
    }

    /// How often requests failed, by class.
    #[expect(clippy::cast_precision_loss, reason = "a run does not see 2^53 failures")]
    pub(super) fn figures(&self) -> BTreeMap<String, f64> {
        let counted = self.counted();
        let errors = counted.errors.iter().map(|(class, count)| (format!("retried-{class}"), *count as f64));
        errors.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_over_has_failed_in_the_end() {
        let tally = Tally::default();
        (0..5).for_each(|_| tally.offered());
        tally.achieved();
        tally.moot();
        tally.failed(ErrorClass::Conflict);
        assert_eq!((tally.counts().backlog, tally.counts().settled), (3, 2));
        let accounting = tally.accounting();
        assert_eq!((accounting.there, accounting.gone, accounting.failed()), (1, 1, 3));
        assert_eq!(tally.figures().into_values().sum::<f64>().to_bits(), 1.0_f64.to_bits());
    }
}
