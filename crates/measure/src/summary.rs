//! A histogram in a few figures, without figures that the sample cannot carry.

use hdrhistogram::Histogram;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many samples must lie beyond a percentile, in expectation, before it is told: p99.9 from 5,000 samples up, p99 from
/// 500, p90 from 50, the median from 10. With fewer, the figure is a remark about one or two requests.
const BEYOND: u64 = 5;

/// Durations in seconds. A percentile that the number of samples does not carry is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// How many were counted.
    pub n: u64,
    /// Median, seconds; from 10 samples up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p50: Option<f64>,
    /// 90th percentile, seconds; from 50 samples up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p90: Option<f64>,
    /// 99th percentile, seconds; from 500 samples up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99: Option<f64>,
    /// 99.9th percentile, seconds; from 5,000 samples up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p999: Option<f64>,
    /// The longest, seconds; absent only where nothing was counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}

impl Summary {
    /// Of a histogram in microseconds.
    pub(crate) fn of(histogram: &Histogram<u64>) -> Self {
        let n = histogram.len();
        // One in `rarity` samples lies beyond the percentile.
        let percentile =
            |quantile, rarity| (n >= BEYOND * rarity).then(|| seconds(histogram.value_at_quantile(quantile)));
        Self {
            n,
            p50: percentile(0.5, 2),
            p90: percentile(0.9, 10),
            p99: percentile(0.99, 100),
            p999: percentile(0.999, 1000),
            max: (n > 0).then(|| seconds(histogram.max())),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "the histogram ends at 120,000,000 microseconds")]
fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Latency;

    fn of_millis(n: u64) -> Summary {
        let mut latency = Latency::new();
        (1..=n).for_each(|millis| latency.record(Duration::from_millis(millis)));
        latency.summary()
    }

    #[test]
    fn tells_only_what_the_sample_carries() {
        let told = |n| {
            let summary = of_millis(n);
            assert_eq!(summary.n, n);
            [summary.max, summary.p50, summary.p90, summary.p99, summary.p999].iter().flatten().count()
        };
        let counts = [0, 1, 9, 10, 49, 50, 499, 500, 4999, 5000].map(told);
        assert_eq!(counts, [0, 1, 1, 2, 2, 3, 3, 4, 4, 5]);
    }

    #[test]
    fn figures_are_seconds_at_three_digits() {
        let summary = of_millis(5000);
        for (told, exact) in [
            (summary.p50, 2.5),
            (summary.p90, 4.5),
            (summary.p99, 4.95),
            (summary.p999, 4.995),
            (summary.max, 5.0),
        ] {
            let told = told.unwrap();
            assert!((told / exact - 1.0).abs() < 1e-3, "{told} for {exact}");
        }
    }

    #[test]
    fn absent_figures_are_absent_in_json() {
        assert_eq!(serde_json::to_string(&Summary::default()).unwrap(), r#"{"n":0}"#);
        assert_eq!(serde_json::from_str::<Summary>(r#"{"n":0}"#).unwrap(), Summary::default());
    }
}
