//! What benchmarks rely on: a server that lasts, binds pods, and can only do so much.
#![expect(clippy::unwrap_used, reason = "a test ends by panicking")]

use std::time::Duration;

use k8s_pb::api::core::v1::{Node, NodeSpec, Pod, PodSpec};
use k8s_pb::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use null_apiserver::{Action, Capacity, Config, NullApiserver, Rule};
use tokio::time::Instant;
use wire::{Client, Credential, Encoding, Request, WatchKind, protobuf};

const PODS: &str = "/api/v1/namespaces/default/pods";

async fn start(config: Config) -> (NullApiserver, Client) {
    let server = NullApiserver::start_as(config).await.unwrap();
    // In memory, so that paused time does not pass while the network is waited for.
    let client = Client::new(server.memory_endpoint().unwrap(), Credential::anonymous(), "test").unwrap();
    (server, client)
}

fn named(name: &str) -> ObjectMeta {
    ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() }
}

fn node(name: &str, unschedulable: bool) -> Node {
    let spec = NodeSpec { unschedulable: Some(unschedulable), ..NodeSpec::default() };
    Node { metadata: Some(named(name)), spec: Some(spec), status: None }
}

async fn create_pod(client: &Client, name: &str) {
    let pod = Pod { metadata: Some(named(name)), spec: Some(PodSpec::default()), status: None };
    let request = Request::post(PODS, protobuf::encode("v1", "Pod", &pod), Encoding::Protobuf);
    assert!(client.send(&request).await.unwrap().is_success());
}

#[tokio::test(start_paused = true)]
async fn pods_without_a_node_are_given_to_nodes_in_turn() {
    let (server, client) = start(Config { bind_pods: true, ..Config::default() }).await;
    create_pod(&client, "too-early").await;
    for (name, unschedulable) in [("n-1", false), ("n-2", true), ("n-3", false)] {
        server.put(&node(name, unschedulable));
    }
    let mut nodes = Vec::new();
    for index in 0..4 {
        create_pod(&client, &format!("p-{index}")).await;
        let pod: Pod = server.get("default", &format!("p-{index}")).unwrap();
        assert_eq!(pod.status.unwrap().conditions[0].r#type.as_deref(), Some("PodScheduled"));
        nodes.push(pod.spec.unwrap().node_name.unwrap());
    }
    assert_eq!(nodes, ["n-1", "n-3", "n-1", "n-3"]);
    let early: Pod = server.get("default", "too-early").unwrap();
    assert_eq!(early.spec.unwrap().node_name, None);
}

#[tokio::test(start_paused = true)]
async fn watches_of_one_value_see_what_enters_and_leaves_it() {
    let (server, client) = start(Config::default()).await;
    let watch = |selector: &str| Request::get(format!("/api/v1/nodes?watch=true&fieldSelector={selector}"));
    let mut own = client.watch(&watch("metadata.name%3Dn-1")).await.unwrap();
    let mut all = client.watch(&watch("metadata.name!%3Dx")).await.unwrap();
    for name in ["n-2", "n-1", "n-2"] {
        server.put(&node(name, false));
    }
    server.delete::<Node>("", "n-1");
    let mut kinds = Vec::new();
    for _ in 0..2 {
        kinds.push(own.next().await.unwrap().unwrap().kind);
    }
    assert_eq!(kinds, [WatchKind::Added, WatchKind::Deleted]);
    for expected in [WatchKind::Added, WatchKind::Added, WatchKind::Modified, WatchKind::Deleted] {
        assert_eq!(all.next().await.unwrap().unwrap().kind, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_version_beyond_the_history_has_expired() {
    let (server, client) = start(Config { history: 2, ..Config::default() }).await;
    server.put(&node("n-1", false));
    let version = server.resource_version();
    let watch = Request::get(format!("/api/v1/nodes?watch=true&resourceVersion={version}"));
    for _ in 0..2 {
        server.put(&node("n-1", false));
    }
    let mut known = client.watch(&watch).await.unwrap();
    assert_eq!(known.next().await.unwrap().unwrap().kind, WatchKind::Modified);
    server.put(&node("n-1", false));
    let mut forgotten = client.watch(&watch).await.unwrap();
    let event = forgotten.next().await.unwrap().unwrap();
    assert!(event.kind == WatchKind::Error && event.object.status().is_expired(), "{event:?}");
}

#[tokio::test(start_paused = true)]
async fn a_watch_is_told_the_version_every_minute() {
    let every = Some(Duration::from_mins(1));
    let (server, client) = start(Config { bookmark_every: every, ..Config::default() }).await;
    let watch = Request::get("/api/v1/nodes?watch=true&allowWatchBookmarks=true");
    let mut watch = client.watch(&watch).await.unwrap();
    let begin = Instant::now();
    server.advance_resource_version(5);
    for minutes in 1..=2 {
        let event = watch.next().await.unwrap().unwrap();
        let version = event.object.resource_version().unwrap();
        assert_eq!((event.kind, version), (WatchKind::Bookmark, server.resource_version().to_string()));
        assert_eq!(begin.elapsed().as_secs(), minutes * 60);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_beyond_the_capacity_is_turned_away() {
    let (server, client) = start(Config::default()).await;
    server.limit(Some(Capacity { at_once: 1, service: Duration::from_millis(100), waiting: 1 }));
    let request = Request::get("/version");
    let ask = || client.send(&request);
    let (first, second, third) = tokio::join!(ask(), ask(), ask());
    let mut answers = [first, second, third].map(|answer| answer.unwrap());
    answers.sort_by_key(|answer| answer.status);
    assert_eq!(answers.each_ref().map(|answer| answer.status.as_u16()), [200, 200, 429]);
    assert_eq!(answers[2].retry_after, Some(Duration::from_secs(1)));
    server.limit(None);
    assert!(ask().await.unwrap().is_success());
}

#[tokio::test(start_paused = true)]
async fn a_body_can_come_in_pieces() {
    let (server, client) = start(Config::default()).await;
    server.put(&node("n-1", false));
    let whole = client.send(&Request::get("/api/v1/nodes/n-1")).await.unwrap();
    let (piece, pause) = (10, Duration::from_millis(50));
    server.script(Rule::new(Action::Trickle { piece, pause }));
    let begin = Instant::now();
    let slow = client.send(&Request::get("/api/v1/nodes/n-1")).await.unwrap();
    assert_eq!(slow.body, whole.body);
    assert!(begin.elapsed() >= pause * u32::try_from(whole.body.len() / piece - 1).unwrap());
    let mut watch = client.watch(&Request::get("/api/v1/nodes?watch=true")).await.unwrap();
    assert_eq!(watch.next().await.unwrap().unwrap().kind, WatchKind::Added);
}

#[tokio::test]
async fn a_request_can_be_answered_without_a_network() {
    let server = NullApiserver::start().await.unwrap();
    server.put(&node("n-1", false));
    assert!(server.answer(&Request::get("/api/v1/nodes/n-1")).decode::<Node>().is_ok());
    assert_eq!(server.answer(&Request::get("/api/v1/nodes/n-2")).status, 404);
    assert_eq!(server.requests().len(), 0);
}
