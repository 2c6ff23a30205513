use super::driver::{Driver, pod, seconds};
use crate::Milestone;

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
