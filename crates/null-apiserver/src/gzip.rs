//! Long bodies are compressed for a client that takes gzip, as kube-apiserver does (apiserver
//! `endpoints/handlers/responsewriters/writers.go`): objects and lists above 128 KiB at level 1, watches never.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::Compression as Level;
use flate2::write::GzEncoder;
use http::{HeaderValue, Response, header};
use tokio::sync::mpsc;

use crate::answer::{Body, Broken};
use crate::log::Logged;

/// `defaultGzipThresholdBytes`.
const THRESHOLD: usize = 128 * 1024;

/// What becomes of a body.
#[derive(Clone, Copy)]
pub(crate) enum Compression {
    /// What the real server does.
    IfLong,
    /// It is compressed, and a stream is flushed after each chunk.
    Always,
    /// It is called gzip, whatever it is.
    Pretended,
}

impl Compression {
    pub(crate) fn apply(self, response: Response<Body>, request: &Logged) -> Response<Body> {
        let long = matches!(response.body(), Body::Whole(plain) if plain.len() > THRESHOLD);
        let response = match self {
            Self::IfLong if !long || !takes_gzip(request) => return response,
            Self::IfLong | Self::Always => response.map(compress),
            Self::Pretended => response,
        };
        label(response)
    }
}

fn takes_gzip(request: &Logged) -> bool {
    request.headers.get_all(header::ACCEPT_ENCODING).iter().any(names_gzip)
}

fn names_gzip(value: &HeaderValue) -> bool {
    value.to_str().is_ok_and(|text| text.split(',').any(|token| token.trim() == "gzip"))
}

fn label(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    response
}

fn compress(body: Body) -> Body {
    match body {
        // Writing to memory does not fail.
        Body::Whole(plain) => Body::Whole(whole(&plain).unwrap_or_default().into()),
        Body::Stream(plain) => {
            let (chunks, compressed) = mpsc::channel(1);
            tokio::spawn(stream(plain, chunks));
            Body::Stream(compressed)
        }
    }
}

fn whole(plain: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Level::fast());
    encoder.write_all(plain)?;
    encoder.finish()
}

async fn stream(
    mut plain: mpsc::Receiver<Result<Bytes, Broken>>,
    chunks: mpsc::Sender<Result<Bytes, Broken>>,
) -> io::Result<()> {
    let mut encoder = GzEncoder::new(Vec::new(), Level::fast());
    loop {
        // When the client went away, the plain stream must end too.
        let chunk = tokio::select! {
            chunk = plain.recv() => chunk,
            () = chunks.closed() => return Ok(()),
        };
        let compressed = match chunk {
            Some(Ok(chunk)) => {
                encoder.write_all(&chunk)?;
                encoder.flush()?;
                Ok(std::mem::take(encoder.get_mut()).into())
            }
            Some(Err(broken)) => Err(broken),
            None => break,
        };
        if chunks.send(compressed).await.is_err() {
            return Ok(());
        }
    }
    // A client that went away needs no end.
    let _ = chunks.send(Ok(encoder.finish()?.into())).await;
    Ok(())
}
