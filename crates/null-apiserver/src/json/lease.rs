//! Lease: its whole spec.

use k8s_pb::api::coordination::v1::{Lease, LeaseSpec};
use prost::Message;
use serde_json::{Map, Value, json};

use super::read::{small_integer, text};
use super::{compact, object};
use crate::moment;

pub(super) fn read(fields: &Map<String, Value>) -> Lease {
    let spec = fields.get("spec").unwrap_or(&Value::Null);
    let micro = |value: &Value| value.as_str().and_then(moment::parse_micro);
    Lease {
        metadata: None,
        spec: Some(LeaseSpec {
            holder_identity: text(&spec["holderIdentity"]),
            lease_duration_seconds: small_integer(&spec["leaseDurationSeconds"]),
            acquire_time: micro(&spec["acquireTime"]),
            renew_time: micro(&spec["renewTime"]),
            lease_transitions: small_integer(&spec["leaseTransitions"]),
            ..LeaseSpec::default()
        }),
    }
}

pub(super) fn render(rest: &[u8]) -> Map<String, Value> {
    let spec = Lease::decode(rest).unwrap_or_default().spec.unwrap_or_default();
    object(json!({
        "spec": compact(json!({
            "holderIdentity": spec.holder_identity,
            "leaseDurationSeconds": spec.lease_duration_seconds,
            "acquireTime": spec.acquire_time.and_then(moment::render_micro),
            "renewTime": spec.renew_time.and_then(moment::render_micro),
            "leaseTransitions": spec.lease_transitions,
        })),
    }))
}
