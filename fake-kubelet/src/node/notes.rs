//! What a kubelet notes about its node.
//!
//! `Starting` comes first. Then its first sketch of the Node (`kubelet_node_status.go`, `initialNode`) has new conditions, and each
//! setter of a condition that is not bad says so (`nodestatus/setters.go`). A kubelet makes the sketch for each try to register, and
//! before, as long as its informer does not show the Node: for the container manager and for the removal of resource slices
//! (`kubelet.go`, `initializeRuntimeDependentModules`; `dra_plugin_manager.go`, `wipeResourceSlices`). Later only what changes is said.

use std::time::Duration;

use measure::Nanos;

use super::{Common, conditions::SUFFICIENT};
use crate::{
    action::Now,
    classes::Class,
    events::{About, Note, Severity},
};

/// From the start to the start of the container manager, as recorded.
const CONTAINER_MANAGER_AFTER: Duration = Duration::from_millis(45);

/// The looks at the Node before it is registered.
#[derive(Debug, Default)]
pub(super) struct EarlyLooks {
    due: Option<Nanos>,
    node_exists: bool,
}

impl EarlyLooks {
    pub(super) fn start(&mut self, common: &mut Common, now: Now) {
        if common.spec.classes.has(Class::Events) {
            common.note(starting());
            self.due = Some(now.at + CONTAINER_MANAGER_AFTER);
        }
    }

    /// The informer shows the Node, or an answer does.
    pub(super) fn node_exists(&mut self) {
        self.node_exists = true;
    }

    pub(super) fn deadline(&self) -> Option<Nanos> {
        self.due
    }

    pub(super) fn on_deadline(&mut self, common: &mut Common) {
        self.due = None;
        if self.node_exists {
            return;
        }
        sketched(common);
        if common.spec.classes.has(Class::ResourceSlices) {
            sketched(common);
        }
    }
}

/// The kubelet has sketched a Node. Of Ready nothing is said before it changes.
pub(super) fn sketched(common: &mut Common) {
    for reason in SUFFICIENT {
        status_is(common, reason);
    }
}

/// `recordNodeStatusEvent`.
pub(super) fn status_is(common: &mut Common, reason: &'static str) {
    let message = format!("Node {} status is now: {reason}", common.name).into();
    common.note(Note { about: About::Node, severity: Severity::Normal, reason, message });
}

/// The first thing a kubelet says (`kubelet.go`, `BirthCry`).
fn starting() -> Note {
    Note {
        about: About::Node,
        severity: Severity::Normal,
        reason: "Starting",
        message: "Starting kubelet.".into(),
    }
}
