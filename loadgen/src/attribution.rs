//! What limited a window: the components' own metrics, read at its edges, and every fifteen seconds for the record. Whatever is read is
//! kept as it is too (`shown.rs`).

use std::time::Duration;

use measure::Clock;
use profile::Profile;
use record::{Limit, Series};
use scrape::limits::{self, Finding, Process};
use serde_json::{Map, Value};
use tokio::task::{JoinHandle, JoinSet};

use crate::{
    sampling::Used,
    server_metrics::{Reading, ServerMetrics, processes},
    shown::Shown,
    target::Target,
};

/// Between two lines of the record's series.
const EVERY: Duration = Duration::from_secs(15);

/// Reads the metrics of a control plane, or of those of all cells together, until it is dropped.
pub(crate) struct Attribution {
    metrics: ServerMetrics,
    profile: Option<Profile>,
    shown: Shown,
    _ticking: JoinSet<()>,
}

/// What is known of a window beside what the drivers saw.
#[derive(Debug, Default)]
pub(crate) struct Cause {
    /// What was used up, the strongest first.
    pub(crate) limits: Vec<Limit>,
    /// Components that waited in their own request limiter, and for which share of the window.
    pub(crate) throttled: Vec<(String, f64)>,
    /// Components that were started anew.
    pub(crate) restarted: Vec<String>,
    /// Components whose metrics could not be read, and why.
    pub(crate) missing: Vec<(String, String)>,
    /// What each component says of the window.
    pub(crate) figures: Map<String, Value>,
}

impl Attribution {
    /// Begins to read.
    pub(crate) fn start(target: &Target, clock: Clock, series: Series, shown: &Shown) -> Self {
        let sources = target.locals().map(|(part, local)| (part, local.metrics())).collect();
        let metrics = ServerMetrics::new(sources, &target.admin, clock, shown);
        let profile = target.local.as_ref().map(|local| local.profile().clone());
        let mut ticking = JoinSet::new();
        ticking.spawn(tick(metrics.clone(), series));
        Self { metrics, profile, shown: shown.clone(), _ticking: ticking }
    }

    /// Reads in the background, at an edge of a window: nobody who offers a load waits for it. Our own families are kept with what is read.
    pub(crate) fn read(&self) -> JoinHandle<Reading> {
        let (metrics, shown) = (self.metrics.clone(), self.shown.clone());
        tokio::task::spawn_blocking(move || shown.keep_ours());
        tokio::spawn(async move { metrics.read().await })
    }

    /// What was used up between two readings.
    pub(crate) fn cause(&self, before: &Reading, after: &Reading, used: Option<&Used>) -> Cause {
        let machine = used.and_then(|used| used.machine.map(|machine| (machine, used.seconds)));
        let cores = machine.map_or(1, |(machine, _)| machine.cores);
        #[expect(clippy::cast_precision_loss, reason = "no machine has 2^53 cores")]
        let busy =
            machine.map(|(machine, seconds)| machine.busy_cpu_seconds / seconds / machine.cores as f64);
        let processes = processes(before, after, self.profile.as_ref().map(|profile| (profile, cores)));
        let throttled = processes
            .iter()
            .filter_map(|process| Some((process.name.clone(), limits::throttling(process)?.share)));
        Cause {
            limits: limits::findings(&processes, busy.filter(|_| self.profile.is_some()))
                .iter()
                .map(limit)
                .collect(),
            throttled: throttled.collect(),
            restarted: processes.iter().filter(|it| it.change.restarted).map(named).collect(),
            missing: after.missing.clone(),
            figures: after.figures(Some(before)),
        }
    }
}

fn named(process: &Process) -> String {
    process.name.clone()
}

fn limit(finding: &Finding) -> Limit {
    let resource = match &finding.part {
        Some(part) => format!("{} of {part}", finding.resource),
        None => finding.resource.to_string(),
    };
    Limit {
        component: finding.component.clone(),
        resource,
        figure: finding.figure,
        threshold: finding.threshold().above,
        text: finding.to_string(),
    }
}

async fn tick(metrics: ServerMetrics, mut series: Series) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut before: Option<Reading> = None;
    loop {
        ticks.tick().await;
        let reading = metrics.read().await;
        if let Err(error) = series.append(&reading.line(before.as_ref())) {
            tracing::warn!(%error, "cannot write what the components say");
        }
        before = Some(reading);
    }
}
