//! What a server answered.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde::de::DeserializeOwned;

use crate::http2::Head;
use crate::{Encoding, Error, Status, protobuf};

/// A complete answer, whatever its status.
#[derive(Clone, Debug)]
pub struct Response {
    /// HTTP status.
    pub status: StatusCode,
    /// The whole body.
    pub body: Bytes,
    /// Encoding of the body, from `Content-Type`.
    pub encoding: Encoding,
    /// `Retry-After` in seconds, if the server sent one.
    pub retry_after: Option<Duration>,
}

impl Response {
    pub(crate) fn new(head: Head, body: Bytes) -> Self {
        let Head { status, encoding, retry_after, .. } = head;
        Self { status, body, encoding, retry_after }
    }

    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        self.status.is_success()
    }

    /// Decodes an enveloped protobuf body.
    pub fn decode<M: prost::Message + Default>(&self) -> Result<M, Error> {
        M::decode(protobuf::unwrap(&self.body)?).map_err(|error| Error::decode("a protobuf object", &error))
    }

    /// Decodes a JSON body.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| Error::decode("a JSON body", &error))
    }

    /// The refusal in the body, best effort, in either encoding.
    pub fn status_error(&self) -> Status {
        let mut status = Status::parse(self.status.as_u16(), self.encoding, &self.body);
        // The header is what client-go obeys (rest/with_retry.go), so it goes before the body's.
        status.retry_after = self.retry_after.or(status.retry_after);
        status
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_says_how_long_to_wait_and_the_body_if_there_is_none() {
        let body = Bytes::from_static(br#"{"kind":"Status","code":429,"details":{"retryAfterSeconds":1}}"#);
        let head = Head { encoding: Encoding::Json, ..Head::new(StatusCode::TOO_MANY_REQUESTS) };
        let wait = |retry_after| {
            Response::new(Head { retry_after, ..head }, body.clone()).status_error().retry_after
        };
        assert_eq!(wait(None), Some(Duration::from_secs(1)));
        assert_eq!(wait(Some(Duration::from_secs(3))), Some(Duration::from_secs(3)));
    }
}
