//! Fleets of a few nodes over real connections, against a server without anything behind it.

mod cluster;
mod commands;
mod endpoint;
mod proxy;
mod replacement;
mod silence;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::time::Duration;

use fake_kubelet::{Fleet, Held};
use http::Method;
use k8s_pb::api::coordination::v1::Lease;
use k8s_pb::api::core::v1::{ContainerStatus, Node, Pod};
use null_apiserver::{Action, Refusal, Rule};

use self::cluster::{Cluster, eventually, pod};

/// A pod's address, and its containers down to their ids and the times they were started.
fn what_runs(pod: &Pod) -> (String, Vec<ContainerStatus>) {
    let status = pod.status.clone().unwrap_or_default();
    (status.pod_ip.unwrap_or_default(), status.container_statuses)
}

fn status_of(pod: &Pod) -> (String, String) {
    let status = pod.status.clone().unwrap_or_default();
    (status.phase.unwrap_or_default(), status.pod_ip.unwrap_or_default())
}

/// Registration takes its time, so that those that come up at a time can be seen.
#[tokio::test]
async fn no_more_nodes_come_up_at_a_time_than_may_and_all_of_them_in_the_end() {
    let cluster = Cluster::start().await;
    let slow =
        Rule::new(Action::Delay(Duration::from_millis(200))).method(Method::POST).path("/api/v1/nodes");
    cluster.server.script(slow);
    let mut spec = cluster.spec(12, 2);
    spec.start_at_once = NonZeroU32::new(2);
    let fleet = Fleet::start(spec).unwrap();
    let mut most = 0;
    eventually("every node is ready", || {
        let progress = fleet.progress();
        most = most.max(progress.started - progress.ready);
        progress.ready == 12
    })
    .await;
    assert!((1..=4).contains(&most), "{most} nodes of two threads came up at a time");
}

#[tokio::test]
async fn twenty_nodes_register_become_ready_and_renew_their_leases() {
    let cluster = Cluster::start().await;
    let fleet = cluster.fleet(20, 2);
    eventually("every node is ready", || fleet.progress().ready == 20).await;
    eventually("every node has a lease", || cluster.server.list::<Lease>().len() == 20).await;
    let progress = fleet.progress();
    assert_eq!(
        (progress.started, progress.registered, progress.failed_requests),
        (20, 20, 0),
        "{progress:?}"
    );
    assert_eq!(cluster.server.list::<Node>().len(), 20);

    let mut connections: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    for request in cluster.server.requests() {
        let name = request.common_name().strip_prefix("system:node:").unwrap().to_owned();
        assert_eq!(request.peer.organizations, ["system:nodes"]);
        assert!(request.user_agent().starts_with("kubelet/v1.36.3 "), "{}", request.user_agent());
        let about = format!("{}{}", request.path_and_query(), String::from_utf8_lossy(&request.body));
        let concerns_all = ["services", "csidrivers", "runtimeclasses"];
        let concerns_all = concerns_all.iter().any(|plural| request.path.ends_with(plural));
        assert!(concerns_all || about.contains(&name), "{name} asks for {}", request.line());
        connections.entry(name).or_default().insert(request.peer.connection);
    }
    assert_eq!(connections.len(), 20);
    assert!(connections.values().all(|connections| connections.len() == 1), "{connections:?}");
    assert_eq!(cluster.server.connections_opened(), 20);

    let report = fleet.stop().await;
    assert_eq!(report.traffic.connections, 20);
    let creates = report.recorder.kinds().find(|(kind, _)| kind.to_string() == "create nodes").unwrap().1;
    assert_eq!((creates.ok, creates.errors.total()), (20, 0));
}

#[tokio::test]
async fn pods_run_on_their_nodes_and_go_when_they_are_deleted() {
    let cluster = Cluster::start().await;
    let fleet = cluster.fleet(3, 1);
    eventually("every node is ready", || fleet.progress().ready == 3).await;
    for index in 0..12 {
        cluster.server.put(&pod(&format!("p{index}"), &format!("n-{}", index % 3)));
    }
    eventually("every pod runs", || fleet.progress().pods_started == 12).await;
    let pods: Vec<(String, String)> = cluster.server.list::<Pod>().iter().map(status_of).collect();
    assert!(pods.iter().all(|(phase, _)| phase == "Running"), "{pods:?}");
    let addresses: BTreeSet<&String> = pods.iter().map(|(_, address)| address).collect();
    assert_eq!(addresses.len(), 12);

    for index in 0..12 {
        cluster.delete_pod(&format!("p{index}")).await;
    }
    eventually("every pod is gone", || fleet.progress().pods_gone == 12).await;
    assert!(cluster.server.list::<Pod>().is_empty());
    let requests = cluster.server.requests();
    let about_p0 = requests
        .iter()
        .filter(|request| request.path.ends_with("/p0") || request.path.ends_with("/p0/status"));
    let from_node = about_p0.filter(|request| request.common_name() == "system:node:n-0");
    let methods: Vec<&str> = from_node.map(|request| request.method.as_str()).collect();
    assert!(methods.ends_with(&["GET", "PATCH", "DELETE"]), "{methods:?}");
    fleet.stop().await;
}

#[tokio::test]
async fn what_a_fleet_holds_is_the_same_after_pods_have_come_and_gone() {
    let cluster = Cluster::start().await;
    let fleet = cluster.fleet(3, 1);
    eventually("every node is ready", || fleet.progress().ready == 3).await;
    // Five watches each; the connection has a task of its own.
    let at_rest = |held: Held| (held.tasks, held.streams) == (3 * 6, 3 * 5);
    assert!(holds(&fleet, at_rest).await, "{:?}", fleet.take().await.held);
    for index in 0..30 {
        cluster.server.put(&pod(&format!("p{index}"), &format!("n-{}", index % 3)));
    }
    eventually("every pod runs", || fleet.progress().pods_started == 30).await;
    for index in 0..30 {
        cluster.delete_pod(&format!("p{index}")).await;
    }
    eventually("every pod is gone", || fleet.progress().pods_gone == 30).await;
    let held_as_before = |held: Held| at_rest(held) && held.deadlines <= 3 * 10;
    assert!(holds(&fleet, held_as_before).await, "{:?}", fleet.take().await.held);
}

/// Whether a fleet comes to hold what it should within ten seconds.
async fn holds(fleet: &Fleet, expected: impl Fn(Held) -> bool) -> bool {
    for _ in 0..100 {
        if expected(fleet.take().await.held) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    false
}

#[tokio::test]
async fn a_second_fleet_takes_over_what_the_first_one_left() {
    let cluster = Cluster::start().await;
    let first = cluster.fleet(4, 1);
    eventually("every node is ready", || first.progress().ready == 4).await;
    for index in 0..8 {
        cluster.server.put(&pod(&format!("p{index}"), &format!("n-{}", index % 4)));
    }
    eventually("every pod runs", || first.progress().pods_started == 8).await;
    first.stop().await;
    eventually("every connection is closed", || cluster.server.open_connections() == 0).await;
    let before = cluster.server.list::<Pod>();
    let nodes = cluster.server.list::<Node>();
    cluster.server.clear_requests();

    let second = cluster.fleet(4, 2);
    eventually("every node is ready", || second.progress().ready == 4).await;
    eventually("every pod is taken over", || second.progress().pods_adopted == 8).await;
    cluster.server.put(&pod("new", "n-0"));
    eventually("a new pod runs", || second.progress().pods_started == 1).await;
    let mut after = cluster.server.list::<Pod>();
    let new =
        after.iter().position(|pod| pod.metadata.as_ref().unwrap().name.as_deref() == Some("new")).unwrap();
    let address_of_new = what_runs(&after.remove(new)).0;
    let (before, after): (Vec<_>, Vec<_>) =
        (before.iter().map(what_runs).collect(), after.iter().map(what_runs).collect());
    assert_eq!(before, after, "no pod is started again or moved");
    assert!(before.iter().all(|(address, _)| *address != address_of_new));
    let uid = |node: &Node| node.metadata.as_ref().unwrap().uid.clone();
    assert_eq!(
        nodes.iter().map(uid).collect::<Vec<_>>(),
        cluster.server.list::<Node>().iter().map(uid).collect::<Vec<_>>()
    );
    let creates = cluster
        .server
        .requests()
        .iter()
        .filter(|it| it.method == Method::POST && it.path == "/api/v1/nodes")
        .count();
    assert_eq!(creates, 4, "each node is created once and meets a conflict");

    cluster.delete_pod("p0").await;
    eventually("an adopted pod goes", || second.progress().pods_gone == 1).await;
    second.stop().await;
}

#[tokio::test]
async fn retry_after_is_obeyed() {
    let cluster = Cluster::start().await;
    let wait = Duration::from_secs(2);
    let refuse = Action::Refuse(Refusal::too_many_requests(Some(wait)));
    cluster.server.script(Rule::new(refuse).method(Method::POST).path("/api/v1/nodes").times(2));
    let fleet = cluster.fleet(1, 1);
    eventually("the node is registered", || fleet.progress().registered == 1).await;
    // A lower bound, and so true on any machine: two refusals of two seconds each. Without them it takes 0.1 s.
    assert!(cluster.clock.now() >= (wait * 2).into(), "registered at {:?}", cluster.clock.now());
    let report = fleet.stop().await;
    let creates = report.recorder.kinds().find(|(kind, _)| kind.to_string() == "create nodes").unwrap().1;
    assert_eq!((creates.ok, creates.errors.total()), (1, 2));
}

#[tokio::test]
async fn lost_connections_are_opened_again() {
    let cluster = Cluster::start().await;
    let fleet = cluster.fleet(5, 1);
    eventually("every node is ready", || fleet.progress().ready == 5).await;
    cluster.server.put(&pod("before", "n-0"));
    eventually("a pod runs", || fleet.progress().pods_started == 1).await;
    cluster.server.close_connections();
    for index in 0..5 {
        cluster.server.put(&pod(&format!("p{index}"), &format!("n-{index}")));
    }
    eventually("pods bound meanwhile run", || fleet.progress().pods_started == 6).await;
    assert_eq!(cluster.server.open_connections(), 5);
    assert_eq!(cluster.server.connections_opened(), 10);
    assert_eq!(fleet.progress().pods_gone, 0);
    fleet.stop().await;
}

#[tokio::test]
async fn a_stopped_fleet_is_silent() {
    let cluster = Cluster::start().await;
    let fleet = cluster.fleet(3, 2);
    eventually("every node is ready", || fleet.progress().ready == 3).await;
    let report = fleet.stop().await;
    assert_eq!(report.progress.ready, 3);
    eventually("every connection is closed", || cluster.server.open_connections() == 0).await;
    let requests = cluster.server.requests().len();
    cluster.server.put(&pod("p", "n-0"));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(cluster.server.requests().len(), requests);
}
