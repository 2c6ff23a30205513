//! The nodes driver: nodes of the fleet fall silent and come back, or are replaced in waves.
//!
//! What it does to nodes themselves it asks of the fleet; what somebody would do over the API it sends, as a ServiceAccount
//! ([`roll`]). Watches, as another: the run's nodes, in protobuf. Records: requests; an operation is a node that is found to be silent
//! ([`flap`]), or one in whose place another takes pods. It is a level: so many nodes at a time.

mod flap;
mod observer;
mod roll;
mod stretch;

use super::{Driver, NOT_OVER, Report, Stage};
use crate::{
    fleet::FleetHandle,
    scenario::{NodesAction, NodesLoad},
};

/// A nodes load, ready to go.
pub(crate) struct NodesDriver {
    pub(crate) load: NodesLoad,
    pub(crate) fleet: FleetHandle,
}

impl Driver for NodesDriver {
    async fn run(self, stage: Stage) -> anyhow::Result<Report> {
        anyhow::ensure!(
            self.load.count <= self.fleet.nodes(),
            "{} is of {} nodes at a time, and the fleet has {}",
            self.load.name,
            self.load.count,
            self.fleet.nodes()
        );
        match self.load.action {
            NodesAction::Flap => flap::run(self, stage).await,
            NodesAction::Roll => roll::run(self, stage).await,
        }
    }
}
