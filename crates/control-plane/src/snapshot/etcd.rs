//! The two calls of etcd's API that a snapshot takes, as gRPC over the HTTP client that is here anyway: a POST per call,
//! whose answer is a row of messages, each behind a byte and its length.
//!
//! The client cannot see trailers, where gRPC says how a call ended. That does no harm: a snapshot ends with its own hash,
//! and a range says whether there is more.

use std::{fs, io::Write, os::unix::fs::OpenOptionsExt, path::Path, time::Duration};

use bytes::{Buf, Bytes, BytesMut};
use prost::Message;
use sha2::{Digest, Sha256};

use crate::{Error, hash::hex, layout::Layout, ready};

/// etcd sends without a pause; one that sends nothing for this long has stalled.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Keys in one answer: some hundred kilobytes.
const PAGE: i64 = 10_000;
const SHA256_BYTES: usize = 32;
/// etcd's end of a range that has none, and the key before all others.
const NUL: &[u8] = b"\0";

/// `etcdserverpb.SnapshotRequest`.
#[derive(Clone, PartialEq, Eq, Message)]
struct SnapshotRequest {}

/// `etcdserverpb.SnapshotResponse`.
#[derive(Clone, PartialEq, Eq, Message)]
struct SnapshotResponse {
    #[prost(bytes = "bytes", tag = "3")]
    blob: Bytes,
}

/// `etcdserverpb.RangeRequest`.
#[derive(Clone, PartialEq, Eq, Message)]
struct RangeRequest {
    #[prost(bytes = "bytes", tag = "1")]
    key: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    range_end: Bytes,
    #[prost(int64, tag = "3")]
    limit: i64,
    #[prost(int64, tag = "4")]
    revision: i64,
    #[prost(bool, tag = "8")]
    keys_only: bool,
}

/// `etcdserverpb.RangeResponse`.
#[derive(Clone, PartialEq, Eq, Message)]
struct RangeResponse {
    #[prost(message, repeated, tag = "2")]
    kvs: Vec<KeyValue>,
    #[prost(bool, tag = "3")]
    more: bool,
}

/// `mvccpb.KeyValue`.
#[derive(Clone, PartialEq, Eq, Message)]
struct KeyValue {
    #[prost(bytes = "bytes", tag = "1")]
    key: Bytes,
}

/// A file that was written.
#[derive(Debug)]
pub(super) struct Saved {
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

/// An etcd that runs, with the apiserver's right to it.
pub(super) struct Etcd {
    client: reqwest::Client,
    server: String,
}

impl Etcd {
    pub(super) fn connect(layout: &Layout) -> Result<Self, Error> {
        let read = |name: &str| {
            let path = layout.pki(name);
            fs::read_to_string(&path).map_err(Error::file("read", path))
        };
        let ca = read("etcd/ca.crt")?;
        let (certificate, key) = (read("apiserver-etcd-client.crt")?, read("apiserver-etcd-client.key")?);
        let tls = |reason: String| Error::Tls { reason };
        let mut config = ready::tls(&ca, &certificate, &key).map_err(tls)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(config)
            .http2_prior_knowledge()
            .no_proxy()
            .read_timeout(READ_TIMEOUT)
            .build()
            .map_err(|error| tls(error.to_string()))?;
        Ok(Self { client, server: format!("https://127.0.0.1:{}", layout.ports.etcd_client) })
    }

    /// Writes a snapshot into a new file: the database and behind it its SHA-256, as `etcdctl snapshot save` does.
    pub(super) async fn save(&self, path: &Path) -> Result<Saved, String> {
        let unwritten = |error: std::io::Error| format!("cannot write {}: {error}", path.display());
        let file = fs::File::options().write(true).create_new(true).mode(0o600).open(path);
        let mut file = file.map_err(unwritten)?;
        let mut replies = self.call("Maintenance/Snapshot", &SnapshotRequest {}).await?;
        let mut saved = Digested::default();
        while let Some(SnapshotResponse { blob }) = replies.next().await? {
            file.write_all(&blob).map_err(unwritten)?;
            saved.add(blob);
        }
        file.sync_all().map_err(unwritten)?;
        saved.finish()
    }

    /// All keys as they were at a revision, in order.
    pub(super) async fn keys(&self, revision: i64, mut each: impl FnMut(&[u8])) -> Result<(), String> {
        let mut key = Bytes::from_static(NUL);
        loop {
            let range_end = Bytes::from_static(NUL);
            let request = RangeRequest { key, range_end, limit: PAGE, revision, keys_only: true };
            let mut replies = self.call("KV/Range", &request).await?;
            let page: RangeResponse =
                replies.next().await?.ok_or_else(|| format!("etcd lists no keys of revision {revision}"))?;
            for pair in &page.kvs {
                each(&pair.key);
            }
            match page.kvs.last() {
                Some(last) if page.more => key = [&last.key, NUL].concat().into(),
                _ => return Ok(()),
            }
        }
    }

    async fn call(&self, method: &str, request: &impl Message) -> Result<Replies, String> {
        let mut body = vec![0];
        let length = u32::try_from(request.encoded_len()).unwrap_or(u32::MAX);
        body.extend(length.to_be_bytes());
        body.extend(request.encode_to_vec());
        let response = self
            .client
            .post(format!("{}/etcdserverpb.{method}", self.server))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(body)
            .send()
            .await
            .map_err(|error| format!("etcd does not answer: {}", ready::deepest(&error)))?;
        // A call that fails before its first message says so in the head.
        let said = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        match said("grpc-status") {
            None | Some("0") if response.status().is_success() => {
                Ok(Replies { response, buffer: BytesMut::new() })
            }
            None | Some("0") => Err(format!("etcd answers {}", response.status())),
            Some(code) => {
                Err(format!("etcd refuses {method}: {} (code {code})", said("grpc-message").unwrap_or("")))
            }
        }
    }
}

/// The messages of an answer, as they come.
struct Replies {
    response: reqwest::Response,
    buffer: BytesMut,
}

impl Replies {
    async fn next<M: Message + Default>(&mut self) -> Result<Option<M>, String> {
        loop {
            if let Some(message) = take_message(&mut self.buffer)? {
                let decoded = M::decode(message).map_err(|error| format!("etcd's answer: {error}"))?;
                return Ok(Some(decoded));
            }
            let chunk = self.response.chunk().await;
            match chunk.map_err(|error| format!("etcd stops answering: {}", ready::deepest(&error)))? {
                Some(chunk) => self.buffer.extend_from_slice(&chunk),
                None if self.buffer.is_empty() => return Ok(None),
                None => return Err("etcd's answer ends within a message".to_owned()),
            }
        }
    }
}

/// The first message in the buffer, if it is there whole.
fn take_message(buffer: &mut BytesMut) -> Result<Option<Bytes>, String> {
    let Some((&[compressed, a, b, c, d], rest)) = buffer.split_first_chunk::<5>() else { return Ok(None) };
    if compressed != 0 {
        return Err("etcd compresses, which it was not asked to".to_owned());
    }
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    if rest.len() < length {
        return Ok(None);
    }
    buffer.advance(5);
    Ok(Some(buffer.split_to(length).freeze()))
}

/// The hash of a file and of all of it but its last piece, which has to be that hash.
#[derive(Default)]
struct Digested {
    bytes: u64,
    whole: Sha256,
    without_last: Sha256,
    last: Bytes,
}

impl Digested {
    fn add(&mut self, piece: Bytes) {
        self.bytes += piece.len() as u64;
        self.whole.update(&piece);
        self.without_last.update(&self.last);
        self.last = piece;
    }

    fn finish(self) -> Result<Saved, String> {
        if self.last.len() != SHA256_BYTES || self.last != self.without_last.finalize()[..] {
            return Err("etcd's answer is cut short: it does not end with its hash".to_owned());
        }
        Ok(Saved { bytes: self.bytes, sha256: hex(&self.whole.finalize()) })
    }
}

#[cfg(test)]
mod tests {
    use bytes::{Bytes, BytesMut};
    use sha2::{Digest, Sha256};

    use super::{Digested, take_message};

    #[test]
    fn messages_are_taken_when_they_are_whole() {
        let mut buffer = BytesMut::new();
        let mut taken = Vec::new();
        for byte in *b"\0\0\0\0\x02ab\0\0\0\0\0\0\0\0\0\x01c" {
            buffer.extend_from_slice(&[byte]);
            taken.extend(take_message(&mut buffer).unwrap());
        }
        assert_eq!(taken, [&b"ab"[..], b"", b"c"]);
        assert!(buffer.is_empty());
        assert!(take_message(&mut BytesMut::from(&b"\x01\0\0\0\0"[..])).is_err());
    }

    #[test]
    fn a_snapshot_that_is_cut_short_is_refused() {
        let hash = Bytes::copy_from_slice(&Sha256::digest(b"abcd"));
        let finish = |pieces: &[&Bytes]| {
            let mut digested = Digested::default();
            for piece in pieces {
                digested.add((*piece).clone());
            }
            digested.finish()
        };
        let (ab, cd) = (Bytes::from_static(b"ab"), Bytes::from_static(b"cd"));
        let saved = finish(&[&ab, &cd, &hash]).unwrap();
        assert_eq!(saved.bytes, 36);
        assert_eq!(saved.sha256.len(), 64);
        for pieces in [&[&ab, &hash][..], &[&ab, &cd], &[]] {
            assert!(finish(pieces).unwrap_err().contains("cut short"));
        }
    }
}
