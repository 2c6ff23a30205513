//! The fleet as drivers reach it while it runs.

use std::sync::{Arc, Weak};

use anyhow::Context;
use fake_kubelet::Fleet;

/// A fleet that belongs to somebody else, who may stop it at any time.
#[derive(Clone, Debug)]
pub(crate) struct FleetHandle {
    fleet: Weak<Fleet>,
    nodes: u32,
}

impl FleetHandle {
    /// Of a fleet with so many nodes.
    pub(crate) fn new(fleet: &Arc<Fleet>, nodes: u32) -> Self {
        Self { fleet: Arc::downgrade(fleet), nodes }
    }

    /// Of a fleet that has been stopped.
    #[cfg(test)]
    pub(crate) fn to_nothing(nodes: u32) -> Self {
        Self { fleet: Weak::new(), nodes }
    }

    /// How many nodes it has.
    pub(crate) fn nodes(&self) -> u32 {
        self.nodes
    }

    /// Does something with it, which must not wait: nobody can stop it meanwhile.
    ///
    /// # Errors
    ///
    /// When it has been stopped.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&Fleet) -> T) -> anyhow::Result<T> {
        let fleet = self.fleet.upgrade().context("the fleet has been stopped")?;
        Ok(act(&fleet))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_can_be_done_with_a_fleet_that_has_been_stopped() {
        let handle = FleetHandle::to_nothing(3);
        assert_eq!(handle.nodes(), 3);
        assert!(handle.with(|_| ()).is_err());
    }
}
