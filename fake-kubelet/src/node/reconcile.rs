//! A Node that exists, from an earlier process of the kubelet or made by somebody else: what of it is not as this kubelet has it.
//!
//! Some of it is put right before the node counts as registered (`kubelet_node_status.go`, `tryRegisterWithAPIServer`), everything
//! else of the status by the first report (`nodestatus/setters.go`).

use std::borrow::Cow;

use k8s_pb::{api::core::v1 as core, apimachinery::pkg::api::resource::Quantity};

use crate::{
    json::{Fields, Json},
    merge,
};

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
pub(super) fn before_registration(existing: &core::Node, own: &core::Node) -> Fields<'static> {
    let (existing_meta, own_meta) = (existing.metadata.as_ref(), own.metadata.as_ref());
    let differs = |of: fn(&Meta) -> &Texts, key: &'static str| {
        let ours = own_meta.and_then(|metadata| of(metadata).get(key))?;
        let theirs = existing_meta.and_then(|metadata| of(metadata).get(key));
        (theirs != Some(ours)).then(|| (Cow::Borrowed(key), Json::from(ours.clone())))
    };
    let labels: Fields<'_> = DEFAULT_LABELS.iter().filter_map(|key| differs(|it| &it.labels, key)).collect();
    let annotations: Fields<'_> = differs(|it| &it.annotations, ATTACH_DETACH).into_iter().collect();
    let metadata = filled([("annotations", annotations), ("labels", labels)]);

    let (theirs, ours) = (status(existing), status(own));
    let huge = |key: &str| key.starts_with("hugepages-");
    let capacity = resources(&theirs.capacity, &ours.capacity, huge);
    let allocatable = resources(&theirs.allocatable, &ours.allocatable, huge);
    let status = filled([("allocatable", allocatable), ("capacity", capacity)]);
    filled([("metadata", metadata), ("status", status)])
}

/// What of the status differs beside conditions, as it goes into the `status` of a patch.
pub(super) fn beside_conditions(existing: &core::Node, own: &core::Node) -> Fields<'static> {
    let (theirs, ours) = (status(existing), status(own));
    let mut patch = filled([
        ("allocatable", resources(&theirs.allocatable, &ours.allocatable, |_| true)),
        ("capacity", resources(&theirs.capacity, &ours.capacity, |_| true)),
        ("nodeInfo", merge::diff(&node_info(&theirs), &node_info(&ours))),
    ]);
    if theirs.addresses != ours.addresses {
        // Marked as merged by type in the API, which they are not, so a kubelet writes this itself
        // (component-helpers `fixupPatchForNodeStatusAddresses`).
        let replace = (!theirs.addresses.is_empty()).then(|| Json::from([("$patch", "replace".into())]));
        let addresses = ours.addresses.into_iter();
        let addresses =
            addresses.map(|it| Json::from([("address", it.address.into()), ("type", it.r#type.into())]));
        patch.insert("addresses", addresses.chain(replace).collect::<Json<'_>>());
    }
    if theirs.images != ours.images {
        let names = |names: Vec<String>| names.into_iter().map(Json::from).collect();
        let images = ours.images.into_iter();
        let images =
            images.map(|it| Json::from([("names", names(it.names)), ("sizeBytes", it.size_bytes.into())]));
        patch.insert("images", images.collect::<Json<'_>>());
    }
    if theirs.daemon_endpoints != ours.daemon_endpoints {
        let port = ours.daemon_endpoints.as_ref().and_then(|it| it.kubelet_endpoint.as_ref()?.port);
        let port = [("Port", port.into())];
        patch.insert("daemonEndpoints", [("kubeletEndpoint", port.into())]);
    }
    if theirs.declared_features != ours.declared_features {
        let features = ours.declared_features.into_iter().map(Json::from);
        patch.insert("declaredFeatures", features.collect::<Json<'_>>());
    }
    patch
}

type Meta = k8s_pb::apimachinery::pkg::apis::meta::v1::ObjectMeta;
type Texts = std::collections::BTreeMap<String, String>;

fn status(node: &core::Node) -> core::NodeStatus {
    node.status.clone().unwrap_or_default()
}

/// Those of our resources that are not the same there. Others, such as devices, are somebody else's.
fn resources(theirs: &Quantities, ours: &Quantities, of: impl Fn(&str) -> bool) -> Fields<'static> {
    let differing = ours.iter().filter(|(name, quantity)| of(name) && theirs.get(*name) != Some(quantity));
    differing.map(|(name, quantity)| (name.clone().into(), quantity.string.clone().into())).collect()
}

fn node_info(status: &core::NodeStatus) -> Fields<'static> {
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
    fields.map(|(key, text)| (key, text.unwrap_or_default().into())).into()
}

/// The parts that are not empty.
fn filled<const N: usize>(parts: [(&'static str, Fields<'static>); N]) -> Fields<'static> {
    let mut whole = Fields::default();
    for (key, part) in parts {
        whole.insert_filled(key, part);
    }
    whole
}
