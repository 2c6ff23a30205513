//! A control plane that is a few numbers, in a time of its own: a line in front of one place of service, a fleet that starts and ends
//! pods at once, and drivers that tell of it what real ones would.

use std::{cmp::Reverse, collections::BinaryHeap, iter::Peekable, time::Duration};

use fake_kubelet::{FleetProgress, FleetReport, Held};
use measure::{Arrivals, Kind, Nanos, Outcome, Phase, Rate, Recorder, Schedule, nth_seed};
use wire::Traffic;

use crate::{
    criteria::Criteria,
    observed::{Done, Observed, Told, Watched},
    probe::{Ask, Course, RUN_UP, World},
    telemetry::metered,
};

/// From a pod's creation until it is seen running.
const START_UP: Duration = Duration::from_secs(1);
/// From Running to the deletion, as in pod-churn.
const LIFETIME: Duration = Duration::from_secs(10);
/// From the deletion to its answer, when the pod is gone.
const END: Duration = Duration::from_millis(300);
/// Who waits longer for an answer gives up, as the pods driver does.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the server can do, and what it is offered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Server {
    /// Pods per second.
    pub(super) capacity: f64,
    /// The time of service grows by as much again for every so many in line.
    pub(super) doubles_at: Option<f64>,
    pub(super) arrivals: Arrivals,
    pub(super) seed: u64,
}

/// A server that is up.
pub(super) struct Simulation {
    server: Server,
    pub(super) now: Nanos,
    free_at: Nanos,
    in_line: u32,
    /// Accepted and unfinished.
    backlog: u64,
    due: BinaryHeap<Reverse<(Nanos, Event)>>,
    /// What has been offered so far; the last is what still is.
    loads: Vec<Load>,
}

struct Load {
    arrivals: Peekable<Schedule>,
    begin: Nanos,
    told: Told,
}

/// What becomes of a pod of a load, by the number of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Created { load: usize, intended: Nanos },
    GivenUp { load: usize, intended: Nanos },
    Runs { load: usize, intended: Nanos },
    Deleted { load: usize },
    Gone { load: usize, intended: Nanos },
}

impl Simulation {
    pub(super) fn new(server: Server) -> Self {
        Self {
            server,
            now: Nanos(0),
            free_at: Nanos(0),
            in_line: 0,
            backlog: 0,
            due: BinaryHeap::new(),
            loads: Vec::new(),
        }
    }

    /// Offers a load instead of the one before, whose pods go on.
    pub(super) fn begin<'a>(&'a mut self, ask: &'a Ask) -> Course<'a, &'a mut Self> {
        let begin = self.now + RUN_UP;
        let watched = Watched {
            name: "pods".to_owned(),
            is_judged: true,
            rate: Some(ask.at),
            limit: Criteria::default().pod_startup,
            slow: Some("startup"),
        };
        let observed = Observed::new(begin, Criteria::default(), metered(vec![watched]));
        observed.open(begin);
        let seed = nth_seed(self.server.seed, ask.number);
        let arrivals =
            Schedule::new(self.server.arrivals, Rate::per_second(ask.at).unwrap(), seed).peekable();
        self.loads.push(Load { arrivals, begin, told: observed.told(0) });
        Course { world: self, ask, observed, begin }
    }

    fn next_arrival(&mut self) -> Option<Nanos> {
        let load = self.loads.last_mut()?;
        load.arrivals.peek().map(|offset| load.begin + Duration::from(*offset))
    }

    /// Lets everything happen that is due by then.
    fn pass(&mut self, until: Nanos) {
        loop {
            let arrival = self.next_arrival().filter(|at| *at <= until);
            let due = self.due.peek().map(|Reverse((at, _))| *at).filter(|at| *at <= until);
            match (arrival, due) {
                (Some(intended), due) if due.is_none_or(|due| intended < due) => self.arrive(intended),
                (_, Some(_)) => {
                    if let Some(Reverse((at, event))) = self.due.pop() {
                        self.happen(at, event);
                    }
                }
                (_, None) => break,
            }
        }
        self.now = until;
    }

    fn arrive(&mut self, intended: Nanos) {
        let load = self.loads.len() - 1;
        self.loads[load].arrivals.next();
        let told = &self.loads[load].told;
        told.offers(intended);
        told.begins(CREATE, intended);
        let longer = self.server.doubles_at.map_or(0.0, |k| f64::from(self.in_line) / k);
        let service = Duration::from_secs_f64((1.0 + longer) / self.server.capacity);
        self.free_at = self.free_at.max(intended) + service;
        self.in_line += 1;
        self.backlog += 1;
        self.due.push(Reverse(if self.free_at.since(intended) > PATIENCE {
            (intended + PATIENCE, Event::GivenUp { load, intended })
        } else {
            (self.free_at, Event::Created { load, intended })
        }));
    }

    fn happen(&mut self, at: Nanos, event: Event) {
        let (Event::Created { load, .. }
        | Event::GivenUp { load, .. }
        | Event::Runs { load, .. }
        | Event::Deleted { load }
        | Event::Gone { load, .. }) = event;
        let told = &self.loads[load].told;
        let done = |kind, intended, outcome| {
            told.ends(&Done { kind, intended, sent: intended, ended: at, outcome });
        };
        match event {
            Event::Created { intended, .. } => {
                done(CREATE, intended, Outcome::Ok);
                told.delivers(at, at);
                self.in_line -= 1;
                self.due.push(Reverse((at + START_UP, Event::Runs { load, intended })));
            }
            Event::GivenUp { intended, .. } => {
                done(CREATE, intended, Outcome::Timeout);
                self.in_line -= 1;
                self.backlog -= 1;
            }
            Event::Runs { intended, .. } => {
                told.achieves(intended, at);
                self.backlog -= 1;
                self.due.push(Reverse((at + LIFETIME, Event::Deleted { load })));
            }
            Event::Deleted { .. } => {
                told.begins(DELETE, at);
                self.backlog += 1;
                self.due.push(Reverse((at + END, Event::Gone { load, intended: at })));
            }
            Event::Gone { intended, .. } => {
                done(DELETE, intended, Outcome::Ok);
                self.backlog -= 1;
            }
        }
    }
}

const CREATE: Kind = Kind::new("create", "pods");
const DELETE: Kind = Kind::new("delete", "pods");

impl World for &mut Simulation {
    fn now(&self) -> Nanos {
        self.now
    }

    async fn sleep(&mut self, length: Duration) {
        self.pass(self.now + length);
    }

    fn backlog(&self, _: usize) -> u64 {
        self.backlog
    }

    async fn take_fleet(&mut self) -> FleetReport {
        FleetReport {
            recorder: Recorder::new(),
            traffic: Traffic::default(),
            progress: FleetProgress::default(),
            held: Held::default(),
            longest_lease_gap: Duration::from_secs(10),
            written_off: Vec::new(),
        }
    }

    fn begin_window(&mut self) {}

    async fn end_window(&mut self) {}

    fn second_is_over(&self, _: Phase, _: Nanos) -> anyhow::Result<()> {
        Ok(())
    }
}
