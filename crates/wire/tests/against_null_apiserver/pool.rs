//! More than one connection: another when all streams are taken, none without streams for long, none of an old credential.

use std::time::Duration;

use futures_util::future::join_all;
use null_apiserver::{Logged, NullApiserver};
use wire::{Client, Credential, Error, Impersonate, Request, Token, Watch};

use crate::fixture::{certificate, client, in_memory, pod, server_and_client, soon};

fn ready() -> Request {
    Request::get("/readyz")
}

async fn watches(client: &Client, count: usize) -> Vec<Watch> {
    let mut watches = Vec::new();
    for _ in 0..count {
        watches.push(soon(client.watch(&Request::get("/api/v1/pods?watch=true"))).await.unwrap());
    }
    watches
}

fn connection_of_last_request(server: &NullApiserver) -> u64 {
    server.requests().last().unwrap().peer.connection
}

#[tokio::test]
async fn when_all_streams_are_taken_another_connection_is_dialled() {
    let (server, client) = server_and_client().await;
    let mut watches = watches(&client, 150).await;
    let used: Vec<u64> = server.requests().iter().map(|request| request.peer.connection).collect();
    assert_eq!(used, [[1; 100].as_slice(), &[2; 50]].concat());
    assert_eq!(client.traffic().connections, 2);
    assert_eq!(
        client.traffic().waited_for_stream,
        1,
        "the 101st waited for the dial, the others found streams"
    );

    // The first connection that has room is used, as soon as it has.
    drop(watches.remove(0));
    client.send(&ready()).await.unwrap();
    assert_eq!(connection_of_last_request(&server), 1);

    server.put(&pod("p", "n-1"));
    for watch in &mut watches {
        assert!(soon(watch.next()).await.unwrap().is_ok());
    }
    assert_eq!((client.traffic().connections, server.connections_opened()), (2, 2));
}

#[tokio::test]
async fn a_burst_dials_as_many_connections_as_it_needs_at_once() {
    let (server, client) = server_and_client().await;
    let watch = Request::get("/api/v1/pods?watch=true");
    let watches = soon(join_all((0..250).map(|_| client.watch(&watch)))).await;
    assert!(watches.iter().all(Result::is_ok));
    assert_eq!((client.traffic().connections, server.connections_opened()), (3, 3));
    assert_eq!(client.traffic().waited_for_stream, 150);
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_streams_is_closed_after_90_seconds() {
    let (server, client) = in_memory().await;
    let mut watches = watches(&client, 101).await;
    assert_eq!(server.open_connections(), 2);
    watches.truncate(100);
    tokio::time::sleep(Duration::from_secs(89)).await;
    assert_eq!(server.open_connections(), 2);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(server.open_connections(), 1, "the first one has watches");

    drop(watches);
    tokio::time::sleep(Duration::from_secs(91)).await;
    assert_eq!(server.open_connections(), 0);
    assert!(client.send(&ready()).await.unwrap().is_success());
    assert_eq!((client.traffic().connections, client.traffic().resent), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_used_now_and_then_stays() {
    let (_server, client) = in_memory().await;
    for _ in 0..20 {
        client.send(&ready()).await.unwrap();
        tokio::time::sleep(Duration::from_mins(1)).await;
    }
    assert_eq!(client.traffic().connections, 1);
}

#[tokio::test]
async fn a_rotated_certificate_closes_every_connection_and_is_used_from_then_on() {
    let (server, _) = server_and_client().await;
    let client = client(server.endpoint().unwrap(), certificate(&server, "system:node:old", "system:nodes"));
    let watches = watches(&client, 101).await;
    client.replace_credential(certificate(&server, "system:node:new", "system:nodes")).unwrap();
    assert!(client.send(&ready()).await.unwrap().is_success());
    assert_eq!(server.requests().last().unwrap().common_name(), "system:node:new");
    for mut watch in watches {
        let error = soon(watch.next()).await.unwrap().unwrap_err();
        assert!(matches!(error, Error::ConnectionLost { .. }), "{error:?}");
    }
    soon(async {
        while server.open_connections() > 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(client.traffic().connections, 3);
}

#[tokio::test]
async fn a_rotation_closes_a_connection_that_was_left_on_goaway_too() {
    let (server, client) = server_and_client().await;
    let mut old = watches(&client, 1).await.remove(0);
    server.go_away();
    soon(async {
        while client.traffic().connections < 2 {
            assert!(client.send(&ready()).await.unwrap().is_success());
        }
    })
    .await;
    client.replace_credential(Credential::anonymous()).unwrap();
    assert!(soon(old.next()).await.unwrap().is_err());
}

#[tokio::test]
async fn a_credential_that_cannot_be_sent_replaces_nothing() {
    let (server, _) = server_and_client().await;
    let client = client(server.endpoint().unwrap(), Credential::bearer(Token::new("first".into())));
    client.send(&ready()).await.unwrap();
    let nobody = Impersonate { user: "line\nbreak".into(), groups: Vec::new() };
    let error = client.replace_credential(Credential::anonymous().impersonating(nobody)).unwrap_err();
    assert!(matches!(error, Error::Header { .. }), "{error:?}");
    client.send(&ready()).await.unwrap();
    assert_eq!(client.traffic().connections, 1);

    client.replace_credential(Credential::bearer(Token::new("second".into()))).unwrap();
    client.send(&ready()).await.unwrap();
    let log = server.requests();
    let sent: Vec<&str> = log.iter().map(Logged::authorization).collect();
    assert_eq!(sent, ["Bearer first", "Bearer first", "Bearer second"]);
}
