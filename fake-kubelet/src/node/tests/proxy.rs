//! The kube-proxy beside a kubelet.

use serde_json::json;

use super::{
    driver::{Driver, Fault, LIFE_ONLY, millis, seconds},
    server::Server,
};
use crate::{Call, Class, ProxyWatch, Watched};

const EVENT: &str = "POST events";

fn with_proxy() -> Driver {
    Driver::sending(LIFE_ONLY.with(Class::KubeProxy), Server::default(), 1)
}

#[test]
fn the_node_is_watched_first_and_the_rest_when_it_has_been_seen() {
    let mut driver = with_proxy();
    driver.start();
    driver.run_until(seconds(3));
    let watched: Vec<&Watched> = driver.watched.iter().map(|(_, watched, _)| watched).collect();
    let expected =
        [ProxyWatch::Node, ProxyWatch::ServiceCidrs, ProxyWatch::EndpointSlices, ProxyWatch::Services];
    assert_eq!(watched, expected.map(Watched::Proxy).iter().collect::<Vec<_>>());
    let times: Vec<_> = driver.watched.iter().map(|(at, ..)| *at).collect();
    assert_eq!(times[1], times[0] + millis(100), "an informer is looked at every 100 ms");
    assert_eq!(times[1..], [times[1]; 3]);
    let selectors: Vec<_> = driver
        .watched
        .iter()
        .map(|(_, _, spec)| {
            (spec.path.as_str(), spec.field_selector.as_deref(), spec.label_selector.as_deref())
        })
        .collect();
    assert_eq!(
        selectors,
        [
            ("/api/v1/nodes", Some("metadata.name=vm"), None),
            ("/apis/networking.k8s.io/v1/servicecidrs", None, None),
            ("/apis/discovery.k8s.io/v1/endpointslices", None, Some("!service.kubernetes.io/headless")),
            (
                "/api/v1/services",
                Some("spec.clusterIP!=None"),
                Some("!service.kubernetes.io/service-proxy-name")
            ),
        ]
    );
    assert!(driver.watched.iter().all(|(_, _, spec)| spec.timeout_param), "informers of generated clients");
}

#[test]
fn it_says_that_it_has_started() {
    let mut driver = with_proxy();
    driver.start();
    driver.run_until(seconds(30));
    let events: Vec<_> = driver.sent.iter().filter(|sent| sent.line == EVENT).collect();
    let [event] = events[..] else { panic!("one event: {events:?}") };
    let wall = super::driver::START.parse::<jiff::Timestamp>().unwrap() + event.at;
    let body = json!({
        "metadata": { "name": format!("vm.{:x}", wall.as_nanosecond()), "namespace": "default" },
        "eventTime": [wall.as_second(), wall.subsec_nanosecond() / 1000 * 1000],
        "reportingController": "kube-proxy",
        "reportingInstance": "kube-proxy-vm",
        "action": "StartKubeProxy",
        "reason": "Starting",
        "type": "Normal",
        "regarding": { "apiVersion": "v1", "kind": "Node", "name": "vm" },
    });
    assert_eq!(event.body, body);
}

#[test]
fn an_event_without_an_answer_is_tried_twelve_times_and_a_refused_one_once() {
    let mut driver = with_proxy();
    driver.on_request(|call| (*call == Call::CreateProxyEvent).then_some(Fault::Unreachable));
    driver.start();
    driver.run_until(seconds(300));
    let times = driver.times_of(EVENT);
    assert_eq!(times.len(), 12);
    for pair in times.windows(2) {
        assert!((10_002..=12_502).contains(&(pair[1] - pair[0])), "{times:?}");
    }
    let mut driver = with_proxy();
    driver.on_request(|call| (*call == Call::CreateProxyEvent).then_some(Fault::Refused(403)));
    driver.start();
    driver.run_until(seconds(300));
    assert_eq!(driver.times_of(EVENT).len(), 1);
}

#[test]
fn a_node_that_is_not_ready_has_none() {
    let mut driver = with_proxy();
    driver.on_request(|call| (*call == Call::CreateCsiNode).then_some(Fault::Refused(500)));
    driver.start();
    driver.run_until(seconds(60));
    assert!(driver.watched.is_empty());
    driver.serve_all();
    driver.run_for(seconds(200));
    assert_eq!(driver.watched.len(), 4);
}

#[test]
fn a_kubelet_alone_starts_none() {
    let mut driver = Driver::new();
    driver.start();
    driver.run_until(seconds(60));
    assert!(driver.watched.is_empty() && driver.times_of(EVENT).is_empty());
}
