//! What is known of a load while it runs: all that its criteria and its record need, whatever window they are asked of.
//!
//! A driver tells of every request and of every operation that it is there for (a pod that is to run, an object that is to be
//! stored), the probe what the fleet did in each second; the probe opens a window when the load is steady, and asks.

mod fleet;
mod samples;

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

use self::{fleet::FleetSeconds, samples::Samples};
use crate::criteria::{Class, Criteria, is_servers};

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

/// Shared between those who tell and those who ask.
#[derive(Clone, Debug)]
pub(crate) struct Observed(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    origin: Nanos,
    criteria: Criteria,
    requests: BTreeMap<Kind, Cohorts>,
    /// Operations that succeeded within twice their limit, and within it.
    good: Cohorts,
    quick: Cohorts,
    /// Operations that were over.
    over: Vec<Over>,
    /// Deliveries to a watcher, by when what they tell of was acknowledged.
    lag: Cohorts,
    backlog: Samples,
    /// From when on requests are kept.
    window: Option<Nanos>,
    /// Those that are over: how long the window will be is not known yet.
    done: Vec<Done>,
    fleet: FleetSeconds,
}

/// An operation that succeeded.
#[derive(Clone, Copy, Debug)]
struct Over {
    intended: Nanos,
    at: Nanos,
}

impl Observed {
    /// Nothing yet, of a load that begins at `origin`.
    pub(crate) fn new(origin: Nanos, criteria: Criteria) -> Self {
        Self(Arc::new(Mutex::new(State {
            origin,
            criteria,
            requests: BTreeMap::new(),
            good: Cohorts::new(origin, criteria.good_within()),
            quick: Cohorts::new(origin, criteria.pod_startup),
            over: Vec::new(),
            lag: Cohorts::new(origin, criteria.watch_lag),
            backlog: Samples::default(),
            window: None,
            done: Vec::new(),
            fleet: FleetSeconds::new(criteria.good_within()),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request is about to be made.
    pub(crate) fn begins(&self, kind: Kind, intended: Nanos) {
        if let Some(class) = Class::of(kind) {
            self.state().of(kind, class).intend(intended);
        }
    }

    /// A request is over.
    pub(crate) fn ends(&self, done: &Done) {
        let mut state = self.state();
        if state.window.is_some_and(|from| done.intended >= from) {
            state.done.push(*done);
        }
        let Some(class) = Class::of(done.kind) else { return };
        let cohorts = state.of(done.kind, class);
        if done.outcome.error().is_some_and(is_servers) {
            cohorts.fail(done.intended);
        } else {
            cohorts.succeed(done.intended, done.ended.since(done.intended));
        }
    }

    /// An operation is due.
    pub(crate) fn offers(&self, intended: Nanos) {
        let mut state = self.state();
        state.good.intend(intended);
        state.quick.intend(intended);
    }

    /// An operation has succeeded.
    pub(crate) fn achieves(&self, intended: Nanos, at: Nanos) {
        let took = at.since(intended);
        let mut state = self.state();
        state.good.succeed(intended, took);
        state.quick.succeed(intended, took);
        state.over.push(Over { intended, at });
    }

    /// A watcher was told at `seen` of a write that was acknowledged at `acknowledged`; before it is no lag.
    pub(crate) fn delivers(&self, acknowledged: Nanos, seen: Nanos) {
        let mut state = self.state();
        state.lag.intend(acknowledged);
        state.lag.succeed(acknowledged, seen.since(acknowledged));
    }

    /// So much is accepted and unfinished.
    pub(crate) fn backlog_is(&self, at: Nanos, backlog: u64) {
        self.state().backlog.push(at, backlog);
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
        state.done.clear();
        state.fleet = FleetSeconds::new(state.criteria.good_within());
    }

    /// What is intended before this has ended at `now`, or has had its time.
    pub(crate) fn ripe_until(&self, now: Nanos) -> Nanos {
        let state = self.state();
        // A request that is slow has not had its time yet: its length belongs into the record.
        let ended = state.requests.values().chain([&state.good]).map(|it| it.ended_until(now)).min();
        state.good.ripe_until(now).max(ended.unwrap_or_default())
    }

    /// Requests intended in the window, which begins no earlier than it was opened.
    pub(crate) fn recorded(&self, window: &Range<Nanos>) -> Recorder {
        let mut recorder = Recorder::new();
        for done in self.state().done.iter().filter(|done| window.contains(&done.intended)) {
            recorder.record(done.kind, done.intended, done.sent, done.ended, done.outcome);
        }
        recorder
    }

    /// What the fleet did in it.
    pub(crate) fn fleet_recorded(&self, window: &Range<Nanos>) -> Recorder {
        self.state().fleet.recorded(window.end)
    }

    /// How long the operations took that were intended in the window and have succeeded.
    pub(crate) fn responses(&self, window: &Range<Nanos>) -> Latency {
        let mut latency = Latency::new();
        for Over { intended, at } in &self.state().over {
            if window.contains(intended) {
                latency.record(at.since(*intended));
            }
        }
        latency
    }

    /// Whether the load has come to rest, by its last windows of this length before `now`.
    pub(crate) fn steadiness(
        &self,
        now: Nanos,
        length: Duration,
        offered: f64,
    ) -> Result<steady::Steadiness, Error> {
        let state = self.state();
        // What is intended is counted by whole seconds.
        let now = state.origin + Duration::from_secs(now.since(state.origin).as_secs());
        let windows: Vec<steady::Window> = (1..=u32::try_from(steady::WINDOWS).unwrap_or(u32::MAX))
            .rev()
            .filter_map(|back| {
                let from = Nanos(now.0.checked_sub(Nanos::from(length * back).0)?);
                (from >= state.origin).then(|| state.window(&(from..from + length)))
            })
            .collect();
        steady::judge(&windows, length.as_secs_f64(), offered)
    }

    /// How the window keeps the criteria, as far as is known at `now`.
    pub(crate) fn judge(
        &self,
        window: &Range<Nanos>,
        now: Nanos,
        offered: f64,
        extent: Extent,
    ) -> Result<Vec<Judged>, Error> {
        let state = self.state();
        let mut judged = state.judge_shares(window, now, extent)?;
        if offered > 0.0 {
            let means = state.backlog.means(&(window.start..window.end.min(now)), BACKLOG_MEANS);
            judged.extend(criteria::backlog(
                "backlog",
                &means,
                BACKLOG_MEANS.as_secs_f64(),
                offered,
                extent,
            )?);
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

    /// Operations intended in the window, and those of them that have succeeded so far.
    pub(crate) fn achieved(&self, window: &Range<Nanos>) -> (u64, u64, Duration) {
        let state = self.state();
        let over = state.over.iter().filter(|over| window.contains(&over.intended)).count();
        (state.good.intended(window), over as u64, window.end.since(window.start))
    }

    /// Operations intended in the seconds of the window whose time is over, those of them that succeeded within twice their limit, and
    /// how many seconds that is.
    pub(crate) fn goodput(&self, window: &Range<Nanos>, now: Nanos) -> (u64, u64, Duration) {
        let blocks = until(&self.state().good, now, |good, until| good.missed(window, until));
        let offered: u64 = blocks.iter().map(|block| block.n).sum();
        let missed: u64 = blocks.iter().map(|block| block.misses).sum();
        (offered, offered - missed, Duration::from_secs(blocks.len() as u64))
    }
}

impl State {
    fn of(&mut self, kind: Kind, class: Class) -> &mut Cohorts {
        let (origin, limit) = (self.origin, self.criteria.limit(class));
        self.requests.entry(kind).or_insert_with(|| Cohorts::new(origin, limit))
    }

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

    fn judge_shares(&self, window: &Range<Nanos>, now: Nanos, extent: Extent) -> Result<Vec<Judged>, Error> {
        let Criteria { goodput, slow, errors, .. } = self.criteria;
        let alone = |name: &str, blocks| [Group { name: name.to_owned(), class: name.to_owned(), blocks }];
        let operations = |blocks| alone("operations", blocks);
        let missed = |cohorts| until(cohorts, now, |it, until| it.missed(window, until));
        let late = |cohorts: &Cohorts| until(cohorts, now, |it, until| it.late(window, until));
        let failed = |cohorts: &Cohorts| until(cohorts, now, |it, until| it.failed(window, until));
        let mut judged = criteria::shares("goodput", &operations(missed(&self.good)), 1.0 - goodput, extent)?;
        judged.extend(criteria::shares("startup", &operations(missed(&self.quick)), slow, extent)?);
        judged.extend(criteria::shares("slow", &self.groups(late), slow, extent)?);
        judged.extend(criteria::shares("errors", &self.groups(failed), errors, extent)?);
        // Of a delivery nobody is told before it has come.
        let lag = alone("deliveries", self.lag.missed(window, self.lag.ripe_until(now)));
        judged.extend(criteria::shares("watch-lag", &lag, slow, extent)?);
        Ok(judged)
    }

    /// The drivers' requests by kind.
    fn groups(&self, blocks: impl Fn(&Cohorts) -> Vec<Block>) -> Vec<Group> {
        let group = |(kind, cohorts): (&Kind, &Cohorts)| {
            let class = Class::of(*kind)?;
            Some(Group {
                name: format!("drivers: {kind}"),
                class: format!("drivers: {}", class.name()),
                blocks: blocks(cohorts),
            })
        };
        self.requests.iter().filter_map(group).collect()
    }
}

/// What can be said at `now` of operations that are told of when they are due.
fn until(cohorts: &Cohorts, now: Nanos, blocks: impl Fn(&Cohorts, Nanos) -> Vec<Block>) -> Vec<Block> {
    blocks(cohorts, cohorts.ripe_until(now).max(cohorts.ended_until(now)))
}

#[cfg(test)]
mod tests;
