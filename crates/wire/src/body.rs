//! The body of an answer: read chunk by chunk, its window given back, inflated if it was compressed.

use bytes::{Bytes, BytesMut};
use h2::RecvStream;
use http::HeaderMap;

use crate::Error;
use crate::inflate::Inflate;

/// The longest body that is inflated into memory, in bytes: ten times the largest list of a large cluster. gzip can make a
/// thousand bytes of one. Go has no limit.
const MAX_INFLATED: usize = 1 << 30;

/// A body that is being received.
#[derive(Debug)]
pub(crate) struct Body {
    stream: RecvStream,
    inflate: Option<Box<Inflate>>,
}

/// Why a body has no more chunks.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// The stream broke.
    Stream(h2::Error),
    /// It came, and cannot be inflated.
    Inflate(Error),
}

impl Body {
    pub(crate) fn new(stream: RecvStream, headers: &HeaderMap) -> Self {
        Self { stream, inflate: Inflate::for_headers(headers) }
    }

    /// The next chunk, as it was before compression. Cancel-safe.
    pub(crate) async fn chunk(&mut self) -> Option<Result<Bytes, BodyError>> {
        let chunk = next_chunk(&mut self.stream).await;
        let Some(inflate) = &mut self.inflate else {
            return chunk.map(|chunk| chunk.map_err(BodyError::Stream));
        };
        match chunk {
            Some(Ok(chunk)) => Some(inflate.push(&chunk).map(Bytes::from).map_err(|error| corrupt(&error))),
            Some(Err(error)) => Some(Err(BodyError::Stream(error))),
            None => inflate.finish().err().map(|error| Err(corrupt(&error))),
        }
    }

    /// Reads to the end; stops at the first error, which h2 would repeat for ever.
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

/// The next chunk of a stream, whose share of the flow-control windows is given back.
async fn next_chunk(stream: &mut RecvStream) -> Option<Result<Bytes, h2::Error>> {
    let chunk = stream.data().await?;
    Some(chunk.and_then(|chunk| stream.flow_control().release_capacity(chunk.len()).map(|()| chunk)))
}
