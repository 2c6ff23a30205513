//! A server, clients of it, and a few objects.

use std::time::Duration;

use k8s_pb::api::core::v1::{Pod, PodSpec};
use k8s_pb::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use null_apiserver::NullApiserver;
use wire::{Client, ClientCertificate, Credential, Endpoint};

/// Longer than anything takes that does not hang.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// A server and an anonymous client of it over TCP.
pub(crate) async fn server_and_client() -> (NullApiserver, Client) {
    let server = NullApiserver::start().await.unwrap();
    let client = client(server.endpoint().unwrap(), Credential::anonymous());
    (server, client)
}

/// A server and an anonymous client of it without a socket, for paused time.
pub(crate) async fn in_memory() -> (NullApiserver, Client) {
    let server = NullApiserver::start().await.unwrap();
    let client = client(server.memory_endpoint().unwrap(), Credential::anonymous());
    (server, client)
}

pub(crate) fn client(endpoint: Endpoint, credential: Credential) -> Client {
    Client::new(endpoint, credential, "kubelet/v1.36.3 (linux/amd64) kubernetes/abcdef0").unwrap()
}

pub(crate) fn certificate(server: &NullApiserver, common_name: &str, organization: &str) -> Credential {
    let (chain, key) = server.client_certificate(common_name, &[organization]).unwrap();
    Credential::certificate(ClientCertificate::from_pem(chain.as_bytes(), key.as_bytes()).unwrap())
}

pub(crate) fn pod(name: &str, node: &str) -> Pod {
    Pod {
        metadata: Some(ObjectMeta {
            name: Some(name.into()),
            namespace: Some("default".into()),
            ..ObjectMeta::default()
        }),
        spec: Some(PodSpec { node_name: Some(node.into()), ..PodSpec::default() }),
        ..Pod::default()
    }
}

/// Fails instead of hanging.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, future).await.expect("it took more than 30 s")
}
