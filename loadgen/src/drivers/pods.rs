//! The pods driver: pods are created at a rate, live for a while after they run, and are deleted.
//!
//! Sends, as ServiceAccounts that take turns: `POST pods` (JSON, open loop), and for each pod one `DELETE` when its lifetime is
//! over. Watches, as a ServiceAccount of its own: the run's pods, in protobuf. Records: create and delete of pods; every pod's
//! way from its intended start over created and scheduled to Running, seen by that watch.

mod ledger;
mod observer;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    sync::Arc,
    time::Duration,
};

use measure::{ErrorClass, Kind, Nanos, Outcome, Pacer, Schedule, Start};
use tokio::{sync::mpsc, task::JoinSet};
use wire::{Encoding, Request, WatchSpec};

pub(crate) use self::ledger::{PodStage, Stages};
use self::{
    ledger::{Ledger, News},
    observer::{Names, Sighting},
};
use super::{Counts, DELETE_AGAIN, Driver, Report, STARTS_WAITING, Senders, Stage, Stop, sleep_until};
use crate::{
    nodes::RUN_LABEL,
    observed::Done,
    scenario::{Object, PodsLoad, Template},
};

const CREATE: Kind = Kind::new("create", "pods");
const DELETE: Kind = Kind::new("delete", "pods");

/// A pods load, ready to go.
pub(crate) struct PodsDriver {
    pub(crate) load: PodsLoad,
    pub(crate) template: Template,
}

/// What every pod needs.
struct Work {
    names: Names,
    senders: Senders,
    namespace: String,
    template: Template,
    lifetime: Duration,
    /// The number of the first pod: those of earlier loads in the namespace have lower ones.
    first: u64,
}

/// The driver at work. One task owns it, so nothing in it is locked.
struct Running {
    work: Arc<Work>,
    ledger: Ledger,
    /// Pods to delete, by when.
    deletions: BinaryHeap<Reverse<(Nanos, u64)>>,
    requests: JoinSet<(u64, Done)>,
}

impl Driver for PodsDriver {
    async fn run(self, mut stage: Stage) -> anyhow::Result<Report> {
        let clock = stage.clock;
        let schedule = Schedule::new(self.load.arrivals, self.load.rate, stage.seed);
        let (pacer, mut starts) = Pacer::start(clock, stage.begin, schedule, STARTS_WAITING)?;
        let (sightings, mut seen) = mpsc::unbounded_channel();
        // On a task of its own, so that an event is stamped when it arrives; it ends when this set is dropped.
        let mut observer = JoinSet::new();
        let pods = pods_of_run(&stage.namespaces[0], &stage.run);
        let names = Names(self.load.name.clone());
        observer.spawn(observer::watch(stage.observer.clone(), clock, pods, names, stage.seed, sightings));
        let mut running = Running {
            ledger: Ledger::new(self.load.until),
            work: Arc::new(self.work(&stage)),
            deletions: BinaryHeap::new(),
            requests: JoinSet::new(),
        };
        let mut stop: Option<Stop> = None;
        while stop.is_none() || !running.is_settled() {
            let deletion = running.next_deletion();
            let give_up = stop.as_ref().map(|stop| stop.give_up);
            tokio::select! {
                Ok(()) = stage.orders.changed(), if stop.is_none() => {
                    // What is due by now is still offered, so that a window that ends now is whole.
                    while let Ok(start) = starts.try_recv() {
                        running.create(start);
                    }
                    starts.close();
                    stop.clone_from(&stage.orders.borrow());
                }
                Some(start) = starts.recv(), if stop.is_none() => running.create(start),
                Some(Ok((index, done))) = running.requests.join_next() => running.on_done(index, &done),
                Some(sighting) = seen.recv() => running.on_sighting(sighting),
                () = sleep_until(clock, deletion.unwrap_or_default()), if deletion.is_some() => running.delete_due(),
                () = sleep_until(clock, give_up.unwrap_or_default()), if give_up.is_some() => break,
            }
            let counts = Counts { dropped: pacer.counts().dropped, ..running.ledger.counts() };
            stage.progress.send_replace(counts);
        }
        let dropped = pacer.stop().dropped;
        let measured = stop.map(|stop| stop.measured).unwrap_or_default();
        Ok(Report {
            accounting: running.ledger.accounting(dropped),
            stages: Some(running.ledger.stages(&measured)),
            figures: BTreeMap::new(),
        })
    }
}

impl PodsDriver {
    fn work(self, stage: &Stage) -> Work {
        Work {
            names: Names(self.load.name),
            senders: stage.senders.clone(),
            namespace: stage.namespaces[0].clone(),
            template: self.template,
            lifetime: self.load.lifetime,
            first: stage.first,
        }
    }
}

fn path(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/pods")
}

fn pods_of_run(namespace: &str, run: &str) -> WatchSpec {
    WatchSpec::new(path(namespace)).label_selector(format!("{RUN_LABEL}={run}"))
}

impl Running {
    fn is_settled(&self) -> bool {
        self.requests.is_empty() && self.ledger.is_settled()
    }

    fn create(&mut self, Start { index, intended }: Start) {
        let index = self.work.first + index;
        self.ledger.offer(index, intended);
        self.work.senders.told.offers(intended);
        let work = self.work.clone();
        self.requests.spawn(async move {
            let (name, namespace) = (work.names.of(index), work.namespace.as_str());
            let body = work.template.render(Object { name: &name, namespace, number: index });
            let request = Request::post(path(namespace), body, Encoding::Json);
            (index, work.senders.send(index, CREATE, intended, request).await.0)
        });
    }

    fn delete_due(&mut self) {
        let now = self.work.senders.clock.now();
        while let Some(&Reverse((intended, index))) = self.deletions.peek()
            && intended <= now
        {
            self.deletions.pop();
            if !self.ledger.deleting(index) {
                continue;
            }
            let work = self.work.clone();
            self.requests.spawn(async move {
                let request = Request::delete(format!("{}/{}", path(&work.namespace), work.names.of(index)));
                (index, work.senders.send(index, DELETE, intended, request).await.0)
            });
        }
    }

    fn next_deletion(&self) -> Option<Nanos> {
        self.deletions.peek().map(|Reverse((at, _))| *at)
    }

    fn on_done(&mut self, index: u64, done: &Done) {
        if done.kind == CREATE {
            match done.outcome.error() {
                None => {
                    self.ledger.created(index, done.ended);
                    self.tell_delivery(index);
                }
                Some(class) => {
                    self.ledger.refused(index, class);
                    // Without an answer it may be there all the same.
                    if !matches!(class, ErrorClass::Timeout | ErrorClass::Connection) {
                        self.work.senders.told.loses();
                    }
                }
            }
            self.tell_stages(index);
        } else if !matches!(done.outcome, Outcome::Ok | Outcome::Status(404)) {
            self.ledger.deletion_failed(index);
            self.deletions.push(Reverse((done.ended + DELETE_AGAIN, index)));
        }
    }

    fn tell_delivery(&mut self, index: u64) {
        if let Some((acknowledged, seen)) = self.ledger.delivered(index) {
            self.work.senders.told.delivers(acknowledged, seen);
        }
    }

    fn tell_stages(&mut self, index: u64) {
        for (stage, took) in self.ledger.passed(index) {
            self.work.senders.told.passes(stage, took);
        }
    }

    fn on_sighting(&mut self, sighting: Sighting) {
        let pod = if let Sighting::Pod { index, .. } = sighting { Some(index) } else { None };
        match self.ledger.on_sighting(sighting) {
            News::Achieved { index, at } => {
                if let Some(intended) = self.ledger.intended(index) {
                    self.work.senders.told.achieves(intended, at);
                }
                self.deletions.push(Reverse((at + self.work.lifetime, index)));
            }
            // It will not run any more: what is left of it is removed at once.
            News::Failed { index, at } => {
                self.work.senders.told.loses();
                self.deletions.push(Reverse((at, index)));
            }
            News::Nothing => {}
        }
        if let Some(index) = pod {
            self.work.senders.told.follows();
            self.tell_delivery(index);
            self.tell_stages(index);
        }
    }
}
