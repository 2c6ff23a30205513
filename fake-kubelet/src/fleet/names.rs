//! What the nodes of a fleet are called by now.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::FleetSpec;

/// The names of nodes, some of which came in the place of others.
#[derive(Debug)]
pub(crate) struct Names {
    spec: Arc<FleetSpec>,
    /// How often nodes were replaced, by their number; those that never were are not there.
    generations: Mutex<HashMap<u32, u32>>,
}

impl Names {
    pub(super) fn new(spec: Arc<FleetSpec>) -> Self {
        Self { spec, generations: Mutex::default() }
    }

    /// The name of node `index`.
    pub(crate) fn of(&self, index: u32) -> String {
        let generation = self.generations().get(&index).copied().unwrap_or_default();
        self.name_in(index, generation)
    }

    /// Another machine comes in the place of node `index`. Returns how many have by now, the name of the one that is gone, and that
    /// of the one that comes.
    pub(super) fn next(&self, index: u32) -> (u32, String, String) {
        let mut generations = self.generations();
        let generation = generations.entry(index).or_default();
        let gone = self.name_in(index, *generation);
        *generation += 1;
        (*generation, gone, self.name_in(index, *generation))
    }

    fn generations(&self) -> MutexGuard<'_, HashMap<u32, u32>> {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn name_in(&self, index: u32, generation: u32) -> String {
        let first = self.spec.node_name(index);
        if generation == 0 { first } else { format!("{first}-g{generation}") }
    }
}
