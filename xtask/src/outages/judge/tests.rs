//! Logs of fleets that live through it, and of fleets that do not.

use super::*;
use crate::traffic::synthetic::{request, traffic, watch};

const NODES: u32 = 20;
const DOWN: f64 = 100.0;
const BACK: f64 = 105.0;
const END: f64 = 240.0;

/// Twenty nodes that renew their leases every ten seconds, each when it does, but not while the server is away.
fn healthy() -> Vec<Request> {
    let mut requests = Vec::new();
    for node in 0..NODES {
        let user = format!("system:node:n-{node}");
        let lease = format!("update leases kube-node-lease/n-{node}");
        let mut at = 20.0 + f64::from(node) / 2.0;
        while at < END {
            if !(DOWN..BACK).contains(&at) {
                requests.push(request(&user, &lease, 200, at));
            }
            at += 10.0;
        }
        let selector = format!("fieldSelector=spec.nodeName%3Dn-{node}&timeoutSeconds=500");
        let from_all = [&*selector, "&sendInitialEvents=true"].concat();
        requests.extend(watch(&user, "pods", &from_all, 5.0, Some(DOWN + 0.1)));
        let again = BACK + 1.0 + f64::from(node) / 20.0;
        requests.extend(watch(&user, "pods", &selector, again, Some(again + 0.01)));
        requests.extend(watch(&user, "pods", &from_all, again + 1.0, None));
    }
    requests.sort_by(|a, b| a.done.total_cmp(&b.done));
    requests
}

fn played(requests: Vec<Request>) -> Played {
    Played {
        traffic: traffic(requests),
        begin: 40.0,
        down: DOWN,
        back: BACK,
        end: END,
        ready: NODES as usize,
        not_ready_events: 0,
        old_version: String::new(),
        said: String::new(),
    }
}

/// What fails when more is sent than by a healthy fleet.
#[track_caller]
fn check(more: Vec<Request>, expected: &str) {
    let requests = [healthy(), more].concat();
    let verdict = judge(Outage::ApiserverRestart, NODES, &played(requests));
    let failures = verdict.failures.join("; ");
    assert!(failures.contains(expected) && failures.is_empty() == expected.is_empty(), "{failures}");
}

fn leases(from: f64, per_second: u32) -> Vec<Request> {
    let count = per_second * 10;
    let at = |index: u32| from + f64::from(index) / f64::from(per_second);
    (0..count)
        .map(|index| request("system:node:n-1", "get leases kube-node-lease/n-1", 200, at(index)))
        .collect()
}

#[test]
fn a_fleet_that_comes_back_passes() {
    check(Vec::new(), "");
    let verdict = judge(Outage::ApiserverRestart, NODES, &played(healthy()));
    assert_eq!((verdict.watches, verdict.relists, verdict.expired), (20, 20, 20), "{verdict:?}");
    assert!((verdict.heartbeats.steady - 2.0).abs() < 0.1, "{verdict:?}");
    assert!(verdict.lease_gap_max > 15.0 && verdict.lease_gap_max < 21.0, "{verdict:?}");
}

#[test]
fn a_storm_at_the_return_is_nobodys_fault_but_a_second_one_is() {
    check(leases(BACK, 20), "");
    check(leases(BACK + 11.0, 20), "heartbeats/s from 10 to 20 s");
}

#[test]
fn a_watch_that_begins_anew_again_and_again_is_found() {
    let anew = "fieldSelector=spec.nodeName%3Dn-3&timeoutSeconds=500&sendInitialEvents=true";
    let again = |at: f64| watch("system:node:n-3", "pods", anew, at, Some(at + 0.5));
    check([130.0, 150.0].into_iter().flat_map(again).collect(), "one watch began anew 3.0 times");
}

#[test]
fn a_load_that_stays_is_found() {
    let pods = (0..1000)
        .map(|index| request("system:node:n-1", "get pods ns/p", 200, BACK + 60.0 + f64::from(index) / 20.0));
    check(pods.collect(), "requests/s a minute after the return");
}

#[test]
fn a_node_that_does_not_come_back_is_found() {
    let mut requests = healthy();
    requests.retain(|request| &*request.user != "system:node:n-5" || request.at < DOWN);
    let mut played = played(requests);
    played.ready = 19;
    played.not_ready_events = 1;
    let failures = judge(Outage::ApiserverRestart, NODES, &played).failures.join("; ");
    for failure in ["only 19 of 20 nodes are ready", "1 events say NodeNotReady", "lease was not renewed for"]
    {
        assert!(failures.contains(failure), "{failure} in {failures}");
    }
}

#[test]
fn refusals_are_excused_only_while_the_server_comes_up() {
    let refused = |at: f64| vec![request("system:node:n-1", "patch pods/status ns/p", 500, at)];
    check(refused(BACK + 1.0), "");
    check(refused(BACK + 100.0), "500 to patch pods/status");
}

#[test]
fn a_connection_that_is_given_up_in_good_order_loses_nothing() {
    let mut played = played(healthy());
    played.said = "20 of 20 nodes registered; 3 requests without an answer, 0 refused: reset".to_owned();
    let failures = judge(Outage::Goaway, NODES, &played).failures.join("; ");
    assert!(failures.contains("lost requests"), "{failures}");
}
