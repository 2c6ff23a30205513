//! What a node says of itself in events.

use serde_json::Value;

use super::{
    driver::{Driver, Fault, LIFE_ONLY, millis, seconds},
    oracle::{Line, check, of, ours, recorded},
    server::Server,
};
use crate::{Call, Class, Classes};

/// Resource slices because a kubelet looks at its Node once more before it removes them.
const WITH_EVENTS: Classes = LIFE_ONLY.with(Class::Events).with(Class::ResourceSlices);

/// The requests about events, each event called by its number instead of its name.
fn events(lines: &[Line]) -> Vec<Line> {
    let mut lines = of(lines, |line| line.contains("events"));
    let created = lines.iter().filter_map(|(_, body)| body["metadata"]["name"].as_str());
    let names: Vec<String> = created.map(str::to_owned).collect();
    for (line, body) in &mut lines {
        for (number, name) in names.iter().enumerate() {
            *line = line.replace(name, &format!("{number}"));
            if body["metadata"]["name"] == **name {
                body["metadata"]["name"] = number.into();
            }
        }
    }
    lines
}

fn reasons(driver: &Driver) -> Vec<String> {
    let events = events(&ours(&driver.sent)).into_iter();
    let reasons = events.map(|(line, body)| match body["reason"].as_str() {
        Some(reason) => reason.to_owned(),
        None => format!("{line} x{}", body["count"]),
    });
    reasons.collect()
}

fn started(server: Server) -> Driver {
    let mut driver = Driver::sending(WITH_EVENTS, server, 1);
    driver.start();
    driver
}

#[test]
fn a_new_node_says_what_was_recorded() {
    let mut driver = started(Server::default());
    driver.run_until(seconds(10));
    let theirs = recorded(include_str!("../../../tests/oracle/node-start-events.jsonl"));
    check(events(&ours(&driver.sent)), events(&theirs));
}

#[test]
fn a_restarted_node_says_what_was_recorded() {
    let mut driver = started(Server::default());
    driver.run_until(seconds(31));
    let mut driver = Driver::sending(WITH_EVENTS, driver.server, 1);
    driver.now = seconds(824);
    driver.start();
    driver.run_for(seconds(10));
    let theirs = recorded(include_str!("../../../tests/oracle/node-restart-events.jsonl"));
    check(events(&ours(&driver.sent)), events(&theirs));
}

#[test]
fn names_are_an_object_and_sixteen_digits() {
    let mut driver = started(Server::default());
    driver.run_until(seconds(2));
    assert_eq!(driver.server.noted.len(), 5);
    for name in &driver.server.noted {
        let digits = name.strip_prefix("vm.").unwrap();
        assert!(
            digits.len() == 16 && digits.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f')),
            "{name}"
        );
    }
}

#[test]
fn a_node_without_events_sends_none() {
    let mut driver = Driver::sending(WITH_EVENTS.without(Class::Events), Server::default(), 1);
    driver.start();
    driver.run_until(seconds(31));
    assert!(reasons(&driver).is_empty());
}

#[test]
fn each_try_to_register_says_it_again() {
    let mut driver = started(Server::default());
    driver.run_until(millis(80));
    driver.forget();
    driver.on_request(|call| (*call == Call::CreateNode).then_some(Fault::Refused(500)));
    driver.run_until(millis(500));
    // Tries at 100 and 302 ms.
    let memory = reasons(&driver);
    assert_eq!(memory.iter().filter(|it| it.ends_with("x3")).count(), 3, "{memory:?}");
    assert_eq!(memory.iter().filter(|it| it.ends_with("x4")).count(), 3, "{memory:?}");
}

#[test]
fn a_node_that_was_written_off_says_what_is_well_again() {
    let mut driver = started(Server::default());
    driver.run_until(seconds(31));
    driver.forget();
    driver.server.set_node_condition("MemoryPressure", "Unknown");
    driver.server.set_node_condition("Ready", "Unknown");
    driver.run_until(seconds(480));
    let said = of(&ours(&driver.sent), |line| line.contains("events"));
    let said: Vec<(&Value, &Value)> =
        said.iter().map(|(_, body)| (&body["message"], &body["count"])).collect();
    let status = |status: &str| Value::from(format!("Node vm status is now: {status}"));
    let expected = [(&status("NodeHasSufficientMemory"), &4.into()), (&status("NodeReady"), &2.into())];
    assert_eq!(said, expected);
}
