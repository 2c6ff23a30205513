//! The rules of client-go's `events_cache_test.go` and `event_test.go`, one node and virtual time.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use k8s_pb::apimachinery::pkg::apis::meta::v1 as meta;
use measure::Nanos;
use serde_json::{Value, json};

use super::{About, Events, FieldPath, Note, PodName, Severity, recent};
use crate::{
    Action, Answer, Call, Class, Classes, Heartbeats, Latencies, Limits, NodeSpec, Now,
    node::{Common, seconds, wall_time},
};

/// The events of a node and what they have sent.
struct Rig {
    events: Events,
    common: Common,
    at: Duration,
    /// Requests that were not answered yet.
    open: Vec<(Call, wire::Request)>,
}

fn common() -> Common {
    let spec = NodeSpec {
        kubelet_version: String::new(),
        cpu: String::new(),
        memory: String::new(),
        max_pods: 110,
        labels: [].into(),
        taints: Vec::new(),
        latencies: Latencies::default(),
        classes: Classes::NONE.with(Class::Events),
        limits: Limits::default(),
        heartbeats: Heartbeats::default(),
        kubelet_port: crate::node::KUBELET_PORT,
        rotation: None,
    };
    Common::new(Arc::new(spec), "vm", Ipv4Addr::LOCALHOST, 1)
}

fn pod(name: &str) -> About {
    let container = Some(FieldPath::Container("c".into()));
    About::Pod { pod: pod_name(name, "7"), container }
}

fn pod_name(name: &str, version: &str) -> PodName {
    PodName {
        namespace: "space".into(),
        name: name.into(),
        uid: format!("uid-of-{name}").into(),
        resource_version: version.into(),
    }
}

fn note(about: About, message: &str) -> Note {
    Note { about, severity: Severity::Normal, reason: "Started", message: message.to_owned().into() }
}

impl Rig {
    fn new() -> Self {
        Self { events: Events::default(), common: common(), at: Duration::ZERO, open: Vec::new() }
    }

    fn now(&self) -> Now {
        let start: jiff::Timestamp = "2026-11-22T11:45:14.566Z".parse().unwrap();
        Now { at: Nanos::from(self.at), wall: start + self.at }
    }

    fn take_up(&mut self, actions: Vec<Action>) {
        for action in actions {
            let Action::Send { call, request, intended } = action else { panic!("{action:?}") };
            assert_eq!(intended, Nanos::from(self.at));
            self.open.push((call, request));
        }
    }

    fn note(&mut self, note: Note) {
        let mut out = Vec::new();
        self.events.note(&self.common, self.now(), note, &mut out);
        self.take_up(out);
    }

    /// Answers the request that is under way, and returns it.
    fn answer(&mut self, code: Option<u16>) -> (Call, wire::Request) {
        let (call, request) = self.open.remove(0);
        let answer = code.map_or(Answer::Failed, |code| {
            Answer::Reply(wire::Response {
                status: code.try_into().unwrap(),
                body: bytes::Bytes::new(),
                encoding: wire::Encoding::Json,
                retry_after: None,
            })
        });
        let mut out = Vec::new();
        let now = self.now();
        self.events.on_answer(&mut self.common, now, &call, &answer, &mut out);
        self.take_up(out);
        (call, request)
    }

    /// Lets the time of the next try come, and returns how long that was.
    fn wait(&mut self) -> Duration {
        let due = Duration::from(self.events.deadline().unwrap());
        let pause = due.checked_sub(self.at).unwrap();
        self.at = due;
        let mut out = Vec::new();
        self.events.on_deadline(&self.common, &mut out);
        self.take_up(out);
        pause
    }

    /// Notes something, serves what is sent, and renders it: `+MESSAGE` is a new event, `MESSAGE xN` a count.
    fn says(&mut self, note: Note) -> Vec<String> {
        self.note(note);
        let mut said = Vec::new();
        while !self.open.is_empty() {
            let (call, request) = self.answer(Some(201));
            let event = body(&call, &request);
            let message = event["message"].as_str().unwrap();
            said.push(match call {
                Call::CreateEvent => format!("+{message}"),
                _ => format!("{message} x{}", event["count"]),
            });
        }
        said
    }
}

fn body(call: &Call, request: &wire::Request) -> Value {
    if *call == Call::PatchEvent {
        return serde_json::from_slice(&request.body).unwrap();
    }
    let event: k8s_pb::api::core::v1::Event = wire::protobuf::decode(&request.body).unwrap();
    let metadata = event.metadata.unwrap();
    let about = event.involved_object.unwrap();
    let time = |time: Option<meta::Time>| seconds(wall_time(&time.unwrap()));
    json!({
        "name": metadata.name, "namespace": metadata.namespace,
        "about": [about.kind, about.namespace, about.name, about.uid, about.api_version, about.resource_version, about.field_path],
        "message": event.message, "count": event.count,
        "first": time(event.first_timestamp), "last": time(event.last_timestamp),
        "reporter": [event.reporting_component, event.reporting_instance],
    })
}

fn minutes(minutes: u64) -> Duration {
    Duration::from_mins(minutes)
}

/// `(pause before it, message, what is sent)`.
#[track_caller]
fn check(script: &[(Duration, &str, &[&str])]) {
    let mut rig = Rig::new();
    for (index, (pause, message, expected)) in script.iter().enumerate() {
        rig.at += *pause;
        assert_eq!(rig.says(note(pod("p"), message)), *expected, "line {index}");
    }
}

#[test]
fn repeats_are_counted() {
    let soon = Duration::from_secs(1);
    check(&[
        (soon, "a", &["+a"]),
        (soon, "b", &["+b"]),
        (soon, "a", &["a x2"]),
        (minutes(50), "a", &["a x3"]),
        (soon, "b", &["b x2"]),
    ]);
}

#[test]
fn the_tenth_message_and_later_ones_are_combined() {
    let soon = Duration::from_secs(1);
    check(&[
        (soon, "0", &["+0"]),
        (soon, "1", &["+1"]),
        (soon, "2", &["+2"]),
        (soon, "3", &["+3"]),
        (soon, "4", &["+4"]),
        (soon, "5", &["+5"]),
        (soon, "6", &["+6"]),
        (soon, "7", &["+7"]),
        (soon, "8", &["+8"]),
        (soon, "9", &["+(combined from similar events): 9"]),
        (minutes(10), "10", &["(combined from similar events): 10 x2"]),
        // A message that is still known makes no tenth.
        (soon, "8", &["8 x2"]),
        // Eleven minutes without one like them, and they are told apart again, but counted on.
        (minutes(11), "11", &["+11"]),
        (soon, "8", &["8 x3"]),
    ]);
}

#[test]
fn messages_of_different_objects_reasons_and_types_are_not_alike() {
    let mut rig = Rig::new();
    for index in 0..9 {
        rig.says(note(pod("p"), &index.to_string()));
    }
    let nearly = note(pod("p"), "9");
    assert_eq!(rig.says(note(pod("q"), "9")), ["+9"]);
    assert_eq!(rig.says(note(About::Node, "9")), ["+9"]);
    assert_eq!(rig.says(Note { reason: "Killing", ..nearly.clone() }), ["+9"]);
    assert_eq!(rig.says(Note { severity: Severity::Warning, ..nearly.clone() }), ["+9"]);
    // Containers of a pod are.
    let side = FieldPath::InitContainer("side".into());
    let side = About::Pod { pod: pod_name("p", "7"), container: Some(side) };
    assert_eq!(rig.says(Note { about: side, ..nearly }), ["+(combined from similar events): 9"]);
}

#[test]
fn the_same_of_another_container_is_another_event_but_a_newer_pod_is_not() {
    let mut rig = Rig::new();
    let about = |version: &str, container: &str| About::Pod {
        pod: pod_name("p", version),
        container: Some(FieldPath::Container(container.into())),
    };
    assert_eq!(rig.says(note(about("7", "c"), "a")), ["+a"]);
    assert_eq!(rig.says(note(about("7", "d"), "a")), ["+a"]);
    assert_eq!(rig.says(note(about("8", "c"), "a")), ["a x2"]);
}

#[test]
fn an_object_may_cause_25_requests_and_one_every_five_minutes() {
    let mut rig = Rig::new();
    let said = |rig: &mut Rig, about: &About| rig.says(note(about.clone(), "a")).len();
    let sent: usize = (0..30).map(|_| said(&mut rig, &pod("p"))).sum();
    assert_eq!(sent, 25);
    assert_eq!(said(&mut rig, &pod("q")), 1);
    rig.at += Duration::from_secs(299);
    assert_eq!(said(&mut rig, &pod("p")), 0);
    rig.at += Duration::from_secs(2);
    // What was not sent has been counted: 30, one in vain, and this.
    assert_eq!(rig.says(note(pod("p"), "a")), ["a x32"]);
    assert_eq!(said(&mut rig, &pod("p")), 0);
    let warning = Note { severity: Severity::Warning, ..note(pod("p"), "a") };
    assert_eq!(rig.says(warning), ["+a"]);
}

#[test]
fn what_makes_no_difference_any_more_is_forgotten() {
    let mut rig = Rig::new();
    for index in 0..2 * recent::CAPACITY {
        rig.says(note(pod(&index.to_string()), "a"));
    }
    assert_eq!(rig.events.correlator.kept(), [recent::CAPACITY; 3]);
    rig.at += minutes(11);
    rig.says(note(About::Node, "a"));
    assert_eq!(rig.events.correlator.kept(), [1, recent::CAPACITY, 1]);
    let last = (2 * recent::CAPACITY - 1).to_string();
    assert_eq!(rig.says(note(pod(&last), "a")), ["a x2"]);
    assert_eq!(rig.says(note(pod("0"), "a")), ["+a"]);
}

#[test]
fn one_request_at_a_time_in_order() {
    let mut rig = Rig::new();
    for message in ["a", "b", "a"] {
        rig.note(note(pod("p"), message));
    }
    let mut calls = Vec::new();
    while !rig.open.is_empty() {
        assert_eq!(rig.open.len(), 1);
        calls.push(rig.answer(Some(201)).0);
    }
    assert_eq!(calls, [Call::CreateEvent, Call::CreateEvent, Call::PatchEvent]);
}

#[test]
fn what_happens_at_one_time_has_different_names() {
    let mut rig = Rig::new();
    for message in ["a", "b", "c"] {
        rig.note(note(pod("p"), message));
    }
    let names: Vec<Value> =
        (0..3).map(|_| rig.answer(Some(201))).map(|it| body(&it.0, &it.1)["name"].clone()).collect();
    let names: Vec<&str> = names.iter().map(|it| it.as_str().unwrap()).collect();
    assert!(names.iter().all(|it| it.starts_with("p.18ea5b6a")), "{names:?}");
    assert!(names[0] < names[1] && names[1] < names[2], "{names:?}");
}

#[test]
fn what_the_server_refuses_is_dropped() {
    for code in [400, 403, 404, 409, 422, 500, 503] {
        let mut rig = Rig::new();
        rig.note(note(pod("p"), "a"));
        rig.note(note(pod("p"), "b"));
        rig.answer(Some(code));
        assert_eq!(rig.events.deadline(), None);
        let (call, request) = rig.answer(Some(201));
        assert_eq!(body(&call, &request)["message"], "b", "{code}");
        assert!(rig.open.is_empty());
    }
}

#[test]
fn an_event_that_is_gone_is_made_again_with_its_count() {
    let mut rig = Rig::new();
    rig.note(note(pod("p"), "a"));
    let (call, request) = rig.answer(Some(201));
    let first = body(&call, &request);
    rig.at += minutes(70);
    rig.note(note(pod("p"), "a"));
    assert_eq!(rig.answer(Some(404)).0, Call::PatchEvent);
    let (call, request) = rig.answer(Some(201));
    let second = body(&call, &request);
    assert_eq!(call, Call::CreateEvent);
    assert_eq!((&second["name"], &second["first"]), (&first["name"], &first["first"]));
    assert_eq!((&second["count"], &second["last"]), (&json!(2), &json!("2026-11-22T12:55:14Z")));
    assert!(rig.open.is_empty());
}

#[test]
fn a_server_out_of_reach_is_tried_twelve_times() {
    let mut rig = Rig::new();
    rig.note(note(pod("p"), "a"));
    rig.note(note(pod("p"), "b"));
    let mut pauses = Vec::new();
    for _ in 0..11 {
        rig.answer(None);
        assert!(rig.open.is_empty());
        pauses.push(rig.wait());
    }
    assert!(pauses[0] < Duration::from_secs(10), "{pauses:?}");
    assert_eq!(pauses[1..], [Duration::from_secs(10); 10]);
    let (call, request) = rig.answer(None);
    assert_eq!(body(&call, &request)["message"], "a");
    assert_eq!(rig.events.deadline(), None);
    let (call, request) = rig.answer(Some(201));
    assert_eq!(body(&call, &request)["message"], "b");
}

#[test]
fn beyond_a_thousand_that_wait_events_are_lost() {
    let mut rig = Rig::new();
    for index in 0..1100 {
        rig.note(note(pod(&index.to_string()), "a"));
    }
    let mut sent = 0;
    while !rig.open.is_empty() {
        rig.answer(Some(201));
        sent += 1;
    }
    assert_eq!(sent, 1001);
}

#[test]
fn a_pod_is_referred_to_as_recorded() {
    let mut rig = Rig::new();
    rig.note(note(pod("p"), "a"));
    let (call, request) = rig.answer(Some(201));
    assert_eq!(request.path_and_query, "/api/v1/namespaces/space/events");
    let event = body(&call, &request);
    assert_eq!(event["namespace"], "space");
    assert_eq!(event["about"], json!(["Pod", "space", "p", "uid-of-p", "v1", "7", "spec.containers{c}"]));
    assert_eq!(event["reporter"], json!(["kubelet", "vm"]));
}

#[test]
fn a_combined_event_has_no_reporter() {
    let mut rig = Rig::new();
    for index in 0..9 {
        rig.says(note(pod("p"), &index.to_string()));
    }
    rig.note(note(pod("p"), "9"));
    let (call, request) = rig.answer(Some(201));
    assert_eq!(body(&call, &request)["reporter"], json!([null, null]));
}

/// What `body` makes of a request, of a recorded one, without times.
fn recorded_body(request: &Value) -> Value {
    let about = &request["involvedObject"];
    let keys = ["kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath"];
    json!({
        "namespace": request["metadata"]["namespace"],
        "about": keys.map(|key| about[key].clone()),
        "message": request["message"], "count": request["count"],
        "reporter": [request["reportingComponent"], request["reportingInstance"]],
    })
}

#[test]
fn a_crash_loop_is_counted_as_recorded() {
    let lines = include_str!("../../tests/oracle/pod-crashloop-events.jsonl").lines();
    let mut rig = Rig::new();
    let mut about = None;
    for line in lines {
        let line: Value = serde_json::from_str(line).unwrap();
        let request = &line["request"];
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let about = about.get_or_insert_with(|| {
            let of = |key: &str| text(&request["involvedObject"][key]).into();
            let container = Some(FieldPath::Container("c".into()));
            let pod = PodName {
                namespace: of("namespace"),
                name: of("name"),
                uid: of("uid"),
                resource_version: of("resourceVersion"),
            };
            About::Pod { pod, container }
        });
        rig.at = Duration::from_secs_f64(line["t"].as_f64().unwrap());
        rig.note(note(about.clone(), &text(&request["message"])));
        let (call, sent) = rig.answer(Some(201));
        let mut ours = body(&call, &sent);
        if call == Call::CreateEvent {
            for time_or_name in ["first", "last", "name"] {
                ours.as_object_mut().unwrap().remove(time_or_name);
            }
            assert_eq!((ours, "create"), (recorded_body(request), line["verb"].as_str().unwrap()));
        } else {
            let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
            assert_eq!(keys(&ours), keys(request));
            assert_eq!((&ours["count"], &ours["message"]), (&request["count"], &request["message"]));
            assert_eq!(line["verb"], "patch");
        }
    }
}
