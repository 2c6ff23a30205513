//! Nodes that fall silent for a time and come back.
//!
//! Sends nothing: it is the nodes that do not. An operation is a silence, due when it begins and done when the watch shows that the node
//! is no longer ready (kube-controller-manager `nodelifecycle/node_lifecycle_controller.go`, `monitorNodeHealth`); one that is over
//! before it was found has failed. Of the whole load: how long it took until silences were found and until nodes were ready again, nodes
//! that were found silent and were not, and pods that the taint manager has deleted.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
    time::Duration,
};

use fake_kubelet::{FleetProgress, Silence};
use measure::{Clock, Nanos};
use tokio::{sync::mpsc, task::JoinSet};

use super::{
    NOT_OVER, NodesDriver,
    observer::{self, Sighting},
    stretch::stretch,
};
use crate::{
    drivers::{Accounting, Counts, Report, Stage, Stop, sleep_until},
    observed::Told,
    scenario::How,
};

/// The reason of silences that were over before they were found.
const NOT_FOUND: &str = "silence-not-found";

/// Silences, from their beginning until the nodes are ready again. Pure.
#[derive(Debug, Default)]
struct Silences {
    by_node: HashMap<String, One>,
    offered: u64,
    /// From the beginning of a silence to its being found.
    found_after: Vec<Duration>,
    /// From the end of one that was found to the node's being ready.
    back_after: Vec<Duration>,
    not_found: u64,
    /// Nodes that were silent again before they were back.
    overtaken: u64,
}

/// One node's silence.
#[derive(Clone, Copy, Debug)]
struct One {
    begun: Nanos,
    found: Option<Nanos>,
    ended: Option<Nanos>,
}

/// What a sighting means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    Nothing,
    /// A silence that began then has been found.
    Found {
        begun: Nanos,
        at: Nanos,
    },
}

impl Silences {
    fn begin(&mut self, nodes: &[String], at: Nanos) {
        self.offered += nodes.len() as u64;
        let one = One { begun: at, found: None, ended: None };
        for node in nodes {
            let before = self.by_node.insert(node.clone(), one);
            self.overtaken += u64::from(before.is_some());
        }
    }

    fn see(&mut self, Sighting { name, at, health }: &Sighting) -> News {
        let Some(one) = self.by_node.get_mut(name) else { return News::Nothing };
        match (health.is_ready(), one.found, one.ended) {
            (false, None, None) => {
                one.found = Some(*at);
                self.found_after.push(at.since(one.begun));
                News::Found { begun: one.begun, at: *at }
            }
            (true, Some(_), Some(ended)) => {
                self.back_after.push(at.since(ended));
                self.by_node.remove(name);
                News::Nothing
            }
            _ => News::Nothing,
        }
    }

    /// All are heard again. Says when those began that were not found.
    fn end(&mut self, at: Nanos) -> Vec<Nanos> {
        let mut missed = Vec::new();
        self.by_node.retain(|_, one| {
            if one.ended.is_none() && one.found.is_none() {
                missed.push(one.begun);
                return false;
            }
            one.ended.get_or_insert(at);
            true
        });
        self.not_found += missed.len() as u64;
        missed
    }

    /// Nodes of which something is still expected.
    fn pending(&self) -> u64 {
        self.by_node.len() as u64
    }

    fn counts(&self) -> Counts {
        let (found, pending) = (self.found_after.len() as u64, self.pending());
        Counts {
            offered: self.offered,
            done: found,
            settled: self.offered - pending,
            backlog: pending,
            dropped: 0,
        }
    }

    fn accounting(&self) -> Accounting {
        let gone = self.back_after.len() as u64;
        let failed = [(NOT_FOUND, self.not_found), (NOT_OVER, self.pending() + self.overtaken)];
        let failed = failed.into_iter().filter(|(_, count)| *count > 0);
        Accounting {
            offered: self.offered,
            there: 0,
            gone,
            failed_by_reason: failed.map(|(reason, count)| (reason.to_owned(), count)).collect(),
        }
    }
}

/// The driver at work.
struct Flapping {
    driver: NodesDriver,
    clock: Clock,
    told: Told,
    silences: Silences,
    /// Nodes that are silent, and until when; otherwise when the next are to be.
    silent: Vec<Range<u32>>,
    next: Nanos,
    turn: u64,
}

pub(super) async fn run(driver: NodesDriver, mut stage: Stage) -> anyhow::Result<Report> {
    let clock = stage.clock;
    let before = driver.fleet.with(fake_kubelet::Fleet::progress)?;
    let (sightings, mut seen) = mpsc::unbounded_channel();
    let mut watching = JoinSet::new();
    watching.spawn(observer::watch(stage.observer.clone(), clock, stage.run.clone(), stage.seed, sightings));
    let told = stage.senders.told.clone();
    let next = stage.begin + driver.load.pause;
    let mut flapping =
        Flapping { driver, clock, told, silences: Silences::default(), silent: Vec::new(), next, turn: 0 };
    let mut stop: Option<Stop> = None;
    while stop.is_none() || !flapping.is_over() {
        let give_up = stop.as_ref().map(|stop| stop.give_up);
        let acts = stop.is_none() || flapping.is_silent();
        tokio::select! {
            Ok(()) = stage.orders.changed(), if stop.is_none() => stop.clone_from(&stage.orders.borrow()),
            Some(sighting) = seen.recv() => flapping.see(&sighting),
            () = sleep_until(clock, flapping.next), if acts => flapping.act()?,
            () = sleep_until(clock, give_up.unwrap_or_default()), if give_up.is_some() => break,
        }
        stage.progress.send_replace(flapping.silences.counts());
    }
    // Whoever comes after finds all nodes there.
    flapping.hear_again()?;
    let after = flapping.driver.fleet.with(fake_kubelet::Fleet::progress)?;
    Ok(Report {
        accounting: flapping.silences.accounting(),
        stages: None,
        figures: figures(&flapping.silences, &before, &after),
    })
}

impl Flapping {
    fn is_silent(&self) -> bool {
        !self.silent.is_empty()
    }

    fn is_over(&self) -> bool {
        !self.is_silent() && self.silences.pending() == 0
    }

    fn see(&mut self, sighting: &Sighting) {
        if let News::Found { begun, at } = self.silences.see(sighting) {
            self.told.achieves(begun, at);
        }
    }

    /// Its time has come: nodes fall silent, or are heard again.
    fn act(&mut self) -> anyhow::Result<()> {
        if self.is_silent() {
            self.hear_again()?;
            self.next = self.clock.now() + self.driver.load.pause;
            return Ok(());
        }
        let load = &self.driver.load;
        let how = match load.how {
            How::Network => Silence::Network,
            How::Power => Silence::Power,
        };
        let ranges: Vec<_> = stretch(self.driver.fleet.nodes(), load.count, self.turn).collect();
        let now = self.clock.now();
        let names = self.driver.fleet.with(|fleet| {
            let mut names = Vec::new();
            for range in &ranges {
                fleet.silence(range.clone(), how)?;
                names.extend(range.clone().map(|index| fleet.node_name(index)));
            }
            Ok::<_, fake_kubelet::Error>(names)
        })??;
        for _ in &names {
            self.told.offers(now);
        }
        self.silences.begin(&names, now);
        self.next = now + load.silent;
        self.silent = ranges;
        self.turn += 1;
        Ok(())
    }

    fn hear_again(&mut self) -> anyhow::Result<()> {
        for range in std::mem::take(&mut self.silent) {
            self.driver.fleet.with(|fleet| fleet.resume(range))??;
        }
        for begun in self.silences.end(self.clock.now()) {
            self.told.misses(begun);
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "there are not 2^53 nodes or pods")]
fn figures(silences: &Silences, before: &FleetProgress, after: &FleetProgress) -> BTreeMap<String, f64> {
    let longest = |all: &[Duration]| all.iter().max().map(Duration::as_secs_f64);
    let median = |all: &[Duration]| {
        let seconds: Vec<f64> = all.iter().map(Duration::as_secs_f64).collect();
        measure::statistics::median(&seconds)
    };
    let count = |of: fn(&FleetProgress) -> u64| Some(of(after).saturating_sub(of(before)) as f64);
    let figures = [
        ("found-after-seconds", median(&silences.found_after)),
        ("found-after-seconds-longest", longest(&silences.found_after)),
        ("back-after-seconds", median(&silences.back_after)),
        ("back-after-seconds-longest", longest(&silences.back_after)),
        ("false-alarms", count(FleetProgress::false_alarms)),
        ("pods-evicted", count(|progress| progress.pods_taint_evicted)),
    ];
    figures.into_iter().filter_map(|(name, figure)| Some((name.to_owned(), figure?))).collect()
}

#[cfg(test)]
mod tests;
