//! A list, cut into its objects without decoding them.

use std::borrow::Cow;

use bytes::Bytes;
use prost::Message;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{Encoding, Error, Object, Response, protobuf};

/// One page of a list.
#[derive(Clone, Debug)]
pub struct List {
    /// The objects, in the server's order.
    pub items: Vec<Object>,
    /// The list's resource version, where a watch goes on.
    pub resource_version: String,
    /// The token of the next page; empty on the last.
    pub continue_token: String,
}

impl List {
    /// Reads the body of a successful list.
    pub fn read(response: &Response) -> Result<Self, Error> {
        match response.encoding {
            Encoding::Protobuf => Self::read_protobuf(&response.body),
            _ => Self::read_json(&response.body),
        }
    }

    fn read_protobuf(body: &Bytes) -> Result<Self, Error> {
        let list =
            ProtobufList::decode(protobuf::unwrap(body)?).map_err(|error| Error::decode("a list", &error))?;
        let metadata = list.metadata.unwrap_or_default();
        Ok(Self {
            items: list.items.into_iter().map(Object::from_raw_protobuf).collect(),
            resource_version: metadata.resource_version,
            continue_token: metadata.continue_token,
        })
    }

    fn read_json(body: &Bytes) -> Result<Self, Error> {
        let list: JsonList<'_> =
            serde_json::from_slice(body).map_err(|error| Error::decode("a list", &error))?;
        let items = list.items.unwrap_or_default();
        Ok(Self {
            items: items
                .into_iter()
                .map(|item| Object::from_json(body.slice_ref(item.get().as_bytes())))
                .collect(),
            resource_version: list.metadata.resource_version.into_owned(),
            continue_token: list.metadata.continue_token.into_owned(),
        })
    }
}

/// Any list type: `ListMeta` is field 1 and the items are field 2 in all of them.
#[derive(Clone, PartialEq, Message)]
struct ProtobufList {
    #[prost(message, optional, tag = "1")]
    metadata: Option<ProtobufListMeta>,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    items: Vec<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
struct ProtobufListMeta {
    #[prost(string, tag = "2")]
    resource_version: String,
    #[prost(string, tag = "3")]
    continue_token: String,
}

#[derive(Deserialize)]
struct JsonList<'a> {
    #[serde(borrow, default)]
    metadata: JsonListMeta<'a>,
    /// Go writes `null` for an empty list of some types.
    #[serde(borrow)]
    items: Option<Vec<&'a RawValue>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct JsonListMeta<'a> {
    #[serde(borrow)]
    resource_version: Cow<'a, str>,
    #[serde(rename = "continue", borrow)]
    continue_token: Cow<'a, str>,
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use k8s_pb::api::core::v1::{Pod, PodList};
    use k8s_pb::apimachinery::pkg::apis::meta::v1::{ListMeta, ObjectMeta};

    use super::*;

    fn response(encoding: Encoding, body: Bytes) -> Response {
        Response { status: StatusCode::OK, body, encoding, retry_after: None }
    }

    #[test]
    fn a_list_is_cut_into_objects_in_either_encoding() {
        let pod = |name: &str| Pod {
            metadata: Some(ObjectMeta { name: Some(name.into()), ..ObjectMeta::default() }),
            ..Pod::default()
        };
        let list = PodList {
            metadata: Some(ListMeta {
                resource_version: Some("9".into()),
                r#continue: Some("t".into()),
                ..ListMeta::default()
            }),
            items: vec![pod("a"), pod("b")],
        };
        let protobuf = response(Encoding::Protobuf, protobuf::encode("v1", "PodList", &list));
        let json = response(
            Encoding::Json,
            Bytes::from_static(
                br#"{"kind":"PodList","metadata":{"resourceVersion":"9","continue":"t"},
                     "items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b"}}]}"#,
            ),
        );
        for response in [protobuf, json] {
            let list = List::read(&response).unwrap();
            assert_eq!((list.resource_version.as_str(), list.continue_token.as_str()), ("9", "t"));
            let names: Vec<String> = list.items.iter().map(|item| item.meta().unwrap().name).collect();
            assert_eq!(names, ["a", "b"]);
        }
    }

    #[test]
    fn an_empty_list_may_be_null() {
        let body = Bytes::from_static(br#"{"metadata":{"resourceVersion":"9"},"items":null}"#);
        let list = List::read(&response(Encoding::Json, body)).unwrap();
        assert!(list.items.is_empty() && list.continue_token.is_empty());
    }
}
