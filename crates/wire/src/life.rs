//! What the handles, the streams and the driver of one connection know in common.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, SetOnce};
use tokio::time::Instant;

/// The bit of [`Life::streams`] that says that no further request may start: the connection is closed, closing, or was
/// never opened.
const RETIRED: usize = 1 << (usize::BITS - 1);

/// The state of a connection, from the dial to the end.
#[derive(Debug)]
pub(crate) struct Life {
    /// Streams that are reserved or open, and [`RETIRED`]. One number, so that a connection is never given up for idleness
    /// while a request takes a stream of it.
    streams: AtomicUsize,
    /// It was given up because the server answered no ping.
    unresponsive: AtomicBool,
    born: Instant,
    /// When a stream ended last, in milliseconds after `born`.
    stream_ended_ms: AtomicU64,
    close: Notify,
    /// The socket is gone.
    ended: SetOnce<()>,
}

impl Life {
    /// A new one, with its first stream reserved.
    pub(crate) fn begin() -> (Arc<Self>, InFlight) {
        let life = Arc::new(Self {
            streams: AtomicUsize::new(1),
            unresponsive: AtomicBool::new(false),
            born: Instant::now(),
            stream_ended_ms: AtomicU64::new(0),
            close: Notify::new(),
            ended: SetOnce::new(),
        });
        (life.clone(), InFlight(life))
    }

    /// Reserves a stream, if fewer than `limit` are taken and requests may start.
    pub(crate) fn reserve(self: &Arc<Self>, limit: usize) -> Option<InFlight> {
        let one_more = |streams: usize| (streams & RETIRED == 0 && streams < limit).then_some(streams + 1);
        self.streams.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).ok()?;
        Some(InFlight(self.clone()))
    }

    /// Lets no further request start; those under way finish.
    pub(crate) fn retire(&self) {
        self.streams.fetch_or(RETIRED, Ordering::AcqRel);
    }

    pub(crate) fn is_retired(&self) -> bool {
        self.streams.load(Ordering::Acquire) & RETIRED != 0
    }

    /// Asks the connection's task to end it, with every stream.
    pub(crate) fn close(&self) {
        self.retire();
        self.close.notify_one();
    }

    /// Returns when somebody asked for the end.
    pub(crate) async fn closed(&self) {
        self.close.notified().await;
    }

    /// Gives the connection up for its silence.
    pub(crate) fn give_up(&self) {
        self.unresponsive.store(true, Ordering::Release);
    }

    pub(crate) fn is_unresponsive(&self) -> bool {
        self.unresponsive.load(Ordering::Acquire)
    }

    /// Streams that are reserved or open.
    pub(crate) fn open_streams(&self) -> usize {
        self.streams.load(Ordering::Acquire) & !RETIRED
    }

    /// Says that the socket is gone.
    pub(crate) fn end(&self) {
        self.retire();
        // A second time changes nothing.
        let _ = self.ended.set(());
    }

    /// Returns when the socket is gone.
    pub(crate) async fn ended(&self) {
        self.ended.wait().await;
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.initialized()
    }

    /// When to look again whether there was no stream for so long; `None`, with the connection retired, if there was none.
    ///
    /// It is asked once per `timeout` and not per request: a stream that is open now delays the end by all of it.
    pub(crate) fn idle_until(&self, timeout: Duration) -> Option<Instant> {
        let now = Instant::now();
        let idle = self.streams.load(Ordering::Acquire) == 0;
        let due = if idle { self.stream_ended() } else { now } + timeout;
        (due > now || !self.retire_if_idle()).then_some(due)
    }

    fn retire_if_idle(&self) -> bool {
        self.streams.compare_exchange(0, RETIRED, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    fn stream_ended(&self) -> Instant {
        self.born + Duration::from_millis(self.stream_ended_ms.load(Ordering::Acquire))
    }
}

/// One stream of a connection, from its reservation until this is dropped.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Life>);

impl InFlight {
    pub(crate) fn life(&self) -> &Life {
        &self.0
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        // Before the count, so that whoever finds no stream also finds when the last one ended.
        let elapsed = u64::try_from(self.0.born.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.stream_ended_ms.store(elapsed, Ordering::Release);
        self.0.streams.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_reserved_only_where_there_is_room() {
        let (life, first) = Life::begin();
        let second = life.reserve(2).unwrap();
        assert!(life.reserve(2).is_none());
        drop(first);
        assert!(life.reserve(2).is_some());
        life.retire();
        assert!(life.reserve(2).is_none(), "one that was retired takes no more");
        drop(second);
        assert!(life.is_retired(), "the end of a stream does not bring it back");
    }

    #[tokio::test(start_paused = true)]
    async fn idleness_counts_from_the_end_of_the_last_stream() {
        let (life, first) = Life::begin();
        let started = Instant::now();
        let idle = async {
            while let Some(due) = life.idle_until(Duration::from_secs(90)) {
                tokio::time::sleep_until(due).await;
            }
        };
        tokio::join!(idle, async {
            tokio::time::sleep(Duration::from_secs(100)).await;
            drop(first);
            tokio::time::sleep(Duration::from_secs(85)).await;
            drop(life.reserve(1).unwrap());
        });
        assert_eq!(started.elapsed().as_secs(), 100 + 85 + 90);
        assert!(life.is_retired());
    }
}
