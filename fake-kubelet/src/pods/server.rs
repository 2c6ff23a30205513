//! What a server says of a pod: the base that the status manager computes its patches from.

use std::collections::BTreeMap;

use k8s_pb::{
    api::core::v1 as core,
    apimachinery::pkg::{api::resource::Quantity, apis::meta::v1::Time},
};
use prost::Message;

use crate::{
    json::{Fields, Json},
    node::wall_time,
};

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
    pub(super) fn status(&self) -> Fields<'_> {
        let mut json = Fields::default();
        let Some(status) = &self.status else { return json };
        let generation = status.observed_generation.filter(|&generation| generation != 0);
        json.insert_filled("allocatedResources", quantities(&status.allocated_resources));
        json.insert_filled("conditions", status.conditions.iter().map(condition).collect::<Json<'_>>());
        json.insert_filled("containerStatuses", containers(&status.container_statuses));
        json.insert_filled("hostIP", status.host_ip.as_ref());
        json.insert_filled(
            "hostIPs",
            status.host_ips.iter().map(|host| address(host.ip.as_ref())).collect::<Json<'_>>(),
        );
        json.insert_filled("initContainerStatuses", containers(&status.init_container_statuses));
        json.insert_filled("message", status.message.as_ref());
        json.insert_filled("observedGeneration", generation);
        json.insert_filled("phase", status.phase.as_ref());
        json.insert_filled("podIP", status.pod_ip.as_ref());
        json.insert_filled(
            "podIPs",
            status.pod_ips.iter().map(|pod| address(pod.ip.as_ref())).collect::<Json<'_>>(),
        );
        json.insert_filled("reason", status.reason.as_ref());
        if let Some(resources) = &status.resources {
            json.insert("resources", self::resources(resources));
        }
        json.insert_filled("startTime", moment(status.start_time.as_ref()));
        json
    }
}

fn address(ip: Option<&String>) -> Json<'_> {
    [("ip", ip.into())].into()
}

/// A moment; Go writes one that is not set as an empty message.
fn moment(time: Option<&Time>) -> Json<'static> {
    let set = time.filter(|time| time.seconds.is_some());
    set.map_or(Json::Null, |time| Json::time(wall_time(time)))
}

fn quantities(amounts: &BTreeMap<String, Quantity>) -> Json<'_> {
    let amounts = amounts.iter().map(|(name, amount)| (name.into(), amount.string.as_ref().into()));
    Json::Object(amounts.collect())
}

fn resources(resources: &core::ResourceRequirements) -> Fields<'_> {
    let mut parts = Fields::default();
    parts.insert_filled("limits", quantities(&resources.limits));
    parts.insert_filled("requests", quantities(&resources.requests));
    parts
}

fn condition(condition: &core::PodCondition) -> Json<'_> {
    let mut fields = Fields::from([
        ("lastProbeTime", moment(condition.last_probe_time.as_ref())),
        ("lastTransitionTime", moment(condition.last_transition_time.as_ref())),
        ("status", condition.status.as_ref().into()),
        ("type", condition.r#type.as_ref().into()),
    ]);
    fields.insert_filled("message", condition.message.as_ref());
    fields.insert_filled("observedGeneration", condition.observed_generation.filter(|&it| it != 0));
    fields.insert_filled("reason", condition.reason.as_ref());
    fields.into()
}

fn containers(statuses: &[core::ContainerStatus]) -> Json<'_> {
    statuses.iter().map(container).collect()
}

fn container(container: &core::ContainerStatus) -> Json<'_> {
    let mut fields = Fields::from([
        ("image", container.image.as_ref().into()),
        ("imageID", container.image_id.as_deref().unwrap_or_default().into()),
        ("lastState", state(container.last_state.as_ref())),
        ("name", container.name.as_ref().into()),
        ("ready", (container.ready == Some(true)).into()),
        ("restartCount", container.restart_count.unwrap_or(0).into()),
        ("state", state(container.state.as_ref())),
    ]);
    fields.insert_filled("allocatedResources", quantities(&container.allocated_resources));
    fields.insert_filled("containerID", container.container_id.as_ref());
    fields.insert_filled("started", container.started);
    fields.insert_filled("user", container.user.as_ref().and_then(|user| user.linux.as_ref()).map(user));
    fields.insert_filled("volumeMounts", container.volume_mounts.iter().map(mount).collect::<Json<'_>>());
    if let Some(own) = &container.resources {
        fields.insert("resources", resources(own));
    }
    fields.into()
}

fn user(user: &core::LinuxContainerUser) -> Json<'_> {
    let groups = user.supplemental_groups.iter().map(|&group| Json::Number(group));
    let linux = [
        ("gid", user.gid.unwrap_or(0).into()),
        ("supplementalGroups", groups.collect()),
        ("uid", user.uid.unwrap_or(0).into()),
    ];
    [("linux", linux.into())].into()
}

fn mount(mount: &core::VolumeMountStatus) -> Json<'_> {
    let mut fields =
        Fields::from([("mountPath", mount.mount_path.as_ref().into()), ("name", mount.name.as_ref().into())]);
    if mount.read_only == Some(true) {
        fields.insert("readOnly", true);
    }
    if let Some(recursive) = &mount.recursive_read_only {
        fields.insert("recursiveReadOnly", recursive);
    }
    fields.into()
}

fn state(state: Option<&core::ContainerState>) -> Json<'_> {
    let Some(state) = state else { return Json::empty() };
    if let Some(running) = &state.running {
        return [("running", [("startedAt", moment(running.started_at.as_ref()))].into())].into();
    }
    let mut inner = Fields::default();
    let (name, reason, message) = if let Some(terminated) = &state.terminated {
        inner.insert("exitCode", terminated.exit_code.unwrap_or(0));
        inner.insert("finishedAt", moment(terminated.finished_at.as_ref()));
        inner.insert("startedAt", moment(terminated.started_at.as_ref()));
        inner.insert_filled("containerID", terminated.container_id.as_ref());
        ("terminated", &terminated.reason, &terminated.message)
    } else if let Some(waiting) = &state.waiting {
        ("waiting", &waiting.reason, &waiting.message)
    } else {
        return Json::empty();
    };
    inner.insert_filled("message", message.as_ref());
    inner.insert_filled("reason", reason.as_ref());
    [(name, inner.into())].into()
}

/// The conditions a status manager writes over those of a server (`mergePodStatus`): other writers' come first and stay, and a
/// condition that keeps its status keeps its transition time (`updateLastTransitionTime`).
pub(super) fn merged<'a>(server: &[Json<'a>], own: Vec<Fields<'a>>) -> Json<'a> {
    let is_ours = |item: &Json<'a>| {
        let kind = item.get("type");
        let is_known = kind.and_then(Json::as_text).is_some_and(|kind| OWN.contains(&kind));
        is_known || own.iter().any(|own| own.get("type") == kind)
    };
    let foreign: Vec<Json<'a>> = server.iter().filter(|item| !is_ours(item)).cloned().collect();
    let own = own.into_iter().map(|mut item| {
        let before = server.iter().find(|before| before.get("type") == item.get("type"));
        if let Some(before) = before.filter(|before| before.get("status") == item.get("status")) {
            item.insert("lastTransitionTime", before.get("lastTransitionTime").cloned());
        }
        item.into()
    });
    foreign.into_iter().chain(own).collect()
}
