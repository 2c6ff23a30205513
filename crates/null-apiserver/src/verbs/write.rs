//! POST: creation, the binding of a pod, and tokens.

use http::{Response, StatusCode};
use k8s_pb::api::core::v1::{Binding, Pod, PodSpec, PodStatus};
use wire::Encoding;

use super::{Call, token};
use crate::answer::{self, Body};
use crate::binding::bound_to;
use crate::refusal::Refusal;
use crate::resource::Resource;
use crate::server::Shared;
use crate::store::Store;
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
    let mut store = call.store();
    let stored = store.create(&object)?;
    if call.shared.config.bind_pods && stored.resource.kind == "Pod" {
        store.bind(&stored);
    }
    if call.shared.config.default_accounts && stored.resource.kind == "Namespace" {
        create_default_account(&mut store, stored.name());
    }
    drop(store);
    Ok(answer::object(StatusCode::CREATED, &stored, call.accept))
}

/// What the controller-manager does (`pkg/controller/serviceaccount`, `syncNamespace`).
fn create_default_account(store: &mut Store, namespace: &str) {
    let account = serde_json::json!({ "metadata": { "name": "default", "namespace": namespace } });
    let resource = Resource::named("v1", "serviceaccounts");
    if let Some(account) = resource.and_then(|resource| Stored::from_json(resource, account)) {
        // There it is already if somebody was faster.
        let _ = store.create(&account);
    }
}

/// What the scheduler does (pkg/registry/core/pod/storage `assignPod`).
fn bind(call: &Call<'_>) -> Result<Response<Body>, Refusal> {
    let node = match call.content() {
        Encoding::Protobuf => call.body_message::<Binding>()?.target.and_then(|target| target.name),
        _ => call.body_json()?["target"]["name"].as_str().map(str::to_owned),
    };
    let mut store = call.store();
    let existing = call.existing(&store)?;
    let Some(pod) = bound_to(&existing, &node.unwrap_or_default()) else {
        let why = "pod is already assigned to a node";
        return Err(Refusal::conflict(call.target.resource, call.name()?, why));
    };
    store.write(&pod);
    let success = serde_json::json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201 });
    Ok(answer::whole(StatusCode::CREATED, Encoding::Json, success.to_string().into()))
}
