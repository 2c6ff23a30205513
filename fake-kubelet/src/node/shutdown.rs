//! Graceful shutdown of a node: it is not ready any more, its pods end, and then its kubelet is stopped.
//!
//! Sends nothing itself: node status does, `Ready=False` at once, and the status manager, for each pod that ends
//! (`nodeshutdown_manager_linux.go`).

use std::time::Duration;

use measure::Nanos;

use crate::action::{Action, Now};

/// From the last pod's end, when the kubelet lets the shutdown go on, to the end of its process: about what systemd takes to come
/// to it, and what the last reports of pods have to get through.
const STOPS_AFTER: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub(super) enum Shutdown {
    /// Nobody has asked for it.
    #[default]
    None,
    /// Pods are ending.
    Ending,
    /// They have; the process ends at this time.
    Stopping(Nanos),
    /// The process has ended.
    Over,
}

impl Shutdown {
    /// Returns whether this is the first that is heard of it.
    pub(super) fn begin(&mut self) -> bool {
        let begins = matches!(self, Self::None);
        if begins {
            *self = Self::Ending;
        }
        begins
    }

    pub(super) fn deadline(&self) -> Option<Nanos> {
        match self {
            Self::Stopping(at) => Some(*at),
            _ => None,
        }
    }

    /// After each step: whether pods are still to end.
    pub(super) fn pods_are_over(&mut self, now: Now, over: impl FnOnce() -> bool) {
        if matches!(self, Self::Ending) && over() {
            *self = Self::Stopping(now.at + STOPS_AFTER);
        }
    }

    pub(super) fn on_deadline(&mut self, out: &mut Vec<Action>) {
        *self = Self::Over;
        out.push(Action::Stop);
    }
}
