//! What a server says of a pod, as far as the status manager needs it: the base its patches are computed from.

use k8s_pb::api::core::v1 as core;
use prost::Message;
use serde_json::{Map, Value, json};

use crate::node::from_time;

/// The conditions a kubelet owns (`types/pod_status.go`, `PodConditionByKubelet`) and these nodes report, in their order.
pub(super) const OWN: [&str; 5] =
    ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"];

/// A pod on the server. Only this much of a GET's answer is decoded.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ServerPod {
    #[prost(message, optional, tag = "1")]
    metadata: Option<ServerMeta>,
    #[prost(message, optional, tag = "3")]
    status: Option<ServerStatus>,
}

#[derive(Clone, PartialEq, Message)]
struct ServerMeta {
    #[prost(string, tag = "5")]
    uid: String,
}

#[derive(Clone, PartialEq, Message)]
struct ServerStatus {
    #[prost(message, repeated, tag = "2")]
    conditions: Vec<core::PodCondition>,
}

impl ServerPod {
    pub(super) fn uid(&self) -> &str {
        self.metadata.as_ref().map_or("", |metadata| metadata.uid.as_str())
    }

    /// The conditions in the form patches are computed from.
    pub(super) fn conditions(&self) -> Vec<Value> {
        self.status.iter().flat_map(|status| &status.conditions).map(condition).collect()
    }
}

fn condition(condition: &core::PodCondition) -> Value {
    let mut value = json!({
        "type": condition.r#type,
        "status": condition.status,
        "lastProbeTime": condition.last_probe_time.as_ref().map(from_time),
        "lastTransitionTime": condition.last_transition_time.as_ref().map(from_time),
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

/// The conditions a status manager writes over those of a server (`mergePodStatus`): other writers' come first and stay, and a
/// condition that keeps its status keeps its transition time (`updateLastTransitionTime`).
pub(super) fn merged(server: &[Value], own: Vec<Value>) -> Vec<Value> {
    let foreign = server.iter().filter(|item| !OWN.iter().any(|own| item["type"] == *own)).cloned();
    let own = own.into_iter().map(|mut item| {
        let before = server.iter().find(|before| before["type"] == item["type"]);
        if let Some(before) = before.filter(|before| before["status"] == item["status"]) {
            item["lastTransitionTime"] = before["lastTransitionTime"].clone();
        }
        item
    });
    foreign.chain(own).collect()
}

/// A status with other conditions.
pub(super) fn with_conditions(mut status: Map<String, Value>, conditions: Vec<Value>) -> Map<String, Value> {
    status.insert("conditions".to_owned(), Value::Array(conditions));
    status
}
