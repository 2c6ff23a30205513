//! What other crates' tests rely on: the life of objects as a kubelet, a driver and a token client see it.

#![expect(clippy::unwrap_used, reason = "a test ends by panicking, also in what it shares with others")]

use std::time::Duration;

use k8s_pb::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_pb::api::core::v1::{Binding, Node, NodeSpec, ObjectReference, Pod, PodSpec};
use k8s_pb::apimachinery::pkg::apis::meta::v1::{DeleteOptions, ObjectMeta, Preconditions};
use null_apiserver::{Action, NullApiserver, Refusal, Rule};
use serde_json::{Value, json};
use wire::{Client, Credential, Encoding, Request, Response, WatchKind, protobuf};

const PODS: &str = "/api/v1/namespaces/default/pods";

async fn start() -> (NullApiserver, Client) {
    let server = NullApiserver::start().await.unwrap();
    let client = Client::new(server.endpoint().unwrap(), Credential::anonymous(), "test").unwrap();
    (server, client)
}

fn pod(name: &str, node: &str) -> Pod {
    let metadata = ObjectMeta {
        name: Some(name.into()),
        namespace: Some("default".into()),
        labels: [("app".to_owned(), "web".to_owned())].into(),
        ..ObjectMeta::default()
    };
    let spec = PodSpec { node_name: Some(node.into()), ..PodSpec::default() };
    Pod { metadata: Some(metadata), spec: Some(spec), ..Pod::default() }
}

async fn send(client: &Client, request: Request) -> Response {
    client.send(&request).await.unwrap()
}

async fn delete(client: &Client, name: &str, options: DeleteOptions) -> u16 {
    let body = protobuf::encode("v1", "DeleteOptions", &options);
    let request = Request::delete(format!("{PODS}/{name}")).body(body, Encoding::Protobuf);
    send(client, request).await.status.as_u16()
}

#[tokio::test]
async fn a_pod_is_created_bound_run_and_gracefully_deleted() {
    let (server, client) = start().await;
    let watch =
        Request::get("/api/v1/pods?fieldSelector=spec.nodeName%3Dn-1&watch=true&allowWatchBookmarks=true");
    let mut watch = client.watch(&watch).await.unwrap();
    let body = protobuf::encode("v1", "Pod", &pod("p", ""));
    assert_eq!(send(&client, Request::post(PODS, body.clone(), Encoding::Protobuf)).await.status, 201);
    let again = send(&client, Request::post(PODS, body, Encoding::Protobuf)).await;
    assert_eq!(again.status_error().reason, "AlreadyExists");

    let target =
        ObjectReference { kind: Some("Node".into()), name: Some("n-1".into()), ..ObjectReference::default() };
    let binding = Binding { metadata: None, target: Some(target) };
    let bind = || {
        let body = protobuf::encode("v1", "Binding", &binding);
        send(&client, Request::post(format!("{PODS}/p/binding"), body, Encoding::Protobuf))
    };
    assert_eq!(bind().await.status, 201);
    assert_eq!(bind().await.status, 409, "a pod is bound once");

    let patch = json!({
        "metadata": { "uid": server.get::<Pod>("default", "p").unwrap().metadata.unwrap().uid },
        "status": {
            "phase": "Running", "podIP": "198.18.0.7",
            "conditions": [{ "type": "Ready", "status": "True" }, { "type": "PodScheduled", "reason": "x" }],
            "containerStatuses": [{ "name": "c", "ready": true, "state": { "running": {} } }],
        },
    });
    let patched =
        send(&client, Request::patch_strategic(format!("{PODS}/p/status"), patch.to_string())).await;
    let status = patched.decode::<Pod>().unwrap().status.unwrap();
    assert_eq!((status.phase.as_deref(), status.pod_ip.as_deref()), (Some("Running"), Some("198.18.0.7")));
    let conditions: Vec<_> =
        status.conditions.iter().map(|c| (c.r#type.as_deref(), c.status.as_deref())).collect();
    assert_eq!(conditions, [(Some("PodScheduled"), Some("True")), (Some("Ready"), Some("True"))]);
    assert_eq!(status.container_statuses[0].ready, Some(true));

    assert_eq!(delete(&client, "p", DeleteOptions::default()).await, 200);
    let metadata = server.get::<Pod>("default", "p").unwrap().metadata.unwrap();
    assert_eq!(metadata.deletion_grace_period_seconds, Some(30));
    assert!(metadata.deletion_timestamp.is_some());
    let preconditions = |uid: &str| Some(Preconditions { uid: Some(uid.into()), resource_version: None });
    let now = |uid| DeleteOptions {
        grace_period_seconds: Some(0),
        preconditions: preconditions(uid),
        ..DeleteOptions::default()
    };
    assert_eq!(delete(&client, "p", now("another")).await, 409);
    assert_eq!(delete(&client, "p", now(metadata.uid.as_deref().unwrap())).await, 200);
    assert_eq!(delete(&client, "p", DeleteOptions::default()).await, 404);

    // The node's watch sees it from the binding on.
    let mut kinds = Vec::new();
    for _ in 0..4 {
        kinds.push(watch.next().await.unwrap().unwrap().kind);
    }
    assert_eq!(kinds, [WatchKind::Added, WatchKind::Modified, WatchKind::Modified, WatchKind::Deleted]);
}

#[tokio::test]
async fn what_no_kubelet_has_to_end_is_deleted_at_once() {
    let (server, client) = start().await;
    server.put(&pod("unbound", ""));
    server.put(&pod("finished", "n-1"));
    let patch = json!({ "status": { "phase": "Succeeded" } }).to_string();
    send(&client, Request::patch_strategic(format!("{PODS}/finished/status"), patch)).await;
    for name in ["unbound", "finished"] {
        assert_eq!(delete(&client, name, DeleteOptions::default()).await, 200);
        assert!(server.get::<Pod>("default", name).is_none(), "{name}");
    }
}

#[tokio::test]
async fn a_patch_for_another_uid_is_a_conflict() {
    let (server, client) = start().await;
    server.put(&pod("p", "n-1"));
    let patch = json!({ "metadata": { "uid": "another" }, "status": { "phase": "Running" } }).to_string();
    let refused = send(&client, Request::patch_strategic(format!("{PODS}/p/status"), patch)).await;
    assert_eq!(refused.status_error().reason, "Conflict");
}

#[tokio::test]
async fn a_node_is_registered_and_its_conditions_are_patched_by_type() {
    let (server, client) = start().await;
    let node = Node {
        metadata: Some(ObjectMeta { name: Some("n-1".into()), ..ObjectMeta::default() }),
        spec: Some(NodeSpec { provider_id: Some("kept".into()), ..NodeSpec::default() }),
        ..Node::default()
    };
    let body = protobuf::encode("v1", "Node", &node);
    let created: Node =
        send(&client, Request::post("/api/v1/nodes", body, Encoding::Protobuf)).await.decode().unwrap();
    let before = created.metadata.unwrap();
    assert!(before.uid.is_some() && before.creation_timestamp.is_some());
    for (status, reason) in [("False", "KubeletNotReady"), ("True", "KubeletReady")] {
        let body = json!({ "status": {
            "$setElementOrder/conditions": [{ "type": "Ready" }],
            "conditions": [{ "type": "Ready", "status": status, "reason": reason }],
        } });
        let path = "/api/v1/nodes/n-1/status?timeout=10s";
        assert!(send(&client, Request::patch_strategic(path, body.to_string())).await.is_success());
    }
    let node: Node = server.get("", "n-1").unwrap();
    let conditions = node.status.unwrap().conditions;
    assert_eq!(conditions.len(), 1);
    assert_eq!(conditions[0].reason.as_deref(), Some("KubeletReady"));
    assert_eq!(node.spec.unwrap().provider_id.as_deref(), Some("kept"));
    let version = |metadata: ObjectMeta| metadata.resource_version.unwrap().parse::<u64>().unwrap();
    assert_eq!(version(node.metadata.unwrap()), version(before) + 2);
}

#[tokio::test]
async fn tokens_are_issued_in_either_encoding_and_differ() {
    let (_server, client) = start().await;
    let path = "/api/v1/namespaces/default/serviceaccounts/driver-0/token";
    let spec = TokenRequestSpec { expiration_seconds: Some(600), ..TokenRequestSpec::default() };
    let body = protobuf::encode(
        "authentication.k8s.io/v1",
        "TokenRequest",
        &TokenRequest { spec: Some(spec), ..TokenRequest::default() },
    );
    let answer = send(&client, Request::post(path, body, Encoding::Protobuf)).await;
    assert_eq!(answer.status, 201);
    let first = answer.decode::<TokenRequest>().unwrap().status.unwrap();
    assert!(first.expiration_timestamp.is_some());

    let body = json!({ "spec": { "expirationSeconds": 600 } }).to_string();
    let request = Request::post(path, body, Encoding::Json).accept(Encoding::Json);
    let second: Value = send(&client, request).await.json().unwrap();
    assert_eq!(second["spec"]["expirationSeconds"], 600);
    assert!(second["status"]["expirationTimestamp"].is_string());
    assert_ne!(second["status"]["token"].as_str(), first.token.as_deref());
}

#[tokio::test]
async fn other_kinds_are_kept_as_they_came() {
    let (_server, client) = start().await;
    let collection = "/api/v1/namespaces/default/configmaps";
    let body = json!({ "metadata": { "generateName": "c-" }, "data": { "k": "v" } }).to_string();
    let created: Value = send(&client, Request::post(collection, body, Encoding::Json)).await.json().unwrap();
    let name = created["metadata"]["name"].as_str().unwrap();
    assert!(name.starts_with("c-") && name.len() > 2);
    let patch =
        json!({ "data": { "k": null, "l": "w" }, "metadata": { "labels": { "a": "b" } } }).to_string();
    let patch = Request::patch_strategic(format!("{collection}/{name}"), patch).accept(Encoding::Json);
    let patched: Value = send(&client, patch).await.json().unwrap();
    assert_eq!(
        (&patched["data"], &patched["metadata"]["labels"]),
        (&json!({ "l": "w" }), &json!({ "a": "b" }))
    );

    let list: Value =
        send(&client, Request::get(format!("{collection}?labelSelector=a%3Db"))).await.json().unwrap();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    let gone = send(&client, Request::delete(format!("{collection}?labelSelector=a%3Db"))).await;
    assert!(gone.is_success());
    assert_eq!(send(&client, Request::get(format!("{collection}/{name}"))).await.status, 404);
}

#[tokio::test]
async fn rules_narrow_and_run_out() {
    let (server, client) = start().await;
    let shed = || Action::Refuse(Refusal::too_many_requests(Some(Duration::from_secs(1))));
    server.script(Rule::new(shed()).method(http::Method::GET).path("/api/v1/nodes").no_watches().times(1));
    assert_eq!(send(&client, Request::get("/api/v1/pods")).await.status, 200);
    assert_eq!(send(&client, Request::get("/api/v1/nodes")).await.status, 429);
    assert_eq!(send(&client, Request::get("/api/v1/nodes")).await.status, 200);
    server.script(Rule::new(shed()).common_name("somebody"));
    assert_eq!(send(&client, Request::get("/api/v1/nodes")).await.status, 200);
    server.script(Rule::new(shed()));
    assert_eq!(send(&client, Request::get("/readyz")).await.status, 429);
    server.clear_script();
    assert_eq!(send(&client, Request::get("/readyz")).await.status, 200);
    assert_eq!(server.requests().len(), 6);
}
