//! The frames of HTTP/2 that a client meets (RFC 9113 section 6): how they are read and written.
//!
//! DATA is not read here: its payload is handed on as it comes, also in parts ([`super::connection`]).

use super::error::Reason;

/// Bytes of the header in front of each frame.
pub(super) const HEADER: usize = 9;
/// The longest payload that may be sent to somebody who has not said otherwise, and that we take.
pub(super) const DEFAULT_MAX_FRAME: u32 = 1 << 14;
/// What a client says first (section 3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The largest flow-control window.
pub(super) const MAX_WINDOW: u32 = (1 << 31) - 1;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PUSH_PROMISE: u8 = 5;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const ACK: u8 = 1;
pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;
pub(super) const PADDED: u8 = 8;
const PRIORITY: u8 = 0x20;

pub(super) const ENABLE_PUSH: u16 = 2;
pub(super) const MAX_CONCURRENT_STREAMS: u16 = 3;
pub(super) const INITIAL_WINDOW_SIZE: u16 = 4;
pub(super) const MAX_FRAME_SIZE: u16 = 5;
pub(super) const MAX_HEADER_LIST_SIZE: u16 = 6;

/// What stands in front of each frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Bytes of the payload.
    pub(super) length: u32,
    pub(super) kind: u8,
    pub(super) flags: u8,
    /// 0 for the connection.
    pub(super) stream: u32,
}

impl Header {
    pub(super) fn read(bytes: [u8; HEADER]) -> Self {
        let [a, b, c, kind, flags, stream @ ..] = bytes;
        let stream = u32::from_be_bytes(stream) & MAX_WINDOW;
        Self { length: u32::from_be_bytes([0, a, b, c]), kind, flags, stream }
    }

    pub(super) fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    fn write(self, out: &mut Vec<u8>) {
        let [_, length @ ..] = self.length.to_be_bytes();
        out.extend_from_slice(&length);
        out.extend_from_slice(&[self.kind, self.flags]);
        out.extend_from_slice(&self.stream.to_be_bytes());
    }
}

/// A frame that has come whole. PRIORITY and what is not known is [`Frame::Ignored`].
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    /// The beginning of a header block.
    Headers {
        stream: u32,
        fragment: &'a [u8],
        end_stream: bool,
        end_headers: bool,
    },
    /// More of a header block.
    Continuation {
        stream: u32,
        fragment: &'a [u8],
        end_headers: bool,
    },
    Reset {
        stream: u32,
        reason: Reason,
    },
    /// Six bytes for each setting: see [`settings_of`].
    Settings(&'a [u8]),
    SettingsAck,
    Ping([u8; 8]),
    Pong,
    GoAway {
        last: u32,
        reason: Reason,
    },
    WindowUpdate {
        stream: u32,
        increment: u32,
    },
    Ignored,
}

/// Reads a frame. The error is the reason for which the connection must end.
pub(super) fn parse(header: Header, payload: &[u8]) -> Result<Frame<'_>, Reason> {
    let Header { stream, .. } = header;
    let on_stream = |yes: bool| if yes == (stream != 0) { Ok(()) } else { Err(Reason::PROTOCOL_ERROR) };
    let end_headers = header.has(END_HEADERS);
    Ok(match header.kind {
        HEADERS => {
            on_stream(true)?;
            let fragment = without_padding(header, payload).ok_or(Reason::PROTOCOL_ERROR)?;
            let skipped = if header.has(PRIORITY) { 5 } else { 0 };
            let fragment = fragment.get(skipped..).ok_or(Reason::FRAME_SIZE_ERROR)?;
            Frame::Headers { stream, fragment, end_stream: header.has(END_STREAM), end_headers }
        }
        CONTINUATION => {
            on_stream(true)?;
            Frame::Continuation { stream, fragment: payload, end_headers }
        }
        RST_STREAM => {
            on_stream(true)?;
            Frame::Reset { stream, reason: Reason::new(number(payload)?) }
        }
        SETTINGS => {
            on_stream(false)?;
            match (header.has(ACK), payload.len()) {
                (true, 0) => Frame::SettingsAck,
                (false, length) if length % 6 == 0 => Frame::Settings(payload),
                _ => return Err(Reason::FRAME_SIZE_ERROR),
            }
        }
        PUSH_PROMISE => return Err(Reason::PROTOCOL_ERROR),
        PING => {
            on_stream(false)?;
            let payload = payload.try_into().map_err(|_| Reason::FRAME_SIZE_ERROR)?;
            if header.has(ACK) { Frame::Pong } else { Frame::Ping(payload) }
        }
        GOAWAY => {
            on_stream(false)?;
            let (last, rest) = payload.split_at_checked(4).ok_or(Reason::FRAME_SIZE_ERROR)?;
            let reason = number(rest.get(..4).ok_or(Reason::FRAME_SIZE_ERROR)?)?;
            Frame::GoAway { last: number(last)? & MAX_WINDOW, reason: Reason::new(reason) }
        }
        WINDOW_UPDATE => match number(payload)? & MAX_WINDOW {
            0 => return Err(Reason::PROTOCOL_ERROR),
            increment => Frame::WindowUpdate { stream, increment },
        },
        _ => Frame::Ignored,
    })
}

fn number(payload: &[u8]) -> Result<u32, Reason> {
    payload.try_into().map(u32::from_be_bytes).map_err(|_| Reason::FRAME_SIZE_ERROR)
}

fn without_padding(header: Header, payload: &[u8]) -> Option<&[u8]> {
    if !header.has(PADDED) {
        return Some(payload);
    }
    let (padding, rest) = payload.split_first()?;
    let length = rest.len().checked_sub(usize::from(*padding))?;
    Some(&rest[..length])
}

/// The settings in the payload of a SETTINGS frame.
pub(super) fn settings_of(payload: &[u8]) -> impl Iterator<Item = (u16, u32)> {
    payload
        .as_chunks::<6>()
        .0
        .iter()
        .map(|&[a, b, value @ ..]| (u16::from_be_bytes([a, b]), u32::from_be_bytes(value)))
}

/// Writes a frame without padding. A payload has at most 16 MiB, which its length has room for.
fn write(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    out.reserve(HEADER + payload.len());
    Header { length, kind, flags, stream }.write(out);
    out.extend_from_slice(payload);
}

pub(super) fn write_settings(out: &mut Vec<u8>, settings: &[(u16, u32)]) {
    let payload: Vec<u8> = settings
        .iter()
        .flat_map(|(id, value)| id.to_be_bytes().into_iter().chain(value.to_be_bytes()))
        .collect();
    write(out, SETTINGS, 0, 0, &payload);
}

pub(super) fn write_settings_ack(out: &mut Vec<u8>) {
    write(out, SETTINGS, ACK, 0, &[]);
}

pub(super) fn write_ping(out: &mut Vec<u8>, payload: [u8; 8]) {
    write(out, PING, 0, 0, &payload);
}

pub(super) fn write_pong(out: &mut Vec<u8>, payload: [u8; 8]) {
    write(out, PING, ACK, 0, &payload);
}

pub(super) fn write_window_update(out: &mut Vec<u8>, stream: u32, increment: u32) {
    write(out, WINDOW_UPDATE, 0, stream, &increment.to_be_bytes());
}

pub(super) fn write_reset(out: &mut Vec<u8>, stream: u32, reason: Reason) {
    write(out, RST_STREAM, 0, stream, &reason.code().to_be_bytes());
}

/// A client's GOAWAY: no stream of the server's was begun, as it may begin none.
pub(super) fn write_go_away(out: &mut Vec<u8>, reason: Reason) {
    let [a, b, c, d] = reason.code().to_be_bytes();
    write(out, GOAWAY, 0, 0, &[0, 0, 0, 0, a, b, c, d]);
}

pub(super) fn write_data(out: &mut Vec<u8>, stream: u32, payload: &[u8], end_stream: bool) {
    write(out, DATA, if end_stream { END_STREAM } else { 0 }, stream, payload);
}

/// Writes a header block, in as many frames as it needs.
pub(super) fn write_headers(out: &mut Vec<u8>, stream: u32, block: &[u8], end_stream: bool, max_frame: u32) {
    let max_frame = usize::try_from(max_frame).unwrap_or(usize::MAX);
    let (mut kind, mut flags) = (HEADERS, if end_stream { END_STREAM } else { 0 });
    let mut rest = block;
    loop {
        let (fragment, more) = rest.split_at(rest.len().min(max_frame));
        let end_headers = if more.is_empty() { END_HEADERS } else { 0 };
        write(out, kind, flags | end_headers, stream, fragment);
        if more.is_empty() {
            return;
        }
        (kind, flags, rest) = (CONTINUATION, 0, more);
    }
}

#[cfg(test)]
pub(super) mod tests;
