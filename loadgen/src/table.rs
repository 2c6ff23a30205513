//! A record as text: the answer first, then the tables, then the doubts, then where the record lies.

mod faults;
mod loads;

use std::{fmt::Write as _, path::Path};

use comfy_table::{CellAlignment, Table, presets};
use measure::{Summary, criteria::Judged, statistics::Judgement};
use record::{Fleet, KindRecord, ProcessUse, Requests, RunRecord, Scenario, Warning, WarningClass};

/// Renders a record that lies in `folder`.
pub(crate) fn render(record: &RunRecord, folder: &Path) -> String {
    let mut text = String::new();
    answer(record, &mut text);
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

fn answer(record: &RunRecord, text: &mut String) {
    let on = match &record.profile {
        Some(profile) => format!("profile {}", profile.name),
        None => format!("context {}", record.target.context.as_deref().unwrap_or("-")),
    };
    let versions: Vec<String> =
        record.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    let Some(goodput) = &record.goodput else {
        let versions = versions.join(", ");
        return line(
            text,
            &format!(
                "{}: {}, {}   ({on}, {versions})",
                record.scenario.name,
                nodes(&record.fleet, &record.scenario),
                alive(record)
            ),
        );
    };
    line(
        text,
        &format!(
            "{}: {:.1}/s offered, {:.1}/s done{}   ({on}, {}, {})",
            record.scenario.name,
            goodput.offered_per_second,
            goodput.goodput_per_second,
            loads::slowest(&record.loads),
            versions.join(", "),
            nodes(&record.fleet, &record.scenario),
        ),
    );
}

/// How many there are, and over how many control planes.
pub(crate) fn nodes(fleet: &Fleet, scenario: &Scenario) -> String {
    match scenario.resolved["cells"].as_u64() {
        Some(cells @ 2..) => format!("{} nodes in {cells} cells", fleet.nodes),
        _ => format!("{} nodes", fleet.nodes),
    }
}

/// How well the nodes said that they are alive.
fn alive(record: &RunRecord) -> String {
    let value = |criterion: &str| {
        let judged = record.judged.iter().find(|judged| judged.criterion == criterion);
        judged.map_or(0.0, |judged| judged.value)
    };
    let dead = value("not-ready");
    let dead =
        if dead > 0.0 { format!("{dead:.0} taken for dead") } else { "none taken for dead".to_owned() };
    format!("{dead}; the longest time without a renewed lease is {:.1} s", value("lease-gap"))
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

#[expect(clippy::cast_precision_loss, reason = "a run does not count to 2^53")]
fn per_second(count: u64, seconds: f64) -> String {
    format!("{:.1}", count as f64 / seconds)
}

fn errors_of(kind: &KindRecord) -> String {
    if kind.errors.is_empty() {
        return "0".to_owned();
    }
    let errors: Vec<String> =
        kind.errors.iter().map(|(class, count)| format!("{count} {}", class.name())).collect();
    errors.join(", ")
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

/// A limit that was not kept, in words.
pub(crate) fn broken(judged: &Judged) -> String {
    let Judged { criterion, group, value, limit, .. } = judged;
    match criterion.as_str() {
        "goodput" => {
            format!("goodput: {} of what was offered is missing, limit {}", percent(*value), percent(*limit))
        }
        "startup" => format!(
            "startup: {} of the pods took too long to run, limit {}",
            percent(*value),
            percent(*limit)
        ),
        "bound" => {
            format!(
                "bound: {} of {group} waited too long for a node, limit {}",
                percent(*value),
                percent(*limit)
            )
        }
        "stall" => format!("stall: nothing of {group} succeeded for {value:.1} s, limit {limit:.0} s"),
        "synced" => format!("synced: {group} knew everything only after {value:.1} s, limit {limit:.0} s"),
        "slow" => format!("slow: {} of {group}, limit {}", percent(*value), percent(*limit)),
        "errors" => format!("errors: {} of {group}, limit {}", percent(*value), percent(*limit)),
        "watch-lag" => {
            format!("watch lag: {} of {group} too late, limit {}", percent(*value), percent(*limit))
        }
        "backlog" => format!(
            "backlog: of {group} it grows by {} of the offered load per second, limit {}",
            percent(*value),
            percent(*limit)
        ),
        "lease-gap" => {
            format!("lease gap: a node was without a renewed lease for {value:.1} s, limit {limit:.0} s")
        }
        "not-ready" => format!("not ready: {value:.0} nodes were taken for dead, limit {limit:.0}"),
        other => format!("{other} of {group}: {value}, limit {limit}"),
    }
}

fn percent(share: f64) -> String {
    let percent = share * 100.0;
    format!("{percent:.digits$} %", digits = if percent < 10.0 { 2 } else { 1 })
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

/// Three digits and a unit; a dash where the sample does not carry the figure.
pub(crate) fn seconds(value: Option<f64>) -> String {
    let Some(seconds) = value else { return "-".to_owned() };
    let (value, unit) = if seconds < 1.0 { (seconds * 1000.0, "ms") } else { (seconds, "s") };
    let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.digits$} {unit}")
}

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits_and_a_unit() {
        let shown = [0.000_412, 0.0042, 0.042, 0.42, 4.2, 42.0].map(|value| seconds(Some(value)));
        assert_eq!(shown, ["0.41 ms", "4.20 ms", "42.0 ms", "420 ms", "4.20 s", "42.0 s"]);
        assert_eq!(seconds(None), "-");
    }
}
