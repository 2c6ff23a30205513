//! What can be done to nodes while they run.
#![expect(clippy::unwrap_used, reason = "what fails here is the test")]

use std::time::Duration;

use fake_kubelet::{Fleet, NodeCommand, Preset};
use http::Method;
use k8s_pb::api::core::v1::{Node, Pod};
use wire::{Credential, Token};

use crate::cluster::{Cluster, eventually, pod};

impl Cluster {
    fn registrations(&self) -> usize {
        let requests = self.server.requests();
        requests.iter().filter(|it| it.method == Method::POST && it.path == "/api/v1/nodes").count()
    }

    /// Status and reason of the node's Ready condition.
    fn ready(&self, name: &str) -> (String, String) {
        let nodes = self.server.list::<Node>();
        let node = nodes.into_iter().find(|it| it.metadata.as_ref().unwrap().name() == name).unwrap();
        let conditions = node.status.unwrap().conditions;
        let ready = conditions.into_iter().find(|it| it.r#type() == "Ready").unwrap();
        (ready.status().to_owned(), ready.message().to_owned())
    }
}

async fn three_nodes(cluster: &Cluster) -> Fleet {
    let fleet = cluster.fleet(3, 2);
    eventually("every node is ready", || fleet.progress().ready == 3).await;
    fleet
}

#[tokio::test]
async fn a_restarted_kubelet_connects_anew_and_takes_its_pods_over() {
    let cluster = Cluster::start().await;
    let mut spec = cluster.spec(3, 2);
    spec.node.classes = Preset::Kubelet.classes();
    spec.proxy = Some(Credential::bearer(Token::new("of-kube-proxy".to_owned())));
    let fleet = Fleet::start(spec).unwrap();
    eventually("kubelets and kube-proxies are connected", || cluster.server.open_connections() == 6).await;
    cluster.server.put(&pod("p", "n-2"));
    eventually("the pod runs", || fleet.progress().pods_started == 1).await;
    let status = |cluster: &Cluster| cluster.server.list::<Pod>()[0].status.clone();
    let before = status(&cluster);

    fleet.command(2, NodeCommand::Restart).unwrap();
    eventually("the pod is taken over", || fleet.progress().pods_adopted == 1).await;
    assert_eq!(cluster.registrations(), 4);
    assert_eq!(status(&cluster), before);
    eventually("the old connection is closed", || cluster.server.open_connections() == 6).await;
    assert_eq!(cluster.server.connections_opened(), 7, "the kube-proxy goes on");
    let progress = fleet.progress();
    assert_eq!((progress.started, progress.registered, progress.ready), (3, 3, 3), "nodes are counted once");
    assert_eq!(fleet.stop().await.traffic.connections, 7);
}

#[tokio::test]
async fn a_node_without_power_is_silent_until_it_is_back() {
    let cluster = Cluster::start().await;
    let fleet = three_nodes(&cluster).await;
    cluster.server.clear_requests();
    fleet.command(1, NodeCommand::Flap(Duration::from_secs(2))).unwrap();
    eventually("its connection is closed", || cluster.server.open_connections() == 2).await;
    assert_eq!(cluster.registrations(), 0);
    eventually("it is back", || cluster.registrations() == 1 && cluster.server.open_connections() == 3).await;
    fleet.stop().await;
}

#[tokio::test]
async fn a_node_shuts_down_and_comes_back() {
    let cluster = Cluster::start().await;
    let fleet = three_nodes(&cluster).await;
    cluster.server.put(&pod("p", "n-0"));
    eventually("the pod runs", || fleet.progress().pods_started == 1).await;
    fleet.command(0, NodeCommand::Shutdown).unwrap();
    eventually("it has shut down", || fleet.progress().stopped == 1).await;
    eventually("its connection is closed", || cluster.server.open_connections() == 2).await;
    assert_eq!(cluster.ready("n-0"), ("False".to_owned(), "node is shutting down".to_owned()));
    assert_eq!(cluster.server.list::<Pod>()[0].status.as_ref().unwrap().phase(), "Failed");

    fleet.command(0, NodeCommand::Restart).unwrap();
    eventually("it is ready again", || cluster.ready("n-0").0 == "True").await;
    fleet.stop().await;
}

#[tokio::test]
async fn a_node_that_has_left_does_not_come_back() {
    let cluster = Cluster::start().await;
    let fleet = three_nodes(&cluster).await;
    fleet.command(1, NodeCommand::Leave).unwrap();
    eventually("it has shut down", || fleet.progress().stopped == 1).await;
    cluster.server.clear_requests();
    fleet.command(1, NodeCommand::Restart).unwrap();
    // Done in turn with the first: when this one has started again, the other would have.
    fleet.command(2, NodeCommand::Restart).unwrap();
    fleet.command(0, NodeCommand::Restart).unwrap();
    eventually("the others have started again", || cluster.registrations() == 2).await;
    eventually("two connections are left", || cluster.server.open_connections() == 2).await;
    fleet.stop().await;
}

#[tokio::test]
async fn there_is_nothing_to_do_to_a_node_that_is_not_there() {
    let cluster = Cluster::start().await;
    let fleet = cluster.fleet(3, 2);
    let error = fleet.command(3, NodeCommand::Restart).unwrap_err().to_string();
    assert_eq!(error, "there is no node 3; the fleet has 3");
    fleet.stop().await;
}
