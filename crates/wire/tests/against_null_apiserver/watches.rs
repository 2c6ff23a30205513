//! Watches as they come over the network.

use k8s_pb::api::core::v1::Pod;
use null_apiserver::{Action, NullApiserver, Refusal, Rule};
use wire::{Client, Encoding, Error, Request, Watch, WatchEvent, WatchKind};

use crate::fixture::{pod, server_and_client, soon};

const ALL_PODS: &str = "/api/v1/pods?allowWatchBookmarks=true&watch=true";

async fn event(watch: &mut Watch) -> WatchEvent {
    soon(watch.next()).await.unwrap().unwrap()
}

fn name_of(event: &WatchEvent) -> (WatchKind, String) {
    (event.kind, event.object.meta().unwrap().name)
}

#[tokio::test]
async fn events_come_in_either_encoding_however_they_are_cut() {
    for encoding in [Encoding::Protobuf, Encoding::Json] {
        for sizes in [vec![], vec![1], vec![3, 1, 4, 1, 5, 9, 2, 6], vec![4096, 7]] {
            let (server, client) = server_and_client().await;
            server.script(Rule::new(Action::Chop(sizes.clone())).watches());
            let mut watch = client.watch(&Request::get(ALL_PODS).accept(encoding)).await.unwrap();
            for name in ["a", "b", "c"] {
                server.put(&pod(name, "n-1"));
            }
            server.put(&pod("b", "n-1"));
            server.delete::<Pod>("default", "a");
            let mut seen = Vec::new();
            for _ in 0..5 {
                seen.push(name_of(&event(&mut watch).await));
            }
            let expected = [
                (WatchKind::Added, "a"),
                (WatchKind::Added, "b"),
                (WatchKind::Added, "c"),
                (WatchKind::Modified, "b"),
                (WatchKind::Deleted, "a"),
            ]
            .map(|(kind, name)| (kind, name.to_owned()));
            assert_eq!(seen, expected, "{encoding:?} in chunks of {sizes:?}");
        }
    }
}

#[tokio::test]
async fn a_watch_that_is_refused_is_a_status() {
    let (server, client) = server_and_client().await;
    server.script(Rule::new(Action::Refuse(Refusal::expired())).watches());
    let error = client.watch(&Request::get(ALL_PODS)).await.unwrap_err();
    assert!(error.status().unwrap().is_expired(), "{error}");
}

#[tokio::test]
async fn an_old_version_is_told_by_an_event() {
    let (server, client) = server_and_client().await;
    let old = server.resource_version();
    server.put(&pod("a", "n-1"));
    server.compact();
    for encoding in [Encoding::Protobuf, Encoding::Json] {
        let path = format!("/api/v1/pods?resourceVersion={old}&watch=true");
        let mut watch = client.watch(&Request::get(path).accept(encoding)).await.unwrap();
        let event = event(&mut watch).await;
        assert_eq!(event.kind, WatchKind::Error);
        assert!(event.object.status().is_expired());
        assert!(soon(watch.next()).await.is_none());
    }
}

#[tokio::test]
async fn a_stream_that_breaks_in_the_middle_of_an_event_is_an_error() {
    let (server, client) = server_and_client().await;
    server.script(Rule::new(Action::BreakBody { after: 7 }).watches());
    let mut watch = client.watch(&Request::get(ALL_PODS)).await.unwrap();
    server.put(&pod("a", "n-1"));
    let error = soon(watch.next()).await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Reset { .. }), "{error:?}");
    assert!(soon(watch.next()).await.is_none());
}

async fn pods_of_node(server: &NullApiserver, client: &Client) -> Watch {
    let version = server.resource_version();
    let path = format!("/api/v1/pods?fieldSelector=spec.nodeName%3Dn-1&resourceVersion={version}&watch=true");
    client.watch(&Request::get(path)).await.unwrap()
}

#[tokio::test]
async fn a_dropped_future_loses_no_event() {
    let (server, client) = server_and_client().await;
    server.script(Rule::new(Action::Chop(vec![5])).watches());
    let mut watch = pods_of_node(&server, &client).await;
    for number in 0..20 {
        server.put(&pod(&format!("other-{number}"), "n-2"));
        server.put(&pod(&format!("p-{number:02}"), "n-1"));
    }
    let mut seen = Vec::new();
    soon(async {
        while seen.len() < 20 {
            tokio::select! {
                biased;
                event = watch.next() => seen.push(event.unwrap().unwrap().object.meta().unwrap().name),
                () = tokio::task::yield_now() => {}
            }
        }
    })
    .await;
    let expected: Vec<String> = (0..20).map(|number| format!("p-{number:02}")).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn dropping_a_watch_ends_its_stream() {
    let (server, client) = server_and_client().await;
    for _ in 0..250 {
        // Each would keep one of 100 streams.
        drop(soon(client.watch(&Request::get(ALL_PODS))).await.unwrap());
    }
    assert_eq!(server.connections_opened(), 1);
}
