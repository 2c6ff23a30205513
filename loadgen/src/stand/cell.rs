//! One control plane with its part of the nodes, and drivers that are somebody on it.

use std::{sync::Arc, time::Duration};

use anyhow::bail;
use fake_kubelet::{Fleet, FleetProgress, FleetReport};
use measure::nth_seed;
use tokio::time::Instant;

use super::{Setting, Spec};
use crate::{
    cells::Part,
    faults::{self, Faults},
    fleet::{self, Accounts, FleetHandle},
    ground::Inventory,
    nodes,
    plan::Plan,
    preload,
    prepared::{Offer, Prepared},
    rights,
};

/// A fleet that makes no headway for so long never will.
const STALLED: Duration = Duration::from_mins(2);
/// Between two looks at the nodes: a list of a thousand is 15 MB.
const LOOK_EVERY: Duration = Duration::from_secs(3);

/// A control plane, a fleet that is ready, and drivers that are somebody.
pub(super) struct Cell<'a> {
    pub(super) part: Part,
    /// The run's, with the cell's own target.
    setting: Setting<'a>,
    /// Its part of the run's plan.
    plan: Plan,
    /// Drivers reach it too, but nobody else keeps it.
    pub(super) fleet: Arc<Fleet>,
    /// Tokens stay fresh as long as there is a cell.
    _accounts: Accounts,
    prepared: Vec<Arc<Prepared>>,
    /// Injected from when the fleet is ready until this goes.
    pub(super) faults: Faults,
}

impl<'a> Cell<'a> {
    /// Makes what a run needs on the setting's target, and keeps it in the inventory where there is to be one.
    pub(super) async fn prepare(
        setting: Setting<'a>,
        part: Part,
        inventory: Option<&Inventory>,
    ) -> anyhow::Result<Self> {
        let Setting { target, run, clock, progress, .. } = setting;
        let plan = part.plan(setting.plan);
        let scenario = &plan.scenario.scenario;
        progress.doing(&part.named("prepare"), "the drivers' accounts");
        let namespaces = rights::namespaces(target, run, scenario.namespaces()).await?;
        preload::install(target, run, &namespaces[0], &scenario.install).await?;
        let meant = faults::resources(target, &scenario.faults).await?;
        let mut prepared = Vec::new();
        for load in &scenario.loads {
            prepared.push(Arc::new(Prepared::new(target, run, scenario, load, &namespaces).await?));
        }
        progress.doing(&part.named("prepare"), "the nodes' accounts");
        let accounts = fleet::accounts(&plan, target, run).await?;
        let kubelet = fleet::kubelet(target);
        let fleet = Arc::new(Fleet::start(fleet::spec(&plan, target, &kubelet, run, &accounts, clock))?);
        setting.telemetry.fleet_starts(part.index(), plan.nodes);
        let mut cell =
            Self { part, setting, plan, fleet, _accounts: accounts, prepared, faults: Faults::default() };
        cell.wait_for_nodes().await?;
        cell.fill(&namespaces, inventory).await?;
        cell.faults = Faults::inject(setting, &namespaces[0], meant).await?;
        Ok(cell)
    }

    /// Makes what is there before the load.
    async fn fill(&self, namespaces: &[String], inventory: Option<&Inventory>) -> anyhow::Result<()> {
        let Setting { target, run, progress, .. } = self.setting;
        // A control plane that was filled from what another was filled with has it already.
        let is_filled =
            |inventory: &Inventory| target.local.as_ref().is_some_and(|local| inventory.is_kept(local));
        if !inventory.is_some_and(is_filled) {
            for spec in &self.plan.scenario.scenario.inventory {
                preload::fill(target, run, namespaces, spec, progress).await?;
            }
        }
        if let (Some(inventory), Some(local)) = (inventory, &target.local) {
            progress
                .doing("prepare", "keeping what the control plane has in it, for those that come after it");
            inventory.keep(local).await?;
        }
        Ok(())
    }

    /// Waits until the scheduler would use every node.
    async fn wait_for_nodes(&self) -> anyhow::Result<()> {
        let Setting { target, run, progress, .. } = self.setting;
        let total = u64::from(self.plan.nodes);
        let title = self.part.named("nodes");
        let mut best = 0;
        let mut advanced = Instant::now();
        loop {
            let own = self.take_fleet().await.progress;
            let mut ready = 0;
            // The list is long; before the fleet thinks that it is complete there is no reason to ask for it.
            if own.ready < total {
                progress.step(&title, own.ready, total, "registered");
            } else {
                ready = nodes::taking_pods(&target.admin, run).await?;
                progress.step(&title, ready, total, "without the not-ready taint");
            }
            if ready == total {
                return Ok(());
            }
            if own.registered + own.ready + ready > best {
                best = own.registered + own.ready + ready;
                advanced = Instant::now();
            }
            if advanced.elapsed() > STALLED {
                bail!(stalled(ready, total, &own));
            }
            tokio::time::sleep(if own.ready < total { Duration::from_millis(250) } else { LOOK_EVERY }).await;
        }
    }

    /// What its fleet did since the last time.
    pub(super) async fn take_fleet(&self) -> FleetReport {
        let report = self.fleet.take().await;
        self.setting.telemetry.fleet_did(self.part.index(), &report);
        report
    }

    /// Its part of each load, by the load's place. One of which there is none in this cell is left out.
    pub(super) fn loads(&self, wholes: &[Spec]) -> impl Iterator<Item = (usize, &Arc<Prepared>, Spec)> {
        let parts = self.prepared.iter().zip(wholes).enumerate();
        parts.filter_map(|(place, (prepared, whole))| Some((place, prepared, self.part.load(whole)?)))
    }

    /// When and how it is offered: the load of this number of a run, with arrivals of its own in each cell.
    pub(super) fn offer(&self, begin: measure::Nanos, number: u64, first: u64) -> Offer {
        let fleet = FleetHandle::new(&self.fleet, self.plan.nodes);
        Offer { clock: self.setting.clock, begin, seed: nth_seed(self.plan.seed, number), first, fleet }
    }

    /// Requests of its drivers that have waited for a free HTTP/2 stream so far.
    pub(super) fn waited_for_stream(&self) -> u64 {
        self.prepared.iter().map(|prepared| prepared.waited_for_stream()).sum()
    }

    /// Stops the nodes; their objects stay.
    pub(super) async fn stop(self) {
        // Should a driver be amid a command to the fleet, that is its last one: the nodes stop with whoever lets go of it last.
        if let Some(fleet) = Arc::into_inner(self.fleet) {
            fleet.stop().await;
        }
    }
}

fn stalled(ready: u64, total: u64, own: &FleetProgress) -> String {
    let last = own.last_error.as_ref();
    let error = last.map(|error| format!("; the last error was: {error}")).unwrap_or_default();
    let (registered, own_ready) = (own.registered, own.ready);
    format!(
        "only {ready} of {total} nodes take pods ({registered} registered, {own_ready} ready) and there was no progress for two \
         minutes{error}"
    )
}
