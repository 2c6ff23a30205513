use super::driver::{Driver, Fault, millis, seconds};
use crate::{Call, Milestone};

#[test]
fn a_server_out_of_reach_is_asked_every_second() {
    let mut driver = Driver::new();
    driver.on_request(|_| Some(Fault::Unreachable));
    driver.start();
    driver.run_until(millis(3500));
    assert_eq!(driver.times_of("csinodes"), [0, 1002, 2004, 3006]);
}

#[test]
fn a_csi_node_that_cannot_be_made_is_tried_again_for_longer_and_longer() {
    let mut driver = Driver::new();
    driver.on_request(|call| (*call == Call::CreateCsiNode).then_some(Fault::Refused(500)));
    driver.start();
    driver.run_until(seconds(150));
    let tries = driver.times_of("POST csinodes");
    // Six rounds of four tries; in the first one the Node was missing. The last pause is the longest.
    assert_eq!(tries.len(), 21, "{tries:?}");
    assert!(tries.windows(2).any(|pair| pair[1] - pair[0] > 120_000), "{tries:?}");
    assert!(!driver.milestones.contains(&Milestone::NodeReady));
    // Then a kubelet exits and is started again.
    driver.serve_all();
    driver.run_for(seconds(12));
    assert!(driver.milestones.contains(&Milestone::NodeReady));
}

#[test]
fn a_csi_node_of_an_earlier_node_is_replaced() {
    let mut server = Driver::ready().server;
    let owner = &mut server.csi_node.as_mut().unwrap().metadata.as_mut().unwrap().owner_references[0];
    owner.uid = Some("another".to_owned());
    let mut driver = Driver::beside(server);
    driver.start();
    driver.run_until(seconds(1));
    driver.check_of(
        "csinodes",
        &[
            "GET csinodes/vm?resourceVersion=0",
            "GET csinodes/vm",
            "DELETE csinodes/vm",
            "GET csinodes/vm",
            "POST csinodes",
        ],
    );
}
