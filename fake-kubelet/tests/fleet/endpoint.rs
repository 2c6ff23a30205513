//! The HTTPS endpoint of a fleet's kubelets, called as metrics-server and an apiserver call it.
#![expect(clippy::unwrap_used, reason = "what fails here is the test")]

use fake_kubelet::{Fleet, FleetReport};
use measure::{Kind, KindStats};
use null_apiserver::{Logged, NullApiserver};
use wire::{Client, ClientCertificate, Credential, Encoding, Endpoint, Request, Token};

use crate::cluster::{Cluster, eventually, pod};

const SCRAPE: &str = "/metrics/resource";
/// A token of the test double: that of the service account kube-system/metrics.
const TOKEN: &str = "null.kube-system.metrics.1";
const USER: &str = "system:serviceaccount:kube-system:metrics";

async fn ready(cluster: &Cluster, nodes: u32) -> Fleet {
    let fleet = cluster.serving_fleet(nodes, 2);
    eventually("every node is ready", || fleet.progress().ready == u64::from(nodes)).await;
    fleet
}

/// A caller of node `index`.
fn caller(server: &NullApiserver, fleet: &Fleet, index: u8, credential: Credential) -> Client {
    let url = format!("https://127.64.0.{}:{}", index + 1, fleet.kubelet_port().unwrap());
    let node = Endpoint::new(&url, Some(server.ca_pem().as_bytes())).unwrap();
    Client::new(node, credential, "test").unwrap()
}

fn bearer(token: &str) -> Credential {
    Credential::bearer(Token::new(token.to_owned()))
}

fn certificate(server: &NullApiserver, user: &str) -> Credential {
    let (chain, key) = server.client_certificate(user, &[]).unwrap();
    Credential::certificate(ClientCertificate::from_pem(chain.as_bytes(), key.as_bytes()).unwrap())
}

async fn get(client: &Client, path: &str) -> (u16, String) {
    let response = client.send(&Request::get(path).accept(Encoding::Text)).await.unwrap();
    (response.status.as_u16(), String::from_utf8(response.body.to_vec()).unwrap())
}

/// Reviews that the server was asked for: of tokens, of access.
fn reviews(server: &NullApiserver) -> (usize, usize) {
    let requests = server.requests();
    let count = |what: &str| requests.iter().filter(|request| request.path.ends_with(what)).count();
    (count("/tokenreviews"), count("/subjectaccessreviews"))
}

fn recorded(report: &FleetReport, resource: &'static str) -> u64 {
    let stats = report.recorder.kind(Kind { verb: "create", resource });
    stats.map_or(0, KindStats::done)
}

#[tokio::test]
async fn a_scraper_is_reviewed_once_by_every_node_and_the_reviews_are_recorded() {
    let cluster = Cluster::start().await;
    let fleet = ready(&cluster, 3).await;
    for _ in 0..2 {
        for index in 0..3 {
            let client = caller(&cluster.server, &fleet, index, bearer(TOKEN));
            let (code, text) = get(&client, SCRAPE).await;
            assert_eq!(code, 200, "{text}");
            assert!(text.contains("\nnode_cpu_usage_seconds_total "), "{text}");
        }
    }
    assert_eq!(reviews(&cluster.server), (3, 3));
    let senders = cluster.server.requests();
    let of_node = senders.iter().filter(|request| request.path.ends_with("reviews"));
    let mut names: Vec<&str> = of_node.map(Logged::common_name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names, ["system:node:n-0", "system:node:n-1", "system:node:n-2"]);
    let report = fleet.stop().await;
    assert_eq!(recorded(&report, "authentication.k8s.io/tokenreviews"), 3);
    assert_eq!(recorded(&report, "authorization.k8s.io/subjectaccessreviews"), 3);
}

#[tokio::test]
async fn whoever_calls_a_node_in_the_place_of_another_is_reviewed_for_the_new_one() {
    let cluster = Cluster::start().await;
    let fleet = ready(&cluster, 2).await;
    let scraper = certificate(&cluster.server, "scraper");
    assert_eq!(get(&caller(&cluster.server, &fleet, 1, scraper.clone()), SCRAPE).await.0, 200);
    fleet.replace(1..2).unwrap();
    eventually("the new one is ready", || fleet.progress().ready == 3).await;
    cluster.server.clear_requests();
    assert_eq!(get(&caller(&cluster.server, &fleet, 1, scraper), SCRAPE).await.0, 200);
    let requests = cluster.server.requests();
    let review = requests.iter().find(|request| request.path.ends_with("/subjectaccessreviews")).unwrap();
    assert_eq!(review.common_name(), "system:node:n-1-g1");
    assert!(review.body.windows(6).any(|part| part == b"n-1-g1"), "{:?}", review.body);
    fleet.stop().await;
}

#[tokio::test]
async fn nobody_and_whoever_shows_a_strange_token_are_unauthorized() {
    let cluster = Cluster::start().await;
    let fleet = ready(&cluster, 1).await;
    let nobody = caller(&cluster.server, &fleet, 0, Credential::anonymous());
    assert_eq!(get(&nobody, SCRAPE).await, (401, "Unauthorized".to_owned()));
    let stranger = caller(&cluster.server, &fleet, 0, bearer("strange"));
    assert_eq!(get(&stranger, SCRAPE).await, (401, "Unauthorized".to_owned()));
    assert_eq!(get(&stranger, SCRAPE).await.0, 401);
    // A server that gives a reason is asked again; who shows nothing is not worth a question.
    assert_eq!(reviews(&cluster.server), (2, 0));
}

/// In Go a certificate of a strange authority ends no handshake, and neither may it here.
#[tokio::test]
async fn a_certificate_of_a_strange_authority_is_no_proof_and_no_obstacle() {
    let cluster = Cluster::start().await;
    let strange = NullApiserver::start().await.unwrap();
    let fleet = ready(&cluster, 1).await;
    let client = caller(&cluster.server, &fleet, 0, certificate(&strange, "kube-apiserver-kubelet-client"));
    assert_eq!(get(&client, SCRAPE).await, (401, "Unauthorized".to_owned()));
    assert_eq!(reviews(&cluster.server), (0, 0));
}

#[tokio::test]
async fn who_may_not_is_told_what_they_may_not_and_asked_about_once() {
    let cluster = Cluster::start().await;
    let fleet = ready(&cluster, 1).await;
    cluster.server.deny(USER);
    let client = caller(&cluster.server, &fleet, 0, bearer(TOKEN));
    let refused = |subresources: &str| {
        let text =
            format!("Forbidden (user={USER}, verb=get, resource=nodes, subresource(s)=[{subresources}])\n");
        (403, text)
    };
    assert_eq!(get(&client, SCRAPE).await, refused("metrics"));
    assert_eq!(get(&client, SCRAPE).await, refused("metrics"));
    assert_eq!(reviews(&cluster.server), (1, 1));
    // Two subresources would do, so two are asked for.
    assert_eq!(get(&client, "/healthz").await, refused("healthz proxy"));
    assert_eq!(reviews(&cluster.server), (1, 3));
}

#[tokio::test]
async fn a_server_that_cannot_say_who_may_is_an_error() {
    let cluster = Cluster::start().await;
    let fleet = ready(&cluster, 1).await;
    let refusal = null_apiserver::Refusal::new(403, "Forbidden", "no reviews for you");
    let rule = null_apiserver::Rule::new(null_apiserver::Action::Refuse(refusal));
    cluster.server.script(rule.path("/apis/authorization.k8s.io"));
    let client = caller(&cluster.server, &fleet, 0, bearer(TOKEN));
    let (code, text) = get(&client, SCRAPE).await;
    assert_eq!(code, 500);
    assert_eq!(
        text,
        format!("Authorization error (user={USER}, verb=get, resource=nodes, subresource=metrics)")
    );
}

#[tokio::test]
async fn nodes_say_where_they_serve_and_show_what_runs_on_them() {
    let cluster = Cluster::start().await;
    let fleet = ready(&cluster, 2).await;
    let node: k8s_pb::api::core::v1::Node = cluster.server.get("", "n-1").unwrap();
    let endpoints = node.status.unwrap().daemon_endpoints.unwrap();
    assert_eq!(
        endpoints.kubelet_endpoint.unwrap().port,
        fleet.kubelet_port().map(i32::from),
        "the port is reported"
    );
    cluster.server.put(&pod("web", "n-1"));
    eventually("the pod runs", || fleet.progress().pods_started == 1).await;

    let apiserver = certificate(&cluster.server, "kube-apiserver-kubelet-client");
    let client = caller(&cluster.server, &fleet, 1, apiserver.clone());
    let (_, text) = get(&client, SCRAPE).await;
    assert!(text.contains(r#"{container="c",namespace="default",pod="web"}"#), "{text}");
    assert_eq!(get(&client, "/healthz").await, (200, "ok".to_owned()));

    let logs = "/containerLogs/default/web/c?tailLines=1";
    let (code, text) = get(&client, logs).await;
    assert!(code == 200 && text.starts_with("level=info ") && text.lines().count() == 1, "{code} {text}");
    assert_eq!(get(&client, "/containerLogs/default/web/c?limitBytes=5").await, (200, "level".to_owned()));
    let check = async |path: &str, code: u16, text: &str| {
        assert_eq!(get(&client, path).await, (code, text.to_owned()), "{path}");
    };
    check("/containerLogs/default/other/c", 404, r#"pod "other" does not exist"#).await;
    check("/containerLogs/default/web/d", 404, r#"container "d" not found in pod "web""#).await;
    let previous = r#"previous terminated container "c" in pod "web" not found"#;
    check("/containerLogs/default/web/c?previous=true", 400, previous).await;
    check("/containerLogs/default/web/c?tailLines=-1", 422, r#"{"message": "Invalid request."}"#).await;
    check("/containerLogs/default/web/c?tailLines=x", 400, r#"{"message": "Unable to decode query."}"#).await;
    check("/stats/summary", 404, "404 page not found\n").await;
    check("/exec/default/web/c", 501, "fake-kubelet runs no containers: exec is not possible").await;

    // The other node has other pods.
    let other = caller(&cluster.server, &fleet, 0, apiserver);
    assert_eq!(get(&other, logs).await.0, 404);
}

#[tokio::test]
async fn a_followed_log_ends_with_its_container() {
    let cluster = Cluster::start().await;
    let fleet = ready(&cluster, 1).await;
    cluster.server.put(&pod("web", "n-0"));
    eventually("the pod runs", || fleet.progress().pods_started == 1).await;
    let client = caller(&cluster.server, &fleet, 0, bearer(TOKEN));
    let followed =
        tokio::spawn(async move { get(&client, "/containerLogs/default/web/c?follow=true").await });
    cluster.delete_pod("web").await;
    let (code, text) = followed.await.unwrap();
    assert_eq!(code, 200);
    assert!(text.lines().count() >= 1, "{text}");
}

#[tokio::test]
async fn a_stopped_fleet_gives_its_port_back() {
    let cluster = Cluster::start().await;
    let fleet = ready(&cluster, 1).await;
    let port = fleet.kubelet_port().unwrap();
    let client = caller(&cluster.server, &fleet, 0, bearer(TOKEN));
    assert_eq!(get(&client, "/healthz").await.0, 200);
    fleet.stop().await;
    assert!(std::net::TcpStream::connect(("127.64.0.1", port)).is_err());
}
