//! A server that can only do so much: requests in service, requests in line, and 429 for the rest.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::refusal::Refusal;

/// How much a server does: its saturation point is `at_once / service` requests per second, watches aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Requests in service at a time.
    pub at_once: usize,
    /// How long each takes.
    pub service: Duration,
    /// Requests that wait for their turn; more are told 429 with `Retry-After: 1`, as priority and fairness does.
    pub waiting: usize,
}

/// The line in front of a server with a capacity.
#[derive(Debug)]
pub(crate) struct Line {
    capacity: Capacity,
    servers: Semaphore,
    waiting: AtomicUsize,
}

impl Line {
    pub(crate) fn new(capacity: Capacity) -> Arc<Self> {
        let servers = Semaphore::new(capacity.at_once);
        Arc::new(Self { capacity, servers, waiting: AtomicUsize::new(0) })
    }

    /// Waits for the request's turn and serves it.
    pub(crate) async fn serve(&self) -> Result<(), Refusal> {
        let _turn = self.turn().await?;
        tokio::time::sleep(self.capacity.service).await;
        Ok(())
    }

    async fn turn(&self) -> Result<SemaphorePermit<'_>, Refusal> {
        let refused = || Refusal::too_many_requests(Some(Duration::from_secs(1)));
        if let Ok(permit) = self.servers.try_acquire() {
            return Ok(permit);
        }
        let one_more = |waiting: usize| (waiting < self.capacity.waiting).then_some(waiting + 1);
        self.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).map_err(|_| refused())?;
        let _place = Place(&self.waiting);
        self.servers.acquire().await.map_err(|_| refused())
    }
}

/// A place in the line; left when the turn comes, or the client goes.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn requests_are_served_in_turn_and_those_beyond_the_line_are_refused() {
        let line = Line::new(Capacity { at_once: 2, service: Duration::from_millis(10), waiting: 3 });
        let begun = Instant::now();
        let requests: Vec<_> = (0..7)
            .map(|_| {
                let line = line.clone();
                tokio::spawn(async move { line.serve().await.map(|()| begun.elapsed().as_millis()) })
            })
            .collect();
        let mut answers = Vec::new();
        for request in requests {
            answers.push(request.await.unwrap().map_err(|refusal| refusal.code));
        }
        assert_eq!(answers, [Ok(10), Ok(10), Ok(20), Ok(20), Ok(30), Err(429), Err(429)]);
        assert!(line.serve().await.is_ok(), "there is room again");
    }
}
