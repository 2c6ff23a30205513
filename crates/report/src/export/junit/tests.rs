use measure::{
    criteria::Judged,
    search::End,
    statistics::{Judgement, verdict::Verdict},
};
use record::{Ended, RunRecord, SearchRecord, Warning, WarningClass, experiment::ExperimentRecord};
use roxmltree::{Document, Node};

use super::*;

const RUN: &str = include_str!("../../../../record/testdata/run-v1.json");
const SEARCH: &str = include_str!("../../../../../docs/evidence/limiter/defaults.json");
const EXPERIMENT: &str = include_str!("../../../../record/testdata/experiment-v1.json");

fn run() -> RunRecord {
    serde_json::from_str(RUN).unwrap()
}

fn judged(judgement: Judgement) -> Judged {
    Judged { judgement, value: 0.05, low: Some(0.03), high: Some(0.08), ..run().judged.swap_remove(0) }
}

fn element<'a, 'b>(document: &'a Document<'b>, name: &str) -> Node<'a, 'b> {
    document.descendants().find(|node| node.has_tag_name(name)).unwrap()
}

/// The child that says what came of the case with this name.
fn came(xml: &str, case: &str) -> (String, String) {
    let document = Document::parse(xml).unwrap();
    let mut cases = document.descendants().filter(|node| node.has_tag_name("testcase"));
    let case = cases.find(|node| node.attribute("name") == Some(case)).unwrap_or_else(|| panic!("{xml}"));
    let child = case.first_element_child().unwrap();
    let text = child.attribute("message").or(child.text()).unwrap_or_default();
    (child.tag_name().name().to_owned(), text.to_owned())
}

#[test]
fn a_run_that_keeps_its_criteria_is_green() {
    let xml = of_run(&run()).xml().unwrap();
    assert!(xml.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"), "{xml}");
    let document = Document::parse(&xml).unwrap();
    for suite in ["testsuites", "testsuite"].map(|name| element(&document, name)) {
        let counts = ["tests", "failures", "errors", "skipped"].map(|name| suite.attribute(name).unwrap());
        assert_eq!(counts, ["2", "0", "0", "0"]);
    }
    let suite = element(&document, "testsuite");
    assert_eq!(suite.attribute("timestamp"), Some("2026-11-22T14:30:00"));
    assert_eq!(suite.attribute("time"), Some("42.500"));
    let case = element(&document, "testcase");
    assert_eq!(case.attribute("classname"), Some("loadgen.pod-churn.defaults"));
    assert_eq!(came(&xml, "startup of operations").0, "system-out");
    let doubts = document.descendants().find(|node| node.attribute("name") == Some("warnings")).unwrap();
    assert_eq!(doubts.attribute("value"), Some("few-samples"));
}

#[test]
fn what_broke_says_its_figure_and_its_limit() {
    let run = RunRecord { judged: vec![judged(Judgement::Breaks)], ..run() };
    let (what, message) = came(&of_run(&run).xml().unwrap(), "startup of operations");
    assert_eq!(what, "failure");
    assert_eq!(
        message,
        "startup: 5.00 % of the pods took too long to run, limit 1.00 %; 3.00 % to 8.00 %, of 790 samples"
    );
}

#[test]
fn what_is_open_is_skipped_and_says_why() {
    let run = RunRecord { judged: vec![judged(Judgement::Undecided)], ..run() };
    let (what, message) = came(&of_run(&run).xml().unwrap(), "startup of operations");
    assert_eq!(what, "skipped");
    assert!(message.starts_with("undecided, the window was too short: 5.00 %, limit 1.00 %"), "{message}");
}

#[test]
fn figures_that_are_void_are_errors_and_not_failures() {
    let late = Warning { class: WarningClass::Invalid, ..run().warnings.swap_remove(0) };
    let run = RunRecord { warnings: vec![late], ended: Ended::Interrupted, ..run() };
    let xml = of_run(&run).xml().unwrap();
    let (what, message) = came(&xml, "validity: few-samples");
    assert_eq!((what.as_str(), message.as_str()), ("error", "60, threshold 459: Measure for longer."));
    assert_eq!(came(&xml, "end").0, "error");
    let document = Document::parse(&xml).unwrap();
    assert_eq!(element(&document, "testsuite").attribute("errors"), Some("2"));
}

#[test]
fn a_verdict_that_hurts_fails_and_one_that_is_open_is_skipped() {
    let experiment: ExperimentRecord = serde_json::from_str(EXPERIMENT).unwrap();
    let with = |verdict| {
        let mut experiment = experiment.clone();
        experiment.verdict.as_mut().unwrap().verdict = verdict;
        came(&of_experiment(&experiment).xml().unwrap(), "lambda of defaults-unthrottled")
    };
    let all = [Verdict::Helps, Verdict::Equivalent, Verdict::Hurts, Verdict::Inconclusive];
    assert_eq!(all.map(|verdict| with(verdict).0), ["system-out", "system-out", "failure", "skipped"]);
    assert_eq!(with(Verdict::Hurts).1, "hurts: ratio 1.840, 1.710 to 1.970 at 96.9 %, p 0.03125, 6 pairs");
    let none = ExperimentRecord { verdict: None, ..experiment };
    assert_eq!(came(&of_experiment(&none).xml().unwrap(), "lambda of defaults-unthrottled").0, "error");
}

#[test]
fn a_search_is_green_when_it_has_an_answer_and_void_when_the_harness_was_at_its_end() {
    let search: SearchRecord = serde_json::from_str(SEARCH).unwrap();
    let with = |end| {
        let mut search = search.clone();
        search.answer.as_mut().unwrap().end = end;
        came(&of_search(&search).xml().unwrap(), "pods.rate that holds")
    };
    let all = [End::Found, End::NotReached, End::HarnessLimited, End::NothingHolds];
    assert_eq!(all.map(|end| with(end).0), ["system-out", "system-out", "error", "failure"]);
    let (_, said) = with(End::Found);
    assert!(said.contains("/s holds, ") && said.ends_with("/s breaks"), "{said}");
    let open = SearchRecord { answer: None, ended: None, ..search };
    assert_eq!(came(&of_search(&open).xml().unwrap(), "pods.rate that holds").0, "error");
}

#[test]
fn a_name_that_xml_cannot_say_is_said_all_the_same() {
    let mut run = run();
    run.judged[0].group = "<pods> & \"more\"\u{1}".to_owned();
    let xml = of_run(&run).xml().unwrap();
    assert_eq!(came(&xml, "startup of <pods> & \"more\"\u{fffd}").0, "system-out");
}
