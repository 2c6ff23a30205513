//! A pod's status as a kubelet writes it: a function of the pod, where it runs and how far it has come.
//!
//! Field by field after `kubelet_pods.go` (`generateAPIPodStatus`, `convertStatusToAPIStatus`) and `status/generate.go`.

use std::net::Ipv4Addr;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{
    life::View,
    seen::{SeenContainer, SeenPod},
};
use crate::node::seconds;

/// The addresses a status mentions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The node's.
    pub(super) host: Ipv4Addr,
    /// The pod's, once it has one.
    pub(super) pod: Option<Ipv4Addr>,
}

/// The status of `pod` at `view`, but for its conditions. Phase Pending, which a pod has from its creation, is left to the
/// server.
pub(super) fn status(pod: &SeenPod, view: &View, place: Place) -> Map<String, Value> {
    let containers: Vec<Value> = pod.containers.iter().map(|it| container(pod, it, view)).collect();
    let mut status = object(json!({
        "observedGeneration": view.generation,
        "startTime": seconds(view.started),
        "hostIP": place.host,
        "hostIPs": [{ "ip": place.host }],
        "containerStatuses": containers,
    }));
    status.extend(phase(view).map(|phase| ("phase".to_owned(), phase.into())));
    if let (Some(address), Some(_)) = (place.pod, view.running) {
        status.insert("podIP".to_owned(), json!(address));
        status.insert("podIPs".to_owned(), json!([{ "ip": address }]));
    }
    // The pod's own resources are the sum of its containers'; quantities are not added up here, so only a pod with a single
    // container has them.
    if let [only] = &*pod.containers {
        insert_resources(&mut status, &only.resources);
        if view.removed && view.running.is_some() {
            status.insert("resources".to_owned(), without_cgroup(&only.resources));
        }
    }
    status
}

/// A running pod's CPU request and its limits are read from its cgroup, and when that is gone so are they; the memory request
/// comes from the pod (`kubelet_pods.go`, `convertToAPIPodLevelResourcesStatus`).
fn without_cgroup(resources: &Map<String, Value>) -> Value {
    match resources.get("requests").and_then(|requests| requests.get("memory")) {
        Some(memory) => json!({ "requests": { "memory": memory } }),
        None => json!({}),
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn phase(view: &View) -> Option<&'static str> {
    match (view.running, view.finished) {
        (Some(_), Some(_)) => Some("Succeeded"),
        (None, Some(_)) => Some("Failed"),
        (Some(_), None) => Some("Running"),
        (None, None) => None,
    }
}

/// The conditions a kubelet owns (`status/generate.go`).
pub(super) fn conditions(pod: &SeenPod, view: &View) -> Vec<Value> {
    let condition = |kind: &str, status: bool, since, reason: Option<&str>, message: Option<String>| {
        let mut condition = object(json!({
            "type": kind,
            "status": if status { "True" } else { "False" },
            "lastProbeTime": null,
            "lastTransitionTime": seconds(since),
            "observedGeneration": view.generation,
        }));
        condition.extend(reason.map(|reason| ("reason".to_owned(), reason.into())));
        condition.extend(message.map(|message| ("message".to_owned(), message.into())));
        Value::Object(condition)
    };
    let ready = |kind: &str| match (view.running, view.finished) {
        (Some(_), Some(finished)) => condition(kind, false, finished, Some("PodCompleted"), None),
        (Some(running), None) => condition(kind, true, running, None, None),
        // A pod that ends before its containers ran keeps the condition it had.
        (None, _) => {
            let names: Vec<&str> = pod.containers.iter().map(|container| container.name.as_str()).collect();
            let message = format!("containers with unready status: [{}]", names.join(" "));
            condition(kind, false, view.started, Some("ContainersNotReady"), Some(message))
        }
    };
    let sandbox_since = view.finished.or(view.sandbox_ready).unwrap_or(view.started);
    let has_sandbox = view.sandbox_ready.is_some() && view.finished.is_none();
    let completed = view.running.and(view.finished).map(|_| "PodCompleted");
    vec![
        condition("PodReadyToStartContainers", has_sandbox, sandbox_since, None, None),
        condition("Initialized", true, view.started, completed, None),
        ready("Ready"),
        ready("ContainersReady"),
        condition("PodScheduled", true, view.started, None, None),
    ]
}

fn container(pod: &SeenPod, container: &SeenContainer, view: &View) -> Value {
    let runs = view.running.is_some() && view.finished.is_none();
    let mut status = object(json!({
        "name": container.name,
        "image": container.image,
        "imageID": "",
        "lastState": {},
        "ready": runs,
        "started": runs,
        "restartCount": 0,
        "state": state(pod, container, view),
    }));
    if view.running.is_some() {
        status.insert("containerID".to_owned(), container_id(pod, container).into());
        status.insert("imageID".to_owned(), format!("sha256:{}", hex(&container.image)).into());
        status
            .insert("user".to_owned(), json!({ "linux": { "gid": 0, "supplementalGroups": [0], "uid": 0 } }));
        insert_resources(&mut status, &container.resources);
    }
    if !container.volume_mounts.is_empty() {
        status.insert("volumeMounts".to_owned(), Value::Array(container.volume_mounts.clone()));
    }
    Value::Object(status)
}

fn state(pod: &SeenPod, container: &SeenContainer, view: &View) -> Value {
    match (view.running, view.finished) {
        (Some(started), Some(finished)) => json!({ "terminated": {
            "containerID": container_id(pod, container),
            "exitCode": 0,
            "reason": "Completed",
            "startedAt": seconds(started),
            "finishedAt": seconds(finished),
        }}),
        (None, Some(_)) => json!({ "terminated": {
            "exitCode": 137,
            "reason": "ContainerStatusUnknown",
            "message": "The container could not be located when the pod was terminated",
            "startedAt": null,
            "finishedAt": null,
        }}),
        (Some(started), None) => json!({ "running": { "startedAt": seconds(started) } }),
        (None, None) => json!({ "waiting": { "reason": "ContainerCreating" } }),
    }
}

fn insert_resources(status: &mut Map<String, Value>, resources: &Map<String, Value>) {
    if let Some(requests) = resources.get("requests") {
        status.insert("allocatedResources".to_owned(), requests.clone());
    }
    status.insert("resources".to_owned(), Value::Object(resources.clone()));
}

/// A container's id is derived from its pod, so that a node that is started again reports the same one.
fn container_id(pod: &SeenPod, container: &SeenContainer) -> String {
    format!("containerd://{}", hex(&format!("{}/{}", pod.uid, container.name)))
}

fn hex(text: &str) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or_default();
    Sha256::digest(text).iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
