//! A record as a comment on a pull request: the answer, a table, the doubts, and the rest folded.

use std::fmt::Write as _;

use measure::{search::TaskKind, statistics::Judgement};
use record::{
    RunRecord, SearchRecord, Warning, WarningClass, advice::AdviceRecord, experiment::ExperimentRecord,
};

use crate::{
    Holds, Record,
    html::{answer, commands, machine},
    words::{self, broken, mebibytes, of_criterion, seconds},
};

/// The comment.
pub fn comment(record: &Record) -> String {
    let mut text = format!("### {}\n\n", escaped(&answer(record)));
    let host = match &record.holds {
        Holds::Run(run) => {
            of_run(&run.record, &mut text);
            &run.record.host
        }
        Holds::Search(search) => {
            of_search(&search.record, &mut text);
            &search.record.host
        }
        Holds::Experiment(experiment) => {
            of_experiment(&experiment.record, &mut text);
            &experiment.record.host
        }
        Holds::Advice(advice) => {
            of_advice(&advice.record, &mut text);
            &advice.record.host
        }
    };
    let (version, commands) = commands(record);
    let mut body = String::new();
    for (what, command) in commands {
        let _ = writeln!(body, "{what}:\n\n```sh\n{command}\n```\n");
    }
    let _ = writeln!(body, "loadgen {version}, {}, `{}`", escaped(&machine(host)), record.id());
    folded(&mut text, "To repeat it", &body);
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// Several comments in one.
pub fn comments(records: &[Record]) -> String {
    records.iter().map(comment).collect::<Vec<_>>().join("\n---\n\n")
}

fn of_run(record: &RunRecord, text: &mut String) {
    let _ = writeln!(text, "{} {}\n", words::run::standing(record), escaped(&words::run::on(record)));
    let broke = words::run::broken(record);
    list(text, &broke, "");
    if !broke.is_empty() {
        let limits: Vec<String> = record.limited_by.iter().map(|limit| limit.text.clone()).collect();
        list(text, &limits, "used up: ");
    }
    let loads = record.loads.iter().map(|load| {
        let asked = load.rate_per_second.map(|rate| format!("{rate:.1}/s"));
        let asked = asked.or_else(|| load.count.map(|count| count.to_string())).unwrap_or_default();
        let goodput =
            load.goodput.map_or_else(|| "-".to_owned(), |it| format!("{:.1}", it.goodput_per_second));
        let lag = load.watch_lag.as_ref().and_then(|lag| lag.p99.or(lag.max));
        let response = &load.response;
        let tail = response.p99.or(response.max);
        vec![load.name.clone(), asked, goodput, seconds(response.p50), seconds(tail), seconds(lag)]
    });
    table(text, &["load", "asked for", "goodput/s", "p50", "p99", "watch lag p99"], loads);
    warnings(text, record.warnings.iter().map(|warning| (warning, String::new())));
    let judged = record.judged.iter().map(|it| {
        let kept = match it.judgement {
            Judgement::Holds => "kept",
            Judgement::Breaks => "**broken**",
            Judgement::Undecided => "undecided",
        };
        let [value, limit] = [it.value, it.limit].map(|value| of_criterion(&it.criterion, value));
        vec![it.criterion.clone(), it.group.clone(), kept.to_owned(), value, limit]
    });
    let mut body = String::new();
    table(&mut body, &["limit", "of", "kept?", "value", "allowed"], judged);
    let processes = record.resources.iter().map(|(name, used)| {
        vec![name.clone(), format!("{:.2}", used.cpu_cores_mean), mebibytes(used.rss_max_bytes)]
    });
    table(&mut body, &["process", "cores", "most memory"], processes);
    folded(text, "Limits and processes", &body);
}

fn of_search(record: &SearchRecord, text: &mut String) {
    let _ = writeln!(text, "{}\n", escaped(&words::search::on(record)));
    list(text, &record.broke_first.iter().map(broken).collect::<Vec<_>>(), "broken first: ");
    list(text, &record.limited_by.iter().map(|limit| limit.text.clone()).collect::<Vec<_>>(), "limited by: ");
    if !record.cpu_ms_per_operation.is_empty() {
        let costs = record.cpu_ms_per_operation.iter().map(|(name, cost)| format!("{name} {cost:.1} ms"));
        let _ = writeln!(text, "CPU per operation: {}\n", costs.collect::<Vec<_>>().join(", "));
    }
    warnings(text, record.warnings.iter().map(|warning| (warning, String::new())));
    let tried = record.trials.iter().map(|trial| {
        let recovers = trial.task.kind == TaskKind::Recovery;
        let figure = |text: String| if recovers { "-".to_owned() } else { text };
        vec![
            words::search::task(trial.task.kind).to_owned(),
            record.axis.show(trial.task.at),
            figure(format!("{:.1}", trial.goodput.goodput_per_second)),
            figure(seconds(trial.response.p50)),
            figure(seconds(trial.response.p99.or(trial.response.max))),
            words::search::result(trial),
        ]
    });
    let mut body = String::new();
    table(&mut body, &["tried", "at", "goodput/s", "p50", "p99", "result"], tried);
    folded(text, "Everything that was tried", &body);
}

fn of_experiment(record: &ExperimentRecord, text: &mut String) {
    let plan = &record.plan;
    let _ = writeln!(
        text,
        "{} against {} on {}, {}; band ±{}.\n",
        escaped(&plan.arms.candidate.name),
        escaped(&plan.arms.baseline.name),
        escaped(&plan.scenario.name),
        words::experiment::design(record),
        words::experiment::percent(plan.band),
    );
    match record.control_passed().filter(|_| record.ended.is_some()) {
        Some(true) => text.push_str("The control passed.\n\n"),
        Some(false) => text.push_str("**The control FAILED.**\n\n"),
        None => {}
    }
    let differences: Vec<String> =
        plan.differences.iter().map(|it| format!("`{}`", it.replace('`', "'"))).collect();
    for difference in &differences {
        let _ = writeln!(text, "- {difference}");
    }
    text.push_str(if differences.is_empty() { "" } else { "\n" });
    let others = record.secondaries.iter().map(|it| {
        let interval = &it.comparison.interval;
        vec![
            it.metric.title().to_owned(),
            format!("{:.2}", it.comparison.ratio),
            format!("{:.2} to {:.2}", interval.low, interval.high),
            words::experiment::said(it).to_owned(),
        ]
    });
    table(text, &["other metrics (they decide nothing)", "ratio", "interval", "said"], others);
    let trials = words::experiment::trials(record).len();
    let shared = words::experiment::shared(record).into_iter();
    let shared = shared.map(|it| (it.worst, format!(" ({} of {trials} trials)", it.count)));
    warnings(text, record.warnings.iter().map(|warning| (warning, String::new())).chain(shared));
    let pairs = record.pairs.iter().map(|pair| {
        let [baseline, candidate] = pair.trials.both().map(|trial| {
            trial.values.get(&plan.primary).map_or_else(|| "-".to_owned(), |value| plan.primary.show(*value))
        });
        let ratio =
            pair.log_ratio(plan.primary).map_or_else(|| "-".to_owned(), |it| format!("{:.3}", it.exp()));
        let left_out = pair.left_out.clone().unwrap_or_default();
        vec![words::experiment::number(pair), baseline, candidate, ratio, left_out]
    });
    let mut body = String::new();
    let title = plan.primary.title();
    table(
        &mut body,
        &["pair", &format!("baseline: {title}"), &format!("candidate: {title}"), "ratio", "left out"],
        pairs,
    );
    folded(text, "Pairs", &body);
}

fn of_advice(record: &AdviceRecord, text: &mut String) {
    let _ = writeln!(text, "> {}\n\nExpected: {}\n", escaped(&record.rule), escaped(&record.expect));
    let rows = record.tested.iter().map(|tested| {
        let interval = tested.verdict.map(|it| format!("{:.2} to {:.2}", it.interval.low, it.interval.high));
        vec![
            tested.arms.candidate.clone(),
            tested.arms.baseline.clone(),
            tested.primary.title().to_owned(),
            words::advice::told_in(record.mode, tested),
            interval.unwrap_or_else(|| "-".to_owned()),
        ]
    });
    table(text, &["candidate", "baseline", "decides", "measured", "interval"], rows);
    let knobs = record.tested.iter().flat_map(|tested| &tested.knobs).map(words::advice::knob);
    let mut body = String::new();
    list(&mut body, &knobs.collect::<Vec<_>>(), "");
    folded(text, "Seen on the server's side", &body);
}

fn list(text: &mut String, items: &[String], before: &str) {
    for item in items {
        let _ = writeln!(text, "- {before}{}", escaped(item));
    }
    text.push_str(if items.is_empty() { "" } else { "\n" });
}

fn warnings<'a>(text: &mut String, warnings: impl Iterator<Item = (&'a Warning, String)>) {
    let mut warnings: Vec<(&Warning, String)> = warnings.collect();
    warnings.sort_by_key(|(warning, _)| warning.class);
    for (warning, of) in &warnings {
        let class = match warning.class {
            WarningClass::Invalid => "**INVALID**",
            WarningClass::Warn => "warning",
        };
        let _ = writeln!(text, "- {class} `{}`{of}: {}", warning.name, escaped(&warning.advice));
    }
    text.push_str(if warnings.is_empty() { "" } else { "\n" });
}

/// A table; nothing without rows.
fn table(text: &mut String, header: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    for (place, row) in rows.enumerate() {
        if place == 0 {
            let header: Vec<String> = header.iter().map(|title| escaped(title)).collect();
            let _ = writeln!(text, "| {} |\n|---{}|", header.join(" | "), "|---:".repeat(header.len() - 1));
        }
        // Only what is bold is written by us.
        let cells: Vec<String> = row
            .iter()
            .map(|cell| if cell.starts_with("**") { cell.clone() } else { escaped(cell) })
            .collect();
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    if text.ends_with("|\n") {
        text.push('\n');
    }
}

fn folded(text: &mut String, title: &str, body: &str) {
    if !body.is_empty() {
        let _ = writeln!(text, "<details><summary>{title}</summary>\n\n{}\n\n</details>\n", body.trim_end());
    }
}

/// Text in which nothing is markup, on one line, but for names between backticks.
fn escaped(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut escaped = String::with_capacity(text.len());
    let has_names = text.matches('`').count().is_multiple_of(2);
    let mut in_name = false;
    for c in text.chars() {
        match c {
            '`' if has_names => {
                in_name = !in_name;
                escaped.push(c);
            }
            // A line between cells is one in a name, too.
            c if in_name && c != '|' => escaped.push(c),
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '`' | '|' | '*' | '_' | '[' | ']' | '\\' | '#' | '~' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
