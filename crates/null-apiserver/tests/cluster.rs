//! What a client relies on that sets up and cleans up, as the `kube` crate's does: HTTP/1.1, namespaces with their account, and lists
//! of metadata alone.
#![expect(clippy::unwrap_used, reason = "a test ends by panicking, also in what it shares with others")]

use std::sync::Arc;

use null_apiserver::{Config, NullApiserver};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;

/// Sends one request over HTTP/1.1 on a connection of its own; the status line and the body.
async fn ask(
    server: &NullApiserver,
    method: &str,
    path: &str,
    accept: &str,
    body: &Value,
) -> (String, Value) {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(server.ca_pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let address = server.url().trim_start_matches("https://").to_owned();
    let tcp = tokio::net::TcpStream::connect(&address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut tls = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap();
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\naccept: {accept}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    tls.write_all(head.as_bytes()).await.unwrap();
    tls.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tls.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), serde_json::from_str(body).unwrap())
}

#[tokio::test]
async fn a_namespace_has_its_account_and_takes_all_with_it_when_it_goes() {
    let server = NullApiserver::start_as(Config::for_load()).await.unwrap();
    let json = "application/json";
    for name in ["a", "b"] {
        let namespace = json!({ "metadata": { "name": name, "labels": { "run": name } } });
        let (status, _) = ask(&server, "POST", "/api/v1/namespaces", json, &namespace).await;
        assert_eq!(status, "HTTP/1.1 201 Created");
    }
    let role = json!({ "metadata": { "name": "r" }, "rules": [{ "verbs": ["get"] }] });
    let roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/a/roles";
    let (_, created) = ask(&server, "POST", roles, json, &role).await;
    assert_eq!((&created["kind"], &created["rules"]), (&json!("Role"), &role["rules"]));
    let account = |namespace: &str| format!("/api/v1/namespaces/{namespace}/serviceaccounts/default");
    assert_eq!(ask(&server, "GET", &account("a"), json, &Value::Null).await.0, "HTTP/1.1 200 OK");

    let (status, _) = ask(&server, "DELETE", "/api/v1/namespaces/a", json, &Value::Null).await;
    assert_eq!(status, "HTTP/1.1 200 OK");
    for (path, code) in [
        ("/api/v1/namespaces/a".to_owned(), 404),
        (account("a"), 404),
        (format!("{roles}/r"), 404),
        (account("b"), 200),
    ] {
        let (status, _) = ask(&server, "GET", &path, json, &Value::Null).await;
        assert!(status.contains(&code.to_string()), "{path}: {status}");
    }
}

#[tokio::test]
async fn who_asks_for_metadata_gets_nothing_else() {
    let server = NullApiserver::start().await.unwrap();
    let object = json!({ "metadata": { "name": "x", "labels": { "run": "1" } }, "data": { "a": "b" } });
    let path = "/api/v1/namespaces/default/configmaps";
    ask(&server, "POST", path, "application/json", &object).await;
    let list = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
    let (_, found) = ask(&server, "GET", &format!("{path}?labelSelector=run%3D1"), list, &Value::Null).await;
    assert_eq!(found["kind"], "PartialObjectMetadataList");
    let [item] = found["items"].as_array().unwrap().as_slice() else { panic!("{found}") };
    assert_eq!((&item["kind"], &item["metadata"]["name"]), (&json!("PartialObjectMetadata"), &json!("x")));
    assert_eq!(item["data"], Value::Null);
    let one = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
    let (_, found) = ask(&server, "GET", &format!("{path}/x"), one, &Value::Null).await;
    assert_eq!((&found["kind"], &found["data"]), (&json!("PartialObjectMetadata"), &Value::Null));
}
