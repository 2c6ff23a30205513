//! What can go wrong between a request and its answer.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::{Http2Error, Status};

/// Why there is no answer, or none that can be used.
///
/// An answer with a status other than 2xx is not an error of [`crate::Client::send`]; only a watch that was refused is
/// reported as [`Error::Status`]. Cloning is cheap: several requests can wait for one connection and share its failure.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The server's URL cannot be used.
    #[error("server URL {url:?} cannot be used: {reason}")]
    Server {
        /// The URL as it was given.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A certificate, a key or a bundle cannot be used.
    #[error("{what} cannot be used: {reason}")]
    Certificate {
        /// Which of them, e.g. "the client certificate".
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The path of a request is not a path with an optional query.
    #[error("{path:?} is not a request path: it must start with / and be percent-encoded")]
    Path {
        /// The path as it was given.
        path: String,
    },
    /// A value cannot stand in an HTTP header.
    #[error("{what} contains characters that an HTTP header cannot carry")]
    Header {
        /// Whose value, e.g. "the bearer token".
        what: &'static str,
    },
    /// No TCP connection was made.
    #[error("cannot connect to {server}: {source}")]
    Connect {
        /// The server's address.
        server: Arc<str>,
        /// The operating system's answer, or `TimedOut` after the dial timeout of 30 s.
        source: Arc<io::Error>,
    },
    /// The TLS handshake failed.
    #[error("TLS handshake with {server} failed: {source}")]
    Tls {
        /// The server's address.
        server: Arc<str>,
        /// What rustls said, or `TimedOut` after the handshake timeout of 10 s.
        source: Arc<io::Error>,
    },
    /// The server did not choose `h2` by ALPN.
    #[error("{server} does not offer HTTP/2 (ALPN protocol h2); is it a Kubernetes API server?")]
    NotHttp2 {
        /// The server's address.
        server: Arc<str>,
    },
    /// The connection ended before the answer was complete.
    #[error("the connection to {server} was lost during {request}: {source}")]
    ConnectionLost {
        /// The server's address.
        server: Arc<str>,
        /// Method and path.
        request: String,
        /// What the HTTP/2 layer said.
        source: Http2Error,
    },
    /// The server did not answer a PING within 15 s, so the connection was given up.
    #[error("{server} answered no HTTP/2 ping for 15 s during {request}")]
    Unresponsive {
        /// The server's address.
        server: Arc<str>,
        /// Method and path.
        request: String,
    },
    /// The stream was reset, or broke a rule of HTTP/2.
    #[error("the stream of {request} was reset by {server}: {source}")]
    Reset {
        /// The server's address.
        server: Arc<str>,
        /// Method and path.
        request: String,
        /// What the HTTP/2 layer said; its reason is the code of the reset.
        source: Http2Error,
    },
    /// No complete answer within the request's own timeout.
    #[error("{request} was not answered within {after:?}")]
    Timeout {
        /// Method and path.
        request: String,
        /// The timeout.
        after: Duration,
    },
    /// A watch was refused, or ended by an ERROR event.
    #[error("{0}")]
    Status(Status),
    /// A body or an object is not what it should be.
    #[error("cannot decode {what}: {reason}")]
    Decode {
        /// What was being decoded.
        what: &'static str,
        /// What the decoder said.
        reason: String,
    },
    /// A watch ended in the middle of an event.
    #[error("the stream of {request} ended in the middle of an event")]
    Truncated {
        /// Method and path.
        request: String,
    },
    /// A watch frame is longer than a client accepts (16 MiB, apimachinery `streaming.NewDecoder`).
    #[error("watch frame of {length} bytes is longer than the limit of {limit}")]
    FrameTooLong {
        /// Length of the frame in bytes, as far as it is known.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// A watch ended within one second without an event (client-go `VeryShortWatchError`).
    #[error("watch of {path} ended within a second and brought no event")]
    VeryShortWatch {
        /// What was watched.
        path: String,
    },
}

impl Error {
    /// Whether nobody listens at the server's address.
    pub fn is_connection_refused(&self) -> bool {
        matches!(self, Self::Connect { source, .. } if source.kind() == io::ErrorKind::ConnectionRefused)
    }

    /// Whether the request ran into its own timeout.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout { .. })
    }

    /// The server's refusal, if there was an answer.
    pub fn status(&self) -> Option<&Status> {
        match self {
            Self::Status(status) => Some(status),
            _ => None,
        }
    }

    /// Whether a broken watch counts as one that ended: client-go logs these and goes on from the last resource version
    /// (apimachinery `net.IsProbableEOF`), while a reset stream or a lost ping makes it list again.
    pub(crate) fn is_probable_eof(&self) -> bool {
        matches!(self, Self::ConnectionLost { .. } | Self::Truncated { .. })
    }

    pub(crate) fn decode(what: &'static str, reason: &impl ToString) -> Self {
        Self::Decode { what, reason: reason.to_string() }
    }
}
