//! One event on its way to the server, and its requests.
//!
//! Sends: `POST events` in the namespace of what it is about, `default` for the node (client-go's `tools/record/event.go`, `makeEvent`),
//! and for repeats `PATCH events/<event>` with the new count, time and message (`events_cache.go`, `eventObserve`).

use std::borrow::Cow;

use jiff::Timestamp;
use k8s_pb::{api::core::v1 as core, apimachinery::pkg::apis::meta::v1 as meta};
use measure::Nanos;
use serde_json::json;
use wire::{Encoding, Request};

use super::{About, FieldPath, Note, Severity};
use crate::{
    action::{Action, Call},
    node::{Common, seconds, time},
};

/// An event, as often as it has happened.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Occurrence {
    pub(super) about: About,
    pub(super) severity: Severity,
    pub(super) reason: &'static str,
    pub(super) message: Cow<'static, str>,
    /// When it happened first. To the nanosecond it is part of the name.
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) count: i32,
    /// Whether it stands for several that differ in their messages; such an event has no reporter.
    pub(super) combined: bool,
}

impl Occurrence {
    pub(super) fn new(note: Note, at: Timestamp) -> Self {
        let Note { about, severity, reason, message } = note;
        Self { about, severity, reason, message, first: at, last: at, count: 1, combined: false }
    }

    /// Writes it as far as is known: as a new object, or once more into the one that is there.
    pub(super) fn send(&self, common: &Common, intended: Nanos) -> Action {
        let (call, request) = if self.count > 1 {
            (Call::PatchEvent, self.patch(common))
        } else {
            (Call::CreateEvent, self.create(common))
        };
        Action::Send { call, request, intended }
    }

    /// Writes it as a new object.
    pub(super) fn create(&self, common: &Common) -> Request {
        let body = wire::protobuf::encode("v1", "Event", &self.to_object(common));
        Request::post(self.path(), body, Encoding::Protobuf)
    }

    fn patch(&self, common: &Common) -> Request {
        let body =
            json!({ "count": self.count, "lastTimestamp": seconds(self.last), "message": self.message });
        Request::patch_strategic(format!("{}/{}", self.path(), self.name(common)), body.to_string())
    }

    fn path(&self) -> String {
        format!("/api/v1/namespaces/{}/events", self.namespace())
    }

    fn namespace(&self) -> &str {
        match &self.about {
            About::Node => "default",
            About::Pod { pod, .. } => &pod.namespace,
        }
    }

    /// `record/util.GenerateEventName`.
    fn name(&self, common: &Common) -> String {
        let about = match &self.about {
            About::Node => &common.name,
            About::Pod { pod, .. } => &pod.name,
        };
        format!("{about}.{:x}", self.first.as_nanosecond())
    }

    fn to_object(&self, common: &Common) -> core::Event {
        let reporter = |text: &str| (!self.combined).then(|| text.to_owned());
        core::Event {
            metadata: Some(meta::ObjectMeta {
                name: Some(self.name(common)),
                namespace: Some(self.namespace().to_owned()),
                ..Default::default()
            }),
            involved_object: Some(self.reference(common)),
            reason: Some(self.reason.to_owned()),
            message: Some(self.message.to_string()),
            source: Some(core::EventSource {
                component: Some("kubelet".to_owned()),
                host: Some(common.name.to_string()),
            }),
            first_timestamp: Some(time(self.first)),
            last_timestamp: Some(time(self.last)),
            count: Some(self.count),
            r#type: Some(self.severity.name().to_owned()),
            reporting_component: reporter("kubelet"),
            reporting_instance: reporter(&common.name),
            ..Default::default()
        }
    }

    /// A kubelet refers to its node without a uid (`kubelet.go`, `nodeRef`).
    fn reference(&self, common: &Common) -> core::ObjectReference {
        let api_version = Some("v1".to_owned());
        match &self.about {
            About::Node => core::ObjectReference {
                kind: Some("Node".to_owned()),
                name: Some(common.name.to_string()),
                api_version,
                ..Default::default()
            },
            About::Pod { pod, container } => core::ObjectReference {
                kind: Some("Pod".to_owned()),
                namespace: Some(pod.namespace.to_string()),
                name: Some(pod.name.to_string()),
                uid: Some(pod.uid.to_string()),
                api_version,
                resource_version: Some(pod.resource_version.to_string()),
                field_path: container.as_ref().map(FieldPath::to_string),
            },
        }
    }
}
