//! PUT: the object or its status, if nobody else was faster.

use http::{Response, StatusCode};

use super::Call;
use crate::answer::{self, Body};
use crate::refusal::Refusal;

pub(crate) fn replace(call: &Call<'_>) -> Result<Response<Body>, Refusal> {
    let object = call.body_object()?;
    let mut store = call.store();
    let before = call.existing(&store)?;
    let asked = object.resource_version();
    if !asked.is_empty() && asked != before.resource_version() {
        return Err(Refusal::conflict(
            call.target.resource,
            call.name()?,
            "the object has been modified; please apply your changes to the latest version and try again",
        ));
    }
    // What a client cannot change stays as it was.
    let mut metadata = object.metadata.clone();
    metadata.uid.clone_from(&before.metadata.uid);
    metadata.creation_timestamp = before.metadata.creation_timestamp;
    metadata.deletion_timestamp = before.metadata.deletion_timestamp;
    metadata.deletion_grace_period_seconds = before.metadata.deletion_grace_period_seconds;
    let stored = store.write(&object.with_metadata(metadata));
    Ok(answer::object(StatusCode::OK, &stored, call.accept))
}
