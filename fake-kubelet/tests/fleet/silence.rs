//! Nodes that fall silent and come back.
#![expect(clippy::unwrap_used, reason = "what fails here is the test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use fake_kubelet::{Fleet, FleetSpec, Heartbeats, Silence};
use http::Method;
use k8s_pb::{
    api::{
        coordination::v1::Lease,
        core::v1::{Node, Pod},
    },
    apimachinery::pkg::apis::meta::v1::Time,
};

use crate::cluster::{Cluster, eventually, pod};

impl Cluster {
    /// How often each node has renewed its lease since requests were last forgotten.
    fn renewals(&self) -> BTreeMap<String, usize> {
        let mut renewals = BTreeMap::new();
        for request in self.server.requests() {
            if request.method == Method::PUT && request.path.contains("/leases/") {
                *renewals.entry(request.common_name().to_owned()).or_default() += 1;
            }
        }
        renewals
    }

    /// Takes a node for dead, as the node lifecycle controller does.
    fn write_off(&self, name: &str) {
        let mut node: Node = self.server.get("", name).unwrap();
        let at = self.clock.wall(self.clock.now()).as_second();
        let conditions = &mut node.status.as_mut().unwrap().conditions;
        let ready = conditions.iter_mut().find(|it| it.r#type() == "Ready").unwrap();
        ready.status = Some("Unknown".to_owned());
        ready.last_transition_time = Some(Time { seconds: Some(at), nanos: None });
        self.server.put(&node);
    }
}

/// Nodes that renew their leases every second.
fn lively(cluster: &Cluster, nodes: u32) -> FleetSpec {
    let mut spec = cluster.spec(nodes, 2);
    spec.node.heartbeats = Heartbeats { lease_seconds: 4, ..Heartbeats::default() };
    spec
}

#[tokio::test]
async fn thirty_of_a_hundred_nodes_fall_silent_and_come_back() {
    let cluster = Cluster::start().await;
    let fleet = Fleet::start(lively(&cluster, 100)).unwrap();
    eventually("every node is ready", || fleet.progress().ready == 100).await;
    eventually("every node has a lease", || cluster.server.list::<Lease>().len() == 100).await;
    cluster.server.put(&pod("p", "n-3"));
    eventually("a pod runs", || fleet.progress().pods_started == 1).await;

    fleet.silence(0..30, Silence::Network).unwrap();
    eventually("their connections are closed", || cluster.server.open_connections() == 70).await;
    assert_eq!(fleet.progress().nodes_silent, 30);
    cluster.server.clear_requests();
    let twice = |renewals: &BTreeMap<String, usize>| renewals.values().filter(|times| **times >= 2).count();
    eventually("the others renew theirs twice", || twice(&cluster.renewals()) == 70).await;
    let silent: BTreeSet<String> = (0..30).map(|index| format!("system:node:n-{index}")).collect();
    let heard = cluster.server.requests();
    assert!(heard.iter().all(|request| !silent.contains(request.common_name())));
    cluster.delete_pod("p").await;

    cluster.server.clear_requests();
    fleet.resume(0..30).unwrap();
    eventually("all of them renew their leases", || cluster.renewals().len() == 100).await;
    eventually("the pod that was deleted meanwhile is gone", || fleet.progress().pods_gone == 1).await;
    assert!(cluster.server.list::<Pod>().is_empty());
    let requests = cluster.server.requests();
    let registers = requests.iter().any(|it| it.method == Method::POST && it.path == "/api/v1/nodes");
    assert!(!registers, "they were there all along");
    let back =
        requests.iter().filter(|it| silent.contains(it.common_name())).map(null_apiserver::Logged::line);
    let watches: Vec<String> = back.filter(|line| line.contains("watch=true")).collect();
    assert!(watches.len() >= 30, "{watches:?}");
    let goes_on = |line: &String| line.contains("resourceVersion=") && !line.contains("sendInitialEvents");
    assert!(watches.iter().all(goes_on), "{watches:?}");
    let progress = fleet.progress();
    assert_eq!((progress.started, progress.nodes_silent, progress.leases_missed), (100, 0, 0));
    assert_eq!(progress.failed_requests, 0, "{progress:?}");
    let report = fleet.stop().await;
    assert_eq!(report.written_off, []);
    assert_eq!(report.traffic.connections, 130);
}

#[tokio::test]
async fn who_was_written_off_in_silence_is_told_from_a_false_alarm() {
    let cluster = Cluster::start().await;
    let fleet = Fleet::start(lively(&cluster, 3)).unwrap();
    eventually("every node is ready", || fleet.progress().ready == 3).await;
    fleet.silence(1..2, Silence::Network).unwrap();
    eventually("its connection is closed", || cluster.server.open_connections() == 2).await;
    // The wall clock of a condition has seconds.
    tokio::time::sleep(Duration::from_secs(2)).await;
    cluster.write_off("n-1");
    cluster.write_off("n-2");
    eventually("n-2 has seen it", || fleet.progress().nodes_written_off == 1).await;
    assert_eq!(fleet.progress().false_alarms(), 1);
    fleet.resume(1..2).unwrap();
    eventually("n-1 has seen it", || fleet.progress().silences_detected == 1).await;
    let report = fleet.stop().await;
    let written_off: BTreeMap<&str, bool> =
        report.written_off.iter().map(|it| (&*it.node, it.silent_for.is_some())).collect();
    assert_eq!(written_off, BTreeMap::from([("n-1", true), ("n-2", false)]));
    assert_eq!(report.progress.false_alarms(), 1);
}

#[tokio::test]
async fn a_machine_without_power_boots_when_it_has_some() {
    let cluster = Cluster::start().await;
    let fleet = Fleet::start(lively(&cluster, 3)).unwrap();
    eventually("every node is ready", || fleet.progress().ready == 3).await;
    cluster.server.put(&pod("p", "n-1"));
    eventually("a pod runs", || fleet.progress().pods_started == 1).await;
    fleet.silence(0..2, Silence::Power).unwrap();
    eventually("their connections are closed", || cluster.server.open_connections() == 1).await;
    cluster.server.clear_requests();
    fleet.resume(1..2).unwrap();
    eventually("its pod is taken over", || fleet.progress().pods_adopted == 1).await;
    let registrations = || {
        let requests = cluster.server.requests();
        let registers = requests.iter().filter(|it| it.method == Method::POST && it.path == "/api/v1/nodes");
        registers.map(|it| it.common_name().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(registrations(), ["system:node:n-1"]);
    let progress = fleet.progress();
    assert_eq!((progress.started, progress.nodes_silent), (3, 1), "n-0 is still without");
    fleet.stop().await;
}

#[tokio::test]
async fn a_range_that_is_not_all_there_is_left_alone() {
    let cluster = Cluster::start().await;
    let fleet = Fleet::start(lively(&cluster, 3)).unwrap();
    eventually("every node is ready", || fleet.progress().ready == 3).await;
    let error = fleet.silence(2..4, Silence::Network).unwrap_err().to_string();
    assert_eq!(error, "there is no node 3; the fleet has 3");
    assert_eq!(fleet.replace(7..9).unwrap_err().to_string(), "there is no node 7; the fleet has 3");
    fleet.resume(0..3).unwrap();
    let progress = fleet.stop().await.progress;
    assert_eq!((progress.nodes_silent, progress.nodes_replaced), (0, 0));
}
