//! Nodes fall silent and come back.

use std::collections::hash_map::Entry;

use super::{Shard, slot::Slot};
use crate::{
    action::{Event, Now, Watched},
    command::Silence,
    edge::Origin,
};

impl Shard {
    /// A node falls silent. One that does not run has nothing to say anyhow, and one that is silent stays so as it is.
    pub(super) fn silence(&mut self, slot: usize, now: Now, how: Silence) {
        if !self.slots[slot].can_be_called() {
            return;
        }
        self.slots[slot].silent = Some(how);
        self.counters.node_fell_silent();
        self.step(slot, now, Event::Silence);
        match how {
            // Others need not wait until it is ready.
            Silence::Network => self.came_up(slot),
            Silence::Power => self.end(slot, true),
        }
    }

    /// A silent node is heard again.
    pub(super) fn resume(&mut self, slot: usize, now: Now) {
        match self.end_silence(slot) {
            Some(Silence::Network) => self.step(slot, now, Event::Resume),
            Some(Silence::Power) => self.start(slot, now),
            None => {}
        }
    }

    /// It is not silent any more, whatever becomes of it. Returns how it was, if it was.
    pub(super) fn end_silence(&mut self, slot: usize) -> Option<Silence> {
        let how = self.slots[slot].silent.take();
        if how.is_some() {
            self.counters.node_spoke();
        }
        how
    }

    /// A watch has ended. How far it had come matters if its machine was cut off.
    pub(super) fn keep_version(&mut self, of: Origin, watched: Watched, version: String) {
        let place = &self.slots[of.slot];
        if place.runs(of.process) && place.silent.is_some() {
            let versions = self.versions.entry(of).or_default();
            versions.retain(|(other, _)| *other != watched);
            versions.push((watched, version));
        }
    }

    /// How far the watch had come that begins again.
    pub(super) fn take_version(&mut self, of: Origin, watched: &Watched) -> Option<String> {
        let Entry::Occupied(mut versions) = self.versions.entry(of) else { return None };
        let index = versions.get().iter().position(|(other, _)| other == watched)?;
        let (_, version) = versions.get_mut().swap_remove(index);
        if versions.get().is_empty() {
            versions.remove();
        }
        Some(version)
    }

    /// Closes what connections the machine has of its own.
    pub(super) fn disconnect(&mut self, slot: usize) {
        let is_shared = self.shared.is_some();
        let Slot { process, proxy, .. } = &mut self.slots[slot];
        for (process, is_shared) in [(process, is_shared), (proxy, false)] {
            let Some(process) = process else { continue };
            process.cut_off();
            if !is_shared {
                // Closed when this is first polled, and so before anything that is sent later.
                let client = process.client.clone();
                tokio::spawn(async move { client.close().await });
            }
        }
    }
}
