//! Random samples for the tests: seeded, so that a simulation gives the same share every time.

use rand::{Rng, SeedableRng, rngs::ChaCha8Rng};

use super::normal;

pub(super) struct Simulated(ChaCha8Rng);

impl Simulated {
    pub(super) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Uniform in (0, 1).
    #[expect(clippy::cast_precision_loss, reason = "below 2^52")]
    pub(super) fn uniform(&mut self) -> f64 {
        ((self.0.next_u64() >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
    }

    pub(super) fn normal(&mut self) -> f64 {
        normal::quantile(self.uniform())
    }

    /// Student's t with two degrees of freedom: no variance, and a sample of ten has its outlier.
    pub(super) fn heavy(&mut self) -> f64 {
        let p = self.uniform();
        (2.0 * p - 1.0) / (2.0 * p * (1.0 - p)).sqrt()
    }

    pub(super) fn sample(n: usize, mut value: impl FnMut() -> f64) -> Vec<f64> {
        (0..n).map(|_| value()).collect()
    }
}

/// In what share of `times` simulations something happens.
pub(super) fn share(times: usize, mut happens: impl FnMut() -> bool) -> f64 {
    super::real((0..times).filter(|_| happens()).count()) / super::real(times)
}
