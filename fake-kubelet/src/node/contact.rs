//! Contact with the server: what a node does while it is cut off, and how it comes back.
//!
//! Sends nothing while it is cut off: its parts go on, and what they would send waits for an answer that does not come. Back in contact
//! it renews its lease and reports its status at once, opens its watches anew, and fails whatever waited, so that each part
//! tries again as it does after any failure.
//!
//! A watch comes back when its reflector does. The connection is found dead after 30 s of silence and a PING of 15 s
//! (apimachinery `util/net/http.go`); up to then nobody has noticed, and the watch goes on from the last version. From then on a
//! pause, a `WatchList` and a LIST take turns (`tools/cache/reflector.go`, `ListAndWatchWithContext`), each of the two with a dial
//! that times out after 30 s. Who waits for a dial has a connection as soon as anybody on the machine has (net/http
//! `Transport.getConn`); who is in a pause sees it to its end.

use std::time::Duration;

use jiff::Timestamp;
use measure::Nanos;
use wire::{Step, WatchSpec};

use super::{Common, SeenNode};
use crate::action::{Action, Call, Milestone, Now, Watched};

/// From the cut to a connection being found dead (`ReadIdleTimeout` and `PingTimeout`).
const NOTICED_AFTER: Duration = Duration::from_secs(45);
/// How long a dial takes that nobody answers (client-go `transport/cache.go`).
const DIAL_TIMEOUT: Duration = Duration::from_secs(30);
/// A reflector's pauses: up to twice as long as this, each twice the one before, and anew after [`PAUSES_RESET_AFTER`]. With two dials
/// between them that is every other time.
const FIRST_PAUSE: Duration = Duration::from_millis(800);
const PAUSES_RESET_AFTER: Duration = Duration::from_mins(2);

/// Whether the server can be reached, and what the server made of it when it could not be.
#[derive(Debug)]
pub(super) struct Contact {
    /// The last time that it could not. Most nodes are never cut off.
    outage: Option<Box<Outage>>,
    /// The second of the wall clock at which the node was last written off; each time is counted once, however often it is seen.
    written_off: i64,
}

#[derive(Debug)]
struct Outage {
    began: Now,
    /// When it ended, if it has.
    ended: Option<Timestamp>,
    /// Requests that wait for an answer: those under way when it began, and those that came up since.
    unanswered: Vec<Call>,
    /// Watches that open again at these times.
    reopening: Vec<(Nanos, Watched, WatchSpec)>,
}

impl Default for Contact {
    fn default() -> Self {
        Self { outage: None, written_off: i64::MIN }
    }
}

impl Contact {
    /// Whether the node is cut off.
    pub(super) fn is_lost(&self) -> bool {
        self.outage.as_ref().is_some_and(|outage| outage.ended.is_none())
    }

    /// Whether it is or has ever been.
    pub(super) fn was_ever_lost(&self) -> bool {
        self.outage.is_some()
    }

    /// The node is cut off. Returns whether it was not before.
    pub(super) fn lose(&mut self, now: Now) -> bool {
        let begins = !self.is_lost();
        if begins {
            let outage = Outage { began: now, ended: None, unanswered: Vec::new(), reopening: Vec::new() };
            self.outage = Some(Box::new(outage));
        }
        begins
    }

    /// The server can be reached again. Returns the requests that have waited; `None` for a node that was not cut off.
    pub(super) fn regain(&mut self, now: Now) -> Option<Vec<Call>> {
        let outage = self.outage.as_deref_mut().filter(|outage| outage.ended.is_none())?;
        outage.ended = Some(now.wall);
        Some(std::mem::take(&mut outage.unanswered))
    }

    /// The kubelet's process has ended. What it waited for nobody waits for any more, unless its kube-proxy goes on. A machine
    /// that has gone down is silent until it starts.
    pub(super) fn end_process(&mut self, now: Now, machine_too: bool) {
        if machine_too {
            self.lose(now);
        }
        if let Some(outage) = self.outage.as_deref_mut() {
            outage.unanswered.clear();
            outage.reopening.retain(|(_, watched, _)| !machine_too && matches!(watched, Watched::Proxy(_)));
        }
    }

    /// A request that was under way when the node was cut off has no answer.
    pub(super) fn leave_open(&mut self, call: Call) {
        if let Some(outage) = self.outage.as_deref_mut() {
            outage.unanswered.push(call);
        }
    }

    /// Keeps back what a step would send, from `first` on, while the node is cut off. Later a watch that a part begins or ends by
    /// itself is no longer one to open again.
    pub(super) fn hold_back(&mut self, first: usize, out: &mut Vec<Action>) {
        let Some(outage) = self.outage.as_deref_mut() else { return };
        if outage.ended.is_none() {
            let goes_out = |action: &mut Action| {
                matches!(action, Action::Send { .. } | Action::Watch { .. } | Action::Unwatch(_))
            };
            for action in out.extract_if(first.., goes_out) {
                if let Action::Send { call, .. } = action {
                    outage.unanswered.push(call);
                }
            }
        } else if !outage.reopening.is_empty() {
            for action in &out[first..] {
                if let Action::Watch { watched, .. } | Action::Unwatch(watched) = action {
                    outage.reopening.retain(|(_, other, _)| other != watched);
                }
            }
        }
    }

    /// Opens watches anew, each when its reflector tries again.
    pub(super) fn reopen(
        &mut self,
        common: &mut Common,
        now: Now,
        watches: Vec<Action>,
        out: &mut Vec<Action>,
    ) {
        let Some(outage) = self.outage.as_deref_mut() else { return };
        for action in watches {
            let Action::Watch { watched, spec } = action else { continue };
            match next_try(common, outage.began.at, now.at) {
                Try::Now(first) => out.push(Action::Rewatch { watched, spec, first }),
                Try::At(at) => outage.reopening.push((at, watched, spec)),
            }
        }
    }

    pub(super) fn deadline(&self) -> Option<Nanos> {
        self.outage.as_ref()?.reopening.iter().map(|(at, ..)| *at).min()
    }

    pub(super) fn on_deadline(&mut self, now: Now, out: &mut Vec<Action>) {
        let Some(outage) = self.outage.as_deref_mut() else { return };
        let due = outage.reopening.extract_if(.., |(at, ..)| *at <= now.at);
        let rewatch = |(_, watched, spec)| Action::Rewatch { watched, spec, first: Step::WatchList };
        out.extend(due.map(rewatch));
    }

    /// The node's own Node is seen: counts that it was written off.
    pub(super) fn witness(&mut self, node: &SeenNode, out: &mut Vec<Action>) {
        let Some(second) = node.written_off_at().filter(|second| *second > self.written_off) else { return };
        self.written_off = second;
        let silent_for = self.outage.as_ref().and_then(|outage| outage.lasted_until(second));
        out.push(Action::Reached(Milestone::NodeWrittenOff(silent_for)));
    }
}

impl Outage {
    /// From its beginning to a second of the wall clock; `None` if it had not begun then, or was over.
    fn lasted_until(&self, second: i64) -> Option<Duration> {
        let began = self.began.wall;
        let is_within =
            second >= began.as_second() && self.ended.is_none_or(|ended| second <= ended.as_second());
        let millis = second.saturating_mul(1000).saturating_sub(began.as_millisecond());
        is_within.then(|| Duration::from_millis(u64::try_from(millis).unwrap_or(0)))
    }
}

/// What a reflector is about when the server can be reached again.
enum Try {
    /// It waits for a connection, or has not noticed that it had lost it.
    Now(Step),
    /// It is in a pause that ends at this time.
    At(Nanos),
}

/// What a reflector whose connection was cut at `cut` is about at `now`, if nobody was to be reached in between.
fn next_try(common: &mut Common, cut: Nanos, now: Nanos) -> Try {
    let mut at = cut + NOTICED_AFTER;
    if at > now {
        return Try::Now(Step::Rewatch);
    }
    let (mut pause, mut first_pause) = (FIRST_PAUSE, at);
    loop {
        if at.since(first_pause) > PAUSES_RESET_AFTER {
            (pause, first_pause) = (FIRST_PAUSE, at);
        }
        at = at + common.stretched(pause, 1.0);
        pause *= 2;
        if at > now {
            return Try::At(at);
        }
        for step in [Step::WatchList, Step::List] {
            at = at + DIAL_TIMEOUT;
            if at > now {
                return Try::Now(step);
            }
        }
    }
}
