//! One stream: a request's body on its way out, and the answer on its way in.

use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use super::{REFRESH, STREAM_WINDOW};
use crate::Encoding;
use crate::http2::error::{Http2Error, Reason};
use crate::http2::hpack::Field;

/// What is read of an answer's headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    /// By `content-type`.
    pub(crate) encoding: Encoding,
    /// Whether the body is compressed.
    pub(crate) gzip: bool,
    /// By `retry-after` in seconds.
    pub(crate) retry_after: Option<Duration>,
    /// By `content-length`, in bytes.
    pub(crate) length: Option<u32>,
}

impl Head {
    /// One without fields. There is no status 100 in an answer that is passed on.
    pub(crate) fn new(status: StatusCode) -> Self {
        Self { status, encoding: Encoding::Text, gzip: false, retry_after: None, length: None }
    }

    pub(super) fn add(&mut self, field: Field) {
        match field {
            // No number from 100 to 999 stays what it is: no status.
            Field::Status(code) => self.status = StatusCode::from_u16(code).unwrap_or_default(),
            Field::Type(encoding) => self.encoding = encoding,
            Field::Gzip(gzip) => self.gzip = gzip,
            Field::Length(length) => self.length = length,
            Field::RetryAfter(seconds) => self.retry_after = seconds.map(|s| Duration::from_secs(s.into())),
            Field::Other => {}
        }
    }
}

/// A stream, from its request until its handle is gone.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(super) id: u32,
    pub(super) head: Option<Head>,
    /// What is still to be sent of the request's body.
    pub(super) body: Bytes,
    /// Bytes that the peer lets us send; negative when it has reduced its windows.
    pub(super) window: i64,
    /// What came and was not read yet.
    received: Vec<u8>,
    /// Bytes that the peer may still send, and those that were read since it was told last.
    left: u32,
    read: u32,
    /// What is still to come by the answer's own length.
    missing: Option<u32>,
    is_head: bool,
    /// The peer has said all.
    ended: bool,
    error: Option<Http2Error>,
    waker: Option<Waker>,
}

impl Stream {
    pub(super) fn new(id: u32, body: Bytes, window: u32, is_head: bool) -> Self {
        Self {
            id,
            head: None,
            body,
            window: window.into(),
            received: Vec::new(),
            left: STREAM_WINDOW,
            read: 0,
            missing: None,
            is_head,
            ended: false,
            error: None,
            waker: None,
        }
    }

    /// Whether both sides are through with it.
    pub(super) fn is_closed(&self) -> bool {
        self.error.is_some() || (self.ended && self.body.is_empty())
    }

    /// The headers, once they came.
    pub(crate) fn head(&self) -> Option<Head> {
        self.head
    }

    /// Whether there is no more of the body than [`super::Http2::take_data`] has.
    pub(crate) fn is_ended(&self) -> bool {
        self.ended
    }

    /// Why it broke, if it did.
    pub(crate) fn error(&self) -> Option<&Http2Error> {
        self.error.as_ref()
    }

    /// Has `waker` woken by the next thing that comes.
    pub(crate) fn wait(&mut self, waker: &Waker) {
        match &mut self.waker {
            Some(waiting) => waiting.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    /// What came of the body, and by how much the peer's window is to be enlarged for it.
    pub(super) fn take_data(&mut self) -> Option<(Bytes, u32)> {
        if self.received.is_empty() {
            return None;
        }
        let data = Bytes::from(std::mem::take(&mut self.received));
        self.read += u32::try_from(data.len()).unwrap_or(u32::MAX);
        let due = self.read >= STREAM_WINDOW / REFRESH && !self.ended && self.error.is_none();
        let increment = if due { std::mem::take(&mut self.read) } else { 0 };
        self.left += increment;
        Some((data, increment))
    }

    /// Takes the headers of the answer, or what stands behind its body.
    pub(super) fn take_head(&mut self, head: Head, end: bool) -> Result<Option<Waker>, Reason> {
        if self.ended || (self.head.is_some() && !end) {
            return Err(Reason::PROTOCOL_ERROR);
        }
        if self.head.is_none() {
            if head.status.is_informational() && !end {
                return Ok(None);
            }
            // Status 100 also stands for none.
            if head.status.is_informational() {
                return Err(Reason::PROTOCOL_ERROR);
            }
            self.head = Some(head);
            self.missing = if self.is_head { None } else { head.length };
        }
        if end {
            self.end()?;
        }
        Ok(self.waker.take())
    }

    /// Takes a part of the body, and `padding` bytes that count as it does.
    pub(super) fn take_body(&mut self, part: &[u8], padding: u32) -> Result<Option<Waker>, Reason> {
        let length = u32::try_from(part.len()).map_err(|_| Reason::FLOW_CONTROL_ERROR)?;
        self.left = self.left.checked_sub(length + padding).ok_or(Reason::FLOW_CONTROL_ERROR)?;
        self.read += padding;
        if self.head.is_none() || self.ended {
            return Err(Reason::PROTOCOL_ERROR);
        }
        if let Some(missing) = &mut self.missing {
            *missing = missing.checked_sub(length).ok_or(Reason::PROTOCOL_ERROR)?;
        }
        if part.is_empty() {
            return Ok(None);
        }
        if self.received.is_empty() {
            // Of its exact size: most bodies and events are one part.
            self.received = part.to_vec();
        } else {
            self.received.extend_from_slice(part);
        }
        Ok(self.waker.take())
    }

    /// The peer has said all.
    pub(super) fn end(&mut self) -> Result<Option<Waker>, Reason> {
        if self.head.is_none() || self.ended || self.missing.is_some_and(|missing| missing > 0) {
            return Err(Reason::PROTOCOL_ERROR);
        }
        self.ended = true;
        Ok(self.waker.take())
    }

    /// The peer wants to hear no more; what it has said stays.
    pub(super) fn stop_sending(&mut self) {
        self.body = Bytes::new();
    }

    /// Breaks it off, unless it is complete.
    pub(super) fn fail(&mut self, error: &Http2Error) -> Option<Waker> {
        self.stop_sending();
        if !self.ended && self.error.is_none() {
            self.error = Some(error.clone());
        }
        self.waker.take()
    }
}
