//! Several of what there may be several of, etcds of their own, CPUs, and what a profile brings along: seen from the server's side.

use std::fs;

use control_plane::{Applied, ControlPlane, Objects, ProcessInfo, Snapshot};
use profile::Component;
use serde_json::Value;
use tokio::time::{Duration, sleep, timeout};

use super::{every_component_serves_metrics, kubectl, leaders_are_elected, options, processes_in, work_dir};

/// Three members, events apart, two of each that is elected, some of them on a CPU.
const HIGHLY_AVAILABLE: [&str; 6] = [
    "topology.etcd-members=3",
    "topology.events-etcd=true",
    "topology.schedulers=2",
    "topology.controller-managers=2",
    "cpu.etcd=0",
    "cpu.scheduler=0",
];

#[tokio::test(flavor = "multi_thread")]
async fn three_members_and_two_leaders_to_be_outlive_one_of_each() {
    let options = options("available", &HIGHLY_AVAILABLE);
    let work = work_dir(&options);
    let plane = ControlPlane::start(options).await.unwrap();
    let names: Vec<String> = plane.processes().into_iter().map(|process| process.name).collect();
    let expected = [
        "etcd",
        "etcd-1",
        "etcd-2",
        "etcd-events",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-controller-manager-1",
        "kube-scheduler",
        "kube-scheduler-1",
    ];
    assert_eq!(names, expected);
    each_component_is_on_its_cpus(&plane);
    leaders_are_elected(&plane);
    kubectl(&plane, "create namespace kept");
    kubectl(&plane, "wait --for=create --timeout=60s -n kept serviceaccount/default");
    every_component_serves_metrics(&plane).await;
    assert_eq!(members(&plane).await, [3; 3]);
    events_are_in_an_etcd_of_their_own(&plane).await;
    let died = plane.died();
    tokio::pin!(died);
    let follower = plane.instance(&follower(&plane).await).unwrap();
    plane.kill_component(follower).await.unwrap();
    kubectl(&plane, "create namespace without-a-member");
    plane.compact().await.unwrap();
    plane.start_component(follower).await.unwrap();
    assert_eq!(members(&plane).await, [3; 3]);
    plane.defragment().await.unwrap();
    the_other_scheduler_leads_when_one_goes(&plane).await;
    let early = timeout(Duration::from_millis(50), &mut died).await;
    assert!(early.is_err(), "{early:?}");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("snapshot");
    let snapshot = plane.snapshot(&path).await.unwrap();
    plane.stop().await.unwrap();
    assert_eq!(processes_in(&work), [""; 0]);
    assert!(!work.exists());
    starts_again_with_other_numbers_of_members(&snapshot).await;
}

/// One member instead of three; the events are still in an etcd of their own.
async fn starts_again_with_other_numbers_of_members(snapshot: &Snapshot) {
    let databases: Vec<&str> = snapshot.manifest().databases.keys().map(String::as_str).collect();
    assert_eq!(databases, ["etcd-events.db", "etcd.db"]);
    let mut alone = options("alone", &[]);
    alone.restore = Some(snapshot.path().to_owned());
    let error = ControlPlane::start(alone).await.unwrap_err().to_string();
    assert!(error.contains("it has etcd-events.db, etcd.db"), "{error}");

    let mut two = options("two-members", &["topology.etcd-members=2", "topology.events-etcd=true"]);
    two.restore = Some(snapshot.path().to_owned());
    let plane = ControlPlane::start(two).await.unwrap();
    assert_eq!(kubectl(&plane, "get namespace kept -o name").trim(), "namespace/kept");
    assert!(kubectl(&plane, "get events -n kept -o name").contains("event/"), "events were restored");
    assert_eq!(members(&plane).await, [2; 2]);
    plane.stop().await.unwrap();
}

/// What of a process' threads Linux says they may run on (proc(5)).
fn allowed(process: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
    line.trim().to_owned()
}

fn each_component_is_on_its_cpus(plane: &ControlPlane) {
    for ProcessInfo { name, pid, cpus, .. } in plane.processes() {
        let confined = name.starts_with("etcd") || name.starts_with("kube-scheduler");
        assert_eq!(cpus.as_deref(), confined.then_some("0"), "{name}");
        let expected = if confined { "0".to_owned() } else { allowed("self") };
        assert_eq!(allowed(&pid.to_string()), expected, "{name}");
    }
}

/// The metrics of each member of the first etcd, by its name.
async fn main_etcd(plane: &ControlPlane) -> Vec<(String, String)> {
    let answers = plane.metrics().read_all().await.into_iter();
    let etcds =
        answers.filter(|it| it.source.component == Component::Etcd && it.source.process != "etcd-events");
    etcds.map(|it| (it.source.process, it.text.unwrap())).collect()
}

/// How many members each member knows of, itself among them.
async fn members(plane: &ControlPlane) -> Vec<usize> {
    let known =
        |text: &str| text.lines().filter(|line| line.starts_with("etcd_network_known_peers{")).count();
    main_etcd(plane).await.iter().map(|(_, text)| known(text)).collect()
}

/// A member without which the others go on as if nothing were.
async fn follower(plane: &ControlPlane) -> String {
    let etcds = main_etcd(plane).await.into_iter();
    let mut followers = etcds.filter(|(_, text)| text.contains("\netcd_server_is_leader 0\n"));
    followers.next_back().unwrap().0
}

/// The scheduler that leads, by its own metrics.
async fn leader(plane: &ControlPlane) -> Option<String> {
    let answers = plane.metrics().read_all().await.into_iter();
    let mut schedulers = answers.filter(|it| it.source.component == Component::Scheduler);
    let leads = "leader_election_master_status{name=\"kube-scheduler\"} 1";
    schedulers.find(|it| it.text.as_ref().is_ok_and(|text| text.contains(leads))).map(|it| it.source.process)
}

async fn the_other_scheduler_leads_when_one_goes(plane: &ControlPlane) {
    let first = leader(plane).await.unwrap();
    plane.stop_component(plane.instance(&first).unwrap()).await.unwrap();
    let other = timeout(Duration::from_secs(30), async {
        loop {
            if let Some(other) = leader(plane).await {
                return other;
            }
            sleep(Duration::from_millis(100)).await;
        }
    });
    assert_ne!(other.await.unwrap(), first);
    plane.start_component(plane.instance(&first).unwrap()).await.unwrap();
}

/// An apiserver that keeps events elsewhere writes them there.
async fn events_are_in_an_etcd_of_their_own(plane: &ControlPlane) {
    let event = serde_json::json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": { "name": "ours", "namespace": "kept" },
        "involvedObject": { "kind": "Namespace", "name": "kept", "namespace": "kept" },
        "reason": "Tested",
    });
    let file = plane.work_dir().join("event.json");
    fs::write(&file, event.to_string()).unwrap();
    let before = keys(plane).await;
    kubectl(plane, &format!("create -f {}", file.display()));
    let after = keys(plane).await;
    assert!(after > before, "{before} keys before, {after} after");
}

/// How many keys the events' etcd has.
async fn keys(plane: &ControlPlane) -> f64 {
    let answers = plane.metrics().read_all().await.into_iter();
    let text = answers.filter(|it| it.source.process == "etcd-events").find_map(|it| it.text.ok()).unwrap();
    let total = text.lines().find_map(|line| line.strip_prefix("etcd_debugging_mvcc_keys_total ")).unwrap();
    total.trim().parse().unwrap()
}

/// As a profile writes them.
const BRINGS_ALONG: &str = r#"
about = "x"
extends = "defaults"

[topology]
leases-etcd = true

[apiserver.feature-gates]
WatchList = false

[etcd.feature-gates]
TxnModeWriteWithSharedBuffer = false

[scheduler.flags]
kube-api-qps = 300

[scheduler.config]
percentageOfNodesToScore = 10

[audit]
rules = [{ level = "Metadata", resources = [{ group = "example.com" }] }]

[admission.PodSecurity]
apiVersion = "pod-security.admission.config.k8s.io/v1"
kind = "PodSecurityConfiguration"
defaults = { enforce = "restricted" }

[apf.priority-levels.workload-low.limited]
nominalConcurrencyShares = 21

[apf.flow-schemas.ours]
matchingPrecedence = 777
priorityLevelConfiguration = { name = "workload-low" }

[[manifest]]
text = '''
apiVersion: example.com/v1
kind: Widget
metadata: {name: first, namespace: ours}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
---
apiVersion: v1
kind: Namespace
metadata: {name: ours}
'''
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_a_profile_says_beside_flags_is_what_the_components_do() {
    let mut options = options("brings", &[]);
    options.profile = profile::from_text("p.toml", BRINGS_ALONG).unwrap();
    let profile = options.profile.clone();
    let plane = ControlPlane::start(options).await.unwrap();
    leaders_are_elected(&plane);

    // Gates, from where the components say what they run with.
    let gate = |process: &str, name: &str| {
        let port = secure_port(&plane, process);
        let metrics = kubectl(&plane, &format!("--server https://127.0.0.1:{port} get --raw /metrics"));
        let line = metrics.lines().find(|line| {
            line.starts_with("kubernetes_feature_enabled{") && line.contains(&format!("name=\"{name}\""))
        });
        line.unwrap().rsplit(' ').next().unwrap().to_owned()
    };
    assert_eq!(gate("kube-apiserver", "WatchList"), "0");
    let etcd = main_etcd(&plane).await.swap_remove(0).1;
    let gate = "etcd_server_feature_enabled{name=\"TxnModeWriteWithSharedBuffer\",stage=\"BETA\"} 0";
    assert!(etcd.contains(gate), "{etcd}");

    let port = secure_port(&plane, "kube-scheduler");
    let configured = kubectl(&plane, &format!("--server https://127.0.0.1:{port} get --raw /configz"));
    let configured: Value = serde_json::from_str(&configured).unwrap();
    let configured = &configured["componentconfig"];
    assert_eq!(configured["percentageOfNodesToScore"], 10, "{configured}");
    assert_eq!(configured["clientConnection"]["qps"], 300, "{configured}");
    assert_eq!(configured["leaderElection"]["leaderElect"], true, "{configured}");

    assert_eq!(shares(&plane), "21/false");
    let schema = kubectl(&plane, "get flowschema ours -o jsonpath={.spec.matchingPrecedence}");
    assert_eq!(schema, "777");
    assert_eq!(kubectl(&plane, "get widgets -n ours -o name").trim(), "widget.example.com/first");
    kubectl(&plane, "wait --for=create --timeout=60s -n ours serviceaccount/default");
    let pod = "run bare -n ours --image=x --dry-run=server -o name";
    assert!(refusal(&plane, pod).contains("restricted"));
    let audited = fs::read_to_string(plane.audit_log().unwrap()).unwrap();
    assert!(audited.contains("\"resource\":\"widgets\"") && !audited.contains("\"resource\":\"pods\""));

    can_be_taken_back(&plane, &profile).await;
    plane.stop().await.unwrap();
}

/// Once more, as on a cluster that others use.
async fn can_be_taken_back(plane: &ControlPlane, profile: &profile::Profile) {
    let file = kube::config::Kubeconfig::read_from(plane.kubeconfig()).unwrap();
    let options = kube::config::KubeConfigOptions::default();
    let config = kube::Config::from_custom_kubeconfig(file, &options).await.unwrap();
    let client = kube::Client::try_from(config).unwrap();
    kubectl(plane, "delete crd widgets.example.com");
    kubectl(plane, "delete flowschema ours");
    let by_hand = r#"{"spec":{"limited":{"nominalConcurrencyShares":33}}}"#;
    kubectl(plane, &format!("patch prioritylevelconfiguration workload-low --type=merge -p {by_hand}"));
    let mut applied = Applied::default();
    Objects::of(profile).unwrap().apply(&client, &mut applied).await.unwrap();
    assert_eq!(shares(plane), "21/false");
    assert_eq!(kubectl(plane, "get widgets -n ours -o name").trim(), "widget.example.com/first");
    applied.remove(&client).await.unwrap();
    assert_eq!(kubectl(plane, "get crd -o name"), "");
    assert_eq!(kubectl(plane, "get flowschema ours --ignore-not-found -o name"), "");
    assert_eq!(shares(plane), "33/false");

    let unknown = "about = \"x\"\nextends = \"defaults\"\n[[manifest]]\ntext = \"{apiVersion: example.com/v2, kind: Gadget, \
                   metadata: {name: g}}\"";
    let unknown = profile::from_text("q.toml", unknown).unwrap();
    let error = Objects::of(&unknown).unwrap().apply(&client, &mut Applied::default()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "q.toml:4:8: Gadget g cannot be applied: the server knows no kind Gadget of example.com/v2"
    );
}

/// The shares of a priority level of the apiserver's own, and whether the apiserver would change them back.
fn shares(plane: &ControlPlane) -> String {
    let shares = "{.spec.limited.nominalConcurrencyShares}";
    let updated = r"{.metadata.annotations.apf\.kubernetes\.io/autoupdate-spec}";
    kubectl(plane, &format!("get prioritylevelconfiguration workload-low -o jsonpath={shares}/{updated}"))
}

fn secure_port(plane: &ControlPlane, process: &str) -> u16 {
    let process = plane.processes().into_iter().find(|it| it.name == process).unwrap();
    let port = process.argv.iter().find_map(|argument| argument.strip_prefix("--secure-port=")).unwrap();
    port.parse().unwrap()
}

/// What kubectl says to what is refused.
fn refusal(plane: &ControlPlane, arguments: &str) -> String {
    let program = plane.binaries().kubectl().unwrap_or_else(|| "kubectl".into());
    let mut command = std::process::Command::new(program);
    let output =
        command.arg("--kubeconfig").arg(plane.kubeconfig()).args(arguments.split(' ')).output().unwrap();
    assert!(!output.status.success(), "{arguments}");
    String::from_utf8(output.stderr).unwrap()
}
