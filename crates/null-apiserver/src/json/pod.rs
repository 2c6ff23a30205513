//! Pod: where it is bound, its containers' names and images; phase, addresses, conditions and container statuses.

use k8s_pb::api::core::v1::{
    Container, ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting,
    ContainerStatus, Pod, PodCondition, PodIp, PodSpec, PodStatus,
};
use prost::Message;
use serde_json::{Map, Value, json};

use super::read::{integer, items, set, small_integer, text, time};
use super::{compact, object};
use crate::moment;

pub(super) fn read(fields: &Map<String, Value>) -> Pod {
    let field = |name| fields.get(name).unwrap_or(&Value::Null);
    let spec = field("spec");
    let containers = |value: &Value| {
        items(value)
            .map(|container| Container {
                name: text(&container["name"]),
                image: text(&container["image"]),
                ..Container::default()
            })
            .collect()
    };
    let mut pod = Pod {
        metadata: None,
        spec: Some(PodSpec {
            node_name: text(&spec["nodeName"]),
            scheduler_name: text(&spec["schedulerName"]),
            restart_policy: text(&spec["restartPolicy"]),
            service_account_name: text(&spec["serviceAccountName"]),
            termination_grace_period_seconds: integer(&spec["terminationGracePeriodSeconds"]),
            containers: containers(&spec["containers"]),
            init_containers: containers(&spec["initContainers"]),
            ..PodSpec::default()
        }),
        status: None,
    };
    patch(&mut pod, field("status"));
    pod
}

/// Merges a patch of `status`: conditions by type, container statuses by name, the rest by field.
pub(crate) fn patch(pod: &mut Pod, status: &Value) {
    if status.is_null() {
        return;
    }
    let kept = pod.status.get_or_insert_with(PodStatus::default);
    set(&mut kept.phase, &status["phase"], text);
    set(&mut kept.reason, &status["reason"], text);
    set(&mut kept.message, &status["message"], text);
    set(&mut kept.host_ip, &status["hostIP"], text);
    set(&mut kept.pod_ip, &status["podIP"], text);
    set(&mut kept.start_time, &status["startTime"], time);
    set(&mut kept.observed_generation, &status["observedGeneration"], integer);
    let ips: Vec<PodIp> =
        items(&status["podIPs"]).filter_map(|ip| text(&ip["ip"])).map(|ip| PodIp { ip: Some(ip) }).collect();
    if !ips.is_empty() {
        kept.pod_ips = ips;
    }
    for patch in items(&status["conditions"]) {
        let condition_type = text(&patch["type"]);
        let at = kept.conditions.iter().position(|condition| condition.r#type == condition_type);
        let at = at.unwrap_or_else(|| {
            kept.conditions.push(PodCondition { r#type: condition_type, ..PodCondition::default() });
            kept.conditions.len() - 1
        });
        let condition = &mut kept.conditions[at];
        set(&mut condition.status, &patch["status"], text);
        set(&mut condition.reason, &patch["reason"], text);
        set(&mut condition.message, &patch["message"], text);
        set(&mut condition.observed_generation, &patch["observedGeneration"], integer);
        set(&mut condition.last_transition_time, &patch["lastTransitionTime"], time);
    }
    patch_containers(&mut kept.container_statuses, &status["containerStatuses"]);
    patch_containers(&mut kept.init_container_statuses, &status["initContainerStatuses"]);
}

/// A kubelet sends container statuses whole: their patch strategy is to replace the list.
fn patch_containers(kept: &mut Vec<ContainerStatus>, patch: &Value) {
    if patch.is_null() {
        return;
    }
    *kept = items(patch)
        .map(|status| ContainerStatus {
            name: text(&status["name"]),
            state: Some(state(&status["state"])),
            last_state: status.get("lastState").map(state),
            ready: status["ready"].as_bool(),
            restart_count: small_integer(&status["restartCount"]),
            image: text(&status["image"]),
            image_id: text(&status["imageID"]),
            container_id: text(&status["containerID"]),
            started: status["started"].as_bool(),
            ..ContainerStatus::default()
        })
        .collect();
}

fn state(state: &Value) -> ContainerState {
    ContainerState {
        waiting: state.get("waiting").map(|waiting| ContainerStateWaiting {
            reason: text(&waiting["reason"]),
            message: text(&waiting["message"]),
        }),
        running: state
            .get("running")
            .map(|running| ContainerStateRunning { started_at: time(&running["startedAt"]) }),
        terminated: state.get("terminated").map(|terminated| ContainerStateTerminated {
            exit_code: small_integer(&terminated["exitCode"]),
            reason: text(&terminated["reason"]),
            message: text(&terminated["message"]),
            started_at: time(&terminated["startedAt"]),
            finished_at: time(&terminated["finishedAt"]),
            container_id: text(&terminated["containerID"]),
            ..ContainerStateTerminated::default()
        }),
    }
}

pub(super) fn render(rest: &[u8]) -> Map<String, Value> {
    let pod = Pod::decode(rest).unwrap_or_default();
    let spec = pod.spec.unwrap_or_default();
    let status = pod.status.unwrap_or_default();
    let containers = |containers: Vec<Container>| -> Vec<Value> {
        let one = |container: Container| compact(json!({ "name": container.name, "image": container.image }));
        containers.into_iter().map(one).collect()
    };
    let conditions: Vec<Value> = status
        .conditions
        .into_iter()
        .map(|condition| {
            compact(json!({
                "type": condition.r#type,
                "status": condition.status,
                "reason": condition.reason,
                "message": condition.message,
                "observedGeneration": condition.observed_generation,
                "lastTransitionTime": condition.last_transition_time.and_then(moment::render),
            }))
        })
        .collect();
    let statuses: Vec<Value> = status
        .container_statuses
        .into_iter()
        .map(|status| {
            compact(json!({
                "name": status.name, "ready": status.ready, "started": status.started,
                "restartCount": status.restart_count, "image": status.image,
            }))
        })
        .collect();
    object(json!({
        "spec": compact(json!({
            "nodeName": spec.node_name,
            "schedulerName": spec.scheduler_name,
            "restartPolicy": spec.restart_policy,
            "serviceAccountName": spec.service_account_name,
            "terminationGracePeriodSeconds": spec.termination_grace_period_seconds,
            "containers": containers(spec.containers),
            "initContainers": containers(spec.init_containers),
        })),
        "status": compact(json!({
            "phase": status.phase,
            "reason": status.reason,
            "message": status.message,
            "hostIP": status.host_ip,
            "podIP": status.pod_ip,
            "startTime": status.start_time.and_then(moment::render),
            "conditions": conditions,
            "containerStatuses": statuses,
        })),
    }))
}
