//! What a connection sends: frames that are ready, and DATA as far as the windows let it.

use super::Http2;
use crate::http2::frame;

/// Bytes that are made at once, and the longest part of a body, whatever length the server takes (Go's takes a MiB): what holds
/// them stays with the thread.
const BATCH: usize = 64 << 10;

impl Http2 {
    /// Appends to `out` what is to be sent next, to be called again until nothing comes: control frames and HEADERS first, then
    /// bodies, so that a request and its short body are one piece.
    pub(in crate::http2) fn take_output(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.out);
        self.out = Vec::new();
        let mut has_closed = false;
        for stream in self.streams.iter_mut().filter(|stream| !stream.body.is_empty()) {
            while out.len() < BATCH {
                let allowed = stream.window.min(self.window).min(self.peer.max_frame.into());
                let length = usize::try_from(allowed).unwrap_or(0).min(stream.body.len()).min(BATCH);
                if length == 0 {
                    break;
                }
                let part = stream.body.split_to(length);
                frame::write_data(out, stream.id, &part, stream.body.is_empty());
                // At most a frame, which has 24 bits.
                let length = i64::try_from(length).unwrap_or(i64::MAX);
                stream.window -= length;
                self.window -= length;
            }
            if stream.body.is_empty() {
                // An empty slice of it would keep the whole of it.
                stream.stop_sending();
                has_closed |= stream.is_closed();
            }
        }
        if has_closed {
            self.room_may_be_free();
        }
    }
}
