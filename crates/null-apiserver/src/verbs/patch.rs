//! PATCH: what a kubelet changes in a Node's and a Pod's status, labels and annotations of anything, and any field of an
//! object that is kept as JSON.

use http::{Response, StatusCode};
use k8s_pb::api::core::v1::{Node, Pod};
use k8s_pb::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Map, Value};

use super::Call;
use crate::answer::{self, Body};
use crate::json;
use crate::refusal::Refusal;
use crate::stored::{Content, Stored};

pub(crate) fn patch(call: &Call<'_>) -> Result<Response<Body>, Refusal> {
    let patch = call.body_json()?;
    let mut store = call.store();
    let before = call.existing(&store)?;
    if let Some(uid) = patch["metadata"]["uid"].as_str().filter(|uid| *uid != before.uid()) {
        let why =
            format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {}", before.uid());
        return Err(Refusal::conflict(call.target.resource, call.name()?, &why));
    }
    let after = apply(&before, &patch);
    let mut metadata = after.metadata.clone();
    merge_strings(&mut metadata.labels, &patch["metadata"]["labels"]);
    merge_strings(&mut metadata.annotations, &patch["metadata"]["annotations"]);
    if let Some(finalizers) = patch["metadata"]["finalizers"].as_array() {
        metadata.finalizers = finalizers.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    }
    let stored = store.write(&after.with_metadata(metadata));
    Ok(answer::object(StatusCode::OK, &stored, call.accept))
}

fn apply(before: &Stored, patch: &Value) -> Stored {
    if let Some(mut pod) = before.typed::<Pod>() {
        json::patch_pod(&mut pod, &patch["status"]);
        return Stored::of(&pod);
    }
    if let Some(mut node) = before.typed::<Node>() {
        json::patch_node(&mut node, &patch["status"]);
        if let Some(spec) = node.spec.as_mut() {
            spec.unschedulable = patch["spec"]["unschedulable"].as_bool().or(spec.unschedulable);
        }
        return Stored::of(&node);
    }
    let content = match &before.content {
        Content::Json(fields) => {
            let mut fields = fields.clone();
            let mut rest = patch.clone();
            if let Some(rest) = rest.as_object_mut() {
                rest.remove("metadata");
            }
            merge(&mut fields, &rest);
            Content::Json(fields)
        }
        content @ Content::Protobuf(_) => content.clone(),
    };
    Stored::new(before.resource, ObjectMeta::clone(&before.metadata), content)
}

/// RFC 7386, which is what strategic merge comes to where no list has a merge key.
fn merge(fields: &mut Map<String, Value>, patch: &Value) {
    for (key, value) in patch.as_object().into_iter().flatten() {
        match value {
            Value::Null => {
                fields.remove(key);
            }
            Value::Object(_) => {
                let slot = fields.entry(key.clone()).or_insert_with(|| Value::Object(Map::new()));
                if !slot.is_object() {
                    *slot = Value::Object(Map::new());
                }
                if let Value::Object(inner) = slot {
                    merge(inner, value);
                }
            }
            _ => {
                fields.insert(key.clone(), value.clone());
            }
        }
    }
}

fn merge_strings(map: &mut std::collections::BTreeMap<String, String>, patch: &Value) {
    for (key, value) in patch.as_object().into_iter().flatten() {
        match value.as_str() {
            Some(text) => map.insert(key.clone(), text.to_owned()),
            None => map.remove(key),
        };
    }
}
