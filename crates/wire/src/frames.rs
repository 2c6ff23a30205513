//! Cuts the body of a watch into frames, wherever the network cut it into chunks.
//!
//! Source: apimachinery `pkg/util/framer/framer.go` (a big-endian u32 length before each protobuf frame; JSON values one
//! after the other, which the server ends by a newline) and `pkg/runtime/serializer/streaming` (16 MiB limit).

use bytes::{Buf, Bytes, BytesMut};

use crate::{Encoding, Error};

/// The longest frame a client takes (`streaming.NewDecoder`).
const MAX_FRAME: usize = 16 * 1024 * 1024;

/// A body being cut into frames.
#[derive(Debug)]
pub(crate) struct Frames {
    framing: Framing,
    /// What came and is not yet a whole frame. Empty and without an allocation between events: most watches are idle.
    buffer: BytesMut,
}

#[derive(Clone, Copy, Debug)]
enum Framing {
    Length,
    /// Newlines do not occur inside compact JSON: strings escape them. `searched` bytes are known to hold none.
    Line {
        searched: usize,
    },
}

impl Frames {
    /// Protobuf is length-delimited, everything else comes in lines.
    pub(crate) fn new(encoding: Encoding) -> Self {
        let framing = match encoding {
            Encoding::Protobuf => Framing::Length,
            _ => Framing::Line { searched: 0 },
        };
        Self { framing, buffer: BytesMut::new() }
    }

    /// Adds what came from the network.
    pub(crate) fn push(&mut self, chunk: &[u8]) {
        self.buffer.extend_from_slice(chunk);
    }

    /// The next whole frame, if it is there.
    pub(crate) fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let frame = match &mut self.framing {
            Framing::Length => next_by_length(&mut self.buffer)?,
            Framing::Line { searched } => next_line(&mut self.buffer, searched)?,
        };
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
        Ok(frame)
    }

    /// Whether the body may end here: nothing of a frame has come yet.
    pub(crate) fn is_between_frames(&self) -> bool {
        self.buffer.is_empty()
    }
}

fn next_by_length(buffer: &mut BytesMut) -> Result<Option<Bytes>, Error> {
    let Some(prefix) = buffer.first_chunk::<4>() else { return Ok(None) };
    let length = usize::try_from(u32::from_be_bytes(*prefix)).unwrap_or(usize::MAX);
    if length > MAX_FRAME {
        return Err(Error::FrameTooLong { length, limit: MAX_FRAME });
    }
    if buffer.len() - prefix.len() < length {
        return Ok(None);
    }
    buffer.advance(4);
    Ok(Some(buffer.split_to(length).freeze()))
}

fn next_line(buffer: &mut BytesMut, searched: &mut usize) -> Result<Option<Bytes>, Error> {
    loop {
        let Some(at) = memchr::memchr(b'\n', &buffer[*searched..]) else {
            *searched = buffer.len();
            if buffer.len() > MAX_FRAME {
                return Err(Error::FrameTooLong { length: buffer.len(), limit: MAX_FRAME });
            }
            return Ok(None);
        };
        let line = buffer.split_to(*searched + at);
        buffer.advance(1);
        *searched = 0;
        if !line.trim_ascii().is_empty() {
            return Ok(Some(line.freeze()));
        }
    }
}

#[cfg(test)]
mod tests;
