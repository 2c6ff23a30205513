//! Node: pod CIDR and schedulability; conditions and addresses.

use k8s_pb::api::core::v1::{Node, NodeAddress, NodeCondition, NodeSpec, NodeStatus};
use prost::Message;
use serde_json::{Map, Value, json};

use super::read::{items, set, text, time};
use super::{compact, object};
use crate::moment;

pub(super) fn read(fields: &Map<String, Value>) -> Node {
    let field = |name| fields.get(name).unwrap_or(&Value::Null);
    let spec = field("spec");
    let mut node = Node {
        metadata: None,
        spec: Some(NodeSpec {
            pod_cidr: text(&spec["podCIDR"]),
            unschedulable: spec["unschedulable"].as_bool(),
            ..NodeSpec::default()
        }),
        status: None,
    };
    patch(&mut node, field("status"));
    node
}

/// Merges a patch of `status`: conditions by type, addresses as a whole.
pub(crate) fn patch(node: &mut Node, status: &Value) {
    if status.is_null() {
        return;
    }
    let kept = node.status.get_or_insert_with(NodeStatus::default);
    for patch in items(&status["conditions"]) {
        let condition_type = text(&patch["type"]);
        let at = kept.conditions.iter().position(|condition| condition.r#type == condition_type);
        let at = at.unwrap_or_else(|| {
            kept.conditions.push(NodeCondition { r#type: condition_type, ..NodeCondition::default() });
            kept.conditions.len() - 1
        });
        let condition = &mut kept.conditions[at];
        set(&mut condition.status, &patch["status"], text);
        set(&mut condition.reason, &patch["reason"], text);
        set(&mut condition.message, &patch["message"], text);
        set(&mut condition.last_heartbeat_time, &patch["lastHeartbeatTime"], time);
        set(&mut condition.last_transition_time, &patch["lastTransitionTime"], time);
    }
    let addresses: Vec<NodeAddress> = items(&status["addresses"])
        .filter(|address| address["address"].is_string())
        .map(|address| NodeAddress { r#type: text(&address["type"]), address: text(&address["address"]) })
        .collect();
    if !addresses.is_empty() {
        kept.addresses = addresses;
    }
}

pub(super) fn render(rest: &[u8]) -> Map<String, Value> {
    let node = Node::decode(rest).unwrap_or_default();
    let spec = node.spec.unwrap_or_default();
    let status = node.status.unwrap_or_default();
    let conditions: Vec<Value> = status
        .conditions
        .into_iter()
        .map(|condition| {
            compact(json!({
                "type": condition.r#type,
                "status": condition.status,
                "reason": condition.reason,
                "message": condition.message,
                "lastHeartbeatTime": condition.last_heartbeat_time.and_then(moment::render),
                "lastTransitionTime": condition.last_transition_time.and_then(moment::render),
            }))
        })
        .collect();
    let addresses: Vec<Value> = status
        .addresses
        .into_iter()
        .map(|address| json!({ "type": address.r#type, "address": address.address }))
        .collect();
    object(json!({
        "spec": compact(json!({ "podCIDR": spec.pod_cidr, "unschedulable": spec.unschedulable })),
        "status": compact(json!({ "conditions": conditions, "addresses": addresses })),
    }))
}
