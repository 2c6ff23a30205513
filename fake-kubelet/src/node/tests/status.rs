use serde_json::json;

use super::{
    driver::{Driver, Fault, seconds, spec},
    server::Server,
};
use crate::{Call, Heartbeats, Milestone, NodeSpec};

const PATCH: &str = "PATCH nodes/vm/status?timeout=10s";
const GET: &str = "GET nodes/vm?timeout=10s";

#[test]
fn an_unchanged_status_is_reported_after_half_to_one_and_a_half_times_five_minutes_and_then_every_five() {
    let mut first_reports = Vec::new();
    for seed in 0..20 {
        let mut driver = Driver::with_seed(Server::default(), seed);
        driver.start();
        driver.run_until(seconds(2));
        driver.forget();
        driver.run_until(seconds(1500));
        let times = driver.times_of("PATCH nodes");
        // It is looked at every 10.0-10.4 s, so a report is late by so much.
        assert!((150_000..461_000).contains(&times[0]), "{times:?}");
        for pair in times.windows(2) {
            assert!((300_000..311_000).contains(&(pair[1] - pair[0])), "{pair:?}");
        }
        first_reports.push(times[0]);
    }
    let earliest = first_reports.iter().min().unwrap();
    let latest = first_reports.iter().max().unwrap();
    assert!(latest - earliest > 150_000, "nodes that started together report at different times");
}

/// What a kubelet whose `nodeStatusUpdateFrequency` is written, and so is its report frequency, does to a server.
#[test]
fn a_status_is_reported_at_every_look_when_its_report_frequency_is_that_of_the_looks() {
    let ten_seconds = Heartbeats { status_report: seconds(10), ..Heartbeats::default() };
    let mut driver = Driver::of(NodeSpec { heartbeats: ten_seconds, ..spec() }, Server::default(), 1);
    driver.start();
    driver.run_until(seconds(60));
    driver.forget();
    driver.run_for(seconds(600));
    let times = driver.times_of(PATCH);
    assert!((57..=60).contains(&times.len()), "{times:?}");
    for pair in times.windows(2) {
        // From the end of one report, which takes 2 ms, to the next look.
        assert!((10_002..10_402).contains(&(pair[1] - pair[0])), "{pair:?}");
    }
    for report in driver.sent.iter().filter(|sent| sent.line == PATCH) {
        let conditions = report.body["status"]["conditions"].as_array().unwrap();
        assert_eq!(conditions.len(), 4, "{}", report.body);
        for condition in conditions {
            let fields: Vec<&String> = condition.as_object().unwrap().keys().collect();
            assert_eq!(fields, ["lastHeartbeatTime", "type"], "nothing but the time is new");
        }
    }
}

#[test]
fn a_status_is_looked_at_as_often_as_it_is_set_to_be() {
    let often = Heartbeats { status_update: seconds(2), status_report: seconds(5), ..Heartbeats::default() };
    let mut driver = Driver::of(NodeSpec { heartbeats: often, ..spec() }, Server::default(), 1);
    driver.start();
    driver.run_until(seconds(60));
    driver.forget();
    driver.run_for(seconds(60));
    for pair in driver.times_of(PATCH).windows(2) {
        // Five seconds have passed at the third look.
        assert!((6_002..6_250).contains(&(pair[1] - pair[0])), "{pair:?}");
    }
    assert!((9..=10).contains(&driver.times_of(PATCH).len()));
}

#[test]
fn a_failed_report_is_tried_again_with_a_get_before_it() {
    let mut driver = Driver::new();
    driver.on_request(|call| (*call == Call::PatchNodeStatus).then_some(Fault::Refused(500)));
    driver.start();
    driver.run_until(seconds(2));
    assert!(!driver.milestones.contains(&Milestone::NodeReady));
    let tries = ["POST nodes", PATCH, GET, PATCH, GET, PATCH, GET, PATCH, GET, PATCH];
    let sent: Vec<&str> = driver.sent.iter().map(|sent| sent.line.as_str()).collect();
    let status: Vec<&str> = sent
        .iter()
        .copied()
        .skip_while(|line| *line != "POST nodes")
        .filter(|line| tries.contains(line))
        .collect();
    // The tries, and when the CSINode is there another five.
    assert_eq!(status[..10], tries);
    assert_eq!(status[10..], tries[1..]);
    driver.forget();
    driver.run_for(seconds(10));
    driver.serve_all();
    driver.run_for(seconds(10));
    assert!(driver.milestones.contains(&Milestone::NodeReady));
    assert_eq!(driver.server.node_condition("Ready"), "True");
}

#[test]
fn a_report_whose_answer_was_lost_is_not_sent_twice() {
    let mut driver = Driver::new();
    let mut lost = false;
    driver.on_request(move |call| {
        let loses = *call == Call::CreateCsiNode && !std::mem::replace(&mut lost, true);
        loses.then_some(Fault::AnswerLost)
    });
    driver.start();
    driver.run_until(seconds(2));
    assert!(driver.milestones.contains(&Milestone::NodeReady));
    driver.forget();
    let mut lost = false;
    driver.on_request(move |call| {
        let loses = *call == Call::PatchNodeStatus && !std::mem::replace(&mut lost, true);
        loses.then_some(Fault::AnswerLost)
    });
    driver.run_until(seconds(460));
    let sent: Vec<_> = driver.sent.iter().filter(|sent| sent.line == PATCH || sent.line == GET).collect();
    // The heartbeat that was not acknowledged is due again, after a look at what the server has; it is the same second.
    assert_eq!(sent.iter().filter(|sent| sent.line == PATCH).count(), 2);
    assert_eq!(sent.last().unwrap().body, json!({}));
}

#[test]
fn what_somebody_else_wrote_is_put_right_after_the_next_report() {
    let mut driver = Driver::ready();
    driver.server.set_node_condition("Ready", "Unknown");
    driver.run_until(seconds(480));
    assert_eq!(driver.server.node_condition("Ready"), "True");
    assert_eq!(driver.times_of(PATCH).len(), 2);
    let repair = &driver.sent.iter().rfind(|sent| sent.line == PATCH).unwrap().body["status"]["conditions"];
    assert_eq!(repair.as_array().unwrap().last().unwrap()["status"], "True");
}

#[test]
fn conditions_of_other_writers_are_left_alone() {
    let mut server = Driver::ready().server;
    server.set_node_condition("NetworkUnavailable", "False");
    let mut driver = Driver::beside(server);
    driver.start();
    driver.run_until(seconds(480));
    assert_eq!(driver.server.node_condition("NetworkUnavailable"), "False");
    for sent in driver.sent.iter().filter(|sent| sent.line == PATCH) {
        assert!(!sent.body.to_string().contains("NetworkUnavailable"), "{}", sent.body);
    }
}
