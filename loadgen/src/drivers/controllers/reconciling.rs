//! Controllers that watch and write: a reflector, a workqueue and workers, as controller-runtime and client-go put them together.
//!
//! Sends, each from connections of its own: what a reflector does, and what its workers do. An operation is an object that a controller
//! has seen to need something, due then; several changes that come while it is at it are one. Of the whole load: requests that failed
//! and were tried again, by class, and bytes.

use std::{
    collections::{BTreeMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use measure::{Clock, ErrorClass, Nanos};
use serde_json::Value;
use tokio::task::JoinSet;
use wire::{Client, Encoding, Reflector, Seen, WatchKind, WatchSpec};

use super::{
    super::{Report, Stage, Stop, sleep_until},
    ControllersDriver,
    operator::Operator,
    provisioner::Provisioner,
    queue::Queue,
    tally::Tally,
};
use crate::{
    nodes::RUN_LABEL,
    scenario::{ControllerKind, WatchStart},
};

/// Between two looks at how the controllers stand.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What a controller does with the objects of one kind. No socket: what it sends is in the futures that it hands out.
pub(super) trait Controller: Send + 'static {
    /// An object is there, as it is now. Says whether it is to be looked into.
    fn see(&mut self, key: &str, object: Value, at: Nanos) -> bool;

    /// It is there no longer. Says whether that is to be looked into.
    fn gone(&mut self, key: &str, at: Nanos) -> bool;

    /// What is to be done about it now; nothing if it is as it should be.
    fn work(&mut self, key: &str) -> Option<Work>;

    /// What was to be done has come to its end. Says whether it is to be tried again.
    fn over(&mut self, key: &str, ended: Ended) -> bool;
}

/// Requests, one after the other, until one fails or all are answered.
pub(super) type Work = Pin<Box<dyn Future<Output = Ended> + Send>>;

/// When the last of them ended, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) at: Nanos,
    pub(super) error: Option<ErrorClass>,
}

/// Which of the controllers that share the objects.
#[derive(Clone, Copy, Debug)]
struct Share {
    index: u32,
    of: u32,
}

/// A controller with all that it takes to run.
struct Running<C> {
    controller: C,
    share: Share,
    queue: Queue,
    workers: usize,
    clock: Clock,
    tally: Arc<Tally>,
    is_in_sync: bool,
    /// Objects that are there.
    known: HashSet<String>,
    /// Those that the list had which is under way.
    listed: HashSet<String>,
}

pub(super) async fn run(driver: ControllersDriver, mut stage: Stage) -> anyhow::Result<Report> {
    let tally = Arc::new(Tally::default());
    let clock = stage.clock;
    let asked = u64::from(driver.load.count);
    sleep_until(clock, stage.begin).await;
    let mut controllers = JoinSet::new();
    let clients: Vec<Client> =
        (0..driver.load.count).map(|index| start(&driver, &stage, index, &tally, &mut controllers)).collect();
    let mut stop: Option<Stop> = None;
    while stop.is_none() || tally.counts().backlog > 0 {
        tokio::select! {
            Ok(()) = stage.orders.changed(), if stop.is_none() => stop.clone_from(&stage.orders.borrow()),
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let now = clock.now();
        if stop.is_none() {
            stage.senders.told.alive(now, tally.in_sync(), asked);
            stage.senders.told.figures_are(figures(&tally, &clients));
        }
        stage.progress.send_replace(tally.counts());
        if stop.as_ref().is_some_and(|stop| now >= stop.give_up) {
            break;
        }
    }
    controllers.shutdown().await;
    Ok(Report { accounting: tally.accounting(), stages: None, figures: figures(&tally, &clients) })
}

fn figures(tally: &Tally, clients: &[Client]) -> BTreeMap<String, f64> {
    let mut figures = tally.figures();
    figures.insert("bytes".to_owned(), bytes(clients));
    figures
}

/// Starts one controller on a task of its own and says whose connections it is on.
fn start(
    driver: &ControllersDriver,
    stage: &Stage,
    index: u32,
    tally: &Arc<Tally>,
    controllers: &mut JoinSet<()>,
) -> Client {
    let load = &driver.load;
    let turn = u64::from(index);
    let client = stage.senders.client(turn).sibling();
    let mut senders = stage.senders.clone();
    senders.clients = vec![client.clone()];
    let share = Share { index, of: load.count };
    let workers = usize::try_from(load.workers).unwrap_or(1);
    let (clock, seed) = (stage.clock, stage.seed.wrapping_add(turn));
    let spec = |path: String| {
        let mut spec = WatchSpec::new(path).accept(Encoding::Json);
        spec.watch_list = load.start == WatchStart::WatchList;
        spec
    };
    if load.kind == ControllerKind::Operator {
        let spec = spec(driver.resource.path(None, None));
        let operator = Operator::new(driver.resource.clone(), load.status_bytes, senders, tally.clone());
        let running = Running::new(operator, share, load.backoff, workers, clock, tally.clone());
        controllers.spawn(running.run(Reflector::new(client.clone(), spec, seed)));
    } else {
        let claims = driver.resource.path(None, None);
        let spec = spec(claims).label_selector(format!("{RUN_LABEL}={}", stage.run));
        let provisioner = Provisioner::new(stage.run.clone(), driver.fleet.clone(), senders, tally.clone());
        let running = Running::new(provisioner, share, load.backoff, workers, clock, tally.clone());
        controllers.spawn(running.run(Reflector::new(client.clone(), spec, seed)));
    }
    client
}

#[expect(clippy::cast_precision_loss, reason = "a run does not read 2^53 bytes")]
pub(super) fn bytes(clients: &[Client]) -> f64 {
    clients.iter().map(|client| client.traffic().bytes_read).sum::<u64>() as f64
}

impl<C: Controller> Running<C> {
    fn new(
        controller: C,
        share: Share,
        backoff: bool,
        workers: usize,
        clock: Clock,
        tally: Arc<Tally>,
    ) -> Self {
        Self {
            controller,
            share,
            queue: Queue::new(backoff),
            workers,
            clock,
            tally,
            is_in_sync: false,
            known: HashSet::new(),
            listed: HashSet::new(),
        }
    }

    /// Runs until it is dropped.
    async fn run(mut self, mut reflector: Reflector) {
        let mut working: JoinSet<(String, Ended)> = JoinSet::new();
        loop {
            let due = self.queue.due();
            tokio::select! {
                seen = reflector.next() => self.see(seen),
                Some(Ok((key, ended))) = working.join_next() => self.over(key, ended),
                () = sleep_until(self.clock, due.unwrap_or_default()), if due.is_some() => {
                    self.queue.release(self.clock.now());
                }
            }
            while working.len() < self.workers
                && let Some(key) = self.queue.take()
            {
                if let Some(work) = self.controller.work(&key) {
                    working.spawn(async move { (key, work.await) });
                } else {
                    self.queue.forget(&key);
                    self.queue.done(&key);
                }
            }
        }
    }

    fn see(&mut self, seen: Seen) {
        let at = self.clock.now();
        match seen {
            Seen::Object { kind, object, .. } => {
                if let Ok(object) = object.json::<Value>() {
                    self.see_object(kind, object, at);
                }
            }
            Seen::Restarted => {
                self.listed.clear();
                self.put_in_sync(false);
            }
            Seen::Synced => {
                // What was there before the list and is not in it was deleted while nobody looked.
                let listed = std::mem::take(&mut self.listed);
                let missed: Vec<String> = self.known.difference(&listed).cloned().collect();
                for key in &missed {
                    self.is_gone(key, at);
                }
                self.put_in_sync(true);
            }
            Seen::Error(error) => tracing::warn!(%error, "the watch of a controller was interrupted"),
        }
    }

    fn see_object(&mut self, kind: WatchKind, object: Value, at: Nanos) {
        let Some(key) = key(&object).filter(|key| self.share.has(key)) else { return };
        if kind == WatchKind::Deleted {
            return self.is_gone(&key, at);
        }
        self.known.insert(key.clone());
        if !self.is_in_sync {
            self.listed.insert(key.clone());
        }
        if self.controller.see(&key, object, at) {
            self.queue.add(key);
        }
    }

    fn is_gone(&mut self, key: &str, at: Nanos) {
        self.known.remove(key);
        if self.controller.gone(key, at) {
            self.queue.add(key.to_owned());
        }
    }

    fn over(&mut self, key: String, ended: Ended) {
        self.queue.done(&key);
        if self.controller.over(&key, ended) {
            if let Some(class) = ended.error {
                self.tally.failed(class);
            }
            self.queue.retry(key, self.clock.now());
        } else {
            self.queue.forget(&key);
        }
    }

    fn put_in_sync(&mut self, is_in_sync: bool) {
        match (self.is_in_sync, is_in_sync) {
            (false, true) => self.tally.synced(),
            (true, false) => self.tally.out_of_sync(),
            _ => {}
        }
        self.is_in_sync = is_in_sync;
    }
}

impl Share {
    /// Whether an object is this one's, by its key.
    fn has(self, key: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        hasher.finish() % u64::from(self.of.max(1)) == u64::from(self.index)
    }
}

/// `namespace/name`, or the name of what is in none.
fn key(object: &Value) -> Option<String> {
    let metadata = &object["metadata"];
    let name = metadata["name"].as_str()?;
    Some(match metadata["namespace"].as_str() {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name.to_owned(),
    })
}

#[cfg(test)]
mod tests;
