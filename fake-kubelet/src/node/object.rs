//! The Node object a kubelet registers, and the small pieces every request of a node shares.

use std::{sync::LazyLock, time::Duration};

use k8s_pb::{
    api::core::v1 as core,
    apimachinery::pkg::{api::resource::Quantity, apis::meta::v1 as meta},
};
use wire::{Encoding, Request};

use super::{Common, conditions::Report};
use crate::classes::Class;

/// Timeout of the kubelet's heartbeat client, also sent as `?timeout=10s`.
pub(super) const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(10);

/// Most images a kubelet lists (`nodeStatusMaxImages`); they are most of a Node's 15-20 kB.
const IMAGES: usize = 50;

/// A timestamp as the API writes `metav1.Time`: whole seconds.
pub(crate) fn seconds(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A time that came from the API; without a value it is the epoch.
pub(crate) fn wall_time(time: &meta::Time) -> jiff::Timestamp {
    jiff::Timestamp::from_second(time.seconds.unwrap_or_default()).unwrap_or_default()
}

/// A timestamp as protobuf has `metav1.Time`: whole seconds.
pub(crate) fn time(time: jiff::Timestamp) -> meta::Time {
    meta::Time { seconds: Some(time.as_second()), nanos: None }
}

pub(super) fn get_node(common: &Common) -> Request {
    Request::get(format!("/api/v1/nodes/{}", common.name))
}

/// The same through the kubelet's heartbeat client.
pub(super) fn get_node_as_heartbeat(common: &Common) -> Request {
    Request::get(format!("/api/v1/nodes/{}?timeout=10s", common.name)).timeout(HEARTBEAT_TIMEOUT)
}

pub(super) fn owner_reference(common: &Common, node_uid: String) -> meta::OwnerReference {
    meta::OwnerReference {
        api_version: Some("v1".to_owned()),
        kind: Some("Node".to_owned()),
        name: Some(common.name.to_string()),
        uid: Some(node_uid),
        ..Default::default()
    }
}

pub(super) fn create_node(common: &Common, report: &Report) -> Request {
    let body = wire::protobuf::encode("v1", "Node", &node(common, report));
    Request::post("/api/v1/nodes", body, Encoding::Protobuf)
}

/// The Node as this kubelet has it.
pub(super) fn node(common: &Common, report: &Report) -> core::Node {
    let spec = &common.spec;
    let own_labels = [
        ("beta.kubernetes.io/arch", "amd64"),
        ("beta.kubernetes.io/os", "linux"),
        ("kubernetes.io/arch", "amd64"),
        ("kubernetes.io/hostname", &common.name),
        ("kubernetes.io/os", "linux"),
    ];
    let own_labels = own_labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let attach_detach =
        ("volumes.kubernetes.io/controller-managed-attach-detach".to_owned(), "true".to_owned());
    let taints = spec.taints.iter().map(|(key, value, effect)| core::Taint {
        key: Some(key.clone()),
        value: Some(value.clone()),
        effect: Some(effect.clone()),
        time_added: None,
    });
    core::Node {
        metadata: Some(meta::ObjectMeta {
            name: Some(common.name.to_string()),
            labels: spec.labels.clone().into_iter().chain(own_labels).collect(),
            annotations: [attach_detach].into(),
            ..Default::default()
        }),
        spec: Some(core::NodeSpec { taints: taints.collect(), ..Default::default() }),
        status: Some(node_status(common, report)),
    }
}

fn node_status(common: &Common, report: &Report) -> core::NodeStatus {
    let spec = &common.spec;
    let address = |kind: &str, address: String| core::NodeAddress {
        r#type: Some(kind.to_owned()),
        address: Some(address),
    };
    let handler = |name: &str| core::NodeRuntimeHandler {
        name: Some(name.to_owned()),
        features: Some(core::NodeRuntimeHandlerFeatures {
            recursive_read_only_mounts: Some(true),
            user_namespaces: Some(false),
        }),
    };
    core::NodeStatus {
        capacity: resources(common),
        allocatable: resources(common),
        conditions: report.conditions(),
        addresses: vec![
            address("InternalIP", common.address.to_string()),
            address("Hostname", common.name.to_string()),
        ],
        daemon_endpoints: Some(core::NodeDaemonEndpoints {
            kubelet_endpoint: Some(core::DaemonEndpoint { port: Some(i32::from(spec.kubelet_port)) }),
        }),
        node_info: Some(node_info(common)),
        images: if common.spec.classes.has(Class::NodeImages) { IMAGE_LIST.clone() } else { Vec::new() },
        runtime_handlers: vec![handler(""), handler("runc")],
        features: Some(core::NodeFeatures { supplemental_groups_policy: Some(true) }),
        // ExtendWebSocketsToKubelet is left out: no exec is served here.
        declared_features: [
            "InPlacePodLevelResourcesVerticalScaling",
            "InPlacePodVerticalScalingInitContainers",
            "RestartAllContainersOnContainerExits",
        ]
        .map(str::to_owned)
        .into(),
        ..Default::default()
    }
}

fn resources(common: &Common) -> std::collections::BTreeMap<String, Quantity> {
    let spec = &common.spec;
    let quantities = [
        ("cpu", spec.cpu.clone()),
        ("ephemeral-storage", "263174212Ki".to_owned()),
        ("hugepages-1Gi", "0".to_owned()),
        ("hugepages-2Mi", "0".to_owned()),
        ("memory", spec.memory.clone()),
        ("pods", spec.max_pods.to_string()),
    ];
    quantities.map(|(name, value)| (name.to_owned(), Quantity { string: Some(value) })).into()
}

fn node_info(common: &Common) -> core::NodeSystemInfo {
    let machine = format!("{:0>32x}", u32::from(common.address));
    let text = |text: &str| Some(text.to_owned());
    core::NodeSystemInfo {
        boot_id: Some(format!("{}-0000-4000-8000-{}", &machine[24..], &machine[20..])),
        system_uuid: Some(machine.clone()),
        machine_id: Some(machine),
        kernel_version: text("6.12.57+deb13-amd64"),
        os_image: text("Debian GNU/Linux 13 (trixie)"),
        container_runtime_version: text("containerd://2.4.2"),
        kubelet_version: Some(common.spec.kubelet_version.clone()),
        kube_proxy_version: text(""),
        operating_system: text("linux"),
        architecture: text("amd64"),
        swap: None,
    }
}

/// The images of a node that has been in use for a while: as many as a kubelet reports, each by digest and by tag, largest
/// first. The same on every node, as on nodes of one pool.
static IMAGE_LIST: LazyLock<Vec<core::ContainerImage>> = LazyLock::new(|| {
    (0..IMAGES)
        .map(|index| {
            let digest = format!("{index:0>2x}").repeat(32);
            let name = format!("registry.example.com/platform/team-{:0>2}/service-{index:0>2}", index % 7);
            core::ContainerImage {
                names: vec![format!("{name}@sha256:{digest}"), format!("{name}:v1.{index}.0-build.20261101")],
                size_bytes: Some(i64::try_from(IMAGES - index).unwrap_or(0) * 9_437_184),
            }
        })
        .collect()
});
