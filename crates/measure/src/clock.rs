//! The one clock: monotonic, in nanoseconds since it was started.

use std::{
    ops::Add,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};

/// A monotonic clock, and where its beginning lies in wall-clock time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
    wall: Timestamp,
}

/// A moment: nanoseconds since a [`Clock`] was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanos(pub u64);

impl Clock {
    /// Starts a clock at zero.
    pub fn start() -> Self {
        Self { origin: instant_now(), wall: Timestamp::now() }
    }

    /// The time since the clock was started.
    pub fn now(&self) -> Nanos {
        Nanos::from(instant_now().saturating_duration_since(self.origin))
    }

    /// The wall-clock time of a moment, as it was when the clock was started: later steps of the wall clock do not show.
    pub fn wall(&self, at: Nanos) -> Timestamp {
        self.wall.saturating_add(Duration::from(at)).unwrap_or(Timestamp::MAX)
    }

    /// The moment as an instant, to sleep until (`tokio::time::Instant::from_std`).
    pub fn instant(&self, at: Nanos) -> Instant {
        self.origin + Duration::from(at)
    }

    /// How far the wall clock has moved against this clock since the start: what is left of it is a step or a slew.
    pub fn wall_drift(&self) -> SignedDuration {
        Timestamp::now().duration_since(self.wall(self.now()))
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the monotonic clock")]
fn instant_now() -> Instant {
    Instant::now()
}

impl Nanos {
    /// The time from `earlier` to this moment, zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Seconds since the clock was started.
    pub fn as_secs_f64(self) -> f64 {
        Duration::from(self).as_secs_f64()
    }
}

impl From<Duration> for Nanos {
    /// Saturates after 584 years.
    fn from(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl From<Nanos> for Duration {
    fn from(nanos: Nanos) -> Self {
        Self::from_nanos(nanos.0)
    }
}

impl Add<Duration> for Nanos {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(Self::from(duration).0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_only_go_forward_and_map_to_wall_time() {
        let clock = Clock::start();
        let first = clock.now();
        assert!(clock.now() >= first);
        let later = Nanos(1_500_000_000);
        assert_eq!(clock.wall(later).duration_since(clock.wall(Nanos(0))), SignedDuration::from_millis(1500));
        assert_eq!(clock.instant(later).duration_since(clock.instant(Nanos(0))), Duration::from_millis(1500));
    }

    #[test]
    fn differences_and_sums_saturate() {
        assert_eq!(Nanos(5).since(Nanos(7)), Duration::ZERO);
        assert_eq!(Nanos(7).since(Nanos(5)), Duration::from_nanos(2));
        assert_eq!(Nanos(u64::MAX) + Duration::from_secs(1), Nanos(u64::MAX));
        assert_eq!(Nanos::from(Duration::MAX), Nanos(u64::MAX));
    }
}
