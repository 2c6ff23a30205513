//! The reflector's back-off: 800 ms, doubled to 30 s, each lengthened by up to its own length, and begun anew every two
//! minutes (client-go tools/cache/reflector.go; apimachinery util/wait/backoff.go `backoffManager`).

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::time::Instant;

const INITIAL: Duration = Duration::from_millis(800);
const CAP: Duration = Duration::from_secs(30);
const RESET_AFTER: Duration = Duration::from_mins(2);

/// How long to wait before each next try, and the other random choice of a reflector.
///
/// The generator is the small one: a fleet has fifty thousand reflectors.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
    /// When it last began anew. As in Go this is not when it was last asked.
    started: Option<Instant>,
    random: SmallRng,
}

impl Backoff {
    pub(super) fn new(seed: u64) -> Self {
        Self { next: INITIAL, started: None, random: SmallRng::seed_from_u64(seed) }
    }

    /// The wait before the next try.
    pub(super) fn step(&mut self) -> Duration {
        let now = Instant::now();
        let started = *self.started.get_or_insert(now);
        if now - started > RESET_AFTER {
            self.next = INITIAL;
            self.started = Some(now);
        }
        let wait = self.next;
        self.next = (wait * 2).min(CAP);
        wait + wait.mul_f64(self.random.random())
    }

    /// A whole number of seconds in the range, as `int64(min + rand*(max-min))` chooses it.
    pub(super) fn seconds_between(&mut self, range: &std::ops::Range<Duration>) -> u64 {
        let span = range.end.saturating_sub(range.start);
        (range.start + span.mul_f64(self.random.random())).as_secs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waits_double_to_the_cap_with_jitter_up_to_their_own_length() {
        let mut backoff = Backoff::new(7);
        for base_ms in [800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000, 30_000] {
            let base = Duration::from_millis(base_ms);
            let wait = backoff.step();
            assert!(wait >= base && wait < base * 2, "{wait:?} for {base:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_begins_anew_after_two_minutes() {
        let mut backoff = Backoff::new(7);
        for _ in 0..5 {
            backoff.step();
        }
        tokio::time::advance(RESET_AFTER).await;
        assert!(backoff.step() >= Duration::from_millis(25_600));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(backoff.step() < INITIAL * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_seed_waits_the_same() {
        let steps = |seed| {
            let mut backoff = Backoff::new(seed);
            (0..8).map(|_| backoff.step()).collect::<Vec<_>>()
        };
        assert_eq!(steps(1), steps(1));
        assert_ne!(steps(1), steps(2));
    }

    #[test]
    fn watch_timeouts_are_whole_seconds_of_the_range() {
        let mut backoff = Backoff::new(3);
        let range = Duration::from_mins(5)..Duration::from_mins(10);
        let chosen: Vec<u64> = (0..1000).map(|_| backoff.seconds_between(&range)).collect();
        assert!(chosen.iter().all(|seconds| (300..600).contains(seconds)));
        assert!(chosen.iter().max() > chosen.iter().min());
    }
}
