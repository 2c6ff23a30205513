//! The course of a load, second by second: until it has come to rest, while it is measured, until all holds again.
//!
//! No clock, no socket: those are the [`World`]'s, of which there are two, a [`Stand`](crate::stand::Stand) with a load on it and the
//! tests' simulated server.

use std::{ops::Range, time::Duration};

use fake_kubelet::FleetReport;
use measure::{
    Nanos, Phase,
    criteria::{Extent, Judged, together},
    statistics::{
        Judgement,
        steady::{self, Reason, Steadiness},
    },
};

use super::{Ask, Rest, ToRest};
use crate::observed::Observed;

/// Between two looks at the backlog.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Between two looks at everything else.
const SECOND: Duration = Duration::from_secs(1);
/// A window that is undecided grows by this part of its least length before it is judged again: every look is one more chance to be
/// wrong.
const GROWS_BY: u32 = 2;
/// Windows by which a step of the ramp is judged, and a recovery.
const SHORT: Duration = Duration::from_secs(2);
/// All criteria have to hold for so long before a control plane has recovered.
const RECOVERED: Duration = Duration::from_secs(10);

/// Where a load is offered. Its drivers tell [`Observed`] of what they do as time passes.
pub(crate) trait World {
    fn now(&self) -> Nanos;

    /// Lets time pass.
    async fn sleep(&mut self, length: Duration);

    /// So much is accepted and unfinished of a load by its place in the scenario, now and of those before it.
    fn backlog(&self, place: usize) -> u64;

    /// What the fleet did since the last time.
    async fn take_fleet(&mut self) -> FleetReport;

    /// A window begins of which it is to be known what it costs.
    fn begin_window(&mut self);

    /// It is over; unless it is made longer, and then it is over once more.
    async fn end_window(&mut self);

    /// A second is over of a phase that lasts until then, or longer. An error if the load is not offered any more.
    fn second_is_over(&self, phase: Phase, until: Nanos) -> anyhow::Result<()>;
}

/// A load under way.
pub(crate) struct Course<'a, W> {
    pub(crate) world: W,
    pub(crate) ask: &'a Ask,
    pub(crate) observed: Observed,
    pub(crate) begin: Nanos,
}

/// What was seen of a load.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// The window that counts; of a load that broke while it warmed up, its last stretch.
    pub(crate) measured: Range<Nanos>,
    pub(crate) rest: Rest,
    pub(crate) judged: Vec<Judged>,
    pub(crate) judgement: Judgement,
}

impl<W: World> Course<'_, W> {
    /// Waits for rest and measures.
    pub(crate) async fn probe(&mut self) -> anyhow::Result<Seen> {
        let rest = match self.ask.rest {
            Some(to_rest) => self.settle(to_rest).await?,
            None => Rest::Steady,
        };
        let (measured, judged) = match rest {
            Rest::Broken => self.broken(),
            Rest::Steady | Rest::Not(_) => self.measure().await?,
        };
        let judgement = if rest == Rest::Broken { Judgement::Breaks } else { together(&judged) };
        Ok(Seen { measured, rest, judged, judgement })
    }

    /// Looks for a moment only whether it breaks.
    pub(crate) async fn step(&mut self) -> anyhow::Result<Seen> {
        let until = self.begin + self.ask.measure;
        let mut now = self.begin;
        while now < until {
            now = self.look(Phase::Measure, until).await?;
            self.fleet_did(now).await;
        }
        let measured = self.begin..now;
        // What the bounds leave open is held: a step is short, and a probe confirms it.
        let judged = self.observed.judge_shares(&measured, now, Extent { to_come: f64::INFINITY })?;
        let grows = self.grows(now)?;
        let breaks = grows || together(&judged) == Judgement::Breaks;
        let judgement = if breaks { Judgement::Breaks } else { Judgement::Holds };
        let rest = if grows { Rest::Broken } else { Rest::Steady };
        Ok(Seen { measured, rest, judged, judgement })
    }

    /// Says how long it took until all criteria held; `None` if they never did.
    pub(crate) async fn recover(&mut self) -> anyhow::Result<Option<Duration>> {
        let give_up = self.begin + self.ask.measure;
        let mut now = self.begin;
        while now < give_up {
            now = self.look(Phase::Measure, give_up).await?;
            self.fleet_did(now).await;
            let ripe = self.observed.ripe_until(now);
            if ripe.since(self.begin) < RECOVERED {
                continue;
            }
            let from = Nanos(ripe.0 - Nanos::from(RECOVERED).0);
            let judged = self.observed.judge_shares(&(from..ripe), now, Extent::END)?;
            if together(&judged) == Judgement::Holds && !self.grows(now)? {
                return Ok(Some(from.since(self.begin)));
            }
        }
        Ok(None)
    }

    /// Whether the backlog is seen to grow by more than a server could ever make up for.
    fn grows(&self, now: Nanos) -> anyhow::Result<bool> {
        Ok(self.observed.steadiness(now, SHORT)? == Steadiness::Broken)
    }

    /// Waits for rest; at twice the least warm-up it has waited enough.
    async fn settle(&mut self, ToRest { least, window, or_break }: ToRest) -> anyhow::Result<Rest> {
        let windows = window * u32::try_from(steady::WINDOWS).unwrap_or(u32::MAX);
        let shortest = least.max(windows);
        // As long as a window reaches into the time when nothing is deleted yet, its backlog grows because it does so at first.
        let settled = self.begin + least + windows;
        let (least, most) = (self.begin + shortest, self.begin + shortest * 2);
        loop {
            let now = self.look(Phase::WarmUp, least).await?;
            // Of the fleet's warm-up nothing counts.
            self.world.take_fleet().await;
            if !self.observed.has_operations() {
                if now >= least {
                    return Ok(Rest::Steady);
                }
                continue;
            }
            if now.since(self.begin) < windows {
                continue;
            }
            match self.observed.steadiness(now, window)? {
                Steadiness::Broken if now >= settled && or_break => return Ok(Rest::Broken),
                Steadiness::Broken if now >= most => return Ok(Rest::Not(Reason::Backlog)),
                Steadiness::Steady if now >= least => return Ok(Rest::Steady),
                Steadiness::Unsteady(reason) if now >= most => return Ok(Rest::Not(reason)),
                _ => {}
            }
        }
    }

    /// A load that broke while it warmed up is known by its last stretch.
    fn broken(&self) -> (Range<Nanos>, Vec<Judged>) {
        let now = self.world.now();
        let window = self.begin..now;
        let judged = self.observed.judge(&window, now, Extent { to_come: f64::INFINITY });
        (window, judged.unwrap_or_default())
    }

    /// Measures until the criteria are decided. What is offered last is given its time while the load goes on.
    async fn measure(&mut self) -> anyhow::Result<(Range<Nanos>, Vec<Judged>)> {
        // Operations are counted by whole seconds since the load began.
        let passed = self.world.now().since(self.begin);
        let from = self.begin + Duration::from_secs(passed.as_secs() + 1);
        self.observed.measure(from);
        self.world.begin_window();
        self.world.take_fleet().await;
        let longest = self.ask.measure * self.ask.longest;
        let mut least = self.ask.measure;
        let mut is_over = false;
        loop {
            let now = self.look(Phase::Measure, from + least).await?;
            self.fleet_did(now).await;
            if now >= from + least && !is_over {
                self.world.end_window().await;
                is_over = true;
            }
            // What was offered last has its time.
            if !is_over || self.observed.ripe_until(now) < from + least {
                continue;
            }
            let window = from..from + least;
            let extent = Extent { to_come: longest.as_secs_f64() / least.as_secs_f64() };
            let judged = self.observed.judge(&window, now, extent)?;
            if together(&judged) != Judgement::Undecided {
                return Ok((window, judged));
            }
            least = (least + self.ask.measure / GROWS_BY).min(longest);
            is_over = false;
        }
    }

    async fn fleet_did(&mut self, at: Nanos) {
        self.observed.fleet_did(at, &self.world.take_fleet().await);
    }

    /// Lets a second pass, and looks at the backlog meanwhile.
    async fn look(&mut self, phase: Phase, until: Nanos) -> anyhow::Result<Nanos> {
        let mut now = self.world.now();
        let end = now + SECOND;
        while now < end {
            self.world.sleep(LOOK_EVERY).await;
            now = self.world.now();
            for place in 0..self.observed.loads() {
                self.observed.backlog_is(place, now, self.world.backlog(place));
            }
        }
        self.world.second_is_over(phase, until)?;
        Ok(now)
    }
}
