//! The layout of `experiment.json`, against a committed one, and what is refused.

use std::{collections::BTreeMap, fs};

use measure::{search, statistics::verdict::Better};
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::{WarningClass, run};

/// A record of version 1 as it lies in people's folders. When a field changes, version 1 must still be read from this.
const COMMITTED: &str = include_str!("../../testdata/experiment-v1.json");

fn comparison() -> Comparison {
    Comparison {
        verdict: Verdict::Helps,
        n: 6,
        ratio: 1.84,
        interval: Interval { low: 1.71, high: 1.97, level: 0.96875 },
        equivalence: Interval { low: 1.75, high: 1.93, level: 0.90625 },
        p_value: 0.03125,
        needed: None,
    }
}

fn trial(path: &str, lambda: f64) -> Trial {
    Trial {
        path: path.to_owned(),
        values: BTreeMap::from([(Metric::Lambda, lambda), (Metric::CpuPerOperation, 0.031)]),
        warnings: vec![Warning {
            name: "quick".to_owned(),
            class: WarningClass::Warn,
            value: 20.0,
            threshold: 40.0,
            advice: "Search without --quick.".to_owned(),
        }],
        seen: BTreeMap::new(),
        seconds: 240.5,
    }
}

fn plan() -> Plan {
    let subject = |name: &str, qps: u32| {
        Subject::new(name, Some(json!({"flags": {"kube-scheduler": {"kube-api-qps": qps}}})))
    };
    Plan {
        scenario: Scenario { name: "pod-churn".to_owned(), text_sha256: "5f".repeat(32) },
        arms: Arms { baseline: subject("defaults", 50), candidate: subject("defaults-unthrottled", 5000) },
        differences: vec!["flags.kube-scheduler.kube-api-qps: 50 -> 5000".to_owned()],
        design: Design::Capacity { pilots: Arms { baseline: 40.0, candidate: 80.0 }, most: None },
        primary: Metric::Lambda,
        secondaries: None,
        better: Better::Higher,
        band: 0.03,
        alpha: 0.05,
        pairs: Pairs::Exactly(6),
        seed: 7,
        control: None,
    }
}

fn sample() -> ExperimentRecord {
    let search = search::Plan {
        from: search::From::Bracket { low: 45.0, high: 65.0 },
        bracket: 1.05,
        repeats: false,
        most: None,
        probes: Some(6),
        hold: false,
        overload: false,
    };
    ExperimentRecord {
        schema_version: SCHEMA_VERSION,
        kind: ExperimentKind::Experiment,
        run_id: "20261122-143000-pod-churn-3f2a".to_owned(),
        ended: Some(Finished::AllPairs),
        loadgen_version: "0.1.0".to_owned(),
        command: vec!["loadgen".to_owned(), "compare".to_owned()],
        start: Timestamp::UNIX_EPOCH,
        host: Host {
            kernel: "Linux 6.18".to_owned(),
            cpus: 2,
            memory_bytes: Some(24 << 30),
            cgroup_version: Some(1),
        },
        plan: plan(),
        pairs: vec![Pair {
            number: 1,
            attempt: 1,
            order: Order::CandidateFirst,
            seed: u64::MAX,
            load: Load::Search(search),
            trials: Arms { baseline: trial("trials/002", 41.25), candidate: trial("trials/001", 1.0 / 3.0) },
            left_out: Some("the baseline's trial is void: late-sends".to_owned()),
        }],
        unpaired: None,
        looks: vec![Look { pairs: 6, valid: 6, alpha: 0.05, comparison: Some(comparison()) }],
        verdict: Some(comparison()),
        bootstrap: None,
        secondaries: vec![Secondary {
            metric: Metric::CpuPerOperation,
            comparison: comparison(),
            adjusted_p_value: 0.03125,
            differs: true,
        }],
        warnings: Vec::new(),
    }
}

#[test]
fn version_1_is_written_and_read_as_committed() {
    let written = serde_json::to_string_pretty(&sample()).unwrap();
    assert_eq!(written, COMMITTED.trim_end(), "{written}");
    assert_eq!(serde_json::from_str::<ExperimentRecord>(COMMITTED).unwrap(), sample());
}

#[test]
fn record_in_its_folder_is_read_as_it_was_written() {
    let base = TempDir::new().unwrap();
    let folder = Folder::create(base.path(), "experiment-1").unwrap();
    folder.write_experiment(&ExperimentRecord { ended: None, ..sample() }).unwrap();
    folder.write_experiment(&sample()).unwrap();
    let again = Folder::open(folder.path()).unwrap();
    assert_eq!(again.read_experiment().unwrap(), sample());
    assert!(Folder::open(&base.path().join("nowhere")).is_err());
}

fn refusal(json: &str) -> String {
    let base = TempDir::new().unwrap();
    let folder = Folder::create(base.path(), "it").unwrap();
    fs::write(folder.path().join("experiment.json"), json).unwrap();
    let error = folder.read_experiment().unwrap_err();
    error.to_string().replace(&folder.path().display().to_string(), "it")
}

#[test]
fn what_is_no_record_of_an_experiment_is_refused() {
    assert_eq!(refusal(&COMMITTED[..COMMITTED.len() / 2]), "it/experiment.json is cut off or is no record");
    assert_eq!(refusal(""), "it/experiment.json is cut off or is no record");
    assert_eq!(
        refusal(include_str!("../../testdata/run-v1.json")),
        "it/experiment.json is a record of kind run of version 1; needed is experiment of version 1"
    );
    // A version that nobody knows has fields that nobody knows.
    let newer = COMMITTED.replacen("\"schema_version\": 1", "\"schema_version\": 2, \"moon\": true", 1);
    assert_eq!(
        refusal(&newer),
        "it/experiment.json is a record of kind experiment of version 2; needed is experiment of version 1"
    );
    let unknown = COMMITTED.replacen("\"band\"", "\"bend\"", 1);
    assert_eq!(refusal(&unknown), "it/experiment.json is cut off or is no record");
}

#[test]
fn run_is_read_and_an_experiment_is_none() {
    let base = TempDir::new().unwrap();
    let folder = Folder::create(base.path(), "it").unwrap();
    folder.write_run(&run::tests::sample()).unwrap();
    assert_eq!(crate::read_run(folder.path()).unwrap(), run::tests::sample());
    fs::write(folder.path().join("run.json"), COMMITTED).unwrap();
    let error = crate::read_run(folder.path()).unwrap_err();
    assert!(matches!(error, Error::OtherRecord { .. }), "{error}");
}

#[test]
fn schema_describes_every_field_of_the_record() {
    let schema = schema();
    let described = schema["properties"].as_object().unwrap();
    assert!(described.values().all(|property| property["description"].is_string()), "{schema:#}");
    let record = serde_json::to_value(sample()).unwrap();
    assert!(record.as_object().unwrap().keys().all(|name| described.contains_key(name)), "{schema:#}");
    assert_eq!(schema["additionalProperties"], false);
}

#[test]
fn control_passes_when_it_comes_out_as_it_must() {
    let passed = |control, verdict: Option<Verdict>| {
        let verdict = verdict.map(|verdict| Comparison { verdict, ..comparison() });
        ExperimentRecord { verdict, plan: Plan { control, ..plan() }, ..sample() }.control_passed()
    };
    let all = [Verdict::Helps, Verdict::Hurts, Verdict::Equivalent, Verdict::Inconclusive].map(Some);
    assert_eq!(all.map(|it| passed(Some(Control::Aa), it)), [false, false, true, true].map(Some));
    assert_eq!(all.map(|it| passed(Some(Control::KnownBad), it)), [false, true, false, false].map(Some));
    assert_eq!(passed(Some(Control::Aa), None), Some(false), "an experiment without a verdict shows nothing");
    assert_eq!(passed(None, Some(Verdict::Helps)), None);
}

#[test]
fn only_a_candidate_that_is_shown_to_be_worse_hurts() {
    assert!(!sample().hurts() && sample().is_valid());
    let worse = Comparison { verdict: Verdict::Hurts, ..comparison() };
    assert!(ExperimentRecord { verdict: Some(worse), ..sample() }.hurts());
    assert!(!ExperimentRecord { verdict: None, ..sample() }.is_valid());
}
