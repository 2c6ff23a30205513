//! The least of an API server that a node needs: one Node, CSINode and Lease, and pods whose statuses take patches.

use std::collections::{BTreeMap, HashSet};

use http::StatusCode;
use k8s_pb::{
    api::{
        certificates::v1 as certificates, coordination::v1 as coordination, core::v1 as core,
        storage::v1 as storage,
    },
    apimachinery::pkg::{api::resource::Quantity, apis::meta::v1 as meta},
};
use serde_json::{Map, Value, json};
use wire::{Encoding, Request, Response};

use super::pod_status::{self, text, time};

#[derive(Default)]
pub(super) struct Server {
    pub(super) node: Option<core::Node>,
    pub(super) csi_node: Option<storage::CSINode>,
    pub(super) lease: Option<coordination::Lease>,
    pub(super) pods: BTreeMap<String, Pod>,
    pub(super) certificate_request: Option<certificates::CertificateSigningRequest>,
    /// Names of events that exist.
    pub(super) noted: HashSet<String>,
    events: Vec<Result<core::Pod, String>>,
    node_events: Vec<core::Node>,
    revision: u64,
    /// Uids of pods that somebody has asked to be deleted.
    deleted: HashSet<String>,
}

/// A pod, its status in JSON because that is what patches are.
pub(super) struct Pod {
    object: core::Pod,
    pub(super) status: Map<String, Value>,
}

impl Pod {
    pub(super) fn uid(&self) -> &str {
        self.object.metadata.as_ref().unwrap().uid.as_deref().unwrap()
    }

    pub(super) fn generation(&self) -> i64 {
        self.object.metadata.as_ref().unwrap().generation.unwrap()
    }

    pub(super) fn is_deleting(&self) -> bool {
        self.object.metadata.as_ref().unwrap().deletion_timestamp.is_some()
    }

    pub(super) fn condition(&self, kind: &str) -> &Value {
        self.status["conditions"].as_array().unwrap().iter().find(|it| it["type"] == kind).unwrap()
    }

    /// The status as objects carry it, as far as a node reads it.
    pub(super) fn to_object(&self) -> core::Pod {
        let status = pod_status::from_json(&self.status);
        core::Pod { status: Some(status), ..self.object.clone() }
    }
}

impl Server {
    pub(super) fn refusal(code: u16) -> Response {
        Response {
            status: StatusCode::from_u16(code).unwrap(),
            body: bytes::Bytes::new(),
            encoding: Encoding::Json,
            retry_after: None,
        }
    }

    /// What the scheduler does: the pod gets its node and the condition that says so.
    pub(super) fn bind(&mut self, pod: &core::Pod) {
        let name = pod.metadata.as_ref().unwrap().name.clone().unwrap();
        let scheduled = json!({
            "type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": "2026-11-22T11:45:00Z",
        });
        let status = Map::from_iter([
            ("phase".to_owned(), "Pending".into()),
            ("conditions".to_owned(), json!([scheduled])),
        ]);
        self.pods.insert(name.clone(), Pod { object: pod.clone(), status });
        self.changed(&name);
    }

    pub(super) fn delete_gracefully(&mut self, name: &str) {
        let pod = self.pods.get_mut(name).unwrap();
        self.deleted.insert(pod.uid().to_owned());
        let metadata = pod.object.metadata.as_mut().unwrap();
        metadata.deletion_timestamp = Some(meta::Time { seconds: Some(1), nanos: None });
        metadata.generation = metadata.generation.map(|generation| generation + 1);
        self.changed(name);
    }

    pub(super) fn delete_by_force(&mut self, name: &str) {
        if let Some(pod) = self.pods.remove(name) {
            self.events.push(Err(pod.uid().to_owned()));
        }
    }

    pub(super) fn was_deleted(&self, uid: &str) -> bool {
        self.deleted.contains(uid)
    }

    /// The pod's spec has changed.
    pub(super) fn next_generation(&mut self, name: &str) {
        let generation = &mut self.pods.get_mut(name).unwrap().object.metadata.as_mut().unwrap().generation;
        *generation = generation.map(|generation| generation + 1);
        self.changed(name);
    }

    /// Somebody else patches a pod's status.
    pub(super) fn patch_pod(&mut self, name: &str, patch: Value) {
        let Value::Object(patch) = patch else { panic!("a patch is an object") };
        apply(&mut self.pods.get_mut(name).unwrap().status, &patch);
        self.changed(name);
    }

    /// Somebody else writes a condition of the Node.
    pub(super) fn set_node_condition(&mut self, kind: &str, status: &str) {
        self.write_node_condition(core::NodeCondition {
            r#type: Some(kind.to_owned()),
            status: Some(status.to_owned()),
            ..Default::default()
        });
    }

    /// What the node lifecycle controller writes of a node whose lease has grown old (`tryUpdateNodeHealth`).
    pub(super) fn write_off(&mut self, at: jiff::Timestamp) {
        let text = |text: &str| Some(text.to_owned());
        self.write_node_condition(core::NodeCondition {
            r#type: text("Ready"),
            status: text("Unknown"),
            reason: text("NodeStatusUnknown"),
            message: text("Kubelet stopped posting node status."),
            last_transition_time: Some(meta::Time { seconds: Some(at.as_second()), nanos: None }),
            ..Default::default()
        });
    }

    fn write_node_condition(&mut self, written: core::NodeCondition) {
        let conditions = &mut self.node.as_mut().unwrap().status.as_mut().unwrap().conditions;
        match conditions.iter_mut().find(|it| it.r#type == written.r#type) {
            Some(condition) => *condition = written,
            None => conditions.push(written),
        }
        self.node_changed();
    }

    /// The Node has a new version, which its watch shows.
    fn node_changed(&mut self) {
        self.revision += 1;
        let node = self.node.as_mut().unwrap();
        node.metadata.as_mut().unwrap().resource_version = Some(self.revision.to_string());
        self.node_events.push(node.clone());
    }

    pub(super) fn take_node_events(&mut self) -> Vec<core::Node> {
        std::mem::take(&mut self.node_events)
    }

    pub(super) fn node_condition(&self, kind: &str) -> &str {
        let conditions = &self.node.as_ref().unwrap().status.as_ref().unwrap().conditions;
        conditions.iter().find(|it| it.r#type.as_deref() == Some(kind)).unwrap().status.as_deref().unwrap()
    }

    pub(super) fn all_pods(&self) -> Vec<core::Pod> {
        self.pods.values().map(Pod::to_object).collect()
    }

    pub(super) fn take_events(&mut self) -> Vec<Result<core::Pod, String>> {
        std::mem::take(&mut self.events)
    }

    fn changed(&mut self, name: &str) {
        self.events.push(Ok(self.pods[name].to_object()));
    }

    pub(super) fn answer(&mut self, request: &Request) -> Response {
        let path = request.path_and_query.split('?').next().unwrap();
        let method = request.method.as_str();
        let segments: Vec<&str> = path.split('/').filter(|it| !it.is_empty()).collect();
        match (method, segments.as_slice()) {
            ("GET", [.., "nodes", _]) => found("Node", self.node.as_ref()),
            ("POST", [.., "nodes"]) if self.node.is_none() => {
                let mut node: core::Node = wire::protobuf::decode(&request.body).unwrap();
                node.metadata.as_mut().unwrap().uid = Some("60a4ac38-2621-49c1-849c-d314db2232aa".to_owned());
                self.node = Some(node);
                self.node_changed();
                created("Node", self.node.as_ref().unwrap())
            }
            ("PATCH", [.., "nodes", _, "status"]) => self.patch_node(request),
            ("GET", [.., "csinodes", _]) => found("CSINode", self.csi_node.as_ref()),
            ("POST", [.., "csinodes"]) if self.csi_node.is_none() => {
                created("CSINode", self.csi_node.insert(wire::protobuf::decode(&request.body).unwrap()))
            }
            ("DELETE", [.., "csinodes", _]) => found("CSINode", self.csi_node.take().as_ref()),
            ("GET", [.., "leases", _]) => found("Lease", self.lease.as_ref()),
            ("POST", [.., "leases"]) if self.lease.is_none() => {
                self.write_lease(request, StatusCode::CREATED)
            }
            ("PUT", [.., "leases", _]) => self.replace_lease(request),
            ("GET", [.., "pods", name]) => found("Pod", self.pods.get(*name).map(Pod::to_object).as_ref()),
            ("PATCH", [.., "pods", name, "status"]) => self.patch_pod_status(name, request),
            ("DELETE", [.., "pods", name]) => self.delete_pod(name, request),
            ("POST", [.., "certificatesigningrequests"]) => {
                let mut asked: certificates::CertificateSigningRequest =
                    wire::protobuf::decode(&request.body).unwrap();
                asked.metadata.as_mut().unwrap().name = Some("csr-x".to_owned());
                created("CertificateSigningRequest", self.certificate_request.insert(asked))
            }
            ("POST", [.., "serviceaccounts", _, "token"] | ["apis", "events.k8s.io", .., "events"])
            | ("GET", [.., "persistentvolumes", _] | [.., "certificatesigningrequests"])
            | ("DELETE", [.., "resourceslices"]) => Self::refusal(200),
            ("GET", [.., "persistentvolumeclaims", _]) => {
                let spec = core::PersistentVolumeClaimSpec {
                    volume_name: Some("pv1".to_owned()),
                    ..Default::default()
                };
                let claim = core::PersistentVolumeClaim { spec: Some(spec), ..Default::default() };
                found("PersistentVolumeClaim", Some(&claim))
            }
            ("POST", [.., "events"]) => {
                let event: core::Event = wire::protobuf::decode(&request.body).unwrap();
                let is_new = self.noted.insert(event.metadata.unwrap().name.unwrap());
                Self::refusal(if is_new { 201 } else { 409 })
            }
            ("PATCH", [.., "events", name]) => {
                Self::refusal(if self.noted.contains(*name) { 200 } else { 404 })
            }
            ("POST", _) => Self::refusal(409),
            _ => panic!("{method} {path} is not served"),
        }
    }

    fn patch_node(&mut self, request: &Request) -> Response {
        let Some(node) = &mut self.node else { return Self::refusal(404) };
        let patch: Value = serde_json::from_slice(&request.body).unwrap();
        let status = node.status.as_mut().unwrap();
        let mut json = Map::from_iter([(
            "conditions".to_owned(),
            status.conditions.iter().map(super::render::node_condition).collect(),
        )]);
        if let Some(patch) = patch["status"].as_object() {
            apply(&mut json, patch);
        }
        status.conditions = json["conditions"].as_array().unwrap().iter().map(node_condition).collect();
        patch_beside_conditions(node, &patch);
        self.node_changed();
        found("Node", self.node.as_ref())
    }

    fn write_lease(&mut self, request: &Request, status: StatusCode) -> Response {
        let mut lease: coordination::Lease = wire::protobuf::decode(&request.body).unwrap();
        self.revision += 1;
        lease.metadata.as_mut().unwrap().resource_version = Some(self.revision.to_string());
        reply(status, "Lease", self.lease.insert(lease))
    }

    fn replace_lease(&mut self, request: &Request) -> Response {
        let version = |lease: &coordination::Lease| lease.metadata.clone().unwrap().resource_version;
        let Some(before) = &self.lease else { return Self::refusal(404) };
        if version(before) != version(&wire::protobuf::decode(&request.body).unwrap()) {
            return Self::refusal(409);
        }
        self.write_lease(request, StatusCode::OK)
    }

    /// Somebody else writes the lease.
    pub(super) fn touch_lease(&mut self) {
        self.revision += 1;
        let lease = self.lease.as_mut().unwrap();
        lease.metadata.as_mut().unwrap().resource_version = Some(self.revision.to_string());
    }

    fn patch_pod_status(&mut self, name: &str, request: &Request) -> Response {
        let Some(pod) = self.pods.get_mut(name) else { return Self::refusal(404) };
        let patch: Value = serde_json::from_slice(&request.body).unwrap();
        if patch["metadata"]["uid"] != pod.uid() {
            return Self::refusal(409);
        }
        apply(&mut pod.status, patch["status"].as_object().unwrap());
        let object = pod.to_object();
        self.changed(name);
        found("Pod", Some(&object))
    }

    fn delete_pod(&mut self, name: &str, request: &Request) -> Response {
        let options: meta::DeleteOptions = wire::protobuf::decode(&request.body).unwrap();
        let Some(pod) = self.pods.get(name) else { return Self::refusal(404) };
        if options.preconditions.unwrap().uid.as_deref() != Some(pod.uid()) {
            return Self::refusal(409);
        }
        let object = pod.to_object();
        self.delete_by_force(name);
        found("Pod", Some(&object))
    }
}

fn found<M: prost::Message>(kind: &str, object: Option<&M>) -> Response {
    object.map_or_else(|| Server::refusal(404), |object| reply(StatusCode::OK, kind, object))
}

fn created<M: prost::Message>(kind: &str, object: &M) -> Response {
    reply(StatusCode::CREATED, kind, object)
}

fn reply<M: prost::Message>(status: StatusCode, kind: &str, object: &M) -> Response {
    Response {
        status,
        body: wire::protobuf::encode("v1", kind, object),
        encoding: Encoding::Protobuf,
        retry_after: None,
    }
}

/// What a kubelet that finds a Node may find wrong with it, as far as tests have it wrong.
fn patch_beside_conditions(node: &mut core::Node, patch: &Value) {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let fields = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let labels = &mut node.metadata.as_mut().unwrap().labels;
    labels.extend(fields(&patch["metadata"]["labels"]).into_iter().filter_map(|(k, v)| Some((k, text(&v)?))));
    let status = node.status.as_mut().unwrap();
    for (key, resources) in [("capacity", &mut status.capacity), ("allocatable", &mut status.allocatable)] {
        for (name, quantity) in fields(&patch["status"][key]) {
            resources.insert(name, Quantity { string: text(&quantity) });
        }
    }
    if let Some(version) = text(&patch["status"]["nodeInfo"]["kubeletVersion"]) {
        status.node_info.as_mut().unwrap().kubelet_version = Some(version);
    }
    if let Some(addresses) = patch["status"]["addresses"].as_array() {
        let addresses = addresses.iter().filter(|it| it.get("$patch").is_none());
        let address =
            |it: &Value| core::NodeAddress { r#type: text(&it["type"]), address: text(&it["address"]) };
        status.addresses = addresses.map(address).collect();
    }
    if let Some(images) = patch["status"]["images"].as_array() {
        let image = |it: &Value| core::ContainerImage {
            names: it["names"].as_array().unwrap().iter().filter_map(text).collect(),
            size_bytes: it["sizeBytes"].as_i64(),
        };
        status.images = images.iter().map(image).collect();
    }
}

/// A strategic merge patch as far as statuses need it: conditions merge by type, in the order asked for.
fn apply(status: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (key, value) in patch.iter().filter(|(key, _)| !key.starts_with('$')) {
        match (status.get_mut(key), value) {
            (_, Value::Null) => drop(status.remove(key)),
            (Some(Value::Object(before)), Value::Object(patch)) => apply(before, patch),
            (Some(Value::Array(before)), Value::Array(items)) if key == "conditions" => {
                for item in items {
                    if item["$patch"] == "delete" {
                        before.retain(|before| before["type"] != item["type"]);
                        continue;
                    }
                    let mut item = item.as_object().unwrap().clone();
                    let known = before.iter_mut().find(|before| before["type"] == item["type"]);
                    if let Some(known) = known {
                        apply(known.as_object_mut().unwrap(), &item);
                    } else {
                        item.retain(|_, value| !value.is_null());
                        before.push(Value::Object(item));
                    }
                }
            }
            _ => drop(status.insert(key.clone(), value.clone())),
        }
    }
    if let (Some(Value::Array(order)), Some(Value::Array(items))) =
        (patch.get("$setElementOrder/conditions"), status.get_mut("conditions"))
    {
        items.sort_by_key(|item| order.iter().position(|it| it["type"] == item["type"]));
    }
}

pub(super) fn node_condition(condition: &Value) -> core::NodeCondition {
    core::NodeCondition {
        r#type: text(&condition["type"]),
        status: text(&condition["status"]),
        last_heartbeat_time: time(&condition["lastHeartbeatTime"]),
        last_transition_time: time(&condition["lastTransitionTime"]),
        reason: text(&condition["reason"]),
        message: text(&condition["message"]),
    }
}
