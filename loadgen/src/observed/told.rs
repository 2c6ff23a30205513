//! What a driver tells of its load while it runs.

use std::{collections::BTreeMap, time::Duration};

use measure::{Kind, Nanos};

use super::{Done, LoadState, Observed, Over};
use crate::{
    criteria::{Class, is_servers},
    drivers::PodStage,
};

/// What one load's driver tells, in one cell.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(super) observed: Observed,
    load: usize,
    pub(super) cell: u32,
}

impl Told {
    pub(super) fn new(observed: Observed, load: usize) -> Self {
        Self { observed, load, cell: 0 }
    }

    /// What the driver of the same load tells in the cell of this index.
    pub(crate) fn in_cell(self, cell: u32) -> Self {
        Self { cell, ..self }
    }

    pub(super) fn load<T>(&self, tell: impl FnOnce(&mut LoadState) -> T) -> T {
        let mut state = self.observed.state();
        tell(&mut state.loads[self.load])
    }

    /// A request is about to be made.
    pub(crate) fn begins(&self, kind: Kind, intended: Nanos) {
        let Some(class) = Class::of(kind) else { return };
        let mut state = self.observed.state();
        state.of(self.load, kind, class).intend(intended);
    }

    /// A request is over.
    pub(crate) fn ends(&self, done: &Done) {
        let mut state = self.observed.state();
        let is_kept = state.window.is_some_and(|from| done.intended >= from);
        let load = &mut state.loads[self.load];
        load.meter.ends(done);
        if is_kept {
            load.done.push(*done);
        }
        let Some(class) = Class::of(done.kind) else { return };
        let cohorts = state.of(self.load, done.kind, class);
        if done.outcome.error().is_some_and(is_servers) {
            cohorts.fail(done.intended);
        } else {
            cohorts.succeed(done.intended, done.ended.since(done.intended));
        }
    }

    /// An operation is due.
    pub(crate) fn offers(&self, intended: Nanos) {
        self.load(|load| {
            load.good.intend(intended);
            load.quick.intend(intended);
            load.meter.offers();
        });
    }

    /// An operation has succeeded.
    pub(crate) fn achieves(&self, intended: Nanos, at: Nanos) {
        let took = at.since(intended);
        self.load(|load| {
            load.good.succeed(intended, took);
            load.quick.succeed(intended, took);
            load.over.push(Over { intended, at });
            load.meter.achieves(took);
        });
    }

    /// An operation has failed for good.
    pub(crate) fn misses(&self, intended: Nanos) {
        self.load(|load| {
            load.good.fail(intended);
            load.quick.fail(intended);
            load.meter.misses();
        });
    }

    /// An operation has failed for good, and is judged as one that has not come to its end.
    pub(crate) fn loses(&self) {
        self.load(|load| load.meter.misses());
    }

    /// A pod has passed a stage of its way.
    pub(crate) fn passes(&self, stage: PodStage, took: Duration) {
        self.load(|load| load.meter.passes(stage, took));
    }

    /// What its driver counts beside.
    pub(crate) fn figures_are(&self, figures: BTreeMap<String, f64>) {
        self.load(|load| load.meter.figures_are(self.cell, figures));
    }

    /// A watcher was told at `seen` of a write that was acknowledged at `acknowledged`; before it is no lag.
    pub(crate) fn delivers(&self, acknowledged: Nanos, seen: Nanos) {
        self.observed.state().deliver((self.load, acknowledged, seen));
    }

    /// A write with this resourceVersion was acknowledged.
    pub(crate) fn acknowledges(&self, version: u64, at: Nanos) {
        let mut state = self.observed.state();
        for delivery in state.writes.acknowledged((self.cell, version), at) {
            state.deliver(delivery);
        }
    }

    /// The watch by which this load is followed was told of a change.
    pub(crate) fn follows(&self) {
        self.load(|load| load.meter.sees(1));
    }

    /// Watchers of this load were told of it, each at its time.
    pub(crate) fn sees(&self, told: impl IntoIterator<Item = (u64, Nanos)>) {
        let mut state = self.observed.state();
        let mut events = 0;
        for (version, at) in told {
            events += 1;
            if let Some(delivery) = state.writes.seen(self.load, (self.cell, version), at) {
                state.deliver(delivery);
            }
        }
        state.loads[self.load].meter.sees(events);
    }
}
