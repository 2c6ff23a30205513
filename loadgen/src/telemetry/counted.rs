//! What only grows, of one scenario and profile.

use std::{collections::BTreeMap, time::Duration};

use measure::{
    ErrorClass, Kind, Recorder,
    metrics::{Histogram, LATENESS, OPERATION, POD_STARTUP, REQUEST, SERVICE, WATCH_LAG},
};

use crate::{
    criteria::good_within,
    drivers::PodStage,
    observed::{Done, Watched},
};

/// Who sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    Drivers,
    Fleet,
}

impl Side {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Drivers => "drivers",
            Self::Fleet => "fleet",
        }
    }
}

/// What can come of a request, as it is told: of a fleet's requests only the class is known, so of the drivers' no more is told.
pub(super) const CODES: [&str; 9] =
    ["2xx", "403", "404", "409", "429", "4xx", "5xx", "timeout", "connection"];

/// The place in [`CODES`].
fn code(error: Option<ErrorClass>) -> usize {
    match error {
        None => 0,
        Some(ErrorClass::Forbidden) => 1,
        Some(ErrorClass::NotFound) => 2,
        Some(ErrorClass::Conflict) => 3,
        Some(ErrorClass::TooManyRequests) => 4,
        Some(ErrorClass::OtherStatus) => 5,
        Some(ErrorClass::Server) => 6,
        Some(ErrorClass::Timeout) => 7,
        Some(ErrorClass::Connection) => 8,
    }
}

/// All that was counted of one scenario and profile.
#[derive(Clone, Debug)]
pub(super) struct Counted {
    pub(super) scenario: String,
    pub(super) profile: String,
    pub(super) loads: Vec<LoadCounted>,
    pub(super) requests: BTreeMap<(Side, Kind), Requests>,
    pub(super) lateness: BTreeMap<Side, Histogram>,
    /// Trials by what there is to doubt about them.
    pub(super) warnings: BTreeMap<String, u64>,
    /// Nothing before there was a fleet.
    pub(super) fleet: Option<FleetCounted>,
    /// CPU seconds by process.
    pub(super) cpu: BTreeMap<String, f64>,
    /// CPU seconds of the machine, where it tells.
    pub(super) machine_busy: Option<f64>,
}

/// Requests of one kind.
#[derive(Clone, Debug)]
pub(super) struct Requests {
    /// By place in [`CODES`].
    pub(super) codes: [u64; CODES.len()],
    pub(super) response: Histogram,
    pub(super) service: Histogram,
}

/// What a load of this name has done.
#[derive(Clone, Debug)]
pub(super) struct LoadCounted {
    pub(super) name: String,
    /// An operation that takes longer is no goodput.
    good_within: Duration,
    /// Whether it is done at a rate, or has had operations all the same.
    pub(super) has_operations: bool,
    pub(super) offered: u64,
    pub(super) succeeded: u64,
    pub(super) good: u64,
    pub(super) failed: u64,
    pub(super) dropped: u64,
    pub(super) operation: Histogram,
    pub(super) lag: Histogram,
    pub(super) events: u64,
    pub(super) stages: BTreeMap<PodStage, Histogram>,
    /// Operations per second that are asked of it; nothing of a level.
    pub(super) rate: Option<f64>,
    pub(super) backlog: u64,
    /// Of a level, by cell: how many there are, and how many are asked for.
    pub(super) level: BTreeMap<u32, (u64, u64)>,
    /// What its drivers count beside, by cell.
    pub(super) figures: BTreeMap<u32, BTreeMap<String, f64>>,
    /// Starts that were dropped of the load that is offered now.
    dropped_now: u64,
}

/// What fleets have done.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FleetCounted {
    pub(super) false_alarms: u64,
    pub(super) pods_started: u64,
    pub(super) pods_adopted: u64,
    pub(super) pods_evicted: u64,
    pub(super) pods_gone: u64,
    pub(super) bytes_read: u64,
    pub(super) bytes_written: u64,
    pub(super) connections: u64,
}

impl Counted {
    pub(super) fn new(scenario: &str, profile: &str) -> Self {
        Self {
            scenario: scenario.to_owned(),
            profile: profile.to_owned(),
            loads: Vec::new(),
            requests: BTreeMap::new(),
            lateness: BTreeMap::new(),
            warnings: BTreeMap::new(),
            fleet: None,
            cpu: BTreeMap::new(),
            machine_busy: None,
        }
    }

    /// Whether there is nothing of it yet.
    pub(super) fn is_empty(&self) -> bool {
        let Self { loads, requests, warnings, fleet, cpu, .. } = self;
        loads.is_empty() && requests.is_empty() && warnings.is_empty() && fleet.is_none() && cpu.is_empty()
    }

    /// A load of it begins, once more or for the first time. Says its place.
    pub(super) fn begin(&mut self, part: &Watched) -> usize {
        let known = self.loads.iter().position(|load| load.name == part.name);
        let place = known.unwrap_or_else(|| {
            self.loads.push(LoadCounted::new(part));
            self.loads.len() - 1
        });
        let load = &mut self.loads[place];
        load.rate = part.rate;
        load.good_within = good_within(part.limit);
        load.has_operations |= part.rate.is_some();
        load.level.clear();
        load.figures.clear();
        load.dropped_now = 0;
        place
    }

    /// Nothing is offered of it any more.
    pub(super) fn rest(&mut self) {
        for load in &mut self.loads {
            load.rate = load.rate.map(|_| 0.0);
            load.level.clear();
        }
    }

    /// A driver's request is over.
    pub(super) fn request(&mut self, done: &Done) {
        let requests = self.requests.entry((Side::Drivers, done.kind)).or_default();
        let error = done.outcome.error();
        requests.codes[code(error)] += 1;
        if matches!(error, None | Some(ErrorClass::Timeout)) {
            requests.response.observe(done.ended.since(done.intended));
            requests.service.observe(done.ended.since(done.sent));
        }
        self.lateness(Side::Drivers).observe(done.sent.since(done.intended));
    }

    /// Adds what a recorder has counted meanwhile.
    pub(super) fn record(&mut self, side: Side, recorder: &Recorder) {
        for (kind, stats) in recorder.kinds() {
            let requests = self.requests.entry((side, kind)).or_default();
            requests.codes[code(None)] += stats.ok;
            for (class, count) in stats.errors.iter() {
                requests.codes[code(Some(class))] += count;
            }
            requests.response.add(&stats.response);
            requests.service.add(&stats.service);
            self.lateness(side).add(&stats.lateness);
        }
    }

    fn lateness(&mut self, side: Side) -> &mut Histogram {
        self.lateness.entry(side).or_insert_with(|| Histogram::new(&LATENESS))
    }
}

impl Default for Requests {
    fn default() -> Self {
        let (response, service) = (Histogram::new(&REQUEST), Histogram::new(&SERVICE));
        Self { codes: [0; CODES.len()], response, service }
    }
}

impl LoadCounted {
    fn new(part: &Watched) -> Self {
        Self {
            name: part.name.clone(),
            good_within: good_within(part.limit),
            has_operations: false,
            offered: 0,
            succeeded: 0,
            good: 0,
            failed: 0,
            dropped: 0,
            operation: Histogram::new(&OPERATION),
            lag: Histogram::new(&WATCH_LAG),
            events: 0,
            stages: BTreeMap::new(),
            rate: None,
            backlog: 0,
            level: BTreeMap::new(),
            figures: BTreeMap::new(),
            dropped_now: 0,
        }
    }

    pub(super) fn offers(&mut self) {
        self.has_operations = true;
        self.offered += 1;
    }

    pub(super) fn achieves(&mut self, took: Duration) {
        self.succeeded += 1;
        self.good += u64::from(took <= self.good_within);
        self.operation.observe(took);
    }

    pub(super) fn passes(&mut self, stage: PodStage, took: Duration) {
        self.stages.entry(stage).or_insert_with(|| Histogram::new(&POD_STARTUP)).observe(took);
    }

    /// So many starts were dropped since the load began.
    pub(super) fn dropped_are(&mut self, dropped: u64) {
        self.dropped += dropped.saturating_sub(self.dropped_now);
        self.dropped_now = self.dropped_now.max(dropped);
    }
}
