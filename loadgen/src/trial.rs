//! One measured run of a plan on a target: prepare, warm up, measure, drain.

use std::time::Duration;

use anyhow::{Context, bail};
use fake_kubelet::{Fleet, FleetReport};
use measure::{Clock, Nanos, Phase};
use record::Folder;
use tokio::{sync::watch, task::JoinSet, time::Instant};

use crate::{
    drivers::{
        Timeline,
        pods::{Counts, PodsDriver, PodsReport},
    },
    fleet, nodes,
    plan::Plan,
    progress::Progress,
    rights::{self, Identities},
    sampling::{Sampling, Used},
    scenario::{OnlyVirtual, PodTemplate},
    target::Target,
};

/// A fleet that makes no headway for so long never will.
const STALLED: Duration = Duration::from_mins(2);
/// Between two looks at the nodes: a list of a thousand is 15 MB.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// From everything being ready to the first pod being due, so that the pacing thread starts on time.
const RUN_UP: Duration = Duration::from_millis(100);

/// What a trial measured.
pub(crate) struct Outcome {
    /// Of the measured window.
    pub(crate) fleet: FleetReport,
    pub(crate) pods: Vec<PodsReport>,
    pub(crate) used: Option<Used>,
    pub(crate) timings: Vec<Timing>,
    /// How far the wall clock moved against the monotonic one.
    pub(crate) clock_step: Duration,
}

/// A phase that is over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    pub(crate) phase: Phase,
    pub(crate) start: jiff::Timestamp,
    pub(crate) length: Duration,
}

/// What every part of a trial needs.
pub(crate) struct Trial<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) target: &'a Target,
    pub(crate) run: &'a str,
    pub(crate) clock: Clock,
    pub(crate) progress: &'a Progress,
    pub(crate) folder: &'a Folder,
}

impl Trial<'_> {
    /// Runs it. Whatever it made on the target is still there afterwards.
    pub(crate) async fn run(&self) -> anyhow::Result<Outcome> {
        let begin = self.clock.now();
        let sampling = Sampling::start(self.target.components(), self.clock, self.folder.series()?);
        let identities = self.prepare_drivers().await?;
        self.progress.doing("prepare", "the nodes' accounts");
        // Their tokens stay fresh until the fleet has stopped.
        let accounts = fleet::accounts(self.plan, self.target, self.run).await?;
        let kubelet = fleet::kubelet(self.target);
        let spec = fleet::spec(self.plan, self.target, &kubelet, self.run, &accounts, self.clock);
        let fleet = Fleet::start(spec)?;
        self.wait_for_nodes(&fleet).await?;

        let timeline = self.timeline();
        let (mut drivers, counts) = self.start_drivers(identities, &timeline)?;
        self.show_until(Phase::WarmUp, timeline.measure.start, &counts).await;
        fleet.take().await;
        sampling.begin();
        self.show_until(Phase::Measure, timeline.measure.end, &counts).await;
        let used = sampling.end().await;
        let measured = fleet.take().await;
        let pods = self.drain(&mut drivers, &counts).await?;
        fleet.stop().await;

        let drained = self.clock.now();
        let phases = [
            (Phase::Prepare, begin, timeline.begin),
            (Phase::WarmUp, timeline.begin, timeline.measure.start),
            (Phase::Measure, timeline.measure.start, timeline.measure.end),
            (Phase::Drain, timeline.measure.end, drained),
        ];
        let timings = phases.map(|(phase, from, to)| Timing {
            phase,
            start: self.clock.wall(from),
            length: to.since(from),
        });
        let clock_step = self.clock.wall_drift().unsigned_abs();
        Ok(Outcome { fleet: measured, pods, used, timings: timings.into(), clock_step })
    }
}

/// A driver at work for every load, and how each stands.
type Drivers = JoinSet<anyhow::Result<PodsReport>>;

impl Trial<'_> {
    async fn prepare_drivers(&self) -> anyhow::Result<Vec<Identities>> {
        self.progress.doing("prepare", "the drivers' accounts");
        let mut identities = Vec::new();
        for load in &self.plan.scenario.scenario.load {
            identities.push(rights::prepare(self.target, self.run, load.identities).await?);
        }
        Ok(identities)
    }

    /// Waits until the scheduler would use every node.
    async fn wait_for_nodes(&self, fleet: &Fleet) -> anyhow::Result<()> {
        let total = u64::from(self.plan.nodes);
        let mut best = 0;
        let mut advanced = Instant::now();
        loop {
            let own = fleet.progress();
            let mut ready = 0;
            // The list is long; before the fleet thinks that it is complete there is no reason to ask for it.
            if own.ready < total {
                self.progress.step("nodes", own.ready, total, "registered");
            } else {
                ready = nodes::taking_pods(&self.target.admin, self.run).await?;
                self.progress.step("nodes", ready, total, "without the not-ready taint");
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

    fn timeline(&self) -> Timeline {
        let begin = self.clock.now() + RUN_UP;
        let measure = begin + self.plan.warm_up;
        let end = measure + self.plan.measure;
        Timeline { begin, measure: measure..end, give_up: end + self.plan.drain_limit }
    }

    fn start_drivers(
        &self,
        identities: Vec<Identities>,
        timeline: &Timeline,
    ) -> anyhow::Result<(Drivers, Vec<watch::Receiver<Counts>>)> {
        let mut drivers = JoinSet::new();
        let mut counts = Vec::new();
        for (load, identities) in self.plan.scenario.scenario.load.iter().zip(identities) {
            let only = self.target.is_shared().then_some(OnlyVirtual);
            let template = PodTemplate::new(&load.manifest, &identities.namespace, self.run, only)?;
            let driver = PodsDriver {
                clock: self.clock,
                clients: identities.drivers.clone(),
                observer: identities.observer.clone(),
                namespace: identities.namespace.clone(),
                run: self.run.to_owned(),
                template,
                arrivals: load.arrivals,
                rate: load.rate,
                lifetime: load.lifetime,
                seed: self.plan.seed,
            };
            let (sender, receiver) = watch::channel(Counts::default());
            let timeline = timeline.clone();
            counts.push(receiver);
            drivers.spawn(async move {
                // Tokens stay fresh as long as their load runs.
                let _identities = identities;
                driver.run(timeline, &sender).await.context("cannot start the pacing thread")
            });
        }
        Ok((drivers, counts))
    }

    async fn show_until(&self, phase: Phase, end: Nanos, counts: &[watch::Receiver<Counts>]) {
        let begin = self.clock.now();
        loop {
            let now = self.clock.now();
            let left = end.since(now);
            if left.is_zero() {
                return;
            }
            let seconds = (whole_seconds(now.since(begin)), whole_seconds(end.since(begin)));
            self.progress.step(phase.name(), seconds.0, seconds.1, &format!("s; {}", standing(counts)));
            tokio::time::sleep(left.min(Duration::from_secs(1))).await;
        }
    }

    async fn drain(
        &self,
        drivers: &mut Drivers,
        counts: &[watch::Receiver<Counts>],
    ) -> anyhow::Result<Vec<PodsReport>> {
        let mut reports = Vec::new();
        loop {
            self.progress.doing(Phase::Drain.name(), &standing(counts));
            tokio::select! {
                ended = drivers.join_next() => match ended {
                    Some(report) => reports.push(report.context("a driver panicked")??),
                    None => return Ok(reports),
                },
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
        }
    }
}

fn standing(counts: &[watch::Receiver<Counts>]) -> String {
    let counts = counts.iter().map(|counts| *counts.borrow());
    let total = counts.fold(Counts::default(), |sum, one| Counts {
        offered: sum.offered + one.offered,
        ran: sum.ran + one.ran,
        over: sum.over + one.over,
    });
    format!("{} pods offered, {} ran, {} over", total.offered, total.ran, total.over)
}

fn whole_seconds(duration: Duration) -> u64 {
    (duration + Duration::from_millis(500)).as_secs()
}
