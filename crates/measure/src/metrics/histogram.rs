//! Durations by upper bounds, as Prometheus' classic histograms have them.

use std::time::Duration;

use super::{Declared, Labels, Sample};
use crate::Latency;

/// Counts of durations by upper bounds. It only grows.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// Seconds, in order, without the infinite one.
    bounds: &'static [f64],
    /// Durations above the bound before and up to this one; above the last bound, those in the last place.
    counts: Vec<u64>,
    /// Seconds.
    sum: f64,
}

impl Histogram {
    /// An empty one with the buckets of `declared`.
    pub fn new(declared: &Declared) -> Self {
        Self { bounds: declared.buckets, counts: vec![0; declared.buckets.len() + 1], sum: 0.0 }
    }

    /// Counts one duration.
    pub fn observe(&mut self, took: Duration) {
        self.count_in(took.as_secs_f64(), 1);
        self.sum += took.as_secs_f64();
    }

    /// Adds what was counted more finely. What its histogram does not tell apart from a bound counts as up to it, as for
    /// [`Latency::longer_than`]; the sum is right to a thousandth.
    pub fn add(&mut self, latency: &Latency) {
        let fine = latency.histogram();
        for step in fine.iter_recorded() {
            let count = step.count_at_value();
            self.count_in(seconds(fine.lowest_equivalent(step.value_iterated_to())), count);
            self.sum += seconds(fine.median_equivalent(step.value_iterated_to())) * number(count);
        }
    }

    fn count_in(&mut self, seconds: f64, count: u64) {
        let place = self.bounds.partition_point(|bound| *bound < seconds);
        self.counts[place] += count;
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How many were up to each bound; of the infinite one, last, all.
    pub fn cumulative(&self) -> Vec<u64> {
        let running = self.counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        running.collect()
    }

    /// Its series with these labels: a bucket for each bound, the sum, and the count.
    pub fn samples(&self, name: &str, labels: &Labels) -> Vec<Sample> {
        let bounds = self.bounds.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
        let buckets = bounds.zip(self.cumulative()).map(|(bound, count)| {
            let mut labels = labels.clone();
            let place = labels.partition_point(|(name, _)| name.as_str() < "le");
            labels.insert(place, ("le".to_owned(), bound));
            Sample { name: format!("{name}_bucket"), labels, value: number(count) }
        });
        let whole =
            |part: &str, value| Sample { name: format!("{name}_{part}"), labels: labels.clone(), value };
        buckets.chain([whole("sum", self.sum), whole("count", number(self.count()))]).collect()
    }
}

fn seconds(micros: u64) -> f64 {
    number(micros) / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "nobody counts to 2^53 requests or microseconds")]
fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::REQUEST, *};

    fn millis(all: &[u64]) -> Histogram {
        let mut histogram = Histogram::new(&REQUEST);
        for millis in all {
            histogram.observe(Duration::from_millis(*millis));
        }
        histogram
    }

    #[test]
    fn a_duration_is_in_the_first_bucket_whose_bound_it_does_not_pass() {
        let histogram = millis(&[0, 1, 2, 1000, 1001, 90_000]);
        let up_to = |bound: &str| {
            let samples = histogram.samples("took", &Labels::new());
            samples.into_iter().find(|it| it.labels.iter().any(|(_, value)| value == bound)).unwrap().value
        };
        let told = ["0.001", "0.0025", "1", "2.5", "60", "+Inf"].map(up_to);
        assert_eq!(told.map(f64::to_bits), [2.0, 3.0, 4.0, 5.0, 5.0, 6.0_f64].map(f64::to_bits));
    }

    #[test]
    fn buckets_are_cumulative_and_the_infinite_one_has_all() {
        let histogram = millis(&[3, 30, 300, 3000, 30_000, 300_000]);
        let cumulative = histogram.cumulative();
        assert!(cumulative.is_sorted(), "{cumulative:?}");
        assert_eq!((cumulative.len(), *cumulative.last().unwrap()), (REQUEST.buckets.len() + 1, 6));
        let samples = histogram.samples("took", &vec![("verb".to_owned(), "get".to_owned())]);
        let last = samples.last().unwrap();
        assert_eq!((last.name.as_str(), last.value.to_bits()), ("took_count", 6.0_f64.to_bits()));
        let names: Vec<&str> = samples[0].labels.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["le", "verb"]);
        let sum = &samples[samples.len() - 2];
        assert!((sum.value - 333.333).abs() < 1e-6, "{sum:?}");
    }

    proptest! {
        #[test]
        fn what_was_counted_finely_is_in_the_buckets_that_it_says_itself(
            micros in prop::collection::vec(0..120_000_000_u64, 0..200)
        ) {
            let mut latency = Latency::new();
            for micros in &micros {
                latency.record(Duration::from_micros(*micros));
            }
            let mut histogram = Histogram::new(&REQUEST);
            histogram.add(&latency);
            let mut up_to: Vec<u64> = Vec::new();
            for bound in REQUEST.buckets {
                up_to.push(latency.len() - latency.longer_than(Duration::from_secs_f64(*bound)));
            }
            up_to.push(latency.len());
            prop_assert_eq!(histogram.cumulative(), up_to);
            let exact: f64 = micros.into_iter().map(seconds).sum();
            prop_assert!((histogram.sum - exact).abs() <= exact * 2e-3 + 1e-4, "{} for {exact}", histogram.sum);
        }
    }
}
