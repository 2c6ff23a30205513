//! A pod's status from JSON, field for field, as a server would keep what it was sent.

use std::collections::BTreeMap;

use k8s_pb::{
    api::core::v1 as core,
    apimachinery::pkg::{api::resource::Quantity, apis::meta::v1 as meta},
};
use serde_json::{Map, Value};

pub(super) fn from_json(status: &Map<String, Value>) -> core::PodStatus {
    let field = |key: &str| status.get(key).unwrap_or(&Value::Null);
    core::PodStatus {
        observed_generation: field("observedGeneration").as_i64(),
        phase: text(field("phase")),
        reason: text(field("reason")),
        message: text(field("message")),
        host_ip: text(field("hostIP")),
        host_ips: items(field("hostIPs")).map(|it| core::HostIp { ip: text(&it["ip"]) }).collect(),
        pod_ip: text(field("podIP")),
        pod_ips: items(field("podIPs")).map(|it| core::PodIp { ip: text(&it["ip"]) }).collect(),
        start_time: time(field("startTime")),
        conditions: items(field("conditions")).map(condition).collect(),
        init_container_statuses: items(field("initContainerStatuses")).map(container).collect(),
        container_statuses: items(field("containerStatuses")).map(container).collect(),
        allocated_resources: quantities(field("allocatedResources")),
        resources: resources(status.get("resources")),
        ..Default::default()
    }
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

pub(super) fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

pub(super) fn time(value: &Value) -> Option<meta::Time> {
    let time: jiff::Timestamp = value.as_str()?.parse().unwrap();
    Some(meta::Time { seconds: Some(time.as_second()), nanos: None })
}

fn number(value: &Value) -> Option<i32> {
    value.as_i64().map(|number| number.try_into().unwrap())
}

fn condition(condition: &Value) -> core::PodCondition {
    core::PodCondition {
        r#type: text(&condition["type"]),
        status: text(&condition["status"]),
        observed_generation: condition["observedGeneration"].as_i64(),
        // Go writes a time that is not set as an empty message.
        last_probe_time: Some(time(&condition["lastProbeTime"]).unwrap_or_default()),
        last_transition_time: time(&condition["lastTransitionTime"]),
        reason: text(&condition["reason"]),
        message: text(&condition["message"]),
    }
}

fn quantities(value: &Value) -> BTreeMap<String, Quantity> {
    let amounts = value.as_object().into_iter().flatten();
    amounts.map(|(name, amount)| (name.clone(), Quantity { string: text(amount) })).collect()
}

fn resources(value: Option<&Value>) -> Option<core::ResourceRequirements> {
    let value = value?;
    Some(core::ResourceRequirements {
        limits: quantities(&value["limits"]),
        requests: quantities(&value["requests"]),
        ..Default::default()
    })
}

fn container(status: &Value) -> core::ContainerStatus {
    let user = &status["user"]["linux"];
    core::ContainerStatus {
        name: text(&status["name"]),
        state: Some(state(&status["state"])),
        last_state: Some(state(&status["lastState"])),
        ready: status["ready"].as_bool(),
        restart_count: number(&status["restartCount"]),
        image: text(&status["image"]),
        image_id: text(&status["imageID"]),
        container_id: text(&status["containerID"]),
        started: status["started"].as_bool(),
        allocated_resources: quantities(&status["allocatedResources"]),
        resources: resources(status.get("resources")),
        volume_mounts: items(&status["volumeMounts"]).map(mount).collect(),
        user: user.is_object().then(|| core::ContainerUser {
            linux: Some(core::LinuxContainerUser {
                uid: user["uid"].as_i64(),
                gid: user["gid"].as_i64(),
                supplemental_groups: items(&user["supplementalGroups"]).filter_map(Value::as_i64).collect(),
            }),
        }),
        ..Default::default()
    }
}

fn mount(mount: &Value) -> core::VolumeMountStatus {
    core::VolumeMountStatus {
        name: text(&mount["name"]),
        mount_path: text(&mount["mountPath"]),
        read_only: mount["readOnly"].as_bool(),
        recursive_read_only: text(&mount["recursiveReadOnly"]),
    }
}

fn state(state: &Value) -> core::ContainerState {
    core::ContainerState {
        waiting: state.get("waiting").map(|waiting| core::ContainerStateWaiting {
            reason: text(&waiting["reason"]),
            message: text(&waiting["message"]),
        }),
        running: state
            .get("running")
            .map(|running| core::ContainerStateRunning { started_at: time(&running["startedAt"]) }),
        terminated: state.get("terminated").map(|terminated| core::ContainerStateTerminated {
            exit_code: number(&terminated["exitCode"]),
            reason: text(&terminated["reason"]),
            message: text(&terminated["message"]),
            started_at: time(&terminated["startedAt"]),
            finished_at: time(&terminated["finishedAt"]),
            container_id: text(&terminated["containerID"]),
            ..Default::default()
        }),
    }
}
