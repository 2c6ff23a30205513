//! JSON for objects that are kept as protobuf, as far as tests read it: all of the metadata, and the main fields of Pod,
//! Node and Lease. Other kinds that came as JSON are kept as they came.

mod lease;
mod node;
mod pod;
pub(crate) mod read;

use bytes::Bytes;
use k8s_pb::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use prost::Message;
use serde_json::{Map, Value, json};

use self::read::{integer, strings, text, time};
use crate::moment;
use crate::resource::Resource;
use crate::stored::{Content, Stored};

pub(crate) use self::node::patch as patch_node;
pub(crate) use self::pod::patch as patch_pod;

/// The message, without metadata, of a JSON object whose kind is understood.
pub(crate) fn to_message(resource: &Resource, fields: &Map<String, Value>) -> Option<Bytes> {
    Some(match resource.kind {
        "Pod" => pod::read(fields).encode_to_vec().into(),
        "Node" => node::read(fields).encode_to_vec().into(),
        "Lease" => lease::read(fields).encode_to_vec().into(),
        _ => return None,
    })
}

/// The whole object as JSON.
pub(crate) fn render(stored: &Stored) -> Value {
    let mut fields = match &stored.content {
        Content::Json(fields) => fields.clone(),
        Content::Protobuf(rest) => match stored.resource.kind {
            "Pod" => pod::render(rest),
            "Node" => node::render(rest),
            "Lease" => lease::render(rest),
            _ => Map::new(),
        },
    };
    fields.insert("apiVersion".to_owned(), stored.resource.api_version.into());
    fields.insert("kind".to_owned(), stored.resource.kind.into());
    fields.insert("metadata".to_owned(), render_metadata(&stored.metadata));
    Value::Object(fields)
}

/// Its metadata as an object of its own.
pub(crate) fn render_partial(stored: &Stored) -> Value {
    let metadata = render_metadata(&stored.metadata);
    json!({ "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": metadata })
}

/// `metadata` of a JSON object.
pub(crate) fn read_metadata(value: &Value) -> ObjectMeta {
    let owners = value["ownerReferences"].as_array().map(Vec::as_slice).unwrap_or_default();
    ObjectMeta {
        name: text(&value["name"]),
        generate_name: text(&value["generateName"]),
        namespace: text(&value["namespace"]),
        uid: text(&value["uid"]),
        resource_version: text(&value["resourceVersion"]),
        generation: integer(&value["generation"]),
        creation_timestamp: time(&value["creationTimestamp"]),
        deletion_timestamp: time(&value["deletionTimestamp"]),
        deletion_grace_period_seconds: integer(&value["deletionGracePeriodSeconds"]),
        labels: strings(&value["labels"]),
        annotations: strings(&value["annotations"]),
        finalizers: value["finalizers"].as_array().into_iter().flatten().filter_map(text).collect(),
        owner_references: owners
            .iter()
            .map(|owner| OwnerReference {
                api_version: text(&owner["apiVersion"]),
                kind: text(&owner["kind"]),
                name: text(&owner["name"]),
                uid: text(&owner["uid"]),
                controller: owner["controller"].as_bool(),
                block_owner_deletion: owner["blockOwnerDeletion"].as_bool(),
            })
            .collect(),
        ..ObjectMeta::default()
    }
}

fn render_metadata(metadata: &ObjectMeta) -> Value {
    let owners: Vec<Value> = metadata
        .owner_references
        .iter()
        .map(|owner| {
            compact(json!({
                "apiVersion": owner.api_version, "kind": owner.kind, "name": owner.name, "uid": owner.uid,
                "controller": owner.controller, "blockOwnerDeletion": owner.block_owner_deletion,
            }))
        })
        .collect();
    compact(json!({
        "name": metadata.name,
        "generateName": metadata.generate_name,
        "namespace": metadata.namespace,
        "uid": metadata.uid,
        "resourceVersion": metadata.resource_version,
        "generation": metadata.generation,
        "creationTimestamp": metadata.creation_timestamp.and_then(moment::render),
        "deletionTimestamp": metadata.deletion_timestamp.and_then(moment::render),
        "deletionGracePeriodSeconds": metadata.deletion_grace_period_seconds,
        "labels": metadata.labels,
        "annotations": metadata.annotations,
        "finalizers": metadata.finalizers,
        "ownerReferences": owners,
    }))
}

/// Leaves out what Go's `omitempty` leaves out.
pub(crate) fn compact(value: Value) -> Value {
    let Value::Object(fields) = value else { return value };
    let empty = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    };
    Value::Object(fields.into_iter().filter(|(_, value)| !empty(value)).collect())
}

/// An object from `json!`.
pub(crate) fn object(value: Value) -> Map<String, Value> {
    match compact(value) {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests;
