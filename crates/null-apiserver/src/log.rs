//! What was asked, so that a test can look at it.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, header};

/// Who is at the other end of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// Number of the connection, from 1 in order of arrival.
    pub connection: u64,
    /// Common name of the client certificate.
    pub common_name: Option<String>,
    /// Organizations of the client certificate: the groups.
    pub organizations: Vec<String>,
}

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Logged {
    /// Who asked, and on which connection.
    pub peer: Peer,
    /// HTTP method.
    pub method: Method,
    /// Path without the query.
    pub path: String,
    /// Query without the question mark; empty if there is none.
    pub query: String,
    /// All headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl Logged {
    /// Path and query as they were sent.
    pub fn path_and_query(&self) -> String {
        if self.query.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, self.query) }
    }

    /// The value of a query parameter, percent-decoded.
    pub fn parameter(&self, name: &str) -> Option<String> {
        crate::query::parameter(&self.query, name)
    }

    /// Whether it starts a watch.
    pub fn is_watch(&self) -> bool {
        crate::query::flag(&self.query, "watch")
    }

    /// `Content-Type`; empty if there is none.
    pub fn content_type(&self) -> &str {
        self.header(&header::CONTENT_TYPE)
    }

    /// `Accept`; empty if there is none.
    pub fn accept(&self) -> &str {
        self.header(&header::ACCEPT)
    }

    /// `User-Agent`; empty if there is none.
    pub fn user_agent(&self) -> &str {
        self.header(&header::USER_AGENT)
    }

    /// `Authorization`; empty if there is none.
    pub fn authorization(&self) -> &str {
        self.header(&header::AUTHORIZATION)
    }

    /// Common name of the client certificate; empty if there is none.
    pub fn common_name(&self) -> &str {
        self.peer.common_name.as_deref().unwrap_or_default()
    }

    /// Method, path and query: `GET /api/v1/nodes/n-1?timeout=10s`.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.path_and_query())
    }

    fn header(&self, name: &HeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}
