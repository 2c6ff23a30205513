use serde_json::json;

use super::driver::{Driver, Fault, millis, pod, seconds};
use crate::{Call, Milestone};

const GET: &str = "GET pods/p";
const PATCH: &str = "PATCH pods/p/status";
const DELETE: &str = "DELETE pods/p";

/// A ready node with a pod `p` that runs, the requests so far forgotten.
fn with_running_pod() -> Driver {
    let mut driver = Driver::ready();
    driver.bind(&pod("p"));
    driver.run_for(seconds(1));
    assert_eq!(driver.milestones, [Milestone::PodRunning]);
    driver.forget();
    driver
}

#[test]
fn a_pod_starts_in_three_phases_each_after_a_look() {
    let mut driver = Driver::ready();
    driver.bind(&pod("p"));
    driver.run_for(seconds(1));
    assert_eq!(driver.times_of(PATCH), [2003, 2353, 2443]);
    driver.check(&[GET, PATCH, GET, PATCH, GET, PATCH]);
}

#[test]
fn phases_merge_when_the_server_is_slow() {
    let mut driver = Driver::ready();
    let mut refusals = 1;
    driver.on_request(move |call| {
        let refuses = matches!(call, Call::PatchPodStatus(_)) && refusals > 0;
        refusals -= i32::from(refuses);
        refuses.then_some(Fault::Unreachable)
    });
    driver.bind(&pod("p"));
    driver.run_for(seconds(1));
    assert_eq!(driver.milestones, [Milestone::PodRunning]);
    let bodies: Vec<bool> = driver
        .sent
        .iter()
        .filter(|it| it.line == PATCH)
        .map(|it| it.body["status"]["startTime"].is_string())
        .collect();
    // The second carries what the first one lost.
    assert_eq!(bodies, [true, true, false]);
}

#[test]
fn a_deleted_pod_ends_and_is_removed() {
    let mut driver = with_running_pod();
    driver.delete("p");
    driver.run_for(seconds(2));
    assert_eq!(driver.milestones, [Milestone::PodGone]);
    driver.check(&[GET, PATCH, GET, PATCH, GET, PATCH, DELETE]);
}

#[test]
fn a_pod_deleted_before_it_ran_fails() {
    let mut driver = Driver::ready();
    driver.bind(&pod("p"));
    driver.run_for(millis(100));
    driver.forget();
    driver.delete("p");
    driver.run_for(seconds(2));
    let last = driver.sent.iter().rfind(|sent| sent.line == PATCH).unwrap().body["status"].clone();
    assert_eq!(last["phase"], "Failed");
    assert_eq!(last["containerStatuses"][0]["state"]["terminated"]["exitCode"], 137);
    assert_eq!(driver.milestones, [Milestone::PodGone]);
    // Stopping changes nothing that is reported.
    driver.check(&[GET, PATCH, GET, GET, PATCH, DELETE]);
}

#[test]
fn pods_take_turns_and_one_request_is_under_way_at_a_time() {
    let mut driver = Driver::ready();
    for name in ["a", "b", "c"] {
        driver.bind(&pod(name));
    }
    driver.run_for(millis(100));
    driver.check(&[
        "GET pods/a",
        "PATCH pods/a/status",
        "GET pods/b",
        "PATCH pods/b/status",
        "GET pods/c",
        "PATCH pods/c/status",
    ]);
}

#[test]
fn a_failed_request_waits_for_the_next_reconciliation() {
    for fault in [
        Fault::Refused(404),
        Fault::Refused(403),
        Fault::Refused(409),
        Fault::Refused(500),
        Fault::Unreachable,
    ] {
        let mut driver = with_running_pod();
        let mut failures = 1;
        driver.on_request(move |call| {
            let fails = matches!(call, Call::GetPod(_)) && failures > 0;
            failures -= i32::from(fails);
            fails.then_some(fault)
        });
        driver.server.next_generation("p");
        driver.deliver_events();
        // Reconciliations are every 10 s from the node's start.
        driver.run_until(seconds(11));
        assert_eq!(driver.times_of("pods/p"), [3001, 10_000, 10_002], "{fault:?}");
    }
}

#[test]
fn a_failed_request_is_tried_again_when_another_pod_changes() {
    let mut driver = with_running_pod();
    driver.on_request(|call| {
        matches!(call, Call::GetPod(uid) if &**uid == "uid-of-p").then_some(Fault::Refused(500))
    });
    driver.server.next_generation("p");
    driver.deliver_events();
    driver.run_for(millis(100));
    driver.check(&[GET]);
    driver.bind(&pod("q"));
    driver.run_for(millis(100));
    driver.check(&["GET pods/q", "PATCH pods/q/status", GET]);
}

#[test]
fn a_refused_delete_is_tried_again() {
    let mut driver = with_running_pod();
    let mut refusals = 1;
    driver.on_request(move |call| {
        let refuses = matches!(call, Call::DeletePod(_)) && refusals > 0;
        refusals -= i32::from(refuses);
        refuses.then_some(Fault::Refused(500))
    });
    driver.delete("p");
    driver.run_until(seconds(12));
    driver.check_of("pods/p", &[GET, PATCH, GET, PATCH, GET, PATCH, DELETE, GET, DELETE]);
    assert!(driver.server.pods.is_empty());
}

#[test]
fn a_pod_under_the_same_name_is_another_pod() {
    let mut driver = with_running_pod();
    let mut other = pod("p");
    other.metadata.as_mut().unwrap().uid = Some("another".to_owned());
    // The watch is behind: the old pod is believed to exist when its generation moves.
    driver.server.next_generation("p");
    driver.deliver_events();
    driver.server.bind(&other);
    driver.server.take_events();
    driver.run_for(seconds(30));
    driver.check_of("pods/p", &[GET]);
}

#[test]
fn a_pod_declared_unready_by_a_controller_is_put_right_at_the_next_reconciliation() {
    let mut driver = with_running_pod();
    driver.server.patch_pod("p", json!({ "conditions": [{ "type": "Ready", "status": "False" }] }));
    driver.deliver_events();
    driver.run_until(seconds(11));
    assert_eq!(driver.server.pods["p"].condition("Ready")["status"], "True");
    assert_eq!(driver.times_of("pods/p"), [10_000, 10_002]);
}

#[test]
fn conditions_of_other_writers_stay_in_front() {
    let mut driver = Driver::ready();
    driver.bind(&pod("p"));
    driver.server.patch_pod("p", json!({ "conditions": [{ "type": "example.com/gate", "status": "True" }] }));
    driver.run_for(seconds(1));
    let patch = &driver.sent.iter().rfind(|sent| sent.line == PATCH).unwrap().body["status"];
    assert_eq!(patch["$setElementOrder/conditions"][0]["type"], "example.com/gate");
    assert!(!patch["conditions"].to_string().contains("example.com/gate"));
    assert_eq!(driver.server.pods["p"].condition("example.com/gate")["status"], "True");
}

#[test]
fn pods_missing_from_a_fresh_list_are_stopped() {
    let mut driver = with_running_pod();
    driver.server.delete_by_force("p");
    driver.relist();
    driver.run_for(seconds(2));
    assert_eq!(driver.milestones, [Milestone::PodGone]);
    driver.check(&[GET, GET]);
}

#[test]
fn a_fresh_list_without_news_sends_nothing() {
    let mut driver = with_running_pod();
    driver.relist();
    driver.run_for(seconds(2));
    driver.check(&[]);
}

#[test]
fn a_pod_without_a_free_address_waits_for_one() {
    let mut driver = Driver::ready();
    driver.addresses = crate::PodAddresses::of_shard(0, u32::MAX, 0);
    driver.bind(&pod("p"));
    driver.run_for(seconds(3));
    driver.check(&[GET, PATCH]);
    driver.addresses = crate::PodAddresses::of_shard(0, 1, 0);
    driver.run_for(seconds(2));
    assert_eq!(driver.milestones, [Milestone::PodRunning]);
}
