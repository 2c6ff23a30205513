//! Requests in the form the recorded ones have: a line, and the body as JSON.
//!
//! Every field that a message can have and that is not rendered must be empty, so that nothing is sent unseen.

use std::collections::BTreeMap;

use k8s_pb::{
    api::{
        authentication::v1 as authentication, coordination::v1 as coordination, core::v1 as core,
        events::v1 as events, storage::v1 as storage,
    },
    apimachinery::pkg::{api::resource::Quantity, apis::meta::v1 as meta},
};
use serde_json::{Value, json};
use wire::{Encoding, Request};

use crate::{Call, ObjectKind};

/// Verb and path, without the prefixes that say nothing here.
pub(super) fn line(request: &Request) -> String {
    short(request.method.as_str(), &request.path_and_query)
}

pub(super) fn short(method: &str, path_and_query: &str) -> String {
    let prefixes = [
        "/api/v1/namespaces/default/",
        "/api/v1/",
        "/apis/storage.k8s.io/v1/",
        "/apis/certificates.k8s.io/v1/",
        "/apis/events.k8s.io/v1/namespaces/default/",
        "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/",
    ];
    let path =
        prefixes.iter().find_map(|prefix| path_and_query.strip_prefix(prefix)).unwrap_or(path_and_query);
    format!("{method} {path}")
}

pub(super) fn body(call: &Call, request: &Request) -> Value {
    assert_eq!(request.accept, Encoding::Protobuf, "{call:?}");
    if request.body.is_empty() {
        return Value::Null;
    }
    match request.content {
        Encoding::StrategicMergePatch => serde_json::from_slice(&request.body).unwrap(),
        Encoding::Protobuf => match call {
            Call::CreateNode => node(decode(request)),
            Call::CreateCsiNode => csi_node(decode(request)),
            Call::CreateLease | Call::RenewLease => lease(decode(request)),
            Call::CreateEvent => event(decode(request)),
            Call::CreateToken(..) => token_request(decode(request)),
            // Keys differ each time; the tests of rotation look at the rest.
            Call::CreateCertificateRequest => Value::Null,
            Call::CreateProxyEvent => proxy_event(decode(request)),
            Call::DeletePod(_) | Call::DeleteResourceSlices => delete_options(decode(request)),
            _ => panic!("{call:?} has a body"),
        },
        other => panic!("{call:?} sends {other:?}"),
    }
}

fn decode<M: prost::Message + Default>(request: &Request) -> M {
    wire::protobuf::decode(&request.body).unwrap()
}

/// Takes a field out, so that what remains can be compared with nothing.
fn take<T: Default>(field: &mut T) -> T {
    std::mem::take(field)
}

fn object(fields: Vec<(&str, Value)>) -> Value {
    let present = fields.into_iter().filter(|(_, value)| !value.is_null() && *value != json!([]));
    Value::Object(present.map(|(key, value)| (key.to_owned(), value)).collect())
}

fn metadata(mut metadata: meta::ObjectMeta) -> Value {
    let map = |map: BTreeMap<String, String>| if map.is_empty() { Value::Null } else { json!(map) };
    let owners = take(&mut metadata.owner_references).into_iter().map(|mut owner| {
        let value = json!({
            "apiVersion": take(&mut owner.api_version), "kind": take(&mut owner.kind),
            "name": take(&mut owner.name), "uid": take(&mut owner.uid),
        });
        assert_eq!(owner, meta::OwnerReference::default());
        value
    });
    let value = object(vec![
        ("name", json!(take(&mut metadata.name))),
        ("namespace", json!(take(&mut metadata.namespace))),
        ("labels", map(take(&mut metadata.labels))),
        ("annotations", map(take(&mut metadata.annotations))),
        ("ownerReferences", owners.collect()),
        ("resourceVersion", json!(take(&mut metadata.resource_version))),
    ]);
    assert_eq!(metadata, meta::ObjectMeta::default());
    value
}

fn node(node: core::Node) -> Value {
    assert_eq!(node.spec, Some(core::NodeSpec::default()));
    json!({
        "kind": "Node", "apiVersion": "v1",
        "metadata": metadata(node.metadata.unwrap()),
        "spec": {},
        "status": node_status(node.status.unwrap()),
    })
}

fn node_status(mut status: core::NodeStatus) -> Value {
    let quantities = |map: BTreeMap<String, Quantity>| {
        Value::Object(map.into_iter().map(|(name, quantity)| (name, json!(quantity.string))).collect())
    };
    let addresses =
        take(&mut status.addresses).into_iter().map(|it| json!({ "type": it.r#type, "address": it.address }));
    let images = take(&mut status.images)
        .into_iter()
        .map(|it| json!({ "names": it.names, "sizeBytes": it.size_bytes }));
    let handlers = take(&mut status.runtime_handlers).into_iter().map(|handler| {
        let features = handler.features.unwrap();
        json!({ "name": handler.name, "features": {
            "recursiveReadOnlyMounts": features.recursive_read_only_mounts, "userNamespaces": features.user_namespaces,
        }})
    });
    let mut info = take(&mut status.node_info).unwrap();
    let node_info = json!({
        "machineID": take(&mut info.machine_id), "systemUUID": take(&mut info.system_uuid),
        "bootID": take(&mut info.boot_id), "kernelVersion": take(&mut info.kernel_version),
        "osImage": take(&mut info.os_image), "containerRuntimeVersion": take(&mut info.container_runtime_version),
        "kubeletVersion": take(&mut info.kubelet_version), "kubeProxyVersion": take(&mut info.kube_proxy_version),
        "operatingSystem": take(&mut info.operating_system), "architecture": take(&mut info.architecture),
    });
    assert_eq!(info, core::NodeSystemInfo::default());
    let port = take(&mut status.daemon_endpoints).unwrap().kubelet_endpoint.unwrap().port;
    let features = take(&mut status.features).unwrap();
    let value = json!({
        "capacity": quantities(take(&mut status.capacity)),
        "allocatable": quantities(take(&mut status.allocatable)),
        "conditions": take(&mut status.conditions).iter().map(node_condition).collect::<Vec<_>>(),
        "addresses": addresses.collect::<Vec<_>>(),
        "daemonEndpoints": { "kubeletEndpoint": { "Port": port } },
        "nodeInfo": node_info,
        "images": images.collect::<Vec<_>>(),
        "runtimeHandlers": handlers.collect::<Vec<_>>(),
        "features": { "supplementalGroupsPolicy": features.supplemental_groups_policy },
        "declaredFeatures": take(&mut status.declared_features),
    });
    assert_eq!(status, core::NodeStatus::default());
    value
}

pub(super) fn node_condition(condition: &core::NodeCondition) -> Value {
    let time =
        |time: &Option<meta::Time>| time.as_ref().map(crate::node::wall_time).map(crate::node::seconds);
    json!({
        "type": condition.r#type, "status": condition.status,
        "lastHeartbeatTime": time(&condition.last_heartbeat_time),
        "lastTransitionTime": time(&condition.last_transition_time),
        "reason": condition.reason, "message": condition.message,
    })
}

fn csi_node(node: storage::CSINode) -> Value {
    assert_eq!(node.spec, Some(storage::CSINodeSpec::default()));
    json!({
        "kind": "CSINode", "apiVersion": "storage.k8s.io/v1",
        "metadata": metadata(node.metadata.unwrap()),
        "spec": { "drivers": null },
    })
}

fn lease(lease: coordination::Lease) -> Value {
    let mut spec = lease.spec.unwrap();
    let renewed = take(&mut spec.renew_time).unwrap();
    let renewed = jiff::Timestamp::new(renewed.seconds.unwrap(), renewed.nanos.unwrap()).unwrap();
    let value = json!({
        "kind": "Lease", "apiVersion": "coordination.k8s.io/v1",
        "metadata": metadata(lease.metadata.unwrap()),
        "spec": {
            "holderIdentity": take(&mut spec.holder_identity),
            "leaseDurationSeconds": take(&mut spec.lease_duration_seconds),
            "renewTime": format!("{renewed:.6}"),
        },
    });
    assert_eq!(spec, coordination::LeaseSpec::default());
    value
}

fn proxy_event(mut event: events::Event) -> Value {
    let mut regarding = take(&mut event.regarding).unwrap();
    let time = take(&mut event.event_time).unwrap();
    let value = json!({
        "metadata": metadata(take(&mut event.metadata).unwrap()),
        "eventTime": [time.seconds, time.nanos.map(i64::from)],
        "reportingController": take(&mut event.reporting_controller),
        "reportingInstance": take(&mut event.reporting_instance),
        "action": take(&mut event.action),
        "reason": take(&mut event.reason),
        "type": take(&mut event.r#type),
        "regarding": {
            "apiVersion": take(&mut regarding.api_version),
            "kind": take(&mut regarding.kind),
            "name": take(&mut regarding.name),
        },
    });
    assert_eq!(regarding, core::ObjectReference::default());
    assert_eq!(event, events::Event::default());
    value
}

fn event(mut event: core::Event) -> Value {
    let mut about = take(&mut event.involved_object).unwrap();
    let reference = object(vec![
        ("kind", json!(take(&mut about.kind))),
        ("namespace", json!(take(&mut about.namespace))),
        ("name", json!(take(&mut about.name))),
        ("uid", json!(take(&mut about.uid))),
        ("apiVersion", json!(take(&mut about.api_version))),
        ("resourceVersion", json!(take(&mut about.resource_version))),
        ("fieldPath", json!(take(&mut about.field_path))),
    ]);
    assert_eq!(about, core::ObjectReference::default());
    let source = take(&mut event.source).unwrap();
    let time = |time: Option<meta::Time>| crate::node::seconds(crate::node::wall_time(&time.unwrap()));
    let value = json!({
        "kind": "Event", "apiVersion": "v1",
        "metadata": metadata(take(&mut event.metadata).unwrap()),
        "involvedObject": reference,
        "reason": take(&mut event.reason), "message": take(&mut event.message),
        "source": { "component": source.component, "host": source.host },
        "firstTimestamp": time(take(&mut event.first_timestamp)),
        "lastTimestamp": time(take(&mut event.last_timestamp)),
        "count": take(&mut event.count), "type": take(&mut event.r#type),
        "eventTime": null,
        "reportingComponent": take(&mut event.reporting_component).unwrap_or_default(),
        "reportingInstance": take(&mut event.reporting_instance).unwrap_or_default(),
    });
    assert_eq!(event, core::Event::default());
    value
}

fn token_request(mut request: authentication::TokenRequest) -> Value {
    let mut spec = take(&mut request.spec).unwrap();
    let mut pod = take(&mut spec.bound_object_ref).unwrap();
    let audiences = take(&mut spec.audiences);
    let value = json!({ "spec": {
        "audiences": if audiences.is_empty() { Value::Null } else { json!(audiences) },
        "expirationSeconds": take(&mut spec.expiration_seconds),
        "boundObjectRef": {
            "kind": take(&mut pod.kind), "apiVersion": take(&mut pod.api_version),
            "name": take(&mut pod.name), "uid": take(&mut pod.u_id),
        },
    }});
    assert_eq!((spec, pod), Default::default());
    value
}

fn delete_options(mut options: meta::DeleteOptions) -> Value {
    let preconditions = take(&mut options.preconditions).map(|preconditions| {
        assert_eq!(preconditions.resource_version, None);
        json!({ "uid": preconditions.uid })
    });
    let value = object(vec![
        ("kind", json!("DeleteOptions")),
        ("apiVersion", json!("meta.k8s.io/__internal")),
        ("gracePeriodSeconds", json!(take(&mut options.grace_period_seconds))),
        ("preconditions", preconditions.into()),
    ]);
    assert_eq!(options, meta::DeleteOptions::default());
    value
}

/// A pod bound to the node, with one container that has these requests of CPU and memory, or none.
pub(super) fn pod(
    name: &str,
    uid: &str,
    container: &str,
    requests: &[&str],
    token_volume: &str,
) -> core::Pod {
    let requests = ["cpu", "memory"]
        .into_iter()
        .zip(requests)
        .map(|(resource, quantity)| (resource.to_owned(), Quantity { string: Some((*quantity).to_owned()) }));
    let mount = core::VolumeMount {
        name: Some(token_volume.to_owned()),
        mount_path: Some("/var/run/secrets/kubernetes.io/serviceaccount".to_owned()),
        read_only: Some(true),
        ..Default::default()
    };
    let container = core::Container {
        name: Some(container.to_owned()),
        image: Some("localhost/app:1".to_owned()),
        resources: Some(core::ResourceRequirements { requests: requests.collect(), ..Default::default() }),
        volume_mounts: vec![mount],
        ..Default::default()
    };
    core::Pod {
        metadata: Some(meta::ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some("default".to_owned()),
            uid: Some(uid.to_owned()),
            generation: Some(1),
            ..Default::default()
        }),
        spec: Some(core::PodSpec {
            node_name: Some("vm".to_owned()),
            containers: vec![container],
            ..Default::default()
        }),
        status: None,
    }
}

/// The volume that the apiserver gives to every pod with a service account.
pub(super) fn api_access(name: &str) -> core::Volume {
    let token = core::VolumeProjection {
        service_account_token: Some(core::ServiceAccountTokenProjection {
            expiration_seconds: Some(3607),
            path: Some("token".to_owned()),
            ..Default::default()
        }),
        ..Default::default()
    };
    let authorities = core::VolumeProjection {
        config_map: Some(core::ConfigMapProjection {
            local_object_reference: Some(core::LocalObjectReference {
                name: Some("kube-root-ca.crt".to_owned()),
            }),
            ..Default::default()
        }),
        ..Default::default()
    };
    let projected = core::ProjectedVolumeSource { sources: vec![token, authorities], ..Default::default() };
    core::Volume {
        name: Some(name.to_owned()),
        volume_source: Some(core::VolumeSource { projected: Some(projected), ..Default::default() }),
    }
}

pub(super) fn object_volume(kind: ObjectKind, name: &str) -> core::VolumeSource {
    match kind {
        ObjectKind::ConfigMap => core::VolumeSource {
            config_map: Some(core::ConfigMapVolumeSource {
                local_object_reference: Some(core::LocalObjectReference { name: Some(name.to_owned()) }),
                ..Default::default()
            }),
            ..Default::default()
        },
        ObjectKind::Secret => core::VolumeSource {
            secret: Some(core::SecretVolumeSource {
                secret_name: Some(name.to_owned()),
                ..Default::default()
            }),
            ..Default::default()
        },
    }
}

pub(super) fn claim_volume(claim: &str) -> core::VolumeSource {
    core::VolumeSource {
        persistent_volume_claim: Some(core::PersistentVolumeClaimVolumeSource {
            claim_name: Some(claim.to_owned()),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// A probe that is tried every so many seconds.
pub(super) fn probe(period: i32) -> core::Probe {
    core::Probe { period_seconds: Some(period), ..Default::default() }
}
