//! What came of requests, by kind: response, service and lateness, and the errors.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Latency, Nanos};

/// A kind of request. Ordered by resource, then verb, so that a table of kinds groups what belongs together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Kind {
    /// As the apiserver names it: `create`, `update`, `patch`, `delete`, `get`, `list`, `watch`.
    pub verb: &'static str,
    /// Group (none for core), resource and subresource: `pods`, `nodes/status`, `coordination.k8s.io/leases`.
    pub resource: &'static str,
}

/// What came of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// A 2xx answer.
    Ok,
    /// Any other answer, by its HTTP status.
    Status(u16),
    /// No answer in time.
    Timeout,
    /// The connection could not be made, or broke before the answer was complete.
    Connection,
}

/// The kinds of failure that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorClass {
    /// 429: priority and fairness, or a limit on requests in flight, turned it away.
    TooManyRequests,
    /// 409: somebody else was first.
    Conflict,
    /// 403: the authorizer or admission said no.
    Forbidden,
    /// 404: it does not exist, or not any more.
    NotFound,
    /// Any other status below 500: most likely a request that was wrong.
    OtherStatus,
    /// 5xx.
    Server,
    /// No answer in time.
    Timeout,
    /// No connection, or one that broke.
    Connection,
}

/// How many requests failed, by class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Errors([u64; ErrorClass::ALL.len()]);

/// What came of the requests of one kind.
///
/// `response` and `service` hold the requests that succeeded and those that timed out (with the time after which they were
/// given up). A refusal is counted in `errors` only: it is quick, and would make an overloaded server look fast.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KindStats {
    /// From the intended start to the end of the answer.
    pub response: Latency,
    /// From the send to the end of the answer.
    pub service: Latency,
    /// From the intended start to the send, for every request.
    pub lateness: Latency,
    /// Requests that succeeded.
    pub ok: u64,
    /// Requests that failed.
    pub errors: Errors,
}

/// Counts requests for one worker; workers' recorders are merged afterwards, so there is no lock.
///
/// Allocates only when a kind is seen for the first time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recorder {
    /// Sorted by kind. There are about twenty, so a search in a vector beats hashing two strings.
    kinds: Vec<(Kind, Box<KindStats>)>,
}

impl Kind {
    /// A kind from the apiserver's words for it.
    pub const fn new(verb: &'static str, resource: &'static str) -> Self {
        Self { verb, resource }
    }
}

impl Ord for Kind {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.resource, self.verb).cmp(&(other.resource, other.verb))
    }
}

impl PartialOrd for Kind {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)
    }
}

impl Outcome {
    /// From an HTTP status.
    pub fn from_status(status: u16) -> Self {
        if (200..300).contains(&status) { Self::Ok } else { Self::Status(status) }
    }

    /// The class of the failure, if it is one.
    pub fn error(self) -> Option<ErrorClass> {
        match self {
            Self::Ok => None,
            Self::Status(429) => Some(ErrorClass::TooManyRequests),
            Self::Status(409) => Some(ErrorClass::Conflict),
            Self::Status(403) => Some(ErrorClass::Forbidden),
            Self::Status(404) => Some(ErrorClass::NotFound),
            Self::Status(500..) => Some(ErrorClass::Server),
            Self::Status(_) => Some(ErrorClass::OtherStatus),
            Self::Timeout => Some(ErrorClass::Timeout),
            Self::Connection => Some(ErrorClass::Connection),
        }
    }
}

impl ErrorClass {
    /// All of them, in the order in which [`Errors`] counts them.
    pub const ALL: [Self; 8] = [
        Self::TooManyRequests,
        Self::Conflict,
        Self::Forbidden,
        Self::NotFound,
        Self::OtherStatus,
        Self::Server,
        Self::Timeout,
        Self::Connection,
    ];

    /// The name in records and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::TooManyRequests => "too-many-requests",
            Self::Conflict => "conflict",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::OtherStatus => "other-status",
            Self::Server => "server",
            Self::Timeout => "timeout",
            Self::Connection => "connection",
        }
    }
}

impl Errors {
    /// How many of one class.
    pub fn count(&self, class: ErrorClass) -> u64 {
        self.0[class as usize]
    }

    /// How many of any class.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The classes that occurred, and how often.
    pub fn iter(&self) -> impl Iterator<Item = (ErrorClass, u64)> {
        ErrorClass::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }
}

impl KindStats {
    /// Requests that ended, well or badly.
    pub fn done(&self) -> u64 {
        self.ok + self.errors.total()
    }

    fn merge(&mut self, other: &Self) {
        self.response.merge(&other.response);
        self.service.merge(&other.service);
        self.lateness.merge(&other.lateness);
        self.ok += other.ok;
        for (mine, theirs) in self.errors.0.iter_mut().zip(other.errors.0) {
            *mine += theirs;
        }
    }
}

impl Recorder {
    /// An empty recorder.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one request that should have started at `intended`, was sent at `sent` and was over at `done`.
    ///
    /// A request without an intended start of its own (a closed loop) has `intended == sent`.
    pub fn record(&mut self, kind: Kind, intended: Nanos, sent: Nanos, done: Nanos, outcome: Outcome) {
        let stats = self.stats_mut(kind);
        stats.lateness.record(sent.since(intended));
        match outcome.error() {
            None => stats.ok += 1,
            Some(class) => stats.errors.0[class as usize] += 1,
        }
        if matches!(outcome, Outcome::Ok | Outcome::Timeout) {
            stats.response.record(done.since(intended));
            stats.service.record(done.since(sent));
        }
    }

    /// Adds what another recorder has counted.
    pub fn merge(&mut self, other: &Self) {
        for (kind, theirs) in &other.kinds {
            self.stats_mut(*kind).merge(theirs);
        }
    }

    /// The kinds that were seen, in order.
    pub fn kinds(&self) -> impl Iterator<Item = (Kind, &KindStats)> {
        self.kinds.iter().map(|(kind, stats)| (*kind, stats.as_ref()))
    }

    /// One kind, if it was seen.
    pub fn kind(&self, kind: Kind) -> Option<&KindStats> {
        let at = self.kinds.binary_search_by_key(&kind, |(kind, _)| *kind).ok()?;
        Some(&self.kinds[at].1)
    }

    /// Takes out everything counted so far and leaves an empty recorder.
    #[must_use]
    pub fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    fn stats_mut(&mut self, kind: Kind) -> &mut KindStats {
        let at = match self.kinds.binary_search_by_key(&kind, |(kind, _)| *kind) {
            Ok(at) => at,
            Err(at) => {
                self.kinds.insert(at, (kind, Box::default()));
                at
            }
        };
        &mut self.kinds[at].1
    }
}

#[cfg(test)]
mod tests;
