//! What is known of loads while they run: all that their criteria and their record need, whatever window they are asked of.
//!
//! A driver tells of every request and of every operation that it is there for (a pod that is to run, an object that is to be
//! stored), the probe what the fleet did in each second; the probe opens a window when the loads are steady, and asks. Each load is
//! judged by itself: what is offered to disturb others is not judged at all.

mod fleet;
mod gaps;
mod level;
mod measured;
mod recently;
mod samples;
mod told;
mod writes;

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use fake_kubelet::FleetReport;
use measure::{
    Cohorts, Kind, Latency, Nanos, Outcome, Recorder,
    criteria::{self, Extent, Group, Judged},
    statistics::{Error, binomial::Block, median, steady},
};

pub(crate) use self::told::Told;
use self::{
    fleet::FleetSeconds,
    level::Level,
    samples::Samples,
    writes::{Delivery, Writes},
};
use crate::{
    criteria::{Class, Criteria, good_within},
    telemetry::Meter,
};

/// The backlog is looked at as means over so long.
const BACKLOG_MEANS: Duration = Duration::from_secs(2);

/// A request that is over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done {
    pub(crate) kind: Kind,
    pub(crate) intended: Nanos,
    pub(crate) sent: Nanos,
    pub(crate) ended: Nanos,
    pub(crate) outcome: Outcome,
}

/// A load that is looked at.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Watched {
    /// As its scenario calls it.
    pub(crate) name: String,
    /// Whether the control plane is judged by it.
    pub(crate) is_judged: bool,
    /// Operations per second; nothing of a load that is a level.
    pub(crate) rate: Option<f64>,
    /// How long an operation may take that is good: twice this. Slower than this is slow.
    pub(crate) limit: Duration,
    /// What an operation's time is called by which it is judged; nothing where an operation is one request, which is judged anyway.
    pub(crate) slow: Option<&'static str>,
}

/// Shared between those who tell and those who ask.
#[derive(Clone, Debug)]
pub(crate) struct Observed(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    origin: Nanos,
    criteria: Criteria,
    loads: Vec<LoadState>,
    /// Of all loads: the watchers of one may be told what another writes.
    writes: Writes,
    /// From when on requests are kept.
    window: Option<Nanos>,
    /// When the window that counts began.
    measured: Option<Nanos>,
    fleet: FleetSeconds,
}

/// What is known of one load.
#[derive(Debug)]
struct LoadState {
    watched: Watched,
    /// Counts the same over all loads of a command.
    meter: Meter,
    requests: BTreeMap<Kind, Cohorts>,
    /// Operations that succeeded within twice their limit, and within it.
    good: Cohorts,
    quick: Cohorts,
    /// Operations that were over.
    over: Vec<Over>,
    /// Deliveries to a watcher, by when what they tell of was acknowledged.
    lag: Cohorts,
    /// How long each took of the window.
    lags: Vec<(Nanos, Duration)>,
    backlog: Samples,
    level: Level,
    /// Requests that are over: how long the window will be is not known yet.
    done: Vec<Done>,
}

/// An operation that succeeded.
#[derive(Clone, Copy, Debug)]
struct Over {
    intended: Nanos,
    at: Nanos,
}

impl LoadState {
    fn new((watched, meter): (Watched, Meter), origin: Nanos, criteria: &Criteria) -> Self {
        Self {
            meter,
            requests: BTreeMap::new(),
            good: Cohorts::new(origin, good_within(watched.limit)),
            quick: Cohorts::new(origin, watched.limit),
            over: Vec::new(),
            lag: Cohorts::new(origin, criteria.watch_lag),
            lags: Vec::new(),
            backlog: Samples::default(),
            level: Level::default(),
            done: Vec::new(),
            watched,
        }
    }
}

impl Observed {
    /// Nothing yet, of loads that begin at `origin`, each with what else counts what it does.
    pub(crate) fn new(
        origin: Nanos,
        criteria: Criteria,
        loads: impl IntoIterator<Item = (Watched, Meter)>,
    ) -> Self {
        let loads = loads.into_iter().map(|load| LoadState::new(load, origin, &criteria)).collect();
        let mut state = State {
            origin,
            criteria,
            loads,
            writes: Writes::default(),
            window: None,
            measured: None,
            fleet: FleetSeconds::new(Duration::ZERO),
        };
        state.fleet = state.new_fleet();
        Self(Arc::new(Mutex::new(state)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the driver of a load tells, by the load's place.
    pub(crate) fn told(&self, load: usize) -> Told {
        Told::new(self.clone(), load)
    }

    /// So much of a load is accepted and unfinished.
    pub(crate) fn backlog_is(&self, load: usize, at: Nanos, backlog: u64) {
        let mut state = self.state();
        let load = &mut state.loads[load];
        load.backlog.push(at, backlog);
        load.meter.backlog_is(backlog);
    }

    /// So many starts of a load found no room in the client.
    pub(crate) fn dropped_are(&self, load: usize, dropped: u64) {
        self.state().loads[load].meter.dropped_are(dropped);
    }

    /// What the fleet did since the last time.
    pub(crate) fn fleet_did(&self, at: Nanos, report: &FleetReport) {
        let mut state = self.state();
        let criteria = state.criteria;
        state.fleet.push(at, report, &criteria);
    }

    /// Requests intended from here on are kept, and what the fleet does; what was kept before is forgotten.
    pub(crate) fn open(&self, from: Nanos) {
        let mut state = self.state();
        state.window = Some(from);
        for load in &mut state.loads {
            load.done.clear();
            load.lags.clear();
        }
        state.fleet = state.new_fleet();
    }

    /// How many loads there are.
    pub(crate) fn loads(&self) -> usize {
        self.state().loads.len()
    }

    /// Whether anything is done at a rate.
    pub(crate) fn has_operations(&self) -> bool {
        self.state().loads.iter().any(|load| load.watched.rate.is_some())
    }

    /// What is intended before this has ended at `now`, or has had its time.
    pub(crate) fn ripe_until(&self, now: Nanos) -> Nanos {
        let state = self.state();
        // A request that is slow has not had its time yet: its length belongs into the record.
        let ripe = state.loads.iter().filter(|load| load.watched.is_judged).map(|load| {
            let ended = load.requests.values().chain([&load.good]).map(|it| it.ended_until(now)).min();
            load.good.ripe_until(now).max(ended.unwrap_or_default())
        });
        ripe.min().unwrap_or(now)
    }

    /// Requests of all loads intended in the window, which begins no earlier than it was opened.
    pub(crate) fn recorded(&self, window: &Range<Nanos>) -> Recorder {
        let mut recorder = Recorder::new();
        for load in &self.state().loads {
            for done in load.done.iter().filter(|done| window.contains(&done.intended)) {
                recorder.record(done.kind, done.intended, done.sent, done.ended, done.outcome);
            }
        }
        recorder
    }

    /// What the fleet did in it.
    pub(crate) fn fleet_recorded(&self, window: &Range<Nanos>) -> Recorder {
        self.state().fleet.recorded(window.end)
    }

    /// How long the operations of a load took that were intended in the window and have succeeded.
    pub(crate) fn responses(&self, load: usize, window: &Range<Nanos>) -> Latency {
        let mut latency = Latency::new();
        for Over { intended, at } in &self.state().loads[load].over {
            if window.contains(intended) {
                latency.record(at.since(*intended));
            }
        }
        latency
    }

    /// How late its deliveries were, by when what they tell of was acknowledged.
    pub(crate) fn lags(&self, load: usize, window: &Range<Nanos>) -> Latency {
        let mut latency = Latency::new();
        for (acknowledged, lag) in &self.state().loads[load].lags {
            if window.contains(acknowledged) {
                latency.record(*lag);
            }
        }
        latency
    }

    /// Whether all loads have come to rest, by their last windows of this length before `now`: what is said of the first that has not.
    pub(crate) fn steadiness(&self, now: Nanos, length: Duration) -> Result<steady::Steadiness, Error> {
        let state = self.state();
        // What is intended is counted by whole seconds.
        let now = state.origin + Duration::from_secs(now.since(state.origin).as_secs());
        let mut all = steady::Steadiness::Steady;
        for load in state.loads.iter().filter(|load| load.watched.is_judged) {
            let Some(rate) = load.watched.rate else { continue };
            let windows: Vec<steady::Window> = (1..=u32::try_from(steady::WINDOWS).unwrap_or(u32::MAX))
                .rev()
                .filter_map(|back| {
                    let from = Nanos(now.0.checked_sub(Nanos::from(length * back).0)?);
                    (from >= state.origin).then(|| load.window(&(from..from + length)))
                })
                .collect();
            match steady::judge(&windows, length.as_secs_f64(), rate)? {
                steady::Steadiness::Broken => return Ok(steady::Steadiness::Broken),
                unsteady @ steady::Steadiness::Unsteady(_) if all == steady::Steadiness::Steady => {
                    all = unsteady;
                }
                _ => {}
            }
        }
        Ok(all)
    }

    /// How the window keeps the criteria, as far as is known at `now`.
    pub(crate) fn judge(
        &self,
        window: &Range<Nanos>,
        now: Nanos,
        extent: Extent,
    ) -> Result<Vec<Judged>, Error> {
        let state = self.state();
        let mut judged = state.judge_shares(window, now, extent)?;
        for load in state.loads.iter().filter(|load| load.watched.is_judged) {
            let Some(rate) = load.watched.rate else { continue };
            let means = load.backlog.means(&(window.start..window.end.min(now)), BACKLOG_MEANS);
            let name = &load.watched.name;
            judged.extend(criteria::backlog(name, &means, BACKLOG_MEANS.as_secs_f64(), rate, extent)?);
        }
        judged.extend(state.fleet.judge(window, &state.criteria, extent)?);
        Ok(judged)
    }

    /// The same without the backlog, for a window too short for a slope.
    pub(crate) fn judge_shares(
        &self,
        window: &Range<Nanos>,
        now: Nanos,
        extent: Extent,
    ) -> Result<Vec<Judged>, Error> {
        self.state().judge_shares(window, now, extent)
    }

    /// Operations of a load intended in the window, and those of them that have succeeded so far.
    pub(crate) fn achieved(&self, load: usize, window: &Range<Nanos>) -> (u64, u64, Duration) {
        let state = self.state();
        let load = &state.loads[load];
        let over = load.over.iter().filter(|over| window.contains(&over.intended)).count();
        (load.good.intended(window), over as u64, window.end.since(window.start))
    }

    /// Operations of a load intended in the seconds of the window whose time is over, those of them that succeeded within twice their
    /// limit, and how many seconds that is.
    pub(crate) fn goodput(&self, load: usize, window: &Range<Nanos>, now: Nanos) -> (u64, u64, Duration) {
        let blocks = until(&self.state().loads[load].good, now, |good, until| good.missed(window, until));
        let offered: u64 = blocks.iter().map(|block| block.n).sum();
        let missed: u64 = blocks.iter().map(|block| block.misses).sum();
        (offered, offered - missed, Duration::from_secs(blocks.len() as u64))
    }
}

impl LoadState {
    fn window(&self, window: &Range<Nanos>) -> steady::Window {
        let over = self.over.iter().filter(|over| window.contains(&over.at));
        let responses: Vec<f64> = over.map(|over| over.at.since(over.intended).as_secs_f64()).collect();
        steady::Window {
            intended: self.good.intended(window),
            done: responses.len() as u64,
            backlog: self.backlog.mean(window).unwrap_or_default(),
            response: median(&responses),
        }
    }

    /// The load's own shares: what was good, what was slow, what came late to a watcher, and of a level what is there.
    fn judge(
        &self,
        criteria: &Criteria,
        window: &Range<Nanos>,
        now: Nanos,
        extent: Extent,
    ) -> Result<Vec<Judged>, Error> {
        let name = &self.watched.name;
        let group = |blocks| [Group { name: name.clone(), class: name.clone(), blocks }];
        let missed = |cohorts| group(until(cohorts, now, |it, until| it.missed(window, until)));
        let mut judged = criteria::shares("goodput", &missed(&self.good), 1.0 - criteria.goodput, extent)?;
        if let Some(slow) = self.watched.slow {
            judged.extend(criteria::shares(slow, &missed(&self.quick), criteria.slow, extent)?);
        }
        // Of a delivery nobody is told before it has come.
        let lag = group(self.lag.missed(window, self.lag.ripe_until(now)));
        judged.extend(criteria::shares("watch-lag", &lag, criteria.slow, extent)?);
        judged.extend(self.judge_gaps(criteria, window, now));
        Ok(judged)
    }

    /// Its requests by kind.
    fn groups(&self, blocks: impl Fn(&Cohorts) -> Vec<Block>) -> impl Iterator<Item = Group> {
        let name = &self.watched.name;
        let group = move |(kind, cohorts): (&Kind, &Cohorts)| {
            let class = Class::of(*kind)?;
            Some(Group {
                name: format!("{name}: {kind}"),
                class: format!("{name}: {}", class.name()),
                blocks: blocks(cohorts),
            })
        };
        self.requests.iter().filter_map(group)
    }
}

impl State {
    /// As long as the load whose operations take longest has to be waited for.
    fn new_fleet(&self) -> FleetSeconds {
        let longest = self.loads.iter().map(|load| good_within(load.watched.limit)).max();
        FleetSeconds::new(longest.unwrap_or_default())
    }

    fn deliver(&mut self, (load, acknowledged, seen): Delivery) {
        let lag = seen.since(acknowledged);
        let in_window = self.window.is_some_and(|from| acknowledged >= from);
        let load = &mut self.loads[load];
        load.lag.intend(acknowledged);
        load.lag.succeed(acknowledged, lag);
        load.meter.delivers(lag);
        if in_window {
            load.lags.push((acknowledged, lag));
        }
    }

    fn of(&mut self, load: usize, kind: Kind, class: Class) -> &mut Cohorts {
        let (origin, limit) = (self.origin, self.criteria.limit(class));
        self.loads[load].requests.entry(kind).or_insert_with(|| Cohorts::new(origin, limit))
    }

    fn judge_shares(&self, window: &Range<Nanos>, now: Nanos, extent: Extent) -> Result<Vec<Judged>, Error> {
        let counted = || self.loads.iter().filter(|load| load.watched.is_judged);
        let mut judged = Vec::new();
        for load in counted() {
            judged.extend(load.judge(&self.criteria, window, now, extent)?);
        }
        let groups = |blocks: &dyn Fn(&Cohorts) -> Vec<Block>| -> Vec<Group> {
            counted().flat_map(|load| load.groups(blocks)).collect()
        };
        let late = groups(&|cohorts| until(cohorts, now, |it, until| it.late(window, until)));
        judged.extend(criteria::shares("slow", &late, self.criteria.slow, extent)?);
        let failed = groups(&|cohorts| until(cohorts, now, |it, until| it.failed(window, until)));
        judged.extend(criteria::shares("errors", &failed, self.criteria.errors, extent)?);
        Ok(judged)
    }
}

/// What can be said at `now` of operations that are told of when they are due.
fn until(cohorts: &Cohorts, now: Nanos, blocks: impl Fn(&Cohorts, Nanos) -> Vec<Block>) -> Vec<Block> {
    blocks(cohorts, cohorts.ripe_until(now).max(cohorts.ended_until(now)))
}

#[cfg(test)]
mod tests;
