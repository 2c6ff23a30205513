//! `metav1.Status`: how an API server says no.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use serde::Deserialize;

use crate::{Encoding, protobuf};

/// A refusal, from an answer that is not 2xx or from an ERROR event of a watch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// HTTP status code.
    pub code: u16,
    /// The word programs look at, e.g. `AlreadyExists`; empty when the server gave none.
    pub reason: String,
    /// The sentence people read.
    pub message: String,
    /// Reasons of the single causes, e.g. `ResourceVersionTooLarge`.
    pub causes: Vec<String>,
    /// How long the server asks to wait before another try.
    pub retry_after: Option<Duration>,
}

impl Status {
    /// Reads a body, best effort: what is no `Status` becomes the message.
    pub fn parse(code: u16, encoding: Encoding, body: &Bytes) -> Self {
        let parsed = match encoding {
            Encoding::Protobuf => {
                protobuf::unwrap(body).ok().and_then(|raw| ProtobufStatus::decode(raw).ok()).map(Self::from)
            }
            Encoding::Text => None,
            _ => serde_json::from_slice::<JsonStatus>(body).ok().map(Self::from),
        };
        let mut status = parsed.unwrap_or_else(|| Self {
            message: String::from_utf8_lossy(body).trim().to_owned(),
            ..Self::default()
        });
        if status.code == 0 {
            status.code = code;
        }
        status
    }

    /// Reads a protobuf `Status` that stands without its envelope.
    pub(crate) fn parse_raw(raw: &Bytes) -> Self {
        ProtobufStatus::decode(raw.clone()).map(Self::from).unwrap_or_default()
    }

    /// The requested resource version is older than the server keeps (client-go `isExpiredError`).
    pub fn is_expired(&self) -> bool {
        matches!(self.reason.as_str(), "Expired" | "Gone") || (self.reason.is_empty() && self.code == 410)
    }

    /// The requested resource version is newer than the server knows (client-go `isTooLargeResourceVersionError`).
    pub fn is_resource_version_too_large(&self) -> bool {
        self.causes.iter().any(|cause| cause == "ResourceVersionTooLarge")
    }

    /// The server sheds load (429).
    pub fn is_too_many_requests(&self) -> bool {
        self.code == 429
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if !self.reason.is_empty() {
            write!(f, " {}", self.reason)?;
        }
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        Ok(())
    }
}

fn seconds(seconds: i32) -> Option<Duration> {
    u64::try_from(seconds).ok().filter(|&seconds| seconds > 0).map(Duration::from_secs)
}

/// The fields of `meta.v1.Status` that are used here.
#[derive(Clone, PartialEq, Message)]
struct ProtobufStatus {
    #[prost(string, tag = "3")]
    message: String,
    #[prost(string, tag = "4")]
    reason: String,
    #[prost(message, optional, tag = "5")]
    details: Option<ProtobufDetails>,
    #[prost(int32, tag = "6")]
    code: i32,
}

#[derive(Clone, PartialEq, Message)]
struct ProtobufDetails {
    #[prost(message, repeated, tag = "4")]
    causes: Vec<ProtobufCause>,
    #[prost(int32, tag = "5")]
    retry_after_seconds: i32,
}

#[derive(Clone, PartialEq, Message)]
struct ProtobufCause {
    #[prost(string, tag = "1")]
    reason: String,
}

impl From<ProtobufStatus> for Status {
    fn from(status: ProtobufStatus) -> Self {
        let details = status.details.unwrap_or_default();
        Self {
            code: u16::try_from(status.code).unwrap_or_default(),
            reason: status.reason,
            message: status.message,
            causes: details.causes.into_iter().map(|cause| cause.reason).collect(),
            retry_after: seconds(details.retry_after_seconds),
        }
    }
}

#[derive(Deserialize)]
struct JsonStatus {
    // A body without this kind is somebody else's JSON and stays a message.
    #[serde(rename = "kind")]
    _kind: StatusKind,
    #[serde(default)]
    code: u16,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    details: JsonDetails,
}

#[derive(Deserialize)]
enum StatusKind {
    Status,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct JsonDetails {
    causes: Vec<JsonCause>,
    retry_after_seconds: i32,
}

#[derive(Deserialize)]
struct JsonCause {
    #[serde(default)]
    reason: String,
}

impl From<JsonStatus> for Status {
    fn from(status: JsonStatus) -> Self {
        Self {
            code: status.code,
            reason: status.reason,
            message: status.message,
            causes: status.details.causes.into_iter().map(|cause| cause.reason).collect(),
            retry_after: seconds(status.details.retry_after_seconds),
        }
    }
}

#[cfg(test)]
mod tests;
