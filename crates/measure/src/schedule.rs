//! When an open-loop load starts its requests: decided before it runs, by a seed.

use std::time::Duration;

use rand::{Rng, SeedableRng, rngs::ChaCha8Rng};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Nanos, Rate};

/// How arrivals are spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Arrivals {
    /// Independent of one another, as those of many users are: exponential gaps.
    #[default]
    Poisson,
    /// Evenly spaced, as one timer's are; the first after a seeded part of a gap, so that two loads do not march in step.
    Uniform,
    /// As one timer's that is set anew after each time, like a kubelet's for its lease: each gap is stretched by up to 4 %,
    /// so that many such timers drift apart. The rate is that of the stretched gaps. The first after a seeded part of one.
    Periodic,
}

/// By how much of itself a period is stretched at most: the `jitterFactor` with which a kubelet renews its lease
/// (component-helpers `apimachinery/lease/controller.go`, `Run`).
const JITTER: f64 = 0.04;

/// The offsets of arrivals from the start of the load, in order, without end.
///
/// The same arguments give the same offsets, always: the generator is `ChaCha8`, whose values are fixed, and offsets are
/// summed as whole nanoseconds. (A platform whose logarithm differs in the last bit may round one gap in ten million to the
/// next nanosecond.)
#[derive(Debug)]
pub struct Schedule {
    arrivals: Arrivals,
    rate: Rate,
    random: ChaCha8Rng,
    /// The latest arrival (Poisson, periodic), or the first one (uniform).
    base: u64,
    /// Arrivals given out so far.
    count: u64,
}

impl Schedule {
    /// A schedule at `rate`.
    pub fn new(arrivals: Arrivals, rate: Rate, seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let base = match arrivals {
            Arrivals::Poisson => 0,
            Arrivals::Uniform | Arrivals::Periodic => {
                whole_nanos((1.0 - above_zero_to_one(&mut random)) / rate.get())
            }
        };
        Self { arrivals, rate, random, base, count: 0 }
    }

    /// The arrivals before `duration`, and no more.
    pub fn within(self, duration: Duration) -> impl Iterator<Item = Nanos> + Send + use<> {
        let end = Nanos::from(duration);
        self.take_while(move |offset| *offset < end)
    }
}

impl Iterator for Schedule {
    type Item = Nanos;

    fn next(&mut self) -> Option<Nanos> {
        let offset = match self.arrivals {
            Arrivals::Poisson => {
                let gap = -above_zero_to_one(&mut self.random).ln() / self.rate.get();
                self.base = self.base.saturating_add(whole_nanos(gap));
                self.base
            }
            Arrivals::Periodic => {
                if self.count > 0 {
                    let stretched = 1.0 + JITTER * (1.0 - above_zero_to_one(&mut self.random));
                    // On average a gap is stretched by half of what it is at most.
                    let gap = stretched / (1.0 + JITTER / 2.0) / self.rate.get();
                    self.base = self.base.saturating_add(whole_nanos(gap));
                }
                self.base
            }
            // From the beginning each time, so that rounding does not add up.
            #[expect(clippy::cast_precision_loss, reason = "a load does not reach 2^53 requests")]
            Arrivals::Uniform => self.base.saturating_add(whole_nanos(self.count as f64 / self.rate.get())),
        };
        self.count += 1;
        Some(Nanos(offset))
    }
}

/// A number in (0, 1], from the upper 53 bits.
#[expect(clippy::cast_precision_loss, reason = "a number below 2^53 is exact in f64")]
fn above_zero_to_one(random: &mut ChaCha8Rng) -> f64 {
    ((random.next_u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, and the cast saturates"
)]
fn whole_nanos(seconds: f64) -> u64 {
    (seconds * 1e9).round() as u64
}

/// The seed of one of several schedules that come from one seed: none has the arrivals of another, nor those of a neighbouring seed's.
pub fn nth_seed(seed: u64, n: u64) -> u64 {
    let first = ChaCha8Rng::seed_from_u64(seed).next_u64();
    ChaCha8Rng::seed_from_u64(first.wrapping_add(n)).next_u64()
}

#[cfg(test)]
mod tests;
