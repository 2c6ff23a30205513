//! What a connection receives: bytes are cut into frames, and DATA go to their streams as they come.

use super::stream::Stream;
use super::{CONNECTION_WINDOW, Http2, MAX_HEADER_LIST, MAX_OWED, REFRESH};
use crate::http2::error::{Http2Error, Reason};
use crate::http2::frame::{self, DEFAULT_MAX_FRAME, Frame, HEADER, Header};
use crate::http2::hpack::Decoder;

/// Where in the bytes we are.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    /// The beginning of a frame whose rest has not come.
    partial: Vec<u8>,
    /// The DATA frame whose payload is coming.
    data: Option<Data>,
    /// The header block that is not complete.
    block: Option<Box<Block>>,
    pub(super) decoder: Decoder,
}

#[cfg(test)]
impl Incoming {
    /// Whether it has no buffer but the table of the decoder.
    pub(super) fn owns_nothing(&self) -> bool {
        self.partial.capacity() == 0 && self.data.is_none() && self.block.is_none()
    }
}

#[derive(Clone, Copy, Debug)]
struct Data {
    stream: u32,
    /// Bytes of the body and of the padding that have not come.
    left: u32,
    padding: u32,
    end_stream: bool,
}

#[derive(Debug)]
struct Block {
    stream: u32,
    end_stream: bool,
    fragments: Vec<u8>,
}

impl Http2 {
    /// Takes what the peer sent next, wherever the network cut it.
    ///
    /// # Errors
    /// The peer broke a rule. The connection is to be ended; what is left to be sent says why.
    pub(in crate::http2) fn receive(&mut self, bytes: &[u8]) -> Result<(), Http2Error> {
        self.take(bytes).map_err(|reason| {
            frame::write_go_away(&mut self.out, reason);
            Http2Error::Protocol(reason)
        })
    }

    fn take(&mut self, mut bytes: &[u8]) -> Result<(), Reason> {
        loop {
            if let Some(data) = self.incoming.data {
                bytes = self.take_data_part(data, bytes);
                if self.incoming.data.is_some() {
                    return Ok(());
                }
            }
            if self.out.len() > MAX_OWED {
                return Err(Reason::ENHANCE_YOUR_CALM);
            }
            let Some(rest) = self.take_frame(bytes)? else { return Ok(()) };
            bytes = rest;
        }
    }

    /// Takes a frame, of DATA only its beginning. Returns what is behind it; `None` if there is no whole frame.
    fn take_frame<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<&'a [u8]>, Reason> {
        if self.incoming.partial.is_empty() {
            if let Some(length) = needed(bytes)? {
                let (whole, rest) = bytes.split_at(length);
                self.take_whole(whole)?;
                return Ok(Some(rest));
            }
            self.incoming.partial = bytes.to_vec();
            return Ok(None);
        }
        // The header first, and then as much as it says.
        let mut partial = std::mem::take(&mut self.incoming.partial);
        let mut rest = bytes;
        loop {
            if let Some(length) = needed(&partial)? {
                debug_assert_eq!(length, partial.len(), "never more than one frame is collected");
                self.take_whole(&partial)?;
                return Ok(Some(rest));
            }
            let wanted = wanted(&partial) - partial.len();
            let (more, behind) = rest.split_at(wanted.min(rest.len()));
            partial.extend_from_slice(more);
            rest = behind;
            if more.len() < wanted {
                self.incoming.partial = partial;
                return Ok(None);
            }
        }
    }

    /// Takes a whole frame, or the beginning of a DATA frame.
    fn take_whole(&mut self, bytes: &[u8]) -> Result<(), Reason> {
        let (header, payload) = bytes.split_first_chunk().ok_or(Reason::INTERNAL_ERROR)?;
        let header = Header::read(*header);
        let in_block = self.incoming.block.as_ref().map(|block| block.stream);
        let continues = header.kind == frame::CONTINUATION && in_block == Some(header.stream);
        if in_block.is_some() != continues || (header.kind == frame::CONTINUATION && !continues) {
            return Err(Reason::PROTOCOL_ERROR);
        }
        if !self.peer.known && (header.kind != frame::SETTINGS || header.has(frame::ACK)) {
            return Err(Reason::PROTOCOL_ERROR);
        }
        if header.kind == frame::DATA {
            return self.begin_data(header, payload);
        }
        match frame::parse(header, payload)? {
            Frame::Headers { stream, fragment, end_stream, end_headers: true } => {
                self.take_head(stream, fragment, end_stream)
            }
            Frame::Headers { stream, fragment, end_stream, .. } => {
                let fragments = fragment.to_vec();
                self.incoming.block = Some(Box::new(Block { stream, end_stream, fragments }));
                Ok(())
            }
            Frame::Continuation { fragment, end_headers, .. } => {
                self.take_continuation(fragment, end_headers)
            }
            Frame::Reset { stream, reason } => self.take_reset(stream, reason),
            Frame::Settings(settings) => self.take_settings(settings),
            Frame::Ping(payload) => {
                frame::write_pong(&mut self.out, payload);
                Ok(())
            }
            Frame::Pong => {
                self.ponged = true;
                Ok(())
            }
            Frame::GoAway { last, reason } => {
                self.take_go_away(last, reason);
                Ok(())
            }
            Frame::WindowUpdate { stream, increment } => self.take_window(stream, increment),
            Frame::SettingsAck | Frame::Ignored => Ok(()),
        }
    }

    fn begin_data(&mut self, header: Header, payload: &[u8]) -> Result<(), Reason> {
        let padded = header.has(frame::PADDED);
        let padding = payload.first().copied().filter(|_| padded).map_or(0, u32::from);
        let left = header.length - u32::from(padded);
        if header.stream == 0 || padding > left {
            return Err(Reason::PROTOCOL_ERROR);
        }
        self.refuse_idle(header.stream)?;
        // The whole frame counts, padding and all, and it is given back at once: what nobody reads is limited by the windows
        // of the streams.
        self.used += header.length;
        if self.used > CONNECTION_WINDOW / REFRESH {
            frame::write_window_update(&mut self.out, 0, self.used);
            self.used = 0;
        }
        if padded {
            self.on_stream(header.stream, |stream| stream.take_body(&[], padding + 1).map(|_| None));
        }
        let end_stream = header.has(frame::END_STREAM);
        let data = Data { stream: header.stream, left: left - padding, padding, end_stream };
        self.incoming.data = Some(data);
        Ok(())
    }

    /// Takes as much of a DATA frame as is there.
    fn take_data_part<'a>(&mut self, mut data: Data, bytes: &'a [u8]) -> &'a [u8] {
        let (part, rest) = split(bytes, &mut data.left);
        if !part.is_empty() {
            self.on_stream(data.stream, |stream| stream.take_body(part, 0));
        }
        let (_, rest) = if data.left == 0 { split(rest, &mut data.padding) } else { (rest, rest) };
        let is_whole = data.left == 0 && data.padding == 0;
        self.incoming.data = (!is_whole).then_some(data);
        if is_whole && data.end_stream {
            self.on_stream(data.stream, Stream::end);
            self.room_may_be_free();
        }
        rest
    }

    fn take_continuation(&mut self, fragment: &[u8], end_headers: bool) -> Result<(), Reason> {
        let Some(mut block) = self.incoming.block.take() else { return Err(Reason::PROTOCOL_ERROR) };
        block.fragments.extend_from_slice(fragment);
        if block.fragments.len() > MAX_HEADER_LIST as usize {
            return Err(Reason::ENHANCE_YOUR_CALM);
        }
        if end_headers {
            return self.take_head(block.stream, &block.fragments, block.end_stream);
        }
        self.incoming.block = Some(block);
        Ok(())
    }
}

/// How many bytes at the beginning are a whole frame, or the beginning of a DATA frame with the length of its padding.
fn needed(bytes: &[u8]) -> Result<Option<usize>, Reason> {
    let Some((header, _)) = bytes.split_first_chunk::<HEADER>() else { return Ok(None) };
    let header = Header::read(*header);
    if header.length > DEFAULT_MAX_FRAME || (is_padded_data(header) && header.length == 0) {
        return Err(Reason::FRAME_SIZE_ERROR);
    }
    let wanted = wanted(bytes);
    Ok((wanted <= bytes.len()).then_some(wanted))
}

/// How many bytes must be there to go on.
fn wanted(bytes: &[u8]) -> usize {
    let Some((header, _)) = bytes.split_first_chunk::<HEADER>() else { return HEADER };
    let header = Header::read(*header);
    HEADER
        + match header.kind {
            frame::DATA => usize::from(is_padded_data(header)),
            _ => header.length as usize,
        }
}

fn is_padded_data(header: Header) -> bool {
    header.kind == frame::DATA && header.has(frame::PADDED)
}

/// Takes up to `left` bytes, and counts them.
fn split<'a>(bytes: &'a [u8], left: &mut u32) -> (&'a [u8], &'a [u8]) {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).min(*left);
    *left -= length;
    bytes.split_at(length as usize)
}
