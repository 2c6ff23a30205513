//! A node shuts down gracefully.

use super::driver::{Driver, Fault, millis, pod, seconds};
use crate::{Call, Event};

const PATCH: &str = "PATCH nodes/vm/status?timeout=10s";

#[test]
fn it_says_so_at_once_and_its_pods_end_as_failed() {
    let mut driver = Driver::ready();
    driver.bind(&pod("p"));
    driver.run_for(seconds(5));
    driver.forget();
    let begun = driver.now;
    driver.happen(Event::Shutdown);
    assert_eq!(driver.sent[0].line, PATCH);
    let conditions = driver.sent[0].body["status"]["conditions"].as_array().unwrap();
    let ready = conditions.last().unwrap();
    assert_eq!((&ready["type"], &ready["status"]), (&"Ready".into(), &"False".into()));
    assert_eq!(
        (&ready["reason"], &ready["message"]),
        (&"KubeletNotReady".into(), &"node is shutting down".into())
    );
    driver.run_for(seconds(30));
    assert_eq!(driver.server.node_condition("Ready"), "False");
    let status = &driver.server.pods["p"].status;
    assert_eq!((&status["phase"], &status["reason"]), (&"Failed".into(), &"Terminated".into()));
    let condition = driver.server.pods["p"].condition("DisruptionTarget");
    assert_eq!(
        (&condition["status"], &condition["reason"]),
        (&"True".into(), &"TerminationByKubelet".into())
    );
    // Stopping takes 130 ms, and the process goes two seconds later.
    let stopped = driver.stopped.unwrap();
    assert!((begun + millis(2130)..begun + millis(3000)).contains(&stopped), "{begun:?} {stopped:?}");
}

#[test]
fn a_node_without_pods_stops_soon() {
    let mut driver = Driver::ready();
    let begun = driver.now;
    driver.happen(Event::Shutdown);
    driver.run_for(seconds(10));
    assert_eq!(driver.stopped, Some(begun + seconds(2)));
}

#[test]
fn a_node_that_shuts_down_does_not_become_ready_again() {
    let mut driver = Driver::new();
    driver.on_request(|call| (*call == Call::CreateCsiNode).then_some(Fault::Refused(500)));
    driver.start();
    driver.run_until(seconds(1));
    driver.happen(Event::Shutdown);
    driver.serve_all();
    driver.run_for(seconds(100));
    assert_eq!(driver.server.node_condition("Ready"), "False");
    let messages = &driver.server.node.as_ref().unwrap().status.as_ref().unwrap().conditions;
    assert_eq!(messages.last().unwrap().message.as_deref(), Some("node is shutting down"));
}

#[test]
fn a_report_that_is_lost_is_tried_again() {
    let mut driver = Driver::ready();
    let mut lost = false;
    driver.on_request(move |call| {
        let loses = *call == Call::PatchNodeStatus && !std::mem::replace(&mut lost, true);
        loses.then_some(Fault::Unreachable)
    });
    driver.happen(Event::Shutdown);
    driver.happen(Event::Shutdown);
    driver.run_for(seconds(2));
    driver.check_of("nodes/vm", &[PATCH, "GET nodes/vm?timeout=10s", PATCH]);
    assert_eq!(driver.server.node_condition("Ready"), "False");
}

#[test]
fn the_next_process_of_the_node_begins_anew_and_its_pods_addresses_are_claimed_once() {
    let mut driver = Driver::ready();
    driver.bind(&pod("p"));
    driver.run_for(seconds(5));
    let address = driver.server.pods["p"].status["podIP"].clone();
    driver.end_process();
    driver.forget();
    driver.start();
    driver.run_for(seconds(10));
    assert_eq!(driver.server.node_condition("Ready"), "True");
    assert_eq!(driver.server.pods["p"].status["podIP"], address, "the pod was taken over");
    driver.check_of("pods/p", &["GET pods/p"]);
    driver.delete("p");
    driver.run_for(seconds(10));
    // It comes back into the pool when the pod goes: nobody claims it any more.
    let free = std::iter::from_fn(|| driver.addresses.take());
    assert!(free.into_iter().any(|it| *it.to_string() == *address.as_str().unwrap()));
}
