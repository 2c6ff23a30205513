//! A watch: one event at a time, wherever the network cut the stream.

use bytes::Bytes;
use prost::Message;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::body::Body;
use crate::client::Answer;
use crate::connection::InFlight;
use crate::frames::Frames;
use crate::{Client, Encoding, Error, Object, Request};

/// An open watch. Dropping it cancels the stream.
#[derive(Debug)]
pub struct Watch {
    client: Client,
    request: Request,
    body: Body,
    in_flight: InFlight,
    encoding: Encoding,
    frames: Frames,
    over: bool,
}

/// One event of a watch.
#[derive(Clone, Debug)]
pub struct WatchEvent {
    /// What happened.
    pub kind: WatchKind,
    /// The object as it is now; as it last was if it was deleted; a `Status` for an error.
    pub object: Object,
}

/// What an event of a watch says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WatchKind {
    /// The object is new, or new to this selection.
    Added,
    /// The object changed.
    Modified,
    /// The object is gone, or left this selection.
    Deleted,
    /// Nothing happened up to the object's resource version.
    Bookmark,
    /// The watch failed; the object is a `Status`.
    Error,
}

impl Watch {
    pub(crate) fn new(client: Client, request: &Request, answer: Answer) -> Self {
        let Answer { head, body, in_flight } = answer;
        let encoding = head.encoding;
        Self {
            client,
            // Kept to name the watch in an error; its body is not needed for that.
            request: Request { body: Bytes::new(), ..request.clone() },
            body,
            in_flight,
            encoding,
            frames: Frames::new(encoding),
            over: false,
        }
    }

    /// The next event; `None` when the server ended the stream. After an error there are no more events.
    ///
    /// Cancel-safe: an event is never lost by dropping the future.
    pub async fn next(&mut self) -> Option<Result<WatchEvent, Error>> {
        if self.over {
            return None;
        }
        let event = self.read().await.transpose();
        self.over = !matches!(event, Some(Ok(_)));
        event
    }

    async fn read(&mut self) -> Result<Option<WatchEvent>, Error> {
        loop {
            if let Some(frame) = self.frames.next()? {
                return WatchEvent::read(self.encoding, frame).map(Some);
            }
            match self.body.chunk().await {
                Some(Ok(chunk)) => self.frames.push(&chunk),
                Some(Err(error)) => {
                    return Err(self.client.unreadable(&self.request, &self.in_flight, error));
                }
                None if self.frames.is_between_frames() => return Ok(None),
                None => return Err(Error::Truncated { request: self.request.to_string() }),
            }
        }
    }
}

/// `meta.v1.WatchEvent`, whose object is an enveloped one in a `runtime.RawExtension`.
#[derive(Clone, PartialEq, Message)]
struct ProtobufEvent {
    #[prost(string, tag = "1")]
    kind: String,
    #[prost(message, optional, tag = "2")]
    object: Option<RawExtension>,
}

#[derive(Clone, PartialEq, Message)]
struct RawExtension {
    #[prost(bytes = "bytes", tag = "1")]
    raw: Bytes,
}

#[derive(Deserialize)]
struct JsonEvent<'a> {
    #[serde(rename = "type", borrow)]
    kind: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    object: &'a RawValue,
}

impl WatchEvent {
    /// Reads one frame without copying the object in it.
    pub(crate) fn read(encoding: Encoding, frame: Bytes) -> Result<Self, Error> {
        const WHAT: &str = "a watch event";
        if encoding == Encoding::Protobuf {
            let event = ProtobufEvent::decode(frame).map_err(|error| Error::decode(WHAT, &error))?;
            let kind = WatchKind::parse(&event.kind)?;
            let object = Object::from_enveloped_protobuf(&event.object.unwrap_or_default().raw)?;
            return Ok(Self { kind, object });
        }
        if let Some((kind, object)) = as_go_writes_it(&frame)
            && let Ok(kind) = WatchKind::parse(kind)
        {
            return Ok(Self { kind, object: Object::from_json(frame.slice_ref(object)) });
        }
        let event: JsonEvent<'_> =
            serde_json::from_slice(&frame).map_err(|error| Error::decode(WHAT, &error))?;
        let kind = WatchKind::parse(&event.kind)?;
        let object = Object::from_json(frame.slice_ref(event.object.get().as_bytes()));
        Ok(Self { kind, object })
    }
}

/// Type and object of a JSON event as Go's encoder writes `metav1.WatchEvent`: without spaces, and nothing but these
/// two. An object is read when somebody wants to know something of it, and found to be wrong then; to look for its end here would be to
/// read it twice.
fn as_go_writes_it(frame: &[u8]) -> Option<(&str, &[u8])> {
    let rest = frame.strip_prefix(br#"{"type":""#)?;
    let (kind, rest) = rest.split_at(memchr::memchr(b'"', rest)?);
    let object = rest.strip_prefix(br#"","object":"#)?.strip_suffix(b"}")?;
    Some((std::str::from_utf8(kind).ok()?, object)).filter(|(_, object)| object.starts_with(b"{"))
}

impl WatchKind {
    fn parse(text: &str) -> Result<Self, Error> {
        Ok(match text {
            "ADDED" => Self::Added,
            "MODIFIED" => Self::Modified,
            "DELETED" => Self::Deleted,
            "BOOKMARK" => Self::Bookmark,
            "ERROR" => Self::Error,
            _ => return Err(Error::decode("a watch event", &format!("unknown type {text:?}"))),
        })
    }
}

#[cfg(test)]
mod tests {
    use k8s_pb::api::core::v1::Pod;
    use k8s_pb::apimachinery::pkg::apis::meta::v1 as meta;
    use k8s_pb::apimachinery::pkg::runtime;

    use super::*;
    use crate::protobuf;

    #[test]
    fn events_are_read_in_either_encoding() {
        let pod = Pod {
            metadata: Some(meta::ObjectMeta { name: Some("p".into()), ..Default::default() }),
            ..Pod::default()
        };
        let event = meta::WatchEvent {
            r#type: Some("MODIFIED".into()),
            object: Some(runtime::RawExtension { raw: Some(protobuf::encode("v1", "Pod", &pod).to_vec()) }),
        };
        let event = WatchEvent::read(Encoding::Protobuf, event.encode_to_vec().into()).unwrap();
        assert_eq!(event.kind, WatchKind::Modified);
        assert_eq!(event.object.decode::<Pod>().unwrap(), pod);

        // As Go writes it, and as another program may.
        for line in [
            r#"{"type":"DELETED","object":{"metadata":{"name":"p"}}}"#,
            r#"{ "type": "DELETED", "object": {"metadata":{"name":"p"}}}"#,
            r#"{"object":{"metadata":{"name":"p"}},"type":"DELETED"}"#,
            r#"{"type":"DEL\u0045TED","object":{"metadata":{"name":"p"}}}"#,
        ] {
            let event = WatchEvent::read(Encoding::Json, Bytes::from_static(line.as_bytes())).unwrap();
            assert_eq!(event.kind, WatchKind::Deleted);
            assert_eq!(event.object.raw(), r#"{"metadata":{"name":"p"}}"#);
        }
    }

    #[test]
    fn what_is_wrong_within_an_object_is_found_by_who_reads_it() {
        for object in [r#"{"metadata":{}"#, r#"{"metadata":{}}}"#, "{metadata}"] {
            let line = format!(r#"{{"type":"ADDED","object":{object}}}"#);
            let event = WatchEvent::read(Encoding::Json, line.into());
            assert!(event.and_then(|event| event.object.resource_version()).is_err(), "{object}");
        }
    }

    #[test]
    fn nonsense_is_an_error() {
        for line in ["", "{}", r#"{"type":"RENAMED","object":{}}"#, r#"{"type":"ADDED"}"#] {
            assert!(WatchEvent::read(Encoding::Json, Bytes::from_static(line.as_bytes())).is_err(), "{line}");
        }
        assert!(WatchEvent::read(Encoding::Protobuf, Bytes::from_static(b"\x0a\x05ADDED")).is_err());
    }

    #[test]
    fn an_error_event_carries_a_status() {
        let line =
            r#"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"old"}}"#;
        let event = WatchEvent::read(Encoding::Json, Bytes::from_static(line.as_bytes())).unwrap();
        assert!(event.object.status().is_expired());
    }
}
