//! The rate limiter inside a client, client-go's `flowcontrol.NewTokenBucketRateLimiter`: `golang.org/x/time/rate` with
//! reservations. A request that finds no token takes the next one in advance and waits for it.

use std::time::Duration;

use measure::Nanos;

/// What a client allows itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    /// Requests per second in the long run.
    pub qps: f64,
    /// Requests at once after a rest.
    pub burst: u32,
}

/// A token bucket. It begins full.
#[derive(Debug)]
pub(crate) struct Limiter {
    limit: Limit,
    /// Tokens at `last`; negative when requests wait for some to come.
    tokens: f64,
    last: Nanos,
}

impl Limiter {
    pub(crate) fn new(limit: Limit) -> Self {
        Self { limit, tokens: limit.burst.into(), last: Nanos(0) }
    }

    /// Takes a token and says when the request may be sent: `at`, or later.
    pub(crate) fn reserve(&mut self, at: Nanos) -> Nanos {
        self.tokens = self.tokens_at(at) - 1.0;
        self.last = self.last.max(at);
        if self.tokens >= 0.0 { at } else { at + Duration::from_secs_f64(-self.tokens / self.limit.qps) }
    }

    /// Takes a token if there is one (`PassiveRateLimiter.TryAccept`).
    pub(crate) fn accept(&mut self, at: Nanos) -> bool {
        let tokens = self.tokens_at(at);
        let accepted = tokens >= 1.0;
        if accepted {
            self.tokens = tokens - 1.0;
            self.last = self.last.max(at);
        }
        accepted
    }

    /// Whether nothing of the burst is spent, so that a new bucket would do the same.
    pub(crate) fn is_full(&self, at: Nanos) -> bool {
        self.tokens_at(at) >= self.limit.burst.into()
    }

    fn tokens_at(&self, at: Nanos) -> f64 {
        let gained = at.since(self.last).as_secs_f64() * self.limit.qps;
        (self.tokens + gained).min(self.limit.burst.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_goes_at_once_and_the_rest_at_the_rate() {
        let mut limiter = Limiter::new(Limit { qps: 50.0, burst: 100 });
        let start = Nanos(7_000_000_000);
        let sent: Vec<u64> = (0..103).map(|_| limiter.reserve(start).0 - start.0).collect();
        assert_eq!(sent[..100], [0; 100]);
        assert_eq!(sent[100..], [20_000_000, 40_000_000, 60_000_000]);
    }

    #[test]
    fn tokens_come_back_with_time_up_to_the_burst() {
        let mut limiter = Limiter::new(Limit { qps: 5.0, burst: 2 });
        assert_eq!(limiter.reserve(Nanos(0)), Nanos(0));
        assert_eq!(limiter.reserve(Nanos(0)), Nanos(0));
        let later = Nanos(200_000_000);
        assert_eq!(limiter.reserve(later), later);
        let rested = Nanos(60_000_000_000);
        let sent: Vec<u64> = (0..3).map(|_| limiter.reserve(rested).0 - rested.0).collect();
        assert_eq!(sent, [0, 0, 200_000_000]);
    }

    #[test]
    fn what_is_not_accepted_costs_nothing() {
        let mut limiter = Limiter::new(Limit { qps: 1.0, burst: 2 });
        let at = |seconds: u64| Nanos(seconds * 1_000_000_000);
        assert!(limiter.is_full(at(0)));
        let accepted: Vec<bool> = (0..4).map(|_| limiter.accept(at(0))).collect();
        assert_eq!(accepted, [true, true, false, false]);
        assert!(limiter.accept(at(1)));
        assert!(!limiter.accept(at(1)));
        assert!(!limiter.is_full(at(2)));
        assert!(limiter.is_full(at(3)));
    }
}
