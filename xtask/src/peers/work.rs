//! The work that everybody gets: nodes for who does not make them, and pods.

use anyhow::{Context, bail};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use wire::{Client, Encoding, Request};

pub(super) const PODS: &str = "/api/v1/namespaces/peers/pods";
/// Requests under way at a time.
const AT_ONCE: usize = 32;

/// Nodes as KWOK's users make them, with room for a kubelet's number of pods.
pub(super) async fn make_nodes(client: &Client, nodes: u32) -> anyhow::Result<()> {
    let requests = (0..nodes).map(|index| {
        let room = json!({ "cpu": "8", "memory": "32Gi", "pods": "110" });
        let node = json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": { "name": format!("kwok-{index}"), "labels": { "type": "kwok" } },
            "status": { "allocatable": room, "capacity": room },
        });
        post("/api/v1/nodes".to_owned(), &node)
    });
    send_all(client, requests).await
}

/// The namespace of the pods, with what admission needs.
pub(super) async fn make_namespace(client: &Client) -> anyhow::Result<()> {
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "peers" } });
    let account = json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "default" } });
    let requests = [("/api/v1/namespaces", namespace), ("/api/v1/namespaces/peers/serviceaccounts", account)];
    for (path, object) in requests {
        let response = client.send(&post(path.to_owned(), &object)).await?;
        // The controller may have been first.
        if !response.is_success() && response.status.as_u16() != 409 {
            bail!("{path}: {}", response.status_error());
        }
    }
    Ok(())
}

/// Pods of one container that asks for little.
pub(super) async fn make_pods(client: &Client, pods: u32) -> anyhow::Result<()> {
    let requests = (0..pods).map(|index| {
        let container = json!({
            "name": "app", "image": "registry.k8s.io/pause:3.10.1",
            "resources": { "requests": { "cpu": "10m", "memory": "16Mi" } },
        });
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": { "name": format!("pod-{index}") },
            "spec": { "containers": [container] },
        });
        post(PODS.to_owned(), &pod)
    });
    send_all(client, requests).await
}

/// Deletes them as a user does.
pub(super) async fn delete_pods(client: &Client, pods: u32) -> anyhow::Result<()> {
    send_all(client, (0..pods).map(|index| Request::delete(format!("{PODS}/pod-{index}")))).await
}

fn post(path: String, object: &Value) -> Request {
    Request::post(path, object.to_string(), Encoding::Json)
}

async fn send_all(client: &Client, requests: impl Iterator<Item = Request>) -> anyhow::Result<()> {
    let sent = requests.map(|request| async move {
        let response = client.send(&request).await.with_context(|| request.to_string())?;
        if !response.is_success() {
            bail!("{request}: {}", response.status_error());
        }
        Ok(())
    });
    stream::iter(sent).buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await.map(drop)
}
