//! Keeps a selection of objects in sight, as client-go's reflector does.
//!
//! Sends: a `WatchList` (`sendInitialEvents=true`); if the server cannot, LIST `resourceVersion=0` and WATCH; at the end of
//! each watch another one from the last resource version, which bookmarks keep young; after 410 all over again. Waits as
//! the Go code waits (see [`backoff`]). Source: client-go tools/cache/reflector.go `ListAndWatchWithContext`,
//! `watchList`, `watch`, `list`, `handleAnyWatch`, and `rest/with_retry.go` for `Retry-After`.

mod backoff;
mod listing;
mod seen;
mod spec;
mod state;
mod version;

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use self::backoff::Backoff;
use self::listing::Listed;
pub use self::seen::{ReflectorCounters, Seen};
pub use self::spec::WatchSpec;
pub use self::state::Step;
use self::state::{Phase, State, Stream};
use self::version::LastVersion;
use crate::{Client, Error, Object, Watch, WatchEvent, WatchKind};

/// A watch that ends within this time and without an event is an error (`handleAnyWatch`).
const VERY_SHORT: Duration = Duration::from_secs(1);

/// How often one request is repeated because the server asked for it by `Retry-After` (rest/request.go `maxRetries`).
const MAX_RETRY_AFTER: u32 = 10;

/// A watch that never ends.
pub struct Reflector {
    client: Client,
    spec: WatchSpec,
    backoff: Backoff,
    counters: ReflectorCounters,
    state: State,
    last: LastVersion,
    /// Requests repeated in a row because of `Retry-After`.
    retries: u32,
    /// A paged list at version 0 means that there is no watch cache, so later lists are paged too.
    paged: bool,
    synced_once: bool,
}

impl Reflector {
    /// A reflector that has not begun; the seed decides its watch timeouts and jitter.
    pub fn new(client: Client, spec: WatchSpec, seed: u64) -> Self {
        Self {
            state: State::Ready(spec.first()),
            client,
            spec,
            backoff: Backoff::new(seed),
            counters: ReflectorCounters::default(),
            last: LastVersion::default(),
            retries: 0,
            paged: false,
            synced_once: false,
        }
    }

    /// A reflector in the place of another that has seen everything up to `version` and has lost its connection: it goes on from
    /// there with `step`. Where the other had seen nothing this begins like [`Reflector::new`], but that it may list.
    pub fn resuming(client: Client, spec: WatchSpec, seed: u64, version: String, step: Step) -> Self {
        let synced_once = !version.is_empty();
        let step = if step == Step::Rewatch && !synced_once { Step::WatchList } else { step };
        let last = LastVersion { version, unavailable: false };
        Self { state: State::Ready(step), last, synced_once, ..Self::new(client, spec, seed) }
    }

    /// The last resource version seen, from where another can take over; empty before the first list is whole.
    pub fn version(&self) -> &str {
        &self.last.version
    }

    /// What it did so far.
    pub fn counters(&self) -> ReflectorCounters {
        self.counters
    }

    /// The next thing seen. Never ends, and waits out every back-off by itself.
    ///
    /// Cancel-safe: dropping the future loses nothing and repeats nothing.
    pub async fn next(&mut self) -> Seen {
        loop {
            let seen = match &mut self.state {
                State::Ready(step) => {
                    let step = *step;
                    self.begin(step);
                    None
                }
                State::Waiting(until, step) => {
                    let (until, step) = (*until, *step);
                    tokio::time::sleep_until(until).await;
                    self.state = State::Ready(step);
                    None
                }
                State::Opening { pending, phase, since } => {
                    let (phase, since) = (*phase, *since);
                    let result = pending.await;
                    self.opened(result, phase, since)
                }
                State::Streaming(stream) => {
                    let event = stream.watch.next().await;
                    self.streamed(event)
                }
                State::Listing(pending) => {
                    let result = pending.await;
                    Some(self.listed(result))
                }
                State::Delivering { items, resource_version } => Some(if let Some(object) = items.next() {
                    added(object)
                } else {
                    let version = std::mem::take(resource_version);
                    self.state = State::Ready(Step::Rewatch);
                    self.synced(version)
                }),
            };
            if let Some(seen) = seen {
                if matches!(seen, Seen::Error(_)) {
                    self.counters.errors += 1;
                }
                return seen;
            }
        }
    }

    fn begin(&mut self, step: Step) {
        let since = Instant::now();
        let (resource_version, phase) = match step {
            Step::List => {
                let paged = self.paged || matches!(self.last.for_list(), "" | "0");
                let version = self.last.for_list().to_owned();
                self.state = State::Listing(Box::pin(listing::list(
                    self.client.clone(),
                    self.spec.clone(),
                    version,
                    paged,
                )));
                return;
            }
            Step::WatchList => (self.last.for_watch_list(), Phase::Initial),
            Step::Rewatch => (self.last.version.as_str(), Phase::Live),
        };
        let seconds = self.backoff.seconds_between(&self.spec.timeout);
        let request = self.spec.watch(resource_version, phase == Phase::Initial, seconds);
        let client = self.client.clone();
        self.counters.watches += 1;
        let pending = Box::pin(async move { client.watch(&request).await });
        self.state = State::Opening { pending, phase, since };
    }

    fn opened(&mut self, result: Result<Watch, Error>, phase: Phase, since: Instant) -> Option<Seen> {
        match result {
            Ok(watch) => {
                self.retries = 0;
                self.state = State::Streaming(Box::new(Stream { watch, phase, since, events: 0 }));
                (phase == Phase::Initial).then(|| self.restarted())
            }
            Err(error) => {
                self.state = match phase {
                    Phase::Initial => self.after_watch_list_failed(&error),
                    Phase::Live => match self.retry_after(&error) {
                        Some(wait) => self.wait_as_told(wait, Step::Rewatch),
                        None => self.after_live_watch_failed(&error),
                    },
                };
                Some(Seen::Error(error))
            }
        }
    }

    fn streamed(&mut self, event: Option<Result<WatchEvent, Error>>) -> Option<Seen> {
        match event {
            Some(Ok(event)) if event.kind == WatchKind::Error => {
                self.stream_failed(Error::Status(event.object.status()))
            }
            Some(Ok(event)) => self.saw(event),
            Some(Err(error)) if error.is_probable_eof() => {
                // client-go does not report this either, but who runs a load wants to know.
                self.stream_ended();
                Some(Seen::Error(error))
            }
            Some(Err(error)) => self.stream_failed(error),
            None => self.stream_ended().map(Seen::Error),
        }
    }

    fn saw(&mut self, event: WatchEvent) -> Option<Seen> {
        let State::Streaming(stream) = &mut self.state else { return None };
        stream.events += 1;
        let WatchEvent { kind, object } = event;
        let resource_version = match object.resource_version() {
            Ok(version) => version,
            // As client-go does, pass over what cannot be understood.
            Err(error) => return Some(Seen::Error(error)),
        };
        if kind == WatchKind::Bookmark {
            return match (stream.phase, object.ends_initial_events()) {
                (Phase::Initial, Ok(true)) => {
                    stream.phase = Phase::Live;
                    stream.since = Instant::now();
                    stream.events = 0;
                    Some(self.synced(resource_version))
                }
                (Phase::Initial, _) => None,
                (Phase::Live, _) => {
                    self.last.set(resource_version);
                    None
                }
            };
        }
        // Initial events come in no order of version, so only the bookmark after them says where the watch is.
        if stream.phase == Phase::Live {
            self.last.set(resource_version.clone());
        }
        Some(Seen::Object { kind, object, resource_version })
    }

    /// The server ended the watch, or the connection went away.
    fn stream_ended(&mut self) -> Option<Error> {
        let State::Streaming(stream) = &self.state else { return None };
        let phase = stream.phase;
        if stream.events == 0 && stream.since.elapsed() < VERY_SHORT {
            self.state = match phase {
                Phase::Initial => State::Ready(Step::List),
                Phase::Live => self.wait_then(self.spec.first()),
            };
            return Some(Error::VeryShortWatch { path: self.spec.path.clone() });
        }
        self.state = State::Ready(match phase {
            Phase::Initial => self.spec.first(),
            Phase::Live => Step::Rewatch,
        });
        None
    }

    fn stream_failed(&mut self, error: Error) -> Option<Seen> {
        let State::Streaming(stream) = &self.state else { return None };
        self.state = match stream.phase {
            Phase::Initial => self.after_watch_list_failed(&error),
            Phase::Live => self.after_live_watch_failed(&error),
        };
        Some(Seen::Error(error))
    }

    /// `watch`: the same again after a back-off, or everything anew after one.
    fn after_live_watch_failed(&mut self, error: &Error) -> State {
        self.note_expired(error);
        self.wait_then(if is_retriable(error) { Step::Rewatch } else { self.spec.first() })
    }

    /// `watchList`: back off, start from the newest version, or fall back to LIST.
    fn after_watch_list_failed(&mut self, error: &Error) -> State {
        if let Some(wait) = self.retry_after(error) {
            return self.wait_as_told(wait, self.spec.first());
        }
        if is_retriable(error) {
            return self.wait_then(self.spec.first());
        }
        // A server that has no version at all is listed: client-go would ask it again without a pause.
        let first_time = !self.last.unavailable;
        if self.note_unavailable(error) && first_time {
            return State::Ready(self.spec.first());
        }
        State::Ready(Step::List)
    }

    fn listed(&mut self, result: Result<Listed, Error>) -> Seen {
        match result {
            Ok(Listed { items, resource_version, paged }) => {
                self.retries = 0;
                self.paged |= paged && self.last.for_list() == "0";
                self.state = State::Delivering { items: items.into_iter(), resource_version };
                self.restarted()
            }
            Err(error) => {
                let first_time = !self.last.unavailable;
                self.state = if let Some(wait) = self.retry_after(&error) {
                    self.wait_as_told(wait, Step::List)
                } else if self.note_unavailable(&error) && first_time {
                    State::Ready(Step::List)
                } else {
                    self.wait_then(self.spec.first())
                };
                Seen::Error(error)
            }
        }
    }

    fn restarted(&mut self) -> Seen {
        if self.synced_once {
            self.counters.relists += 1;
        }
        Seen::Restarted
    }

    fn synced(&mut self, resource_version: String) -> Seen {
        self.synced_once = true;
        self.last = LastVersion { version: resource_version, unavailable: false };
        Seen::Synced
    }

    fn wait_then(&mut self, step: Step) -> State {
        State::Waiting(Instant::now() + self.backoff.step(), step)
    }

    /// How long the server asked to wait before the same request, while it is still worth repeating.
    fn retry_after(&self, error: &Error) -> Option<Duration> {
        let status = error.status().filter(|status| status.is_too_many_requests() || status.code >= 500)?;
        status.retry_after.filter(|_| self.retries < MAX_RETRY_AFTER)
    }

    fn wait_as_told(&mut self, wait: Duration, step: Step) -> State {
        self.retries += 1;
        State::Waiting(Instant::now() + wait, step)
    }

    fn note_expired(&mut self, error: &Error) -> bool {
        let expired = error.status().is_some_and(crate::Status::is_expired);
        self.counters.expired += u64::from(expired);
        expired
    }

    /// Notes that the server has not got the last version; the next list takes the newest.
    fn note_unavailable(&mut self, error: &Error) -> bool {
        let too_large = error.status().is_some_and(crate::Status::is_resource_version_too_large);
        let unavailable = self.note_expired(error) || too_large;
        self.last.unavailable |= unavailable;
        unavailable
    }
}

impl fmt::Debug for Reflector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reflector")
            .field("spec", &self.spec)
            .field("last", &self.last)
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}

/// `isWatchErrorRetriable`: the same request again after a back-off, without a new list.
fn is_retriable(error: &Error) -> bool {
    error.is_connection_refused() || error.status().is_some_and(crate::Status::is_too_many_requests)
}

fn added(object: Object) -> Seen {
    match object.resource_version() {
        Ok(resource_version) => Seen::Object { kind: WatchKind::Added, object, resource_version },
        Err(error) => Seen::Error(error),
    }
}
