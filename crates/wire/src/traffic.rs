//! What one client's connections carried.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters since the client was made, over all of its connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Connections that were opened completely: TCP, TLS and the HTTP/2 preface.
    pub connections: u64,
    /// Bytes read from the network, TLS included.
    pub bytes_read: u64,
    /// Bytes written to the network, TLS included.
    pub bytes_written: u64,
    /// Requests that could not start at once because every stream was taken: they had to wait until another connection was
    /// dialled. The requests that wait for the first connection of all are not among them.
    pub waited_for_stream: u64,
    /// Requests sent again because the server said that it had not begun them.
    pub resent: u64,
}

impl std::iter::Sum for Traffic {
    /// What several clients carried together.
    fn sum<I: Iterator<Item = Self>>(traffic: I) -> Self {
        traffic.fold(Self::default(), |total, one| Self {
            connections: total.connections + one.connections,
            bytes_read: total.bytes_read + one.bytes_read,
            bytes_written: total.bytes_written + one.bytes_written,
            waited_for_stream: total.waited_for_stream + one.waited_for_stream,
            resent: total.resent + one.resent,
        })
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) connections: AtomicU64,
    pub(crate) bytes_read: AtomicU64,
    pub(crate) bytes_written: AtomicU64,
    pub(crate) waited_for_stream: AtomicU64,
    pub(crate) resent: AtomicU64,
}

impl Counters {
    pub(crate) fn snapshot(&self) -> Traffic {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Traffic {
            connections: read(&self.connections),
            bytes_read: read(&self.bytes_read),
            bytes_written: read(&self.bytes_written),
            waited_for_stream: read(&self.waited_for_stream),
            resent: read(&self.resent),
        }
    }
}

/// Adds to a counter that nothing else is ordered by.
pub(crate) fn add(counter: &AtomicU64, amount: usize) {
    counter.fetch_add(amount as u64, Ordering::Relaxed);
}
