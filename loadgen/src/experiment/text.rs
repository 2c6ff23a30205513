//! An experiment as text: the answer first, then what it is made of, then the doubts, then where the record lies.

use std::{fmt::Write as _, path::Path};

use comfy_table::{CellAlignment, Table, presets};
use record::{
    WarningClass,
    experiment::{Design, ExperimentRecord, FALSE_DISCOVERY_RATE, Order, Trial},
};
use report::words::experiment::{Shared, alpha, answer, design, load, number, percent, said, shared, trials};

/// Renders a record that lies in `folder`, if it was kept.
pub(crate) fn render(record: &ExperimentRecord, folder: Option<&Path>) -> String {
    let mut text = String::new();
    line(&mut text, &answer(record));
    line(&mut text, &circumstances(record));
    if let Some(passed) = record.control_passed().filter(|_| record.ended.is_some()) {
        line(&mut text, if passed { "the control passed" } else { "the control FAILED" });
    }
    if let Some(bootstrap) = &record.bootstrap {
        let percent = percent(1.0 - alpha(record));
        let (low, high) = (bootstrap.low, bootstrap.high);
        line(
            &mut text,
            &format!("by the bootstrap (BCa), which decides nothing: {percent} {low:.2} to {high:.2}"),
        );
    }
    pairs(record, &mut text);
    unpaired(record, &mut text);
    secondaries(record, &mut text);
    warnings(record, &mut text);
    if let Some(folder) = folder {
        line(&mut text, &format!("\nrecord: {}", folder.display()));
    }
    text
}

fn line(text: &mut String, line: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{line}");
}

/// What the ratio is one of, and how it was measured.
fn circumstances(record: &ExperimentRecord) -> String {
    let plan = &record.plan;
    let design = design(record);
    let looks = match record.looks.len() {
        0 | 1 => String::new(),
        looks => format!(", {looks} looks"),
    };
    let mut text =
        format!("compared with `{}` on {}, {design}{looks}", plan.arms.baseline.name, plan.scenario.name);
    for difference in &plan.differences {
        let _ = write!(text, "\n  {difference}");
    }
    text
}

fn pairs(record: &ExperimentRecord, text: &mut String) {
    if record.pairs.is_empty() {
        return;
    }
    let primary = record.plan.primary;
    let [baseline, candidate] = record.plan.arms.both().map(|subject| subject.name.as_str());
    let at = if matches!(record.plan.design, Design::Capacity { .. }) { "from" } else { "at" };
    let mut table = new_table(&["pair", "first", at, baseline, candidate, "ratio", ""]);
    for pair in &record.pairs {
        let value = |trial: &Trial| {
            trial.values.get(&primary).map_or_else(|| "-".to_owned(), |value| primary.show(*value))
        };
        let ratio = pair.log_ratio(primary).map_or_else(|| "-".to_owned(), |it| format!("{:.3}", it.exp()));
        table.add_row([
            number(pair),
            match pair.order {
                Order::BaselineFirst => baseline,
                Order::CandidateFirst => candidate,
            }
            .to_owned(),
            load(&pair.load),
            value(&pair.trials.baseline),
            value(&pair.trials.candidate),
            ratio,
            pair.left_out.as_ref().map(|why| format!("left out: {why}")).unwrap_or_default(),
        ]);
    }
    line(text, &format!("\n{} by pair\n{}", primary.title(), trimmed(&table)));
}

fn unpaired(record: &ExperimentRecord, text: &mut String) {
    let Some(unpaired) = &record.unpaired else { return };
    let primary = record.plan.primary;
    let title = primary.title();
    let mut table = new_table(&["", "record", title]);
    for (side, trials) in ["before", "after"].into_iter().zip(unpaired.both()) {
        for trial in trials {
            let value = trial.values.get(&primary).map(|value| primary.show(*value));
            table.add_row([side.to_owned(), trial.path.clone(), value.unwrap_or_else(|| "-".to_owned())]);
        }
    }
    line(text, &format!("\n{}", trimmed(&table)));
}

fn secondaries(record: &ExperimentRecord, text: &mut String) {
    if record.secondaries.is_empty() {
        return;
    }
    let mut table =
        new_table(&["secondary metric", "ratio", &percent(1.0 - alpha(record)), "adjusted p", ""]);
    for secondary in &record.secondaries {
        let comparison = &secondary.comparison;
        table.add_row([
            secondary.metric.title().to_owned(),
            format!("{:.2}x", comparison.ratio),
            format!("{:.2} to {:.2}", comparison.interval.low, comparison.interval.high),
            format!("{:.3}", secondary.adjusted_p_value),
            said(secondary).to_owned(),
        ]);
    }
    let note = format!(
        "(they decide nothing; at most {} of those called better or worse are expected to be false)",
        percent(FALSE_DISCOVERY_RATE)
    );
    line(text, &format!("\n{}\n{note}", trimmed(&table)));
}

/// A doubt that several trials share is told once, with how many they are and the one that is farthest from its threshold.
fn warnings(record: &ExperimentRecord, text: &mut String) {
    let (trials, shared) = (trials(record).len(), shared(record));
    if !record.warnings.is_empty() || !shared.is_empty() {
        line(text, "");
    }
    for warning in &record.warnings {
        line(text, &format!("{} {}: {}", class(warning.class), warning.name, warning.advice));
    }
    for Shared { count, worst } in shared {
        let (class, name) = (class(worst.class), &worst.name);
        line(text, &format!("{class} {name} ({count} of {trials} trials): {}", worst.advice));
    }
}

fn class(class: WarningClass) -> &'static str {
    match class {
        WarningClass::Invalid => "INVALID",
        WarningClass::Warn => "warning",
    }
}

/// Left-aligned names, right-aligned figures, no lines: it can be read and cut.
fn new_table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.to_vec());
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding(if index == 0 { (0, 0) } else { (2, 0) });
        if index > 0 && !header[index].is_empty() {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// Without the spaces that fill up the last column.
fn trimmed(table: &Table) -> String {
    table.to_string().lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
