//! What a server answered.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;

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
    pub(crate) fn new(status: StatusCode, headers: &HeaderMap, body: Bytes) -> Self {
        Self {
            status,
            body,
            encoding: Encoding::of_content_type(headers.get(header::CONTENT_TYPE)),
            retry_after: retry_after(headers),
        }
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

/// `Retry-After` as whole seconds: an API server sends no dates.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_header_says_how_long_to_wait_and_the_body_if_there_is_none() {
        let body = Bytes::from_static(br#"{"kind":"Status","code":429,"details":{"retryAfterSeconds":1}}"#);
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, Encoding::Json.content_type());
        let wait = |headers: &HeaderMap| {
            let response = Response::new(StatusCode::TOO_MANY_REQUESTS, headers, body.clone());
            response.status_error().retry_after
        };
        assert_eq!(wait(&headers), Some(Duration::from_secs(1)));
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("3"));
        assert_eq!(wait(&headers), Some(Duration::from_secs(3)));
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("Fri, 31 Dec 1999 23:59:59 GMT"));
        assert_eq!(wait(&headers), Some(Duration::from_secs(1)));
    }
}
