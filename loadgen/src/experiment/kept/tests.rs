//! Folders of runs against folders of runs.

use std::collections::BTreeMap;

use measure::Summary;
use record::{
    Fleet, Folder, Goodput, Host, KindRecord, PodStartup, ProcessUse, Profile, Requests, RunKind, Target,
    TargetKind,
};
use serde_json::json;
use tempfile::TempDir;

use super::*;

fn summary(n: u64, p50: f64) -> Summary {
    Summary { n, p50: Some(p50), p99: Some(3.0 * p50), ..Summary::default() }
}

fn kind(verb: &str, n: u64, p50: f64) -> KindRecord {
    KindRecord {
        verb: verb.to_owned(),
        resource: "pods".to_owned(),
        offered: n,
        done: n,
        errors: BTreeMap::new(),
        response: summary(n, 9.0),
        service: summary(n, p50),
        lateness: Summary::default(),
    }
}

/// A run whose control plane took so many CPU-seconds for 1,000 operations.
fn run(cpu: f64) -> RunRecord {
    let used = |cpu_seconds| ProcessUse {
        cpu_seconds,
        cpu_cores_mean: cpu_seconds / 50.0,
        rss_max_bytes: 1_000_000,
        write_bytes: Some(50_000),
        ..ProcessUse::default()
    };
    RunRecord {
        schema_version: record::SCHEMA_VERSION,
        kind: RunKind::Run,
        run_id: "it".to_owned(),
        ended: Ended::Completed,
        loadgen_version: "0.1.0".to_owned(),
        command: Vec::new(),
        seed: 1,
        scenario: record::Scenario {
            name: "pod-churn".to_owned(),
            text: String::new(),
            resolved: json!({"load": [{"rate": 20}]}),
        },
        profile: Some(Profile {
            name: "defaults".to_owned(),
            resolved: json!({"flags": {"etcd": {"v": 1}}}),
        }),
        target: Target { kind: TargetKind::Local, server: "https://127.0.0.1:1".to_owned(), context: None },
        components: Vec::new(),
        versions: BTreeMap::new(),
        host: Host { kernel: "Linux 6.8.0".to_owned(), cpus: 2, ..Host::default() },
        fleet: Fleet { nodes: 200, ready: 200, preset: "kubelet".to_owned(), identities: "ca".to_owned() },
        driver_identities: 16,
        phases: Vec::new(),
        loads: Vec::new(),
        limited_by: Vec::new(),
        faults: Vec::new(),
        requests: Requests { drivers: vec![kind("create", 600, 0.01)], fleet: Vec::new() },
        goodput: Some(Goodput::new(
            1000,
            990,
            std::time::Duration::from_secs(10),
            std::time::Duration::from_secs(50),
        )),
        pods: None,
        pod_startup: Some(PodStartup { total: summary(600, 1.5), ..PodStartup::default() }),
        resources: BTreeMap::from([
            ("etcd".to_owned(), used(cpu / 4.0)),
            ("kube-apiserver".to_owned(), used(cpu * 0.75)),
            ("harness".to_owned(), used(1000.0)),
        ]),
        judged: Vec::new(),
        harness_cpus: None,
        harness_cpu_share: None,
        component_metrics: serde_json::Map::new(),
        warnings: Vec::new(),
    }
}

#[test]
fn what_an_operation_cost_is_of_rates_and_the_slowest_disk_of_several_decides() {
    let mut run = run(50.0);
    for (member, p99) in [("etcd-0", 0.004), ("etcd-1", 0.012)] {
        let said = json!({ "wal_fsync_p99_seconds": p99 });
        run.component_metrics.insert(member.to_owned(), said);
    }
    let values = metrics::values(&run);
    // One core for 20 operations a second.
    assert!((values[&Metric::CpuPerOperation] - 0.05).abs() < 1e-9, "{values:?}");
    assert_eq!(values.get(&Metric::EtcdFsyncP99), Some(&0.012));
}

fn keep(base: &Path, side: &str, runs: &[RunRecord]) -> PathBuf {
    for (number, run) in runs.iter().enumerate() {
        let folder = Folder::create(&base.join(side), &format!("run-{number}")).unwrap();
        folder.write_run(run).unwrap();
    }
    base.join(side)
}

fn five(cpu: f64) -> Vec<RunRecord> {
    [0.98, 0.99, 1.0, 1.01, 1.02].map(|noise| run(cpu * noise)).to_vec()
}

fn compare_runs(before: &[RunRecord], after: &[RunRecord]) -> anyhow::Result<(ExperimentRecord, String)> {
    let base = TempDir::new().unwrap();
    let (before, after) = (keep(base.path(), "before", before), keep(base.path(), "after", after));
    let found = compare_records(&before, &after, None);
    found.map_err(|error| {
        let text = format!("{error:#}").replace(&base.path().display().to_string(), "");
        anyhow::anyhow!(text)
    })
}

fn refusal(change: impl Fn(&mut RunRecord)) -> String {
    let mut after = five(30.0);
    after.iter_mut().for_each(change);
    compare_runs(&five(30.0), &after).unwrap_err().to_string()
}

#[test]
fn change_is_found_between_two_folders_of_runs() {
    let mut after = five(40.0);
    for run in &mut after {
        run.versions = BTreeMap::from([("etcd".to_owned(), "3.6.8".to_owned())]);
        run.loadgen_version = "0.2.0".to_owned();
        run.profile =
            Some(Profile { name: "tuned".to_owned(), resolved: json!({"flags": {"etcd": {"v": 2}}}) });
    }
    let (record, text) = compare_runs(&five(30.0), &after).unwrap();
    let first = "`tuned` hurts: CPU per operation 1.33x (95 % 1.29 to 1.37, 5 trials of each)\n";
    assert!(text.starts_with(first), "{text}");
    assert!(text.contains("\nwarning drift-not-controlled: the runs of one side came before"), "{text}");
    assert!(text.contains("before  ") && text.contains("run-4  "), "{text}");
    assert!(record.hurts() && record.is_valid());
    assert_eq!(
        record.plan.differences,
        ["flags.etcd.v: 1 -> 2", "etcd: ? -> 3.6.8", "loadgen: 0.1.0 -> 0.2.0"]
    );
    let json = serde_json::to_string(&record).unwrap();
    assert!(serde_json::from_str::<ExperimentRecord>(&json).unwrap().hurts());
}

#[test]
fn runs_without_a_difference_are_equivalent_and_may_be_of_one_profile() {
    let (record, text) = compare_runs(&five(30.0), &five(30.0)).unwrap();
    assert!(!record.hurts(), "{text}");
    assert!(record.secondaries.iter().all(|secondary| !secondary.differs), "{text}");
}

#[test]
fn runs_of_different_scenarios_loads_hosts_or_targets_are_refused() {
    let end = ": their figures cannot be compared";
    for (error, expected) in [
        (refusal(|run| run.scenario.name = "big-list".to_owned()), "scenarios (pod-churn, big-list)"),
        (refusal(|run| run.fleet.nodes = 100), "loads (200 nodes, 100 nodes)"),
        (refusal(|run| run.scenario.resolved = json!({"load": [{"rate": 25}]})), "loads (20.0/s, 20.0/s)"),
        (refusal(|run| run.host.cpus = 8), "hosts (Linux 6.8.0 with 2 CPUs, Linux 6.8.0 with 8 CPUs)"),
        (
            refusal(|run| run.target.context = Some("kind".to_owned())),
            "targets (a control plane of this machine, kind)",
        ),
    ] {
        assert_eq!(error, format!("/before/run-0 and /after/run-0 are of different {expected}{end}"));
    }
    let mixed = [five(30.0), vec![RunRecord { profile: None, ..run(30.0) }]].concat();
    let error = compare_runs(&mixed, &five(30.0)).unwrap_err().to_string();
    assert_eq!(error, "/before/run-0 and /before/run-5 are on one side and of different profiles");
}

#[test]
fn fewer_than_four_valid_runs_of_a_side_are_refused() {
    let mut after = five(30.0);
    after[0].ended = Ended::Interrupted;
    let (record, _) = compare_runs(&five(30.0), &after).unwrap();
    let names: Vec<&str> = record.warnings.iter().map(|warning| warning.name.as_str()).collect();
    assert_eq!(names, ["drift-not-controlled", "runs-left-out"]);
    after[1].warnings.push(Warning {
        name: "late-sends".to_owned(),
        class: WarningClass::Invalid,
        value: 1.0,
        threshold: 0.0,
        advice: String::new(),
    });
    let error = compare_runs(&five(30.0), &after).unwrap_err().to_string();
    let expected = "5 valid runs with a CPU per operation before and 3 after: 4 of each are the least that can show a \
                    difference at 5 %";
    assert_eq!(error, expected);
}

#[test]
fn folder_of_one_run_is_one_run_and_a_folder_of_none_is_an_error() {
    let base = TempDir::new().unwrap();
    let side = keep(base.path(), "side", &five(30.0));
    assert_eq!(read(&side.join("run-3")).unwrap().len(), 1);
    assert_eq!(read(&side).unwrap().len(), 5);
    let error = |path: &Path| format!("{:#}", compare_records(path, &side, None).unwrap_err());
    assert!(error(&side.join("run-3/logs")).contains("there is no run.json in "));
    assert!(error(&base.path().join("nowhere")).starts_with("cannot list "));
    assert!(
        format!("{:#}", compare_records(&side, &side, Some(Metric::Lambda)).unwrap_err())
            .contains("no lambda*")
    );
}

#[test]
fn figures_of_a_run_are_those_of_its_control_plane() {
    let mut run = run(30.0);
    let close = |found: Option<&f64>, expected: f64| {
        let found = found.copied().unwrap_or_default();
        assert!((found / expected - 1.0).abs() < 1e-9, "{found} for {expected}");
    };
    let values = metrics::values(&run);
    // 1,000 operations; the harness itself is not the control plane.
    close(values.get(&Metric::CpuPerOperation), 0.03);
    close(values.get(&Metric::BytesWritten), 100.0);
    close(values.get(&Metric::MemoryPeak), 2e6);
    close(values.get(&Metric::Goodput), 19.8);
    // From the send, and not from the intended start.
    close(values.get(&Metric::ServiceP50), 0.01);
    close(values.get(&Metric::PodStartupP99), 4.5);
    assert!(!values.contains_key(&Metric::Lambda) && !values.contains_key(&Metric::EtcdFsyncP99));

    // Kinds count by how many they are; one in a hundred does not count.
    run.requests.drivers = vec![kind("create", 600, 0.01), kind("delete", 300, 0.04), kind("list", 9, 5.0)];
    close(metrics::values(&run).get(&Metric::ServiceP50), 0.02);
    run.requests.drivers[1].service.p99 = None;
    assert!(!metrics::values(&run).contains_key(&Metric::ServiceP99), "not of one kind only");
    run.resources.clear();
    run.goodput = None;
    let left: Vec<Metric> = metrics::values(&run).into_keys().collect();
    let of_requests = [Metric::WriteP50, Metric::ListP50, Metric::ListP99, Metric::Errors];
    assert_eq!(
        left,
        [&[Metric::ServiceP50, Metric::PodStartupP50, Metric::PodStartupP99], of_requests.as_slice()]
            .concat()
    );
}
