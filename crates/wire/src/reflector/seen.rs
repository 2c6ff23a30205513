//! What a reflector tells its user.

use crate::{Error, Object, WatchKind};

/// What a reflector saw.
#[derive(Debug)]
pub enum Seen {
    /// A fresh list begins: what is not seen again until [`Seen::Synced`] is gone.
    ///
    /// It can begin again before it was complete; then count from the last one.
    Restarted,
    /// An object was added, changed or deleted.
    Object {
        /// [`WatchKind::Added`] (also for each object of a list), [`WatchKind::Modified`] or [`WatchKind::Deleted`].
        kind: WatchKind,
        /// The object.
        object: Object,
        /// Its `metadata.resourceVersion`.
        resource_version: String,
    },
    /// The fresh list is complete.
    Synced,
    /// Something went wrong; the reflector goes on by itself.
    Error(Error),
}

/// What a reflector did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReflectorCounters {
    /// Watch requests sent, those with initial events included.
    pub watches: u64,
    /// Fresh lists begun after the first complete one: `WatchList`s, or LISTs where the server has no `WatchList`.
    pub relists: u64,
    /// Times the server had forgotten the resource version (410, as a status or as an event).
    pub expired: u64,
    /// Errors reported as [`Seen::Error`], those included.
    pub errors: u64,
}
