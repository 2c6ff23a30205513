//! Why an HTTP/2 connection or a stream of it broke.

use std::fmt;
use std::io;
use std::sync::Arc;

/// The code of a reset or of a GOAWAY (RFC 9113 section 7).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reason(u32);

const NAMES: [&str; 14] = [
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
];

impl Reason {
    /// Nothing is wrong: a graceful end.
    pub const NO_ERROR: Self = Self(0);
    /// The peer broke a rule.
    pub const PROTOCOL_ERROR: Self = Self(1);
    /// The peer had an error of its own.
    pub const INTERNAL_ERROR: Self = Self(2);
    /// More came than a window allowed.
    pub const FLOW_CONTROL_ERROR: Self = Self(3);
    /// A frame is longer or shorter than it may be.
    pub const FRAME_SIZE_ERROR: Self = Self(6);
    /// The stream was refused before anything was done for it.
    pub const REFUSED_STREAM: Self = Self(7);
    /// The stream is no longer wanted.
    pub const CANCEL: Self = Self(8);
    /// The header compression is out of step.
    pub const COMPRESSION_ERROR: Self = Self(9);
    /// The peer asks for more than is reasonable.
    pub const ENHANCE_YOUR_CALM: Self = Self(11);

    pub(crate) const fn new(code: u32) -> Self {
        Self(code)
    }

    /// The code on the wire.
    pub const fn code(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match usize::try_from(self.0).ok().and_then(|code| NAMES.get(code)) {
            Some(name) => f.write_str(name),
            None => write!(f, "error code {:#x}", self.0),
        }
    }
}

impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a stream has no answer, or none that is complete.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Http2Error {
    /// The bytes stopped: the socket broke, or somebody closed it.
    #[error("{0}")]
    Io(Arc<io::Error>),
    /// The server takes no more streams, and did not begin this one.
    #[error("the server goes away: {0}")]
    GoAway(Reason),
    /// The server broke a rule of HTTP/2, and the connection was ended for it.
    #[error("the server broke a rule of HTTP/2: {0}")]
    Protocol(Reason),
    /// The server reset the stream.
    #[error("the stream was reset: {0}")]
    Reset(Reason),
    /// What the server sent on this stream is no HTTP, and the stream was reset for it.
    #[error("the answer breaks a rule of HTTP/2: {0}")]
    Malformed(Reason),
}

impl Http2Error {
    pub(crate) fn io(kind: io::ErrorKind, what: &'static str) -> Self {
        Self::from(io::Error::new(kind, what))
    }

    /// Whether the whole connection is of no more use, not only this stream.
    pub fn is_of_connection(&self) -> bool {
        matches!(self, Self::Io(_) | Self::GoAway(_) | Self::Protocol(_))
    }
}

impl From<io::Error> for Http2Error {
    fn from(error: io::Error) -> Self {
        Self::Io(Arc::new(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_shown_by_name_where_they_have_one() {
        assert_eq!(Reason::REFUSED_STREAM.to_string(), "REFUSED_STREAM");
        assert_eq!(Reason::new(13).to_string(), "HTTP_1_1_REQUIRED");
        assert_eq!(Reason::new(0x1f).to_string(), "error code 0x1f");
    }
}
