use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use scrape::exposition;
use serde_json::{Value, json};

use super::{answer, *};
use crate::{
    server_metrics::components::{Answer, Components, Instance},
    shown::Shown,
    telemetry::Telemetry,
};

const ETCD: &str = "# TYPE etcd_server_has_leader gauge\netcd_server_has_leader 1\n";

/// What a component says, or why it does not.
type Says = Result<&'static str, &'static str>;

/// Components of which each says what it is given to say.
#[derive(Clone, Debug, Default)]
struct Fake(Arc<Mutex<Vec<(Instance, Says)>>>);

impl Fake {
    fn put(&self, up: &[(&'static str, &str, Says)]) {
        let instance = |(job, name, says): &(&'static str, &str, Says)| {
            (Instance { job, name: (*name).to_owned() }, *says)
        };
        *self.0.lock().unwrap() = up.iter().map(instance).collect();
    }
}

impl Components for Fake {
    fn up(&self) -> Vec<Instance> {
        self.0.lock().unwrap().iter().map(|(instance, _)| instance.clone()).collect()
    }

    fn read(&self, name: &str) -> Option<Answer> {
        let up = self.0.lock().unwrap();
        let (_, says) = *up.iter().find(|(instance, _)| instance.name == name)?;
        let says = says.map(Bytes::from).map_err(str::to_owned);
        Some(Box::pin(std::future::ready(says)))
    }
}

fn shown() -> (Shown, Fake) {
    let telemetry = Telemetry::new("run-1", "pod-churn");
    telemetry.is_under("defaults");
    let shown = Shown::unkept(&telemetry);
    let fake = Fake::default();
    fake.put(&[("etcd", "etcd (cell 2)", Ok(ETCD)), ("kube-scheduler", "kube-scheduler", Err("refused"))]);
    shown.can_ask(Box::new(fake.clone()));
    (shown, fake)
}

/// Status, type and text of the answer to a request at `prometheus.example:9095`.
async fn asked(shown: Option<&Shown>, method: Method, path: &str) -> (StatusCode, String, String) {
    let request = Request::builder().method(method).uri(path).header(header::HOST, "prometheus.example:9095");
    let (request, ()) = request.body(()).unwrap().into_parts();
    let address = SocketAddr::from(([127, 0, 0, 1], 9095));
    let answer = answer::answer(shown, &request, address).await;
    let kind = answer.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, kind, String::from_utf8(body.to_vec()).unwrap())
}

async fn get(shown: Option<&Shown>, path: &str) -> (StatusCode, String, String) {
    asked(shown, Method::GET, path).await
}

#[tokio::test]
async fn our_own_metrics_are_what_a_scrape_reads() {
    let (shown, _) = shown();
    let (status, kind, text) = get(Some(&shown), "/metrics").await;
    assert_eq!((status, kind.as_str()), (StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8"));
    let scrape = exposition::parse(&text, |_| true).unwrap();
    let start = scrape.family("loadgen_run_start_timestamp_seconds").unwrap();
    let labels = start.series.keys().next().unwrap();
    assert!(
        labels.is("run", "run-1") && labels.is("profile", "defaults") && labels.is("scenario", "pod-churn")
    );
}

#[tokio::test]
async fn a_component_says_what_it_says_by_whichever_spelling_of_its_name() {
    let (shown, _) = shown();
    for path in ["/components/etcd%20(cell%202)/metrics", "/components/etcd%20%28cell%202%29/metrics"] {
        let (status, kind, text) = get(Some(&shown), path).await;
        assert_eq!((status, text.as_str()), (StatusCode::OK, ETCD), "{path}");
        assert!(kind.contains("version=0.0.4"), "{kind}");
    }
    let (status, _, text) = get(Some(&shown), "/components/kube-scheduler/metrics").await;
    assert_eq!((status, text.as_str()), (StatusCode::BAD_GATEWAY, "kube-scheduler: refused\n"));
}

#[tokio::test]
async fn what_there_is_not_is_answered_with_what_there_is() {
    let (shown, _) = shown();
    for path in ["/metric", "/components/etcd/metrics", "/components/", "/components/%ff/metrics", "//"] {
        let (status, _, text) = get(Some(&shown), path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        for there in ["/metrics ", "/components/etcd (cell 2)/metrics ", "/sd "] {
            assert!(text.contains(there), "{path}: {there} in\n{text}");
        }
    }
    let (status, ..) = asked(Some(&shown), Method::POST, "/metrics").await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn prometheus_finds_us_and_all_components_with_their_labels() {
    let (shown, fake) = shown();
    let group = |job: &str, instance: &str, path: &str| {
        json!({
            "targets": ["prometheus.example:9095"],
            "labels": {
                "__metrics_path__": path, "instance": instance, "job": job,
                "profile": "defaults", "run": "run-1", "scenario": "pod-churn",
            },
        })
    };
    let ours = group("loadgen", "loadgen", "/metrics");
    let (status, kind, text) = get(Some(&shown), "/sd").await;
    assert_eq!((status, kind.as_str()), (StatusCode::OK, "application/json"));
    let etcd = group("etcd", "etcd (cell 2)", "/components/etcd (cell 2)/metrics");
    let scheduler = group("kube-scheduler", "kube-scheduler", "/components/kube-scheduler/metrics");
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), json!([ours, etcd, scheduler]));
    // It has ended, and the control plane is gone.
    fake.put(&[("etcd", "etcd (cell 2)", Ok(ETCD))]);
    let (_, _, text) = get(Some(&shown), "/sd").await;
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), json!([ours, etcd]));
    shown.goes_down();
    let (_, _, text) = get(Some(&shown), "/sd").await;
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), json!([ours]));
}

#[tokio::test]
async fn the_page_says_where_everything_is_and_what_prometheus_needs() {
    let (shown, _) = shown();
    let (status, _, text) = get(Some(&shown), "/").await;
    assert_eq!(status, StatusCode::OK);
    let config = "\
scrape_configs:
  - job_name: loadgen
    scrape_interval: 5s
    honor_labels: true
    http_sd_configs:
      - url: http://prometheus.example:9095/sd
        refresh_interval: 5s
";
    assert!(text.ends_with(config), "{text}");
    assert!(text.contains("/components/kube-scheduler/metrics"), "{text}");
}

#[tokio::test]
async fn between_two_runs_there_is_nothing_and_no_error() {
    assert_eq!(get(None, "/metrics").await.2, "");
    assert_eq!(get(None, "/sd").await.2, "[]");
    assert_eq!(get(None, "/").await.0, StatusCode::OK);
    assert_eq!(get(None, "/components/etcd/metrics").await.0, StatusCode::NOT_FOUND);
}

/// The whole answer of a server on this machine.
fn fetch(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_server_shows_one_run_after_another_and_gives_its_port_back() {
    let args = MetricsArgs { metrics_addr: Some("127.0.0.1:0".parse().unwrap()) };
    let said = Mutex::new(Vec::new());
    let listening = args.listen().unwrap().unwrap();
    let address = listening.address();
    let server = MetricsServer::open(Some(listening), |text| said.lock().unwrap().push(text.to_owned()));
    let server = server.unwrap().unwrap();
    assert_eq!(*said.lock().unwrap(), [format!("metrics: http://{address}/")]);
    assert!(fetch(address, "/sd").ends_with("[]"));

    let (first, fake) = shown();
    let showing = MetricsServer::shows(Some(&server), &first);
    assert!(fetch(address, "/metrics").contains("run=\"run-1\""));
    assert!(fetch(address, "/components/etcd%20(cell%202)/metrics").ends_with(ETCD));
    fake.put(&[]);
    assert!(fetch(address, "/components/etcd%20(cell%202)/metrics").starts_with("HTTP/1.1 404 "));
    drop(showing);
    assert!(fetch(address, "/sd").ends_with("[]"));
    let second = Shown::unkept(&Telemetry::new("run-2", "lists"));
    let _showing = MetricsServer::shows(Some(&server), &second);
    let answer = fetch(address, "/metrics");
    assert!(answer.contains("run=\"run-2\"") && !answer.contains("run=\"run-1\""), "{answer}");

    drop(server);
    TcpStream::connect(address).unwrap_err();
}

#[test]
fn without_an_address_there_is_no_server() {
    let listening = MetricsArgs::default().listen().unwrap();
    assert!(MetricsServer::open(listening, |_| panic!("there is nothing to say")).unwrap().is_none());
}

#[test]
fn an_address_that_is_open_to_all_is_said_to_be() {
    let args = MetricsArgs { metrics_addr: Some(":0".parse().unwrap()) };
    let said = Mutex::new(String::new());
    let server = MetricsServer::open(args.listen().unwrap(), |text| *said.lock().unwrap() += text).unwrap();
    assert!(server.is_some());
    let said = said.into_inner().unwrap();
    assert!(said.contains("warning: whoever reaches this machine"), "{said}");
}
