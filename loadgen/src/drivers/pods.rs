//! The pods driver: pods are created at a rate, live for a while after they run, and are deleted.
//!
//! Sends, as ServiceAccounts that take turns: `POST pods` (JSON, open loop), and for each pod one `DELETE` when its lifetime is
//! over. Watches, as a ServiceAccount of its own: the run's pods, in protobuf. Records: create and delete of pods; every pod's
//! way from its intended start over created and scheduled to Running, seen by that watch.

mod ledger;
mod observer;

use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc, time::Duration};

use measure::{Arrivals, Clock, Kind, Nanos, Outcome, Pacer, Rate, Schedule, Start};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use wire::{Client, Encoding, Request, WatchSpec};

pub(crate) use self::ledger::{Accounting, Counts, Stages};
use self::{
    ledger::{Ledger, News},
    observer::Sighting,
};
use super::{Order, Stop};
use crate::{
    nodes::RUN_LABEL,
    observed::{Done, Observed},
    scenario::PodTemplate,
};

const CREATE: Kind = Kind::new("create", "pods");
const DELETE: Kind = Kind::new("delete", "pods");

/// The SLO for single objects is one second (SIG Scalability); a request that takes a minute is lost.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(1);
/// Between two tries to delete a pod.
const DELETE_AGAIN: Duration = Duration::from_secs(1);
/// Starts that may wait for this driver before they are dropped, which the record then says.
const STARTS_WAITING: usize = 10_000;

/// A pods load, ready to go.
pub(crate) struct PodsDriver {
    pub(crate) clock: Clock,
    /// Clients that take turns.
    pub(crate) clients: Vec<Client>,
    /// Watches the pods.
    pub(crate) observer: Client,
    pub(crate) namespace: String,
    pub(crate) run: String,
    pub(crate) template: PodTemplate,
    pub(crate) arrivals: Arrivals,
    pub(crate) rate: Rate,
    pub(crate) lifetime: Duration,
    pub(crate) seed: u64,
    /// The number of the first pod: those of earlier loads in the namespace have lower ones.
    pub(crate) first: u64,
    /// Is told of everything.
    pub(crate) observed: Observed,
}

/// What came of a pods load.
#[derive(Debug)]
pub(crate) struct PodsReport {
    /// Where every pod ended up that was ever offered.
    pub(crate) accounting: Accounting,
    /// Pods intended in the measured window.
    pub(crate) stages: Stages,
}

/// The driver at work. One task owns it, so nothing in it is locked.
struct Running {
    driver: Arc<PodsDriver>,
    ledger: Ledger,
    /// Pods to delete, by when.
    deletions: BinaryHeap<Reverse<(Nanos, u64)>>,
    requests: JoinSet<(u64, Done)>,
}

impl PodsDriver {
    /// Offers the load from `begin` until it is told to stop, and goes on until every pod is gone or it is to give up.
    pub(crate) async fn run(
        self,
        begin: Nanos,
        mut orders: watch::Receiver<Order>,
        progress: &watch::Sender<Counts>,
    ) -> std::io::Result<PodsReport> {
        let schedule = Schedule::new(self.arrivals, self.rate, self.seed);
        let (pacer, mut starts) = Pacer::start(self.clock, begin, schedule, STARTS_WAITING)?;
        let (sightings, mut seen) = mpsc::unbounded_channel();
        // On a task of its own, so that an event is stamped when it arrives; it ends when this set is dropped.
        let mut observer = JoinSet::new();
        observer.spawn(observer::watch(
            self.observer.clone(),
            self.clock,
            self.pods_of_run(),
            self.seed,
            sightings,
        ));
        let clock = self.clock;
        let mut running = Running {
            ledger: Ledger::default(),
            driver: Arc::new(self),
            deletions: BinaryHeap::new(),
            requests: JoinSet::new(),
        };
        let mut stop: Option<Stop> = None;
        while stop.is_none() || !running.is_settled() {
            let deletion = running.next_deletion();
            let give_up = stop.as_ref().map(|stop| stop.give_up);
            tokio::select! {
                Ok(()) = orders.changed(), if stop.is_none() => {
                    // What is due by now is still offered, so that a window that ends now is whole.
                    while let Ok(start) = starts.try_recv() {
                        running.create(start);
                    }
                    starts.close();
                    stop.clone_from(&orders.borrow());
                }
                Some(start) = starts.recv(), if stop.is_none() => running.create(start),
                Some(Ok((index, done))) = running.requests.join_next() => running.on_done(index, &done),
                Some(sighting) = seen.recv() => running.on_sighting(sighting),
                () = sleep_until(clock, deletion.unwrap_or_default()), if deletion.is_some() => running.delete_due(),
                () = sleep_until(clock, give_up.unwrap_or_default()), if give_up.is_some() => break,
            }
            progress.send_replace(Counts { dropped: pacer.counts().dropped, ..running.ledger.counts() });
        }
        let dropped = pacer.stop().dropped;
        let measured = stop.map(|stop| stop.measured).unwrap_or_default();
        Ok(PodsReport {
            accounting: running.ledger.accounting(dropped),
            stages: running.ledger.stages(&measured),
        })
    }

    fn client(&self, index: u64) -> Client {
        let turn = index % self.clients.len() as u64;
        self.clients[usize::try_from(turn).unwrap_or(0)].clone()
    }

    fn pods_of_run(&self) -> WatchSpec {
        WatchSpec {
            path: self.path(),
            field_selector: None,
            label_selector: Some(format!("{RUN_LABEL}={}", self.run)),
            timeout_param: true,
            timeout: Duration::from_mins(5)..Duration::from_mins(10),
            accept: Encoding::Protobuf,
        }
    }

    fn path(&self) -> String {
        format!("/api/v1/namespaces/{}/pods", self.namespace)
    }
}

impl Running {
    fn is_settled(&self) -> bool {
        self.requests.is_empty() && self.ledger.is_settled()
    }

    fn create(&mut self, Start { index, intended }: Start) {
        let index = self.driver.first + index;
        self.ledger.offer(index, intended);
        self.driver.observed.offers(intended);
        let driver = self.driver.clone();
        self.requests.spawn(async move {
            let body = driver.template.render(&observer::name(index));
            let request = Request::post(driver.path(), body, Encoding::Json);
            (index, driver.send(index, CREATE, intended, request).await)
        });
    }

    fn delete_due(&mut self) {
        let now = self.driver.clock.now();
        while let Some(&Reverse((intended, index))) = self.deletions.peek()
            && intended <= now
        {
            self.deletions.pop();
            if !self.ledger.deleting(index) {
                continue;
            }
            let driver = self.driver.clone();
            self.requests.spawn(async move {
                let request = Request::delete(format!("{}/{}", driver.path(), observer::name(index)));
                (index, driver.send(index, DELETE, intended, request).await)
            });
        }
    }

    fn next_deletion(&self) -> Option<Nanos> {
        self.deletions.peek().map(|Reverse((at, _))| *at)
    }

    fn on_done(&mut self, index: u64, done: &Done) {
        self.driver.observed.ends(done);
        if done.kind == CREATE {
            match done.outcome.error() {
                None => {
                    self.ledger.created(index, done.ended);
                    self.tell_delivery(index);
                }
                Some(class) => self.ledger.refused(index, class),
            }
        } else if !matches!(done.outcome, Outcome::Ok | Outcome::Status(404)) {
            self.ledger.deletion_failed(index);
            self.deletions.push(Reverse((done.ended + DELETE_AGAIN, index)));
        }
    }

    fn tell_delivery(&mut self, index: u64) {
        if let Some((acknowledged, seen)) = self.ledger.delivered(index) {
            self.driver.observed.delivers(acknowledged, seen);
        }
    }

    fn on_sighting(&mut self, sighting: Sighting) {
        let pod = if let Sighting::Pod { index, .. } = sighting { Some(index) } else { None };
        match self.ledger.on_sighting(sighting) {
            News::Ran { index, at } => {
                if let Some(intended) = self.ledger.intended(index) {
                    self.driver.observed.achieves(intended, at);
                }
                self.deletions.push(Reverse((at + self.driver.lifetime, index)));
            }
            // It will not run any more: what is left of it is removed at once.
            News::Failed { index, at } => self.deletions.push(Reverse((at, index))),
            News::Nothing => {}
        }
        if let Some(index) = pod {
            self.tell_delivery(index);
        }
    }
}

impl PodsDriver {
    async fn send(&self, index: u64, kind: Kind, intended: Nanos, request: Request) -> Done {
        let client = self.client(index);
        let request = request.timeout(REQUEST_TIMEOUT);
        self.observed.begins(kind, intended);
        let sent = self.clock.now();
        let result = client.send(&request).await;
        let ended = self.clock.now();
        let outcome = match result {
            Ok(response) => Outcome::from_status(response.status.as_u16()),
            Err(error) if error.is_timeout() => Outcome::Timeout,
            Err(_) => Outcome::Connection,
        };
        Done { kind, intended, sent, ended, outcome }
    }
}

async fn sleep_until(clock: Clock, at: Nanos) {
    tokio::time::sleep(at.since(clock.now())).await;
}
