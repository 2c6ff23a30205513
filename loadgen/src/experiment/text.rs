//! An experiment as text: the answer first, then what it is made of, then the doubts, then where the record lies.

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use comfy_table::{CellAlignment, Table, presets};
use measure::statistics::verdict::{Comparison, Verdict};
use record::{
    Warning, WarningClass,
    experiment::{Design, ExperimentRecord, Finished, Load, Order, Pair, Trial},
};

use super::{judge, metrics};

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

fn answer(record: &ExperimentRecord) -> String {
    let [baseline, candidate] = record.plan.arms.both().map(|subject| format!("`{}`", subject.name));
    let title = metrics::of(record.plan.primary).title;
    let Some(comparison) = &record.verdict else {
        return match record.ended {
            Some(Finished::TooFewValid) => format!("{candidate}: no verdict, too few pairs are valid"),
            Some(_) => format!("{candidate}: no verdict"),
            None => format!("{candidate}: no verdict yet, {} pairs are measured", record.pairs.len()),
        };
    };
    let (alpha, what) = (alpha(record), units(record, comparison.n));
    let measured = with_interval_of(comparison, alpha, &what);
    match comparison.verdict {
        Verdict::Helps => format!("{candidate} helps: {title} {measured}"),
        Verdict::Hurts => format!("{candidate} hurts: {title} {measured}"),
        Verdict::Equivalent => {
            let interval = &comparison.equivalence;
            format!(
                "{candidate} is equivalent to {baseline}: {title} {:.2}x ({} {:.3} to {:.3}, {what}, band {})",
                comparison.ratio,
                percent(1.0 - 2.0 * alpha),
                interval.low,
                interval.high,
                percent(record.plan.band),
            )
        }
        Verdict::Inconclusive => {
            let needed = comparison
                .needed
                .map(|needed| format!("; a spread like this needs about {}", units(record, needed)));
            format!("{candidate}: inconclusive, {title} {measured}{}", needed.unwrap_or_default())
        }
    }
}

/// `1.84x (95 % 1.71 to 1.97)`
pub(super) fn with_interval(comparison: &Comparison, alpha: f64) -> String {
    let (low, high) = (comparison.interval.low, comparison.interval.high);
    format!("{:.2}x ({} {low:.2} to {high:.2})", comparison.ratio, percent(1.0 - alpha))
}

fn with_interval_of(comparison: &Comparison, alpha: f64, what: &str) -> String {
    let mut text = with_interval(comparison, alpha);
    text.truncate(text.len() - 1);
    format!("{text}, {what})")
}

fn units(record: &ExperimentRecord, n: usize) -> String {
    if record.unpaired.is_some() { format!("{n} trials of each") } else { format!("{n} pairs") }
}

/// The level of the look that decided.
fn alpha(record: &ExperimentRecord) -> f64 {
    record.looks.last().map_or(record.plan.alpha, |look| look.alpha)
}

fn percent(share: f64) -> String {
    let percent = (share * 1000.0).round() / 10.0;
    format!("{percent} %")
}

/// What the ratio is one of, and how it was measured.
fn circumstances(record: &ExperimentRecord) -> String {
    let plan = &record.plan;
    let design = match plan.design {
        Design::FixedRate { at, .. } => format!("both at {at:.1}"),
        Design::Capacity { .. } => "a search for each".to_owned(),
        Design::Kept => "kept records".to_owned(),
    };
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
            trial.values.get(&primary).map_or_else(|| "-".to_owned(), |value| metrics::show(primary, *value))
        };
        let ratio =
            judge::log_ratio(pair, primary).map_or_else(|| "-".to_owned(), |it| format!("{:.3}", it.exp()));
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
    line(text, &format!("\n{} by pair\n{}", metrics::of(primary).title, trimmed(&table)));
}

fn number(pair: &Pair) -> String {
    match pair.attempt {
        1 => pair.number.to_string(),
        attempt => format!("{} ({attempt})", pair.number),
    }
}

fn load(load: &Load) -> String {
    match load {
        Load::At(at) => format!("{at:.1}"),
        Load::Search(plan) => match plan.from {
            measure::search::From::Bracket { low, high } => format!("{low:.1}-{high:.1}"),
            measure::search::From::Ramp { start, .. } | measure::search::From::Start { at: start } => {
                format!("{start:.1}")
            }
        },
    }
}

fn unpaired(record: &ExperimentRecord, text: &mut String) {
    let Some(unpaired) = &record.unpaired else { return };
    let primary = record.plan.primary;
    let title = metrics::of(primary).title;
    let mut table = new_table(&["", "record", title]);
    for (side, trials) in ["before", "after"].into_iter().zip(unpaired.both()) {
        for trial in trials {
            let value = trial.values.get(&primary).map(|value| metrics::show(primary, *value));
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
        let said = match comparison.verdict {
            Verdict::Helps if secondary.differs => "better",
            Verdict::Hurts if secondary.differs => "worse",
            Verdict::Equivalent => "alike",
            _ => "",
        };
        table.add_row([
            metrics::of(secondary.metric).title.to_owned(),
            format!("{:.2}x", comparison.ratio),
            format!("{:.2} to {:.2}", comparison.interval.low, comparison.interval.high),
            format!("{:.3}", secondary.adjusted_p_value),
            said.to_owned(),
        ]);
    }
    let note = format!(
        "(they decide nothing; at most {} of those called better or worse are expected to be false)",
        percent(judge::Q)
    );
    line(text, &format!("\n{}\n{note}", trimmed(&table)));
}

/// A doubt that several trials share is told once, with how many they are and the one that is farthest from its threshold.
fn warnings(record: &ExperimentRecord, text: &mut String) {
    let paired = record.pairs.iter().flat_map(|pair| pair.trials.both());
    let unpaired = record.unpaired.iter().flat_map(|sides| sides.baseline.iter().chain(&sides.candidate));
    let trials: Vec<&Trial> = paired.chain(unpaired).collect();
    let mut shared: BTreeMap<(&str, WarningClass), (usize, &Warning)> = BTreeMap::new();
    for warning in trials.iter().flat_map(|trial| &trial.warnings) {
        let (count, worst) = shared.entry((&warning.name, warning.class)).or_insert((0, warning));
        *count += 1;
        if (warning.value - warning.threshold).abs() > (worst.value - worst.threshold).abs() {
            *worst = warning;
        }
    }
    if !record.warnings.is_empty() || !shared.is_empty() {
        line(text, "");
    }
    for warning in &record.warnings {
        line(text, &format!("{} {}: {}", class(warning.class), warning.name, warning.advice));
    }
    for ((name, its_class), (count, worst)) in shared {
        line(
            text,
            &format!("{} {name} ({count} of {} trials): {}", class(its_class), trials.len(), worst.advice),
        );
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
