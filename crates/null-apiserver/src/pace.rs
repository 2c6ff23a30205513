//! One kind of request at a known pace: one after the other, each so long after the one before, however late timers are.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use crate::refusal::Refusal;
use crate::server::lock;

/// A line with one place of service, for the requests of a rule. Clones share the line.
///
/// Requests leave it at moments that are reckoned when they come in, so neither the grain of timers nor a busy machine changes its
/// pace: its saturation point is one request in each `every`. Of one that [collapses](Pace::collapsing) that is as true, for a load
/// that comes evenly; but a load of `share` times that, below 1, no longer holds once more than `k * (1 / share - 1)` requests are in
/// line, be it by a burst or by what an overload has left, and is lost until it stops.
#[derive(Clone, Debug)]
pub struct Pace {
    every: Duration,
    most: usize,
    doubles_at: Option<u32>,
    line: Arc<Mutex<Line>>,
}

#[derive(Debug, Default)]
struct Line {
    /// When all that is in line has been served.
    free_at: Option<Instant>,
    /// Requests in line, the one in service too.
    length: usize,
}

impl Pace {
    /// One request in each such time, and a line without an end.
    pub fn every(every: Duration) -> Self {
        Self { every, most: usize::MAX, doubles_at: None, line: Arc::default() }
    }

    /// At most so many requests in line; more are told 429 with `Retry-After: 1`, as priority and fairness does.
    #[must_use]
    pub fn at_most(mut self, most: usize) -> Self {
        self.most = most;
        self
    }

    /// A request takes longer by as much again for every `k` that are in line before it, as on a server that thrashes.
    #[must_use]
    pub fn collapsing(mut self, k: u32) -> Self {
        self.doubles_at = Some(k.max(1));
        self
    }

    /// Waits for the request's turn and serves it.
    pub(crate) async fn serve(&self) -> Result<(), Refusal> {
        let (served, _place) = self.enter(Instant::now())?;
        tokio::time::sleep_until(served).await;
        Ok(())
    }

    /// When a request is served that comes in now, and its place in the line.
    fn enter(&self, now: Instant) -> Result<(Instant, Place<'_>), Refusal> {
        let mut line = lock(&self.line);
        if line.length >= self.most {
            return Err(Refusal::too_many_requests(Some(Duration::from_secs(1))));
        }
        let before = u32::try_from(line.length).unwrap_or(u32::MAX);
        let longer = self.doubles_at.map_or(0.0, |k| f64::from(before) / f64::from(k));
        let served = line.free_at.map_or(now, |free| free.max(now)) + self.every.mul_f64(1.0 + longer);
        line.free_at = Some(served);
        line.length += 1;
        Ok((served, Place(&self.line)))
    }
}

/// A place in the line; left when the request is served, or the client goes.
#[derive(Debug)]
struct Place<'a>(&'a Mutex<Line>);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        lock(self.0).length -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Timers have a grain of a millisecond, and this many of it a half and a quarter.
    const EVERY: Duration = Duration::from_millis(20);

    /// Offers requests at even gaps for twenty seconds, and says how many are in line then and how many were served.
    async fn offer(pace: &Pace, gap: Duration) -> (usize, usize) {
        let begun = Instant::now();
        let mut requests = tokio::task::JoinSet::new();
        let mut served = 0;
        while begun.elapsed() < Duration::from_secs(20) {
            let pace = pace.clone();
            requests.spawn(async move { pace.serve().await });
            tokio::time::sleep(gap).await;
            while requests.try_join_next().is_some() {
                served += 1;
            }
        }
        (lock(&pace.line).length, served)
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_in_at_its_pace_does_not_wait_and_the_rest_waits_in_line() {
        let (line, served) = offer(&Pace::every(EVERY), EVERY).await;
        assert!(line <= 2 && served >= 998, "{line} in line, {served} served");
        let (line, served) = offer(&Pace::every(EVERY), EVERY / 2).await;
        assert!((998..=1001).contains(&served) && (998..=1002).contains(&line), "{line}, {served}");
    }

    #[tokio::test(start_paused = true)]
    async fn requests_leave_at_their_pace_whatever_the_grain_of_timers() {
        let pace = Pace::every(Duration::from_micros(700));
        let now = Instant::now();
        let mut places: Vec<_> = (0..1000).map(|_| pace.enter(now).unwrap()).collect();
        assert_eq!(places.pop().unwrap().0 - now, Duration::from_millis(700));
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_that_is_too_long_turns_requests_away() {
        let pace = Pace::every(EVERY).at_most(2);
        let (a, b, c) = tokio::join!(pace.serve(), pace.serve(), pace.serve());
        assert_eq!(
            [a, b, c].map(|served| served.map_err(|refusal| refusal.code)),
            [Ok(()), Ok(()), Err(429)]
        );
        assert!(pace.serve().await.is_ok(), "there is room again");
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_collapses_serves_less_the_more_is_asked_of_it() {
        let pace = || Pace::every(EVERY).collapsing(100);
        let (line, served) = offer(&pace(), EVERY).await;
        assert!(line <= 2 && served >= 998, "at its capacity nothing waits: {line}, {served}");
        let (_, twice) = offer(&pace(), EVERY / 2).await;
        let (_, four_times) = offer(&pace(), EVERY / 4).await;
        assert!(four_times < twice && twice < 600, "{four_times} of 4,000 and {twice} of 2,000");
    }
}
