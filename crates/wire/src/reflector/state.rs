//! Where a reflector is in its life.

use std::pin::Pin;

use tokio::time::Instant;

use super::listing::Listed;
use crate::{Error, Object, Watch};

pub(super) type Pending<T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>;

/// Where the reflector is. Whatever waits is kept here and not in the future of `next`, so that dropping that future
/// neither loses an event nor repeats a request.
pub(super) enum State {
    /// About to do `Step`.
    Ready(Step),
    /// Waiting until then to do `Step`.
    Waiting(Instant, Step),
    /// A watch was asked for.
    Opening { pending: Pending<Watch>, phase: Phase, since: Instant },
    /// A watch is open.
    Streaming(Box<Stream>),
    /// A list was asked for.
    Listing(Pending<Listed>),
    /// A list is being handed out.
    Delivering { items: std::vec::IntoIter<Object>, resource_version: String },
}

/// What a reflector does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// What there is and what happens, by one watch (`watchList`): after a watch that broke, and to begin with.
    WatchList,
    /// What there is, by a LIST (`list`): after a `WatchList` that failed.
    List,
    /// What happened since the last version (`watch`): after a watch that ended.
    Rewatch,
}

/// Which part of the reflector's life an open watch belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The initial events of a `WatchList` are still coming.
    Initial,
    /// Changes.
    Live,
}

pub(super) struct Stream {
    pub(super) watch: Watch,
    pub(super) phase: Phase,
    pub(super) since: Instant,
    pub(super) events: u64,
}
