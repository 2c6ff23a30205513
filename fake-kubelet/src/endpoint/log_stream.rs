//! Lines on their way to whoever reads a container's log.

use std::{convert::Infallible, ops::Range, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::channel::{Channel, Sender};
use jiff::Timestamp;

use super::{
    Shared,
    logs::{LogOptions, Source, line, lines, written},
};
use crate::snapshot::{ContainerState, Ran};

/// Lines in one piece of the body, about 16 kB.
const CHUNK: u64 = 256;
/// Pieces that wait for a slow reader.
const PIECES: usize = 4;

/// A container's log from where it was asked for.
pub(super) struct LogStream {
    pub(super) shared: Arc<Shared>,
    pub(super) index: u32,
    /// The pod's uid: another of its name is another log.
    pub(super) pod: Arc<str>,
    pub(super) container: String,
    pub(super) options: LogOptions,
    pub(super) source: Source,
}

/// The reader has gone, or has as many bytes as it wanted.
struct Done;

impl LogStream {
    /// The body, which is written by a task until the lines or the reader end.
    pub(super) fn start(self) -> Channel<Bytes, Infallible> {
        let (sender, body) = Channel::new(PIECES);
        tokio::spawn(async move {
            let writer = Writer { sender, left: self.options.budget() };
            // However it ended, the body ends with the writer.
            let _ = self.write(writer).await;
        });
        body
    }

    async fn write(self, mut out: Writer) -> Result<(), Done> {
        if !self.options.wants_stdout() {
            return Ok(());
        }
        let now = self.shared.now();
        let (ran, runs) = match self.source {
            Source::Ended(ran) => (ran, false),
            Source::Running { since } => (Ran { since, until: now }, true),
        };
        let selected = self.options.select(ran, now);
        let mut next = selected.end;
        out.lines(ran.since, selected, self.options.timestamps).await?;
        let mut goes_on = runs && self.options.follow;
        while goes_on {
            let wait = Duration::try_from(written(ran.since, next).duration_since(self.shared.now()));
            tokio::time::sleep(wait.unwrap_or_default()).await;
            let until = self.ran_until(ran.since).await;
            goes_on = until.is_none();
            let end = lines(Ran { until: until.unwrap_or_else(|| self.shared.now()), ..ran });
            out.lines(ran.since, next..end.max(next), self.options.timestamps).await?;
            next = next.max(end);
        }
        Ok(())
    }

    /// When the run that began at `since` ended; `None` while it goes on. One of which nothing is left ended before its next line.
    async fn ran_until(&self, since: Timestamp) -> Option<Timestamp> {
        let node = self.shared.nodes.describe(self.index).await;
        let pod = node.as_ref().and_then(|node| node.pods.iter().find(|pod| pod.uid == self.pod));
        let container = pod.and_then(|pod| pod.container(&self.container));
        match container.map(|container| (container.state, container.previous)) {
            Some((ContainerState::Running { since: begun }, _)) if begun == since => None,
            Some((ContainerState::Ended(ran), _) | (_, Some(ran))) if ran.since == since => Some(ran.until),
            _ => Some(since),
        }
    }
}

struct Writer {
    sender: Sender<Bytes, Infallible>,
    /// Bytes that may still be written.
    left: usize,
}

impl Writer {
    async fn lines(&mut self, begin: Timestamp, numbers: Range<u64>, timestamps: bool) -> Result<(), Done> {
        let mut from = numbers.start;
        while from < numbers.end {
            let to = numbers.end.min(from + CHUNK);
            let mut text: String = (from..to).map(|number| line(begin, number, timestamps)).collect();
            text.truncate(self.left);
            self.left -= text.len();
            self.sender.send_data(Bytes::from(text)).await.map_err(|_| Done)?;
            if self.left == 0 {
                return Err(Done);
            }
            from = to;
        }
        Ok(())
    }
}
