//! A fleet beside a control plane whose parts end and come back: nodes stay Ready, and pods go on.

use std::{collections::BTreeSet, process::Command, sync::Arc, thread, time::Duration};

use control_plane::{
    ControlPlane, Options,
    audit::{self, Entry},
};
use fake_kubelet::{
    Fleet, FleetSpec, Heartbeats, Identities, KUBELET_PORT, Latencies, Limits, NodeSpec, Preset,
};
use identity::Authority;
use measure::Clock;
use profile::Component;
use wire::Endpoint;

use crate::support::{Bench, PATIENCE, eventually, kubectl};

const NODES: u32 = 100;
const APP: &str = "churn";

/// A control plane that gives up two of a hundred connections by itself, and no component of which ends for want of another.
fn options(bench: &Bench) -> Options {
    let mut profile = profile::load("defaults").unwrap();
    for setting in [
        "audit.level=Metadata",
        "apiserver.flags.goaway-chance=0.02",
        "scheduler.flags.leader-elect=false",
        "controller-manager.flags.leader-elect=false",
    ] {
        profile.set(setting).unwrap();
    }
    Options {
        profile,
        port: None,
        bin_dir: None,
        log_dir: Some(bench.path().join("logs")),
        restore: None,
        shim: vec![env!("CARGO_BIN_EXE_loadgen").into(), "supervised".into()],
        progress: Arc::new(|_| {}),
        run_id: format!("outages-{}", std::process::id()),
    }
}

fn fleet(plane: &ControlPlane) -> Fleet {
    let read = |path| std::fs::read_to_string(path).unwrap();
    let (ca, key) = (read(plane.ca_cert()), read(plane.ca_key()));
    Fleet::start(FleetSpec {
        endpoint: Endpoint::new(plane.server(), Some(ca.as_bytes())).unwrap(),
        identities: Identities::Ca(Arc::new(Authority::from_pem(&ca, &key).unwrap())),
        proxy: None,
        serving: None,
        nodes: NODES,
        name_prefix: "fake-".to_owned(),
        node: NodeSpec {
            kubelet_version: format!("v{}", plane.versions().kubernetes),
            cpu: "8".to_owned(),
            memory: "32Gi".to_owned(),
            max_pods: 110,
            labels: [("loadgen.run".to_owned(), "test".to_owned())].into(),
            taints: Vec::new(),
            latencies: Latencies::default(),
            classes: Preset::KubeletOnly.classes(),
            limits: Limits::default(),
            heartbeats: Heartbeats::default(),
            kubelet_port: KUBELET_PORT,
            rotation: None,
        },
        start_rate: "20/s".parse().unwrap(),
        start_at_once: None,
        shards: 1,
        seed: 7,
        clock: Clock::start(),
    })
    .unwrap()
}

/// The nodes that have renewed their leases in `entries`.
fn renewed(entries: &[Entry]) -> BTreeSet<&str> {
    let renewals =
        entries.iter().filter(|entry| entry.verb == "update" && entry.user_agent.starts_with("kubelet/"));
    let renewals =
        renewals.filter(|entry| entry.object_ref.as_ref().is_some_and(|object| object.resource == "leases"));
    let accepted = renewals.filter(|entry| entry.response_status.is_some_and(|status| status.code == 200));
    accepted.map(|entry| entry.user.username.as_str()).collect()
}

/// Waits until every node has renewed its lease from now on.
fn wait_for_leases(plane: &ControlPlane) {
    let log = plane.audit_log().unwrap();
    let before = audit::read(log).unwrap().len();
    eventually("every node renews its lease", PATIENCE, || {
        thread::sleep(Duration::from_secs(1));
        renewed(&audit::read(log).unwrap()[before..]).len() == NODES as usize
    });
}

/// Waits until a Deployment of a size runs.
fn scale(plane: &ControlPlane, replicas: u32) {
    let replicas = replicas.to_string();
    kubectl(plane.kubeconfig(), &["scale", "deployment", APP, "--replicas", &replicas]);
    kubectl(plane.kubeconfig(), &["rollout", "status", "deployment", APP, "--timeout=120s"]);
}

#[test]
fn nodes_stay_ready_while_the_apiserver_and_etcd_restart() {
    wire::install_crypto_provider();
    let bench = Bench::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut options = options(&bench);
    options.bin_dir = Some(crate::support::binaries().to_owned());
    let plane = runtime.block_on(ControlPlane::start(options)).unwrap();
    let fleet = fleet(&plane);
    eventually("every node is ready", PATIENCE, || fleet.progress().ready == u64::from(NODES));
    kubectl(plane.kubeconfig(), &["create", "deployment", APP, "--image=registry.k8s.io/pause:3.10.1"]);
    scale(&plane, 50);
    wait_for_leases(&plane);

    for (component, size) in [(Component::Apiserver, 100), (Component::Etcd, 20)] {
        runtime.block_on(plane.restart(component)).unwrap();
        let ready = || {
            let ask = ["get", "--raw", "/readyz"];
            let program = crate::support::binaries().join("kubectl");
            let answer =
                Command::new(program).arg("--kubeconfig").arg(plane.kubeconfig()).args(ask).output().unwrap();
            answer.status.success()
        };
        eventually("the apiserver is ready", PATIENCE, ready);
        wait_for_leases(&plane);
        scale(&plane, size);
    }

    let progress = fleet.progress();
    let path = r#"jsonpath={range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}"#;
    let statuses = kubectl(plane.kubeconfig(), &["get", "nodes", "-o", path]);
    assert_eq!(statuses.lines().filter(|status| *status == "True").count(), NODES as usize, "{progress:?}");
    let not_ready = ["get", "events", "-A", "--field-selector=reason=NodeNotReady", "-o", "name"];
    assert_eq!(kubectl(plane.kubeconfig(), &not_ready), "", "{progress:?}");
    runtime.block_on(fleet.stop());
    runtime.block_on(plane.stop()).unwrap();
    assert!(bench.processes().is_empty());
}
