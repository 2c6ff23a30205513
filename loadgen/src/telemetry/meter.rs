//! Where a load says what it does.

use std::{collections::BTreeMap, time::Duration};

use super::{Telemetry, counted::LoadCounted};
use crate::{drivers::PodStage, observed::Done};

/// Counts what one load of a trial does, whenever it is told: also when the next trial has begun.
#[derive(Clone, Debug)]
pub(crate) struct Meter {
    telemetry: Telemetry,
    /// The places of the scenario and profile it is of, and of the load in there.
    counted: usize,
    load: usize,
}

impl Meter {
    pub(super) fn new(telemetry: Telemetry, counted: usize, load: usize) -> Self {
        Self { telemetry, counted, load }
    }

    fn load(&self, count: impl FnOnce(&mut LoadCounted)) {
        count(&mut self.telemetry.state().counted[self.counted].loads[self.load]);
    }

    /// A request is over.
    pub(crate) fn ends(&self, done: &Done) {
        self.telemetry.state().counted[self.counted].request(done);
    }

    /// An operation is due.
    pub(crate) fn offers(&self) {
        self.load(LoadCounted::offers);
    }

    /// An operation has succeeded, so long after it was due.
    pub(crate) fn achieves(&self, took: Duration) {
        self.load(|load| load.achieves(took));
    }

    /// An operation has failed for good.
    pub(crate) fn misses(&self) {
        self.load(|load| load.failed += 1);
    }

    /// A pod has passed a stage of its way.
    pub(crate) fn passes(&self, stage: PodStage, took: Duration) {
        self.load(|load| load.passes(stage, took));
    }

    /// A watcher was told so long after the write was acknowledged.
    pub(crate) fn delivers(&self, lag: Duration) {
        self.load(|load| load.lag.observe(lag));
    }

    /// Its watchers were told of so many changes.
    pub(crate) fn sees(&self, events: u64) {
        self.load(|load| load.events += events);
    }

    /// So much is accepted and unfinished.
    pub(crate) fn backlog_is(&self, backlog: u64) {
        self.load(|load| load.backlog = backlog);
    }

    /// So many starts were dropped since the load began.
    pub(crate) fn dropped_are(&self, dropped: u64) {
        self.load(|load| load.dropped_are(dropped));
    }

    /// Of a level so many are there, of so many that are asked for, in the cell of this index.
    pub(crate) fn level_is(&self, cell: u32, there: u64, asked: u64) {
        self.load(|load| _ = load.level.insert(cell, (there, asked)));
    }

    /// What its driver counts beside, in the cell of this index.
    pub(crate) fn figures_are(&self, cell: u32, figures: BTreeMap<String, f64>) {
        self.load(|load| _ = load.figures.insert(cell, figures));
    }
}
