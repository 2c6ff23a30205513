use super::{
    driver::{Driver, Fault, millis, seconds, spec},
    server::Server,
};
use crate::{Call, Heartbeats, Milestone, NodeSpec};

const PUT: &str = "PUT leases/vm?timeout=10s";
const GET: &str = "GET leases/vm?timeout=10s";

/// A node whose lease exists; the next renewal is due within 10.4 s.
fn with_lease() -> Driver {
    let mut driver = Driver::ready();
    driver.run_until(seconds(12));
    assert!(driver.server.lease.is_some());
    driver.forget();
    driver
}

#[test]
fn a_lease_is_renewed_every_ten_seconds_and_a_little() {
    let mut driver = with_lease();
    driver.run_for(seconds(600));
    let times = driver.times_of(PUT);
    assert!(times.len() >= 57);
    for pair in times.windows(2) {
        // From the end of one renewal, which takes 2 ms, to the next.
        assert!((10_002..10_402).contains(&(pair[1] - pair[0])), "{pair:?}");
    }
    assert!(times.windows(2).any(|pair| pair[1] - pair[0] != times[1] - times[0]), "renewals are jittered");
    driver.check_of("lease", &vec![PUT; times.len()]);
}

#[test]
fn a_lease_says_how_long_it_holds_and_is_renewed_after_a_quarter_of_that() {
    let short = Heartbeats { lease_seconds: 20, ..Heartbeats::default() };
    let mut driver = Driver::of(NodeSpec { heartbeats: short, ..spec() }, Server::default(), 1);
    driver.start();
    driver.run_until(seconds(120));
    let times = driver.times_of(PUT);
    assert!(times.len() >= 21, "{times:?}");
    for pair in times.windows(2) {
        assert!((5_002..5_202).contains(&(pair[1] - pair[0])), "{pair:?}");
    }
    let lease = driver.server.lease.as_ref().unwrap();
    assert_eq!(lease.spec.as_ref().unwrap().lease_duration_seconds, Some(20));
}

#[test]
fn a_conflict_is_resolved_by_reading_the_lease() {
    let mut driver = with_lease();
    driver.server.touch_lease();
    driver.run_for(seconds(11));
    driver.check_of("lease", &[PUT, GET, PUT]);
}

#[test]
fn a_lease_that_vanished_is_made_again() {
    let mut driver = with_lease();
    driver.server.lease = None;
    driver.run_for(seconds(11));
    driver.check(&[PUT, PUT, PUT, PUT, PUT, GET, "GET nodes/vm?timeout=10s", "POST leases?timeout=10s"]);
}

#[test]
fn a_failing_renewal_is_tried_ten_times_and_then_waits() {
    let mut driver = with_lease();
    driver.on_request(|call| (*call == Call::RenewLease).then_some(Fault::Refused(500)));
    driver.run_for(seconds(11));
    let missed = driver.milestones.iter().filter(|it| **it == Milestone::LeaseMissed).count();
    assert_eq!(missed, 2);
    driver.check(&[PUT, PUT, PUT, PUT, PUT, GET, PUT, PUT, PUT, PUT, PUT]);
    driver.run_for(seconds(10));
    driver.check(&[PUT, PUT, PUT, PUT, PUT, GET, PUT, PUT, PUT, PUT, PUT]);
}

#[test]
fn the_longest_gap_is_that_of_renewals_and_of_the_wait_under_way() {
    let mut driver = with_lease();
    driver.run_for(seconds(60));
    let gap = |driver: &mut Driver| driver.node.take_longest_lease_gap(driver.now.into()).as_millis();
    assert!((10_000..10_500).contains(&gap(&mut driver)), "renewals are that far apart");
    driver.run_for(seconds(3));
    assert!(gap(&mut driver) <= 13_000, "what was told is not told again");
    driver.on_request(|call| (*call == Call::RenewLease).then_some(Fault::Refused(500)));
    driver.run_for(seconds(30));
    assert!(gap(&mut driver) >= 30_000, "nobody has renewed it since");
}

#[test]
fn a_lease_that_cannot_be_read_is_asked_for_with_doubling_pauses() {
    let mut driver = Driver::new();
    driver.on_request(|call| (*call == Call::GetLease).then_some(Fault::Unreachable));
    driver.start();
    driver.run_until(seconds(25));
    assert_eq!(driver.times_of(GET), [0, 202, 604, 1406, 3008, 6210, 12_612, 19_614]);
}

#[test]
fn a_node_may_be_taken_for_dead_after_a_gap_and_looks() {
    let mut driver = with_lease();
    driver.on_request(|call| matches!(call, Call::RenewLease | Call::GetLease).then_some(Fault::Unreachable));
    driver.run_for(seconds(60));
    driver.server.set_node_condition("Ready", "Unknown");
    driver.serve_all();
    driver.forget();
    driver.run_for(seconds(8));
    driver.check(&[GET, PUT, "GET nodes/vm?timeout=10s", "PATCH nodes/vm/status?timeout=10s"]);
    assert_eq!(driver.server.node_condition("Ready"), "True");
    driver.run_for(millis(11_000));
    driver.check(&[PUT]);
}
