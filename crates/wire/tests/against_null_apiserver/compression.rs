//! `Accept-Encoding: gzip`, and what comes of it.

use http::Method;
use null_apiserver::{Action, Rule};
use serde_json::{Value, json};
use wire::{Encoding, Error, Request, WatchKind};

use crate::fixture::{pod, server_and_client, soon};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

async fn create(client: &wire::Client, name: &str, value: &str) {
    let body = json!({ "metadata": { "name": name }, "data": { "value": value } }).to_string();
    let created = soon(client.send(&Request::post(MAPS, body, Encoding::Json))).await.unwrap();
    assert!(created.is_success());
}

#[tokio::test]
async fn gzip_is_asked_for_as_go_does() {
    let (server, client) = server_and_client().await;
    client.send(&Request::get("/readyz")).await.unwrap();
    client.send(&Request::post(MAPS, "{}", Encoding::Json)).await.unwrap();
    let _watch = client.watch(&Request::get("/api/v1/pods?watch=true")).await.unwrap();
    // Its length is that of a body that does not come.
    assert!(client.send(&Request::new(Method::HEAD, "/readyz")).await.unwrap().is_success());
    let asked: Vec<bool> = server
        .requests()
        .iter()
        .map(|request| request.headers.get("accept-encoding").is_some_and(|value| value == "gzip"))
        .collect();
    assert_eq!(asked, [true, true, true, false], "not for HEAD");
}

#[tokio::test]
async fn a_long_answer_is_compressed_on_the_wire_only() {
    let (_server, client) = server_and_client().await;
    let value = "twenty characters...".repeat(50_000);
    create(&client, "long", &value).await;
    let before = client.traffic();
    let read = client.send(&Request::get(format!("{MAPS}/long"))).await.unwrap();
    assert_eq!(read.json::<Value>().unwrap()["data"]["value"].as_str(), Some(value.as_str()));
    let on_the_wire = client.traffic().bytes_read - before.bytes_read;
    assert!(on_the_wire < 100_000, "{on_the_wire} bytes for {}", value.len());
}

#[tokio::test]
async fn what_a_real_server_leaves_plain_is_plain() {
    let (_server, client) = server_and_client().await;
    create(&client, "short", &"x".repeat(100_000)).await;
    let before = client.traffic().bytes_read;
    client.send(&Request::get(format!("{MAPS}/short"))).await.unwrap();
    assert!(client.traffic().bytes_read - before > 100_000, "128 KiB are the threshold");
}

#[tokio::test]
async fn a_body_that_does_not_inflate_is_an_error_of_its_request_only() {
    let (server, client) = server_and_client().await;
    server.script(Rule::new(Action::MislabelAsGzip).times(1));
    let error = soon(client.send(&Request::get("/version"))).await.unwrap_err();
    assert!(matches!(error, Error::Decode { what: "a gzip body", .. }), "{error:?}");
    assert!(client.send(&Request::get("/version")).await.unwrap().is_success());
    assert_eq!(client.traffic().connections, 1);
}

#[tokio::test]
async fn a_watch_that_a_proxy_compresses_brings_each_event_at_once() {
    for encoding in [Encoding::Protobuf, Encoding::Json] {
        let (server, client) = server_and_client().await;
        server.script(Rule::new(Action::Gzip).watches());
        let watch = Request::get("/api/v1/pods?watch=true&timeoutSeconds=1").accept(encoding);
        let mut watch = client.watch(&watch).await.unwrap();
        for name in ["a", "b"] {
            server.put(&pod(name, "n-1"));
            let event = soon(watch.next()).await.unwrap().unwrap();
            assert_eq!((event.kind, event.object.meta().unwrap().name.as_str()), (WatchKind::Added, name));
        }
        assert!(soon(watch.next()).await.is_none(), "the server ended it");
    }
}

#[tokio::test]
async fn a_watch_that_does_not_inflate_ends_in_an_error() {
    let (server, client) = server_and_client().await;
    server.put(&pod("a", "n-1"));
    server.script(Rule::new(Action::MislabelAsGzip).watches());
    let mut watch = client.watch(&Request::get("/api/v1/pods?watch=true")).await.unwrap();
    let error = soon(watch.next()).await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Decode { .. }), "{error:?}");
    assert!(soon(watch.next()).await.is_none());
}
