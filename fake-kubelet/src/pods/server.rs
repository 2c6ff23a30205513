//! What a server says of a pod: the base that the status manager computes its patches from.

use std::collections::BTreeMap;

use k8s_pb::{
    api::core::v1 as core,
    apimachinery::pkg::{api::resource::Quantity, apis::meta::v1::Time},
};
use prost::Message;
use serde_json::{Map, Value, json};

use crate::node::from_time;

/// The conditions a kubelet owns (`types/pod_status.go`, `PodConditionByKubelet`) and these nodes report, in their order.
const OWN: [&str; 5] =
    ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"];

/// A pod on the server. Only this much of a GET's answer is decoded.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ServerPod {
    #[prost(message, optional, tag = "1")]
    metadata: Option<ServerMeta>,
    #[prost(message, optional, tag = "3")]
    status: Option<core::PodStatus>,
}

#[derive(Clone, PartialEq, Message)]
struct ServerMeta {
    #[prost(string, tag = "5")]
    uid: String,
}

impl ServerPod {
    pub(super) fn uid(&self) -> &str {
        self.metadata.as_ref().map_or("", |metadata| metadata.uid.as_str())
    }

    /// The status as JSON, as far as kubelets write it: what others write is not theirs to compare.
    pub(super) fn status(&self) -> Map<String, Value> {
        let Some(status) = &self.status else { return Map::new() };
        let mut json = Map::new();
        let mut put = |key: &str, value: Value| {
            if !is_empty(&value) {
                json.insert(key.to_owned(), value);
            }
        };
        put("observedGeneration", json!(status.observed_generation.filter(|&generation| generation != 0)));
        put("phase", json!(status.phase));
        put("reason", json!(status.reason));
        put("message", json!(status.message));
        put("hostIP", json!(status.host_ip));
        put("hostIPs", status.host_ips.iter().map(|host| json!({ "ip": host.ip })).collect());
        put("podIP", json!(status.pod_ip));
        put("podIPs", status.pod_ips.iter().map(|pod| json!({ "ip": pod.ip })).collect());
        put("startTime", json!(moment(status.start_time.as_ref())));
        put("conditions", status.conditions.iter().map(condition).collect());
        put("initContainerStatuses", status.init_container_statuses.iter().map(container).collect());
        put("containerStatuses", status.container_statuses.iter().map(container).collect());
        put("allocatedResources", quantities(&status.allocated_resources));
        if let Some(resources) = &status.resources {
            json.insert("resources".to_owned(), self::resources(resources));
        }
        json
    }
}

/// A moment; Go writes one that is not set as an empty message.
fn moment(time: Option<&Time>) -> Option<String> {
    time.filter(|time| time.seconds.is_some()).map(from_time)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

fn quantities(amounts: &BTreeMap<String, Quantity>) -> Value {
    Value::Object(amounts.iter().map(|(name, amount)| (name.clone(), json!(amount.string))).collect())
}

fn resources(resources: &core::ResourceRequirements) -> Value {
    let parts = [("limits", &resources.limits), ("requests", &resources.requests)];
    let parts = parts.into_iter().filter(|(_, amounts)| !amounts.is_empty());
    Value::Object(parts.map(|(name, amounts)| (name.to_owned(), quantities(amounts))).collect())
}

fn condition(condition: &core::PodCondition) -> Value {
    let mut value = json!({
        "type": condition.r#type,
        "status": condition.status,
        "lastProbeTime": moment(condition.last_probe_time.as_ref()),
        "lastTransitionTime": moment(condition.last_transition_time.as_ref()),
    });
    let mut optional = |key: &str, text: &Option<String>| {
        if let Some(text) = text.as_ref().filter(|text| !text.is_empty()) {
            value[key] = text.as_str().into();
        }
    };
    optional("reason", &condition.reason);
    optional("message", &condition.message);
    if let Some(generation) = condition.observed_generation.filter(|&generation| generation != 0) {
        value["observedGeneration"] = generation.into();
    }
    value
}

fn container(container: &core::ContainerStatus) -> Value {
    let state = |state: &Option<core::ContainerState>| state.as_ref().map_or_else(|| json!({}), state_of);
    let mut value = json!({
        "name": container.name,
        "image": container.image,
        "imageID": container.image_id.as_deref().unwrap_or_default(),
        "lastState": state(&container.last_state),
        "ready": container.ready == Some(true),
        "restartCount": container.restart_count.unwrap_or(0),
        "state": state(&container.state),
    });
    let mut put = |key: &str, field: Value| {
        if !is_empty(&field) {
            value[key] = field;
        }
    };
    put("containerID", json!(container.container_id));
    put("started", json!(container.started));
    put("allocatedResources", quantities(&container.allocated_resources));
    put("volumeMounts", container.volume_mounts.iter().map(mount).collect());
    put("user", json!(container.user.as_ref().and_then(|user| user.linux.as_ref()).map(user)));
    if let Some(own) = &container.resources {
        value["resources"] = resources(own);
    }
    value
}

fn user(user: &core::LinuxContainerUser) -> Value {
    json!({ "linux": {
        "gid": user.gid.unwrap_or(0),
        "supplementalGroups": user.supplemental_groups,
        "uid": user.uid.unwrap_or(0),
    }})
}

fn mount(mount: &core::VolumeMountStatus) -> Value {
    let mut value = json!({ "mountPath": mount.mount_path, "name": mount.name });
    if mount.read_only == Some(true) {
        value["readOnly"] = true.into();
    }
    if let Some(recursive) = &mount.recursive_read_only {
        value["recursiveReadOnly"] = recursive.as_str().into();
    }
    value
}

fn state_of(state: &core::ContainerState) -> Value {
    let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    if let Some(running) = &state.running {
        return json!({ "running": { "startedAt": moment(running.started_at.as_ref()) } });
    }
    let mut inner = Map::new();
    let (name, reason, message) = if let Some(terminated) = &state.terminated {
        inner.insert("exitCode".to_owned(), json!(terminated.exit_code.unwrap_or(0)));
        inner.insert("startedAt".to_owned(), json!(moment(terminated.started_at.as_ref())));
        inner.insert("finishedAt".to_owned(), json!(moment(terminated.finished_at.as_ref())));
        inner.extend(text(&terminated.container_id).map(|id| ("containerID".to_owned(), id.into())));
        ("terminated", text(&terminated.reason), text(&terminated.message))
    } else if let Some(waiting) = &state.waiting {
        ("waiting", text(&waiting.reason), text(&waiting.message))
    } else {
        return json!({});
    };
    inner.extend(reason.map(|reason| ("reason".to_owned(), reason.into())));
    inner.extend(message.map(|message| ("message".to_owned(), message.into())));
    json!({ name: inner })
}

/// The conditions a status manager writes over those of a server (`mergePodStatus`): other writers' come first and stay, and a
/// condition that keeps its status keeps its transition time (`updateLastTransitionTime`).
pub(super) fn merged(server: &[Value], own: Vec<Value>) -> Vec<Value> {
    let is_ours = |item: &Value| {
        OWN.iter().any(|kind| item["type"] == *kind) || own.iter().any(|own| item["type"] == own["type"])
    };
    let foreign: Vec<Value> = server.iter().filter(|item| !is_ours(item)).cloned().collect();
    let own = own.into_iter().map(|mut item| {
        let before = server.iter().find(|before| before["type"] == item["type"]);
        if let Some(before) = before.filter(|before| before["status"] == item["status"]) {
            item["lastTransitionTime"] = before["lastTransitionTime"].clone();
        }
        item
    });
    foreign.into_iter().chain(own).collect()
}
