//! From the running figures to the families that `measure::metrics` declares, in its order.

use std::collections::BTreeMap;

use measure::{
    Phase,
    metrics::{self, Declared, Family, Histogram, Labels, Sample},
};

use super::{
    State,
    counted::{CODES, Counted, LoadCounted},
    now::{Now, OfFleet},
};
use crate::cells;

/// All that there is something of.
pub(super) fn of(state: &State) -> Vec<Family> {
    let mut families = Families::default();
    families.now(state);
    for counted in &state.counted {
        let common = state.labels(counted);
        families.operations(counted, &common);
        families.requests(counted, &common);
        families.fleets(counted, &common);
        families.machine(counted, &common);
    }
    let Families(mut samples) = families;
    let family = |declared: &Declared| samples.remove(declared.name).map(|samples| declared.family(samples));
    metrics::ALL.iter().filter_map(family).collect()
}

/// Series by the name of their family.
#[derive(Default)]
struct Families(BTreeMap<&'static str, Vec<Sample>>);

/// Labels that all have, and those that only this series has.
fn labelled(common: &Labels, own: &[(&str, &str)]) -> Labels {
    let own = own.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let mut labels: Labels = common.iter().cloned().chain(own).collect();
    labels.sort_unstable();
    labels
}

impl Families {
    fn put(&mut self, declared: &Declared, common: &Labels, own: &[(&str, &str)], value: f64) {
        let sample = Sample { name: declared.name.to_owned(), labels: labelled(common, own), value };
        self.0.entry(declared.name).or_default().push(sample);
    }

    fn count(&mut self, declared: &Declared, common: &Labels, own: &[(&str, &str)], value: u64) {
        self.put(declared, common, own, number(value));
    }

    fn histogram(
        &mut self,
        declared: &Declared,
        common: &Labels,
        own: &[(&str, &str)],
        histogram: &Histogram,
    ) {
        let samples = histogram.samples(declared.name, &labelled(common, own));
        self.0.entry(declared.name).or_default().extend(samples);
    }

    /// What is so now, of the scenario and profile that are there.
    fn now(&mut self, state: &State) {
        let (now, current) = (&state.now, state.counted());
        let common = &state.labels(current);
        if let Some(runs_on) = &now.runs_on {
            let own = [
                ("etcd", runs_on.etcd.as_str()),
                ("kubernetes", runs_on.kubernetes.as_str()),
                ("target", runs_on.target.as_str()),
                ("version", env!("CARGO_PKG_VERSION")),
            ];
            self.put(&metrics::RUN_INFO, common, &own, 1.0);
        }
        let start = state.start.as_duration().as_secs_f64();
        self.put(&metrics::RUN_START, common, &[], start);
        for phase in [Phase::Prepare, Phase::WarmUp, Phase::Measure, Phase::Drain] {
            let is_it = now.phase == Some(phase);
            self.count(&metrics::PHASE, common, &[("phase", phase.name())], is_it.into());
        }
        self.count(&metrics::TRIAL, common, &[], now.trial);
        self.findings(now, common);
        for load in &current.loads {
            self.load_now(load, common);
        }
        self.fleets_now(now, common);
        for (process, bytes) in &now.memory {
            self.count(&metrics::PROCESS_MEMORY, common, &[("process", process)], *bytes);
        }
        if let Some(machine) = state.machine {
            self.count(&metrics::MACHINE_CORES, common, &[], machine.cores as u64);
        }
    }

    /// What is known by now.
    fn findings(&mut self, now: &Now, common: &Labels) {
        if let Some((axis, unit, at)) = &now.axis {
            self.put(&metrics::AXIS, common, &[("axis", axis), ("unit", unit)], *at);
        }
        for (edge, load) in [("low", now.bracket.0), ("high", now.bracket.1)] {
            if let Some(load) = load {
                self.put(&metrics::BRACKET, common, &[("edge", edge)], load);
            }
        }
        let (low, high) = now.interval.unzip();
        for (bound, ratio) in [("low", low), ("estimate", now.ratio), ("high", high)] {
            if let Some(ratio) = ratio {
                self.put(&metrics::RATIO, common, &[("bound", bound)], ratio);
            }
        }
        for (criterion, is_kept) in &now.criteria {
            self.count(&metrics::CRITERION, common, &[("criterion", criterion)], (*is_kept).into());
        }
    }

    fn load_now(&mut self, load: &LoadCounted, common: &Labels) {
        let name = ("load", load.name.as_str());
        if let Some(rate) = load.rate {
            self.put(&metrics::OFFERED_RATE, common, &[name], rate);
        }
        if load.has_operations {
            self.count(&metrics::BACKLOG, common, &[name], load.backlog);
        }
        if !load.level.is_empty() {
            let there = load.level.values().map(|(there, _)| there).sum();
            let asked = load.level.values().map(|(_, asked)| asked).sum();
            for (state, value) in [("asked", asked), ("there", there)] {
                self.count(&metrics::LEVEL, common, &[name, ("state", state)], value);
            }
        }
        for (figure, value) in figures(load) {
            self.put(&metrics::DRIVER_FIGURE, common, &[("figure", &figure), name], value);
        }
    }

    fn fleets_now(&mut self, now: &Now, common: &Labels) {
        if now.fleets.is_empty() {
            return;
        }
        let all = |of: fn(&OfFleet) -> u64| now.fleets.values().map(of).sum::<u64>();
        for (state, nodes) in [
            ("asked", all(|fleet| fleet.asked)),
            ("registered", all(OfFleet::registered)),
            ("ready", all(OfFleet::ready)),
            ("silent", all(|fleet| fleet.progress.nodes_silent)),
        ] {
            self.count(&metrics::NODES, common, &[("state", state)], nodes);
        }
        let gap = now.fleets.values().map(|fleet| fleet.lease_gap).max().unwrap_or_default();
        self.put(&metrics::LEASE_GAP, common, &[], gap.as_secs_f64());
    }

    fn operations(&mut self, counted: &Counted, common: &Labels) {
        for load in &counted.loads {
            let name = [("load", load.name.as_str())];
            if load.has_operations {
                for (declared, count) in [
                    (metrics::OFFERED, load.offered),
                    (metrics::SUCCEEDED, load.succeeded),
                    (metrics::GOOD, load.good),
                    (metrics::FAILED, load.failed),
                    (metrics::DROPPED, load.dropped),
                ] {
                    self.count(&declared, common, &name, count);
                }
                self.histogram(&metrics::OPERATION, common, &name, &load.operation);
            }
            for (stage, histogram) in &load.stages {
                let own = [("load", load.name.as_str()), ("stage", stage.name())];
                self.histogram(&metrics::POD_STARTUP, common, &own, histogram);
            }
            if load.lag.count() > 0 {
                self.histogram(&metrics::WATCH_LAG, common, &name, &load.lag);
            }
            if load.events > 0 {
                self.count(&metrics::WATCH_EVENTS, common, &name, load.events);
            }
        }
        for (warning, trials) in &counted.warnings {
            self.count(&metrics::WARNINGS, common, &[("warning", warning)], *trials);
        }
    }

    fn requests(&mut self, counted: &Counted, common: &Labels) {
        for ((side, kind), requests) in &counted.requests {
            let own = [("resource", kind.resource), ("side", side.name()), ("verb", kind.verb)];
            for (code, count) in CODES.into_iter().zip(requests.codes) {
                let [resource, side, verb] = own;
                self.count(&metrics::REQUESTS, common, &[("code", code), resource, side, verb], count);
            }
            self.histogram(&metrics::REQUEST, common, &own, &requests.response);
            self.histogram(&metrics::SERVICE, common, &own, &requests.service);
        }
        for (side, lateness) in &counted.lateness {
            self.histogram(&metrics::LATENESS, common, &[("side", side.name())], lateness);
        }
    }

    fn fleets(&mut self, counted: &Counted, common: &Labels) {
        let Some(fleet) = &counted.fleet else { return };
        self.count(&metrics::FALSE_ALARMS, common, &[], fleet.false_alarms);
        for (event, pods) in [
            ("started", fleet.pods_started),
            ("adopted", fleet.pods_adopted),
            ("evicted", fleet.pods_evicted),
            ("gone", fleet.pods_gone),
        ] {
            self.count(&metrics::FLEET_PODS, common, &[("event", event)], pods);
        }
        for (direction, bytes) in [("read", fleet.bytes_read), ("written", fleet.bytes_written)] {
            self.count(&metrics::FLEET_BYTES, common, &[("direction", direction)], bytes);
        }
        self.count(&metrics::FLEET_CONNECTIONS, common, &[], fleet.connections);
    }

    fn machine(&mut self, counted: &Counted, common: &Labels) {
        for (process, seconds) in &counted.cpu {
            self.put(&metrics::PROCESS_CPU, common, &[("process", process)], *seconds);
        }
        if let Some(busy) = counted.machine_busy {
            self.put(&metrics::MACHINE_CPU, common, &[], busy);
        }
    }
}

/// What the drivers of a load count in all cells: what adds up is added up, what does not has its cell in its name.
fn figures(load: &LoadCounted) -> BTreeMap<String, f64> {
    let mut all = BTreeMap::new();
    let is_whole = load.figures.len() == 1;
    for (cell, figures) in &load.figures {
        for (name, figure) in figures {
            let name = if is_whole || cells::adds_up(name) {
                name.clone()
            } else {
                format!("{name} (cell {})", cell + 1)
            };
            *all.entry(name).or_default() += figure;
        }
    }
    all
}

#[expect(clippy::cast_precision_loss, reason = "a command does not count to 2^53")]
fn number(count: u64) -> f64 {
    count as f64
}
