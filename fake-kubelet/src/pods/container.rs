//! One container of a pod: what its runtime would do, and what of it the kubelet has seen.

use std::time::Duration;

use jiff::Timestamp;
use measure::Nanos;

use super::seen::SeenContainer;
use crate::action::Now;

/// The first pause before a container is restarted, doubled by every further one (`MaxContainerBackOff`, `backOffPeriod`).
const FIRST_BACKOFF: Duration = Duration::from_secs(10);
const LONGEST_BACKOFF: Duration = Duration::from_mins(5);
/// A container that ran for so long is restarted without a pause again: twice the longest one (`flowcontrol.Backoff`).
const FORGIVEN_AFTER: Duration = Duration::from_mins(10);

/// How a container ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    /// Which of its runs that was, from 0.
    pub(super) run: u32,
    pub(super) code: i32,
    pub(super) since: Timestamp,
    pub(super) until: Timestamp,
}

/// What a container is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It has not run yet.
    Waiting,
    /// It has ended and is not restarted before this pause is over.
    BackingOff(Duration),
    Running {
        since: Timestamp,
    },
    Terminated(Ended),
    /// The pod is over and the container never ran.
    NeverRan,
}

/// A container at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct View {
    pub(super) state: State,
    /// How often it was restarted.
    pub(super) run: u32,
    /// How the run before this one ended.
    pub(super) last: Option<Ended>,
    pub(super) started: bool,
    pub(super) ready: bool,
}

impl Default for View {
    fn default() -> Self {
        Self { state: State::Waiting, run: 0, last: None, started: false, ready: false }
    }
}

impl View {
    pub(super) fn is_running(&self) -> bool {
        matches!(self.state, State::Running { .. })
    }

    pub(super) fn ended(&self) -> Option<Ended> {
        match self.state {
            State::Terminated(ended) => Some(ended),
            _ => None,
        }
    }

    pub(super) fn has_succeeded(&self) -> bool {
        self.ended().is_some_and(|ended| ended.code == 0)
    }

    /// Whether it has run at all.
    pub(super) fn has_run(&self) -> bool {
        self.run > 0 || self.is_running() || self.ended().is_some()
    }
}

/// A container's runtime.
#[derive(Debug, Default)]
pub(super) struct Container {
    /// What it is doing.
    pub(super) now: View,
    /// What the kubelet saw when it last looked.
    pub(super) seen: View,
    exit: Option<(Nanos, i32)>,
    started: Option<Nanos>,
    ready: Option<Nanos>,
    /// How long its probes take.
    probe: Duration,
    /// The pause that the next restart has to wait for; none before the first.
    backoff: Option<Duration>,
    /// It ended, the kubelet has seen it, and its pause is not over.
    pub(super) crash_loops: bool,
}

/// What will become of a container that runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fate {
    /// With what code its program ends, and after how long, if it does.
    pub(super) exit: Option<(i32, Duration)>,
    /// How long its probes take.
    pub(super) probe: Duration,
}

/// What has happened to a container by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Its program ended.
    Exited,
    /// Its startup probe has succeeded.
    Started,
    /// Its readiness probe has succeeded.
    Ready,
}

impl Container {
    /// One that an earlier process of the node has reported like this.
    pub(super) fn reported(view: View) -> Self {
        Self { now: view, seen: view, ..Self::default() }
    }

    pub(super) fn deadline(&self) -> Option<Nanos> {
        [self.exit.map(|(at, _)| at), self.started, self.ready].into_iter().flatten().min()
    }

    /// It runs from now on.
    pub(super) fn run(&mut self, spec: &SeenContainer, now: Now, fate: Fate) {
        if let Some(ended) = self.now.ended() {
            self.now.last = Some(ended);
            self.now.run += 1;
        }
        self.crash_loops = false;
        self.now.state = State::Running { since: now.wall };
        self.resume(spec, now, fate);
    }

    /// A node that was started again goes on with a container that runs.
    pub(super) fn take_over(&mut self, spec: &SeenContainer, now: Now, fate: Fate) {
        if self.now.is_running() {
            let (started, ready) = (self.now.started, self.now.ready);
            self.resume(spec, now, fate);
            if started {
                (self.now.started, self.started) = (true, None);
            }
            if ready {
                (self.now.ready, self.ready) = (true, None);
            }
        }
    }

    /// Plans what a container that runs will do.
    fn resume(&mut self, spec: &SeenContainer, now: Now, fate: Fate) {
        self.exit = fate.exit.map(|(code, after)| (now.at + after, code));
        self.probe = fate.probe;
        self.now.started = spec.startup.is_none();
        self.now.ready = self.now.started && spec.readiness.is_none() && !spec.ends_before_the_others();
        self.started =
            spec.startup.map(|probe| now.at + probe.first_success(spec.behaviour.started) + fate.probe);
        self.ready = match (spec.readiness, spec.startup) {
            (Some(probe), None) => Some(now.at + probe.first_success(spec.behaviour.ready) + fate.probe),
            _ => None,
        };
    }

    /// The next thing that has happened by now.
    pub(super) fn take_change(&mut self, spec: &SeenContainer, now: Now) -> Option<Change> {
        if let Some((_, code)) = self.exit.take_if(|(at, _)| *at <= now.at) {
            self.end(code, now, spec);
            return Some(Change::Exited);
        }
        if self.started.take_if(|at| *at <= now.at).is_some() {
            self.now.started = true;
            self.ready =
                spec.readiness.map(|probe| now.at + probe.first_success(spec.behaviour.ready) + self.probe);
            return Some(Change::Started);
        }
        self.ready.take_if(|at| *at <= now.at)?;
        self.now.ready = true;
        Some(Change::Ready)
    }

    fn end(&mut self, code: i32, now: Now, spec: &SeenContainer) {
        let State::Running { since } = self.now.state else { return };
        self.now.state = State::Terminated(Ended { run: self.now.run, code, since, until: now.wall });
        self.now.started = false;
        // An init container that has done its work is called ready.
        self.now.ready = code == 0 && spec.ends_before_the_others();
        (self.exit, self.started, self.ready) = (None, None, None);
    }

    /// Its program is told to end, and does.
    pub(super) fn stop(&mut self, now: Now, spec: &SeenContainer) {
        self.end(0, now, spec);
        (self.exit, self.started, self.ready) = (None, None, None);
        self.crash_loops = false;
    }

    /// Whether it has ended and must wait before it is restarted, and for how long still (`doBackOff`). The pause grows when it is
    /// over and the container is about to start.
    pub(super) fn holds_back(&mut self, now: Now) -> Option<Duration> {
        let ended = self.now.ended()?;
        let ran = ended.until.duration_since(ended.since);
        if Duration::try_from(ran).is_ok_and(|ran| ran > FORGIVEN_AFTER) {
            self.backoff = None;
        }
        let passed = Duration::try_from(now.wall.duration_since(ended.until)).unwrap_or_default();
        match self.backoff {
            Some(pause) if passed < pause => {
                self.crash_loops = true;
                Some(pause.saturating_sub(passed))
            }
            Some(pause) => {
                self.backoff = Some((pause * 2).min(LONGEST_BACKOFF));
                None
            }
            None => {
                self.backoff = Some(FIRST_BACKOFF);
                None
            }
        }
    }

    /// What the kubelet sees when it looks.
    pub(super) fn look(&mut self) {
        self.seen = self.now;
        if let (true, Some(ended), Some(pause)) = (self.crash_loops, self.now.ended(), self.backoff) {
            self.seen.state = State::BackingOff(pause);
            self.seen.last = Some(ended);
        }
    }
}
