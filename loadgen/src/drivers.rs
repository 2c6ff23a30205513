//! Drivers: what offers load. One file a kind of load, and [`Stage`] what all of them are given.
//!
//! A driver sends as ServiceAccounts that take turns, watches as another, tells [`Told`] of every request and of every operation it is
//! there for, and accounts for each operation in the end.

pub(crate) mod controllers;
pub(crate) mod events;
pub(crate) mod lists;
pub(crate) mod maintenance;
pub(crate) mod nodes;
pub(crate) mod objects;
mod open_loop;
pub(crate) mod pods;
mod seeing;
pub(crate) mod services;
pub(crate) mod watches;

use std::{collections::BTreeMap, convert::Infallible, ops::Range, time::Duration};

use measure::{Clock, Kind, Nanos, Outcome};
use tokio::sync::watch;
use wire::{Client, Request, Response};

pub(crate) use self::pods::{PodStage, Stages};
use crate::observed::{Done, Told};

/// The SLO for single objects is one second (SIG Scalability); a request that takes a minute is lost.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_mins(1);

/// Between two tries to delete what is to be deleted.
const DELETE_AGAIN: Duration = Duration::from_secs(1);
/// Starts that may wait for a driver before they are dropped, which the record then says.
const STARTS_WAITING: usize = 10_000;
/// The reason of operations that were not over when the run gave up waiting.
const NOT_OVER: &str = "not-over";

/// What a driver is told while it runs: nothing, or to stop.
pub(crate) type Order = Option<Stop>;

/// No operation is to start any more.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    /// Operations intended in here count.
    pub(crate) measured: Range<Nanos>,
    /// What has not settled by then never will.
    pub(crate) give_up: Nanos,
}

/// What a driver is given to work with.
pub(crate) struct Stage {
    pub(crate) clock: Clock,
    /// Everything that a driver makes has this as its label `loadgen.run`.
    pub(crate) run: String,
    /// Namespaces of the run, at least one, which the driver takes in turn.
    pub(crate) namespaces: Vec<String>,
    pub(crate) senders: Senders,
    /// Watches.
    pub(crate) observer: Client,
    /// Chooses everything that is random.
    pub(crate) seed: u64,
    /// Names with numbers from here on have not been used on this control plane.
    pub(crate) first: u64,
    /// When the load begins.
    pub(crate) begin: Nanos,
    pub(crate) orders: watch::Receiver<Order>,
    pub(crate) progress: watch::Sender<Counts>,
}

/// Clients that take turns, and what is told of what they send.
#[derive(Clone)]
pub(crate) struct Senders {
    pub(crate) clock: Clock,
    pub(crate) clients: Vec<Client>,
    pub(crate) told: Told,
}

/// A driver, ready to go.
pub(crate) trait Driver {
    /// Offers its load from the stage's begin until it is told to stop, and goes on until every operation is settled or it is to give
    /// up.
    fn run(self, stage: Stage) -> impl Future<Output = anyhow::Result<Report>> + Send;
}

/// How a load stands, for a progress line and for its backlog.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Operations whose time has come; of a level, how many are asked for.
    pub(crate) offered: u64,
    /// Operations that have succeeded; of a level, how many there are.
    pub(crate) done: u64,
    /// Operations that are settled: what they have made is gone again, or is to stay.
    pub(crate) settled: u64,
    /// Work that is accepted and unfinished.
    pub(crate) backlog: u64,
    /// Starts that found no room and were given up.
    pub(crate) dropped: u64,
}

impl Counts {
    /// Of several loads together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            offered: self.offered + other.offered,
            done: self.done + other.done,
            settled: self.settled + other.settled,
            backlog: self.backlog + other.backlog,
            dropped: self.dropped + other.dropped,
        }
    }
}

/// What came of a load.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    /// Where every operation ended up that was ever offered.
    pub(crate) accounting: Accounting,
    /// Of pods intended in the measured window.
    pub(crate) stages: Option<Stages>,
    /// What else there is to say of the whole load, by name: bytes, relists, watches that were cut.
    pub(crate) figures: BTreeMap<String, f64>,
}

/// Where every operation ended up: each is in exactly one of these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Accounting {
    pub(crate) offered: u64,
    /// Succeeded, and what it made is there: as it is meant to, or because the run gave up waiting for its end.
    pub(crate) there: u64,
    /// Succeeded, and nothing of it is left.
    pub(crate) gone: u64,
    /// Anything else, by reason.
    pub(crate) failed_by_reason: BTreeMap<String, u64>,
}

impl Accounting {
    pub(crate) fn failed(&self) -> u64 {
        self.failed_by_reason.values().sum()
    }

    /// Adds another load's.
    pub(crate) fn add(&mut self, other: &Self) {
        self.offered += other.offered;
        self.there += other.there;
        self.gone += other.gone;
        for (reason, count) in &other.failed_by_reason {
            *self.failed_by_reason.entry(reason.clone()).or_default() += count;
        }
    }
}

impl Senders {
    /// The one whose turn it is.
    pub(crate) fn client(&self, turn: u64) -> &Client {
        let turn = turn % self.clients.len() as u64;
        &self.clients[usize::try_from(turn).unwrap_or(0)]
    }

    /// Sends a request, as whose turn it is, and tells of it.
    pub(crate) async fn send(
        &self,
        turn: u64,
        kind: Kind,
        intended: Nanos,
        request: Request,
    ) -> (Done, Option<Response>) {
        let request = request.timeout(REQUEST_TIMEOUT);
        self.told.begins(kind, intended);
        let sent = self.clock.now();
        let result = self.client(turn).send(&request).await;
        let ended = self.clock.now();
        let outcome = match &result {
            Ok(response) => Outcome::from_status(response.status.as_u16()),
            Err(error) if error.is_timeout() => Outcome::Timeout,
            Err(_) => Outcome::Connection,
        };
        let done = Done { kind, intended, sent, ended, outcome };
        self.told.ends(&done);
        (done, result.ok())
    }
}

/// Tells once a second what a driver counts beside, for as long as it is waited for.
async fn tell_figures(told: &Told, figures: impl Fn() -> BTreeMap<String, f64>) -> Infallible {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        told.figures_are(figures());
    }
}

/// Waits until a moment of the clock.
pub(crate) async fn sleep_until(clock: Clock, at: Nanos) {
    tokio::time::sleep(at.since(clock.now())).await;
}

/// The resourceVersion that a write was given, as a number: etcd's revision.
fn version(response: &Response) -> Option<u64> {
    let object = match response.encoding {
        wire::Encoding::Protobuf => wire::Object::from_enveloped_protobuf(&response.body).ok()?,
        _ => wire::Object::from_json(response.body.clone()),
    };
    object.resource_version().ok()?.parse().ok()
}

/// A name for as long as the program runs: kinds of request are named by text that is never freed, and a scenario has a few of them.
pub(crate) fn for_good(name: String) -> &'static str {
    static NAMES: std::sync::Mutex<Vec<&'static str>> = std::sync::Mutex::new(Vec::new());
    let mut names = NAMES.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(known) = names.iter().find(|known| **known == name) {
        return known;
    }
    let name: &'static str = Box::leak(name.into_boxed_str());
    names.push(name);
    name
}
