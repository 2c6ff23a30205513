//! The events driver: events are recorded at a rate, as client-go's recorders write them.
//!
//! Sends, as ServiceAccounts that take turns, open loop: `POST events` for what has not happened before, and for what has a `PATCH`
//! (strategic merge) with its new count (client-go, `tools/record/events_cache.go`, `eventObserve`); where that is gone, as all events
//! are after a while, a `POST` again (`event.go`, `recordEvent`). Unlike a recorder it leaves nothing out and tries nothing twice.
//! Records: `create` and `patch` of events; an operation is an event, done when its write is acknowledged. Of the whole load: events
//! made, counted up, and found gone.

mod recorder;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use measure::{Kind, Outcome, Start};
use wire::Response;

use self::recorder::{About, Event, Known};
use super::{
    Driver, Report, Senders, Stage,
    open_loop::{self, End},
    tell_figures, version,
};
use crate::{
    observed::Done,
    scenario::{EventsLoad, InventorySpec},
};

const CREATE: Kind = Kind::new("create", "events");
const PATCH: Kind = Kind::new("patch", "events");

/// An events load, ready to go.
pub(crate) struct EventsDriver {
    pub(crate) load: EventsLoad,
    /// What the events are about; pods that do not exist without it.
    pub(crate) of: Option<InventorySpec>,
}

/// What every event needs.
struct Work {
    senders: Senders,
    about: About,
    /// The number of the first event: those of earlier loads have lower ones.
    first: u64,
    known: Mutex<Known>,
    made: AtomicU64,
    counted_up: AtomicU64,
    found_gone: AtomicU64,
}

impl Driver for EventsDriver {
    async fn run(self, mut stage: Stage) -> anyhow::Result<Report> {
        let (arrivals, rate) = (self.load.arrivals, self.load.rate);
        let work = Arc::new(Work::new(&self, &stage)?);
        let told = work.senders.told.clone();
        let running = open_loop::run(&mut stage, arrivals, rate, |start| work.clone().write(start));
        let accounting = tokio::select! {
            accounting = running => accounting?,
            never = tell_figures(&told, || work.figures()) => match never {},
        };
        Ok(Report { accounting, stages: None, figures: work.figures() })
    }
}

impl Work {
    fn new(driver: &EventsDriver, stage: &Stage) -> anyhow::Result<Self> {
        let EventsDriver { load, of } = driver;
        let namespaces = stage.namespaces.clone();
        Ok(Self {
            senders: stage.senders.clone(),
            about: match of {
                Some(of) => About::inventory(of, &stage.run, namespaces)?,
                None => About::made_up(&load.name, load.objects, &stage.run, namespaces),
            },
            first: stage.first,
            known: Mutex::new(Known::new(load.repeat_percent)),
            made: AtomicU64::new(0),
            counted_up: AtomicU64::new(0),
            found_gone: AtomicU64::new(0),
        })
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One event, from its being due to its being stored.
    async fn write(self: Arc<Self>, Start { index, intended }: Start) -> End {
        self.senders.told.offers(intended);
        let turn = self.first + index;
        let now = self.senders.clock.wall(intended);
        let mut due = intended;
        let repeated = self.known().repeated(index);
        let event = match repeated {
            Some(event) => {
                let event = event.again(now);
                let (done, response) = self.senders.send(turn, PATCH, due, event.patch()).await;
                if done.outcome != Outcome::Status(404) {
                    return self.settle(event, &done, response.as_ref(), &self.counted_up, intended);
                }
                self.found_gone.fetch_add(1, Ordering::Relaxed);
                due = done.ended;
                event.anew(now)
            }
            None => self.about.event(turn, now),
        };
        let (done, response) = self.senders.send(turn, CREATE, due, event.create(self.about.run())).await;
        self.settle(event, &done, response.as_ref(), &self.made, intended)
    }

    fn settle(
        &self,
        event: Event,
        done: &Done,
        response: Option<&Response>,
        counter: &AtomicU64,
        intended: measure::Nanos,
    ) -> End {
        let told = &self.senders.told;
        if let Some(class) = done.outcome.error() {
            told.misses(intended);
            // What was there before is there still.
            if event.count > 1 {
                self.known().keep(event);
            }
            return End::Failed(class.name().to_owned());
        }
        if let Some(version) = response.and_then(version) {
            told.acknowledges(version, done.ended);
        }
        told.achieves(intended, done.ended);
        counter.fetch_add(1, Ordering::Relaxed);
        self.known().keep(event);
        End::There
    }

    #[expect(clippy::cast_precision_loss, reason = "a run does not write 2^53 events")]
    fn figures(&self) -> BTreeMap<String, f64> {
        let figures =
            [("made", &self.made), ("counted-up", &self.counted_up), ("found-gone", &self.found_gone)];
        figures
            .into_iter()
            .map(|(name, count)| (name.to_owned(), count.load(Ordering::Relaxed) as f64))
            .collect()
    }
}
