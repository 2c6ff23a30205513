//! One object as it came from a list or a watch: its bytes, and the few fields that are read before it is decoded.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::{Encoding, Error, Status, protobuf};

/// The annotation of the bookmark that ends the initial events of a `WatchList` (KEP-3157).
pub const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";

/// An object that has not been decoded yet. Clone shares the bytes.
#[derive(Clone, Debug)]
pub struct Object {
    /// JSON text, or the protobuf message without its envelope.
    raw: Bytes,
    encoding: Encoding,
}

/// The metadata that every reader of a watch needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`; empty for a cluster-scoped object.
    pub namespace: String,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
}

impl Object {
    /// An object in JSON.
    pub fn from_json(raw: Bytes) -> Self {
        Self { raw, encoding: Encoding::Json }
    }

    /// A protobuf message that stands without an envelope, as the items of a list do.
    pub fn from_raw_protobuf(raw: Bytes) -> Self {
        Self { raw, encoding: Encoding::Protobuf }
    }

    /// A protobuf object with its envelope, as a watch event carries it.
    pub fn from_enveloped_protobuf(bytes: &Bytes) -> Result<Self, Error> {
        Ok(Self::from_raw_protobuf(protobuf::unwrap(bytes)?))
    }

    /// [`Encoding::Json`] or [`Encoding::Protobuf`].
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// JSON text, or the protobuf message without its envelope.
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// Decodes a protobuf object. An error if it is JSON.
    pub fn decode<M: Message + Default>(&self) -> Result<M, Error> {
        if self.encoding != Encoding::Protobuf {
            return Err(Error::decode("a protobuf object", &"the server sent JSON"));
        }
        M::decode(self.raw.clone()).map_err(|error| Error::decode("a protobuf object", &error))
    }

    /// Decodes a JSON object. An error if it is protobuf.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        if self.encoding != Encoding::Json {
            return Err(Error::decode("a JSON object", &"the server sent protobuf"));
        }
        serde_json::from_slice(&self.raw).map_err(|error| Error::decode("a JSON object", &error))
    }

    /// The object's metadata, without decoding the rest of it.
    pub fn meta(&self) -> Result<Meta, Error> {
        Ok(match self.encoding {
            Encoding::Protobuf => self.protobuf_metadata()?.into(),
            _ => self.json_metadata()?.into(),
        })
    }

    /// `metadata.resourceVersion`, without decoding the rest of the object; empty if it has none.
    pub fn resource_version(&self) -> Result<String, Error> {
        if self.encoding == Encoding::Protobuf {
            let metadata = decode_message::<ProtobufVersioned>(&self.raw)?.metadata;
            return Ok(metadata.map(|metadata| metadata.resource_version).unwrap_or_default());
        }
        let versioned: JsonVersioned<'_> = from_json(&self.raw)?;
        Ok(versioned.metadata.resource_version.into_owned())
    }

    /// Whether this is the bookmark that ends the initial events of a `WatchList`.
    pub(crate) fn ends_initial_events(&self) -> Result<bool, Error> {
        Ok(match self.encoding {
            Encoding::Protobuf => {
                let metadata = decode_message::<ProtobufBookmark>(&self.raw)?.metadata.unwrap_or_default();
                metadata.annotations.get(INITIAL_EVENTS_END).is_some_and(|value| value == "true")
            }
            _ => {
                self.json_metadata()?.annotations.get(INITIAL_EVENTS_END).is_some_and(|value| value == "true")
            }
        })
    }

    /// Reads the object of an ERROR event.
    pub fn status(&self) -> Status {
        match self.encoding {
            Encoding::Protobuf => Status::parse_raw(&self.raw),
            _ => Status::parse(500, Encoding::Json, &self.raw),
        }
    }

    fn protobuf_metadata(&self) -> Result<ProtobufMeta, Error> {
        Ok(decode_message::<ProtobufObject>(&self.raw)?.metadata.unwrap_or_default())
    }

    fn json_metadata(&self) -> Result<JsonMeta<'_>, Error> {
        from_json::<JsonObject<'_>>(&self.raw).map(|object| object.metadata)
    }
}

fn from_json<'a, T: Deserialize<'a>>(raw: &'a [u8]) -> Result<T, Error> {
    serde_json::from_slice(raw).map_err(|error| Error::decode("the metadata of a JSON object", &error))
}

fn decode_message<M: Message + Default>(raw: &Bytes) -> Result<M, Error> {
    M::decode(raw.clone()).map_err(|error| Error::decode("the metadata of a protobuf object", &error))
}

/// The part of any object that is its metadata: field 1 in every Kubernetes type.
#[derive(Clone, PartialEq, Message)]
struct ProtobufObject {
    #[prost(message, optional, tag = "1")]
    metadata: Option<ProtobufMeta>,
}

#[derive(Clone, PartialEq, Message)]
struct ProtobufMeta {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "3")]
    namespace: String,
    #[prost(string, tag = "5")]
    uid: String,
    #[prost(string, tag = "6")]
    resource_version: String,
}

/// The same for who only wants the version, as a watch does of every event.
#[derive(Clone, PartialEq, Message)]
struct ProtobufVersioned {
    #[prost(message, optional, tag = "1")]
    metadata: Option<ProtobufVersion>,
}

#[derive(Clone, PartialEq, Message)]
struct ProtobufVersion {
    #[prost(string, tag = "6")]
    resource_version: String,
}

/// Bookmarks are the only objects whose annotations are read here.
#[derive(Clone, PartialEq, Message)]
struct ProtobufBookmark {
    #[prost(message, optional, tag = "1")]
    metadata: Option<ProtobufAnnotations>,
}

#[derive(Clone, PartialEq, Message)]
struct ProtobufAnnotations {
    #[prost(btree_map = "string, string", tag = "12")]
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct JsonObject<'a> {
    #[serde(borrow, default)]
    metadata: JsonMeta<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct JsonMeta<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    namespace: Cow<'a, str>,
    #[serde(borrow)]
    uid: Cow<'a, str>,
    #[serde(borrow)]
    resource_version: Cow<'a, str>,
    #[serde(borrow)]
    annotations: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
}

/// The same for who only wants the version.
#[derive(Deserialize)]
struct JsonVersioned<'a> {
    #[serde(borrow, default)]
    metadata: JsonVersion<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct JsonVersion<'a> {
    #[serde(borrow)]
    resource_version: Cow<'a, str>,
}

impl From<ProtobufMeta> for Meta {
    fn from(meta: ProtobufMeta) -> Self {
        let ProtobufMeta { name, namespace, uid, resource_version } = meta;
        Self { name, namespace, uid, resource_version }
    }
}

impl From<JsonMeta<'_>> for Meta {
    fn from(meta: JsonMeta<'_>) -> Self {
        Self {
            name: meta.name.into_owned(),
            namespace: meta.namespace.into_owned(),
            uid: meta.uid.into_owned(),
            resource_version: meta.resource_version.into_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use k8s_pb::api::core::v1::{Pod, PodSpec};
    use k8s_pb::apimachinery::pkg::apis::meta::v1::ObjectMeta;

    use super::*;

    fn expected() -> Meta {
        Meta {
            name: "p".into(),
            namespace: "default".into(),
            uid: "1-2".into(),
            resource_version: "42".into(),
        }
    }

    #[test]
    fn metadata_is_read_from_either_encoding() {
        let pod = Pod {
            metadata: Some(ObjectMeta {
                name: Some("p".into()),
                namespace: Some("default".into()),
                uid: Some("1-2".into()),
                resource_version: Some("42".into()),
                annotations: [(INITIAL_EVENTS_END.to_owned(), "true".to_owned())].into(),
                ..ObjectMeta::default()
            }),
            spec: Some(PodSpec { node_name: Some("n-1".into()), ..PodSpec::default() }),
            ..Pod::default()
        };
        let object = Object::from_enveloped_protobuf(&protobuf::encode("v1", "Pod", &pod)).unwrap();
        assert_eq!(object.meta().unwrap(), expected());
        assert_eq!(object.resource_version().unwrap(), "42");
        assert!(object.ends_initial_events().unwrap());
        assert_eq!(object.decode::<Pod>().unwrap(), pod);
        assert!(object.json::<serde_json::Value>().is_err());

        let object = Object::from_json(Bytes::from_static(
            br#"{"kind":"Pod","spec":{"nodeName":"n-1"},"metadata":{"name":"p","namespace":"default","uid":"1-2",
                "resourceVersion":"4\u0032","annotations":{"k8s.io/initial-events-end":"true"},"labels":{}}}"#,
        ));
        assert_eq!(object.meta().unwrap(), expected());
        assert!(object.ends_initial_events().unwrap());
        assert_eq!(object.json::<serde_json::Value>().unwrap()["spec"]["nodeName"], "n-1");
        assert!(object.decode::<Pod>().is_err());
    }

    #[test]
    fn an_object_without_metadata_has_an_empty_one() {
        for object in [Object::from_json(Bytes::from_static(b"{}")), Object::from_raw_protobuf(Bytes::new())]
        {
            assert_eq!(object.meta().unwrap(), Meta::default());
            assert!(!object.ends_initial_events().unwrap());
        }
        assert!(Object::from_json(Bytes::from_static(b"{")).meta().is_err());
        assert!(Object::from_raw_protobuf(Bytes::from_static(b"\x0a\x05")).meta().is_err());
    }
}
