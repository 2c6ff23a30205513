//! The comparison of two profiles: pairs of trials, and what they say.
//!
//! The unit is the pair: a trial of each arm, one after the other, with one seed. The machine ([`machine::Experiment`]) is a
//! function of its plan and of what came of each trial, in the manner of [`measure::search`]; whoever measures is a [`Bench`],
//! and [`run`] brings the two together and keeps the record. Nothing here knows what a control plane is.

pub(crate) mod controls;
mod differences;
mod judge;
pub(crate) mod kept;
pub(crate) mod machine;
pub(crate) mod metrics;
mod order;
pub(crate) mod standing;
pub(crate) mod text;
pub(crate) mod wanted;

use std::collections::BTreeMap;

use anyhow::Context;
use jiff::Timestamp;
use record::{
    Host, Warning,
    experiment::{Arm, ExperimentKind, ExperimentRecord, Load, Metric, Plan, SCHEMA_VERSION},
};

use self::{
    machine::{Experiment, Next},
    standing::Standing,
};
use crate::about;

/// One trial to be made.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ask {
    /// The pair's place in the plan, from 1.
    pub(crate) number: usize,
    /// Which try at this place, from 1.
    pub(crate) attempt: usize,
    /// Of which arm.
    pub(crate) arm: Arm,
    /// Seed of everything that is random in the trial; the other arm of the pair has the same.
    pub(crate) seed: u64,
    /// What is offered: a load, or a search.
    pub(crate) load: Load,
    /// Where the trial's own record goes, relative to the experiment's folder: `trials/001`. A folder that is there already is
    /// that of a pair which was interrupted half way, and belongs to no record: it is to be replaced.
    pub(crate) path: String,
}

/// What came of a trial.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Measured {
    /// Its figures. One that the trial does not carry is absent; without the primary one the pair takes no part.
    pub(crate) values: BTreeMap<Metric, f64>,
    /// Doubts; one that makes the trial void keeps its pair out of the verdict.
    pub(crate) warnings: Vec<Warning>,
    /// What was seen on the server's side of the settings in which the arms are to differ.
    pub(crate) seen: BTreeMap<String, String>,
    /// How long it took, with set-up and teardown, seconds: the time that is left is told from it.
    pub(crate) seconds: f64,
}

/// Whoever can make a trial.
pub(crate) trait Bench {
    /// Makes one. An error ends the experiment; its record can be gone on from, and the pair is measured anew then.
    async fn measure(&mut self, arm: Arm, ask: &Ask) -> anyhow::Result<Measured>;
}

/// Where an experiment comes from.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) run_id: String,
    pub(crate) command: Vec<String>,
    pub(crate) start: Timestamp,
    pub(crate) host: Host,
}

impl Origin {
    /// This process, now.
    pub(crate) fn here(run_id: String) -> Self {
        Self { run_id, command: std::env::args().collect(), start: Timestamp::now(), host: about::host() }
    }
}

/// The record of an experiment that begins.
pub(crate) fn begin(plan: Plan, Origin { run_id, command, start, host }: Origin) -> ExperimentRecord {
    ExperimentRecord {
        schema_version: SCHEMA_VERSION,
        kind: ExperimentKind::Experiment,
        run_id,
        ended: None,
        loadgen_version: env!("CARGO_PKG_VERSION").to_owned(),
        command,
        start,
        host,
        plan,
        pairs: Vec::new(),
        unpaired: None,
        looks: Vec::new(),
        verdict: None,
        bootstrap: None,
        secondaries: Vec::new(),
        warnings: Vec::new(),
    }
}

/// Makes the trials that are left of an experiment, from [`begin`] or from a record that was kept. `tell` hears of each trial
/// before it is made, `save` gets the record after every pair.
///
/// Whoever is interrupted drops the future: what was saved is whole, and goes on as if nothing had been.
///
/// # Errors
///
/// What `bench` or `save` says; a record whose pairs are not those of its plan.
pub(crate) async fn run(
    mut record: ExperimentRecord,
    bench: &mut impl Bench,
    mut tell: impl FnMut(&Standing),
    mut save: impl FnMut(&ExperimentRecord) -> anyhow::Result<()>,
) -> anyhow::Result<ExperimentRecord> {
    if record.ended.is_some() {
        return Ok(record);
    }
    let mut experiment = Experiment::resume(record.plan.clone(), &record.pairs)?;
    while let Next::Measure(ask) = experiment.next() {
        tell(&experiment.standing(&ask));
        let measured = bench
            .measure(ask.arm, &ask)
            .await
            .with_context(|| format!("pair {}, {} ({})", ask.number, ask.arm.name(), ask.path))?;
        if experiment.report(measured) {
            experiment.fill(&mut record);
            save(&record)?;
        }
    }
    // A record may have been kept by a program that ended between its last pair and its verdict.
    if record.ended.is_none() {
        experiment.fill(&mut record);
        save(&record)?;
    }
    Ok(record)
}

#[cfg(test)]
mod simulated;
#[cfg(test)]
mod tests;
