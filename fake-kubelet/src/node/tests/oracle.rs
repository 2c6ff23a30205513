//! The node sends what a real kubelet sent.
//!
//! `tests/oracle/` holds lines of the audit log of a kube-apiserver v1.36.3 that a kubelet v1.36.3 talked to, with containerd
//! behind it. The same things happen to our node at the same times, and its requests must be the same, field by field, but for
//! what differs by nature: identifiers a server or a runtime chooses, the machine's description, and absolute times, of which
//! the order is compared.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{
    driver::{Driver, Sent, millis, seconds},
    render,
};

/// Verb and path, and body.
pub(super) type Line = (String, Value);

pub(super) fn recorded(text: &str) -> Vec<Line> {
    let lines = text.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        let verb = match line["verb"].as_str().unwrap() {
            "get" => "GET",
            "create" => "POST",
            "update" => "PUT",
            "patch" => "PATCH",
            "delete" => "DELETE",
            other => panic!("{other} is not expected here"),
        };
        let query = line["query"].as_str().unwrap();
        let question_mark = if query.is_empty() { "" } else { "?" };
        let path = format!("{}{question_mark}{query}", line["path"].as_str().unwrap());
        (render::short(verb, &path), line.get("request").cloned().unwrap_or_default())
    });
    lines.collect()
}

pub(super) fn ours(sent: &[Sent]) -> Vec<Line> {
    sent.iter().map(|sent| (sent.line.clone(), sent.body.clone())).collect()
}

pub(super) fn of(lines: &[Line], part: impl Fn(&str) -> bool) -> Vec<Line> {
    lines.iter().filter(|(line, _)| part(line)).cloned().collect()
}

#[track_caller]
pub(super) fn check(ours: Vec<Line>, theirs: Vec<Line>) {
    assert!(!theirs.is_empty());
    let names = |lines: &[Line]| lines.iter().map(|(line, _)| line.clone()).collect::<Vec<_>>();
    assert_eq!(names(&ours), names(&theirs));
    for ((line, ours), (_, theirs)) in normalised(ours).iter().zip(&normalised(theirs)) {
        assert_eq!(ours, theirs, "{line}");
    }
}

fn normalised(lines: Vec<Line>) -> Vec<Line> {
    let mut moments = BTreeSet::new();
    for (_, body) in &lines {
        collect_moments(body, &mut moments);
    }
    let moments: Vec<String> = moments.into_iter().collect();
    let normalised = lines.into_iter().map(|(line, mut body)| {
        normalise(&mut body, &moments);
        (line, body)
    });
    normalised.collect()
}

pub(super) fn is_moment(text: &str) -> bool {
    text.parse::<jiff::Timestamp>().is_ok()
}

/// Moments in seconds and in microseconds are ranked apart, by prefixing what sorts first.
fn collect_moments(value: &Value, moments: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if is_moment(text) => drop(moments.insert(format!("{:02}{text}", text.len()))),
        Value::Array(items) => items.iter().for_each(|item| collect_moments(item, moments)),
        Value::Object(fields) => fields
            .iter()
            .filter(|(key, _)| !is_the_servers(key))
            .for_each(|(_, value)| collect_moments(value, moments)),
        _ => {}
    }
}

/// Fields in a lease that come from the server and go back to it.
fn is_the_servers(key: &str) -> bool {
    matches!(key, "managedFields" | "creationTimestamp")
}

fn normalise(value: &mut Value, moments: &[String]) {
    match value {
        Value::String(text) if is_moment(text) => {
            let rank = moments.iter().position(|moment| moment[2..] == **text).unwrap();
            *value = format!("moment {rank}").into();
        }
        Value::Array(items) => items.iter_mut().for_each(|item| normalise(item, moments)),
        Value::Object(fields) => normalise_object(fields, moments),
        _ => {}
    }
}

fn normalise_object(fields: &mut Map<String, Value>, moments: &[String]) {
    fields.retain(|key, _| !is_the_servers(key));
    // A lease carries the uid it was given; an owner reference has the node's, and no resourceVersion.
    if fields.contains_key("resourceVersion") {
        fields.remove("uid");
    }
    for (key, value) in fields.iter_mut() {
        match key.as_str() {
            "resourceVersion" | "podIP" => *value = "*".into(),
            "podIPs" => assert_eq!(value.as_array().unwrap().len(), 1),
            "containerID" => *value = value.as_str().unwrap().split("//").next().unwrap().into(),
            "imageID" => *value = value.as_str().unwrap().split(':').next().unwrap().into(),
            "capacity" | "allocatable" => *value = value.as_object().unwrap().keys().cloned().collect(),
            "nodeInfo" => {
                for (key, value) in value.as_object_mut().unwrap() {
                    if !matches!(
                        key.as_str(),
                        "kubeletVersion" | "kubeProxyVersion" | "operatingSystem" | "architecture"
                    ) {
                        *value = value.as_str().unwrap().is_empty().into();
                    }
                }
            }
            "images" => assert!(!value.as_array().unwrap().is_empty()),
            "Port" => *value = value.is_number().into(),
            // The one feature that promises an exec endpoint.
            "declaredFeatures" => {
                value.as_array_mut().unwrap().retain(|feature| feature != "ExtendWebSocketsToKubelet");
            }
            _ => normalise(value, moments),
        }
    }
    for list in ["podIPs", "images"] {
        fields.remove(list);
    }
}

fn is_lease(line: &str) -> bool {
    line.contains("leases") || line == "GET nodes/vm?timeout=10s"
}

fn is_csi(line: &str) -> bool {
    line.contains("csinodes") || line == "GET nodes/vm"
}

fn is_registration_or_status(line: &str) -> bool {
    !is_lease(line) && !is_csi(line)
}

/// A kubelet does these at the same time; only within each is there an order.
#[track_caller]
fn check_parts(
    ours: &[Line],
    theirs: &[Line],
    csi: impl Fn(&str) -> bool + Copy,
    rest: impl Fn(&str) -> bool + Copy,
) {
    check(of(ours, csi), of(theirs, csi));
    check(of(ours, is_lease), of(theirs, is_lease));
    check(of(ours, rest), of(theirs, rest));
}

#[test]
fn a_new_node_starts_as_recorded() {
    let mut driver = Driver::new();
    driver.start();
    driver.run_until(seconds(31));
    let theirs = recorded(include_str!("../../../tests/oracle/node-start.jsonl"));
    check_parts(&ours(&driver.sent), &theirs, is_csi, is_registration_or_status);
}

#[test]
fn a_restarted_node_takes_over_as_recorded() {
    let mut driver = Driver::new();
    driver.start();
    driver.run_until(seconds(31));
    let mut driver = Driver::beside(driver.server);
    driver.now = seconds(824);
    driver.start();
    driver.run_for(millis(10_900));
    let theirs = recorded(include_str!("../../../tests/oracle/node-restart.jsonl"));
    // The first GET of the node is for the CSINode, the second for the registration that met a conflict.
    let without_node = |line: &str| line.contains("csinodes");
    let rest = |line: &str| !line.contains("csinodes") && !is_lease(line);
    let sort = |lines: &[Line]| {
        let (gets, others): (Vec<Line>, Vec<Line>) =
            of(lines, rest).into_iter().partition(|(line, _)| line == "GET nodes/vm");
        (gets.len(), others)
    };
    let ours = ours(&driver.sent);
    check(of(&ours, without_node), of(&theirs, without_node));
    check(of(&ours, is_lease), of(&theirs, is_lease));
    let ((our_gets, our_rest), (their_gets, their_rest)) = (sort(&ours), sort(&theirs));
    assert_eq!(our_gets, their_gets);
    check(our_rest, their_rest);
}

#[test]
fn an_unchanged_status_is_reported_as_recorded() {
    let mut driver = Driver::ready();
    driver.run_until(seconds(600));
    let reports: Vec<Line> = of(&ours(&driver.sent), |line| line.contains("status"));
    check(reports[..1].to_vec(), recorded(include_str!("../../../tests/oracle/node-heartbeat.jsonl")));
}

/// Runs a pod through what the recorded one went through, and returns what was sent about it.
fn pod_like(
    theirs: &[Line],
    requests: &[&str],
    bound: u64,
    deleted: u64,
    delete: impl Fn(&mut Driver, &str),
) -> Vec<Line> {
    let (line, first) = theirs.iter().find(|(line, _)| line.starts_with("PATCH")).unwrap();
    let name = line.split('/').nth(1).unwrap();
    let container = &first["status"]["containerStatuses"][0];
    let token_volume = container["volumeMounts"][0]["name"].as_str().unwrap();
    let uid = first["metadata"]["uid"].as_str().unwrap();
    let mut driver = Driver::ready();
    driver.run_until(millis(bound));
    driver.bind(&render::pod(name, uid, container["name"].as_str().unwrap(), requests, token_volume));
    driver.run_until(millis(deleted));
    delete(&mut driver, name);
    driver.run_for(seconds(5));
    of(&ours(&driver.sent), |line| line.contains("pods/"))
}

#[test]
fn a_pod_lives_and_is_deleted_as_recorded() {
    let theirs = recorded(include_str!("../../../tests/oracle/pod-simple.jsonl"));
    check(pod_like(&theirs, &["10m", "16Mi"], 24_895, 32_980, Driver::delete), theirs);
}

#[test]
fn a_pod_deleted_by_force_goes_as_recorded() {
    let theirs = recorded(include_str!("../../../tests/oracle/pod-force.jsonl"));
    check(pod_like(&theirs, &["10m", "16Mi"], 117_460, 125_535, Driver::delete_by_force), theirs);
}

#[test]
fn a_pod_without_requests_lives_as_recorded() {
    let theirs = recorded(include_str!("../../../tests/oracle/pod-deployment.jsonl"));
    check(pod_like(&theirs, &[], 359_100, 369_260, Driver::delete), theirs);
}
