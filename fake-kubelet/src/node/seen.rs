//! What a node needs to know of its own Node: a few fields of the object, whoever returned it.

use k8s_pb::api::core::v1 as core;
use prost::Message;

/// A Node, reduced to what its kubelet looks at: images and labels are not decoded.
#[derive(Clone, PartialEq, Message)]
pub struct SeenNode {
    #[prost(message, optional, tag = "1")]
    metadata: Option<SeenMeta>,
    #[prost(message, optional, tag = "3")]
    status: Option<SeenStatus>,
}

#[derive(Clone, PartialEq, Message)]
struct SeenMeta {
    #[prost(string, tag = "5")]
    uid: String,
    #[prost(string, tag = "6")]
    resource_version: String,
}

#[derive(Clone, PartialEq, Message)]
struct SeenStatus {
    #[prost(message, repeated, tag = "4")]
    conditions: Vec<core::NodeCondition>,
}

impl SeenNode {
    pub(super) fn uid(&self) -> &str {
        self.metadata.as_ref().map_or("", |metadata| metadata.uid.as_str())
    }

    /// Later versions are larger (KEP-5504); 0 when there is none.
    pub(super) fn version(&self) -> u64 {
        let version = self.metadata.as_ref().map(|metadata| metadata.resource_version.parse());
        version.and_then(Result::ok).unwrap_or(0)
    }

    /// The second of the wall clock at which the node lifecycle controller has found that its kubelet is silent
    /// (`node_lifecycle_controller.go`, `tryUpdateNodeHealth`): no kubelet says Unknown of itself. `None` while it has not.
    pub(super) fn written_off_at(&self) -> Option<i64> {
        let mut conditions = self.conditions().iter();
        let ready = conditions
            .find(|it| it.r#type.as_deref() == Some("Ready") && it.status.as_deref() == Some("Unknown"))?;
        Some(ready.last_transition_time.as_ref().and_then(|time| time.seconds).unwrap_or_default())
    }

    pub(super) fn conditions(&self) -> &[core::NodeCondition] {
        self.status.as_ref().map_or(&[], |status| &status.conditions)
    }
}
