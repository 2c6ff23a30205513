//! Objects that have to be there, made where they are missing.

use serde_json::Value;
use wire::{Client, Encoding, Request};

/// Makes an object unless there is one of its name. Fails with what was tried and what the server said, or why it did not answer.
pub(crate) async fn ensure(
    admin: &Client,
    collection: &str,
    name: &str,
    object: &Value,
) -> Result<(), (&'static str, String)> {
    let get = Request::get(format!("{collection}/{name}")).accept(Encoding::Json);
    let found = admin.send(&get).await.map_err(|error| ("look for", error.to_string()))?;
    if found.is_success() {
        return Ok(());
    }
    let create =
        Request::post(collection.to_owned(), object.to_string(), Encoding::Json).accept(Encoding::Json);
    let made = admin.send(&create).await.map_err(|error| ("make", error.to_string()))?;
    // 409: somebody else has made it meanwhile, or it may be made and not be read.
    if made.is_success() || made.status == 409 {
        return Ok(());
    }
    Err(("make", made.status_error().to_string()))
}
