//! Every scenario that comes with the program does to a real control plane what it says, as that control plane's own audit log has it.
//!
//! Scenarios run small (see `shrunk`), some at a time on one control plane; those that do something to the control plane itself have
//! one of their own, one after the other beside it.

mod own;
mod shrunk;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
    thread,
};

use control_plane::audit::{self, Entry};
use serde_json::Value;

use self::shrunk::shrunk;
use crate::support::{Bench, Running, arg, kubectl, output};

/// Who asks.
#[derive(Clone, Copy, Debug)]
enum Who {
    /// A ServiceAccount of the run's drivers.
    Driver,
    /// A node of the run.
    Node,
    /// Somebody of the control plane, about something in the run's namespaces.
    Component(&'static str),
}

/// At least so many requests: who, verb, resource with its subresource, how many.
type Wanted = (Who, &'static str, &'static str, usize);

use Who::{Component, Driver, Node};

const SCHEDULER: Who = Component("system:kube-scheduler");
const JOB_CONTROLLER: Who = Component("system:serviceaccount:kube-system:job-controller");

/// What is to be seen of those that share a control plane.
const SHARED: &[(&str, &[Wanted])] = &[
    (
        "audit-load",
        &[
            (Driver, "get", "configmaps", 10),
            (Driver, "patch", "configmaps", 5),
            (Driver, "create", "configmaps", 5),
            (Driver, "list", "configmaps", 1),
        ],
    ),
    ("big-list", &[(Driver, "list", "configmaps", 5)]),
    (
        "bulk-delete",
        &[
            (Driver, "delete", "namespaces", 1),
            (Driver, "deletecollection", "configmaps", 1),
            (Driver, "create", "pods", 20),
        ],
    ),
    ("custom-resources", &[(Driver, "patch", "widgets/status", 20), (Driver, "watch", "widgets", 1)]),
    (
        "event-storm",
        &[(Driver, "create", "events", 10), (Driver, "patch", "events", 5), (Driver, "create", "pods", 10)],
    ),
    ("informer-herd", &[(Driver, "list", "secrets", 20), (Driver, "watch", "secrets", 20)]),
    (
        "job-churn",
        &[
            (Driver, "create", "jobs", 10),
            (JOB_CONTROLLER, "create", "pods", 10),
            (JOB_CONTROLLER, "update", "jobs/status", 10),
        ],
    ),
    ("namespace-density", &[(Driver, "list", "pods", 20), (SCHEDULER, "create", "pods/binding", 50)]),
    ("node-flap", &[(Node, "update", "leases", 6), (Driver, "watch", "nodes", 1)]),
    ("node-heartbeat", &[(Node, "create", "leases", 6), (Node, "update", "leases", 6)]),
    (
        "noisy-tenant",
        &[
            (Driver, "list", "configmaps", 5),
            (Driver, "create", "pods", 10),
            (Driver, "patch", "configmaps", 10),
        ],
    ),
    (
        "observability-clients",
        &[
            (Driver, "watch", "pods", 5),
            (Driver, "watch", "nodes", 5),
            (Driver, "list", "events", 5),
            (Driver, "create", "pods", 10),
        ],
    ),
    ("one-namespace", &[(Driver, "create", "configmaps", 20), (Driver, "delete", "configmaps", 10)]),
    (
        "pod-churn",
        &[(Driver, "create", "pods", 20), (Driver, "delete", "pods", 10), (Node, "patch", "pods/status", 20)],
    ),
    ("scheduler-burst", &[(Driver, "create", "pods", 20), (SCHEDULER, "create", "pods/binding", 20)]),
    ("scheduler-burst-affinity", &[(SCHEDULER, "create", "pods/binding", 20)]),
    ("scheduler-burst-anti-affinity", &[(SCHEDULER, "create", "pods/binding", 20)]),
    ("scheduler-burst-spread", &[(SCHEDULER, "create", "pods/binding", 20)]),
    (
        "service-fanout",
        &[
            (Driver, "create", "services", 1),
            (Driver, "update", "endpointslices", 20),
            (Driver, "watch", "endpointslices", 5),
        ],
    ),
    ("slow-watchers", &[(Driver, "watch", "configmaps", 12), (Driver, "patch", "configmaps", 20)]),
    (
        "volumes",
        &[
            (Driver, "create", "persistentvolumeclaims", 10),
            (Driver, "create", "persistentvolumes", 10),
            (Driver, "delete", "persistentvolumeclaims", 5),
        ],
    ),
    ("watch-fanout-many", &[(Driver, "watch", "configmaps", 8), (Driver, "patch", "configmaps", 20)]),
    ("watch-fanout", &[(Driver, "watch", "configmaps", 8), (Driver, "patch", "configmaps", 20)]),
];

/// Small as they are, they wait most of the time.
const AT_ONCE: usize = 4;

/// Kinds of which something could be left that no namespace takes with it.
const CLUSTER_WIDE: &str = "namespaces,nodes,csinodes,customresourcedefinitions,clusterroles,clusterrolebindings,persistentvolumes,\
                            volumeattachments,storageclasses,priorityclasses,flowschemas,prioritylevelconfigurations,\
                            validatingwebhookconfigurations";

#[test]
fn every_scenario_shows_in_the_audit_log_and_leaves_nothing_on_a_cluster_that_it_shares() {
    let bench = Bench::new();
    let own = Bench::beside();
    let mut up = Running::start(bench.with_binaries(&[
        "up",
        "--profile",
        "defaults-unthrottled",
        "--nodes",
        "60",
        "--audit",
    ]));
    let export = up.line_with("export KUBECONFIG=");
    let kubeconfig = PathBuf::from(export.strip_prefix("export KUBECONFIG=").unwrap());
    up.line_with("is ready");
    let there = || -> BTreeSet<String> {
        kubectl(&kubeconfig, &["get", CLUSTER_WIDE, "-o", "name"]).lines().map(str::to_owned).collect()
    };
    let before = there();
    let waiting = Mutex::new(SHARED.iter());
    let runs = Mutex::new(Vec::new());
    thread::scope(|scope| {
        scope.spawn(|| own::try_all(&own));
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                // Bound first: the lock is not to be held while a scenario runs.
                while let Some((name, wanted)) = next(&waiting) {
                    let record = run_on(&bench, &kubeconfig, name);
                    runs.lock().unwrap().push((*name, record, *wanted));
                }
            });
        }
    });
    assert_eq!(there(), before, "what was there before is there, and nothing else");
    let log = find(kubeconfig.parent().unwrap(), "audit.log");
    let entries = audit::read(&log).unwrap();
    let runs = runs.into_inner().unwrap();
    let missing = runs.iter().flat_map(|(name, record, wanted)| missing(name, record, wanted, &entries));
    let missing: Vec<String> = missing.collect();
    assert!(missing.is_empty(), "{missing:#?}");
    up.signal("INT");
    up.wait();
    bench.assert_nothing_left();
}

#[test]
fn every_scenario_is_tried_on_a_control_plane() {
    let tried: BTreeSet<&str> = SHARED.iter().map(|(name, _)| *name).chain(own::names()).collect();
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    // What is in a folder there is of no catalogue.
    let files = files.filter(|path| path.is_file());
    let names: BTreeSet<String> =
        files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(tried, names.iter().map(String::as_str).collect());
}

fn next<'a, T>(waiting: &Mutex<impl Iterator<Item = &'a T>>) -> Option<&'a T> {
    waiting.lock().unwrap().next()
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios"))
}

/// A scenario of the catalogue, made small, as a user's own file; its path.
fn small(bench: &Bench, name: &str) -> PathBuf {
    let text = fs::read_to_string(folder().join(format!("{name}.toml"))).unwrap();
    bench.file(&format!("{name}.toml"), &shrunk(&text))
}

/// Runs a scenario on a control plane that is there, and returns the run's record.
fn run_on(bench: &Bench, kubeconfig: &Path, name: &str) -> Value {
    let (ca, key) = (kubeconfig.with_file_name("ca.crt"), kubeconfig.with_file_name("ca.key"));
    let mut command =
        bench.command(&["run", arg(&small(bench, name)), "--duration", "6s", "--yes", "--json"]);
    command.args(["--kubeconfig", arg(&kubeconfig), "--ca-cert", arg(&ca), "--ca-key", arg(&key)]);
    record(name, command)
}

/// The record that a run prints. On a busy machine criteria break and the harness is late; that the load was there is seen elsewhere.
fn record(name: &str, command: std::process::Command) -> Value {
    let (code, stdout, stderr) = output(command);
    assert!(matches!(code, Some(0 | 3 | 4)), "{name} ends with {code:?}: {stderr}");
    let record: Value =
        serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{name}: {error}: {stderr}"));
    // The fleet alone is no load.
    for load in record["loads"].as_array().into_iter().flatten() {
        let Some(operations) = load["operations"].as_object() else { continue };
        let count = |what: &str| operations[what].as_u64().unwrap();
        assert_eq!(count("offered"), count("there") + count("gone") + count("failed"), "{name}: {load}");
    }
    record
}

/// A file below a folder.
fn find(folder: &Path, name: &str) -> PathBuf {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|it| it == name) {
                return path;
            }
        }
    }
    panic!("no {name} in {}", folder.display());
}

fn run_id(record: &Value) -> &str {
    record["run_id"].as_str().unwrap()
}

fn check(name: &str, record: &Value, wanted: &[Wanted], entries: &[Entry]) {
    let missing = missing(name, record, wanted, entries);
    assert!(missing.is_empty(), "{missing:#?}");
}

/// What the server has not seen often enough.
fn missing(name: &str, record: &Value, wanted: &[Wanted], entries: &[Entry]) -> Vec<String> {
    let run = run_id(record);
    let mut missing = Vec::new();
    for &(who, verb, resource, least) in wanted {
        let seen = entries.iter().filter(|entry| is_by(entry, who, run) && is_about(entry, verb, resource));
        let seen = seen.map(|entry| entry.audit_id.as_str()).collect::<BTreeSet<&str>>().len();
        if seen < least {
            let (loads, warnings) = (&record["loads"], &record["warnings"]);
            missing.push(format!(
                "{name}: {seen} times {who:?} {verb} {resource}, {least} wanted; {loads} {warnings}"
            ));
        }
    }
    missing
}

fn is_by(entry: &Entry, who: Who, run: &str) -> bool {
    let user = entry.user.username.as_str();
    match who {
        Driver => user.starts_with(&format!("system:serviceaccount:loadgen-{run}:")),
        Node => user.starts_with(&format!("system:node:{run}-")),
        Component(name) => {
            let in_run = |namespace: &str| namespace.starts_with(&format!("loadgen-{run}"));
            user == name && entry.object_ref.as_ref().is_some_and(|object| in_run(&object.namespace))
        }
    }
}

/// Whether it was done: what was refused is no load that anybody meant.
fn is_about(entry: &Entry, verb: &str, resource: &str) -> bool {
    let code = entry.response_status.map_or(0, |status| status.code);
    let Some(object) = entry.object_ref.as_ref().filter(|_| entry.verb == verb && code < 400) else {
        return false;
    };
    match resource.split_once('/') {
        Some((resource, subresource)) => object.resource == resource && object.subresource == subresource,
        None => object.resource == resource && object.subresource.is_empty(),
    }
}
