//! kube-proxies on the wire.

use std::collections::BTreeSet;

use fake_kubelet::{Fleet, Preset};
use wire::{Credential, Token};

use crate::cluster::{Cluster, eventually};

#[tokio::test]
async fn kube_proxies_have_connections_of_their_own() {
    let cluster = Cluster::start().await;
    let mut spec = cluster.spec(3, 1);
    spec.node.classes = Preset::Kubelet.classes();
    spec.proxy = Some(Credential::bearer(Token::new("of-kube-proxy".to_owned())));
    let fleet = Fleet::start(spec).unwrap();
    let started = || {
        let requests = cluster.server.requests();
        requests.iter().filter(|it| it.path == "/apis/events.k8s.io/v1/namespaces/default/events").count()
            == 3
    };
    eventually("every kube-proxy says that it has started", started).await;

    let requests = cluster.server.requests();
    let is_proxy = |agent: &str| agent.starts_with("kube-proxy/v1.36.3 ");
    let (proxies, kubelets): (Vec<_>, Vec<_>) = requests.iter().partition(|it| is_proxy(it.user_agent()));
    let connections = |of: &[&null_apiserver::Logged]| -> BTreeSet<u64> {
        of.iter().map(|request| request.peer.connection).collect()
    };
    let (proxies_on, kubelets_on) = (connections(&proxies), connections(&kubelets));
    assert_eq!((proxies_on.len(), kubelets_on.len()), (3, 3));
    assert!(proxies_on.is_disjoint(&kubelets_on));
    assert!(proxies.iter().all(|request| request.common_name().is_empty()), "a token, no certificate");
    let watched: BTreeSet<&str> =
        proxies.iter().filter(|it| it.method == "GET").map(|request| request.path.as_str()).collect();
    assert_eq!(
        watched.into_iter().collect::<Vec<_>>(),
        [
            "/api/v1/nodes",
            "/api/v1/services",
            "/apis/discovery.k8s.io/v1/endpointslices",
            "/apis/networking.k8s.io/v1/servicecidrs",
        ]
    );
    assert_eq!(fleet.stop().await.traffic.connections, 6);
}
