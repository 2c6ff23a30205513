//! Single requests: encodings, refusals, headers, timeouts.

use std::time::Duration;

use http::Method;
use k8s_pb::api::coordination::v1::{Lease, LeaseSpec};
use k8s_pb::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use null_apiserver::{Action, Logged, Reason, Refusal, Rule};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use wire::{Credential, Encoding, Error, Impersonate, Request, Token, protobuf};

use crate::fixture::{certificate, client, in_memory, server_and_client, soon};

const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";

fn lease(name: &str) -> Lease {
    Lease {
        metadata: Some(ObjectMeta { name: Some(name.into()), ..ObjectMeta::default() }),
        spec: Some(LeaseSpec { holder_identity: Some(name.into()), ..LeaseSpec::default() }),
    }
}

#[tokio::test]
async fn a_lease_is_created_read_and_renewed_in_protobuf() {
    let (server, client) = server_and_client().await;
    let body = protobuf::encode("coordination.k8s.io/v1", "Lease", &lease("n-1"));
    let created = client.send(&Request::post(LEASES, body, Encoding::Protobuf)).await.unwrap();
    assert_eq!((created.status.as_u16(), created.encoding), (201, Encoding::Protobuf));
    let mut created: Lease = created.decode().unwrap();

    let path = format!("{LEASES}/n-1?timeout=10s");
    let read = client.send(&Request::get(&path)).await.unwrap();
    assert_eq!(read.decode::<Lease>().unwrap(), created);

    created.spec.as_mut().unwrap().lease_transitions = Some(1);
    let body = protobuf::encode("coordination.k8s.io/v1", "Lease", &created);
    let renew = Request::put(&path, body, Encoding::Protobuf);
    assert!(client.send(&renew).await.unwrap().is_success());
    // The same resource version again is a conflict.
    let conflict = client.send(&renew).await.unwrap();
    assert_eq!(conflict.status_error().reason, "Conflict");

    let log = server.requests();
    let sent: Vec<(String, &str, &str)> =
        log.iter().map(|request| (request.line(), request.content_type(), request.accept())).collect();
    let (protobuf, accept) =
        ("application/vnd.kubernetes.protobuf", "application/vnd.kubernetes.protobuf,application/json");
    assert_eq!(
        sent,
        [
            (format!("POST {LEASES}"), protobuf, accept),
            (format!("GET {path}"), "", accept),
            (format!("PUT {path}"), protobuf, accept),
            (format!("PUT {path}"), protobuf, accept),
        ]
    );
    assert_eq!(log[0].headers["content-length"], log[0].body.len().to_string());
    assert_eq!(log[0].user_agent(), "kubelet/v1.36.3 (linux/amd64) kubernetes/abcdef0");
}

#[tokio::test]
async fn json_goes_and_comes_and_a_strategic_patch_is_sent_as_one() {
    let (server, client) = server_and_client().await;
    let pod = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "p" },
        "spec": { "nodeName": "n-1", "containers": [{ "name": "c" }] } });
    let create = Request::post("/api/v1/namespaces/default/pods", pod.to_string(), Encoding::Json);
    let created: Value = client.send(&create.accept(Encoding::Json)).await.unwrap().json().unwrap();
    assert_eq!(created["status"]["phase"], "Pending");

    let patch = json!({ "status": { "phase": "Running" } }).to_string();
    let patch = Request::patch_strategic("/api/v1/namespaces/default/pods/p/status", patch);
    let patched: k8s_pb::api::core::v1::Pod = client.send(&patch).await.unwrap().decode().unwrap();
    assert_eq!(patched.status.unwrap().phase.as_deref(), Some("Running"));
    let log = server.requests();
    assert_eq!(log[1].content_type(), "application/strategic-merge-patch+json");
    assert_eq!(log[1].method, Method::PATCH);
}

#[tokio::test]
async fn a_refusal_is_a_response_in_either_encoding() {
    let (server, client) = server_and_client().await;
    let wait = Duration::from_secs(3);
    server.script(Rule::new(Action::Refuse(Refusal::too_many_requests(Some(wait)))).path("/api/v1/pods"));
    for accept in [Encoding::Protobuf, Encoding::Json] {
        let missing = client.send(&Request::get("/api/v1/nodes/n-1").accept(accept)).await.unwrap();
        let status = missing.status_error();
        assert_eq!((status.code, status.reason.as_str()), (404, "NotFound"));
        assert_eq!(status.message, r#"nodes "n-1" not found"#);

        let shed = client.send(&Request::get("/api/v1/pods").accept(accept)).await.unwrap();
        assert_eq!((shed.status.as_u16(), shed.retry_after), (429, Some(wait)));
        assert!(shed.status_error().is_too_many_requests());
    }
}

#[tokio::test]
async fn plain_text_is_read_too() {
    let (_server, client) = server_and_client().await;
    let ready = client.send(&Request::get("/readyz").accept(Encoding::Text)).await.unwrap();
    assert_eq!((ready.encoding, ready.body.as_ref()), (Encoding::Text, b"ok".as_slice()));
}

#[tokio::test]
async fn a_large_answer_arrives_whole() {
    let (_server, client) = server_and_client().await;
    // More than a stream's window, with six bits of chance in each character so that it stays more when it is compressed: it
    // only arrives if the window is given back while it is read.
    let mut random = SmallRng::seed_from_u64(1);
    let value: String = (0..6 << 20).map(|_| char::from(b'0' + random.random::<u8>() % 64)).collect();
    let body = json!({ "metadata": { "name": "big" }, "data": { "value": value } }).to_string();
    let path = "/api/v1/namespaces/default/configmaps";
    soon(client.send(&Request::post(path, body, Encoding::Json))).await.unwrap();
    for _ in 0..2 {
        let read = soon(client.send(&Request::get(format!("{path}/big")))).await.unwrap();
        assert_eq!(read.json::<Value>().unwrap()["data"]["value"].as_str(), Some(value.as_str()));
    }
    let traffic = client.traffic();
    assert!(traffic.bytes_written > 6 << 20 && traffic.bytes_read > 12 << 20, "{traffic:?}");
}

#[tokio::test(start_paused = true)]
async fn no_answer_in_time_is_a_timeout_and_the_connection_lives() {
    let (server, client) = in_memory().await;
    server.script(Rule::new(Action::Hang).path("/api/v1/nodes"));
    let started = tokio::time::Instant::now();
    let request = Request::get("/api/v1/nodes/n-1").timeout(Duration::from_secs(10));
    let error = client.send(&request).await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert_eq!(error.to_string(), "GET /api/v1/nodes/n-1 was not answered within 10s");
    assert_eq!(started.elapsed().as_secs(), 10);
    assert!(client.send(&Request::get("/readyz")).await.unwrap().is_success());
    assert_eq!(client.traffic().connections, 1);
}

#[tokio::test]
async fn a_reset_stream_is_an_error_of_its_request_only() {
    let (server, client) = server_and_client().await;
    server.script(Rule::new(Action::Reset(Reason::INTERNAL_ERROR)).path("/api/v1/nodes"));
    let error = client.send(&Request::get("/api/v1/nodes/n-1")).await.unwrap_err();
    assert!(matches!(error, Error::Reset { .. }), "{error:?}");
    assert_eq!(server.requests().len(), 1, "a request that may have been carried out is not sent again");
    assert!(client.send(&Request::get("/readyz")).await.unwrap().is_success());
    assert_eq!(client.traffic().connections, 1);
}

#[tokio::test]
async fn a_body_that_breaks_off_ends_in_an_error_and_not_in_a_spin() {
    let (server, client) = server_and_client().await;
    server.script(Rule::new(Action::BreakBody { after: 10 }).times(1));
    let error = soon(client.send(&Request::get("/version"))).await.unwrap_err();
    assert!(matches!(error, Error::Reset { .. }), "{error:?}");
    assert!(client.send(&Request::get("/version")).await.unwrap().is_success());
}

#[tokio::test]
async fn a_bearer_token_can_be_replaced() {
    let (server, _) = server_and_client().await;
    let token = Token::new("first".into());
    let client = client(server.endpoint().unwrap(), Credential::bearer(token.clone()));
    client.send(&Request::get("/readyz")).await.unwrap();
    token.set("second".into());
    client.send(&Request::get("/readyz")).await.unwrap();
    let log = server.requests();
    let sent: Vec<&str> = log.iter().map(Logged::authorization).collect();
    assert_eq!(sent, ["Bearer first", "Bearer second"]);
    assert_eq!(client.traffic().connections, 1);
}

#[tokio::test]
async fn a_certificate_may_act_for_somebody_else() {
    let (server, _) = server_and_client().await;
    let node = client(server.endpoint().unwrap(), certificate(&server, "system:node:n-1", "system:nodes"));
    node.send(&Request::get("/readyz")).await.unwrap();
    let other =
        Impersonate { user: "system:node:n-2".into(), groups: vec!["system:nodes".into(), "b".into()] };
    let credential = certificate(&server, "fleet", "fleets").impersonating(other);
    client(server.endpoint().unwrap(), credential).send(&Request::get("/readyz")).await.unwrap();

    let log = server.requests();
    assert_eq!(
        (log[0].common_name(), log[0].peer.organizations.as_slice()),
        ("system:node:n-1", &["system:nodes".into()][..])
    );
    assert_eq!(log[1].common_name(), "fleet");
    let headers = |name| -> Vec<&str> {
        log[1].headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    };
    assert_eq!(headers("impersonate-user"), ["system:node:n-2"]);
    assert_eq!(headers("impersonate-group"), ["system:nodes", "b"]);
}

#[tokio::test]
async fn a_path_that_is_none_is_refused_before_it_is_sent() {
    let (server, client) = server_and_client().await;
    for path in ["", "api/v1/nodes", "/api v1"] {
        let error = client.send(&Request::get(path)).await.unwrap_err();
        assert!(matches!(error, Error::Path { .. }), "{path:?}: {error:?}");
    }
    assert!(server.requests().is_empty());
}
