//! The watches driver: watchers of any resource that stay, are told of every change, and begin anew when they lose their watch.
//!
//! Sends, as ServiceAccounts that take turns: what a reflector of client-go sends (`WatchList`, or LIST and WATCH). Records: from a
//! write's acknowledgement to its event at each watcher, where a driver of this run wrote it; how many watchers are in sync. Of the whole
//! load: events, relists, watches that the server ended with an error, the time until all were in sync, bytes.

mod slow;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use measure::{Clock, Nanos};
use tokio::task::JoinSet;
use wire::{Client, Encoding, Reflector, Seen, WatchSpec};

use super::{Accounting, Counts, Driver, Report, Stage, sleep_until};
use crate::{
    observed::Told,
    resources::Resource,
    scenario::{ListEncoding, WatchStart, WatchesLoad},
};

/// Between two looks at how many watchers are in sync.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// What a watcher was told is passed on when it is so much, or when nothing more comes for a moment: others wait for the same lock.
const BATCH: usize = 64;

/// A watches load, ready to go.
pub(crate) struct WatchesDriver {
    pub(crate) load: WatchesLoad,
    pub(crate) resource: Resource,
}

/// What watchers have in common.
pub(super) struct Shared {
    clock: Clock,
    told: Told,
    in_sync: AtomicU64,
    events: AtomicU64,
    relists: AtomicU64,
    errors: AtomicU64,
    expired: AtomicU64,
}

impl Driver for WatchesDriver {
    async fn run(self, mut stage: Stage) -> anyhow::Result<Report> {
        let shared = Arc::new(Shared::new(&stage));
        let mut watchers = JoinSet::new();
        sleep_until(stage.clock, stage.begin).await;
        let mut clients = self.start(&mut watchers, &shared, &stage);
        let asked = u64::from(self.load.count);
        let (mut began, mut is_synced, mut longest) = (stage.clock.now(), false, None);
        loop {
            tokio::select! {
                Ok(()) = stage.orders.changed() => if stage.orders.borrow().is_some() { break },
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let now = stage.clock.now();
            let in_sync = shared.in_sync.load(Ordering::Relaxed);
            shared.told.alive(now, in_sync, asked);
            shared.told.figures_are(shared.figures(longest, bytes(&clients)));
            stage.progress.send_replace(Counts { offered: asked, done: in_sync, ..Counts::default() });
            if in_sync == asked && !is_synced {
                is_synced = true;
                longest = longest.max(Some(now.since(began)));
                self.tell_synced(&shared, now, began);
            }
            if self.load.restart_every.is_some_and(|every| now.since(began) >= every) {
                if !is_synced {
                    self.tell_synced(&shared, now, began);
                }
                // As programs do that are started anew: nothing of what they knew is left.
                watchers.shutdown().await;
                for client in &clients {
                    client.close().await;
                }
                clients = self.start(&mut watchers, &shared, &stage);
                (began, is_synced) = (stage.clock.now(), false);
            }
        }
        watchers.shutdown().await;
        Ok(Report {
            accounting: Accounting { offered: asked, gone: asked, ..Accounting::default() },
            stages: None,
            figures: shared.figures(longest, bytes(&clients)),
        })
    }
}

impl WatchesDriver {
    /// Of watchers that are started anew again and again it counts how soon all of them are back.
    fn tell_synced(&self, shared: &Shared, now: Nanos, began: Nanos) {
        if self.load.restart_every.is_some() {
            shared.told.synced(now, now.since(began));
        }
    }

    /// Starts every watcher on a task of its own and says whose connections they are on.
    fn start(&self, watchers: &mut JoinSet<()>, shared: &Arc<Shared>, stage: &Stage) -> Vec<Client> {
        let mut clients = stage.senders.clients.clone();
        for index in 0..self.load.count {
            let turn = u64::from(index);
            let namespace = usize::try_from(turn % stage.namespaces.len() as u64).unwrap_or(0);
            let namespace = self.load.namespaced.then(|| stage.namespaces[namespace].as_str());
            let spec = self.spec(namespace);
            let seed = stage.seed.wrapping_add(turn);
            if index % 100 < self.load.slow_percent {
                // What it does not read would hold up whoever shares its connection.
                let client = stage.senders.client(turn).sibling();
                clients.push(client.clone());
                watchers.spawn(slow::watch(client, spec, self.load.slow_bytes, seed, shared.clone()));
            } else {
                let client = stage.senders.client(turn).clone();
                watchers.spawn(watch(client, spec, seed, shared.clone()));
            }
        }
        clients
    }

    fn spec(&self, namespace: Option<&str>) -> WatchSpec {
        let load = &self.load;
        let mut spec = WatchSpec::new(self.resource.path(namespace, None));
        spec.label_selector.clone_from(&load.label_selector);
        spec.field_selector.clone_from(&load.field_selector);
        spec.accept = match load.encoding {
            ListEncoding::Json => Encoding::Json,
            ListEncoding::Protobuf => Encoding::Protobuf,
        };
        spec.watch_list = load.start == WatchStart::WatchList;
        spec
    }
}

/// What came over these connections.
fn bytes(clients: &[Client]) -> u64 {
    clients.iter().map(|client| client.traffic().bytes_read).sum()
}

/// Watches until it is dropped.
pub(super) async fn watch(client: Client, spec: WatchSpec, seed: u64, shared: Arc<Shared>) {
    let mut reflector = Reflector::new(client, spec, seed);
    let mut watcher = Watcher::new(shared);
    loop {
        tokio::select! {
            biased;
            news = reflector.next() => watcher.see(news),
            // Nothing more has come: what there is must not wait for the next event.
            () = tokio::task::yield_now(), if watcher.has_news() => watcher.pass_on(),
        }
        watcher.count(&reflector);
    }
}

/// One watcher's state.
struct Watcher {
    shared: Arc<Shared>,
    is_in_sync: bool,
    /// Versions, and when they came.
    news: Vec<(u64, Nanos)>,
    counted: wire::ReflectorCounters,
}

impl Watcher {
    fn new(shared: Arc<Shared>) -> Self {
        Self { shared, is_in_sync: false, news: Vec::new(), counted: wire::ReflectorCounters::default() }
    }

    fn see(&mut self, seen: Seen) {
        match seen {
            Seen::Object { resource_version, .. } if self.is_in_sync => {
                self.shared.events.fetch_add(1, Ordering::Relaxed);
                if let Ok(version) = resource_version.parse() {
                    self.news.push((version, self.shared.clock.now()));
                }
                if self.news.len() >= BATCH {
                    self.pass_on();
                }
            }
            Seen::Object { .. } | Seen::Error(_) => {}
            Seen::Restarted => self.put_in_sync(false),
            Seen::Synced => self.put_in_sync(true),
        }
    }

    fn has_news(&self) -> bool {
        !self.news.is_empty()
    }

    fn pass_on(&mut self) {
        self.shared.told.sees(self.news.drain(..));
    }

    fn put_in_sync(&mut self, is_in_sync: bool) {
        match (self.is_in_sync, is_in_sync) {
            (false, true) => _ = self.shared.in_sync.fetch_add(1, Ordering::Relaxed),
            (true, false) => _ = self.shared.in_sync.fetch_sub(1, Ordering::Relaxed),
            _ => {}
        }
        self.is_in_sync = is_in_sync;
    }

    fn count(&mut self, reflector: &Reflector) {
        let now = reflector.counters();
        let add = |counter: &AtomicU64, now: u64, before: u64| {
            _ = counter.fetch_add(now - before, Ordering::Relaxed);
        };
        add(&self.shared.relists, now.relists, self.counted.relists);
        add(&self.shared.errors, now.errors, self.counted.errors);
        add(&self.shared.expired, now.expired, self.counted.expired);
        self.counted = now;
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.put_in_sync(false);
    }
}

impl Shared {
    pub(super) fn new(stage: &Stage) -> Self {
        Self {
            clock: stage.clock,
            told: stage.senders.told.clone(),
            in_sync: AtomicU64::new(0),
            events: AtomicU64::new(0),
            relists: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            expired: AtomicU64::new(0),
        }
    }

    /// Watchers that know all there is.
    pub(super) fn in_sync(&self) -> u64 {
        self.in_sync.load(Ordering::Relaxed)
    }

    pub(super) fn told(&self) -> &Told {
        &self.told
    }

    #[expect(clippy::cast_precision_loss, reason = "a run does not see 2^53 events")]
    pub(super) fn figures(&self, synced_after: Option<Duration>, bytes: u64) -> BTreeMap<String, f64> {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed) as f64;
        let figures = [
            ("events", Some(of(&self.events))),
            ("relists", Some(of(&self.relists))),
            ("watch-errors", Some(of(&self.errors))),
            ("expired", Some(of(&self.expired))),
            ("bytes", Some(bytes as f64)),
            ("synced-after-seconds", synced_after.map(|after| after.as_secs_f64())),
        ];
        figures.into_iter().filter_map(|(name, figure)| Some((name.to_owned(), figure?))).collect()
    }
}
