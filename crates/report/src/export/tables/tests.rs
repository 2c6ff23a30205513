use std::collections::BTreeMap;

use super::*;

const RUN: &str = include_str!("../../../../record/testdata/run-v1.json");
const EXPERIMENT: &str = include_str!("../../../../record/testdata/experiment-v1.json");

/// The rows of a table, by the names of its columns.
fn read(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().map(|row| row.unwrap()).collect()
}

#[test]
fn a_run_has_a_row_for_each_kind_of_request() {
    let text = of_run(&serde_json::from_str(RUN).unwrap()).unwrap();
    assert!(text.ends_with("\r\n") && text.lines().count() == 2, "{text}");
    let rows = read(&text);
    let [row] = rows.as_slice() else { panic!("{text}") };
    let of = |columns: &[&str]| columns.iter().map(|column| row[*column].clone()).collect::<Vec<_>>();
    assert_eq!(
        of(&["side", "verb", "resource", "offered", "done"]),
        ["drivers", "create", "pods", "61", "60"]
    );
    assert_eq!(of(&["errors_too_many_requests", "errors_timeout"]), ["1", "0"]);
    // 59 samples carry no 99th percentile.
    assert_eq!(of(&["response_p50_seconds", "response_p99_seconds", "lateness_n"]), ["0.01", "", "60"]);
}

#[test]
fn what_has_a_comma_or_a_quote_is_still_one_cell() {
    let mut run: RunRecord = serde_json::from_str(RUN).unwrap();
    run.scenario.name = "my \"own\",\nchurn".to_owned();
    let text = of_run(&run).unwrap();
    assert!(text.contains("\"my \"\"own\"\",\nchurn\""), "{text}");
    assert_eq!(read(&text)[0]["scenario"], run.scenario.name);
}

#[test]
fn an_experiment_has_a_row_for_each_trial_in_the_order_in_which_they_ran() {
    let rows = read(&of_experiment(&serde_json::from_str(EXPERIMENT).unwrap()).unwrap());
    let of = |column: &str| rows.iter().map(|row| row[column].clone()).collect::<Vec<_>>();
    assert_eq!(of("arm"), ["candidate", "baseline"]);
    assert_eq!(of("subject"), ["defaults-unthrottled", "defaults"]);
    assert_eq!(of("lambda"), ["0.3333333333333333", "41.25"]);
    assert_eq!(of("cpu_per_operation"), ["0.031", "0.031"]);
    assert_eq!(of("path"), ["trials/001", "trials/002"]);
    assert_eq!(of("at"), ["", ""], "a search has no one load");
}

#[test]
fn a_search_has_a_row_for_each_load_that_was_tried() {
    let search: SearchRecord =
        serde_json::from_str(include_str!("../../../../../docs/evidence/limiter/defaults.json")).unwrap();
    let rows = read(&of_search(&search).unwrap());
    assert_eq!(rows.len(), search.trials.len());
    for (row, trial) in rows.iter().zip(&search.trials) {
        assert_eq!(row["at"].parse::<f64>().unwrap().to_bits(), trial.task.at.to_bits());
        assert_eq!(row["outcome"], word(&trial.finding.outcome));
        assert_eq!(row["start"].parse::<jiff::Timestamp>().unwrap(), trial.start);
        assert_eq!(row["broken"].is_empty(), trial.judged.iter().all(|it| it.judgement != Judgement::Breaks));
    }
}
