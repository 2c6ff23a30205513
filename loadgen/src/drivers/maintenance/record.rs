//! When each step began and ended. Pure.

use std::collections::BTreeMap;

use measure::Nanos;

use crate::{
    drivers::{Accounting, Counts, NOT_OVER},
    scenario::What,
};

/// The reason of steps whose time did not come before the window was over.
const NOT_BEGUN: &str = "not-begun";

/// A step that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) what: What,
    pub(super) due: Nanos,
    pub(super) begun: Nanos,
    pub(super) ended: Nanos,
    /// Why it did not succeed.
    pub(super) failure: Option<String>,
}

/// All of a load.
#[derive(Debug)]
pub(super) struct Records {
    steps: u64,
    begun: u64,
    /// When the measured window began.
    window: Nanos,
    over: Vec<Record>,
}

impl Records {
    /// None yet, of so many steps.
    pub(super) fn new(steps: usize) -> Self {
        Self { steps: steps as u64, begun: 0, window: Nanos(0), over: Vec::new() }
    }

    /// A step of the window that began then.
    pub(super) fn begins(&mut self, window: Nanos) {
        self.window = window;
        self.begun += 1;
    }

    pub(super) fn ends(&mut self, record: Record) {
        self.over.push(record);
    }

    fn succeeded(&self) -> u64 {
        self.over.iter().filter(|record| record.failure.is_none()).count() as u64
    }

    pub(super) fn counts(&self) -> Counts {
        let over = self.over.len() as u64;
        Counts {
            offered: self.begun,
            done: self.succeeded(),
            settled: over,
            backlog: self.begun - over,
            dropped: 0,
        }
    }

    pub(super) fn accounting(&self) -> Accounting {
        let mut failed_by_reason = BTreeMap::new();
        for record in self.over.iter().filter(|record| record.failure.is_some()) {
            *failed_by_reason.entry(format!("{}-failed", record.what.name())).or_default() += 1;
        }
        let rest = [(NOT_BEGUN, self.steps - self.begun), (NOT_OVER, self.begun - self.over.len() as u64)];
        failed_by_reason
            .extend(rest.into_iter().filter(|(_, count)| *count > 0).map(|(it, n)| (it.to_owned(), n)));
        Accounting { offered: self.steps, there: self.succeeded(), gone: 0, failed_by_reason }
    }

    /// By the step's number, from 1, and its name: seconds from the window's beginning, and how many it took.
    pub(super) fn figures(&self) -> BTreeMap<String, f64> {
        let figures = self.over.iter().zip(1..).flat_map(|(record, number): (&Record, u32)| {
            let Record { what, begun, ended, .. } = record;
            let name = format!("step-{number}-{}", what.name());
            [
                (format!("{name}-began-seconds"), begun.since(self.window).as_secs_f64()),
                (format!("{name}-took-seconds"), ended.since(*begun).as_secs_f64()),
            ]
        });
        figures.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Nanos {
        Nanos(seconds * 1_000_000_000)
    }

    fn record(what: What, due: u64, failure: Option<&str>) -> Record {
        let failure = failure.map(str::to_owned);
        Record { what, due: at(due), begun: at(due + 1), ended: at(due + 4), failure }
    }

    #[test]
    fn every_step_is_accounted_for_whether_its_time_came_or_not() {
        let mut records = Records::new(4);
        (0..3).for_each(|_| records.begins(at(100)));
        records.ends(record(What::Compact, 110, None));
        records.ends(record(What::Defrag, 120, Some("etcd does not answer")));
        let counts = Counts { offered: 3, done: 1, settled: 2, backlog: 1, dropped: 0 };
        assert_eq!(records.counts(), counts);
        let accounting = records.accounting();
        let failed = [("defrag-failed", 1), (NOT_BEGUN, 1), (NOT_OVER, 1)];
        assert_eq!(
            accounting.failed_by_reason,
            failed.map(|(reason, count)| (reason.to_owned(), count)).into()
        );
        assert_eq!(accounting.offered, accounting.there + accounting.failed());
    }

    #[test]
    fn a_steps_times_are_those_of_the_window() {
        let mut records = Records::new(1);
        records.begins(at(100));
        records.ends(record(What::Restart, 110, None));
        let figures = records.figures();
        let wanted = [("step-1-restart-began-seconds", 11.0), ("step-1-restart-took-seconds", 3.0)];
        assert_eq!(figures, wanted.map(|(name, figure)| (name.to_owned(), figure)).into());
    }
}
