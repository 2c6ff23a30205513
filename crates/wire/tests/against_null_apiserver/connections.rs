//! A connection: opened when needed, shared, left on GOAWAY, replaced when it died.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use null_apiserver::{Action, NullApiserver, Reason, Rule};
use wire::{Credential, Dial, Dialing, Encoding, Endpoint, Error, Request, Stream};

use crate::fixture::{certificate, client, in_memory, server_and_client, soon};

fn ready() -> Request {
    Request::get("/readyz")
}

#[tokio::test]
async fn requests_and_watches_share_one_connection() {
    let (server, client) = server_and_client().await;
    assert_eq!(server.connections_opened(), 0, "nothing is opened before it is needed");
    let watch = Request::get("/api/v1/pods?watch=true");
    let watches = join_all((0..50).map(|_| client.watch(&watch))).await;
    assert!(watches.iter().all(Result::is_ok));
    let answers = soon(join_all((0..50).map(|_| {
        let client = client.clone();
        async move { client.send(&ready()).await }
    })))
    .await;
    assert!(answers.into_iter().all(|answer| answer.unwrap().is_success()));
    assert_eq!((client.traffic().connections, server.connections_opened()), (1, 1));
    assert_eq!(client.traffic().waited_for_stream, 0, "there are 100 streams");
}

#[tokio::test]
async fn a_finished_stream_frees_its_place() {
    let (_server, client) = server_and_client().await;
    for _ in 0..150 {
        assert!(client.send(&ready()).await.unwrap().is_success());
    }
    assert_eq!(client.traffic().waited_for_stream, 0);
}

#[tokio::test]
async fn after_goaway_new_requests_use_a_new_connection_and_old_streams_finish() {
    let (server, client) = server_and_client().await;
    let mut watch = client.watch(&Request::get("/api/v1/pods?watch=true")).await.unwrap();
    server.go_away();
    soon(async {
        while client.traffic().connections < 2 {
            assert!(client.send(&ready()).await.unwrap().is_success());
        }
    })
    .await;
    server.put(&crate::fixture::pod("p", "n-1"));
    assert!(soon(watch.next()).await.unwrap().is_ok());
    assert_eq!(server.open_connections(), 2);
    drop(watch);
    soon(async {
        while server.open_connections() > 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_request_under_way_at_goaway_is_answered() {
    let (server, client) = server_and_client().await;
    server.script(Rule::new(Action::GoAway).times(1));
    assert!(soon(client.send(&ready())).await.unwrap().is_success());
    assert!(soon(client.send(&ready())).await.unwrap().is_success());
}

#[tokio::test]
async fn a_refused_stream_is_sent_again() {
    let (server, client) = server_and_client().await;
    server.script(Rule::new(Action::Reset(Reason::REFUSED_STREAM)).times(1));
    assert!(client.send(&ready()).await.unwrap().is_success());
    assert_eq!((client.traffic().resent, server.requests().len()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_every_stream_is_given_up() {
    let (server, client) = in_memory().await;
    server.script(Rule::new(Action::Reset(Reason::REFUSED_STREAM)));
    let error = client.send(&ready()).await.unwrap_err();
    assert!(matches!(error, Error::Reset { .. }), "{error:?}");
    assert_eq!(server.requests().len(), 7);
}

#[tokio::test]
async fn a_connection_that_died_is_an_error_once_and_then_replaced() {
    let (server, client) = server_and_client().await;
    server.script(Rule::new(Action::Close).path("/api/v1/nodes").times(1));
    let error = soon(client.send(&Request::get("/api/v1/nodes"))).await.unwrap_err();
    assert!(matches!(error, Error::ConnectionLost { .. }), "{error:?}");
    assert!(client.send(&Request::get("/api/v1/nodes")).await.unwrap().is_success());
    assert_eq!(client.traffic().connections, 2);
}

#[tokio::test]
async fn closing_frees_the_connection_and_the_next_request_opens_another() {
    let (server, client) = server_and_client().await;
    client.send(&ready()).await.unwrap();
    let mut watch = client.watch(&Request::get("/api/v1/pods?watch=true")).await.unwrap();
    client.close().await;
    assert!(soon(watch.next()).await.unwrap().is_err());
    assert!(soon(watch.next()).await.is_none(), "after an error there is nothing more");
    assert!(client.send(&ready()).await.unwrap().is_success());
    assert_eq!(server.connections_opened(), 2);
}

#[tokio::test(start_paused = true)]
async fn closing_does_not_wait_for_a_dial() {
    let endpoint = Endpoint::insecure("https://192.0.2.1:6443").unwrap().with_dial(Arc::new(Unreachable));
    let client = client(endpoint, Credential::anonymous());
    let request = {
        let client = client.clone();
        tokio::spawn(async move { client.send(&ready()).await })
    };
    tokio::time::sleep(Duration::from_secs(1)).await;
    client.close().await;
    assert!(matches!(request.await.unwrap(), Err(Error::Connect { .. })));
}

#[tokio::test]
async fn dropping_the_client_closes_the_connection() {
    let (server, client) = server_and_client().await;
    client.send(&ready()).await.unwrap();
    drop(client);
    soon(async {
        while server.open_connections() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn nobody_there_is_refused_for_everybody_who_waits() {
    let (server, client) = server_and_client().await;
    server.stop_listening();
    soon(async {
        // The listener closes when its task has ended.
        while client.send(&ready()).await.is_ok() {
            client.close().await;
        }
    })
    .await;
    let answers = join_all((0..10).map(|_| {
        let client = client.clone();
        async move { client.send(&ready()).await }
    }))
    .await;
    for answer in answers {
        let error = answer.unwrap_err();
        assert!(error.is_connection_refused(), "{error:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_trusted_is_refused() {
    let (server, other) = (NullApiserver::start().await.unwrap(), NullApiserver::start().await.unwrap());
    let endpoint = Endpoint::new(&server.url(), Some(other.ca_pem().as_bytes())).unwrap();
    let error = client(endpoint, Credential::anonymous()).send(&ready()).await.unwrap_err();
    assert!(matches!(error, Error::Tls { .. }), "{error:?}");

    let insecure = Endpoint::insecure(&server.url()).unwrap();
    assert!(client(insecure, Credential::anonymous()).send(&ready()).await.unwrap().is_success());

    let misnamed = server.endpoint().unwrap().with_tls_server_name("elsewhere.example").unwrap();
    assert!(client(misnamed, Credential::anonymous()).send(&ready()).await.is_err());
    let named = server.endpoint().unwrap().with_tls_server_name("localhost").unwrap();
    assert!(client(named, Credential::anonymous()).send(&ready()).await.unwrap().is_success());
}

/// A network that takes and brings a hundred bytes at a time.
#[derive(Debug)]
struct Narrow(Arc<dyn Dial>);

impl Dial for Narrow {
    fn dial(&self, host: &str, port: u16) -> Dialing {
        let dialling = self.0.dial(host, port);
        Box::pin(async move {
            let mut server = dialling.await?;
            let (mut relay, client) = tokio::io::duplex(100);
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut relay, &mut server).await });
            Ok(Box::new(client) as Box<dyn Stream>)
        })
    }
}

#[tokio::test]
async fn a_network_that_takes_little_at_once_changes_nothing() {
    let server = NullApiserver::start().await.unwrap();
    let endpoint = server.endpoint().unwrap().with_dial(Arc::new(Narrow(server.memory_dial())));
    let client = client(endpoint, certificate(&server, "system:node:n-1", "system:nodes"));
    let mut watch = client.watch(&Request::get("/api/v1/pods?watch=true")).await.unwrap();
    let value = "0123456789".repeat(10_000);
    let body = serde_json::json!({ "metadata": { "name": "m" }, "data": { "value": value } }).to_string();
    let path = "/api/v1/namespaces/default/configmaps";
    let posted = soon(client.send(&Request::post(path, body, Encoding::Json))).await.unwrap();
    assert_eq!(posted.status.as_u16(), 201);
    let read = soon(client.send(&Request::get(format!("{path}/m")))).await.unwrap();
    assert_eq!(read.json::<serde_json::Value>().unwrap()["data"]["value"], value);
    server.put(&crate::fixture::pod("p", "n-1"));
    assert!(soon(watch.next()).await.unwrap().is_ok());
    assert_eq!(client.traffic().connections, 1);
}

/// Connections to a server that takes them and never says a word.
#[derive(Debug)]
struct Silent;

impl Dial for Silent {
    fn dial(&self, _host: &str, _port: u16) -> Dialing {
        Box::pin(async {
            let (ours, theirs) = tokio::io::duplex(1024);
            // The other end stays open for ever.
            std::mem::forget(ours);
            Ok(Box::new(theirs) as Box<dyn Stream>)
        })
    }
}

/// Connections that are never made.
#[derive(Debug)]
struct Unreachable;

impl Dial for Unreachable {
    fn dial(&self, _host: &str, _port: u16) -> Dialing {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn dials_and_handshakes_are_given_up() {
    let endpoint = Endpoint::insecure("https://192.0.2.1:6443").unwrap();
    for (dial, seconds) in [(Arc::new(Unreachable) as Arc<dyn Dial>, 30), (Arc::new(Silent), 10)] {
        let client = client(endpoint.clone().with_dial(dial), Credential::anonymous());
        let started = tokio::time::Instant::now();
        let error = client.send(&ready()).await.unwrap_err();
        assert!(matches!(error, Error::Connect { .. } | Error::Tls { .. }), "{error:?}");
        assert_eq!(started.elapsed().as_secs(), seconds, "{error}");
    }
}

/// The first connection is refused, the next ones are made.
#[derive(Debug)]
struct RefusedOnce {
    inner: Arc<dyn Dial>,
    refused: std::sync::atomic::AtomicBool,
}

impl Dial for RefusedOnce {
    fn dial(&self, host: &str, port: u16) -> Dialing {
        if self.refused.swap(true, std::sync::atomic::Ordering::Relaxed) {
            return self.inner.dial(host, port);
        }
        Box::pin(std::future::ready(Err(std::io::ErrorKind::ConnectionRefused.into())))
    }
}

#[tokio::test]
async fn a_failed_dial_is_not_remembered() {
    let server = NullApiserver::start().await.unwrap();
    let dial = RefusedOnce { inner: server.memory_dial(), refused: false.into() };
    let client = client(server.endpoint().unwrap().with_dial(Arc::new(dial)), Credential::anonymous());
    assert!(client.send(&ready()).await.unwrap_err().is_connection_refused());
    assert!(soon(client.send(&ready())).await.unwrap().is_success());
}

/// A network that can be cut: bytes stop coming and going, and nobody is told.
#[derive(Debug)]
struct Cuttable {
    inner: Arc<dyn Dial>,
    cut: Arc<tokio::sync::Notify>,
}

impl Dial for Cuttable {
    fn dial(&self, host: &str, port: u16) -> Dialing {
        let (dialling, cut) = (self.inner.dial(host, port), self.cut.clone());
        Box::pin(async move {
            let mut server = dialling.await?;
            let (mut relay, client) = tokio::io::duplex(1 << 20);
            tokio::spawn(async move {
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut relay, &mut server) => {}
                    () = cut.notified() => std::future::pending().await,
                }
            });
            Ok(Box::new(client) as Box<dyn Stream>)
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_answers_no_ping_is_given_up_after_45_seconds() {
    let server = NullApiserver::start().await.unwrap();
    let cut = Arc::new(tokio::sync::Notify::new());
    let dial = Cuttable { inner: server.memory_dial(), cut: cut.clone() };
    let client = client(server.endpoint().unwrap().with_dial(Arc::new(dial)), Credential::anonymous());
    let mut watch = client.watch(&Request::get("/api/v1/pods?watch=true")).await.unwrap();

    // As long as pings are answered a silent watch lives.
    assert!(tokio::time::timeout(Duration::from_mins(10), watch.next()).await.is_err());
    cut.notify_one();
    let started = tokio::time::Instant::now();
    let error = watch.next().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Unresponsive { .. }), "{error:?}");
    let after = started.elapsed();
    assert!((Duration::from_secs(15)..=Duration::from_secs(46)).contains(&after), "{after:?}");
    assert!(client.send(&ready()).await.unwrap().is_success());
    assert_eq!(client.traffic().connections, 2);
}
