//! What can be done to objects: one file for each verb.

mod delete;
mod patch;
mod read;
mod replace;
mod review;
mod token;
mod watch;
mod write;

use std::sync::{Arc, MutexGuard};

use bytes::Bytes;
use prost::Message;
use serde_json::Value;
use wire::Encoding;

pub(crate) use self::delete::delete;
pub(crate) use self::patch::patch;
pub(crate) use self::read::read;
pub(crate) use self::replace::replace;
pub(crate) use self::review::review;
pub(crate) use self::watch::watch;
pub(crate) use self::write::post;
use crate::log::Logged;
use crate::query;
use crate::refusal::Refusal;
use crate::resource::Target;
use crate::select::{Requirement, Selection};
use crate::server::{Shared, lock};
use crate::store::Store;
use crate::stored::Stored;

/// A request whose path was understood.
pub(crate) struct Call<'a> {
    pub(crate) shared: &'a Arc<Shared>,
    pub(crate) request: &'a Logged,
    pub(crate) target: Target,
    pub(crate) accept: Encoding,
}

impl Call<'_> {
    fn store(&self) -> MutexGuard<'_, Store> {
        lock(&self.shared.store)
    }

    fn parameter(&self, name: &str) -> Option<String> {
        query::parameter(&self.request.query, name).filter(|value| !value.is_empty())
    }

    fn flag(&self, name: &str) -> bool {
        query::flag(&self.request.query, name)
    }

    /// Whether the client wants `PartialObjectMetadata` (apiserver `pkg/endpoints/handlers/response.go`).
    fn metadata_only(&self) -> bool {
        self.request.accept().contains("as=PartialObjectMetadata")
    }

    /// The object's name, where one is needed.
    fn name(&self) -> Result<&str, Refusal> {
        self.target.name.as_deref().ok_or_else(Refusal::method_not_allowed)
    }

    /// The object that the path names.
    fn existing(&self, store: &Store) -> Result<Arc<Stored>, Refusal> {
        let (resource, name) = (self.target.resource, self.name()?);
        store.get(resource, &self.target.namespace, name).ok_or_else(|| Refusal::not_found(resource, name))
    }

    fn selection(&self) -> Selection {
        let requirements =
            |name| self.parameter(name).map(|text| Requirement::parse_all(&text)).unwrap_or_default();
        Selection {
            namespace: self.target.namespace.clone(),
            fields: requirements("fieldSelector"),
            labels: requirements("labelSelector"),
        }
    }

    /// `resourceVersion`; an empty one is none.
    fn resource_version(&self) -> Result<Option<u64>, Refusal> {
        let parse = |text: String| {
            text.parse().map_err(|_| Refusal::bad_request(format!("invalid resource version {text:?}")))
        };
        self.parameter("resourceVersion").map(parse).transpose()
    }

    fn content(&self) -> Encoding {
        Encoding::of_content_type(self.request.headers.get(http::header::CONTENT_TYPE))
    }

    /// The object in the body.
    fn body_object(&self) -> Result<Stored, Refusal> {
        let object = match self.content() {
            Encoding::Protobuf => Stored::from_protobuf(self.target.resource, &self.unwrapped_body()?),
            _ => Stored::from_json(self.target.resource, self.body_json()?),
        };
        let object = object.ok_or_else(|| Refusal::bad_request("the body is no object of this kind"))?;
        let mut metadata = object.metadata.clone();
        if self.target.resource.namespaced {
            metadata.namespace = Some(self.target.namespace.clone());
        }
        Ok(object.with_metadata(metadata))
    }

    /// A typed body in protobuf.
    fn body_message<M: Message + Default>(&self) -> Result<M, Refusal> {
        M::decode(self.unwrapped_body()?).map_err(|error| Refusal::bad_request(error.to_string()))
    }

    fn body_json(&self) -> Result<Value, Refusal> {
        serde_json::from_slice(&self.request.body).map_err(|error| Refusal::bad_request(error.to_string()))
    }

    fn unwrapped_body(&self) -> Result<Bytes, Refusal> {
        wire::protobuf::unwrap(&self.request.body).map_err(|error| Refusal::bad_request(error.to_string()))
    }
}
