//! GET with `watch=true`.

use std::time::Duration;

use http::{HeaderValue, Response, StatusCode, header};
use tokio::sync::mpsc;
use wire::Encoding;

use super::Call;
use crate::answer::{self, Body};
use crate::refusal::Refusal;
use crate::watch::{self, Plan, Start, Watching};

/// A watch without `timeoutSeconds` lasts 30-60 min on a real server; here the shorter of that.
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(30);

pub(crate) fn watch(call: &Call<'_>, plan: Plan) -> Result<Response<Body>, Refusal> {
    let resource = call.target.resource;
    let mut selection = call.selection();
    if let Some(name) = &call.target.name {
        // The old way to watch one object.
        selection.fields.extend(crate::select::Requirement::parse_all(&format!("metadata.name={name}")));
    }
    let version = call.resource_version()?;
    let initial_events = call.flag("sendInitialEvents");
    let mut store = call.store();
    let revision = store.revision();
    if initial_events {
        if call.parameter("resourceVersionMatch").as_deref() != Some("NotOlderThan") {
            let message = "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
            return Err(Refusal::new(422, "Invalid", message));
        }
        if let Some(asked) = version.filter(|&asked| asked > revision) {
            return Err(Refusal::too_large_resource_version(asked, revision));
        }
    }
    // Without a version, or at 0, a watch begins with what there is, in no order of version.
    let start = match version {
        Some(version) if version > 0 && !initial_events => {
            if store.has_forgotten(resource, version) {
                Start::Expired
            } else {
                Start::After
            }
        }
        _ => Start::Snapshot(store.list(resource, &selection, None, "").objects),
    };
    let seen = match &start {
        Start::After => version.unwrap_or(revision),
        Start::Snapshot(_) | Start::Expired => revision,
    };
    let (missed, notices) = store.watch(resource, &selection, seen);
    drop(store);

    let timeout =
        call.parameter("timeoutSeconds").and_then(|text| text.parse().ok()).map(Duration::from_secs);
    let encoding = call.accept;
    let watching = Watching {
        shared: call.shared.clone(),
        resource,
        selection,
        encoding,
        bookmarks: call.flag("allowWatchBookmarks"),
        initial_events,
        start,
        revision,
        missed,
        notices,
        timeout: timeout.unwrap_or(DEFAULT_TIMEOUT),
        plan,
    };
    let (sender, receiver) = mpsc::channel(16);
    tokio::spawn(watch::run(watching, sender));
    let mut response = answer::whole(StatusCode::OK, encoding, bytes::Bytes::new());
    *response.body_mut() = Body::Stream(receiver);
    if encoding == Encoding::Protobuf {
        let value = HeaderValue::from_static("application/vnd.kubernetes.protobuf;stream=watch");
        response.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    Ok(response)
}
