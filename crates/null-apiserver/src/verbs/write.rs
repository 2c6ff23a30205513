//! POST: creation, the binding of a pod, and tokens.

use http::{Response, StatusCode};
use k8s_pb::api::core::v1::{Binding, Pod, PodCondition, PodSpec, PodStatus};
use wire::Encoding;

use super::{Call, token};
use crate::answer::{self, Body};
use crate::moment;
use crate::refusal::Refusal;
use crate::server::Shared;
use crate::stored::Stored;

pub(crate) fn post(call: &Call<'_>) -> Result<Response<Body>, Refusal> {
    match (call.target.resource.kind, call.target.subresource.as_str()) {
        (_, "") if call.target.name.is_none() => create(call),
        ("Pod", "binding") => bind(call),
        ("ServiceAccount", "token") => token::request(call),
        _ => Err(Refusal::method_not_allowed()),
    }
}

fn create(call: &Call<'_>) -> Result<Response<Body>, Refusal> {
    if !Shared::known(call.target.resource, &call.target.namespace) {
        return Err(Refusal::method_not_allowed());
    }
    let mut object = call.body_object()?;
    if let Some(mut pod) = object.typed::<Pod>() {
        let status = pod.status.get_or_insert_with(PodStatus::default);
        status.phase.get_or_insert_with(|| "Pending".to_owned());
        let spec = pod.spec.get_or_insert_with(PodSpec::default);
        spec.termination_grace_period_seconds.get_or_insert(30);
        object = Stored::of(&pod);
    }
    let stored = call.store().create(&object)?;
    Ok(answer::object(StatusCode::CREATED, &stored, call.accept))
}

/// What the scheduler does (pkg/registry/core/pod/storage `assignPod`).
fn bind(call: &Call<'_>) -> Result<Response<Body>, Refusal> {
    let node = match call.content() {
        Encoding::Protobuf => call.body_message::<Binding>()?.target.and_then(|target| target.name),
        _ => call.body_json()?["target"]["name"].as_str().map(str::to_owned),
    };
    let mut store = call.store();
    let existing = call.existing(&store)?;
    let mut pod: Pod = existing.typed().unwrap_or_default();
    let spec = pod.spec.get_or_insert_with(PodSpec::default);
    if spec.node_name.as_deref().is_some_and(|name| !name.is_empty()) {
        return Err(Refusal::conflict(
            call.target.resource,
            call.name()?,
            "pod is already assigned to a node",
        ));
    }
    spec.node_name = node;
    pod.status.get_or_insert_with(PodStatus::default).conditions.push(PodCondition {
        r#type: Some("PodScheduled".to_owned()),
        status: Some("True".to_owned()),
        last_transition_time: Some(moment::now()),
        ..PodCondition::default()
    });
    store.write(&Stored::of(&pod));
    let success = serde_json::json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201 });
    Ok(answer::whole(StatusCode::CREATED, Encoding::Json, success.to_string().into()))
}
