//! `docs/scenarios.md`: every scenario that comes with the program, what it is about, and what came of it here.

use std::{fmt::Write as _, fs, path::Path};

use anyhow::{Context, ensure};
use measure::{criteria::Judged, search::End, statistics::Judgement};
use record::{RunRecord, SearchRecord, Warning};
use serde::Deserialize;

use super::{Kept, page, series::Item};
use crate::command;

/// A scenario's file, as far as the page says something about it.
#[derive(Debug, Deserialize)]
pub(super) struct Scenario {
    /// From the file's name.
    #[serde(skip)]
    pub(super) name: String,
    about: String,
    axis: Option<String>,
}

impl Scenario {
    /// What is run of it.
    pub(super) fn command(&self) -> String {
        let Self { name, axis, .. } = self;
        if axis.is_some() { format!("saturate {name} --quick") } else { format!("run {name}") }
    }
}

/// All of them, by name.
pub(super) fn scenarios() -> anyhow::Result<Vec<Scenario>> {
    let folder = command::root().join("scenarios");
    let mut all = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        // What is in a folder there is of no catalogue.
        if path.is_dir() {
            continue;
        }
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut scenario: Scenario =
            toml::from_str(&text).with_context(|| format!("cannot read {}", path.display()))?;
        scenario.name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        all.push(scenario);
    }
    ensure!(!all.is_empty(), "there are no scenarios in {}", folder.display());
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

/// The page, with what is known so far; records lie in `folder`, from the repository's root.
pub(super) fn page(folder: &Path, kept: &[(Item, Kept)]) -> anyhow::Result<String> {
    let scenarios = scenarios()?;
    let mut text = String::from(
        "# Scenarios\n\nEach is a file in `scenarios/`: `loadgen scenario show NAME` prints it, and a copy of it under any path can be \
         changed and run. With an axis it is something to turn up: `loadgen saturate NAME` looks for the highest load that holds. \
         Without one `loadgen run NAME` runs it.\n\n",
    );
    let of =
        |scenario: &Scenario| kept.iter().find(|(item, _)| item.name == scenario.name).map(|(_, kept)| kept);
    let measured = scenarios.iter().filter(|scenario| of(scenario).is_some()).count();
    let _ = writeln!(
        text,
        "What came of each here is below: by a quick search, whose bracket is wide, or by one run. Control plane and load share the \
         machine. {measured} of {} are measured so far; `cargo xtask evidence scenarios` measures what is missing.\n",
        scenarios.len()
    );
    text += "| scenario | axis | sustains | breaks at | broken first | limited by | date | machine |\n|---|---|---:|---:|---|---|---|---|\n";
    for scenario in &scenarios {
        let name = &scenario.name;
        let axis = scenario.axis.as_deref().unwrap_or("-");
        let row = match of(scenario) {
            Some(Kept::Search(record)) => search(record),
            Some(Kept::Run(record)) => run(record),
            Some(Kept::Experiment(_)) | None => "| | | | | ".to_owned(),
        };
        let _ = writeln!(text, "| [{name}](#{name}) | {axis} | {row} |");
    }
    for scenario in &scenarios {
        let Scenario { name, about, .. } = scenario;
        let _ = writeln!(text, "\n## {name}\n\n{about}\n");
        let Some(kept) = of(scenario) else { continue };
        let warnings: &[Warning] = match kept {
            Kept::Search(record) => &record.warnings,
            Kept::Run(record) => &record.warnings,
            Kept::Experiment(record) => &record.warnings,
        };
        let folder = folder.strip_prefix("docs").unwrap_or(folder).display();
        let _ = write!(
            text,
            "`loadgen {}`: [text]({folder}/{name}.txt), [record]({folder}/{name}.json)",
            scenario.command()
        );
        let doubts = page::names(warnings);
        let _ = writeln!(
            text,
            "{}",
            if doubts.is_empty() { ".".to_owned() } else { format!("; warnings: {doubts}.") }
        );
    }
    Ok(text)
}

fn search(record: &SearchRecord) -> String {
    let show = |value: Option<f64>| {
        value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1}{}", record.axis.unit))
    };
    let (low, high) = record.answer.map_or((None, None), |answer| (answer.low, answer.high));
    let first = match record.answer.map(|answer| answer.end) {
        Some(End::HarnessLimited) => "nothing: the harness could not offer more".to_owned(),
        Some(End::NotReached) => "nothing: there is no more".to_owned(),
        _ => criteria(record.broke_first.iter()),
    };
    let date =
        record.trials.first().map(|trial| trial.start.strftime("%Y-%m-%d").to_string()).unwrap_or_default();
    let limits = page::limits(&record.limited_by);
    [show(low), show(high), first, limits, date, page::machine(&record.host)].join(" | ")
}

fn run(record: &RunRecord) -> String {
    let breaks: Vec<&Judged> = record.judged.iter().filter(|it| it.judgement == Judgement::Breaks).collect();
    let (first, limits) = if breaks.is_empty() {
        ("nothing".to_owned(), String::new())
    } else {
        (criteria(breaks.into_iter()), page::limits(&record.limited_by))
    };
    let date =
        record.phases.first().map(|phase| phase.start.strftime("%Y-%m-%d").to_string()).unwrap_or_default();
    ["-".to_owned(), "-".to_owned(), first, limits, date, page::machine(&record.host)].join(" | ")
}

fn criteria<'a>(judged: impl Iterator<Item = &'a Judged>) -> String {
    let names: Vec<String> =
        judged.map(|Judged { criterion, group, .. }| format!("{criterion} of {group}")).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_turned_up_is_searched_and_what_cannot_is_run() {
        let scenarios = scenarios().unwrap();
        let of = |name: &str| scenarios.iter().find(|it| it.name == name).unwrap().command();
        assert_eq!(of("pod-churn"), "saturate pod-churn --quick");
        assert_eq!(of("etcd-quota"), "run etcd-quota");
    }

    #[test]
    fn every_scenario_has_a_row_and_a_paragraph_whether_it_is_measured_or_not() {
        let page = page(Path::new("docs/evidence/scenarios"), &[]).unwrap();
        for Scenario { name, .. } in scenarios().unwrap() {
            assert!(page.contains(&format!("| [{name}](#{name}) |")), "{name}");
            assert!(page.contains(&format!("\n## {name}\n")), "{name}");
        }
        assert!(page.contains(" 0 of "), "{page}");
    }
}
