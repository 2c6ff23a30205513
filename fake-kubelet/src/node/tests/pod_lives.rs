//! Pods of every kind live as a real kubelet's did, request by request and field by field.
//!
//! The recording is the audit log of one kubelet that played a script; the same pods with the same behaviour are bound here in virtual
//! time. Moments are not compared: where a second turns differs, and with it whether a transition time is sent.

use std::time::Duration;

use k8s_pb::api::core::v1 as core;
use serde_json::{Value, json};

use super::{
    driver::{Driver, millis, seconds, spec as driver_spec},
    oracle::is_moment,
    render,
    server::Server,
};
use crate::{Class, Classes, Latencies, Latency, NodeSpec, ObjectKind};

const RECORDING: &str = include_str!("../../../tests/oracle/kubelet-v1.36.3.jsonl");

/// One pod of the script.
struct Scene {
    pod: core::Pod,
    /// For how long it is left alone.
    lives: Duration,
    deleted: bool,
}

/// What was sent about one pod, by the parts of a kubelet that do not wait for each other.
#[derive(Debug, Default, PartialEq)]
struct Told {
    /// Changes of the status, and the deletion.
    status: Vec<Value>,
    /// Looks at the server; how many depends on what merges.
    looks: usize,
    tokens: Vec<Value>,
    volumes: Vec<String>,
    /// Reason, count, message and container.
    events: Vec<Value>,
    watches: Vec<String>,
}

fn theirs(name: &str) -> Told {
    let mut told = Told::default();
    let (mut begun, mut over) = (false, false);
    for line in RECORDING.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let (verb, path) = (line["verb"].as_str().unwrap(), line["path"].as_str().unwrap());
        let request = &line["request"];
        let about = request["involvedObject"]["name"] == name || path.contains(&format!("events/{name}."));
        if path.contains(&format!("/pods/{name}")) {
            begun = true;
            match verb {
                "get" => told.looks += 1,
                _ => told.status.push(normalised(request.clone())),
            }
            over |= verb == "delete";
        } else if about {
            told.events.push(event(request));
        } else if path.ends_with("/token") && request["spec"]["boundObjectRef"]["name"] == name {
            told.tokens.push(request["spec"].clone());
        } else if name == "pvc" && begun && !over && path.contains("persistentvolume") {
            told.volumes.push(path.rsplit('/').nth(1).unwrap().to_owned());
        }
    }
    told
}

fn event(event: &Value) -> Value {
    // A repeat names no reason: the message tells which it is.
    json!({
        "count": event["count"], "message": event["message"], "fieldPath": event["involvedObject"]["fieldPath"],
        "reason": event["reason"], "type": event["type"],
    })
}

fn normalised(mut value: Value) -> Value {
    normalise(&mut value);
    value
}

fn normalise(value: &mut Value) {
    match value {
        Value::String(text) if is_moment(text) => *value = "moment".into(),
        Value::Array(items) => items.iter_mut().for_each(normalise),
        Value::Object(fields) => {
            fields.remove("lastTransitionTime");
            for (key, value) in fields {
                match key.as_str() {
                    "podIP" | "ip" => *value = "*".into(),
                    "containerID" | "imageID" => {
                        *value = value.as_str().unwrap().split(':').next().unwrap().into();
                    }
                    _ => normalise(value),
                }
            }
        }
        _ => {}
    }
}

fn ours(scene: &Scene) -> Told {
    let exactly = |ms| Latency::exactly(Duration::from_millis(ms));
    let latencies = Latencies {
        admit: exactly(2),
        mount: exactly(180),
        sandbox: exactly(200),
        create: exactly(20),
        start: exactly(60),
        relist: exactly(350),
        relist_again: exactly(1000),
        stop: exactly(130),
        remove: exactly(900),
        ..Latencies::default()
    };
    let classes = Classes::ALL.without(Class::KubeProxy);
    let mut driver = Driver::of(NodeSpec { latencies, classes, ..driver_spec() }, Server::default(), 1);
    driver.start();
    driver.run_until(seconds(12));
    driver.forget();
    let name = scene.pod.metadata.as_ref().unwrap().name.clone().unwrap();
    driver.bind(&scene.pod);
    driver.run_for(scene.lives);
    if scene.deleted {
        driver.delete(&name);
        driver.run_for(seconds(5));
    }
    let mut told = Told { watches: std::mem::take(&mut driver.watches), ..Told::default() };
    for sent in &driver.sent {
        let line = &sent.line;
        if line.starts_with("GET pods/") {
            told.looks += 1;
        } else if line.contains("pods/") {
            told.status.push(normalised(sent.body.clone()));
        } else if line.contains("events")
            && (sent.body["involvedObject"]["name"] == name || line.contains(&format!("events/{name}.")))
        {
            told.events.push(event(&sent.body));
        } else if line.ends_with("/token") {
            told.tokens.push(sent.body["spec"].clone());
        } else if line.contains("persistentvolume") {
            told.volumes.push(line.rsplit('/').nth(1).unwrap().trim_start_matches("GET ").to_owned());
        }
    }
    told
}

#[track_caller]
fn check(name: &str, scene: &Scene) {
    let (ours, theirs) = (ours(scene), theirs(name));
    assert!(!theirs.status.is_empty(), "{name} was not recorded");
    for (number, (ours, theirs)) in ours.status.iter().zip(&theirs.status).enumerate() {
        assert_eq!(ours, theirs, "{name}: status request {number}");
    }
    assert_eq!(ours.status.len(), theirs.status.len(), "{name}: {:#?}", ours.status.last());
    assert!(ours.looks.abs_diff(theirs.looks) <= 1, "{name}: {} looks, not {}", ours.looks, theirs.looks);
    assert_eq!(ours.tokens, theirs.tokens, "{name}");
    assert_eq!(ours.volumes, theirs.volumes, "{name}");
    assert_eq!(ours.events, theirs.events, "{name}");
    let (begun, ended): (Vec<&String>, Vec<_>) = ours.watches.iter().partition(|it| it.starts_with('+'));
    assert_eq!(
        begun.len(),
        if scene.deleted || scene.lives > seconds(8) { ended.len() } else { begun.len() },
        "{name}"
    );
}

/// The pod as it was recorded: its names and its uid, one container with the usual requests, and a token unless it has none.
fn recorded_pod(name: &str, token: bool) -> core::Pod {
    let first = RECORDING.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut patches =
        first.filter(|it| it["path"].as_str().unwrap().ends_with(&format!("/pods/{name}/status")));
    let first = patches.next().unwrap();
    let mounts = &first["request"]["status"]["containerStatuses"][0]["volumeMounts"];
    let api = mounts
        .as_array()
        .into_iter()
        .flatten()
        .find(|it| it["name"].as_str().unwrap().starts_with("kube-api"));
    let volume = api.map_or("none", |it| it["name"].as_str().unwrap());
    let uid = first["request"]["metadata"]["uid"].as_str().unwrap();
    let container = first["request"]["status"]["containerStatuses"][0]["name"].as_str().unwrap();
    let mut pod = render::pod(name, uid, container, &["10m", "16Mi"], volume);
    let spec = pod.spec.as_mut().unwrap();
    spec.service_account_name = Some("default".to_owned());
    if token {
        spec.volumes = vec![render::api_access(volume)];
    } else {
        spec.containers[0].volume_mounts.clear();
    }
    pod
}

fn spec(pod: &mut core::Pod) -> &mut core::PodSpec {
    pod.spec.as_mut().unwrap()
}

fn behaves(pod: &mut core::Pod, container: &str, how: &str) {
    let annotations = &mut pod.metadata.as_mut().unwrap().annotations;
    annotations.insert(format!("containers.loadgen/{container}"), how.to_owned());
}

fn mount(pod: &mut core::Pod, volume: &str, path: &str, source: core::VolumeSource) {
    let spec = spec(pod);
    let mount = core::VolumeMount {
        name: Some(volume.to_owned()),
        mount_path: Some(path.to_owned()),
        ..Default::default()
    };
    let mounts = &mut spec.containers[0].volume_mounts;
    mounts.insert(mounts.len() - 1, mount);
    spec.volumes.push(core::Volume { name: Some(volume.to_owned()), volume_source: Some(source) });
}

fn init(pod: &mut core::Pod, name: &str, restart: Option<&str>) {
    let spec = spec(pod);
    let mut container = spec.containers[0].clone();
    container.name = Some(name.to_owned());
    container.resources = None;
    container.restart_policy = restart.map(str::to_owned);
    spec.init_containers.push(container);
}

#[test]
fn a_pod_with_one_container() {
    check("simple", &Scene { pod: recorded_pod("simple", true), lives: seconds(8), deleted: true });
}

#[test]
fn a_pod_with_a_config_map_and_a_secret() {
    let mut pod = recorded_pod("cmsecret", true);
    mount(&mut pod, "cm", "/cm", render::object_volume(ObjectKind::ConfigMap, "c1"));
    mount(&mut pod, "s", "/s", render::object_volume(ObjectKind::Secret, "s1"));
    let scene = Scene { pod, lives: seconds(8), deleted: true };
    check("cmsecret", &scene);
    let mut watches = ours(&scene).watches;
    watches.sort();
    assert_eq!(watches, ["+c1", "+kube-root-ca.crt", "+s1", "-c1", "-kube-root-ca.crt", "-s1"]);
}

#[test]
fn a_pod_with_an_init_container() {
    let mut pod = recorded_pod("init", true);
    init(&mut pod, "i", None);
    behaves(&mut pod, "i", "exit 0 after 100ms");
    check("init", &Scene { pod, lives: seconds(10), deleted: true });
}

#[test]
fn a_pod_with_a_sidecar() {
    let mut pod = recorded_pod("sidecar", true);
    init(&mut pod, "side", Some("Always"));
    check("sidecar", &Scene { pod, lives: seconds(10), deleted: true });
}

#[test]
fn a_pod_with_a_readiness_probe() {
    let mut pod = recorded_pod("ready", true);
    spec(&mut pod).containers[0].readiness_probe = Some(render::probe(2));
    check("ready", &Scene { pod, lives: seconds(8), deleted: true });
}

#[test]
fn a_pod_with_a_startup_probe() {
    let mut pod = recorded_pod("startup", true);
    spec(&mut pod).containers[0].startup_probe = Some(render::probe(2));
    behaves(&mut pod, "c", "started after 1500ms");
    check("startup", &Scene { pod, lives: seconds(8), deleted: true });
}

#[test]
fn a_pod_without_a_token() {
    check("notoken", &Scene { pod: recorded_pod("notoken", false), lives: seconds(8), deleted: true });
}

#[test]
fn a_pod_that_completes() {
    let mut pod = recorded_pod("complete", true);
    spec(&mut pod).restart_policy = Some("Never".to_owned());
    behaves(&mut pod, "c", "exit 0 after 3s");
    check("complete", &Scene { pod, lives: seconds(10), deleted: false });
}

#[test]
fn a_pod_that_fails() {
    let mut pod = recorded_pod("failed", true);
    spec(&mut pod).restart_policy = Some("Never".to_owned());
    behaves(&mut pod, "c", "exit 42 after 3s");
    check("failed", &Scene { pod, lives: seconds(10), deleted: false });
}

#[test]
fn a_pod_of_a_job() {
    let mut pod = recorded_pod("j-ch6b2", true);
    let spec = spec(&mut pod);
    spec.restart_policy = Some("Never".to_owned());
    spec.containers[0].resources = None;
    behaves(&mut pod, "j", "exit 0 after 2s");
    check("j-ch6b2", &Scene { pod, lives: seconds(10), deleted: false });
}

#[test]
fn a_pod_that_crashes_again_and_again() {
    let mut pod = recorded_pod("crashloop", true);
    behaves(&mut pod, "c", "exit 1 after 1200ms");
    check("crashloop", &Scene { pod, lives: millis(30_000), deleted: true });
}

#[test]
fn a_pod_with_a_claim() {
    let mut pod = recorded_pod("pvc", true);
    mount(&mut pod, "d", "/d", render::claim_volume("pvc1"));
    check("pvc", &Scene { pod, lives: seconds(100), deleted: true });
}
