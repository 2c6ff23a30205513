//! A search as text: the answer first, then what was tried, then the doubts, then where the record lies.

use std::path::Path;

use measure::search::TaskKind;
use record::{SearchRecord, TrialRecord};
use report::words::{broken, search, seconds};

use crate::{
    cells,
    table::{line, new_table, requests, warnings},
};

/// Renders a record that lies in `folder`.
pub(crate) fn render(record: &SearchRecord, folder: &Path) -> String {
    let mut text = String::new();
    let show = |value| record.axis.show(value);
    if record.answer.is_some() {
        line(&mut text, &format!("{}   ({})", search::answer(record), search::on(record)));
    }
    for judged in &record.broke_first {
        line(&mut text, &format!("broken first: {}", broken(judged)));
    }
    for limit in &record.limited_by {
        line(&mut text, &format!("limited by: {}", limit.text));
    }
    if let Some(knee) = record.knee {
        line(&mut text, &format!("knee: goodput stops to follow the load at {}", show(knee)));
    }
    if !record.cpu_ms_per_operation.is_empty() {
        let costs = record.cpu_ms_per_operation.iter().map(|(name, cost)| format!("{name} {cost:.1} ms"));
        line(&mut text, &format!("CPU per operation: {}", costs.collect::<Vec<_>>().join(", ")));
    }
    tried(record, &show, &mut text);
    held(record, &show, &mut text);
    warnings(&record.warnings, &mut text);
    line(&mut text, &format!("\nrecord: {}", folder.display()));
    text
}

fn tried(record: &SearchRecord, show: &impl Fn(f64) -> String, text: &mut String) {
    let processes = search::processes(record);
    let short: Vec<String> = processes.iter().map(|name| short(name)).collect();
    let mut header = vec!["tried", "at", "goodput/s", "p50", "p99"];
    header.extend(short.iter().map(String::as_str));
    header.push("result");
    let mut table = new_table(&header);
    for trial in &record.trials {
        let TrialRecord { task, goodput, response, .. } = trial;
        let recovery = task.kind == TaskKind::Recovery;
        let mut row = vec![search::task(task.kind).to_owned(), show(task.at)];
        if recovery {
            row.extend(["-", "-", "-"].map(str::to_owned));
        } else {
            row.push(match goodput.offered {
                0 => "-".to_owned(),
                _ => format!("{:.1}", goodput.goodput_per_second),
            });
            row.extend([seconds(response.p50), seconds(response.p99.or(response.max))]);
        }
        row.extend(processes.iter().map(|name| match trial.resources.get(*name) {
            Some(used) => format!("{:.2}", used.cpu_cores_mean),
            None => "-".to_owned(),
        }));
        row.push(search::result(trial));
        table.add_row(row);
    }
    line(text, &format!("\n{table}\n(latencies are from an operation's intended start; processes in cores)"));
}

/// What the requests were like at the highest load that held.
fn held(record: &SearchRecord, show: &impl Fn(f64) -> String, text: &mut String) {
    if let Some(trial) = record.held() {
        line(text, &format!("\nat {}, which holds:", show(trial.task.at)));
        requests(&trial.requests, trial.window_seconds, text);
    }
}

fn short(process: &str) -> String {
    let (program, cell) = cells::split(process);
    let program = program.strip_prefix("kube-").unwrap_or(program).replace("controller-manager", "kcm");
    format!("{program}{cell}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::saturate::tests::sample;

    #[test]
    fn the_answer_comes_first_then_the_table_then_the_doubts() {
        let text = render(&sample(), Path::new("loadgen-runs/x"));
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        assert_eq!(
            lines[..4],
            [
                "pod-churn saturates at 99.6/s: 90.0/s holds, 110/s breaks   (profile defaults, etcd 3.6.8, kubernetes 1.36.3, 500 nodes)",
                "broken first: startup: 3.00 % of the pods took too long to run, limit 1.00 %",
                "knee: goodput stops to follow the load at 90.0/s",
                "CPU per operation: etcd 5.6 ms",
            ]
        );
        let row = |start: &str| {
            lines.iter().find(|line| line.starts_with(start)).unwrap().split_whitespace().collect::<Vec<_>>()
        };
        assert_eq!(row("hold"), ["hold", "90.0/s", "90.0", "-", "-", "0.50", "holds"]);
        assert_eq!(row("overload"), ["overload", "200/s", "70.0", "-", "-", "0.50", "breaks:", "startup"]);
        assert_eq!(row("recovery"), ["recovery", "80.0/s", "-", "-", "-", "0.50", "in", "34", "s"]);
        assert!(lines.iter().any(|line| line.starts_with("warning quick:")), "{text}");
        assert_eq!(*lines.last().unwrap(), "record: loadgen-runs/x");
    }

    #[test]
    fn processes_of_several_cells_are_told_apart() {
        let names =
            ["kube-apiserver", "kube-apiserver-1", "kube-controller-manager (cell 2)", "etcd (cell 1)"];
        assert_eq!(names.map(short), ["apiserver", "apiserver-1", "kcm (cell 2)", "etcd (cell 1)"]);
        let several = ["kube-scheduler", "kube-controller-manager-1", "etcd-events", "harness"];
        assert_eq!(several.map(short), ["scheduler", "kcm-1", "etcd-events", "harness"]);
    }

    #[test]
    fn it_is_said_over_how_many_cells_the_nodes_are() {
        let mut record = sample();
        record.scenario.resolved["cells"] = 2.into();
        let text = render(&record, Path::new("loadgen-runs/x"));
        assert!(text.contains(", 500 nodes in 2 cells)"), "{text}");
    }
}
