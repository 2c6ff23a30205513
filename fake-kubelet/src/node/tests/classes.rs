//! Classes of traffic that are switched off.

use super::driver::{Driver, LIFE_ONLY, millis, seconds, spec};
use crate::{Class, Classes, Milestone, NodeSpec, Preset};

fn started(classes: Classes) -> Driver {
    let mut driver = Driver::sending(classes, super::server::Server::default(), 1);
    driver.start();
    driver.run_until(seconds(40));
    driver
}

/// The lines that contain `part`.
fn sent(driver: &Driver, part: &str) -> Vec<String> {
    driver.sent.iter().map(|sent| sent.line.clone()).filter(|line| line.contains(part)).collect()
}

#[test]
fn a_kwok_node_is_registered_ready_and_renews_its_lease_and_that_is_all() {
    let mut driver = started(Preset::Kwok.classes());
    assert_eq!(driver.milestones, [Milestone::NodeRegistered, Milestone::NodeReady]);
    let registration = driver.sent.iter().find(|sent| sent.line == "POST nodes").unwrap();
    let conditions = &registration.body["status"]["conditions"];
    assert_eq!(conditions[3]["type"], "Ready");
    assert_eq!(conditions[3]["status"], "True");
    driver.check(&[
        // The lease is looked for before there is a Node to own it, and again a period later.
        "GET leases/vm?timeout=10s",
        "GET nodes/vm?timeout=10s",
        "POST nodes",
        "GET leases/vm?timeout=10s",
        "GET nodes/vm?timeout=10s",
        "POST leases?timeout=10s",
        "PUT leases/vm?timeout=10s",
        "PUT leases/vm?timeout=10s",
    ]);
    driver.run_for(seconds(3600));
    assert_eq!(sent(&driver, "PUT leases").len(), driver.sent.len());
}

#[test]
fn a_kwok_node_that_was_written_off_is_put_right_once() {
    let mut server = started(Preset::Kwok.classes()).server;
    server.set_node_condition("Ready", "Unknown");
    let spec = NodeSpec { classes: Preset::Kwok.classes(), ..spec() };
    let mut driver = Driver::of(spec, server, 1);
    driver.start();
    driver.run_until(seconds(600));
    assert_eq!(driver.server.node_condition("Ready"), "True");
    assert_eq!(sent(&driver, "PATCH"), ["PATCH nodes/vm/status?timeout=10s"]);
    assert_eq!(driver.milestones, [Milestone::NodeRegistered, Milestone::NodeReady]);
}

#[test]
fn a_kwok_node_that_cannot_be_put_right_is_tried_again() {
    let mut server = started(Preset::Kwok.classes()).server;
    server.set_node_condition("Ready", "Unknown");
    let mut driver = Driver::of(NodeSpec { classes: Preset::Kwok.classes(), ..spec() }, server, 1);
    driver.on_request(|call| {
        (*call == crate::Call::PatchNodeStatus).then_some(super::driver::Fault::Refused(500))
    });
    driver.start();
    driver.run_until(seconds(5));
    assert_eq!(sent(&driver, "PATCH").len(), 5);
    driver.serve_all();
    driver.run_until(seconds(12));
    assert_eq!(driver.server.node_condition("Ready"), "True");
}

#[test]
fn without_a_csi_node_the_node_is_ready_at_once() {
    let mut driver = Driver::of(
        NodeSpec { classes: LIFE_ONLY.without(Class::CsiNode), ..spec() },
        super::server::Server::default(),
        1,
    );
    driver.start();
    driver.run_until(millis(180));
    assert_eq!(driver.milestones, [Milestone::NodeRegistered, Milestone::NodeReady]);
    assert_eq!(sent(&driver, "csinodes"), [""; 0]);
    assert_eq!(driver.server.node_condition("Ready"), "True");
}

#[test]
fn without_status_reports_a_csi_node_that_comes_late_is_no_reason_for_one() {
    let driver = started(LIFE_ONLY.without(Class::NodeStatus));
    assert_eq!(driver.milestones, [Milestone::NodeRegistered, Milestone::NodeReady]);
    assert_eq!(sent(&driver, "PATCH"), [""; 0]);
    assert_eq!(sent(&driver, "POST csinodes").len(), 1);
}

#[test]
fn without_images_the_node_is_small() {
    let size = |classes| {
        let driver = started(classes);
        let registration = driver.sent.iter().find(|sent| sent.line == "POST nodes").unwrap();
        registration.body.to_string().len()
    };
    assert!(size(LIFE_ONLY) > 10_000);
    assert!(size(LIFE_ONLY.without(Class::NodeImages)) < 4_000);
}
