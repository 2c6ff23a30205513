//! The envelope around every Kubernetes protobuf object: `k8s\0`, then a `runtime.Unknown` with kind and raw bytes.
//!
//! Source: apimachinery `pkg/runtime/serializer/protobuf/protobuf.go`, `pkg/runtime/generated.proto`.

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;

use crate::Error;

/// The first four bytes of every enveloped object.
pub const MAGIC: &[u8; 4] = b"k8s\0";

/// `contentEncoding` and `contentType`, empty but present, as the Go encoder writes them.
const EMPTY_TAIL: &[u8; 4] = &[0x1a, 0, 0x22, 0];

/// Encodes an object with its envelope, byte for byte as client-go does: one allocation.
pub fn encode<M: Message>(api_version: &str, kind: &str, object: &M) -> Bytes {
    envelope(api_version, kind, object.encoded_len(), |out| object.encode_raw(out))
}

/// Puts an envelope around a message that is encoded already.
pub fn wrap(api_version: &str, kind: &str, message: &[u8]) -> Bytes {
    envelope(api_version, kind, message.len(), |out| out.put_slice(message))
}

fn envelope(api_version: &str, kind: &str, raw_len: usize, put_raw: impl FnOnce(&mut BytesMut)) -> Bytes {
    let type_len = prefix_len(api_version.len()) + api_version.len() + prefix_len(kind.len()) + kind.len();
    let total =
        MAGIC.len() + prefix_len(type_len) + type_len + prefix_len(raw_len) + raw_len + EMPTY_TAIL.len();
    let mut out = BytesMut::with_capacity(total);
    out.put_slice(MAGIC);
    put_prefix(&mut out, 1, type_len);
    put_prefix(&mut out, 1, api_version.len());
    out.put_slice(api_version.as_bytes());
    put_prefix(&mut out, 2, kind.len());
    out.put_slice(kind.as_bytes());
    put_prefix(&mut out, 2, raw_len);
    put_raw(&mut out);
    out.put_slice(EMPTY_TAIL);
    debug_assert_eq!(out.len(), total);
    out.freeze()
}

/// Decodes an enveloped object.
pub fn decode<M: Message + Default>(bytes: &[u8]) -> Result<M, Error> {
    let envelope = Envelope::read(&mut Bytes::copy_from_slice(bytes))?;
    M::decode(envelope.raw).map_err(|error| Error::decode("a protobuf object", &error))
}

/// The object inside an envelope, without copying it.
pub fn unwrap(bytes: &Bytes) -> Result<Bytes, Error> {
    Ok(Envelope::read(&mut bytes.clone())?.raw)
}

/// `apiVersion` and `kind` of an enveloped object.
pub fn type_of(bytes: &Bytes) -> Result<(String, String), Error> {
    let types = Envelope::read(&mut bytes.clone())?.types.unwrap_or_default();
    Ok((types.api_version, types.kind))
}

/// `runtime.Unknown`.
#[derive(Clone, PartialEq, Message)]
struct Envelope {
    #[prost(message, optional, tag = "1")]
    types: Option<TypeMeta>,
    #[prost(bytes = "bytes", tag = "2")]
    raw: Bytes,
}

#[derive(Clone, PartialEq, Message)]
struct TypeMeta {
    #[prost(string, tag = "1")]
    api_version: String,
    #[prost(string, tag = "2")]
    kind: String,
}

impl Envelope {
    fn read(bytes: &mut Bytes) -> Result<Self, Error> {
        if !bytes.starts_with(MAGIC) {
            return Err(Error::decode("a protobuf object", &"it does not start with k8s\\0"));
        }
        Self::decode(bytes.split_off(MAGIC.len()))
            .map_err(|error| Error::decode("a protobuf envelope", &error))
    }
}

/// Bytes of the key and the length in front of a length-delimited field with a number below 16.
fn prefix_len(length: usize) -> usize {
    1 + prost::length_delimiter_len(length)
}

fn put_prefix(out: &mut BytesMut, field: u8, mut length: usize) {
    out.put_u8(field << 3 | 2);
    while length >= 0x80 {
        out.put_u8(u8::try_from(length & 0x7f).unwrap_or_default() | 0x80);
        length >>= 7;
    }
    out.put_u8(u8::try_from(length).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use k8s_pb::api::coordination::v1::{Lease, LeaseSpec};
    use k8s_pb::apimachinery::pkg::runtime::{TypeMeta, Unknown};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_envelope_is_what_go_writes() {
        let lease = Lease {
            spec: Some(LeaseSpec { holder_identity: Some("n".into()), ..LeaseSpec::default() }),
            ..Lease::default()
        };
        let bytes = encode("coordination.k8s.io/v1", "Lease", &lease);
        let expected = [
            b"k8s\0\x0a\x1f\x0a\x16coordination.k8s.io/v1\x12\x05Lease".as_slice(),
            b"\x12\x05\x12\x03\x0a\x01n",
            b"\x1a\0\x22\0",
        ]
        .concat();
        assert_eq!(bytes, expected);
        assert_eq!(decode::<Lease>(&bytes).unwrap(), lease);
        assert_eq!(wrap("coordination.k8s.io/v1", "Lease", &lease.encode_to_vec()), bytes);
        assert_eq!(unwrap(&bytes).unwrap(), lease.encode_to_vec());
        assert_eq!(type_of(&bytes).unwrap(), ("coordination.k8s.io/v1".into(), "Lease".into()));
    }

    proptest! {
        /// Whatever the lengths, the hand-written prefix is what prost writes for `runtime.Unknown`.
        #[test]
        fn the_envelope_agrees_with_prost(api_version in ".{0,200}", kind in ".{0,200}", holder in ".{0,40000}") {
            let lease = Lease {
                spec: Some(LeaseSpec { holder_identity: Some(holder), ..LeaseSpec::default() }),
                ..Lease::default()
            };
            let unknown = Unknown {
                type_meta: Some(TypeMeta { api_version: Some(api_version.clone()), kind: Some(kind.clone()) }),
                raw: Some(lease.encode_to_vec()),
                content_encoding: Some(String::new()),
                content_type: Some(String::new()),
            };
            let expected = [MAGIC.as_slice(), &unknown.encode_to_vec()].concat();
            prop_assert_eq!(encode(&api_version, &kind, &lease), expected);
        }
    }

    #[test]
    fn what_is_no_envelope_is_an_error() {
        for bytes in [b"".as_slice(), b"k8s", b"{}", b"k8s\0\x0a\xff", b"k8t\0"] {
            assert!(decode::<Lease>(bytes).is_err(), "{bytes:?}");
        }
    }
}
