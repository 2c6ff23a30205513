//! A record as text: the answer first, then the tables, then the doubts, then where the record lies.

mod faults;
mod loads;

use std::{fmt::Write as _, path::Path};

use comfy_table::{CellAlignment, Table, presets};
use measure::{Summary, statistics::Judgement};
use record::{ProcessUse, Requests, RunRecord, Warning, WarningClass};
use report::words::{broken, errors as errors_of, mebibytes, per_second, run, seconds};

/// Renders a record that lies in `folder`.
pub(crate) fn render(record: &RunRecord, folder: &Path) -> String {
    let mut text = String::new();
    line(&mut text, &format!("{}   ({})", run::answer(record), run::on(record)));
    loads::table(&record.loads, &mut text);
    of_window(record, &mut text);
    startup(record, &mut text);
    processes(record, &mut text);
    loads::whole_run(&record.loads, &mut text);
    faults::whole_run(&record.faults, &mut text);
    criteria(record, &mut text);
    warnings(&record.warnings, &mut text);
    line(&mut text, &format!("\nrecord: {}", folder.display()));
    text
}

pub(crate) fn line(text: &mut String, line: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{line}");
}

fn of_window(record: &RunRecord, text: &mut String) {
    let window = record.phases.iter().find(|phase| phase.phase == measure::Phase::Measure);
    if let Some(window) = window.map(|phase| phase.seconds).filter(|seconds| *seconds > 0.0) {
        requests(&record.requests, window, text);
    }
}

/// What came of the requests of a window of so many seconds.
pub(crate) fn requests(requests: &Requests, window: f64, text: &mut String) {
    for (title, kinds) in [("drivers", &requests.drivers), ("fleet", &requests.fleet)] {
        if kinds.is_empty() {
            continue;
        }
        let mut table = new_table(&[title, "offered/s", "goodput/s", "errors", "p50", "p90", "p99", "max"]);
        for kind in kinds {
            let errors: u64 = kind.errors.values().sum();
            let mut row = vec![
                format!("{} {}", kind.verb, kind.resource),
                per_second(kind.offered, window),
                per_second(kind.done - errors, window),
                errors_of(kind),
            ];
            row.extend(percentiles(&kind.response));
            table.add_row(row);
        }
        line(text, &format!("\n{table}"));
    }
}

fn startup(record: &RunRecord, text: &mut String) {
    let Some(startup) = &record.pod_startup else { return };
    let mut table = new_table(&["pod startup", "n", "p50", "p90", "p99", "max"]);
    for (stage, summary) in [
        ("intended to created", &startup.create),
        ("created to scheduled", &startup.schedule),
        ("scheduled to running", &startup.start),
        ("intended to running", &startup.total),
    ] {
        let mut row = vec![stage.to_owned(), summary.n.to_string()];
        row.extend(percentiles(summary));
        table.add_row(row);
    }
    line(text, &format!("\n{table}"));
}

fn processes(record: &RunRecord, text: &mut String) {
    let mut table = new_table(&["process", "cores", "CPU s", "memory", "written"]);
    for (name, used) in &record.resources {
        let ProcessUse { cpu_seconds, cpu_cores_mean, rss_max_bytes, write_bytes, .. } = used;
        table.add_row([
            name.clone(),
            format!("{cpu_cores_mean:.2}"),
            format!("{cpu_seconds:.1}"),
            mebibytes(*rss_max_bytes),
            write_bytes.map_or_else(|| "-".to_owned(), mebibytes),
        ]);
    }
    line(text, &format!("\n{table}"));
    if let Some(share) = record.harness_cpu_share {
        line(text, &format!("the harness took {:.1} % of the machine's CPU", share * 100.0));
    }
}

/// Limits that were not kept, and what was used up then.
fn criteria(record: &RunRecord, text: &mut String) {
    let mut broke = record.judged.iter().filter(|it| it.judgement == Judgement::Breaks).peekable();
    if broke.peek().is_none() {
        return;
    }
    for judged in broke {
        line(text, &format!("broken: {}", broken(judged)));
    }
    for limit in &record.limited_by {
        line(text, &format!("limited by: {}", limit.text));
    }
}

/// Doubts, the worse first.
pub(crate) fn warnings(warnings: &[Warning], text: &mut String) {
    let mut warnings: Vec<&Warning> = warnings.iter().collect();
    warnings.sort_by_key(|warning| warning.class);
    for warning in warnings {
        let class = match warning.class {
            WarningClass::Invalid => "INVALID",
            WarningClass::Warn => "warning",
        };
        line(text, &format!("{class} {}: {}", warning.name, warning.advice));
    }
}

/// Left-aligned names, right-aligned figures, no lines: it can be read and cut.
pub(crate) fn new_table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.to_vec());
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding(if index == 0 { (0, 0) } else { (2, 0) });
        if index > 0 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn percentiles(summary: &Summary) -> [String; 4] {
    [summary.p50, summary.p90, summary.p99, summary.max].map(seconds)
}
