//! A pool of nodes that is rolled: each shuts down, and another comes in its place.

use fake_kubelet::{Error, Replaced};
use k8s_pb::api::core::v1::Node;

use crate::cluster::{Cluster, eventually, pod};

#[tokio::test]
async fn a_rolled_pool_has_new_names_and_takes_pods() {
    let cluster = Cluster::start().await;
    let fleet = cluster.fleet(4, 2);
    eventually("every node is ready", || fleet.progress().ready == 4).await;
    fleet.shut_down(0..2).unwrap();
    eventually("they have shut down", || fleet.progress().stopped == 2).await;
    let replaced = fleet.replace(0..2).unwrap();
    let names: Vec<(&str, &str)> = replaced.iter().map(|it| (&*it.gone, &*it.new)).collect();
    assert_eq!(names, [("n-0", "n-0-g1"), ("n-1", "n-1-g1")]);
    for Replaced { gone, .. } in &replaced {
        assert!(cluster.server.delete::<Node>("", gone));
    }
    eventually("those that come are ready", || fleet.progress().ready == 6).await;
    assert_eq!(fleet.node_name(1), "n-1-g1");
    assert_eq!(fleet.node_name(2), "n-2");
    let nodes = cluster.server.list::<Node>();
    let names: Vec<&str> = nodes.iter().map(|node| node.metadata.as_ref().unwrap().name()).collect();
    assert_eq!(names, ["n-0-g1", "n-1-g1", "n-2", "n-3"]);
    cluster.server.put(&pod("p", "n-1-g1"));
    eventually("a pod runs on a new node", || fleet.progress().pods_started == 1).await;
    let progress = fleet.progress();
    assert_eq!((progress.started, progress.registered, progress.nodes_replaced), (6, 6, 2));
    fleet.stop().await;
}

#[tokio::test]
async fn a_node_that_has_left_or_is_silent_can_be_replaced_again_and_again() {
    let cluster = Cluster::start().await;
    let fleet = cluster.fleet(2, 1);
    eventually("every node is ready", || fleet.progress().ready == 2).await;
    fleet.command(0, fake_kubelet::NodeCommand::Leave).unwrap();
    eventually("it has left", || fleet.progress().stopped == 1).await;
    fleet.silence(1..2, fake_kubelet::Silence::Network).unwrap();
    fleet.replace(0..2).unwrap();
    eventually("two more are ready", || fleet.progress().ready == 4).await;
    assert_eq!(fleet.progress().nodes_silent, 0);
    assert_eq!(&*fleet.replace(1..2).unwrap()[0].new, "n-1-g2");
    eventually("one more is ready", || fleet.progress().ready == 5).await;
    eventually("two connections are left", || cluster.server.open_connections() == 2).await;
    let error = fleet.replace(1..3).unwrap_err();
    assert!(matches!(error, Error::NoSuchNode { index: 2, nodes: 2 }), "{error}");
    fleet.stop().await;
}
