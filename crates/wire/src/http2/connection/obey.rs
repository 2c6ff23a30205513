//! What the frames that a connection received mean for it and for its streams.

use std::task::Waker;

use http::StatusCode;

use super::stream::{Head, Stream};
use super::{Http2, MAX_HEADER_LIST};
use crate::http2::error::{Http2Error, Reason};
use crate::http2::frame::{self, DEFAULT_MAX_FRAME, MAX_WINDOW};

impl Http2 {
    pub(super) fn take_head(&mut self, stream: u32, block: &[u8], end_stream: bool) -> Result<(), Reason> {
        self.refuse_idle(stream)?;
        // Also of a stream that is gone: the table must stay in step.
        let mut head = Head::new(StatusCode::CONTINUE);
        let decoded = self.incoming.decoder.decode(block, |field| head.add(field));
        let size = decoded.map_err(|_| Reason::COMPRESSION_ERROR)?;
        self.on_stream(stream, |stream| {
            if size > MAX_HEADER_LIST as usize {
                return Err(Reason::PROTOCOL_ERROR);
            }
            stream.take_head(head, end_stream)
        });
        if end_stream {
            self.room_may_be_free();
        }
        Ok(())
    }

    pub(super) fn take_reset(&mut self, id: u32, reason: Reason) -> Result<(), Reason> {
        self.refuse_idle(id)?;
        if let Ok(at) = self.position(id) {
            // After a complete answer it only says that the rest of the request is not wanted (RFC 9113 section 8.1).
            self.woken.extend(self.streams[at].fail(&Http2Error::Reset(reason)));
            self.room_may_be_free();
        }
        Ok(())
    }

    pub(super) fn take_settings(&mut self, settings: &[u8]) -> Result<(), Reason> {
        if !self.peer.known {
            // Until now 100 were assumed, and who says nothing has no limit.
            self.peer.known = true;
            self.peer.max_streams = u32::MAX;
        }
        for (id, value) in frame::settings_of(settings) {
            match id {
                frame::MAX_CONCURRENT_STREAMS => self.peer.max_streams = value,
                frame::INITIAL_WINDOW_SIZE if value > MAX_WINDOW => return Err(Reason::FLOW_CONTROL_ERROR),
                frame::INITIAL_WINDOW_SIZE => {
                    let change = i64::from(value) - i64::from(self.peer.stream_window);
                    self.peer.stream_window = value;
                    for stream in &mut self.streams {
                        stream.window = within(stream.window + change)?;
                    }
                }
                frame::MAX_FRAME_SIZE if !(DEFAULT_MAX_FRAME..1 << 24).contains(&value) => {
                    return Err(Reason::PROTOCOL_ERROR);
                }
                frame::MAX_FRAME_SIZE => self.peer.max_frame = value,
                // What is about the headers that we send does not matter: none of them is indexed.
                _ => {}
            }
        }
        frame::write_settings_ack(&mut self.out);
        self.room_may_be_free();
        Ok(())
    }

    /// The streams beyond the last one were not begun, the others go on.
    pub(super) fn take_go_away(&mut self, last: u32, reason: Reason) {
        let error = Http2Error::GoAway(reason);
        for stream in self.streams.iter_mut().filter(|stream| stream.id > last) {
            self.woken.extend(stream.fail(&error));
        }
        self.leaving = Some(error);
        self.room_may_be_free();
    }

    pub(super) fn take_window(&mut self, id: u32, increment: u32) -> Result<(), Reason> {
        if id == 0 {
            self.window = within(self.window + i64::from(increment))?;
            return Ok(());
        }
        self.refuse_idle(id)?;
        self.on_stream(id, |stream| {
            stream.window = within(stream.window + i64::from(increment))?;
            Ok(None)
        });
        Ok(())
    }

    /// A server may only speak of streams that we have opened.
    pub(super) fn refuse_idle(&self, id: u32) -> Result<(), Reason> {
        if id % 2 == 1 && id < self.next { Ok(()) } else { Err(Reason::PROTOCOL_ERROR) }
    }

    /// Does something with a stream if it is still wanted; if it breaks a rule by that, it is reset.
    pub(super) fn on_stream(
        &mut self,
        id: u32,
        act: impl FnOnce(&mut Stream) -> Result<Option<Waker>, Reason>,
    ) {
        let Ok(at) = self.position(id) else { return };
        let stream = &mut self.streams[at];
        if stream.error().is_some() {
            return;
        }
        match act(stream) {
            Ok(waker) => self.woken.extend(waker),
            Err(reason) => {
                frame::write_reset(&mut self.out, id, reason);
                self.woken.extend(self.streams[at].fail(&Http2Error::Malformed(reason)));
                self.room_may_be_free();
            }
        }
    }
}

fn within(window: i64) -> Result<i64, Reason> {
    if window > i64::from(MAX_WINDOW) { Err(Reason::FLOW_CONTROL_ERROR) } else { Ok(window) }
}
