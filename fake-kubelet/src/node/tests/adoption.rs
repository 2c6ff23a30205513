use serde_json::json;

use super::{
    driver::{Driver, Fault, millis, pod, seconds, spec},
    server::Server,
};
use crate::{Call, Milestone, NodeSpec};

/// What a node that ran pod `p` leaves when its process ends.
fn abandoned() -> Driver {
    let mut driver = Driver::ready();
    driver.bind(&pod("p"));
    driver.run_for(seconds(10));
    driver
}

/// The next process of the same node, some time later.
fn successor(old: Driver) -> Driver {
    let mut driver = Driver::beside(old.server);
    driver.now = seconds(100);
    driver.server.take_events();
    driver.start();
    driver
}

#[test]
fn a_running_pod_is_taken_over_as_it_is() {
    let old = abandoned();
    let before = old.server.pods["p"].status.clone();
    let mut driver = successor(old);
    driver.run_for(seconds(60));
    assert_eq!(driver.milestones, [Milestone::NodeRegistered, Milestone::NodeReady, Milestone::PodAdopted]);
    assert_eq!(driver.server.pods["p"].status, before);
    driver.check_of("pods/p", &["GET pods/p"]);
    assert!(driver.addresses.take().unwrap().to_string() != before["podIP"], "the pod's address is taken");
}

#[test]
fn a_ready_node_stays_ready_while_it_is_taken_over() {
    let mut driver = successor(abandoned());
    driver.run_for(seconds(2));
    for sent in driver.sent.iter().filter(|sent| sent.line.contains("status")) {
        assert!(!sent.body.to_string().contains("\"status\":\"False\""), "{}", sent.body);
    }
}

const RECONCILE: &str = "PATCH nodes/vm/status";
const REPORT: &str = "PATCH nodes/vm/status?timeout=10s";

/// A node that was registered by a kubelet of another specification.
fn found_by(old: NodeSpec, new: NodeSpec) -> Driver {
    let mut driver = Driver::of(old, Server::default(), 1);
    driver.start();
    driver.run_until(seconds(2));
    let mut driver = Driver::of(new, driver.server, 2);
    driver.start();
    driver.run_until(seconds(2));
    driver
}

#[test]
fn a_node_as_it_should_be_is_only_reported_on() {
    let driver = found_by(spec(), spec());
    let patches: Vec<_> = driver.sent.iter().filter(|sent| sent.line.starts_with("PATCH")).collect();
    let [report] = patches[..] else { panic!("one PATCH: {patches:?}") };
    // It is still the same second.
    assert_eq!((report.line.as_str(), &report.body), (REPORT, &json!({})));
}

#[test]
fn what_of_an_existing_node_has_changed_comes_with_the_first_report() {
    let new =
        NodeSpec { cpu: "4".to_owned(), kubelet_version: "v1.36.4".to_owned(), max_pods: 250, ..spec() };
    let driver = found_by(spec(), new);
    let patches: Vec<_> = driver.sent.iter().filter(|sent| sent.line.starts_with("PATCH")).collect();
    let [report] = patches[..] else { panic!("one PATCH: {patches:?}") };
    let status = &report.body["status"];
    assert_eq!(status["capacity"], json!({ "cpu": "4", "pods": "250" }));
    assert_eq!(status["allocatable"], status["capacity"]);
    assert_eq!(status["nodeInfo"], json!({ "kubeletVersion": "v1.36.4" }));
    assert!(status.get("images").is_none() && status.get("addresses").is_none(), "{status}");
    let info = driver.server.node.unwrap().status.unwrap().node_info.unwrap();
    assert_eq!(info.kubelet_version.as_deref(), Some("v1.36.4"));
}

#[test]
fn a_difference_that_could_not_be_reported_is_reported_again() {
    let mut old = Driver::ready();
    old.server.node.as_mut().unwrap().status.as_mut().unwrap().images.clear();
    let mut driver = Driver::beside(old.server);
    driver.on_request(|call| (*call == Call::PatchNodeStatus).then_some(Fault::Refused(500)));
    driver.start();
    driver.run_until(seconds(2));
    driver.serve_all();
    driver.run_until(seconds(15));
    assert_eq!(driver.server.node.as_ref().unwrap().status.as_ref().unwrap().images.len(), 50);
    driver.forget();
    driver.run_until(seconds(100));
    assert!(driver.times_of("PATCH").is_empty(), "once it is there it is not sent again");
}

#[test]
fn addresses_are_replaced_and_not_merged() {
    let mut old = Driver::ready();
    old.server.node.as_mut().unwrap().status.as_mut().unwrap().addresses[0].address =
        Some("192.0.2.9".to_owned());
    let mut driver = Driver::beside(old.server);
    driver.start();
    driver.run_until(seconds(2));
    let report = driver.sent.iter().find(|sent| sent.line == REPORT).unwrap();
    let expected = json!([
        { "type": "InternalIP", "address": "192.0.2.2" },
        { "type": "Hostname", "address": "vm" },
        { "$patch": "replace" },
    ]);
    assert_eq!(report.body["status"]["addresses"], expected);
}

#[test]
fn default_labels_and_huge_pages_are_put_right_before_the_node_counts_as_registered() {
    let mut old = Driver::ready();
    let node = old.server.node.as_mut().unwrap();
    let labels = &mut node.metadata.as_mut().unwrap().labels;
    labels.insert("kubernetes.io/os".to_owned(), "plan9".to_owned());
    labels.insert("mine".to_owned(), "kept".to_owned());
    node.status.as_mut().unwrap().capacity.remove("hugepages-2Mi");
    let mut driver = Driver::beside(old.server);
    driver.on_request(|call| (*call == Call::ReconcileNode).then_some(Fault::Refused(500)));
    driver.start();
    driver.run_until(millis(150));
    assert_eq!(driver.milestones, []);
    driver.serve_all();
    driver.run_until(seconds(2));
    assert_eq!(driver.milestones, [Milestone::NodeRegistered, Milestone::NodeReady]);
    let patch = driver.sent.iter().rfind(|sent| sent.line == RECONCILE).unwrap();
    let expected = json!({
        "metadata": { "labels": { "kubernetes.io/os": "linux" } },
        "status": { "capacity": { "hugepages-2Mi": "0" } },
    });
    assert_eq!(patch.body, expected);
    assert_eq!(driver.server.node.unwrap().metadata.unwrap().labels["mine"], "kept");
}

#[test]
fn labels_that_were_chosen_for_nodes_are_set_only_when_they_are_created() {
    let labels = [("loadgen.run".to_owned(), "new".to_owned())];
    let driver = found_by(spec(), NodeSpec { labels: labels.into(), ..spec() });
    assert!(driver.times_of(RECONCILE).len() == 1, "the report and nothing else");
    assert!(!driver.server.node.unwrap().metadata.unwrap().labels.contains_key("loadgen.run"));
}

#[test]
fn an_adopted_pod_can_be_deleted() {
    let mut driver = successor(abandoned());
    driver.run_for(seconds(5));
    driver.forget();
    driver.delete("p");
    driver.run_for(seconds(3));
    assert!(driver.server.pods.is_empty());
    driver.check_of(
        "pods/p",
        &[
            "GET pods/p",
            "PATCH pods/p/status",
            "GET pods/p",
            "PATCH pods/p/status",
            "GET pods/p",
            "PATCH pods/p/status",
            "DELETE pods/p",
        ],
    );
}

#[test]
fn a_pod_deleted_meanwhile_is_stopped() {
    let mut old = abandoned();
    old.server.delete_gracefully("p");
    let mut driver = successor(old);
    driver.run_for(seconds(5));
    assert!(driver.server.pods.is_empty());
}

#[test]
fn a_pod_whose_end_was_reported_is_only_deleted() {
    let mut old = abandoned();
    old.delete("p");
    // The terminal phase is there, the clean-up is not yet done.
    old.run_for(super::driver::millis(500));
    let mut driver = successor(old);
    driver.run_for(seconds(5));
    assert!(driver.server.pods.is_empty());
    driver.check_of("pods/p", &["GET pods/p", "DELETE pods/p"]);
}

#[test]
fn a_pod_that_ended_long_ago_is_left_alone() {
    let mut old = abandoned();
    old.server.patch_pod("p", serde_json::json!({ "phase": "Succeeded" }));
    let mut driver = successor(old);
    driver.run_for(seconds(60));
    driver.check_of("pods/p", &[]);
}

#[test]
fn a_pod_that_had_not_started_is_started() {
    let mut old = Driver::ready();
    old.bind(&pod("p"));
    old.run_for(super::driver::millis(100));
    let started = old.server.pods["p"].status["startTime"].clone();
    let mut driver = successor(old);
    driver.run_for(seconds(5));
    let status = &driver.server.pods["p"].status;
    assert_eq!(status["phase"], "Running");
    assert_eq!(status["startTime"], started);
    assert!(driver.milestones.contains(&Milestone::PodRunning));
}
