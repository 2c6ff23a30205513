//! A Node that exists, from an earlier process of the kubelet or made by somebody else: what of it is not as this kubelet has it.
//!
//! Some of it is put right before the node counts as registered (`kubelet_node_status.go`, `tryRegisterWithAPIServer`), everything
//! else of the status by the first report (`nodestatus/setters.go`).

use k8s_pb::{api::core::v1 as core, apimachinery::pkg::api::resource::Quantity};
use serde_json::{Map, Value, json};

use crate::merge;

/// The labels a kubelet keeps as it has them (`updateDefaultLabels`); those of `--node-labels` it sets only when it creates the Node.
const DEFAULT_LABELS: [&str; 11] = [
    "kubernetes.io/hostname",
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
    "node.kubernetes.io/instance-type",
    "beta.kubernetes.io/instance-type",
    "kubernetes.io/os",
    "kubernetes.io/arch",
    "beta.kubernetes.io/os",
    "beta.kubernetes.io/arch",
];
const ATTACH_DETACH: &str = "volumes.kubernetes.io/controller-managed-attach-detach";

type Quantities = std::collections::BTreeMap<String, Quantity>;

/// The PATCH that comes before registration is done; empty when there is none. Huge pages are the only resources in it.
pub(super) fn before_registration(existing: &core::Node, own: &core::Node) -> Map<String, Value> {
    let (existing_meta, own_meta) = (existing.metadata.as_ref(), own.metadata.as_ref());
    let differs = |of: fn(&Meta) -> &Texts, key: &str| {
        let ours = own_meta.and_then(|metadata| of(metadata).get(key))?;
        let theirs = existing_meta.and_then(|metadata| of(metadata).get(key));
        (theirs != Some(ours)).then(|| (key.to_owned(), Value::from(ours.as_str())))
    };
    let labels: Map<_, _> = DEFAULT_LABELS.iter().filter_map(|key| differs(|it| &it.labels, key)).collect();
    let annotations: Map<_, _> = differs(|it| &it.annotations, ATTACH_DETACH).into_iter().collect();
    let metadata = filled([("annotations", annotations), ("labels", labels)]);

    let (theirs, ours) = (status(existing), status(own));
    let huge = |key: &str| key.starts_with("hugepages-");
    let capacity = resources(&theirs.capacity, &ours.capacity, huge);
    let allocatable = resources(&theirs.allocatable, &ours.allocatable, huge);
    let status = filled([("allocatable", allocatable), ("capacity", capacity)]);
    filled([("metadata", metadata), ("status", status)])
}

/// What of the status differs beside conditions, as it goes into the `status` of a patch.
pub(super) fn beside_conditions(existing: &core::Node, own: &core::Node) -> Map<String, Value> {
    let (theirs, ours) = (status(existing), status(own));
    let mut patch = filled([
        ("allocatable", resources(&theirs.allocatable, &ours.allocatable, |_| true)),
        ("capacity", resources(&theirs.capacity, &ours.capacity, |_| true)),
        ("nodeInfo", merge::diff(&node_info(&theirs), &node_info(&ours))),
    ]);
    if theirs.addresses != ours.addresses {
        // Marked as merged by type in the API, which they are not, so a kubelet writes this itself
        // (component-helpers `fixupPatchForNodeStatusAddresses`).
        let addresses = ours.addresses.iter().map(|it| json!({ "type": it.r#type, "address": it.address }));
        let replace = (!theirs.addresses.is_empty()).then(|| json!({ "$patch": "replace" }));
        patch.insert("addresses".to_owned(), addresses.chain(replace).collect());
    }
    if theirs.images != ours.images {
        let images = ours.images.iter().map(|it| json!({ "names": it.names, "sizeBytes": it.size_bytes }));
        patch.insert("images".to_owned(), images.collect());
    }
    if theirs.daemon_endpoints != ours.daemon_endpoints {
        let port = ours.daemon_endpoints.as_ref().and_then(|it| it.kubelet_endpoint.as_ref()?.port);
        patch.insert("daemonEndpoints".to_owned(), json!({ "kubeletEndpoint": { "Port": port } }));
    }
    if theirs.declared_features != ours.declared_features {
        patch.insert("declaredFeatures".to_owned(), json!(ours.declared_features));
    }
    patch
}

type Meta = k8s_pb::apimachinery::pkg::apis::meta::v1::ObjectMeta;
type Texts = std::collections::BTreeMap<String, String>;

fn status(node: &core::Node) -> core::NodeStatus {
    node.status.clone().unwrap_or_default()
}

/// Those of our resources that are not the same there. Others, such as devices, are somebody else's.
fn resources(theirs: &Quantities, ours: &Quantities, of: impl Fn(&str) -> bool) -> Map<String, Value> {
    let differing = ours.iter().filter(|(name, quantity)| of(name) && theirs.get(*name) != Some(quantity));
    differing.map(|(name, quantity)| (name.clone(), json!(quantity.string))).collect()
}

fn node_info(status: &core::NodeStatus) -> Map<String, Value> {
    let info = status.node_info.clone().unwrap_or_default();
    let fields = [
        ("architecture", info.architecture),
        ("bootID", info.boot_id),
        ("containerRuntimeVersion", info.container_runtime_version),
        ("kernelVersion", info.kernel_version),
        ("kubeProxyVersion", info.kube_proxy_version),
        ("kubeletVersion", info.kubelet_version),
        ("machineID", info.machine_id),
        ("operatingSystem", info.operating_system),
        ("osImage", info.os_image),
        ("systemUUID", info.system_uuid),
    ];
    fields.into_iter().map(|(key, text)| (key.to_owned(), json!(text.unwrap_or_default()))).collect()
}

/// The parts that are not empty.
fn filled<const N: usize>(parts: [(&str, Map<String, Value>); N]) -> Map<String, Value> {
    let parts = parts.into_iter().filter(|(_, part)| !part.is_empty());
    parts.map(|(key, part)| (key.to_owned(), Value::Object(part))).collect()
}
