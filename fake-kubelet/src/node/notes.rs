//! What a kubelet notes about its node.

use crate::events::{About, Note, Severity};

/// The first thing a kubelet says (`kubelet.go`, `BirthCry`).
pub(super) fn starting() -> Note {
    Note {
        about: About::Node,
        severity: Severity::Normal,
        reason: "Starting",
        message: "Starting kubelet.".into(),
    }
}
