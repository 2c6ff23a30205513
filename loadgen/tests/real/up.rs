//! `loadgen up` with a fleet beside it: a cluster that stock kubectl can use.

use std::{path::Path, time::Duration};

use crate::support::{
    Bench, PATIENCE, Running, arg, discovered, eventually, fake_kubelet, fetch, kubectl, listens,
    metrics_address, output, words,
};

const DEPLOYMENT: &str = r#"{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
    "replicas": 6, "selector": {"matchLabels": {"app": "web"}}, "template": {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "a", "image": "a:1"}, {"name": "b", "image": "b:1"}]}}}}"#;

#[test]
fn pods_of_a_deployment_run_on_the_fleet_and_kill_leaves_nothing() {
    let bench = Bench::new();
    let args = ["up", "--nodes", "12", "--metrics-addr", "127.0.0.1:0"];
    let mut up = Running::start(bench.with_binaries(&args));
    let metrics = metrics_address(&up.line_with("metrics: "));
    let export = up.line_with("export KUBECONFIG=");
    let kubeconfig = Path::new(export.strip_prefix("export KUBECONFIG=").unwrap());
    let line = up.line_with("fake-kubelet --nodes 12");
    for file in ["ca.crt", "ca.key"] {
        assert!(kubeconfig.with_file_name(file).is_file(), "{file} is beside the kubeconfig");
    }
    let server = up.line_with("is ready");
    let port: u16 =
        words(&server).into_iter().find_map(|word| word.rsplit(':').next()?.parse().ok()).unwrap();
    assert!(listens(port));
    check_metrics(&metrics);

    let mut command = fake_kubelet();
    command.args(&words(&line)[1..]);
    let mut fleet = Running::start(command);
    fleet.line_with("12 ready");
    let manifest = bench.file("web.json", DEPLOYMENT);
    kubectl(kubeconfig, &["apply", "-f", manifest.to_str().unwrap()]);
    kubectl(kubeconfig, &["rollout", "status", "deployment/web", "--timeout=120s"]);
    let pods = kubectl(kubeconfig, &["get", "pods", "-o", "wide", "--no-headers"]);
    assert_eq!(
        pods.lines().filter(|pod| pod.contains("2/2") && pod.contains("Running")).count(),
        6,
        "{pods}"
    );
    kubectl(kubeconfig, &["delete", "deployment", "web", "--wait=true"]);
    eventually("pods are gone", PATIENCE, || kubectl(kubeconfig, &["get", "pods", "-o", "name"]).is_empty());

    // Started again, the fleet takes its nodes over.
    fleet.signal("INT");
    assert_eq!(fleet.wait().0.code(), Some(130));
    let mut command = fake_kubelet();
    command.args(&words(&line)[1..]);
    let mut again = Running::start(command);
    again.line_with("12 ready");
    assert_eq!(kubectl(kubeconfig, &["get", "nodes", "-o", "name"]).lines().count(), 12);
    again.signal("INT");
    again.wait();

    up.signal("KILL");
    let (status, _) = up.wait();
    assert_eq!(status.code(), None, "killed");
    eventually("etcd and apiserver die with loadgen", Duration::from_secs(2), || {
        bench.processes().is_empty() && !listens(port)
    });

    // Only the work folder is left, and clean removes it.
    let cleaned = bench.command(&["clean"]).output().unwrap();
    assert!(String::from_utf8_lossy(&cleaned.stdout).contains("removed"));
    bench.assert_nothing_left();
}

/// Every component can be scraped without a credential, where Prometheus is told.
fn check_metrics(address: &str) {
    let found = discovered(address);
    let components = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"];
    let all: Vec<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(all, [&components[..], &["loadgen"]].concat());
    for component in components {
        let said = fetch(address, &found[component]);
        assert!(said.contains("\nprocess_start_time_seconds "), "{component}: {said}");
    }
    let ours = fetch(address, &found["loadgen"]);
    assert!(ours.contains("loadgen_run_start_timestamp_seconds{"), "{ours}");
}

/// A cluster that is not ours: nodes are kept apart by a taint, and everything is removed afterwards.
#[test]
fn a_run_against_a_kubeconfig_leaves_the_cluster_as_it_was() {
    let bench = Bench::new();
    let mut up = Running::start(bench.with_binaries(&["up"]));
    let export = up.line_with("export KUBECONFIG=");
    let kubeconfig = Path::new(export.strip_prefix("export KUBECONFIG=").unwrap());
    up.line_with("is ready");
    let (ca_cert, ca_key) = (kubeconfig.with_file_name("ca.crt"), kubeconfig.with_file_name("ca.key"));
    let cluster = ["--kubeconfig", arg(&kubeconfig), "--ca-cert", arg(&ca_cert), "--ca-key", arg(&ca_key)];
    let run = ["run", "pod-churn", "--nodes", "10", "--rate", "2", "--duration", "5s", "--json"];
    let run = [&run[..], &["--metrics-addr", "127.0.0.1:0"]].concat();

    let (code, _, stderr) = output(bench.command(&[&run[..], &cluster[..]].concat()));
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("--yes"), "it asks before it loads a cluster: {stderr}");

    let mut command = Running::start(bench.command(&[&run[..], &cluster[..], &["--yes"]].concat()));
    let metrics = metrics_address(&command.line_with("metrics: "));
    command.line_with("warm-up:");
    assert_eq!(discovered(&metrics).into_keys().collect::<Vec<_>>(), ["kube-apiserver", "loadgen"]);
    let said = fetch(&metrics, "/components/kube-apiserver/metrics");
    assert!(said.contains("\napiserver_request_total{"), "its apiserver is asked as the admin");
    let taints = kubectl(kubeconfig, &["get", "nodes", "-o", "jsonpath={.items[*].spec.taints[*].key}"]);
    assert_eq!(words(&taints), ["loadgen/virtual"; 10]);
    let (status, text) = command.wait();
    assert_eq!(status.code(), Some(0), "{text}");
    let start = text.find('{').unwrap();
    // What is told on stderr is in the same text: in the end, where the report is.
    let json: String = text[start..].lines().filter(|line| !line.starts_with("report: ")).collect();
    let record: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(record["pods"]["deleted"], record["pods"]["offered"], "{record}");
    assert_eq!(record["target"]["kind"], "kubeconfig");

    assert_eq!(kubectl(kubeconfig, &["get", "nodes", "-o", "name"]), "");
    let namespaces = kubectl(kubeconfig, &["get", "namespaces", "-o", "name"]);
    assert!(!namespaces.contains("loadgen"), "{namespaces}");
    let leases = kubectl(kubeconfig, &["get", "leases", "-n", "kube-node-lease", "-o", "name"]);
    assert_eq!(leases, "");
    let (code, stdout, _) = output(bench.command(&["clean", "--yes", "--kubeconfig", arg(&kubeconfig)]));
    assert_eq!(code, Some(0));
    assert!(stdout.contains("nothing left on"), "{stdout}");
    let (code, stdout, _) =
        output(bench.command(&["doctor", "--nodes", "10", "--kubeconfig", arg(&kubeconfig)]));
    assert_eq!(code, Some(0), "{stdout}");
    assert!(stdout.contains("may create namespaces"), "{stdout}");

    up.signal("INT");
    assert_eq!(up.wait().0.code(), Some(130));
    bench.assert_nothing_left();
}
