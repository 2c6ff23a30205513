//! Looking at one load: it is offered until it has come to rest, measured for as long as its criteria need, and retired.

use std::{ops::Range, time::Duration};

use measure::{
    Nanos, Phase,
    criteria::{Extent, Judged, together},
    statistics::{
        Judgement,
        steady::{self, Steadiness},
    },
};

use tokio::task::JoinHandle;

use crate::{
    attribution::Cause,
    observed::Observed,
    sampling::Used,
    server_metrics::Reading,
    stand::{Load, Stand},
};

/// From being asked to the first operation being due, so that the pacing thread starts on time.
const RUN_UP: Duration = Duration::from_millis(100);
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

/// What to offer and for how long.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    /// What a person is shown that it is for; nothing where that goes without saying.
    pub(crate) title: Option<String>,
    /// Where the scenario's axis is put.
    pub(crate) at: f64,
    /// How it comes to rest; nothing where it cannot be expected to.
    pub(crate) rest: Option<ToRest>,
    /// The least measured window.
    pub(crate) measure: Duration,
    /// So many times that the window may be while its criteria are undecided.
    pub(crate) longest: u32,
}

/// How a load comes to rest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ToRest {
    /// The least warm-up: until what is deleted is deleted at the rate at which it is made.
    pub(crate) least: Duration,
    /// Length of each of the windows by which rest is judged.
    pub(crate) window: Duration,
}

/// How the load was when it was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Steady, or not expected to be.
    Steady,
    /// Not steady at twice the least warm-up, for this reason; measured all the same.
    Not(steady::Reason),
    /// It could not be measured: the backlog grew and grew.
    Broken,
}

/// What a probe showed.
pub(crate) struct Probed {
    pub(crate) begin: Nanos,
    /// The window that counts; of a load that broke while it warmed up, its last stretch.
    pub(crate) measured: Range<Nanos>,
    pub(crate) end: Nanos,
    pub(crate) rest: Rest,
    pub(crate) judged: Vec<Judged>,
    pub(crate) judgement: Judgement,
    pub(crate) observed: Observed,
    /// Of the measured window.
    pub(crate) used: Option<Used>,
    /// Starts that found no room in the client.
    pub(crate) dropped: u64,
    /// Requests that waited for a free HTTP/2 stream in the client.
    pub(crate) waited_for_stream: u64,
    /// What the components say about the window.
    pub(crate) cause: Cause,
}

/// A probe under way.
struct Running<'s, 'a> {
    stand: &'s Stand<'a>,
    begun: &'s Begun,
    ask: &'s Ask,
}

/// A load that has begun.
struct Begun {
    load: Load,
    observed: Observed,
    begin: Nanos,
    offered: f64,
    /// Requests that had waited for a stream before.
    waited: u64,
    /// What the components said when it began.
    before: JoinHandle<Reading>,
}

/// What was seen of it.
struct Seen {
    measured: Range<Nanos>,
    rest: Rest,
    judged: Vec<Judged>,
    judgement: Judgement,
}

impl Stand<'_> {
    /// Offers a load and looks at what comes of it. What it leaves is deleted in the background.
    pub(crate) async fn probe(&mut self, ask: &Ask) -> anyhow::Result<Probed> {
        let mut begun = self.begin_load(ask)?;
        let rest = match ask.rest {
            Some(to_rest) => Running { stand: self, begun: &begun, ask }.settle(to_rest).await?,
            None => Rest::Steady,
        };
        if rest != Rest::Broken {
            begun.before = self.read_metrics();
        }
        let running = Running { stand: self, begun: &begun, ask };
        let (measured, judged) = match rest {
            Rest::Broken => running.broken(),
            Rest::Steady | Rest::Not(_) => running.measure().await?,
        };
        let judgement = if rest == Rest::Broken { Judgement::Breaks } else { together(&judged) };
        Ok(self.finish(begun, Seen { measured, rest, judged, judgement }).await)
    }

    /// Offers a load for a moment and says whether it was seen to break.
    pub(crate) async fn step(&mut self, ask: &Ask) -> anyhow::Result<Probed> {
        let begun = self.begin_load(ask)?;
        let running = Running { stand: self, begun: &begun, ask };
        let until = begun.begin + ask.measure;
        let mut now = begun.begin;
        while now < until {
            now = running.look(Phase::Measure, until).await?;
            running.take_fleet(now).await;
        }
        let measured = begun.begin..now;
        // What the bounds leave open is held: a step is short, and a probe confirms it.
        let judged = begun.observed.judge_shares(&measured, now, Extent { to_come: f64::INFINITY })?;
        let grows = begun.grows(now)?;
        let breaks = grows || together(&judged) == Judgement::Breaks;
        let judgement = if breaks { Judgement::Breaks } else { Judgement::Holds };
        let rest = if grows { Rest::Broken } else { Rest::Steady };
        Ok(self.finish(begun, Seen { measured, rest, judged, judgement }).await)
    }

    /// Offers a load after an overload and says how long it took until all criteria held again; `None` if they never did.
    pub(crate) async fn recover(&mut self, ask: &Ask) -> anyhow::Result<Option<Duration>> {
        let begun = self.begin_load(ask)?;
        let running = Running { stand: self, begun: &begun, ask };
        let give_up = begun.begin + ask.measure;
        let mut now = begun.begin;
        let mut recovered = None;
        while now < give_up && recovered.is_none() {
            now = running.look(Phase::Measure, give_up).await?;
            running.take_fleet(now).await;
            let ripe = begun.observed.ripe_until(now);
            if ripe.since(begun.begin) < RECOVERED {
                continue;
            }
            let from = Nanos(ripe.0 - Nanos::from(RECOVERED).0);
            let judged = begun.observed.judge_shares(&(from..ripe), now, Extent::END)?;
            if together(&judged) == Judgement::Holds && !begun.grows(now)? {
                recovered = Some(from.since(begun.begin));
            }
        }
        let measured = begun.begin..now;
        self.retire(begun.load, measured);
        Ok(recovered)
    }

    fn begin_load(&mut self, ask: &Ask) -> anyhow::Result<Begun> {
        let setting = self.setting;
        let begin = setting.clock.now() + RUN_UP;
        let observed = Observed::new(begin, setting.plan.scenario.scenario.criteria);
        let load = self.offer(begin, ask.at, &observed)?;
        observed.open(begin);
        self.begin_window();
        let offered = setting.plan.rates(ask.at).sum();
        let (waited, before) = (self.waited_for_stream(), self.read_metrics());
        Ok(Begun { load, observed, begin, offered, waited, before })
    }

    async fn finish(&mut self, begun: Begun, seen: Seen) -> Probed {
        let Begun { load, observed, begin, waited, before, .. } = begun;
        let used = self.end_window().await;
        let after = self.read_metrics();
        let end = self.setting.clock.now();
        let dropped = load.counts().dropped;
        let waited_for_stream = self.waited_for_stream() - waited;
        let Seen { measured, rest, judged, judgement } = seen;
        self.retire(load, measured.clone());
        let cause = match (before.await, after.await) {
            (Ok(before), Ok(after)) => self.cause(&before, &after, used.as_ref()),
            // Whoever reads never panics and is not cancelled.
            _ => Cause::default(),
        };
        Probed {
            begin,
            measured,
            end,
            rest,
            judged,
            judgement,
            observed,
            used,
            dropped,
            waited_for_stream,
            cause,
        }
    }
}

impl Begun {
    /// Whether the backlog is seen to grow by more than a server could ever make up for.
    fn grows(&self, now: Nanos) -> anyhow::Result<bool> {
        Ok(self.offered > 0.0 && self.observed.steadiness(now, SHORT, self.offered)? == Steadiness::Broken)
    }
}

impl Running<'_, '_> {
    /// Waits for rest; at twice the least warm-up it has waited enough.
    async fn settle(&self, ToRest { least, window }: ToRest) -> anyhow::Result<Rest> {
        let windows = window * u32::try_from(steady::WINDOWS).unwrap_or(u32::MAX);
        let shortest = least.max(windows);
        // As long as a window reaches into the time when nothing is deleted yet, its backlog grows because it does so at first.
        let settled = self.begun.begin + least + windows;
        let (least, most) = (self.begun.begin + shortest, self.begun.begin + shortest * 2);
        loop {
            let now = self.look(Phase::WarmUp, least).await?;
            // Of the fleet's warm-up nothing counts.
            self.stand.take_fleet().await;
            if self.begun.offered == 0.0 {
                if now >= least {
                    return Ok(Rest::Steady);
                }
                continue;
            }
            if now.since(self.begun.begin) < windows {
                continue;
            }
            match self.begun.observed.steadiness(now, window, self.begun.offered)? {
                Steadiness::Broken if now >= settled => return Ok(Rest::Broken),
                Steadiness::Steady if now >= least => return Ok(Rest::Steady),
                Steadiness::Unsteady(reason) if now >= most => return Ok(Rest::Not(reason)),
                _ => {}
            }
        }
    }

    /// A load that broke while it warmed up is known by its last stretch.
    fn broken(&self) -> (Range<Nanos>, Vec<Judged>) {
        let now = self.stand.setting.clock.now();
        let window = self.begun.begin..now;
        let judged =
            self.begun.observed.judge(&window, now, self.begun.offered, Extent { to_come: f64::INFINITY });
        (window, judged.unwrap_or_default())
    }

    /// Measures until the criteria are decided. What is offered last is given its time while the load goes on.
    async fn measure(&self) -> anyhow::Result<(Range<Nanos>, Vec<Judged>)> {
        // Operations are counted by whole seconds since the load began.
        let begin = self.begun.begin;
        let passed = self.stand.setting.clock.now().since(begin);
        let from = begin + Duration::from_secs(passed.as_secs() + 1);
        self.begun.observed.open(from);
        self.stand.begin_window();
        self.stand.take_fleet().await;
        let longest = self.ask.measure * self.ask.longest;
        let mut least = self.ask.measure;
        loop {
            let now = self.look(Phase::Measure, from + least).await?;
            self.take_fleet(now).await;
            // Everything in the window has had its time.
            if self.begun.observed.ripe_until(now) < from + least {
                continue;
            }
            let window = from..from + least;
            let extent = Extent { to_come: longest.as_secs_f64() / least.as_secs_f64() };
            let judged = self.begun.observed.judge(&window, now, self.begun.offered, extent)?;
            if together(&judged) != Judgement::Undecided {
                return Ok((window, judged));
            }
            least = (least + self.ask.measure / GROWS_BY).min(longest);
        }
    }

    async fn take_fleet(&self, at: Nanos) {
        self.begun.observed.fleet_did(at, &self.stand.take_fleet().await);
    }

    /// Lets a second pass, and looks at the backlog meanwhile.
    async fn look(&self, phase: Phase, until: Nanos) -> anyhow::Result<Nanos> {
        let setting = self.stand.setting;
        let mut now = setting.clock.now();
        let end = now + SECOND;
        while now < end {
            tokio::time::sleep(LOOK_EVERY).await;
            now = setting.clock.now();
            let backlog = self.begun.load.counts().backlog + self.stand.retired_backlog();
            self.begun.observed.backlog_is(now, backlog);
        }
        anyhow::ensure!(!self.begun.load.has_failed(), "a driver has ended before it was told to");
        let seconds = |to: Nanos| to.since(self.begun.begin).as_secs();
        let detail = format!("s; {}", self.begun.load.standing());
        let doing = match &self.ask.title {
            Some(title) => format!("{title}: {phase}"),
            None => phase.to_string(),
        };
        setting.progress.step(&doing, seconds(now), seconds(until.max(now)), &detail);
        Ok(now)
    }
}

#[cfg(test)]
impl Probed {
    /// One that came to this and showed nothing else.
    pub(crate) fn of(judgement: Judgement) -> Self {
        Self {
            begin: Nanos(0),
            measured: Nanos(0)..Nanos(0),
            end: Nanos(0),
            rest: Rest::Steady,
            judged: Vec::new(),
            judgement,
            observed: Observed::new(Nanos(0), crate::criteria::Criteria::default()),
            used: None,
            dropped: 0,
            waited_for_stream: 0,
            cause: Cause::default(),
        }
    }
}
