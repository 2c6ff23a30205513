//! Two sets of records that were there already: before a change, and after it.
//!
//! Nothing was measured side by side, so whatever else changed between the two is taken for the change; the warning
//! `drift-not-controlled` says so every time.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use measure::statistics::{
    rank_sum,
    verdict::{self, Comparison, Question},
};
use record::{
    Ended, RunRecord, Warning, WarningClass,
    experiment::{
        Arms, Design, ExperimentRecord, Finished, Look, Metric, Pairs, Plan, Scenario, Subject, Trial,
    },
};

use super::{
    Origin, begin, differences, judge, metrics, text,
    wanted::{self, ALPHA, BAND},
};

/// A record and where it lies.
struct Kept {
    path: PathBuf,
    run: RunRecord,
}

/// Compares the runs in `before` with those in `after`: each is a run's folder, or a folder of runs. Runs that were not completed,
/// or that the harness does not vouch for, take no part.
///
/// # Errors
///
/// Where a folder has no record or one that cannot be read; where the runs are not of one scenario, load, target and machine, or
/// those of one side not of one profile; where fewer than four of a side take part; where they do not have the metric.
pub(crate) fn compare_records(
    before: &Path,
    after: &Path,
    metric: Option<Metric>,
) -> anyhow::Result<(ExperimentRecord, String)> {
    let primary = metric.unwrap_or_else(|| metrics::default_primary(wanted::Kind::FixedRate));
    let (before, after) = (read(before)?, read(after)?);
    let first = &before[0];
    for kept in before.iter().chain(&after).skip(1) {
        alike(first, kept)?;
    }
    let arms = Arms { baseline: subject(&before)?, candidate: subject(&after)? };
    let mut plan = plan(&first.run, arms, primary)?;
    plan.differences.extend(versions(&first.run, &after[0].run));
    let left_out = before.iter().chain(&after).filter(|kept| !takes_part(kept)).count();
    let trials = Arms { baseline: trials(&before), candidate: trials(&after) };
    let comparison = compare(&plan, &trials, primary)?;
    let others = metrics::usual().filter(|other| *other != primary);
    let others = others.filter_map(|other| Some((other, compare(&plan, &trials, other).ok()?))).collect();
    let n = comparison.n;
    let id = record::run_id(jiff::Timestamp::now(), &plan.scenario.name, first.run.seed);
    let record = ExperimentRecord {
        ended: Some(Finished::AllPairs),
        unpaired: Some(trials),
        looks: vec![Look { pairs: n, valid: n, alpha: ALPHA, comparison: Some(comparison) }],
        verdict: Some(comparison),
        secondaries: judge::secondaries(others),
        warnings: warnings(left_out),
        ..begin(plan, Origin::here(id))
    };
    let text = text::render(&record, None);
    Ok((record, text))
}

/// The records in a folder, in the order of their names; at least one.
fn read(folder: &Path) -> anyhow::Result<Vec<Kept>> {
    let one = |path: PathBuf| -> anyhow::Result<Kept> { Ok(Kept { run: record::read_run(&path)?, path }) };
    let has_run = |path: &Path| path.join("run.json").is_file();
    if has_run(folder) {
        return Ok(vec![one(folder.to_owned())?]);
    }
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut folders: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    folders.retain(|path| has_run(path));
    folders.sort();
    if folders.is_empty() {
        bail!("there is no run.json in {} or in a folder of it", folder.display());
    }
    folders.into_iter().map(one).collect()
}

/// Refuses two runs whose figures say nothing about one another.
fn alike(one: &Kept, other: &Kept) -> anyhow::Result<()> {
    let (a, b) = (&one.run, &other.run);
    let differ = |what: &str, a: &str, b: &str| {
        Err(anyhow::anyhow!(
            "{} and {} are of different {what} ({a}, {b}): their figures cannot be compared",
            one.path.display(),
            other.path.display()
        ))
    };
    if a.scenario.name != b.scenario.name {
        return differ("scenarios", &a.scenario.name, &b.scenario.name);
    }
    if a.fleet.nodes != b.fleet.nodes {
        return differ("loads", &format!("{} nodes", a.fleet.nodes), &format!("{} nodes", b.fleet.nodes));
    }
    if a.fleet != b.fleet || a.scenario.resolved != b.scenario.resolved {
        let offered = |run: &RunRecord| match run.goodput {
            Some(goodput) => format!("{:.1}/s", goodput.offered_per_second),
            None => "unknown".to_owned(),
        };
        return differ("loads", &offered(a), &offered(b));
    }
    if a.host != b.host {
        let host = |run: &RunRecord| format!("{} with {} CPUs", run.host.kernel, run.host.cpus);
        return differ("hosts", &host(a), &host(b));
    }
    if (a.target.kind, &a.target.context) != (b.target.kind, &b.target.context) {
        let target = |run: &RunRecord| {
            run.target.context.clone().unwrap_or_else(|| "a control plane of this machine".to_owned())
        };
        return differ("targets", &target(a), &target(b));
    }
    Ok(())
}

/// What the runs of one side were of: all of one.
fn subject(side: &[Kept]) -> anyhow::Result<Subject> {
    let first = &side[0];
    if let Some(other) = side.iter().find(|kept| kept.run.profile != first.run.profile) {
        bail!(
            "{} and {} are on one side and of different profiles",
            first.path.display(),
            other.path.display()
        );
    }
    Ok(match &first.run.profile {
        Some(profile) => Subject::new(&profile.name, Some(profile.resolved.clone())),
        None => Subject::new(first.run.target.context.as_deref().unwrap_or(&first.run.target.server), None),
    })
}

fn plan(run: &RunRecord, arms: Arms<Subject>, primary: Metric) -> anyhow::Result<Plan> {
    let row = primary.row();
    if !metrics::may_decide(primary, wanted::Kind::FixedRate) {
        bail!("runs at one load have no {}", row.title);
    }
    Ok(Plan {
        scenario: Scenario { name: run.scenario.name.clone(), text_sha256: wanted::hash(&run.scenario.text) },
        differences: differences::between(&arms),
        arms,
        design: Design::Kept,
        primary,
        secondaries: None,
        better: row.better,
        band: BAND,
        alpha: ALPHA,
        pairs: Pairs::Exactly(0),
        seed: run.seed,
        control: None,
    })
}

/// In what two runs differ that no profile says: what ran, and what measured it.
fn versions(before: &RunRecord, after: &RunRecord) -> Vec<String> {
    let told =
        |run: &RunRecord, name: &String| run.versions.get(name).cloned().unwrap_or_else(|| "?".to_owned());
    let names: BTreeSet<&String> = before.versions.keys().chain(after.versions.keys()).collect();
    let ran = names.into_iter().map(|name| (name.as_str(), told(before, name), told(after, name)));
    let measured = ("loadgen", before.loadgen_version.clone(), after.loadgen_version.clone());
    ran.chain([measured])
        .filter(|(_, from, to)| from != to)
        .map(|(name, from, to)| format!("{name}: {from} -> {to}"))
        .collect()
}

fn takes_part(kept: &Kept) -> bool {
    kept.run.ended == Ended::Completed && kept.run.is_valid()
}

fn trials(side: &[Kept]) -> Vec<Trial> {
    let trial = |kept: &Kept| Trial {
        path: kept.path.display().to_string(),
        values: metrics::values(&kept.run),
        warnings: kept.run.warnings.clone(),
        seen: BTreeMap::new(),
        seconds: kept.run.phases.iter().map(|phase| phase.seconds).sum(),
    };
    side.iter().filter(|kept| takes_part(kept)).map(trial).collect()
}

fn compare(plan: &Plan, trials: &Arms<Vec<Trial>>, metric: Metric) -> anyhow::Result<Comparison> {
    let row = metric.row();
    let [before, after] = trials
        .both()
        .map(|side| -> Vec<f64> { side.iter().filter_map(|trial| trial.logarithm(metric)).collect() });
    let least = rank_sum::least_each(plan.alpha);
    if before.len().min(after.len()) < least {
        bail!(
            "{} valid runs with a {} before and {} after: {least} of each are the least that can show a difference at 5 %",
            before.len(),
            row.title,
            after.len()
        );
    }
    let question = Question { better: row.better, band: plan.band, alpha: plan.alpha };
    Ok(verdict::unpaired(&before, &after, question)?)
}

fn warnings(left_out: usize) -> Vec<Warning> {
    let warn = |name: &str, value, advice: &str| Warning {
        name: name.to_owned(),
        class: WarningClass::Warn,
        value,
        threshold: 0.0,
        advice: advice.to_owned(),
    };
    let drift = warn(
        "drift-not-controlled",
        1.0,
        "the runs of one side came before those of the other, so whatever else changed meanwhile is in the ratio; `loadgen \
         compare SCENARIO` measures both in turns",
    );
    let void = (left_out > 0).then(|| {
        warn(
            "runs-left-out",
            judge::real(left_out),
            "runs that were not completed, or that the harness does not vouch for, took no part",
        )
    });
    [Some(drift), void].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests;
