//! Undoes `Content-Encoding: gzip`, chunk by chunk.
//!
//! Go's transport asks for gzip on its own and inflates what comes (x/net/http2 `IsRequestGzip`, `gzipReader`). An API server
//! compresses the objects and lists that are longer than 128 KiB (apiserver `responsewriters/writers.go`) and no watch
//! (`handlers/watch.go` writes past that writer), but a proxy between may; so watches are inflated as well.

use std::fmt;
use std::io::{self, Write};

use flate2::write::MultiGzDecoder;

/// A gzip stream on its way.
pub(crate) struct Inflate {
    decoder: MultiGzDecoder<Vec<u8>>,
    begun: bool,
    /// Bytes that the plain body may still have.
    left: usize,
}

impl Inflate {
    /// The beginning of one. Boxed, because most bodies need none.
    pub(crate) fn new() -> Box<Self> {
        Box::new(Self { decoder: MultiGzDecoder::new(Vec::new()), begun: false, left: usize::MAX })
    }

    /// Lets the plain body have so many bytes and no more.
    pub(crate) fn limit(&mut self, bytes: usize) {
        self.left = bytes;
    }

    /// Takes the next chunk and returns all that can be known of the plain body by now.
    pub(crate) fn push(&mut self, chunk: &[u8]) -> io::Result<Vec<u8>> {
        self.begun |= !chunk.is_empty();
        self.decoder.write_all(chunk)?;
        self.decoder.flush()?;
        let plain = std::mem::take(self.decoder.get_mut());
        self.left = self.left.checked_sub(plain.len()).ok_or_else(|| io::Error::other("it is too long"))?;
        Ok(plain)
    }

    /// Checks that the stream is complete and that its sum is right. No stream at all is an empty body.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        if self.begun { self.decoder.try_finish() } else { Ok(()) }
    }
}

impl fmt::Debug for Inflate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflate").field("begun", &self.begun).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn compressed(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn inflated(chunks: &[&[u8]]) -> io::Result<Vec<u8>> {
        let mut inflate = Inflate::new();
        let mut plain = Vec::new();
        for chunk in chunks {
            plain.extend(inflate.push(chunk)?);
        }
        inflate.finish().map(|()| plain)
    }

    #[test]
    fn it_does_not_matter_where_the_network_cuts() {
        let plain: Vec<u8> = (0..20_000_u32).flat_map(|number| (number / 7).to_le_bytes()).collect();
        let compressed = compressed(&plain);
        for size in [1, 7, 1000, compressed.len()] {
            let chunks: Vec<&[u8]> = compressed.chunks(size).collect();
            assert!(inflated(&chunks).unwrap() == plain, "in chunks of {size}");
        }
    }

    #[test]
    fn what_is_no_complete_gzip_stream_is_an_error() {
        let good = compressed(b"{\"kind\":\"NodeList\"}");
        for length in 1..good.len() {
            assert!(inflated(&[&good[..length]]).is_err(), "cut after {length} bytes");
        }
        let mut wrong_sum = good.clone();
        wrong_sum[good.len() - 8] ^= 1;
        assert!(inflated(&[&wrong_sum]).is_err());
        assert!(inflated(&[b"{\"kind\":\"NodeList\"}"]).is_err());
        assert!(inflated(&[&good, b"and more"]).is_err());
        assert_eq!(inflated(&[]).unwrap(), b"");
    }

    #[test]
    fn a_little_that_becomes_much_is_refused() {
        let mut inflate = Inflate::new();
        inflate.limit(1000);
        assert_eq!(inflate.push(&compressed(&[0; 900])).unwrap().len(), 900);
        assert!(inflate.push(&compressed(&[0; 101])).is_err());
    }

    #[test]
    fn an_event_of_a_watch_is_there_as_soon_as_the_server_flushed_it() {
        let (mut encoder, mut inflate) = (GzEncoder::new(Vec::new(), Compression::fast()), Inflate::new());
        for event in ["{\"type\":\"ADDED\"}\n", "{\"type\":\"MODIFIED\"}\n"] {
            encoder.write_all(event.as_bytes()).unwrap();
            encoder.flush().unwrap();
            let sent = std::mem::take(encoder.get_mut());
            assert_eq!(inflate.push(&sent).unwrap(), event.as_bytes());
        }
    }
}
