//! `loadgen saturate` and `compare` on real control planes, as far as a minute goes: the searches themselves are tested where the
//! capacity is known.

use std::{path::Path, process::ExitStatus};

use serde_json::Value;

use crate::support::{Bench, Running, arg, fetch, metrics_address, only_entry};

/// Pods that live for a second, so that every window is short.
fn short_lived(bench: &Bench) -> String {
    let churn = include_str!("../../../scenarios/pod-churn.toml");
    let path = bench.file("short.toml", &churn.replace("lifetime = \"10s\"", "lifetime = \"1s\""));
    arg(&path).to_owned()
}

fn stop(running: Running) -> (ExitStatus, String) {
    running.signal("INT");
    running.wait()
}

fn read(folder: &Path, name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap()
}

/// Interrupts a search when its first step is in its record. `None` where the machine was so busy that the harness was late in that
/// step: then the search is over before it could be interrupted, and says so.
fn interrupted(bench: &Bench) -> Option<String> {
    let scenario = short_lived(bench);
    let args =
        ["saturate", &scenario, "--quick", "--nodes", "10", "--from", "2/s", "--set", "storage.medium=tmpfs"];
    let args = [&args[..], &["--metrics-addr", "127.0.0.1:0"]].concat();
    let mut search = Running::start(bench.with_binaries(&args));
    let metrics = metrics_address(&search.line_with("metrics: "));
    let line = search.line_with(" done)");
    if line.contains("the harness could not offer it") {
        let (status, output) = search.wait();
        assert_eq!(status.code(), Some(4), "{output}");
        assert!(output.contains("harness-limited: "), "{output}");
        return None;
    }
    search.line_with(": measure");
    let ours = fetch(&metrics, "/metrics");
    for family in ["loadgen_trial{", "loadgen_operations_succeeded_total{", "loadgen_nodes{"] {
        assert!(ours.contains(&format!("\n{family}")), "{family} in {ours}");
    }
    assert!(
        fetch(&metrics, "/components/etcd/metrics").contains("\netcd_disk_wal_fsync_duration_seconds_count ")
    );
    let (status, output) = stop(search);
    assert_eq!(status.code(), Some(130), "{output}");
    std::net::TcpStream::connect(&metrics).unwrap_err();
    let kept = record::metrics::read(&only_entry(&bench.path().join("loadgen-runs"))).unwrap();
    assert!(kept.cut.is_none() && kept.family("apiserver_request_total").is_some());
    bench.assert_nothing_left();
    Some(output)
}

#[test]
fn a_search_that_was_interrupted_goes_on_where_it_stopped() {
    let mut tries = std::iter::repeat_with(Bench::new).take(3);
    let found = tries.find_map(|bench| interrupted(&bench).map(|output| (bench, output)));
    let (bench, output) =
        found.unwrap_or_else(|| panic!("this machine is too busy: the harness was late three times"));
    let folder = only_entry(&bench.path().join("loadgen-runs"));
    assert!(output.contains("to go on: loadgen saturate --resume loadgen-runs/"), "{output}");
    let before = read(&folder, "search.json");
    let trials = before["trials"].as_array().unwrap();
    assert_eq!(
        (before["ended"].as_str(), trials[0]["task"]["kind"].as_str()),
        (Some("interrupted"), Some("ramp"))
    );
    check_trial(&trials[0]);

    let mut again = Running::start(bench.command(&["saturate", "--resume", arg(&folder)]));
    // What was tried is not tried again.
    let line = again.line_with(" at ");
    assert!(!line.contains(&format!("ramp at {:.2}", trials[0]["task"]["at"].as_f64().unwrap())), "{line}");
    again.line_with(" done)");
    again.line_with(": ");
    let (status, output) = stop(again);
    assert_eq!(status.code(), Some(130), "{output}");
    bench.assert_nothing_left();
    let after = read(&folder, "search.json");
    assert!(after["trials"].as_array().unwrap().len() > trials.len(), "{output}");
    assert_eq!(after["trials"][0], trials[0], "what was known is as it was, to the last digit");
    assert_eq!((&after["run_id"], &after["settings"]), (&before["run_id"], &before["settings"]));
    let kept = record::metrics::read(&folder).unwrap();
    let trials = &kept.family("loadgen_trial").unwrap().series[0];
    assert_eq!((kept.cut, trials.gone().count()), (None, 0), "it goes on in the same file");
}

fn check_trial(trial: &Value) {
    let done = trial["goodput"]["good"].as_u64().unwrap();
    let kinds: Vec<&str> = trial["requests"]["drivers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|kind| kind["verb"].as_str().unwrap())
        .collect();
    assert!(done > 0 && kinds.contains(&"create"), "{trial}");
    for process in ["etcd", "kube-apiserver", "kube-scheduler", "kube-controller-manager", "harness"] {
        assert!(trial["resources"][process]["cpu_seconds"].as_f64().unwrap() > 0.0, "{process} in {trial}");
    }
    let criteria: Vec<&str> = trial["judged"]
        .as_array()
        .unwrap()
        .iter()
        .map(|judged| judged["criterion"].as_str().unwrap())
        .collect();
    for criterion in ["startup", "slow", "errors"] {
        assert!(criteria.contains(&criterion), "{criteria:?}");
    }
}

#[test]
fn a_comparison_that_was_interrupted_in_the_middle_of_a_pair_keeps_whole_pairs_only() {
    let bench = Bench::new();
    let scenario = short_lived(&bench);
    let args = [
        "compare",
        &scenario,
        "--at",
        "5/s",
        "--nodes",
        "10",
        "--duration",
        "10s",
        "--pairs",
        "6",
        "--profile",
        "defaults",
        "--profile",
        "defaults-unthrottled",
        "--set",
        "storage.medium=tmpfs",
    ];
    let mut experiment = Running::start(bench.with_binaries(&args));
    experiment.line_with("pair 1 of 6");
    experiment.line_with("pair 1 of 6");
    // The second trial of the pair: the first is not in the record, for it is nothing without the other.
    experiment.line_with("nodes:");
    let (status, output) = stop(experiment);
    assert_eq!(status.code(), Some(130), "{output}");
    bench.assert_nothing_left();
    let folder = only_entry(&bench.path().join("loadgen-runs"));
    let before = read(&folder, "experiment.json");
    assert_eq!(before["pairs"], Value::Array(Vec::new()), "{output}");
    assert!(before["plan"]["differences"].as_array().unwrap().len() >= 4, "{before}");
    let first = only_completed(&folder.join("trials"));
    assert_eq!(first["pods"]["failed"], 0, "{first}");
    assert!(output.contains("to go on: loadgen compare --resume loadgen-runs/"), "{output}");
}

/// The record of the one trial that came to its end.
fn only_completed(trials: &Path) -> Value {
    let entries = std::fs::read_dir(trials).unwrap().map(|entry| entry.unwrap().path());
    let done: Vec<_> = entries.filter(|path| path.join("run.json").is_file()).collect();
    let [only] = done.as_slice() else { panic!("{done:?}") };
    read(only, "run.json")
}
