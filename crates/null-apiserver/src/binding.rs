//! What a scheduler does to a pod, for servers without one.

use k8s_pb::api::core::v1::{Pod, PodCondition, PodSpec, PodStatus};
use prost::Message;

use crate::moment;
use crate::stored::Stored;

/// A Node, reduced to whether it takes pods.
#[derive(Clone, PartialEq, Message)]
struct SeenNode {
    #[prost(message, optional, tag = "2")]
    spec: Option<SeenSpec>,
}

#[derive(Clone, PartialEq, Message)]
struct SeenSpec {
    #[prost(bool, optional, tag = "4")]
    unschedulable: Option<bool>,
}

/// Whether a node is not cordoned.
pub(crate) fn takes_pods(node: &Stored) -> bool {
    let node = node.message().and_then(|message| SeenNode::decode(message).ok());
    node.is_some_and(|node| node.spec.and_then(|spec| spec.unschedulable) != Some(true))
}

/// A pod with its node, as the registry writes it (`pkg/registry/core/pod/storage`, `assignPod`); `None` if it has one.
pub(crate) fn bound_to(pod: &Stored, node: &str) -> Option<Stored> {
    let mut pod: Pod = pod.typed()?;
    let spec = pod.spec.get_or_insert_with(PodSpec::default);
    if spec.node_name.as_deref().is_some_and(|name| !name.is_empty()) {
        return None;
    }
    spec.node_name = Some(node.to_owned());
    pod.status.get_or_insert_with(PodStatus::default).conditions.push(PodCondition {
        r#type: Some("PodScheduled".to_owned()),
        status: Some("True".to_owned()),
        last_transition_time: Some(moment::now()),
        ..PodCondition::default()
    });
    Some(Stored::of(&pod))
}
