//! The run's virtual nodes as the cluster sees them: their label, their taint, and whether they can take pods.

use k8s_pb::api::core::v1::{Node, NodeList};
use wire::{Client, Request};

/// On every object of a run: its id.
pub(crate) const RUN_LABEL: &str = "loadgen.run";

/// On virtual nodes of a cluster that has others too: key, value, effect.
pub(crate) const TAINT: (&str, &str, &str) = ("loadgen/virtual", "true", "NoSchedule");

/// Keeps a node out of the load balancers that a cloud makes for Services.
pub(crate) const NO_LOAD_BALANCER: &str = "node.kubernetes.io/exclude-from-external-load-balancers";

/// How many nodes of `run` the scheduler would use, from the watch cache.
pub(crate) async fn taking_pods(client: &Client, run: &str) -> Result<u64, wire::Error> {
    let path = format!("/api/v1/nodes?labelSelector={RUN_LABEL}%3D{run}&resourceVersion=0");
    let response = client.send(&Request::get(path)).await?;
    if !response.is_success() {
        return Err(wire::Error::Status(response.status_error()));
    }
    let nodes: NodeList = response.decode()?;
    Ok(nodes.items.iter().filter(|node| takes_pods(node)).count() as u64)
}

/// Ready, and without the taint that the controller-manager removes some time after a node has become ready.
pub(crate) fn takes_pods(node: &Node) -> bool {
    let ready = is_ready(node);
    let mut taints = node.spec.iter().flat_map(|spec| &spec.taints);
    ready
        && !taints.any(|taint| {
            taint.key.as_deref() != Some(TAINT.0) && taint.effect.as_deref() != Some("PreferNoSchedule")
        })
}

/// Its condition `Ready` is `True`.
pub(crate) fn is_ready(node: &Node) -> bool {
    let conditions = node.status.iter().flat_map(|status| &status.conditions);
    let mut ready = conditions.filter(|condition| condition.r#type.as_deref() == Some("Ready"));
    ready.any(|condition| condition.status.as_deref() == Some("True"))
}

#[cfg(test)]
mod tests {
    use k8s_pb::api::core::v1::{NodeCondition, NodeSpec, NodeStatus, Taint};

    use super::*;

    fn node(ready: &str, taints: &[(&str, &str)]) -> Node {
        let condition = NodeCondition {
            r#type: Some("Ready".to_owned()),
            status: Some(ready.to_owned()),
            ..NodeCondition::default()
        };
        let taints = taints.iter().map(|(key, effect)| Taint {
            key: Some((*key).to_owned()),
            effect: Some((*effect).to_owned()),
            ..Taint::default()
        });
        Node {
            spec: Some(NodeSpec { taints: taints.collect(), ..NodeSpec::default() }),
            status: Some(NodeStatus { conditions: vec![condition], ..NodeStatus::default() }),
            ..Node::default()
        }
    }

    #[test]
    fn a_ready_node_with_the_not_ready_taint_takes_no_pods_yet() {
        assert!(takes_pods(&node("True", &[])));
        assert!(takes_pods(&node("True", &[(TAINT.0, TAINT.2)])));
        assert!(!takes_pods(&node("True", &[("node.kubernetes.io/not-ready", "NoSchedule")])));
        assert!(!takes_pods(&node("False", &[])));
        assert!(!takes_pods(&Node::default()));
    }
}
