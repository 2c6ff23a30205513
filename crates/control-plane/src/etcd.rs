//! The calls of etcd's API that snapshots and upkeep take, as gRPC over the HTTP client that is here anyway: a POST per call,
//! whose answer is a row of messages, each behind a byte and its length.
//!
//! The client cannot see trailers, where gRPC says how a call ended. That does no harm: a snapshot ends with its own hash,
//! a range says whether there is more, and of a call with one answer one without any has failed.

use std::{fs, io::Write, os::unix::fs::OpenOptionsExt, path::Path, time::Duration};

use bytes::{Buf, Bytes, BytesMut};
use prost::Message;
use sha2::{Digest, Sha256};

use crate::{Error, Instance, hash::hex, layout::Layout, ready};

/// etcd sends without a pause; one that sends nothing for this long has stalled.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// A compaction and a defragmentation answer when they are over: on a slow disk that takes a second for every few megabytes.
const PATIENCE: Duration = Duration::from_mins(10);
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

/// `etcdserverpb.StatusRequest`, and `DefragmentRequest` too: neither has any field.
#[derive(Clone, PartialEq, Eq, Message)]
struct Nothing {}

/// `etcdserverpb.CompactionRequest`.
#[derive(Clone, PartialEq, Eq, Message)]
struct CompactionRequest {
    #[prost(int64, tag = "1")]
    revision: i64,
    /// Whether the answer waits until what is forgotten is gone from the database.
    #[prost(bool, tag = "2")]
    physical: bool,
}

/// `etcdserverpb.AlarmRequest`.
#[derive(Clone, PartialEq, Eq, Message)]
struct AlarmRequest {
    /// 0 asks which there are, [`DEACTIVATE`] takes one back.
    #[prost(int32, tag = "1")]
    action: i32,
    #[prost(uint64, tag = "2")]
    member_id: u64,
    #[prost(int32, tag = "3")]
    alarm: i32,
}

/// `AlarmRequest.AlarmAction.DEACTIVATE`.
const DEACTIVATE: i32 = 2;

/// The part of `etcdserverpb.AlarmResponse` that says which alarms there are.
#[derive(Clone, PartialEq, Eq, Message)]
struct AlarmResponse {
    #[prost(message, repeated, tag = "2")]
    alarms: Vec<AlarmMember>,
}

/// `etcdserverpb.AlarmMember`.
#[derive(Clone, PartialEq, Eq, Message)]
struct AlarmMember {
    #[prost(uint64, tag = "1")]
    member_id: u64,
    #[prost(int32, tag = "2")]
    alarm: i32,
}

/// The part that the responses of all calls have in common.
#[derive(Clone, PartialEq, Eq, Message)]
struct Answered {
    #[prost(message, optional, tag = "1")]
    header: Option<ResponseHeader>,
}

/// `etcdserverpb.ResponseHeader`.
#[derive(Clone, PartialEq, Eq, Message)]
struct ResponseHeader {
    #[prost(int64, tag = "3")]
    revision: i64,
}

/// A file that was written.
#[derive(Debug)]
pub(crate) struct Saved {
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

/// A member of an etcd that runs, with the apiserver's right to it.
pub(crate) struct Etcd {
    client: reqwest::Client,
    server: String,
}

impl Etcd {
    pub(crate) fn connect(layout: &Layout, member: Instance) -> Result<Self, Error> {
        Self::waiting(layout, member, READ_TIMEOUT)
    }

    /// For calls that answer when they are over.
    pub(crate) fn connect_patiently(layout: &Layout, member: Instance) -> Result<Self, Error> {
        Self::waiting(layout, member, PATIENCE)
    }

    fn waiting(layout: &Layout, member: Instance, read_timeout: Duration) -> Result<Self, Error> {
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
            .read_timeout(read_timeout)
            .build()
            .map_err(|error| tls(error.to_string()))?;
        Ok(Self { client, server: layout.etcd_client(member) })
    }

    /// Writes a snapshot into a new file: the database and behind it its SHA-256, as `etcdctl snapshot save` does.
    pub(crate) async fn save(&self, path: &Path) -> Result<Saved, String> {
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
    pub(crate) async fn keys(&self, revision: i64, mut each: impl FnMut(&[u8])) -> Result<(), String> {
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

    /// The revision of the last write.
    pub(crate) async fn revision(&self) -> Result<i64, String> {
        let header = self.answer::<Answered>("Maintenance/Status", &Nothing {}).await?.header;
        header.map(|header| header.revision).ok_or_else(|| "etcd does not say its revision".to_owned())
    }

    /// Forgets what was before a revision, and returns when it is gone from the database.
    pub(crate) async fn compact(&self, revision: i64) -> Result<(), String> {
        self.answer::<Answered>("KV/Compact", &CompactionRequest { revision, physical: true }).await.map(drop)
    }

    /// Rewrites the database without what is free in it. The member answers nobody meanwhile.
    pub(crate) async fn defragment(&self) -> Result<(), String> {
        self.answer::<Answered>("Maintenance/Defragment", &Nothing {}).await.map(drop)
    }

    /// Takes back all alarms, and says how many there were.
    pub(crate) async fn disarm(&self) -> Result<usize, String> {
        let get = AlarmRequest { action: 0, member_id: 0, alarm: 0 };
        let alarms = self.answer::<AlarmResponse>("Maintenance/Alarm", &get).await?.alarms;
        for &AlarmMember { member_id, alarm } in &alarms {
            let deactivate = AlarmRequest { action: DEACTIVATE, member_id, alarm };
            self.answer::<AlarmResponse>("Maintenance/Alarm", &deactivate).await?;
        }
        Ok(alarms.len())
    }

    /// The one answer of a call that has one.
    async fn answer<T: Message + Default>(&self, method: &str, request: &impl Message) -> Result<T, String> {
        let answered = self.call(method, request).await?.next().await?;
        answered.ok_or_else(|| format!("etcd ends {method} without an answer"))
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
    use prost::Message;
    use sha2::{Digest, Sha256};

    use super::{Answered, CompactionRequest, Digested, take_message};

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
    fn an_answer_is_read_as_far_as_it_matters() {
        // A StatusResponse of version "3" and a header of member 7 at revision 300.
        let bytes = b"\x0a\x05\x10\x07\x18\xac\x02\x12\x013";
        let answered = Answered::decode(&bytes[..]).unwrap();
        assert_eq!(answered.header.unwrap().revision, 300);
        let request = CompactionRequest { revision: 300, physical: true };
        assert_eq!(request.encode_to_vec(), b"\x08\xac\x02\x10\x01");
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
