//! The running figures of a command: what its loads, its fleets and its machine have done so far, over all its trials.
//!
//! Drivers tell a [`Meter`], which costs them a lock and, for each time, a search in fifteen bounds; the fleet's figures are added when
//! they are taken anyway, once a second. What only grows is kept by scenario and profile, so that a comparison's arms do not add to one
//! another; what goes up and down is of the control plane that is there now. [`Telemetry::families`] gives out what `measure::metrics`
//! declares. Nothing of it depends on how many nodes, pods or objects there are.

mod counted;
mod families;
mod meter;
mod now;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use fake_kubelet::FleetReport;
use jiff::Timestamp;
use measure::{
    Phase,
    criteria::Judged,
    metrics::{Family, Labels},
    statistics::{Judgement, verdict::Comparison},
};
use record::Warning;
use scrape::{Machine, Sample};

pub(crate) use self::meter::Meter;
use self::{
    counted::{Counted, Side},
    now::{Now, OfFleet, RunsOn},
};
use crate::{observed::Watched, scenario::Axis, target::Target};

/// The profile of a cluster that was there already.
const NO_PROFILE: &str = "none";

/// Shared between those who tell and those who ask. There is one for each command that offers loads.
#[derive(Clone, Debug)]
pub(crate) struct Telemetry(Arc<Mutex<State>>);

#[derive(Clone, Debug)]
struct State {
    run: String,
    start: Timestamp,
    /// One for each scenario and profile so far, at least one.
    counted: Vec<Counted>,
    /// Which of them is what is there now.
    current: usize,
    now: Now,
    /// CPU seconds of each process when it was looked at last, and which process that was.
    cpu: BTreeMap<String, (u32, f64)>,
    machine: Option<Machine>,
}

impl Telemetry {
    /// Nothing yet, of a command whose run has this id.
    pub(crate) fn new(run: &str, scenario: &str) -> Self {
        Self(Arc::new(Mutex::new(State {
            run: run.to_owned(),
            start: Timestamp::now(),
            counted: vec![Counted::new(scenario, NO_PROFILE)],
            current: 0,
            now: Now::default(),
            cpu: BTreeMap::new(),
            machine: None,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All families that there is something of, with their labels, as they are at this moment.
    pub(crate) fn families(&self) -> Vec<Family> {
        // Whoever tells something does not wait until all of it is written down.
        let state = self.state().clone();
        families::of(&state)
    }

    /// The labels that all series of now have.
    pub(crate) fn labels(&self) -> Labels {
        let state = self.state();
        state.labels(state.counted())
    }

    /// From now on loads are of this scenario, of which nothing is known yet.
    pub(crate) fn plays(&self, scenario: &str) {
        let mut state = self.state();
        state.now.bracket = (None, None);
        (state.now.ratio, state.now.interval) = (None, None);
        state.now.criteria.clear();
        let profile = state.counted().profile.clone();
        state.turn_to(scenario, &profile);
    }

    /// The control plane has this profile from now on.
    pub(crate) fn is_under(&self, profile: &str) {
        let mut state = self.state();
        let scenario = state.counted().scenario.clone();
        state.turn_to(&scenario, profile);
    }

    /// The control plane was there already, and is as it is.
    pub(crate) fn is_as_it_was(&self) {
        self.is_under(NO_PROFILE);
    }

    /// The control plane is up.
    pub(crate) fn runs_on(&self, target: &Target) {
        let runs_on = RunsOn::of(target);
        self.state().now.runs_on = Some(runs_on);
    }

    /// The control plane is gone, and so is all that was on it.
    pub(crate) fn plane_is_gone(&self) {
        let mut state = self.state();
        state.rest();
        state.now.phase = None;
        state.now.fleets.clear();
        state.now.memory.clear();
    }

    /// A trial is in this phase.
    pub(crate) fn is_in(&self, phase: Phase) {
        self.state().now.phase = Some(phase);
    }

    /// A load begins, with the axis here. Says how its parts count what they do, in their order.
    pub(crate) fn load_begins(&self, axis: Option<&Axis>, at: f64, parts: &[Watched]) -> Vec<Meter> {
        let mut state = self.state();
        state.now.trial += 1;
        state.now.axis = axis.map(|axis| (axis.to_string(), axis.unit().trim().to_owned(), at));
        let place = state.current;
        let counted = &mut state.counted[place];
        parts.iter().map(|part| Meter::new(self.clone(), place, counted.begin(part))).collect()
    }

    /// Nothing is offered any more.
    pub(crate) fn load_ends(&self) {
        self.state().rest();
    }

    /// A fleet of so many nodes starts, in the cell of this index.
    pub(crate) fn fleet_starts(&self, cell: u32, asked: u32) {
        self.state().now.fleets.insert(cell, OfFleet::new(asked));
    }

    /// What the fleet of a cell did since the last time.
    pub(crate) fn fleet_did(&self, cell: u32, report: &FleetReport) {
        let mut state = self.state();
        let place = state.current;
        let State { counted, now, .. } = &mut *state;
        let counted = &mut counted[place];
        counted.record(Side::Fleet, &report.recorder);
        now.fleets.entry(cell).or_insert_with(|| OfFleet::new(0)).advance(report, counted);
    }

    /// How a window kept its criteria.
    pub(crate) fn judges(&self, judged: &[Judged]) {
        let mut kept = BTreeMap::new();
        for Judged { criterion, judgement, .. } in judged {
            let is_kept = kept.entry(criterion.clone()).or_insert(true);
            *is_kept &= *judgement != Judgement::Breaks;
        }
        self.state().now.criteria = kept;
    }

    /// The doubts about a trial.
    pub(crate) fn doubts(&self, warnings: &[Warning]) {
        let mut state = self.state();
        for Warning { name, .. } in warnings {
            *state.counted_mut().warnings.entry(name.clone()).or_default() += 1;
        }
    }

    /// The highest load that is known to hold, and the lowest that is believed to break.
    pub(crate) fn bracket_is(&self, bracket: (Option<f64>, Option<f64>)) {
        self.state().now.bracket = bracket;
    }

    /// How a comparison stands: the ratio so far, and with its interval once there are pairs enough for one.
    pub(crate) fn comparison_is(&self, ratio: Option<f64>, comparison: Option<&Comparison>) {
        let interval = comparison.map(|comparison| comparison.interval);
        let mut state = self.state();
        state.now.ratio = comparison.map(|comparison| comparison.ratio).or(ratio);
        state.now.interval = interval.map(|interval| (interval.low, interval.high));
    }

    /// What processes and the machine have used so far: of all processes that are there.
    pub(crate) fn samples(&self, samples: &[Sample], machine: Option<Machine>) {
        self.state().sample(samples, machine);
    }
}

impl State {
    fn counted(&self) -> &Counted {
        &self.counted[self.current]
    }

    fn counted_mut(&mut self) -> &mut Counted {
        &mut self.counted[self.current]
    }

    fn turn_to(&mut self, scenario: &str, profile: &str) {
        let is_it = |counted: &Counted| counted.scenario == scenario && counted.profile == profile;
        let known = self.counted.iter().position(is_it);
        self.current = known.unwrap_or_else(|| {
            // What has counted nothing was the beginning, before anybody knew the profile.
            self.counted.retain(|counted| !counted.is_empty());
            self.counted.push(Counted::new(scenario, profile));
            self.counted.len() - 1
        });
    }

    fn rest(&mut self) {
        self.counted.iter_mut().for_each(Counted::rest);
    }

    fn labels(&self, counted: &Counted) -> Labels {
        let Counted { scenario, profile, .. } = counted;
        [("profile", profile), ("run", &self.run), ("scenario", scenario)]
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .into()
    }

    fn sample(&mut self, samples: &[Sample], machine: Option<Machine>) {
        for Sample { name, pid, cpu_seconds, .. } in samples {
            let before = self.cpu.insert(name.clone(), (*pid, *cpu_seconds));
            // One that was started anew begins at zero.
            let before = before.filter(|(before, _)| before == pid).map_or(0.0, |(_, cpu)| cpu);
            let used = (cpu_seconds - before).max(0.0);
            *self.counted_mut().cpu.entry(name.clone()).or_default() += used;
        }
        self.now.memory = samples.iter().map(|sample| (sample.name.clone(), sample.rss_bytes)).collect();
        if let Some(machine) = machine {
            // What it was busy with before this program looked is none of the command's.
            let before = self.machine.replace(machine).unwrap_or(machine);
            let busy = (machine.busy_cpu_seconds - before.busy_cpu_seconds).max(0.0);
            *self.counted_mut().machine_busy.get_or_insert_default() += busy;
        }
    }
}

/// Loads, each with a meter that nobody reads.
#[cfg(test)]
pub(crate) fn metered(loads: Vec<Watched>) -> Vec<(Watched, Meter)> {
    let meters = Telemetry::new("run", "scenario").load_begins(None, 1.0, &loads);
    loads.into_iter().zip(meters).collect()
}

#[cfg(test)]
mod tests;
