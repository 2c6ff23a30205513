//! What a client asks.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::Method;

use crate::Encoding;

/// Longest a request takes unless it says otherwise: the API server's own `--request-timeout`.
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(1);

/// One request. It is sent as it stands: nothing is added to its path, and a body is never re-encoded.
#[derive(Clone, Debug)]
pub struct Request {
    /// HTTP method.
    pub method: Method,
    /// Path and query, percent-encoded, e.g. `/api/v1/nodes/n-1?timeout=10s`.
    pub path_and_query: String,
    /// The body; empty for none, and then no `Content-Type` is sent.
    pub body: Bytes,
    /// Encoding of the body.
    pub content: Encoding,
    /// Encoding asked for.
    pub accept: Encoding,
    /// Whether the answer may come compressed, as Go's clients ask unless told otherwise.
    pub gzip: bool,
    /// The whole exchange must be over within this time, a dial included; for a watch, its headers must have come.
    pub timeout: Duration,
}

impl Request {
    /// A request without a body that accepts protobuf, with a timeout of 60 s.
    pub fn new(method: Method, path_and_query: impl Into<String>) -> Self {
        Self {
            method,
            path_and_query: path_and_query.into(),
            body: Bytes::new(),
            content: Encoding::Protobuf,
            accept: Encoding::Protobuf,
            gzip: true,
            timeout: DEFAULT_TIMEOUT,
        }
    }

    /// A GET.
    pub fn get(path_and_query: impl Into<String>) -> Self {
        Self::new(Method::GET, path_and_query)
    }

    /// A POST.
    pub fn post(path_and_query: impl Into<String>, body: impl Into<Bytes>, content: Encoding) -> Self {
        Self::new(Method::POST, path_and_query).body(body, content)
    }

    /// A PUT.
    pub fn put(path_and_query: impl Into<String>, body: impl Into<Bytes>, content: Encoding) -> Self {
        Self::new(Method::PUT, path_and_query).body(body, content)
    }

    /// A PATCH whose body is a strategic merge patch in JSON.
    pub fn patch_strategic(path_and_query: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self::new(Method::PATCH, path_and_query).body(body, Encoding::StrategicMergePatch)
    }

    /// A PATCH whose body is a JSON merge patch (RFC 7386).
    pub fn patch_merge(path_and_query: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self::new(Method::PATCH, path_and_query).body(body, Encoding::MergePatch)
    }

    /// A DELETE without options; give it a body of `DeleteOptions` for a grace period or preconditions.
    pub fn delete(path_and_query: impl Into<String>) -> Self {
        Self::new(Method::DELETE, path_and_query)
    }

    /// Sets the body and its encoding.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>, content: Encoding) -> Self {
        self.body = body.into();
        self.content = content;
        self
    }

    /// Sets the encoding asked for.
    #[must_use]
    pub fn accept(mut self, accept: Encoding) -> Self {
        self.accept = accept;
        self
    }

    /// Sets whether the answer may come compressed.
    #[must_use]
    pub fn gzip(mut self, gzip: bool) -> Self {
        self.gzip = gzip;
        self
    }

    /// Sets the timeout.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

/// Method and path, as errors name a request.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path_and_query)
    }
}
