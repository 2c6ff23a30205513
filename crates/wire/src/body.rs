//! The body of an answer: read chunk by chunk, inflated if it was compressed.

use bytes::{Bytes, BytesMut};

use crate::http2::{Head, OpenStream};
use crate::inflate::Inflate;
use crate::{Error, Http2Error};

/// The longest body that is inflated into memory, in bytes: ten times the largest list of a large cluster. gzip can make a
/// thousand bytes of one. Go has no limit.
const MAX_INFLATED: usize = 1 << 30;

/// A body that is being received.
#[derive(Debug)]
pub(crate) struct Body {
    stream: OpenStream,
    inflate: Option<Box<Inflate>>,
}

/// Why a body has no more chunks.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// The stream broke.
    Stream(Http2Error),
    /// It came, and cannot be inflated.
    Inflate(Error),
}

impl Body {
    pub(crate) fn new(stream: OpenStream, head: &Head) -> Self {
        Self { stream, inflate: head.gzip.then(Inflate::new) }
    }

    /// The next chunk, as it was before compression. Cancel-safe.
    pub(crate) async fn chunk(&mut self) -> Option<Result<Bytes, BodyError>> {
        let chunk = self.stream.data().await;
        let Some(inflate) = &mut self.inflate else {
            return chunk.map(|chunk| chunk.map_err(BodyError::Stream));
        };
        match chunk {
            Some(Ok(chunk)) => Some(inflate.push(&chunk).map(Bytes::from).map_err(|error| corrupt(&error))),
            Some(Err(error)) => Some(Err(BodyError::Stream(error))),
            None => inflate.finish().err().map(|error| Err(corrupt(&error))),
        }
    }

    /// Reads to the end; stops at the first error, which the stream would repeat for ever.
    pub(crate) async fn whole(mut self) -> Result<Bytes, BodyError> {
        if let Some(inflate) = &mut self.inflate {
            inflate.limit(MAX_INFLATED);
        }
        let Some(first) = self.chunk().await else { return Ok(Bytes::new()) };
        let first = first?;
        // Most bodies are one chunk and are not copied.
        let Some(second) = self.chunk().await else { return Ok(first) };
        let mut whole = BytesMut::from(first);
        whole.extend_from_slice(&second?);
        while let Some(chunk) = self.chunk().await {
            whole.extend_from_slice(&chunk?);
        }
        Ok(whole.freeze())
    }
}

fn corrupt(reason: &impl ToString) -> BodyError {
    BodyError::Inflate(Error::decode("a gzip body", reason))
}
