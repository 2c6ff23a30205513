//! A target with a fleet on it, ready for load: what every probe of a search has in common.

use std::{ops::Range, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use fake_kubelet::{Fleet, FleetReport};
use measure::{Clock, Nanos, Rate, nth_seed};
use record::Folder;
use tokio::{
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::Instant,
};

use crate::{
    attribution::{Attribution, Cause},
    drivers::{
        Order, Stop,
        pods::{Counts, PodsDriver, PodsReport},
    },
    fleet::{self, Accounts},
    ground::Inventory,
    nodes,
    observed::Observed,
    plan::Plan,
    probe::Ask,
    progress::Progress,
    rights::{self, Identities},
    sampling::{Sampling, Used},
    scenario::{OnlyVirtual, PodTemplate},
    server_metrics::Reading,
    target::Target,
};

/// A fleet that makes no headway for so long never will.
const STALLED: Duration = Duration::from_mins(2);
/// Between two looks at the nodes: a list of a thousand is 15 MB.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// Pods of one load have numbers from here on, those of the next from twice as many: names are not used twice.
const PODS_OF_A_LOAD: u64 = 1_000_000_000;

/// What every part of a run needs.
#[derive(Clone, Copy)]
pub(crate) struct Setting<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) target: &'a Target,
    pub(crate) run: &'a str,
    pub(crate) clock: Clock,
    pub(crate) progress: &'a Progress,
    pub(crate) folder: &'a Folder,
}

/// A fleet that is ready, and drivers that are somebody.
pub(crate) struct Stand<'a> {
    pub(crate) setting: Setting<'a>,
    fleet: Fleet,
    /// Tokens stay fresh as long as there is a stand.
    _accounts: Accounts,
    identities: Vec<Arc<Identities>>,
    sampling: Sampling,
    attribution: Attribution,
    /// Loads offered so far.
    loads: u64,
    /// Loads that are no longer offered and not gone yet.
    retired: Vec<Load>,
}

/// A load that is being offered.
pub(crate) struct Load {
    drivers: JoinSet<anyhow::Result<PodsReport>>,
    orders: watch::Sender<Order>,
    counts: Vec<watch::Receiver<Counts>>,
}

impl<'a> Stand<'a> {
    /// Makes what a run needs on the target, and keeps it in the inventory where there is to be one. All of it is still there
    /// afterwards.
    pub(crate) async fn prepare(setting: Setting<'a>, inventory: Option<&Inventory>) -> anyhow::Result<Self> {
        let Setting { plan, target, run, clock, progress, folder } = setting;
        let sampling = Sampling::start(target.components(), clock, folder.series()?);
        let attribution = Attribution::start(target, clock, folder.series()?);
        progress.doing("prepare", "the drivers' accounts");
        let mut identities = Vec::new();
        for load in &plan.scenario.scenario.load {
            identities.push(Arc::new(rights::prepare(target, run, load.identities).await?));
        }
        progress.doing("prepare", "the nodes' accounts");
        let accounts = fleet::accounts(plan, target, run).await?;
        let kubelet = fleet::kubelet(target);
        let fleet = Fleet::start(fleet::spec(plan, target, &kubelet, run, &accounts, clock))?;
        let stand = Self {
            setting,
            fleet,
            _accounts: accounts,
            identities,
            sampling,
            attribution,
            loads: 0,
            retired: Vec::new(),
        };
        stand.wait_for_nodes().await?;
        if let (Some(inventory), Some(local)) = (inventory, &target.local) {
            progress
                .doing("prepare", "keeping what the control plane has in it, for those that come after it");
            inventory.keep(local).await?;
        }
        Ok(stand)
    }

    /// Waits until the scheduler would use every node.
    async fn wait_for_nodes(&self) -> anyhow::Result<()> {
        let Setting { plan, target, run, progress, .. } = self.setting;
        let total = u64::from(plan.nodes);
        let mut best = 0;
        let mut advanced = Instant::now();
        loop {
            let own = self.fleet.progress();
            let mut ready = 0;
            // The list is long; before the fleet thinks that it is complete there is no reason to ask for it.
            if own.ready < total {
                progress.step("nodes", own.ready, total, "registered");
            } else {
                ready = nodes::taking_pods(&target.admin, run).await?;
                progress.step("nodes", ready, total, "without the not-ready taint");
            }
            if ready == total {
                return Ok(());
            }
            if own.registered + own.ready + ready > best {
                best = own.registered + own.ready + ready;
                advanced = Instant::now();
            }
            if advanced.elapsed() > STALLED {
                let error =
                    own.last_error.map(|error| format!("; the last error was: {error}")).unwrap_or_default();
                bail!(
                    "only {ready} of {total} nodes take pods ({} registered, {} ready) and there was no progress for two \
                     minutes{error}",
                    own.registered,
                    own.ready
                );
            }
            tokio::time::sleep(if own.ready < total { Duration::from_millis(250) } else { LOOK_EVERY }).await;
        }
    }

    /// Starts to offer the scenario's load.
    pub(crate) fn offer(&mut self, begin: Nanos, ask: &Ask, observed: &Observed) -> anyhow::Result<Load> {
        let Setting { plan, target, run, clock, .. } = self.setting;
        let (orders, told) = watch::channel(None);
        let mut load = Load { drivers: JoinSet::new(), orders, counts: Vec::new() };
        let rates = plan.rates(ask.at);
        for ((part, rate), identities) in plan.scenario.scenario.load.iter().zip(rates).zip(&self.identities)
        {
            let identities = identities.clone();
            let only = target.is_shared().then_some(OnlyVirtual);
            let driver = PodsDriver {
                clock,
                clients: identities.drivers.clone(),
                observer: identities.observer.clone(),
                namespace: identities.namespace.clone(),
                run: run.to_owned(),
                template: PodTemplate::new(&part.manifest, &identities.namespace, run, only)?,
                arrivals: part.arrivals,
                rate: Rate::per_second(rate)?,
                lifetime: part.lifetime,
                seed: nth_seed(plan.seed, ask.number),
                first: self.loads * PODS_OF_A_LOAD,
                observed: observed.clone(),
            };
            let (sender, receiver) = watch::channel(Counts::default());
            let told = told.clone();
            load.counts.push(receiver);
            load.drivers.spawn(async move {
                // Tokens stay fresh as long as their load runs.
                let _identities = identities;
                driver.run(begin, told, &sender).await.context("cannot start the pacing thread")
            });
        }
        self.loads += 1;
        Ok(load)
    }

    /// Stops offering a load. What it left is deleted in the background.
    pub(crate) fn retire(&mut self, load: Load, measured: Range<Nanos>) {
        let Setting { plan, clock, .. } = self.setting;
        let give_up = clock.now() + plan.drain_limit;
        // Whoever has ended with an error is not listening, and is heard when its end is waited for.
        let _ = load.orders.send(Some(Stop { measured, give_up }));
        self.retired.push(load);
    }

    /// Waits until everything is gone that retired loads have left, and says what came of them.
    pub(crate) async fn drain(&mut self, title: &str) -> anyhow::Result<Vec<PodsReport>> {
        let mut reports = Vec::new();
        for mut load in std::mem::take(&mut self.retired) {
            loop {
                self.setting.progress.doing(title, &load.standing());
                tokio::select! {
                    ended = load.drivers.join_next() => match ended {
                        Some(report) => reports.push(report.context("a driver panicked")??),
                        None => break,
                    },
                    () = tokio::time::sleep(Duration::from_secs(1)) => {}
                }
            }
        }
        Ok(reports)
    }

    /// What the fleet did since the last time.
    pub(crate) async fn take_fleet(&self) -> FleetReport {
        self.fleet.take().await
    }

    /// A window begins of which it is known what it costs.
    pub(crate) fn begin_window(&self) {
        self.sampling.begin();
    }

    /// What it has cost so far.
    pub(crate) async fn used_in_window(&self) -> Option<Used> {
        self.sampling.so_far().await
    }

    /// Reads what the components say of themselves, in the background.
    pub(crate) fn read_metrics(&self) -> JoinHandle<Reading> {
        self.attribution.read()
    }

    /// What was used up between two readings.
    pub(crate) fn cause(&self, before: &Reading, after: &Reading, used: Option<&Used>) -> Cause {
        self.attribution.cause(before, after, used)
    }

    /// Requests of the drivers that have waited for a free HTTP/2 stream so far.
    pub(crate) fn waited_for_stream(&self) -> u64 {
        self.identities.iter().map(|identities| identities.waited_for_stream()).sum()
    }

    /// Backlog of loads that are no longer offered: part of what the control plane has to do.
    pub(crate) fn retired_backlog(&self) -> u64 {
        self.retired.iter().map(|load| load.counts().backlog).sum()
    }

    /// Stops the nodes; their objects stay.
    pub(crate) async fn stop(self) {
        self.fleet.stop().await;
    }
}

impl Load {
    /// How all parts of it stand together.
    pub(crate) fn counts(&self) -> Counts {
        self.counts.iter().map(|counts| *counts.borrow()).fold(Counts::default(), Counts::and)
    }

    /// The same in words.
    pub(crate) fn standing(&self) -> String {
        let Counts { offered, ran, over, .. } = self.counts();
        format!("{offered} pods offered, {ran} ran, {over} over")
    }

    /// A driver that has ended before it was told to has failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.drivers.len() < self.counts.len()
    }
}
