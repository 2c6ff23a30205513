//! The watch of the own Node.

use super::{
    driver::{Driver, Fault, LIFE_ONLY, millis, seconds},
    server::Server,
};
use crate::{Call, Class, Milestone};

const PATCH: &str = "PATCH nodes/vm/status?timeout=10s";

/// A node that watches its Node and has been ready for a while. The time is 2 s.
fn watching() -> Driver {
    let mut driver = Driver::sending(LIFE_ONLY.with(Class::NodeWatches), Server::default(), 1);
    driver.start();
    driver.run_until(seconds(2));
    driver.forget();
    driver
}

#[test]
fn what_a_controller_wrote_is_put_right_at_the_next_look_and_not_before() {
    for written_at in [3, 5, 9] {
        let mut driver = watching();
        driver.run_until(seconds(written_at));
        driver.set_node_condition("Ready", "Unknown");
        // The first look was right after registration, in the first second; looks are 10.0-10.4 s apart.
        driver.run_until(seconds(10));
        assert!(driver.times_of(PATCH).is_empty(), "{:?}", driver.times_of(PATCH));
        assert_eq!(driver.milestones.iter().filter(|it| **it == Milestone::NodeWrittenOff(None)).count(), 1);
        driver.run_until(seconds(40));
        let times = driver.times_of(PATCH);
        assert!(times.len() == 1 && times[0] < 10_800, "{times:?}");
        assert_eq!(driver.server.node_condition("Ready"), "True");
        assert!(driver.sent.iter().all(|it| it.call != Call::GetNodeForStatus), "it knows from the watch");
    }
}

#[test]
fn an_old_version_of_the_node_changes_nothing() {
    let mut driver = watching();
    let mut old = driver.server.node.clone().unwrap();
    old.metadata.as_mut().unwrap().resource_version = Some("1".to_owned());
    old.status.as_mut().unwrap().conditions[3].status = Some("Unknown".to_owned());
    driver.deliver_node(&old);
    driver.run_until(seconds(60));
    assert!(driver.times_of(PATCH).is_empty());
}

#[test]
fn what_the_node_itself_wrote_is_no_news() {
    let mut driver = watching();
    driver.run_until(seconds(140));
    assert!(driver.times_of(PATCH).is_empty());
}

#[test]
fn what_was_written_while_a_report_was_under_way_is_seen_too() {
    let mut driver = watching();
    driver.set_node_condition("Ready", "Unknown");
    // The node's PATCH is carried out; before its answer comes, the controller writes again.
    let until_sent = (0..20_000).find(|_| {
        driver.run_for(millis(1));
        !driver.times_of(PATCH).is_empty()
    });
    assert!(until_sent.is_some());
    driver.set_node_condition("Ready", "Unknown");
    driver.run_for(millis(100));
    assert_eq!(driver.server.node_condition("Ready"), "Unknown");
    driver.run_for(seconds(11));
    assert_eq!(driver.server.node_condition("Ready"), "True");
    assert_eq!(driver.times_of(PATCH).len(), 2);
}

#[test]
fn a_node_that_comes_back_after_a_gap_needs_no_look_at_the_server() {
    let mut driver = watching();
    let out = |call: &Call| matches!(call, Call::RenewLease | Call::GetLease).then_some(Fault::Unreachable);
    driver.run_until(seconds(15));
    driver.on_request(out);
    driver.run_for(seconds(60));
    driver.serve_all();
    driver.forget();
    driver.run_for(seconds(20));
    assert!(driver.sent.iter().all(|it| it.call != Call::GetNodeForStatus));
}
