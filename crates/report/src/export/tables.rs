//! CSV: one table of a record, for spreadsheets and data frames.
//!
//! Of a run a row is a kind of request, of a search a load that was tried, of an experiment one trial of a pair. The first line names
//! the columns, units are in their names, lines end as RFC 4180 wants, and what was not measured is empty.

use std::collections::BTreeSet;

use measure::{ErrorClass, Summary, criteria::Judged, statistics::Judgement};
use record::{
    Limit, Profile, RunRecord, SearchRecord, TrialRecord, Warning,
    experiment::{Arm, ExperimentRecord, Load, Metric, Pair, Trial},
};

use super::{Error, word};

/// What a [`Summary`] has, behind its own name.
const SUMMARY: [&str; 6] = ["n", "p50_seconds", "p90_seconds", "p99_seconds", "p999_seconds", "max_seconds"];

/// A row for each kind of request.
pub(super) fn of_run(run: &RunRecord) -> Result<String, Error> {
    let mut table = Table::new();
    let mut columns = names(["run", "scenario", "profile", "side", "verb", "resource", "offered", "done"]);
    columns.extend(ErrorClass::ALL.map(|class| format!("errors_{}", class.name().replace('-', "_"))));
    for what in ["response", "service", "lateness"] {
        columns.extend(SUMMARY.map(|figure| format!("{what}_{figure}")));
    }
    table.row(columns)?;
    for (side, kinds) in [("drivers", &run.requests.drivers), ("fleet", &run.requests.fleet)] {
        for kind in kinds {
            let mut row = vec![
                run.run_id.clone(),
                run.scenario.name.clone(),
                profile(run.profile.as_ref()),
                side.to_owned(),
            ];
            row.extend([
                kind.verb.clone(),
                kind.resource.clone(),
                kind.offered.to_string(),
                kind.done.to_string(),
            ]);
            row.extend(
                ErrorClass::ALL.map(|class| kind.errors.get(&class).copied().unwrap_or_default().to_string()),
            );
            for summary in [&kind.response, &kind.service, &kind.lateness] {
                row.extend(figures(summary));
            }
            table.row(row)?;
        }
    }
    table.text()
}

/// A row for each load that was tried.
pub(super) fn of_search(search: &SearchRecord) -> Result<String, Error> {
    let mut table = Table::new();
    let mut columns = names([
        "run",
        "scenario",
        "profile",
        "trial",
        "kind",
        "axis",
        "at",
        "unit",
        "outcome",
        "close",
        "plane",
        "rest",
        "start",
        "seconds",
        "window_seconds",
        "offered",
        "good",
        "offered_per_second",
        "goodput_per_second",
    ]);
    columns.extend(SUMMARY.map(|figure| format!("response_{figure}")));
    columns.extend(names(["broken", "limited_by", "harness_cpu_share", "recovery_seconds", "warnings"]));
    table.row(columns)?;
    for (number, trial) in (1..).zip(&search.trials) {
        table.row(trial_row(search, number, trial))?;
    }
    table.text()
}

fn trial_row(search: &SearchRecord, number: usize, trial: &TrialRecord) -> Vec<String> {
    let TrialRecord { task, finding, goodput, .. } = trial;
    let mut row = vec![
        search.run_id.clone(),
        search.scenario.name.clone(),
        profile(search.profile.as_ref()),
        number.to_string(),
    ];
    row.extend([word(&task.kind), search.axis.name.clone(), task.at.to_string(), search.axis.unit.clone()]);
    row.extend([
        word(&finding.outcome),
        finding.close.to_string(),
        trial.plane.to_string(),
        trial.rest.clone(),
    ]);
    row.extend([trial.start.to_string(), trial.seconds.to_string(), trial.window_seconds.to_string()]);
    row.extend([goodput.offered.to_string(), goodput.good.to_string()]);
    row.extend([goodput.offered_per_second.to_string(), goodput.goodput_per_second.to_string()]);
    row.extend(figures(&trial.response));
    row.extend([broken(&trial.judged), limits(&trial.limited_by), cell(trial.harness_cpu_share)]);
    row.extend([cell(trial.recovery_seconds), warnings(&trial.warnings)]);
    row
}

/// A row for each trial, with a column for each metric that any of them carries.
pub(super) fn of_experiment(experiment: &ExperimentRecord) -> Result<String, Error> {
    let paired = experiment
        .pairs
        .iter()
        .flat_map(|pair| pair.order.arms().map(|arm| (Some(pair), arm, pair.trials.of(arm))));
    let unpaired = experiment.unpaired.iter().flat_map(|arms| {
        let of = |arm: Arm| arms.of(arm).iter().map(move |trial| (None, arm, trial));
        of(Arm::Baseline).chain(of(Arm::Candidate))
    });
    let trials: Vec<(Option<&Pair>, Arm, &Trial)> = paired.chain(unpaired).collect();
    let metrics: BTreeSet<Metric> =
        trials.iter().flat_map(|(_, _, trial)| trial.values.keys().copied()).collect();

    let mut table = Table::new();
    let mut columns = names([
        "run", "scenario", "arm", "subject", "pair", "attempt", "order", "seed", "at", "path", "seconds",
        "left_out", "warnings",
    ]);
    columns.extend(metrics.iter().map(|metric| word(metric).replace('-', "_")));
    table.row(columns)?;
    for (pair, arm, trial) in trials {
        let of_pair = |show: &dyn Fn(&Pair) -> String| pair.map(show).unwrap_or_default();
        let at = |pair: &Pair| match pair.load {
            Load::At(at) => at.to_string(),
            Load::Search(_) => String::new(),
        };
        let plan = &experiment.plan;
        let mut row = vec![experiment.run_id.clone(), plan.scenario.name.clone()];
        row.extend([arm.name().to_owned(), plan.arms.of(arm).name.clone()]);
        row.extend([of_pair(&|pair| pair.number.to_string()), of_pair(&|pair| pair.attempt.to_string())]);
        row.extend([
            of_pair(&|pair| word(&pair.order)),
            of_pair(&|pair| pair.seed.to_string()),
            of_pair(&at),
        ]);
        row.extend([trial.path.clone(), trial.seconds.to_string()]);
        row.extend([of_pair(&|pair| pair.left_out.clone().unwrap_or_default()), warnings(&trial.warnings)]);
        row.extend(metrics.iter().map(|metric| cell(trial.values.get(metric).copied())));
        table.row(row)?;
    }
    table.text()
}

/// A table that grows line by line.
struct Table(csv::Writer<Vec<u8>>);

impl Table {
    fn new() -> Self {
        Self(csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new()))
    }

    fn row(&mut self, cells: Vec<String>) -> Result<(), Error> {
        Ok(self.0.write_record(cells)?)
    }

    fn text(self) -> Result<String, Error> {
        let bytes = self.0.into_inner().map_err(|error| Error::Write(error.into_error()))?;
        // Nothing but strings was written.
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

fn names<const N: usize>(names: [&str; N]) -> Vec<String> {
    names.map(str::to_owned).into()
}

fn profile(profile: Option<&Profile>) -> String {
    profile.map(|profile| profile.name.clone()).unwrap_or_default()
}

fn cell(value: Option<f64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn figures(summary: &Summary) -> [String; 6] {
    let Summary { n, p50, p90, p99, p999, max } = summary;
    [n.to_string(), cell(*p50), cell(*p90), cell(*p99), cell(*p999), cell(*max)]
}

fn broken(judged: &[Judged]) -> String {
    let broken = judged.iter().filter(|it| it.judgement == Judgement::Breaks);
    joined(broken.map(|it| format!("{} of {}", it.criterion, it.group)))
}

fn limits(limits: &[Limit]) -> String {
    joined(limits.iter().map(|limit| format!("{} {}", limit.component, limit.resource)))
}

fn warnings(warnings: &[Warning]) -> String {
    joined(warnings.iter().map(|warning| warning.name.clone()))
}

fn joined(all: impl Iterator<Item = String>) -> String {
    all.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests;
