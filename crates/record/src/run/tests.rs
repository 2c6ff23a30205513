//! The layout of `run.json`, against a committed one.

use std::collections::BTreeSet;

use measure::{ErrorClass, statistics::Judgement};
use serde_json::json;

use super::*;
use crate::{KindRecord, TargetKind};

/// A record of version 1 as it lies in people's folders. When a field changes, version 1 must still be read from this.
const COMMITTED: &str = include_str!("../../testdata/run-v1.json");

fn summary(n: u64, figures: [f64; 3]) -> Summary {
    let [p50, p90, max] = figures.map(Some);
    Summary { n, p50, p90, p99: None, p999: None, max }
}

fn load() -> LoadRecord {
    LoadRecord {
        name: "pods".to_owned(),
        driver: "pods".to_owned(),
        judged: true,
        rate_per_second: Some(15.0),
        count: None,
        goodput: None,
        response: summary(59, [1.1, 1.5, 2.0]),
        watch_lag: None,
        operations: None,
        figures: BTreeMap::new(),
    }
}

fn creations() -> KindRecord {
    KindRecord {
        verb: "create".to_owned(),
        resource: "pods".to_owned(),
        offered: 61,
        done: 60,
        errors: BTreeMap::from([(ErrorClass::TooManyRequests, 1)]),
        response: summary(59, [0.01, 0.02, 0.03]),
        service: summary(59, [0.009, 0.019, 0.029]),
        lateness: summary(60, [0.0001, 0.0002, 0.0003]),
    }
}

fn fault() -> FaultRecord {
    FaultRecord {
        name: "refusals".to_owned(),
        resource: "pods".to_owned(),
        asked: 61,
        denied: 1,
        code: Some(500),
        delay_seconds: Some(0.1),
    }
}

fn limit() -> Limit {
    Limit {
        component: "etcd".to_owned(),
        resource: "WAL fsync".to_owned(),
        figure: 0.041,
        threshold: 0.01,
        text: "etcd: WAL fsync p99 41.0 ms, threshold 10.0 ms".to_owned(),
    }
}

pub(crate) fn sample() -> RunRecord {
    let start: Timestamp = "2026-11-22T14:30:00.5Z".parse().unwrap();
    RunRecord {
        schema_version: SCHEMA_VERSION,
        kind: RunKind::Run,
        run_id: "20261122-143000-pod-churn-3f2a".to_owned(),
        ended: Ended::Completed,
        loadgen_version: "0.1.0".to_owned(),
        command: vec!["loadgen".to_owned(), "run".to_owned(), "pod-churn".to_owned()],
        seed: 7,
        scenario: Scenario {
            name: "pod-churn".to_owned(),
            text: "about = \"Pods come and go.\"\n".to_owned(),
            resolved: json!({"about": "Pods come and go."}),
        },
        profile: Some(Profile {
            name: "defaults".to_owned(),
            resolved: json!({"versions": {"etcd": "3.6.8"}}),
        }),
        target: Target {
            kind: TargetKind::Local,
            server: "https://127.0.0.1:6443".to_owned(),
            context: None,
        },
        components: vec![Component {
            name: "etcd".to_owned(),
            argv: vec!["etcd".to_owned(), "--name=a".to_owned()],
            cpus: Some("0".to_owned()),
        }],
        versions: BTreeMap::from([("etcd".to_owned(), "3.6.8".to_owned())]),
        host: Host {
            kernel: "Linux 6.8.0".to_owned(),
            cpus: 2,
            memory_bytes: Some(25_769_803_776),
            cgroup_version: Some(2),
        },
        fleet: Fleet { nodes: 100, ready: 100, preset: "kubelet".to_owned(), identities: "ca".to_owned() },
        driver_identities: 16,
        phases: vec![
            PhaseRecord { phase: Phase::Prepare, start, seconds: 12.5 },
            PhaseRecord { phase: Phase::WarmUp, start, seconds: 30.0 },
        ],
        loads: vec![load()],
        faults: vec![fault()],
        requests: Requests { drivers: vec![creations()], fleet: Vec::new() },
        goodput: Some(Goodput::new(61, 59, Duration::from_secs(10), Duration::from_secs(4))),
        pods: Some(Pods {
            offered: 61,
            running: 20,
            deleted: 39,
            failed: 2,
            failed_by_reason: BTreeMap::from([
                ("create refused".to_owned(), 1),
                ("not started".to_owned(), 1),
            ]),
        }),
        pod_startup: Some(PodStartup { total: summary(59, [1.1, 1.5, 2.0]), ..PodStartup::default() }),
        resources: BTreeMap::from([(
            "harness".to_owned(),
            ProcessUse {
                cpu_seconds: 2.0,
                cpu_cores_mean: 0.5,
                rss_max_bytes: 50_000_000,
                read_bytes: Some(0),
                write_bytes: None,
            },
        )]),
        harness_cpu_share: Some(0.25),
        harness_cpus: Some("1-3".to_owned()),
        component_metrics: serde_json::Map::from_iter([(
            "etcd".to_owned(),
            serde_json::json!({ "wal_fsync_p99_seconds": 0.004 }),
        )]),
        judged: vec![Judged {
            criterion: "startup".to_owned(),
            group: "operations".to_owned(),
            judgement: Judgement::Holds,
            value: 0.002,
            limit: 0.01,
            low: Some(0.0005),
            high: Some(0.006),
            n: 790.0,
            few_samples: false,
        }],
        limited_by: vec![limit()],
        warnings: vec![Warning {
            name: "few-samples".to_owned(),
            class: WarningClass::Warn,
            value: 60.0,
            threshold: 459.0,
            advice: "Measure for longer.".to_owned(),
        }],
    }
}

#[test]
fn version_1_is_written_and_read_as_committed() {
    let written = serde_json::to_string_pretty(&sample()).unwrap();
    assert_eq!(written, COMMITTED.trim_end(), "{written}");
    assert_eq!(serde_json::from_str::<RunRecord>(COMMITTED).unwrap(), sample());
}

#[test]
fn a_record_from_before_a_list_was_kept_is_read_without_it() {
    let mut old: serde_json::Value = serde_json::from_str(COMMITTED).unwrap();
    for list in ["loads", "faults", "limited_by", "judged", "component_metrics"] {
        assert!(old.as_object_mut().unwrap().remove(list).is_some(), "{list}");
    }
    let read: RunRecord = serde_json::from_value(old).unwrap();
    assert!(read.loads.is_empty() && read.faults.is_empty() && read.limited_by.is_empty());
}

#[test]
fn unknown_and_missing_fields_are_refused() {
    let unknown = COMMITTED.replacen("\"seed\"", "\"sed\"", 1);
    let error = serde_json::from_str::<RunRecord>(&unknown).unwrap_err().to_string();
    assert!(error.contains("unknown field `sed`"), "{error}");
    let missing = COMMITTED.replacen("  \"seed\": 7,\n", "", 1);
    let error = serde_json::from_str::<RunRecord>(&missing).unwrap_err().to_string();
    assert!(error.contains("missing field `seed`"), "{error}");
}

#[test]
fn the_schema_describes_every_field_of_the_record() {
    let schema = schema();
    let record = serde_json::to_value(sample()).unwrap();
    let described = schema["properties"].as_object().unwrap();
    let names = |object: &serde_json::Map<String, _>| object.keys().cloned().collect::<BTreeSet<String>>();
    assert_eq!(names(described), names(record.as_object().unwrap()));
    assert!(described.values().all(|property| property["description"].is_string()), "{schema:#}");
    assert_eq!(schema["additionalProperties"], false);
}

#[test]
fn pods_add_up_only_when_each_is_counted_once() {
    let pods = sample().pods.unwrap();
    assert!(pods.add_up());
    assert!(!Pods { running: 21, ..pods.clone() }.add_up());
    assert!(!Pods { failed_by_reason: BTreeMap::new(), ..pods }.add_up());
}

#[test]
fn goodput_is_per_second_of_the_window() {
    let goodput = sample().goodput.unwrap();
    assert_eq!((goodput.offered_per_second, goodput.goodput_per_second), (15.25, 14.75));
}

#[test]
fn only_an_invalid_warning_voids_a_run() {
    let mut run = sample();
    assert!(run.is_valid());
    run.warnings[0].class = WarningClass::Invalid;
    assert!(!run.is_valid());
}
