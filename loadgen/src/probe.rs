//! Looking at one load: it is offered until it has come to rest, measured for as long as its criteria need, and retired.

mod course;

use std::time::Duration;

use fake_kubelet::FleetReport;
use measure::{Nanos, Phase, statistics::steady};
use tokio::task::JoinHandle;

pub(crate) use self::course::{Course, Seen, World};
use crate::{
    attribution::Cause,
    observed::{Observed, Watched},
    progress::Title,
    sampling::Used,
    server_metrics::Reading,
    stand::{Load, Setting, Stand},
};

/// From being asked to the first operation being due, so that the pacing thread starts on time.
pub(crate) const RUN_UP: Duration = Duration::from_millis(100);

/// What to offer and for how long.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    /// What a person is shown that it is for; nothing where that goes without saying.
    pub(crate) title: Option<Title>,
    /// How many loads were offered before it: each has arrivals of its own.
    pub(crate) number: u64,
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
    /// Whether a load whose backlog grows and grows while it warms up has been seen enough of.
    pub(crate) or_break: bool,
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
    pub(crate) end: Nanos,
    pub(crate) seen: Seen,
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

/// A load that has begun.
struct Begun {
    load: Load,
    observed: Observed,
    begin: Nanos,
    /// Requests that had waited for a stream before.
    waited: u64,
    /// What the components said when it began, or its window.
    before: JoinHandle<Reading>,
    /// Where its window ended, if that is already.
    end: Option<Edge>,
}

/// Where a window ends, as seen from beside the drivers. The load goes on after it, until what was offered last has had its time.
struct Edge {
    used: Option<Used>,
    reading: JoinHandle<Reading>,
}

/// A load under way on a stand.
struct Running<'s, 'a> {
    stand: &'s Stand<'a>,
    load: &'s Load,
    observed: &'s Observed,
    title: Option<&'s Title>,
    begin: Nanos,
    before: &'s mut JoinHandle<Reading>,
    end: &'s mut Option<Edge>,
}

impl Stand<'_> {
    /// Offers a load and looks at what comes of it. What it leaves is deleted in the background.
    pub(crate) async fn probe(&mut self, ask: &Ask) -> anyhow::Result<Probed> {
        let mut begun = self.begin_load(ask);
        let seen = self.course(&mut begun, ask).probe().await?;
        Ok(self.finish(begun, seen).await)
    }

    /// Offers a load for a moment and says whether it was seen to break.
    pub(crate) async fn step(&mut self, ask: &Ask) -> anyhow::Result<Probed> {
        let mut begun = self.begin_load(ask);
        let seen = self.course(&mut begun, ask).step().await?;
        Ok(self.finish(begun, seen).await)
    }

    /// Offers a load after an overload and says how long it took until all criteria held again; `None` if they never did.
    pub(crate) async fn recover(&mut self, ask: &Ask) -> anyhow::Result<Option<Duration>> {
        let mut begun = self.begin_load(ask);
        let recovered = self.course(&mut begun, ask).recover().await?;
        let measured = begun.begin..self.setting.clock.now();
        self.retire(begun.load, measured);
        Ok(recovered)
    }

    fn begin_load(&mut self, ask: &Ask) -> Begun {
        let setting = self.setting;
        let begin = setting.clock.now() + RUN_UP;
        let criteria = setting.plan.scenario.scenario.criteria;
        let loads = self.loads_at(ask.at);
        let watched: Vec<Watched> = loads.iter().map(|load| Watched::of(load, &criteria)).collect();
        let axis = setting.plan.scenario.scenario.axis.as_ref();
        let meters = setting.telemetry.load_begins(axis, ask.at, &watched);
        let observed = Observed::new(begin, criteria, watched.into_iter().zip(meters));
        let load = self.offer(begin, ask.number, &loads, &observed);
        observed.open(begin);
        self.begin_window();
        let (waited, before) = (self.waited_for_stream(), self.read_metrics());
        Begun { load, observed, begin, waited, before, end: None }
    }

    fn course<'s>(&'s self, begun: &'s mut Begun, ask: &'s Ask) -> Course<'s, impl World + 's> {
        let Begun { load, observed, begin, before, end, .. } = begun;
        let title = ask.title.as_ref();
        let world = Running { stand: self, load, observed, title, begin: *begin, before, end };
        Course { world, ask, observed: observed.clone(), begin: *begin }
    }

    /// What there is to know beside the drivers, now.
    async fn edge(&self) -> Edge {
        Edge { used: self.used_in_window().await, reading: self.read_metrics() }
    }

    async fn finish(&mut self, begun: Begun, seen: Seen) -> Probed {
        let Begun { load, observed, begin, waited, before, end, .. } = begun;
        let Edge { used, reading: after } = match end {
            Some(edge) => edge,
            None => self.edge().await,
        };
        let end = self.setting.clock.now();
        self.setting.telemetry.judges(&seen.judged);
        let dropped = load.counts().dropped;
        let waited_for_stream = self.waited_for_stream() - waited;
        self.retire(load, seen.measured.clone());
        let cause = match (before.await, after.await) {
            (Ok(before), Ok(after)) => self.cause(&before, &after, used.as_ref()),
            // Whoever reads never panics and is not cancelled.
            _ => Cause::default(),
        };
        Probed { begin, end, seen, observed, used, dropped, waited_for_stream, cause }
    }
}

impl World for Running<'_, '_> {
    fn now(&self) -> Nanos {
        self.stand.setting.clock.now()
    }

    async fn sleep(&mut self, length: Duration) {
        tokio::time::sleep(length).await;
    }

    fn backlog(&self, place: usize) -> u64 {
        self.load.backlog(place) + self.stand.retired_backlog(place)
    }

    async fn take_fleet(&mut self) -> FleetReport {
        self.stand.take_fleet().await
    }

    fn begin_window(&mut self) {
        *self.before = self.stand.read_metrics();
        self.stand.begin_window();
    }

    async fn end_window(&mut self) {
        *self.end = Some(self.stand.edge().await);
    }

    fn second_is_over(&self, phase: Phase, until: Nanos) -> anyhow::Result<()> {
        anyhow::ensure!(!self.load.has_failed(), "a driver has ended before it was told to");
        let Setting { progress, telemetry, .. } = self.stand.setting;
        telemetry.is_in(phase);
        for place in 0..self.observed.loads() {
            self.observed.dropped_are(place, self.load.dropped(place));
        }
        let now = self.now();
        let passed = |to: Nanos| to.since(self.begin);
        let recently = self.observed.recently(now).to_string();
        progress.under_load(self.title, phase, (passed(now), passed(until.max(now))), &recently);
        Ok(())
    }
}
