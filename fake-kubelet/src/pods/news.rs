//! What a watch says of a pod: little of it is read for a pod that is known already, as most events are about one.

use std::sync::Arc;

use bytes::Bytes;
use k8s_pb::api::core::v1 as core;
use prost::Message;
use wire::Object;

use super::SeenPod;

/// A pod as an event of a watch carries it.
#[derive(Clone, Debug)]
pub struct PodNews {
    pub(super) uid: Arc<str>,
    pub(super) resource_version: Arc<str>,
    pub(super) generation: i64,
    pub(super) deleting: bool,
    pub(super) denied: bool,
    /// It is being deleted because of a taint of its node that it does not tolerate.
    pub(super) evicted_by_taint: bool,
    node: Bytes,
    object: Object,
}

impl PodNews {
    /// Reads what matters of a pod that is known; `None` if this is not a pod in protobuf.
    pub fn read(object: Object) -> Option<Self> {
        let pod: Pod = object.decode().ok()?;
        let metadata = pod.metadata?;
        let deleting = metadata.deletion_timestamp.is_some();
        Some(Self {
            uid: metadata.uid.into(),
            resource_version: metadata.resource_version.into(),
            generation: metadata.generation.unwrap_or(1),
            deleting,
            denied: pod.status.as_ref().is_some_and(Status::denies),
            evicted_by_taint: deleting && pod.status.as_ref().is_some_and(Status::tells_of_taint),
            node: pod.spec.map(|spec| spec.node_name).unwrap_or_default(),
            object,
        })
    }

    /// The node that the pod is bound to; empty if it is to none.
    pub fn node(&self) -> &str {
        std::str::from_utf8(&self.node).unwrap_or_default()
    }

    /// Its `metadata.uid`.
    pub fn uid(&self) -> &Arc<str> {
        &self.uid
    }

    /// The whole pod, for who sees it for the first time.
    pub(super) fn pod(&self) -> Option<SeenPod> {
        SeenPod::from_pod(self.object.decode::<core::Pod>().ok()?)
    }
}

// The fields of `core/v1` Pod that are read of every event. Texts that are only compared stay where they came in.

#[derive(Clone, PartialEq, Message)]
struct Pod {
    #[prost(message, optional, tag = "1")]
    metadata: Option<Metadata>,
    #[prost(message, optional, tag = "2")]
    spec: Option<Spec>,
    #[prost(message, optional, tag = "3")]
    status: Option<Status>,
}

#[derive(Clone, PartialEq, Message)]
struct Metadata {
    #[prost(string, tag = "5")]
    uid: String,
    #[prost(string, tag = "6")]
    resource_version: String,
    #[prost(int64, optional, tag = "7")]
    generation: Option<i64>,
    #[prost(bytes = "bytes", optional, tag = "9")]
    deletion_timestamp: Option<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
struct Spec {
    #[prost(bytes = "bytes", tag = "10")]
    node_name: Bytes,
}

#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(message, repeated, tag = "2")]
    conditions: Vec<Condition>,
    #[prost(message, repeated, tag = "8")]
    container_statuses: Vec<ContainerStatus>,
}

#[derive(Clone, PartialEq, Message)]
struct Condition {
    #[prost(bytes = "bytes", tag = "1")]
    r#type: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    status: Bytes,
    #[prost(bytes = "bytes", tag = "5")]
    reason: Bytes,
}

#[derive(Clone, PartialEq, Message)]
struct ContainerStatus {
    #[prost(bool, tag = "4")]
    ready: bool,
}

impl Status {
    /// Whether somebody says that the pod is not ready, although all of its containers are.
    fn denies(&self) -> bool {
        let ready = self.conditions.iter().find(|condition| *condition.r#type == *b"Ready");
        ready.is_some_and(|ready| *ready.status != *b"True")
            && !self.container_statuses.is_empty()
            && self.container_statuses.iter().all(|container| container.ready)
    }

    /// Whether the taint manager says that it deletes the pod (`taint_eviction.go`, `addConditionAndDeletePod`).
    fn tells_of_taint(&self) -> bool {
        let mut conditions = self.conditions.iter();
        conditions.any(|it| *it.r#type == *b"DisruptionTarget" && *it.reason == *b"DeletionByTaintManager")
    }
}

#[cfg(test)]
mod tests {
    use k8s_pb::apimachinery::pkg::apis::meta::v1 as meta;

    use super::*;

    fn condition(kind: &str, status: &str) -> core::PodCondition {
        core::PodCondition { r#type: Some(kind.into()), status: Some(status.into()), ..Default::default() }
    }

    fn news(status: core::PodStatus) -> PodNews {
        let pod = core::Pod {
            metadata: Some(meta::ObjectMeta {
                name: Some("p".into()),
                namespace: Some("default".into()),
                uid: Some("1-2".into()),
                resource_version: Some("42".into()),
                generation: Some(3),
                deletion_timestamp: Some(meta::Time::default()),
                labels: [("app".to_owned(), "x".to_owned())].into(),
                ..Default::default()
            }),
            spec: Some(core::PodSpec { node_name: Some("n-1".into()), ..Default::default() }),
            status: Some(status),
        };
        PodNews::read(Object::from_raw_protobuf(pod.encode_to_vec().into())).unwrap()
    }

    #[test]
    fn the_fields_that_are_read_are_those_of_a_pod() {
        let news = news(core::PodStatus::default());
        assert_eq!((news.node(), &**news.uid(), &*news.resource_version), ("n-1", "1-2", "42"));
        assert_eq!((news.generation, news.deleting, news.denied), (3, true, false));
        let pod = news.pod().unwrap();
        assert_eq!((&*pod.name, &*pod.namespace, pod.generation), ("p", "default", 3));
    }

    #[test]
    fn a_pod_is_denied_when_its_containers_are_ready_and_it_is_not() {
        for (ready, container, denied) in
            [("False", true, true), ("True", true, false), ("False", false, false)]
        {
            let news = news(core::PodStatus {
                conditions: vec![condition("PodScheduled", "True"), condition("Ready", ready)],
                container_statuses: vec![core::ContainerStatus {
                    ready: Some(container),
                    ..Default::default()
                }],
                ..Default::default()
            });
            assert_eq!(news.denied, denied, "Ready={ready}, container {container}");
        }
    }
}
