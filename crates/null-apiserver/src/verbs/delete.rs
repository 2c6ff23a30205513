//! DELETE: at once, a namespace with all that is in it, or for a pod on a node with the grace that lets its kubelet end it.

use http::{Response, StatusCode};
use k8s_pb::api::core::v1::Pod;
use k8s_pb::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Preconditions};
use wire::Encoding;

use super::Call;
use crate::answer::{self, Body};
use crate::moment;
use crate::refusal::Refusal;
use crate::stored::Stored;

pub(crate) fn delete(call: &Call<'_>) -> Result<Response<Body>, Refusal> {
    let options = options(call)?;
    let mut store = call.store();
    if call.target.name.is_none() {
        let page = store.list(call.target.resource, &call.selection(), None, "");
        for object in &page.objects {
            store.remove(call.target.resource, object.namespace(), object.name());
        }
        return Ok(answer::list(call.target.resource, &page, call.accept));
    }
    let before = call.existing(&store)?;
    let wanted = options.preconditions.and_then(|preconditions| preconditions.uid);
    if let Some(uid) = wanted.filter(|uid| uid != before.uid()) {
        let why =
            format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {}", before.uid());
        return Err(Refusal::conflict(call.target.resource, call.name()?, &why));
    }
    if before.resource.kind == "Namespace" {
        // By a controller, elsewhere; here it is gone at once.
        store.empty(before.name());
    }
    let grace = grace_period(&before, options.grace_period_seconds);
    let after = if grace == 0 {
        store.remove(before.resource, before.namespace(), before.name())
    } else if before.metadata.deletion_grace_period_seconds.is_some_and(|running| running <= grace) {
        // It is being deleted already, and no later than asked.
        Some(before)
    } else {
        let mut metadata = before.metadata.clone();
        metadata.deletion_timestamp = Some(moment::after_seconds(grace));
        metadata.deletion_grace_period_seconds = Some(grace);
        metadata.generation = metadata.generation.map(|generation| generation + 1);
        Some(store.write(&before.with_metadata(metadata)))
    };
    let after = after.ok_or_else(|| {
        Refusal::not_found(call.target.resource, call.target.name.as_deref().unwrap_or_default())
    })?;
    Ok(answer::object(StatusCode::OK, &after, call.accept))
}

/// Seconds of grace (pkg/registry/core/pod/strategy.go `CheckGracefulDelete`): none but for a pod that is bound and not
/// finished.
fn grace_period(object: &Stored, asked: Option<i64>) -> i64 {
    let Some(pod) = object.typed::<Pod>() else { return 0 };
    let spec = pod.spec.unwrap_or_default();
    let phase = pod.status.and_then(|status| status.phase).unwrap_or_default();
    let unbound = spec.node_name.is_none_or(|name| name.is_empty());
    if unbound || matches!(phase.as_str(), "Failed" | "Succeeded") {
        return 0;
    }
    asked.or(spec.termination_grace_period_seconds).unwrap_or(30).max(0)
}

fn options(call: &Call<'_>) -> Result<DeleteOptions, Refusal> {
    let mut options = match call.content() {
        _ if call.request.body.is_empty() => DeleteOptions::default(),
        Encoding::Protobuf => call.body_message()?,
        _ => {
            let body = call.body_json()?;
            DeleteOptions {
                grace_period_seconds: body["gracePeriodSeconds"].as_i64(),
                preconditions: body["preconditions"]["uid"]
                    .as_str()
                    .map(|uid| Preconditions { uid: Some(uid.to_owned()), resource_version: None }),
                ..DeleteOptions::default()
            }
        }
    };
    if let Some(seconds) = call.parameter("gracePeriodSeconds").and_then(|text| text.parse().ok()) {
        options.grace_period_seconds = Some(seconds);
    }
    Ok(options)
}
