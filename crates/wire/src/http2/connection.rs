//! One HTTP/2 connection from the client's side, as a pure state machine: bytes in, bytes out, and wakers of those who wait.
//!
//! Nothing is kept that is not needed at rest: a frame that is not yet whole, a payload that nobody has read yet, and what is
//! to be sent have buffers of their own, which go when they are empty.

mod obey;
mod receive;
mod send;
mod stream;

use std::task::Waker;

use bytes::Bytes;

use self::receive::Incoming;
use self::stream::Stream;
use super::error::{Http2Error, Reason};
use super::frame::{self, DEFAULT_MAX_FRAME, MAX_WINDOW};
use super::hpack::Block;

pub(crate) use self::stream::Head;

// What client-go's transport announces (x/net/http2 transport.go), and what follows from it.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 1 << 30;
const MAX_HEADER_LIST: u32 = 10 << 20;
/// The window of a connection nobody has said anything about (RFC 9113 section 6.9.2).
const DEFAULT_WINDOW: u32 = 65_535;
/// Streams assumed to be allowed until the server's SETTINGS say.
const ASSUMED_STREAMS: u32 = 100;
/// A window is given back when a quarter of it is used: one small frame for a megabyte.
const REFRESH: u32 = 4;
/// What may wait to be sent for a peer that asks (for pongs, for acknowledgements) and does not read, in bytes.
const MAX_OWED: usize = 1 << 20;

/// A connection. Its methods neither block nor wake: who is to be woken is in [`Http2::take_woken`].
#[derive(Debug)]
pub(super) struct Http2 {
    incoming: Incoming,
    /// In the order of their numbers.
    streams: Vec<Stream>,
    /// The number of the next stream.
    next: u32,
    /// Frames to be sent, all but DATA.
    out: Vec<u8>,
    /// Bytes of DATA that may still be sent on all streams together.
    window: i64,
    /// Bytes of DATA that came and were not yet given back to the peer.
    used: u32,
    peer: Peer,
    /// Set once no stream may be opened any more.
    leaving: Option<Http2Error>,
    /// A PING was answered since somebody looked.
    ponged: bool,
    /// Who waits for room for a stream.
    waiting: Vec<Waker>,
    woken: Vec<Waker>,
}

/// What the server's SETTINGS say.
#[derive(Debug)]
struct Peer {
    /// They have come.
    known: bool,
    max_streams: u32,
    stream_window: u32,
    max_frame: u32,
}

impl Http2 {
    /// A new connection that is about to send the preface.
    pub(super) fn new() -> Self {
        let mut out = frame::PREFACE.to_vec();
        frame::write_settings(
            &mut out,
            &[
                (frame::ENABLE_PUSH, 0),
                (frame::INITIAL_WINDOW_SIZE, STREAM_WINDOW),
                (frame::MAX_HEADER_LIST_SIZE, MAX_HEADER_LIST),
            ],
        );
        frame::write_window_update(&mut out, 0, CONNECTION_WINDOW - DEFAULT_WINDOW);
        Self {
            incoming: Incoming::default(),
            streams: Vec::new(),
            next: 1,
            out,
            window: DEFAULT_WINDOW.into(),
            used: 0,
            peer: Peer {
                known: false,
                max_streams: ASSUMED_STREAMS,
                stream_window: DEFAULT_WINDOW,
                max_frame: DEFAULT_MAX_FRAME,
            },
            leaving: None,
            ponged: false,
            waiting: Vec::new(),
            woken: Vec::new(),
        }
    }

    /// Streams that the server allows; `None` for any number. 100 until its SETTINGS came.
    pub(super) fn max_streams(&self) -> Option<u32> {
        (self.peer.max_streams != u32::MAX).then_some(self.peer.max_streams)
    }

    /// Whether a stream can be opened now; if not, `waker` is woken when it is worth asking again.
    ///
    /// # Errors
    /// No stream will ever be opened on this connection.
    pub(super) fn has_room(&mut self, waker: &Waker) -> Result<bool, Http2Error> {
        if let Some(error) = &self.leaving {
            return Err(error.clone());
        }
        let open = self.streams.iter().filter(|stream| !stream.is_closed()).count();
        let has_room = u32::try_from(open).is_ok_and(|open| open < self.peer.max_streams);
        if !has_room && !self.waiting.iter().any(|other| other.will_wake(waker)) {
            self.waiting.push(waker.clone());
        }
        Ok(has_room)
    }

    /// Opens a stream with a request; its answer to HEAD has no body whatever its length says. There must be room.
    pub(super) fn open(&mut self, block: &Block, body: Bytes, is_head: bool) -> u32 {
        let id = self.next;
        self.next += 2;
        if self.next > MAX_WINDOW {
            self.leaving = Some(Http2Error::GoAway(Reason::NO_ERROR));
        }
        frame::write_headers(&mut self.out, id, block.bytes(), body.is_empty(), self.peer.max_frame);
        self.streams.push(Stream::new(id, body, self.peer.stream_window, is_head));
        id
    }

    /// The stream of a handle: there as long as the handle.
    pub(super) fn stream(&mut self, id: u32) -> Option<&mut Stream> {
        let at = self.position(id).ok()?;
        self.streams.get_mut(at)
    }

    /// Takes what came of a stream's body, and gives its window back.
    pub(super) fn take_data(&mut self, id: u32) -> Option<Bytes> {
        let at = self.position(id).ok()?;
        let (data, increment) = self.streams[at].take_data()?;
        if increment > 0 {
            frame::write_window_update(&mut self.out, id, increment);
        }
        Some(data)
    }

    /// Forgets a stream whose handle is gone, and cancels it if it is not over.
    pub(super) fn forget(&mut self, id: u32) {
        let Ok(at) = self.position(id) else { return };
        let stream = self.streams.remove(at);
        if !stream.is_closed()
            && self.leaving.as_ref().is_none_or(|error| matches!(error, Http2Error::GoAway(_)))
        {
            frame::write_reset(&mut self.out, id, Reason::CANCEL);
        }
        // A burst leaves nothing behind.
        if self.streams.len() < self.streams.capacity() / 4 {
            self.streams.shrink_to(self.streams.len() * 2);
        }
        self.room_may_be_free();
    }

    /// Sends a PING; [`Http2::take_pong`] says whether it was answered.
    pub(super) fn ping(&mut self) {
        self.ponged = false;
        frame::write_ping(&mut self.out, *b"are you?");
    }

    pub(super) fn take_pong(&mut self) -> bool {
        std::mem::take(&mut self.ponged)
    }

    /// Whether there are frames to be sent other than DATA.
    pub(super) fn has_output(&self) -> bool {
        !self.out.is_empty()
    }

    /// Whether the connection takes no more requests.
    pub(super) fn is_leaving(&self) -> bool {
        self.leaving.is_some()
    }

    pub(super) fn has_streams(&self) -> bool {
        !self.streams.is_empty()
    }

    /// Whether any stream is under way: what is over may still have to be read.
    pub(super) fn has_open_streams(&self) -> bool {
        self.streams.iter().any(|stream| !stream.is_closed())
    }

    /// Says that the connection is over, to every stream that is not.
    pub(super) fn fail(&mut self, error: &Http2Error) {
        for stream in &mut self.streams {
            self.woken.extend(stream.fail(error));
        }
        self.leaving = Some(error.clone());
        self.incoming = Incoming::default();
        self.woken.append(&mut self.waiting);
    }

    /// Who must be woken now. To be called after anything else, without a lock held.
    pub(super) fn take_woken(&mut self) -> Vec<Waker> {
        std::mem::take(&mut self.woken)
    }

    fn position(&self, id: u32) -> Result<usize, usize> {
        self.streams.binary_search_by_key(&id, |stream| stream.id)
    }

    fn room_may_be_free(&mut self) {
        self.woken.append(&mut self.waiting);
    }
}

#[cfg(test)]
mod tests;
