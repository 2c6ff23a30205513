//! Objects of the size and shape that a real control plane sends.

use k8s_pb::{
    api::{coordination::v1 as coordination, core::v1 as core},
    apimachinery::pkg::{api::resource::Quantity, apis::meta::v1 as meta},
};

#[expect(clippy::unnecessary_wraps, reason = "every field of a message is optional")]
fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// What the server notes of who wrote which field; a third of every object.
fn written_by(manager: &str, fields: &str) -> meta::ManagedFieldsEntry {
    meta::ManagedFieldsEntry {
        manager: text(manager),
        operation: text("Update"),
        api_version: text("v1"),
        time: Some(meta::Time { seconds: Some(1_795_000_000), nanos: None }),
        fields_type: text("FieldsV1"),
        fields_v1: Some(meta::FieldsV1 { raw: Some(fields.as_bytes().to_vec()) }),
        subresource: None,
    }
}

/// A node's lease as the server returns it: 0.5 kB.
pub fn lease(node: &str) -> coordination::Lease {
    let fields = r#"{"f:metadata":{"f:ownerReferences":{".":{},"k:{\"uid\":\"3f0c4b7e-58a0-4b8e-9c61-d6a3a0f5b6d1\"}":{}}},"f:spec":{"f:holderIdentity":{},"f:leaseDurationSeconds":{},"f:renewTime":{}}}"#;
    coordination::Lease {
        metadata: Some(meta::ObjectMeta {
            name: text(node),
            namespace: text("kube-node-lease"),
            uid: text("9a2d3c52-35a1-4df5-8a43-5c6f1f1a0c1e"),
            resource_version: text("123456"),
            creation_timestamp: Some(meta::Time { seconds: Some(1_795_000_000), nanos: None }),
            owner_references: vec![meta::OwnerReference {
                api_version: text("v1"),
                kind: text("Node"),
                name: text(node),
                uid: text("3f0c4b7e-58a0-4b8e-9c61-d6a3a0f5b6d1"),
                ..Default::default()
            }],
            managed_fields: vec![written_by("kubelet", fields)],
            ..Default::default()
        }),
        spec: Some(coordination::LeaseSpec {
            holder_identity: text(node),
            lease_duration_seconds: Some(40),
            renew_time: Some(meta::MicroTime { seconds: Some(1_795_000_000), nanos: Some(123_456_000) }),
            ..Default::default()
        }),
    }
}

/// A pod of one container as admission leaves it, with the projected volume of its service account, bound to a node: 2 kB.
pub fn pod(namespace: &str, name: &str, node: &str) -> core::Pod {
    let created = r#"{"f:metadata":{"f:labels":{".":{},"f:app":{},"f:loadgen.run":{}}},"f:spec":{"f:containers":{"k:{\"name\":\"app\"}":{".":{},"f:image":{},"f:imagePullPolicy":{},"f:name":{},"f:resources":{".":{},"f:requests":{".":{},"f:cpu":{},"f:memory":{}}},"f:terminationMessagePath":{},"f:terminationMessagePolicy":{}}},"f:dnsPolicy":{},"f:enableServiceLinks":{},"f:restartPolicy":{},"f:schedulerName":{},"f:securityContext":{},"f:terminationGracePeriodSeconds":{}}}"#;
    let labels = [("app", "churn"), ("loadgen.run", "benchmark")];
    let requests = [("cpu", "10m"), ("memory", "16Mi")];
    let quantity = |value: &str| Quantity { string: text(value) };
    core::Pod {
        metadata: Some(meta::ObjectMeta {
            name: text(name),
            namespace: text(namespace),
            generation: Some(1),
            labels: labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            managed_fields: vec![written_by("loadgen", created)],
            ..Default::default()
        }),
        spec: Some(core::PodSpec {
            node_name: text(node),
            service_account_name: text("default"),
            restart_policy: text("Always"),
            termination_grace_period_seconds: Some(1),
            dns_policy: text("ClusterFirst"),
            scheduler_name: text("default-scheduler"),
            enable_service_links: Some(true),
            containers: vec![core::Container {
                name: text("app"),
                image: text("registry.k8s.io/pause:3.10.1"),
                image_pull_policy: text("IfNotPresent"),
                termination_message_path: text("/dev/termination-log"),
                resources: Some(core::ResourceRequirements {
                    requests: requests.map(|(key, value)| (key.to_owned(), quantity(value))).into(),
                    ..Default::default()
                }),
                volume_mounts: vec![core::VolumeMount {
                    name: text("kube-api-access-x7k2p"),
                    read_only: Some(true),
                    mount_path: text("/var/run/secrets/kubernetes.io/serviceaccount"),
                    ..Default::default()
                }],
                ..Default::default()
            }],
            volumes: vec![service_account_volume()],
            ..Default::default()
        }),
        status: Some(core::PodStatus {
            phase: text("Pending"),
            qos_class: text("Burstable"),
            conditions: vec![core::PodCondition {
                r#type: text("PodScheduled"),
                status: text("True"),
                observed_generation: Some(1),
                last_transition_time: Some(meta::Time { seconds: Some(1_795_000_000), nanos: None }),
                ..Default::default()
            }],
            ..Default::default()
        }),
    }
}

/// What the admission of service accounts adds: a token, the authority's certificate and the namespace.
fn service_account_volume() -> core::Volume {
    let source = core::VolumeProjection::default;
    let path = |key: &str| core::KeyToPath { key: text(key), path: text(key), mode: None };
    let field = core::DownwardAPIVolumeFile {
        path: text("namespace"),
        field_ref: Some(core::ObjectFieldSelector {
            api_version: text("v1"),
            field_path: text("metadata.namespace"),
        }),
        ..Default::default()
    };
    core::Volume {
        name: text("kube-api-access-x7k2p"),
        volume_source: Some(core::VolumeSource {
            projected: Some(core::ProjectedVolumeSource {
                sources: vec![
                    core::VolumeProjection {
                        service_account_token: Some(core::ServiceAccountTokenProjection {
                            expiration_seconds: Some(3607),
                            path: text("token"),
                            ..Default::default()
                        }),
                        ..source()
                    },
                    core::VolumeProjection {
                        config_map: Some(core::ConfigMapProjection {
                            local_object_reference: Some(core::LocalObjectReference {
                                name: text("kube-root-ca.crt"),
                            }),
                            items: vec![path("ca.crt")],
                            ..Default::default()
                        }),
                        ..source()
                    },
                    core::VolumeProjection {
                        downward_api: Some(core::DownwardAPIProjection { items: vec![field] }),
                        ..source()
                    },
                ],
                default_mode: Some(420),
            }),
            ..Default::default()
        }),
    }
}

/// The config map that every pod mounts, with an authority's certificate in it.
pub fn root_certificate(namespace: &str, ca_pem: &str) -> core::ConfigMap {
    core::ConfigMap {
        metadata: Some(meta::ObjectMeta {
            name: text("kube-root-ca.crt"),
            namespace: text(namespace),
            ..Default::default()
        }),
        data: [("ca.crt".to_owned(), ca_pem.to_owned())].into(),
        ..Default::default()
    }
}

/// A namespace's default service account.
pub fn service_account(namespace: &str) -> core::ServiceAccount {
    core::ServiceAccount {
        metadata: Some(meta::ObjectMeta {
            name: text("default"),
            namespace: text(namespace),
            ..Default::default()
        }),
        ..Default::default()
    }
}
