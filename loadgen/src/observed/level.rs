//! Loads that are a level: how many there are of those asked for, over all cells together.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use measure::Nanos;

use super::{Samples, Told};

/// What is known of a level.
#[derive(Debug, Default)]
pub(super) struct Level {
    /// How many are there and how many are asked for, as each cell said last.
    cells: BTreeMap<u32, (u64, u64)>,
    /// How many are there in all of them.
    alive: Samples,
    /// Of watchers that are started anew: when all of a cell were in sync, and how long that took.
    synced: Vec<(Nanos, Duration)>,
}

impl Level {
    fn alive(&mut self, cell: u32, at: Nanos, alive: u64, asked: u64) {
        self.cells.insert(cell, (alive, asked));
        self.alive.push(at, self.cells.values().map(|(alive, _)| alive).sum());
    }

    /// How many there are to be.
    pub(super) fn asked(&self) -> u64 {
        self.cells.values().map(|(_, asked)| asked).sum()
    }

    /// How many there are.
    pub(super) fn there(&self) -> u64 {
        self.cells.values().map(|(there, _)| there).sum()
    }

    /// The fewest that there were in a window.
    pub(super) fn least(&self, window: &Range<Nanos>) -> Option<u64> {
        self.alive.least(window)
    }

    /// The longest time that it took in a window until all were in sync.
    pub(super) fn longest_sync(&self, window: &Range<Nanos>) -> Option<Duration> {
        self.synced.iter().filter(|(at, _)| window.contains(at)).map(|(_, took)| *took).max()
    }

    /// Whether any are started anew.
    pub(super) fn syncs(&self) -> bool {
        !self.synced.is_empty()
    }
}

impl Told {
    /// Of a level so many are there and do what they should, of so many that are asked for.
    pub(crate) fn alive(&self, at: Nanos, alive: u64, asked: u64) {
        self.load(|load| {
            load.level.alive(self.cell, at, alive, asked);
            load.meter.level_is(self.cell, alive, asked);
        });
    }

    /// Watchers that were started anew were all in sync after so long, or had not been before they were started again.
    pub(crate) fn synced(&self, at: Nanos, took: Duration) {
        self.load(|load| load.level.synced.push((at, took)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_what_there_is_in_all_cells_together() {
        let at = |second: u64| Nanos(second * 1_000_000_000);
        let mut level = Level::default();
        level.alive(0, at(0), 4, 4);
        level.alive(1, at(0), 3, 3);
        level.alive(1, at(1), 1, 3);
        level.alive(0, at(2), 2, 4);
        level.alive(1, at(3), 3, 3);
        assert_eq!(level.asked(), 7);
        assert_eq!(level.least(&(at(1)..at(4))), Some(3));
        assert_eq!(level.least(&(at(3)..at(4))), Some(5));
    }
}
