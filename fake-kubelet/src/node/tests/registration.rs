use super::driver::{Driver, Fault, millis, seconds};
use crate::{Call, Milestone};

#[test]
fn a_refused_registration_is_tried_again_with_doubling_pauses() {
    let mut driver = Driver::new();
    driver.on_request(|call| (*call == Call::CreateNode).then_some(Fault::Refused(500)));
    driver.start();
    driver.run_until(seconds(30));
    // Each pause begins when the answer to the last try is there, 2 ms after it.
    assert_eq!(driver.times_of("POST nodes"), [170, 372, 774, 1576, 3178, 6380, 12_782, 19_784, 26_786]);
    assert!(driver.milestones.is_empty());
    driver.serve_all();
    driver.run_until(seconds(40));
    assert_eq!(driver.milestones, [Milestone::NodeRegistered]);
    // The CSINode is waited for with pauses of up to two minutes.
    driver.run_until(seconds(160));
    assert_eq!(driver.milestones, [Milestone::NodeRegistered, Milestone::NodeReady]);
}

#[test]
fn a_node_that_may_not_be_created_may_exist() {
    let mut driver = Driver::beside(Driver::ready().server);
    driver.on_request(|call| (*call == Call::CreateNode).then_some(Fault::Refused(403)));
    driver.start();
    driver.run_until(seconds(1));
    assert_eq!(driver.milestones, [Milestone::NodeRegistered, Milestone::NodeReady]);
}

#[test]
fn a_node_that_exists_and_cannot_be_read_is_registered_again() {
    let mut driver = Driver::beside(Driver::ready().server);
    let mut failures = 1;
    driver.on_request(move |call| {
        let fails = *call == Call::GetExistingNode && failures > 0;
        failures -= i32::from(fails);
        fails.then_some(Fault::Unreachable)
    });
    driver.start();
    driver.run_until(seconds(1));
    assert_eq!(driver.times_of("POST nodes"), [170, 374]);
    assert!(driver.milestones.contains(&Milestone::NodeRegistered));
}

#[test]
fn the_pod_watch_starts_when_the_node_exists() {
    let mut driver = Driver::new();
    driver.on_request(|call| (*call == Call::CreateNode).then_some(Fault::Unreachable));
    driver.bind(&super::driver::pod("p"));
    driver.start();
    driver.run_until(millis(1600));
    driver.serve_all();
    driver.run_until(millis(2900));
    assert!(driver.times_of("pods/").is_empty());
    driver.run_until(seconds(8));
    assert!(!driver.times_of("pods/").is_empty());
}
