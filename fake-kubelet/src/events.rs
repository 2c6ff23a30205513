//! Events: what a kubelet tells people about its node and its pods (client-go's `tools/record`).
//!
//! Any part of a node notes something with `Common::note`; [`Events`] makes events of the notes when the step ends.

use std::{borrow::Cow, sync::Arc};

use crate::{
    action::{Action, Now},
    node::Common,
    pods::{Role, SeenContainer},
};

/// Something worth an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) about: About,
    pub(crate) severity: Severity,
    /// The event's `reason`, such as `Started`.
    pub(crate) reason: &'static str,
    pub(crate) message: Cow<'static, str>,
}

/// An event's `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    Normal,
    Warning,
}

/// What an event is about: its `involvedObject`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// The node itself.
    Node,
    /// A pod, or one of its containers.
    Pod {
        /// Which pod.
        pod: PodName,
        /// Which container, if it is about one.
        container: Option<FieldPath>,
    },
}

/// A pod as events refer to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PodName {
    pub(crate) namespace: Arc<str>,
    pub(crate) name: Arc<str>,
    pub(crate) uid: Arc<str>,
    /// `metadata.resourceVersion` of the pod that the kubelet acts on.
    pub(crate) resource_version: Arc<str>,
}

/// A container within its pod (`pkg/kubelet/container/ref.go`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FieldPath {
    /// `spec.containers{NAME}`.
    Container(Arc<str>),
    /// `spec.initContainers{NAME}`.
    InitContainer(Arc<str>),
}

/// The events of one node.
#[derive(Debug, Default)]
pub(crate) struct Events {
    noted: Vec<Note>,
}

impl FieldPath {
    /// Where a container stands in its pod.
    pub(crate) fn of(container: &SeenContainer) -> Self {
        let name = container.name.as_str().into();
        match container.role {
            Role::Main => Self::Container(name),
            Role::Init | Role::Sidecar => Self::InitContainer(name),
        }
    }
}

impl Events {
    /// Makes an event of a note.
    pub(crate) fn note(&mut self, _common: &mut Common, _now: Now, note: Note, _out: &mut Vec<Action>) {
        self.noted.push(note);
        self.noted.clear();
    }
}
