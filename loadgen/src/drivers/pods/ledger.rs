//! The ledger: what became of every pod that was offered. Pure; nothing is counted twice and nothing is lost.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use measure::{ErrorClass, Latency, Nanos};

use super::{
    super::{Accounting, Counts, open_loop::DROPPED_START, seeing::Seeing},
    observer::{SeenPhase, Sighting},
};
use crate::scenario::Until;

/// One pod, from being due to being gone.
#[derive(Clone, Debug, Default)]
struct Entry {
    intended: Nanos,
    created: Option<Nanos>,
    refused: Option<ErrorClass>,
    watched: Seeing,
    scheduled: Option<Nanos>,
    running: Option<Nanos>,
    /// When it had come to what it is for.
    achieved: Option<Nanos>,
    /// When the watch first showed it.
    seen: Option<Nanos>,
    /// Its delivery has been told of.
    delivered: bool,
    /// Stages that it has passed and that were told of, by [`PodStage`].
    told: [bool; PodStage::ALL.len()],
    failed: bool,
    deleting: bool,
    gone: Option<Nanos>,
}

/// The entries of a load, by the number of the pod.
#[derive(Debug)]
pub(super) struct Ledger {
    /// What pods have to come to.
    until: Until,
    entries: BTreeMap<u64, Entry>,
    /// Entries whose story is over; they need no more looking after.
    counts: Counts,
}

/// What a sighting means for the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    Nothing,
    /// The pod has come to what it is for: it is bound, or it runs.
    Achieved {
        index: u64,
        at: Nanos,
    },
    /// The pod has ended by itself.
    Failed {
        index: u64,
        at: Nanos,
    },
}

/// A stage of a pod's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PodStage {
    /// From the intended start to the server's acknowledgement.
    Create,
    /// From there to being seen with a node.
    Schedule,
    /// From there to being seen Running.
    Start,
    /// From the intended start to being seen Running.
    Total,
}

impl PodStage {
    const ALL: [Self; 4] = [Self::Create, Self::Schedule, Self::Start, Self::Total];

    /// Its name, in records and metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Schedule => "schedule",
            Self::Start => "start",
            Self::Total => "total",
        }
    }
}

impl Stages {
    /// Adds another load's.
    pub(crate) fn add(&mut self, other: &Self) {
        self.offered += other.offered;
        self.create.merge(&other.create);
        self.schedule.merge(&other.schedule);
        self.start.merge(&other.start);
        self.total.merge(&other.total);
    }
}

/// How long pods of the measured window took, stage by stage.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stages {
    /// Pods intended in the window.
    pub(crate) offered: u64,
    pub(crate) create: Latency,
    pub(crate) schedule: Latency,
    pub(crate) start: Latency,
    pub(crate) total: Latency,
}

impl Stages {
    fn of(&mut self, stage: PodStage) -> &mut Latency {
        match stage {
            PodStage::Create => &mut self.create,
            PodStage::Schedule => &mut self.schedule,
            PodStage::Start => &mut self.start,
            PodStage::Total => &mut self.total,
        }
    }
}

impl Ledger {
    pub(super) fn new(until: Until) -> Self {
        Self { until, entries: BTreeMap::new(), counts: Counts::default() }
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// Whether every pod's story is over.
    pub(super) fn is_settled(&self) -> bool {
        self.counts.settled == self.counts.offered
    }

    /// The time of pod `index` has come.
    pub(super) fn offer(&mut self, index: u64, intended: Nanos) {
        self.counts.offered += 1;
        // Its request is under way from now on, wherever it waits.
        self.counts.backlog += 1;
        self.entries.insert(index, Entry { intended, ..Entry::default() });
    }

    /// When pod `index` was to be created.
    pub(super) fn intended(&self, index: u64) -> Option<Nanos> {
        self.entries.get(&index).map(|entry| entry.intended)
    }

    /// The server acknowledged the creation.
    pub(super) fn created(&mut self, index: u64, at: Nanos) {
        self.change(index, |entry| entry.created = Some(at));
    }

    /// When the creation of pod `index` was acknowledged and when the watch first showed it; once, when both are known.
    pub(super) fn delivered(&mut self, index: u64) -> Option<(Nanos, Nanos)> {
        let entry = self.entries.get_mut(&index).filter(|entry| !entry.delivered)?;
        let times = entry.created.zip(entry.seen)?;
        entry.delivered = true;
        Some(times)
    }

    /// Stages that pod `index` has passed since the last time, and how long they took. One whose creation is not answered yet has passed
    /// none: a watch may be ahead of the answer.
    pub(super) fn passed(&mut self, index: u64) -> Vec<(PodStage, Duration)> {
        let Some(entry) = self.entries.get_mut(&index) else { return Vec::new() };
        if entry.created.is_none() && entry.refused.is_none() {
            return Vec::new();
        }
        let steps = entry.steps();
        let fresh = |(stage, took): (PodStage, Option<Duration>)| {
            let told = &mut entry.told[stage as usize];
            let took = took.filter(|_| !*told)?;
            *told = true;
            Some((stage, took))
        };
        steps.into_iter().filter_map(fresh).collect()
    }

    /// The creation failed. After a timeout or a broken connection the pod may exist all the same; then the watch shows it.
    pub(super) fn refused(&mut self, index: u64, class: ErrorClass) {
        self.change(index, |entry| entry.refused = Some(class));
    }

    /// The driver wants to delete the pod. Returns whether there is something to delete.
    pub(super) fn deleting(&mut self, index: u64) -> bool {
        let is_there = self.entries.get(&index).is_some_and(|entry| entry.gone.is_none());
        self.change(index, |entry| entry.deleting |= is_there);
        is_there
    }

    /// The deletion failed and will be tried again.
    pub(super) fn deletion_failed(&mut self, index: u64) {
        self.change(index, |entry| entry.deleting = false);
    }

    pub(super) fn on_sighting(&mut self, sighting: Sighting) -> News {
        match sighting {
            Sighting::ListBegins => self.expect_again(),
            Sighting::ListEnds { at } => self.sweep(at),
            Sighting::Gone { index, at } => self.change(index, |entry| entry.gone = Some(at)),
            Sighting::Pod { index, at, scheduled, phase } => return self.on_pod(index, at, scheduled, phase),
        }
        News::Nothing
    }

    fn on_pod(&mut self, index: u64, at: Nanos, scheduled: bool, phase: SeenPhase) -> News {
        let mut news = News::Nothing;
        let until = self.until;
        let mut achieved = 0;
        self.change(index, |entry| {
            entry.watched = Seeing::There;
            entry.seen.get_or_insert(at);
            if scheduled {
                entry.scheduled.get_or_insert(at);
            }
            if phase == SeenPhase::Running {
                entry.running.get_or_insert(at);
            }
            let is_as_wanted = match until {
                Until::Bound => entry.scheduled.is_some(),
                Until::Running => entry.running.is_some(),
            };
            if is_as_wanted && entry.achieved.is_none() {
                entry.achieved = Some(at);
                achieved = 1;
                news = News::Achieved { index, at };
            }
            if phase == SeenPhase::Failed && !entry.failed && !entry.deleting {
                entry.failed = true;
                news = News::Failed { index, at };
            }
        });
        self.counts.done += achieved;
        news
    }

    fn expect_again(&mut self) {
        self.entries.values_mut().for_each(|entry| entry.watched.list_begins());
    }

    /// Pods that were seen before the list and are not in it are gone. One that has never been seen is not: the list may be
    /// older than its creation.
    fn sweep(&mut self, at: Nanos) {
        let missed = |entry: &Entry| entry.watched.is_missed() && entry.gone.is_none();
        let indices: Vec<u64> =
            self.entries.iter().filter(|(_, entry)| missed(entry)).map(|(index, _)| *index).collect();
        for index in indices {
            self.change(index, |entry| entry.gone = Some(at));
        }
    }

    fn change(&mut self, index: u64, change: impl FnOnce(&mut Entry)) {
        let Some(entry) = self.entries.get_mut(&index) else { return };
        let before = (entry.is_over(), entry.is_unfinished());
        change(entry);
        let after = (entry.is_over(), entry.is_unfinished());
        let moved = |count: &mut u64, before: bool, after: bool| {
            *count = *count + u64::from(after) - u64::from(before);
        };
        moved(&mut self.counts.settled, before.0, after.0);
        moved(&mut self.counts.backlog, before.1, after.1);
    }

    /// Where every pod is. `dropped` starts never reached the ledger.
    pub(super) fn accounting(&self, dropped: u64) -> Accounting {
        let mut accounting = Accounting { offered: self.counts.offered + dropped, ..Accounting::default() };
        let reasons = self.entries.values().map(Entry::place);
        for place in reasons
            .chain(std::iter::repeat_n(Place::Failed(DROPPED_START), usize::try_from(dropped).unwrap_or(0)))
        {
            match place {
                Place::There => accounting.there += 1,
                Place::Deleted => accounting.gone += 1,
                Place::Failed(reason) => {
                    *accounting.failed_by_reason.entry(reason.to_owned()).or_default() += 1;
                }
            }
        }
        accounting
    }

    /// How long pods took that were intended in this window.
    pub(super) fn stages(&self, measured: &Range<Nanos>) -> Stages {
        let mut stages = Stages::default();
        for entry in self.entries.values().filter(|entry| measured.contains(&entry.intended)) {
            stages.offered += 1;
            for (stage, took) in entry.steps() {
                if let Some(took) = took {
                    stages.of(stage).record(took);
                }
            }
        }
        stages
    }
}

/// The one place an entry is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    There,
    Deleted,
    Failed(&'static str),
}

impl Entry {
    /// How long it took for each stage that it has passed.
    fn steps(&self) -> [(PodStage, Option<Duration>); PodStage::ALL.len()] {
        // The watch may show a pod before its creation is acknowledged; the next stage then took no time.
        let created = self.created.or(self.scheduled);
        PodStage::ALL.map(|stage| {
            let (from, to) = match stage {
                PodStage::Create => (Some(self.intended), created),
                PodStage::Schedule => (created, self.scheduled),
                PodStage::Start => (self.scheduled, self.running),
                PodStage::Total => (Some(self.intended), self.running),
            };
            (stage, from.zip(to).map(|(from, to)| to.since(from)))
        })
    }

    /// Nothing more is expected of the pod.
    fn is_over(&self) -> bool {
        let never_was = self.refused.is_some() && self.watched == Seeing::Never;
        self.gone.is_some() || never_was
    }

    /// Asked for and not finished: living pods are not. A creation that the server has in a line and has not answered counts too, or
    /// a line in front of the server would be no backlog.
    fn is_unfinished(&self) -> bool {
        let is_expected = self.refused.is_none() || self.watched != Seeing::Never;
        let starts = is_expected && self.achieved.is_none() && !self.failed;
        self.gone.is_none() && (starts || self.deleting)
    }

    fn place(&self) -> Place {
        match self {
            Entry { failed: true, .. } => Place::Failed("ended-by-itself"),
            Entry { gone: Some(_), achieved: Some(_), deleting: true, .. } => Place::Deleted,
            Entry { gone: Some(_), .. } => Place::Failed("vanished"),
            Entry { achieved: Some(_), .. } => Place::There,
            Entry { refused: Some(class), watched: Seeing::Never, .. } => Place::Failed(match class {
                ErrorClass::TooManyRequests => "create-too-many-requests",
                ErrorClass::Conflict => "create-conflict",
                ErrorClass::Forbidden | ErrorClass::NotFound | ErrorClass::OtherStatus => "create-refused",
                ErrorClass::Server => "create-server-error",
                ErrorClass::Timeout => "create-timeout",
                ErrorClass::Connection => "create-connection",
            }),
            Entry { scheduled: Some(_), .. } => Place::Failed("never-ran"),
            Entry { watched: Seeing::Never, .. } => Place::Failed("never-seen"),
            _ => Place::Failed("never-scheduled"),
        }
    }
}

#[cfg(test)]
mod tests;
