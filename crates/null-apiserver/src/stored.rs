//! One object as the store keeps it: typed metadata, and the rest as it came.
//!
//! Field 1 of every Kubernetes protobuf type is its metadata, so the rest of a message can be kept as bytes without knowing
//! its type. Kinds whose rest has to be understood (Pod, Node, Lease) are decoded when that is needed.

use std::sync::OnceLock;

use bytes::{Buf, Bytes};
use k8s_pb::api::core::v1::Pod;
use k8s_pb::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use prost::Message;
use serde_json::{Map, Value};
use wire::Encoding;

use crate::Kind;
use crate::json;
use crate::resource::Resource;

/// An object in the store.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) resource: &'static Resource,
    pub(crate) metadata: ObjectMeta,
    pub(crate) content: Content,
    /// What field selectors may ask for beyond the metadata.
    fields: Vec<(&'static str, String)>,
    /// The enveloped message, encoded once for all watchers.
    enveloped: OnceLock<Option<Bytes>>,
}

/// Everything but the metadata and the kind.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// The message without its field 1.
    Protobuf(Bytes),
    /// The fields of the JSON object.
    Json(Map<String, Value>),
}

impl Stored {
    pub(crate) fn new(resource: &'static Resource, metadata: ObjectMeta, content: Content) -> Self {
        let fields = selectable(resource, &content);
        Self { resource, metadata, content, fields, enveloped: OnceLock::new() }
    }

    /// Takes a typed object.
    pub(crate) fn of<K: Kind>(object: &K) -> Self {
        let mut rest = object.clone();
        let metadata = rest.metadata_mut().map(std::mem::take).unwrap_or_default();
        // An empty metadata field left in front would be merged into the real one, which changes nothing.
        Self::new(K::resource(), metadata, Content::Protobuf(rest.encode_to_vec().into()))
    }

    /// The typed object, if it is one and protobuf.
    pub(crate) fn typed<K: Kind>(&self) -> Option<K> {
        if K::resource() != self.resource {
            return None;
        }
        K::decode(self.message()?).ok()
    }

    /// Reads a message without its envelope.
    pub(crate) fn from_protobuf(resource: &'static Resource, raw: &Bytes) -> Option<Self> {
        let Metadata { metadata } = Metadata::decode(raw.clone()).ok()?;
        let rest = without_metadata(raw.clone())?;
        Some(Self::new(resource, metadata.unwrap_or_default(), Content::Protobuf(rest)))
    }

    /// Reads a JSON object.
    pub(crate) fn from_json(resource: &'static Resource, value: Value) -> Option<Self> {
        let Value::Object(mut fields) = value else { return None };
        let metadata = json::read_metadata(&fields.remove("metadata").unwrap_or_default());
        fields.remove("apiVersion");
        fields.remove("kind");
        let content = match json::to_message(resource, &fields) {
            Some(message) => Content::Protobuf(message),
            None => Content::Json(fields),
        };
        Some(Self::new(resource, metadata, content))
    }

    pub(crate) fn name(&self) -> &str {
        self.metadata.name.as_deref().unwrap_or_default()
    }

    pub(crate) fn namespace(&self) -> &str {
        self.metadata.namespace.as_deref().unwrap_or_default()
    }

    pub(crate) fn uid(&self) -> &str {
        self.metadata.uid.as_deref().unwrap_or_default()
    }

    pub(crate) fn resource_version(&self) -> &str {
        self.metadata.resource_version.as_deref().unwrap_or_default()
    }

    /// The value of a field that a field selector names.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        match name {
            "metadata.name" => Some(self.name()),
            "metadata.namespace" => Some(self.namespace()),
            _ => self.fields.iter().find(|(field, _)| *field == name).map(|(_, value)| value.as_str()),
        }
    }

    /// The same object with other metadata.
    pub(crate) fn with_metadata(&self, metadata: ObjectMeta) -> Self {
        Self {
            resource: self.resource,
            metadata,
            content: self.content.clone(),
            fields: self.fields.clone(),
            enveloped: OnceLock::new(),
        }
    }

    /// The whole message; `None` for an object that is only known as JSON.
    pub(crate) fn message(&self) -> Option<Bytes> {
        let Content::Protobuf(rest) = &self.content else { return None };
        let mut message = Metadata { metadata: Some(self.metadata.clone()) }.encode_to_vec();
        message.extend_from_slice(rest);
        Some(message.into())
    }

    /// The object in the encoding asked for, or in JSON if it has no other.
    pub(crate) fn render(&self, encoding: Encoding) -> (Encoding, Bytes) {
        if encoding == Encoding::Protobuf {
            let enveloped = self.enveloped.get_or_init(|| {
                let message = self.message()?;
                Some(wire::protobuf::wrap(self.resource.api_version, self.resource.kind, &message))
            });
            if let Some(bytes) = enveloped {
                return (Encoding::Protobuf, bytes.clone());
            }
        }
        (Encoding::Json, json::render(self).to_string().into())
    }
}

/// The enveloped object for a protobuf watch; of an object that is only known as JSON, its metadata.
pub(crate) fn for_protobuf_watch(object: &Stored) -> Bytes {
    if let (Encoding::Protobuf, bytes) = object.render(Encoding::Protobuf) {
        return bytes;
    }
    let message = Metadata { metadata: Some(object.metadata.clone()) };
    wire::protobuf::encode(object.resource.api_version, object.resource.kind, &message)
}

/// What `/api/v1/pods?fieldSelector=` can ask for, and nothing for other kinds.
fn selectable(resource: &Resource, content: &Content) -> Vec<(&'static str, String)> {
    match content {
        Content::Protobuf(rest) if resource.kind == "Pod" => {
            let pod = Pod::decode(rest.clone()).unwrap_or_default();
            let spec = pod.spec.unwrap_or_default();
            let status = pod.status.unwrap_or_default();
            vec![
                ("spec.nodeName", spec.node_name.unwrap_or_default()),
                ("spec.schedulerName", spec.scheduler_name.unwrap_or_default()),
                ("status.phase", status.phase.unwrap_or_default()),
            ]
        }
        Content::Json(fields) if resource.kind == "Service" => {
            let cluster_ip =
                fields.get("spec").and_then(|spec| spec.get("clusterIP")).and_then(Value::as_str);
            vec![("spec.clusterIP", cluster_ip.unwrap_or_default().to_owned())]
        }
        _ => Vec::new(),
    }
}

/// The metadata field of any kind.
#[derive(Clone, PartialEq, Message)]
struct Metadata {
    #[prost(message, optional, tag = "1")]
    metadata: Option<ObjectMeta>,
}

/// Drops every occurrence of field 1; `None` if the message is broken.
fn without_metadata(mut message: Bytes) -> Option<Bytes> {
    let mut rest = Vec::with_capacity(message.len());
    while !message.is_empty() {
        let field = message.clone();
        // Keys and lengths are varints of the same form.
        let key = prost::decode_length_delimiter(&mut message).ok()?;
        let length = match key & 7 {
            0 => prost::decode_length_delimiter(&mut message).map(|_| 0).ok()?,
            1 => 8,
            2 => prost::decode_length_delimiter(&mut message).ok()?,
            5 => 4,
            _ => return None,
        };
        if length > message.len() {
            return None;
        }
        message.advance(length);
        if key >> 3 != 1 {
            rest.extend_from_slice(&field[..field.len() - message.len()]);
        }
    }
    Some(rest.into())
}

#[cfg(test)]
mod tests {
    use k8s_pb::api::core::v1::{PodSpec, PodStatus};

    use super::*;

    #[test]
    fn an_object_is_taken_apart_and_put_together() {
        let pod = Pod {
            metadata: Some(ObjectMeta { name: Some("p".into()), ..ObjectMeta::default() }),
            spec: Some(PodSpec {
                node_name: Some("n-1".into()),
                active_deadline_seconds: Some(-1),
                ..PodSpec::default()
            }),
            status: Some(PodStatus { phase: Some("Running".into()), ..PodStatus::default() }),
        };
        let stored = Stored::of(&pod);
        assert_eq!(stored.name(), "p");
        assert_eq!(
            (stored.field("spec.nodeName"), stored.field("status.phase")),
            (Some("n-1"), Some("Running"))
        );
        assert_eq!(stored.typed::<Pod>().unwrap(), pod);
        let read = Stored::from_protobuf(Pod::resource(), &pod.encode_to_vec().into()).unwrap();
        assert_eq!(read.typed::<Pod>().unwrap(), pod);
        assert_eq!(Pod::decode(read.message().unwrap()).unwrap(), pod);
    }

    #[test]
    fn a_broken_message_is_refused() {
        for raw in [b"\x12\x05ab".as_slice(), b"\x0a\x01", b"\x13", b"\xff"] {
            assert!(Stored::from_protobuf(Pod::resource(), &Bytes::from_static(raw)).is_none(), "{raw:?}");
        }
    }
}
