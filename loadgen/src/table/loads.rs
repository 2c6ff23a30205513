//! What came of each load of a scenario, as text.

use record::{LoadRecord, Operations};
use report::words::figure;

use super::{line, new_table, percentiles};

/// A row for each load, and one for what its watchers were told. Of pods alone the stages of their startup say more.
pub(super) fn table(loads: &[LoadRecord], text: &mut String) {
    if !loads.iter().any(|load| load.driver != "pods") {
        return;
    }
    let mut table = new_table(&["load", "asked for", "goodput/s", "p50", "p90", "p99", "max"]);
    for load in loads {
        let asked = load.rate_per_second.map(|rate| format!("{rate:.1}/s"));
        let asked = asked.or_else(|| load.count.map(|count| count.to_string()));
        let goodput = load.goodput.map(|goodput| format!("{:.1}", goodput.goodput_per_second));
        let named = if load.judged { load.name.clone() } else { format!("{} (not judged)", load.name) };
        let mut row = vec![named];
        row.extend([asked, goodput].map(|cell| cell.unwrap_or_else(|| "-".to_owned())));
        row.extend(percentiles(&load.response));
        table.add_row(row);
        if let Some(lag) = &load.watch_lag {
            let mut row = vec![format!("{}: lag", load.name), String::new(), String::new()];
            row.extend(percentiles(lag));
            table.add_row(row);
        }
    }
    line(text, &format!("\n{table}"));
}

/// What is known of whole loads: where their operations ended up, and what else their drivers say.
pub(super) fn whole_run(loads: &[LoadRecord], text: &mut String) {
    for load in loads {
        if let Some(operations) = load.operations.as_ref().filter(|operations| operations.offered > 0) {
            line(text, &format!("{} of the whole run: {}", load.name, ended(operations)));
        }
        if !load.figures.is_empty() {
            let figures: Vec<String> =
                load.figures.iter().map(|(name, value)| format!("{name} {}", figure(*value))).collect();
            line(text, &format!("{}: {}", load.name, figures.join(", ")));
        }
    }
}

fn ended(operations: &Operations) -> String {
    let Operations { offered, there, gone, failed, failed_by_reason } = operations;
    let reasons: Vec<String> =
        failed_by_reason.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    let reasons = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join(", ")) };
    format!("{offered} offered = {gone} gone again + {there} there + {failed} failed{reasons}")
}

#[cfg(test)]
mod tests {
    use measure::Summary;

    use super::*;

    fn load(name: &str) -> LoadRecord {
        let response = Summary { n: 20, max: Some(1.5), ..Summary::default() };
        LoadRecord {
            name: name.to_owned(),
            driver: "lists".to_owned(),
            judged: true,
            rate_per_second: Some(5.0),
            count: None,
            goodput: None,
            response,
            watch_lag: None,
            operations: Some(Operations {
                offered: 7,
                there: 1,
                gone: 4,
                failed: 2,
                failed_by_reason: [("timeout".to_owned(), 2)].into(),
            }),
            figures: [("bytes".to_owned(), 12.0), ("mean-seconds".to_owned(), 0.25)].into(),
        }
    }

    #[test]
    fn every_load_is_told_of_with_what_its_operations_came_to() {
        let mut loads = [load("lists"), load("abuser")];
        loads[1].judged = false;
        let mut text = String::new();
        table(&loads, &mut text);
        whole_run(&loads, &mut text);
        for wanted in [
            "abuser (not judged)",
            "1.50 s",
            "lists of the whole run: 7 offered = 4 gone again + 1 there + 2 failed (2 timeout)",
            "abuser: bytes 12, mean-seconds 0.250",
        ] {
            assert!(text.contains(wanted), "{wanted} in {text}");
        }
    }

    #[test]
    fn pods_alone_need_no_table() {
        let pods = LoadRecord { driver: "pods".to_owned(), ..load("pods") };
        let mut text = String::new();
        table(&[pods], &mut text);
        assert_eq!(text, "");
    }
}
