//! GET of an object and of a list, whole or of their metadata alone.

use http::{Response, StatusCode};

use super::Call;
use crate::answer::{self, Body};
use crate::refusal::Refusal;

pub(crate) fn read(call: &Call<'_>) -> Result<Response<Body>, Refusal> {
    let store = call.store();
    if call.target.name.is_some() {
        let object = call.existing(&store)?;
        if call.metadata_only() {
            return Ok(answer::metadata(&object));
        }
        return Ok(answer::object(StatusCode::OK, &object, call.accept));
    }
    let version = call.resource_version()?;
    if let Some(asked) = version.filter(|&asked| asked > store.revision()) {
        return Err(Refusal::too_large_resource_version(asked, store.revision()));
    }
    // The watch cache answers a list from version 0 whole, whatever its limit.
    let limit = call.parameter("limit").and_then(|limit| limit.parse().ok());
    let whole = version == Some(0) && store.has_watch_cache();
    let limit = limit.filter(|&limit: &usize| limit > 0 && !whole);
    let after = call.parameter("continue").unwrap_or_default();
    let page = store.list(call.target.resource, &call.selection(), limit, &after);
    if call.metadata_only() {
        return Ok(answer::metadata_list(&page));
    }
    Ok(answer::list(call.target.resource, &page, call.accept))
}
