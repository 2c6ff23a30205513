//! What a controller has to look into, as client-go's workqueues keep it. Pure.
//!
//! Source: client-go `util/workqueue`: `queue.go` (nothing is in it twice, nor worked on twice at a time), `delaying_queue.go`
//! (what waits twice waits until the earlier time), `default_rate_limiters.go` (`DefaultTypedControllerRateLimiter`).

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, HashSet, VecDeque},
    time::Duration,
};

use measure::Nanos;

/// After its first failure an object waits so long, after each other twice as long as before (`baseDelay`).
const FIRST_DELAY: Duration = Duration::from_millis(5);
/// And never longer than this (`maxDelay`).
const LONGEST_DELAY: Duration = Duration::from_secs(1000);
/// All failures together are tried again so often in a second, after so many at once.
const RETRIES: (f64, f64) = (10.0, 100.0);

/// A workqueue of objects by their keys.
#[derive(Debug)]
pub(super) struct Queue {
    /// Without, what has failed is tried again at once.
    backoff: bool,
    ready: VecDeque<String>,
    /// What is to be looked into, be it ready or still being worked on.
    dirty: HashSet<String>,
    working: HashSet<String>,
    /// When what waits is ready. The heap may have older entries of the same, which are skipped.
    waiting: HashMap<String, Nanos>,
    by_time: BinaryHeap<Reverse<(Nanos, String)>>,
    failures: HashMap<String, u32>,
    bucket: Bucket,
}

/// A token bucket that may be overdrawn, as `rate.Limiter.Reserve` does.
#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Nanos,
}

impl Queue {
    pub(super) fn new(backoff: bool) -> Self {
        Self {
            backoff,
            ready: VecDeque::new(),
            dirty: HashSet::new(),
            working: HashSet::new(),
            waiting: HashMap::new(),
            by_time: BinaryHeap::new(),
            failures: HashMap::new(),
            bucket: Bucket { tokens: RETRIES.1, at: Nanos(0) },
        }
    }

    /// Something has happened to it.
    pub(super) fn add(&mut self, key: String) {
        if !self.dirty.contains(&key) {
            self.dirty.insert(key.clone());
            if !self.working.contains(&key) {
                self.ready.push_back(key);
            }
        }
    }

    /// What to work on next. To be called done.
    pub(super) fn take(&mut self) -> Option<String> {
        let key = self.ready.pop_front()?;
        self.dirty.remove(&key);
        self.working.insert(key.clone());
        Some(key)
    }

    /// It is no longer worked on; if something has happened to it meanwhile, it is ready again.
    pub(super) fn done(&mut self, key: &str) {
        self.working.remove(key);
        if self.dirty.contains(key) {
            self.ready.push_back(key.to_owned());
        }
    }

    /// It has succeeded, or is not to be tried again: its failures are forgotten.
    pub(super) fn forget(&mut self, key: &str) {
        self.failures.remove(key);
    }

    /// It has failed, and is ready again after a while.
    pub(super) fn retry(&mut self, key: String, now: Nanos) {
        if !self.backoff {
            return self.add(key);
        }
        let failures = self.failures.entry(key.clone()).or_default();
        let own = FIRST_DELAY.saturating_mul(2_u32.saturating_pow(*failures)).min(LONGEST_DELAY);
        *failures += 1;
        let at = now + own.max(self.bucket.reserve(now));
        let earlier = self.waiting.get(&key).is_some_and(|waits| *waits <= at);
        if !earlier {
            self.waiting.insert(key.clone(), at);
            self.by_time.push(Reverse((at, key)));
        }
    }

    /// When the next of those that wait is ready.
    pub(super) fn due(&self) -> Option<Nanos> {
        self.by_time.peek().map(|Reverse((at, _))| *at)
    }

    /// Those that have waited long enough are ready.
    pub(super) fn release(&mut self, now: Nanos) {
        while self.due().is_some_and(|at| at <= now)
            && let Some(Reverse((at, key))) = self.by_time.pop()
        {
            if self.waiting.get(&key) == Some(&at) {
                self.waiting.remove(&key);
                self.add(key);
            }
        }
    }
}

impl Bucket {
    /// Takes a token and says how long it takes until it is there.
    fn reserve(&mut self, now: Nanos) -> Duration {
        let (rate, burst) = RETRIES;
        let gained = now.since(self.at).as_secs_f64() * rate;
        self.tokens = (self.tokens + gained).min(burst) - 1.0;
        self.at = now;
        Duration::from_secs_f64((-self.tokens / rate).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(millis: u64) -> Nanos {
        Nanos(millis * 1_000_000)
    }

    fn queue(keys: &[&str]) -> Queue {
        let mut queue = Queue::new(true);
        for key in keys {
            queue.add((*key).to_owned());
        }
        queue
    }

    #[test]
    fn nothing_is_in_it_twice_and_nothing_is_worked_on_twice_at_a_time() {
        let mut queue = queue(&["a", "a", "b"]);
        assert_eq!(queue.take().as_deref(), Some("a"));
        queue.add("a".to_owned());
        queue.add("a".to_owned());
        assert_eq!(queue.take().as_deref(), Some("b"));
        assert_eq!(queue.take(), None, "a is being worked on");
        queue.done("a");
        assert_eq!(queue.take().as_deref(), Some("a"));
        queue.done("a");
        queue.done("b");
        assert_eq!(queue.take(), None);
    }

    /// Fails `a` so often, each time when its time has come, and says when that was.
    fn fail(queue: &mut Queue, times: usize) -> Vec<u64> {
        let mut now = Nanos(0);
        let fail_once = |_| {
            queue.retry("a".to_owned(), now);
            now = queue.due().unwrap();
            queue.release(now);
            let key = queue.take().unwrap();
            queue.done(&key);
            now.0 / 1_000_000
        };
        (0..times).map(fail_once).collect()
    }

    #[test]
    fn what_fails_again_and_again_waits_twice_as_long_each_time_and_never_longer_than_a_thousand_seconds() {
        let mut queue = Queue::new(true);
        assert_eq!(fail(&mut queue, 6), [5, 15, 35, 75, 155, 315]);
        let later = fail(&mut queue, 40);
        assert_eq!(later[39] - later[38], 1_000_000);
        queue.forget("a");
        assert_eq!(fail(&mut queue, 1), [5]);
    }

    #[test]
    fn many_failures_at_once_are_tried_again_ten_in_a_second() {
        let mut queue = Queue::new(true);
        for key in 0..120 {
            queue.retry(key.to_string(), Nanos(0));
        }
        let ready_at = |queue: &mut Queue, at: Nanos| {
            queue.release(at);
            std::iter::from_fn(|| queue.take()).count()
        };
        assert_eq!(ready_at(&mut queue, millis(5)), 100);
        assert_eq!(ready_at(&mut queue, millis(1001)), 10);
        assert_eq!(ready_at(&mut queue, millis(2001)), 10);
    }

    #[test]
    fn what_waits_twice_is_ready_at_the_earlier_time_and_once() {
        let mut queue = Queue::new(true);
        queue.retry("a".to_owned(), millis(0));
        queue.retry("a".to_owned(), millis(0));
        assert_eq!(queue.due(), Some(millis(5)));
        queue.release(millis(100));
        assert_eq!(queue.take().as_deref(), Some("a"));
        queue.done("a");
        assert_eq!((queue.take(), queue.due()), (None, None));
    }

    #[test]
    fn without_backoff_a_failure_is_tried_again_at_once() {
        let mut queue = Queue::new(false);
        queue.retry("a".to_owned(), millis(0));
        assert_eq!((queue.due(), queue.take().as_deref()), (None, Some("a")));
    }
}
