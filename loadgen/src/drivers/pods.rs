//! The pods driver: pods are created at a rate, live for a while after they run, and are deleted.
//!
//! Sends, as ServiceAccounts that take turns: `POST pods` (JSON, open loop), and for each pod one `DELETE` when its lifetime is
//! over. Watches, as a ServiceAccount of its own: the run's pods, in protobuf. Records: create and delete of pods; every pod's
//! way from its intended start over created and scheduled to Running, seen by that watch.

mod ledger;
mod observer;

use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc, time::Duration};

use measure::{Arrivals, Clock, Kind, Nanos, Outcome, Pacer, Rate, Recorder, Schedule, Start};
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
use super::Timeline;
use crate::{nodes::RUN_LABEL, scenario::PodTemplate};

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
}

/// What came of a pods load.
#[derive(Debug)]
pub(crate) struct PodsReport {
    /// Requests intended in the measured window.
    pub(crate) recorder: Recorder,
    /// Where every pod ended up that was ever offered.
    pub(crate) accounting: Accounting,
    /// Pods intended in the measured window.
    pub(crate) stages: Stages,
    /// Requests that waited for a free HTTP/2 stream in the client.
    pub(crate) waited_for_stream: u64,
}

/// What a request came to.
struct Done {
    index: u64,
    kind: Kind,
    intended: Nanos,
    sent: Nanos,
    ended: Nanos,
    outcome: Outcome,
}

/// The driver at work. One task owns it, so nothing in it is locked.
struct Running {
    driver: Arc<PodsDriver>,
    timeline: Timeline,
    ledger: Ledger,
    recorder: Recorder,
    /// Pods to delete, by when.
    deletions: BinaryHeap<Reverse<(Nanos, u64)>>,
    requests: JoinSet<Done>,
}

impl PodsDriver {
    /// Runs the load over its timeline and until every pod is gone, or the timeline gives up.
    pub(crate) async fn run(
        self,
        timeline: Timeline,
        progress: &watch::Sender<Counts>,
    ) -> std::io::Result<PodsReport> {
        let length = timeline.measure.end.since(timeline.begin);
        let schedule = Schedule::new(self.arrivals, self.rate, self.seed).within(length);
        let (pacer, mut starts) = Pacer::start(self.clock, timeline.begin, schedule, STARTS_WAITING)?;
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
            ledger: Ledger::new(timeline.measure.clone()),
            driver: Arc::new(self),
            timeline,
            recorder: Recorder::new(),
            deletions: BinaryHeap::new(),
            requests: JoinSet::new(),
        };
        let mut offering = true;
        let give_up = running.timeline.give_up;
        while offering || !running.is_settled() {
            let deletion = running.next_deletion();
            tokio::select! {
                start = starts.recv(), if offering => match start {
                    Some(start) => running.create(start),
                    None => offering = false,
                },
                Some(Ok(done)) = running.requests.join_next() => running.on_done(&done),
                Some(sighting) = seen.recv() => running.on_sighting(sighting),
                () = sleep_until(clock, deletion.unwrap_or(give_up)), if deletion.is_some() => running.delete_due(),
                () = sleep_until(clock, give_up) => break,
            }
            progress.send_replace(running.ledger.counts());
        }
        let dropped = pacer.stop().dropped;
        Ok(PodsReport {
            waited_for_stream: running
                .driver
                .clients
                .iter()
                .map(|client| client.traffic().waited_for_stream)
                .sum(),
            accounting: running.ledger.accounting(dropped),
            stages: running.ledger.stages(),
            recorder: running.recorder,
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

    fn create(&mut self, start: Start) {
        self.ledger.offer(start.index, start.intended);
        let driver = self.driver.clone();
        self.requests.spawn(async move {
            let body = driver.template.render(&observer::name(start.index));
            let request = Request::post(driver.path(), body, Encoding::Json);
            driver.send(start.index, CREATE, start.intended, request).await
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
                driver.send(index, DELETE, intended, request).await
            });
        }
    }

    fn next_deletion(&self) -> Option<Nanos> {
        self.deletions.peek().map(|Reverse((at, _))| *at)
    }

    fn on_done(&mut self, done: &Done) {
        if self.timeline.measure.contains(&done.intended) {
            self.recorder.record(done.kind, done.intended, done.sent, done.ended, done.outcome);
        }
        if done.kind == CREATE {
            match done.outcome.error() {
                None => self.ledger.created(done.index, done.ended),
                Some(class) => self.ledger.refused(done.index, class),
            }
        } else if !matches!(done.outcome, Outcome::Ok | Outcome::Status(404)) {
            self.ledger.deletion_failed(done.index);
            self.deletions.push(Reverse((done.ended + DELETE_AGAIN, done.index)));
        }
    }

    fn on_sighting(&mut self, sighting: Sighting) {
        match self.ledger.on_sighting(sighting) {
            News::Ran { index, at } => self.deletions.push(Reverse((at + self.driver.lifetime, index))),
            // It will not run any more: what is left of it is removed at once.
            News::Failed { index, at } => self.deletions.push(Reverse((at, index))),
            News::Nothing => {}
        }
    }
}

impl PodsDriver {
    async fn send(&self, index: u64, kind: Kind, intended: Nanos, request: Request) -> Done {
        let client = self.client(index);
        let request = request.timeout(REQUEST_TIMEOUT);
        let sent = self.clock.now();
        let result = client.send(&request).await;
        let ended = self.clock.now();
        let outcome = match result {
            Ok(response) => Outcome::from_status(response.status.as_u16()),
            Err(error) if error.is_timeout() => Outcome::Timeout,
            Err(_) => Outcome::Connection,
        };
        Done { index, kind, intended, sent, ended, outcome }
    }
}

async fn sleep_until(clock: Clock, at: Nanos) {
    tokio::time::sleep(at.since(clock.now())).await;
}
