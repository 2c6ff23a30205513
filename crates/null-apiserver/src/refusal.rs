//! How the server says no, in the words of apimachinery `pkg/api/errors`.

use std::time::Duration;

use k8s_pb::apimachinery::pkg::apis::meta::v1::{Status, StatusCause, StatusDetails};
use serde_json::json;

use crate::resource::Resource;

/// An answer that is not 2xx, or the object of an ERROR event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status code.
    pub code: u16,
    /// The word programs look at.
    pub reason: String,
    /// The sentence people read.
    pub message: String,
    /// Reason of a single cause, e.g. `ResourceVersionTooLarge`.
    pub cause: Option<String>,
    /// `Retry-After`, in whole seconds.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// A refusal with a code, a reason and a message.
    pub fn new(code: u16, reason: &str, message: impl Into<String>) -> Self {
        Self { code, reason: reason.to_owned(), message: message.into(), cause: None, retry_after: None }
    }

    /// 429, with `Retry-After` if it is given.
    pub fn too_many_requests(retry_after: Option<Duration>) -> Self {
        Self {
            retry_after,
            ..Self::new(
                429,
                "TooManyRequests",
                "the server has received too many requests and has asked us to try again later",
            )
        }
    }

    /// 410: the resource version is older than the server keeps.
    pub fn expired() -> Self {
        Self::new(410, "Expired", "too old resource version")
    }

    pub(crate) fn too_large_resource_version(asked: u64, current: u64) -> Self {
        Self {
            cause: Some("ResourceVersionTooLarge".to_owned()),
            retry_after: Some(Duration::from_secs(1)),
            ..Self::new(504, "Timeout", format!("Too large resource version: {asked}, current: {current}"))
        }
    }

    pub(crate) fn not_found(resource: &Resource, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{} {name:?} not found", qualified(resource)))
    }

    pub(crate) fn no_such_path() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource")
    }

    pub(crate) fn already_exists(resource: &Resource, name: &str) -> Self {
        Self::new(409, "AlreadyExists", format!("{} {name:?} already exists", qualified(resource)))
    }

    pub(crate) fn conflict(resource: &Resource, name: &str, why: &str) -> Self {
        let what = qualified(resource);
        Self::new(409, "Conflict", format!("Operation cannot be fulfilled on {what} {name:?}: {why}"))
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(crate) fn method_not_allowed() -> Self {
        Self::new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
    }

    pub(crate) fn to_json(&self) -> serde_json::Value {
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code,
            "details": {
                "causes": self.cause.iter().map(|reason| json!({ "reason": reason })).collect::<Vec<_>>(),
                "retryAfterSeconds": self.retry_after.map_or(0, |wait| wait.as_secs()),
            },
        })
    }

    pub(crate) fn to_message(&self) -> Status {
        Status {
            status: Some("Failure".to_owned()),
            message: Some(self.message.clone()),
            reason: Some(self.reason.clone()),
            code: Some(i32::from(self.code)),
            details: Some(StatusDetails {
                causes: self
                    .cause
                    .iter()
                    .map(|reason| StatusCause { reason: Some(reason.clone()), ..StatusCause::default() })
                    .collect(),
                retry_after_seconds: self.retry_after.and_then(|wait| i32::try_from(wait.as_secs()).ok()),
                ..StatusDetails::default()
            }),
            ..Status::default()
        }
    }
}

fn qualified(resource: &Resource) -> String {
    match resource.group() {
        "" => resource.plural.to_owned(),
        group => format!("{}.{group}", resource.plural),
    }
}
