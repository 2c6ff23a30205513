//! Intervals by resampling: the bootstrap, bias-corrected and accelerated (Efron 1987; Efron & Tibshirani 1993, section
//! 14.3).
//!
//! Good from about twenty independent samples up; below that the exact intervals of [`super::signed_rank`] and
//! [`super::rank_sum`] keep their level and this one does not.

use rand::{Rng, SeedableRng, rngs::ChaCha8Rng};

use super::{Error, Interval, chance, normal, quantile_of_sorted, real};

/// The fewest samples that can be resampled with some sense.
const LEAST: usize = 3;

/// How the statistic is resampled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// How often; 10,000 for an interval that is shown.
    pub resamples: usize,
    /// The level of the interval, between 0 and 1.
    pub level: f64,
    /// The same seed gives the same interval.
    pub seed: u64,
}

/// An interval with what was corrected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bca {
    /// The statistic of the sample.
    pub value: f64,
    /// Its interval.
    pub interval: Interval,
    /// z0: by how many standard deviations the median of the resampled statistic lies below that of the sample.
    pub bias: f64,
    /// a: how the statistic's standard deviation changes with its value, by the jackknife.
    pub acceleration: f64,
}

/// The interval of `statistic` over `sample`. Samples of pairs are resampled as pairs.
///
/// # Errors
///
/// [`Error::TooFew`] below three samples or a hundred resamples; [`Error::NotFinite`] where the statistic is not finite;
/// [`Error::OutOfRange`] for the level.
pub fn interval<T: Copy>(sample: &[T], statistic: impl Fn(&[T]) -> f64, plan: Plan) -> Result<Bca, Error> {
    let level = chance("level", plan.level)?;
    if sample.len() < LEAST {
        return Err(Error::TooFew { found: sample.len(), least: LEAST });
    }
    if plan.resamples < 100 {
        return Err(Error::TooFew { found: plan.resamples, least: 100 });
    }
    let value = statistic(sample);
    let resampled = resample(sample, &statistic, plan);
    let jackknifed: Vec<f64> = (0..sample.len())
        .map(|left_out| statistic(&[&sample[..left_out], &sample[left_out + 1..]].concat()))
        .collect();
    super::finite(&[value])?;
    super::finite(&resampled)?;
    super::finite(&jackknifed)?;
    let bias = bias(&resampled, value);
    let acceleration = acceleration(&jackknifed);
    let end = |share: f64| {
        let z = bias + normal::quantile(share);
        // The correction has a pole; beyond it the whole tail is asked for.
        let slowed = 1.0 - acceleration * z;
        let corrected =
            if slowed > 0.0 { normal::cumulative(bias + z / slowed) } else { f64::from(u8::from(z > 0.0)) };
        quantile_of_sorted(&resampled, corrected).unwrap_or(value)
    };
    let tail = f64::midpoint(1.0, -level);
    let interval = Interval { low: end(tail), high: end(1.0 - tail), level };
    Ok(Bca { value, interval, bias, acceleration })
}

/// The statistic of samples drawn with replacement, sorted.
fn resample<T: Copy>(sample: &[T], statistic: impl Fn(&[T]) -> f64, plan: Plan) -> Vec<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(plan.seed);
    let mut drawn = sample.to_vec();
    let mut values: Vec<f64> = (0..plan.resamples)
        .map(|_| {
            for it in &mut drawn {
                *it = sample[below(&mut random, sample.len())];
            }
            statistic(&drawn)
        })
        .collect();
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// A number below `end`, by the upper half of a product; its bias is one in 2^64 / end. Not rand's own, whose algorithm
/// may change.
#[expect(clippy::cast_possible_truncation, reason = "the upper half of a product is below either factor")]
fn below(random: &mut ChaCha8Rng, end: usize) -> usize {
    ((u128::from(random.next_u64()) * end as u128) >> 64) as usize
}

/// z0, with values equal to the sample's counted half (they are many where a statistic is a median), and never infinite.
#[expect(clippy::float_cmp, reason = "equal means equal to the last bit")]
fn bias(resampled: &[f64], value: f64) -> f64 {
    let below = resampled.iter().filter(|it| **it < value).count();
    let equal = resampled.iter().filter(|it| **it == value).count();
    let least = 0.5 / real(resampled.len());
    let share = (real(below) + real(equal) / 2.0) / real(resampled.len());
    normal::quantile(share.clamp(least, 1.0 - least))
}

/// a, from the third and second moments of the jackknife (Efron & Tibshirani 1993, equation 14.15); 0 where the statistic
/// does not vary.
fn acceleration(jackknifed: &[f64]) -> f64 {
    let mean = jackknifed.iter().sum::<f64>() / real(jackknifed.len());
    let moment = |power: i32| jackknifed.iter().map(|value| (mean - value).powi(power)).sum::<f64>();
    let square = moment(2);
    if square > 0.0 { moment(3) / (6.0 * square.powf(1.5)) } else { 0.0 }
}

#[cfg(test)]
mod tests;
