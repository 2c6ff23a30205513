//! Events: what a kubelet tells people about its node and its pods (client-go's `tools/record`).
//!
//! Any part of a node notes something with `Common::note`; [`Events`] makes events of the notes when the step ends.
//!
//! Sends: `POST events`, and for repeats `PATCH events/<event>`, one request at a time (`event.go`, `recordToSink`). A PATCH of an event
//! that is gone, as all are after an hour, becomes a POST. What the server refuses is dropped; without an answer the request is tried
//! twelve times, the second after 0-10 s and each other after ten seconds, while up to a thousand events wait.

mod correlator;
mod occurrence;
mod recent;

#[cfg(test)]
mod tests;

use std::{borrow::Cow, collections::VecDeque, fmt, sync::Arc, time::Duration};

use jiff::Timestamp;
use measure::Nanos;
use rand::RngExt;

use self::{correlator::Correlator, occurrence::Occurrence};
use crate::{
    action::{Action, Answer, Call, Now},
    node::Common,
    pods::{Role, SeenContainer},
};

/// Most events that wait (`maxQueuedEvents`).
const QUEUE: usize = 1000;
/// Tries of one event (`maxTriesPerEvent`).
const TRIES: u8 = 12;
/// Between them (`defaultSleepDuration`).
const PAUSE: Duration = Duration::from_secs(10);

/// Something worth an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) about: About,
    pub(crate) severity: Severity,
    /// The event's `reason`, such as `Started`.
    pub(crate) reason: &'static str,
    pub(crate) message: Cow<'static, str>,
}

/// An event's `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Severity {
    Normal,
    Warning,
}

impl Severity {
    fn name(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// What an event is about: its `involvedObject`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// The node itself.
    Node,
    /// A pod, or one of its containers.
    Pod {
        /// Which pod.
        pod: PodName,
        /// Which container, if it is about one.
        container: Option<FieldPath>,
    },
}

/// A pod as events refer to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PodName {
    pub(crate) namespace: Arc<str>,
    pub(crate) name: Arc<str>,
    pub(crate) uid: Arc<str>,
    /// `metadata.resourceVersion` of the pod that the kubelet acts on.
    pub(crate) resource_version: Arc<str>,
}

/// A container within its pod (`pkg/kubelet/container/ref.go`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum FieldPath {
    /// `spec.containers{NAME}`.
    Container(Arc<str>),
    /// `spec.initContainers{NAME}`.
    InitContainer(Arc<str>),
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Container(name) => write!(f, "spec.containers{{{name}}}"),
            Self::InitContainer(name) => write!(f, "spec.initContainers{{{name}}}"),
        }
    }
}

/// The events of one node.
#[derive(Debug, Default)]
pub(crate) struct Events {
    waiting: VecDeque<Occurrence>,
    writing: Option<Writing>,
    correlator: Correlator,
    moments: Moments,
}

/// The event that is being written.
#[derive(Debug)]
struct Writing {
    event: Occurrence,
    failures: u8,
    /// When to try again, if no request is under way.
    retry: Option<Nanos>,
}

/// Moments that name events: none twice, although what happens in one step has the same time.
#[derive(Debug, Default)]
struct Moments {
    last: Timestamp,
}

impl Moments {
    fn next(&mut self, now: Now) -> Timestamp {
        self.last = now.wall.max(self.last + Duration::from_nanos(1));
        self.last
    }
}

impl FieldPath {
    /// Where a container stands in its pod.
    pub(crate) fn of(container: &SeenContainer) -> Self {
        let name = container.name.as_str().into();
        match container.role {
            Role::Main => Self::Container(name),
            Role::Init | Role::Sidecar => Self::InitContainer(name),
        }
    }
}

impl Events {
    /// Makes an event of a note; it is lost when too many wait.
    pub(crate) fn note(&mut self, common: &Common, now: Now, note: Note, out: &mut Vec<Action>) {
        if self.waiting.len() < QUEUE {
            self.waiting.push_back(Occurrence::new(note, self.moments.next(now)));
            self.advance(common, now, out);
        }
    }

    pub(crate) fn deadline(&self) -> Option<Nanos> {
        self.writing.as_ref().and_then(|writing| writing.retry)
    }

    pub(crate) fn on_deadline(&mut self, common: &Common, out: &mut Vec<Action>) {
        let Some(writing) = &mut self.writing else { return };
        if let Some(intended) = writing.retry.take() {
            out.push(writing.event.send(common, intended));
        }
    }

    pub(crate) fn on_answer(
        &mut self,
        common: &mut Common,
        now: Now,
        call: &Call,
        answer: &Answer,
        out: &mut Vec<Action>,
    ) {
        let Some(writing) = &mut self.writing else { return };
        match (call, answer.code()) {
            (Call::PatchEvent, Some(404)) => {
                let request = writing.event.create(common);
                out.push(Action::Send { call: Call::CreateEvent, request, intended: now.at });
                return;
            }
            (_, None) if writing.failures + 1 < TRIES => {
                // The first pause is drawn so that nodes that lost one server do not come back together.
                let part = if writing.failures == 0 { common.rng.random() } else { 1.0 };
                writing.failures += 1;
                writing.retry = Some(now.at + PAUSE.mul_f64(part));
                return;
            }
            _ => self.writing = None,
        }
        self.advance(common, now, out);
    }

    /// Begins to write the next event if none is being written.
    fn advance(&mut self, common: &Common, now: Now, out: &mut Vec<Action>) {
        while self.writing.is_none() {
            let Some(event) = self.waiting.pop_front() else {
                // A kilobyte that most nodes do not need for hours.
                self.waiting = VecDeque::new();
                return;
            };
            if let Some(event) = self.correlator.correlate(event, now, &mut self.moments) {
                out.push(event.send(common, now.at));
                self.writing = Some(Writing { event, failures: 0, retry: None });
            }
        }
    }
}
