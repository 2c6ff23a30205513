//! Control planes with fleets on them, ready for load: what every probe of a search has in common.

mod cell;

use std::{ops::Range, sync::Arc, time::Duration};

use anyhow::Context;
use fake_kubelet::FleetReport;
use measure::{Clock, Nanos, Phase};
use record::{FaultRecord, Folder};
use tokio::{
    sync::watch,
    task::{JoinHandle, JoinSet},
};

use self::cell::Cell;
use crate::{
    attribution::{Attribution, Cause},
    cells::Part,
    drivers::{Counts, Order, Report, Stop},
    ground::Inventory,
    knobs::Witness,
    observed::{Observed, Told},
    plan::Plan,
    prepared::{Offer, Prepared},
    progress::Progress,
    sampling::{Sampling, Used},
    scenario::Load as Spec,
    server_metrics::Reading,
    shown::Shown,
    target::Target,
    telemetry::Telemetry,
};

/// What one load makes has numbers from here on, what the next makes from twice as many: names are not used twice.
const OBJECTS_OF_A_LOAD: u64 = 1_000_000_000;

/// What every part of a run needs.
#[derive(Clone, Copy)]
pub(crate) struct Setting<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) target: &'a Target,
    pub(crate) run: &'a str,
    pub(crate) clock: Clock,
    pub(crate) progress: &'a Progress,
    pub(crate) folder: &'a Folder,
    pub(crate) telemetry: &'a Telemetry,
    pub(crate) shown: &'a Shown,
    /// Looks at settings of the control plane, where somebody wants to know.
    pub(crate) witness: Option<&'a Witness<'a>>,
}

/// One control plane or several cells, each with a fleet that is ready, and drivers that are somebody.
pub(crate) struct Stand<'a> {
    pub(crate) setting: Setting<'a>,
    cells: Vec<Cell<'a>>,
    sampling: Sampling,
    attribution: Attribution,
    /// Loads offered so far.
    loads: u64,
    /// Loads that are no longer offered and not gone yet.
    retired: Vec<Load>,
}

/// A load that is being offered, in every cell.
pub(crate) struct Load {
    drivers: JoinSet<anyhow::Result<(usize, Report)>>,
    orders: watch::Sender<Order>,
    /// Of each driver, and the place in the scenario of what it offers.
    counts: Vec<(usize, watch::Receiver<Counts>)>,
}

impl<'a> Stand<'a> {
    /// Makes what a run needs on the target, and keeps it in the inventory where there is to be one. All of it is still there
    /// afterwards.
    pub(crate) async fn prepare(setting: Setting<'a>, inventory: Option<&Inventory>) -> anyhow::Result<Self> {
        let Setting { target, clock, folder, telemetry, shown, .. } = setting;
        telemetry.is_in(Phase::Prepare);
        let sampling = Sampling::start(target.components(), clock, folder.series()?, telemetry);
        let attribution = Attribution::start(target, clock, folder.series()?, shown);
        let mut cells = Vec::new();
        for (part, target) in target.cells() {
            // Several would need one each.
            let inventory = inventory.filter(|_| part.is_whole());
            let cell = Cell::prepare(Setting { target, ..setting }, part, inventory).await;
            cells.push(cell.map_err(|error| part.blamed(error))?);
        }
        if let Some(witness) = setting.witness {
            witness.begin(target).await;
        }
        Ok(Self { setting, cells, sampling, attribution, loads: 0, retired: Vec::new() })
    }

    /// What the scenario offers with its axis at `at`, in all cells together.
    pub(crate) fn loads_at(&self, at: f64) -> Vec<Spec> {
        self.setting.plan.scenario.scenario.loads_at(at)
    }

    /// Starts to offer these loads, to each cell its part.
    pub(crate) fn offer(&mut self, begin: Nanos, number: u64, loads: &[Spec], observed: &Observed) -> Load {
        let mut load = Load { drivers: JoinSet::new(), orders: watch::channel(None).0, counts: Vec::new() };
        let first = self.loads * OBJECTS_OF_A_LOAD;
        for cell in &self.cells {
            let offer = cell.offer(begin, number, first);
            for (place, prepared, spec) in cell.loads(loads) {
                let told = observed.told(place).in_cell(cell.part.index());
                load.begin(place, cell.part, prepared.clone(), spec, told, offer.clone());
            }
        }
        self.loads += 1;
        load
    }

    /// Stops offering a load. What it left is deleted in the background.
    pub(crate) fn retire(&mut self, load: Load, measured: Range<Nanos>) {
        let Setting { plan, clock, telemetry, .. } = self.setting;
        telemetry.load_ends();
        let give_up = clock.now() + plan.drain_limit;
        // Whoever has ended with an error is not listening, and is heard when its end is waited for.
        let _ = load.orders.send(Some(Stop { measured, give_up }));
        self.retired.push(load);
    }

    /// Waits until everything is gone that retired loads have left, and says what came of them.
    pub(crate) async fn drain(&mut self, title: &str) -> anyhow::Result<Vec<(usize, Report)>> {
        let mut reports = Vec::new();
        self.setting.telemetry.is_in(Phase::Drain);
        for mut load in std::mem::take(&mut self.retired) {
            loop {
                self.setting.progress.doing(title, &load.standing());
                // Nothing of it counts any more, but for whoever looks on.
                self.take_fleet().await;
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

    /// What the fleets did since the last time.
    pub(crate) async fn take_fleet(&self) -> FleetReport {
        let mut all = FleetReport::default();
        for cell in &self.cells {
            all = all.and(cell.take_fleet().await);
        }
        all
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
        self.cells.iter().map(Cell::waited_for_stream).sum()
    }

    /// Backlog of each load that is no longer offered, all of its time together: part of what the control plane has to do.
    pub(crate) fn retired_backlog(&self, place: usize) -> u64 {
        self.retired.iter().map(|load| load.backlog(place)).sum()
    }

    /// Looks at the control plane's settings, where somebody wants to know.
    pub(crate) async fn look_at_settings(&self) {
        if let Some(witness) = self.setting.witness {
            witness.look(self.setting.target, self.setting.run).await;
        }
    }

    /// What came of the faults so far.
    pub(crate) fn faults(&self) -> Vec<FaultRecord> {
        let of_cells = self.cells.iter().map(|cell| cell.faults.records());
        of_cells
            .reduce(|all, more| all.into_iter().zip(more).map(|(one, other)| one.and(&other)).collect())
            .unwrap_or_default()
    }

    /// Stops the nodes; their objects stay.
    pub(crate) async fn stop(self) {
        for cell in self.cells {
            cell.stop().await;
        }
    }
}

impl Load {
    /// Begins to offer what is at this place in the scenario, or a cell's part of it.
    fn begin(
        &mut self,
        place: usize,
        part: Part,
        prepared: Arc<Prepared>,
        spec: Spec,
        told: Told,
        offer: Offer,
    ) {
        let (progress, counts) = watch::channel(Counts::default());
        self.counts.push((place, counts));
        let orders = self.orders.subscribe();
        self.drivers.spawn(async move {
            let name = part.named(spec.name());
            let report = prepared.offer(spec, place, told.clone(), offer, orders, progress).await;
            let report = report.with_context(|| format!("the driver of {name}"))?;
            told.figures_are(report.figures.clone());
            Ok((place, Report { figures: part.figures(report.figures), ..report }))
        });
    }

    /// How all parts of it stand together.
    pub(crate) fn counts(&self) -> Counts {
        self.counts.iter().map(|(_, counts)| *counts.borrow()).fold(Counts::default(), Counts::and)
    }

    /// Starts of one of its parts that found no room in the client.
    pub(crate) fn dropped(&self, place: usize) -> u64 {
        let of_place = self.counts.iter().filter(|(of, _)| *of == place);
        of_place.map(|(_, counts)| counts.borrow().dropped).sum()
    }

    /// What one of its parts has that is accepted and unfinished.
    pub(crate) fn backlog(&self, place: usize) -> u64 {
        let of_place = self.counts.iter().filter(|(of, _)| *of == place);
        of_place.map(|(_, counts)| counts.borrow().backlog).sum()
    }

    /// How all parts stand, in words.
    pub(crate) fn standing(&self) -> String {
        let Counts { offered, done, settled, .. } = self.counts();
        format!("{offered} offered, {done} done, {settled} settled")
    }

    /// A driver that has ended before it was told to has failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.drivers.len() < self.counts.len()
    }
}
