//! Nodes that are replaced, one wave after the other, as the upgrade of a node pool does it.
//!
//! Sends, for each node of a wave: `PATCH nodes/<node>` (`unschedulable`), `GET pods` of the node each second until there are none, and
//! `DELETE` of each once; then the fleet replaces the machine, and `DELETE nodes/<node>`. An operation is a node, due when its wave
//! begins and done when the watch shows that another takes pods in its place. Of the whole load: waves, how long they took, and pods
//! that were deleted.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use measure::{Kind, Nanos, Outcome};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};
use wire::{List, Meta, Request};

use super::{
    NOT_OVER, NodesDriver,
    observer::{self, Health, Sighting},
    stretch::stretch,
};
use crate::{
    drivers::{Accounting, Counts, Report, Senders, Stage, Stop, sleep_until},
    fleet::FleetHandle,
};

const CORDON: Kind = Kind::new("patch", "nodes");
const DELETE_NODE: Kind = Kind::new("delete", "nodes");
const LIST_PODS: Kind = Kind::new("list", "pods");
const DELETE_POD: Kind = Kind::new("delete", "pods");

/// Between two looks at the pods that are left on a node, and two tries to delete what is to be deleted.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// What every node of a wave needs.
struct Work {
    fleet: FleetHandle,
    senders: Senders,
    arriving: Arriving,
    pods_deleted: AtomicU64,
}

/// Nodes that are to come, and who waits for them.
#[derive(Debug, Default)]
struct Arriving(Mutex<HashMap<String, oneshot::Sender<Nanos>>>);

/// How a node's replacement ended: well, or why not.
type End = Result<(), String>;

/// What came of the waves so far.
#[derive(Debug, Default)]
struct Tally {
    offered: u64,
    replaced: u64,
    failed: BTreeMap<String, u64>,
    /// When the wave that is under way began.
    begun: Nanos,
    /// How long those before it took.
    waves: Vec<Duration>,
}

pub(super) async fn run(driver: NodesDriver, mut stage: Stage) -> anyhow::Result<Report> {
    let NodesDriver { load, fleet } = driver;
    let clock = stage.clock;
    let (sightings, mut seen) = mpsc::unbounded_channel();
    let mut watching = JoinSet::new();
    watching.spawn(observer::watch(stage.observer.clone(), clock, stage.run.clone(), stage.seed, sightings));
    let nodes = fleet.nodes();
    let work = Arc::new(Work {
        fleet,
        senders: stage.senders.clone(),
        arriving: Arriving::default(),
        pods_deleted: AtomicU64::new(0),
    });
    let mut under_way: JoinSet<anyhow::Result<End>> = JoinSet::new();
    let mut tally = Tally::default();
    let (mut turn, mut next) = (0_u64, stage.begin + load.pause);
    let mut stop: Option<Stop> = None;
    while stop.is_none() || !under_way.is_empty() {
        let give_up = stop.as_ref().map(|stop| stop.give_up);
        let begins = stop.is_none() && under_way.is_empty();
        tokio::select! {
            Ok(()) = stage.orders.changed(), if stop.is_none() => stop.clone_from(&stage.orders.borrow()),
            Some(sighting) = seen.recv() => work.arriving.see(&sighting),
            Some(ended) = under_way.join_next() => {
                tally.ends(ended.context("a task panicked")??);
                if under_way.is_empty() {
                    next = tally.wave_is_over(clock.now()) + load.pause;
                }
            }
            () = sleep_until(clock, next), if begins => {
                let now = clock.now();
                for index in stretch(nodes, load.count, turn).flatten() {
                    work.senders.told.offers(now);
                    under_way.spawn(work.clone().replace(index, now));
                }
                tally.begins(now, under_way.len());
                turn += 1;
            }
            () = sleep_until(clock, give_up.unwrap_or_default()), if give_up.is_some() => break,
        }
        stage.progress.send_replace(tally.counts());
    }
    let figures = tally.figures(work.pods_deleted.load(Ordering::Relaxed));
    Ok(Report { accounting: tally.accounting(), stages: None, figures })
}

impl Work {
    /// One node, from its wave's beginning to there being another in its place.
    async fn replace(self: Arc<Self>, index: u32, intended: Nanos) -> anyhow::Result<End> {
        let told = &self.senders.told;
        let turn = u64::from(index);
        let node = self.fleet.with(|fleet| fleet.node_name(index))?;
        if let Err(reason) = self.empty(&node, turn, intended).await {
            told.misses(intended);
            return Ok(Err(reason));
        }
        let replaced = self.fleet.with(|fleet| fleet.replace(index..index + 1))??;
        for one in replaced {
            let takes_pods = self.arriving.expect(&one.new);
            self.delete_node(&one.gone, turn).await;
            let at = takes_pods.await.context("nobody watches the nodes any more")?;
            told.achieves(intended, at);
        }
        Ok(Ok(()))
    }

    /// Cordons a node and deletes its pods.
    async fn empty(&self, node: &str, turn: u64, intended: Nanos) -> End {
        let path = format!("/api/v1/nodes/{node}");
        let cordon = Request::patch_strategic(path, r#"{"spec":{"unschedulable":true}}"#);
        let (done, _) = self.senders.send(turn, CORDON, intended, cordon).await;
        if let Some(class) = done.outcome.error() {
            return Err(format!("cordon-{}", class.name()));
        }
        let (mut due, mut deleted) = (done.ended, HashSet::<String>::new());
        loop {
            let pods = Request::get(format!("/api/v1/pods?fieldSelector=spec.nodeName%3D{node}"));
            let (done, response) = self.senders.send(turn, LIST_PODS, due, pods).await;
            // A list that failed says nothing, and is asked for again.
            let list = response
                .filter(|_| done.outcome == Outcome::Ok)
                .and_then(|response| List::read(&response).ok());
            if let Some(list) = list {
                if list.items.is_empty() {
                    return Ok(());
                }
                let pods = list.items.iter().filter_map(|pod| pod.meta().ok());
                let left: Vec<Meta> = pods.filter(|pod| !deleted.contains(&pod.uid)).collect();
                for pod in left {
                    self.delete_pod(&pod, turn).await;
                    deleted.insert(pod.uid);
                }
            }
            tokio::time::sleep(AGAIN_AFTER).await;
            due = self.senders.clock.now();
        }
    }

    async fn delete_pod(&self, pod: &Meta, turn: u64) {
        let request = Request::delete(format!("/api/v1/namespaces/{}/pods/{}", pod.namespace, pod.name));
        let (done, _) = self.senders.send(turn, DELETE_POD, self.senders.clock.now(), request).await;
        if done.outcome == Outcome::Ok {
            self.pods_deleted.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Until it is gone: what is left would be a node that is taken for dead.
    async fn delete_node(&self, node: &str, turn: u64) {
        loop {
            let request = Request::delete(format!("/api/v1/nodes/{node}"));
            let (done, _) = self.senders.send(turn, DELETE_NODE, self.senders.clock.now(), request).await;
            if matches!(done.outcome, Outcome::Ok | Outcome::Status(404)) {
                return;
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }
}

impl Arriving {
    fn waiting(&self) -> MutexGuard<'_, HashMap<String, oneshot::Sender<Nanos>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says when a node of this name was seen to take pods.
    fn expect(&self, name: &str) -> oneshot::Receiver<Nanos> {
        let (sender, receiver) = oneshot::channel();
        self.waiting().insert(name.to_owned(), sender);
        receiver
    }

    fn see(&self, Sighting { name, at, health }: &Sighting) {
        if *health != Health::TakesPods {
            return;
        }
        if let Some(waiting) = self.waiting().remove(name) {
            // Whoever waited may have been given up.
            let _ = waiting.send(*at);
        }
    }
}

impl Tally {
    fn begins(&mut self, at: Nanos, nodes: usize) {
        self.begun = at;
        self.offered += nodes as u64;
    }

    fn ends(&mut self, end: End) {
        match end {
            Ok(()) => self.replaced += 1,
            Err(reason) => *self.failed.entry(reason).or_default() += 1,
        }
    }

    /// Says when it was over.
    fn wave_is_over(&mut self, at: Nanos) -> Nanos {
        self.waves.push(at.since(self.begun));
        at
    }

    fn settled(&self) -> u64 {
        self.replaced + self.failed.values().sum::<u64>()
    }

    fn counts(&self) -> Counts {
        let (offered, settled) = (self.offered, self.settled());
        Counts { offered, done: self.replaced, settled, backlog: offered - settled, dropped: 0 }
    }

    fn accounting(&self) -> Accounting {
        let mut failed_by_reason = self.failed.clone();
        let not_over = self.offered - self.settled();
        if not_over > 0 {
            failed_by_reason.insert(NOT_OVER.to_owned(), not_over);
        }
        Accounting { offered: self.offered, there: self.replaced, gone: 0, failed_by_reason }
    }

    #[expect(clippy::cast_precision_loss, reason = "there are not 2^53 pods")]
    fn figures(&self, pods_deleted: u64) -> BTreeMap<String, f64> {
        let seconds: Vec<f64> = self.waves.iter().map(Duration::as_secs_f64).collect();
        let figures = [
            ("waves", Some(seconds.len() as f64)),
            ("wave-seconds", measure::statistics::median(&seconds)),
            ("pods-deleted", Some(pods_deleted as f64)),
        ];
        figures.into_iter().filter_map(|(name, figure)| Some((name.to_owned(), figure?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_has_arrived_when_it_takes_pods() {
        let arriving = Arriving::default();
        let mut waits = arriving.expect("n-1-g1");
        let see =
            |name: &str, health, at| arriving.see(&Sighting { name: name.to_owned(), at: Nanos(at), health });
        see("n-1-g1", Health::NotReady, 1);
        see("n-1-g1", Health::Ready, 2);
        see("n-1", Health::TakesPods, 3);
        assert!(waits.try_recv().is_err());
        see("n-1-g1", Health::TakesPods, 4);
        assert_eq!(waits.try_recv(), Ok(Nanos(4)));
    }

    #[test]
    fn every_node_of_every_wave_is_accounted_for() {
        let mut tally = Tally::default();
        tally.begins(Nanos(0), 3);
        tally.ends(Ok(()));
        tally.ends(Err("cordon-timeout".to_owned()));
        assert_eq!(tally.counts(), Counts { offered: 3, done: 1, settled: 2, backlog: 1, dropped: 0 });
        let accounting = tally.accounting();
        assert_eq!(
            accounting.failed_by_reason,
            [("cordon-timeout".to_owned(), 1), (NOT_OVER.to_owned(), 1)].into()
        );
        assert_eq!(accounting.offered, accounting.there + accounting.failed());
    }
}
