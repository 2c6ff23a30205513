//! Whether a query says the same of what was scraped and of what was kept and put into another Prometheus.
//!
//! The two looked at other moments: a Prometheus at every five seconds, a record at every fifteen (components; ours every five). So a
//! value is held against what the other one says around the same instant:
//!
//! - Series are the same when all their labels are. Instants are aligned.
//! - A value of what was kept agrees when it lies among the values of the live one no more than [`AROUND`] earlier or later: one interval
//!   of either. Nobody knows what a gauge was between two samples, so that range is widened on both sides by its own width; where the live
//!   values do not change it has none, and the value must be the same.
//! - A rate over a minute is made of samples that lie up to 15 s further inside than the live one's, and is what they say about the rest
//!   too: a quarter of the minute, so the range is widened by a quarter of the value as well ([`OF_A_RATE`]).
//! - A quantile is known to a bucket, and one more request on the other side of a bound makes it the next: it may be off by a bucket of
//!   the coarser ones ([`BUCKET`]).
//! - A point that only one of the two has counts as one that does not agree, unless the other has one within [`AROUND`].
//! - Which ten of more are the greatest is not compared, because of equal ones, such as queues that are all empty, either will do: of
//!   `topk(10, x)` all of x is.
//! - A query agrees when three points of four do. One sample of a component that fell into a burst is seen for 15 s, a quarter of a minute;
//!   what is of another unit, another series or another time is seen in all of them.

use super::server::{STEP, Series, Span};

/// Scrape interval of dashboards/prometheus.yml plus that of what is kept, seconds.
pub(crate) const AROUND: f64 = 20.0;
/// The interval of what is kept, of the minute over which rates are asked for.
const OF_A_RATE: f64 = 15.0 / 60.0;
/// From bound to bound of our buckets and of most of the components'.
const BUCKET: f64 = 2.5;
/// What two sums of the same numbers may differ by.
const ROUNDING: f64 = 1e-9;
/// Points of a hundred that may differ.
const PERCENT: usize = 25;

/// What a query's values are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Made {
    /// Samples as they are.
    Samples,
    /// How fast counters grow.
    Rates,
    /// How fast those of buckets do.
    Buckets,
}

/// How a query's values agree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Agreement {
    /// Series of either.
    pub(crate) series: usize,
    /// Points of either that were looked at.
    pub(crate) points: usize,
    /// Those that both have, with values that do not agree.
    pub(crate) differ: usize,
    /// Those that one lacks.
    pub(crate) lacking: usize,
}

impl Agreement {
    /// Whether it is the same, where there is anything. That there is something to be seen at all is another question.
    pub(crate) fn agrees(&self) -> bool {
        (self.differ + self.lacking) * 100 <= self.points * PERCENT
    }
}

impl Made {
    /// By the functions in a query.
    pub(crate) fn of(expr: &str) -> Self {
        let has = |functions: &[&str]| functions.iter().any(|function| expr.contains(function));
        if has(&["histogram_quantile("]) {
            Self::Buckets
        } else if has(&["rate(", "increase(", "delta(", "deriv("]) {
            Self::Rates
        } else {
            Self::Samples
        }
    }
}

/// What is compared of a query.
pub(crate) fn compared(expr: &str) -> &str {
    let chosen = expr.strip_prefix("topk(").and_then(|rest| rest.strip_suffix(')'));
    chosen.and_then(|chosen| chosen.split_once(", ")).map_or(expr, |(_, all)| all)
}

/// Compares what both say in a span; both are known [`AROUND`] it too.
pub(crate) fn compare(live: &[Series], kept: &[Series], span: Span, made: Made) -> Agreement {
    let mut all = Agreement::default();
    for series in kept {
        let of_live = live.iter().find(|it| it.labels == series.labels);
        let of_live = of_live.map_or(&[][..], |it| it.points.as_slice());
        all.series += 1;
        for (at, value) in within(&series.points, span.from, span.to) {
            all.points += 1;
            match around(of_live, at) {
                [] => all.lacking += 1,
                points => all.differ += usize::from(!agrees(value, points, made)),
            }
        }
    }
    for series in live {
        let of_kept = kept.iter().find(|it| it.labels == series.labels);
        all.series += usize::from(of_kept.is_none());
        let of_kept = of_kept.map_or(&[][..], |it| it.points.as_slice());
        let lacking =
            within(&series.points, span.from, span.to).filter(|(at, _)| around(of_kept, *at).is_empty());
        let lacking = lacking.count();
        all.points += lacking;
        all.lacking += lacking;
    }
    all
}

fn within(points: &[(f64, f64)], from: f64, to: f64) -> impl Iterator<Item = (f64, f64)> {
    points.iter().copied().filter(move |(at, _)| (from..=to).contains(at))
}

/// The points around an instant. They are in order.
fn around(points: &[(f64, f64)], at: f64) -> &[(f64, f64)] {
    // Instants are multiples of the step apart, but for what a float makes of them.
    let reach = AROUND + STEP / 10.0;
    let begin = points.partition_point(|(time, _)| *time < at - reach);
    let end = points.partition_point(|(time, _)| *time <= at + reach);
    &points[begin..end]
}

fn agrees(value: f64, live: &[(f64, f64)], made: Made) -> bool {
    // No value is one too: of a quantile of nothing, of nothing over nothing.
    if value.is_nan() || live.iter().all(|(_, value)| value.is_nan()) {
        return live.iter().any(|(_, value)| value.is_nan()) && value.is_nan();
    }
    let numbers = live.iter().map(|(_, value)| *value).filter(|value| !value.is_nan());
    let (low, high) =
        numbers.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), it| (low.min(it), high.max(it)));
    if value.is_infinite() || low.is_infinite() || high.is_infinite() {
        return (low..=high).contains(&value);
    }
    let (width, size) = (high - low, low.abs().max(high.abs()));
    let (low, high) = match made {
        Made::Samples => (low - ROUNDING * size, high + ROUNDING * size),
        Made::Rates => (low - OF_A_RATE * size, high + OF_A_RATE * size),
        // A quantile of times is not below zero.
        Made::Buckets => (low / BUCKET, high * BUCKET),
    };
    (low - width..=high + width).contains(&value)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{
        Made::{Buckets, Rates, Samples},
        *,
    };

    const SPAN: Span = Span { from: 1000.0, to: 1060.0 };

    /// A value every five seconds from 20 s before the span to 20 s after it.
    fn series(name: &str, value: impl Fn(f64) -> f64) -> Series {
        let instants = (0..=20).map(|step| 980.0 + f64::from(step) * STEP);
        Series {
            labels: BTreeMap::from([("name".to_owned(), name.to_owned())]),
            points: instants.map(|at| (at, value(at))).collect(),
        }
    }

    fn both(live: &[Series], kept: &[Series], made: Made) -> Agreement {
        compare(live, kept, SPAN, made)
    }

    #[test]
    fn the_same_values_agree() {
        let one = [series("a", f64::sin)];
        let same = both(&one, &one, Samples);
        assert_eq!(same, Agreement { series: 1, points: 13, differ: 0, lacking: 0 });
        assert!(same.agrees());
    }

    #[test]
    fn a_gauge_that_does_not_change_must_be_the_same() {
        let (live, kept) = ([series("a", |_| 200.0)], [series("a", |_| 199.0)]);
        let other = both(&live, &kept, Samples);
        assert!(other.differ == other.points && !other.agrees(), "{other:?}");
        assert!(both(&live, &kept, Rates).agrees(), "of a rate a half of a hundredth is nothing");
    }

    #[test]
    fn a_gauge_that_grows_agrees_one_interval_late_and_not_a_minute() {
        let live = [series("a", |at| at)];
        assert!(both(&live, &[series("a", |at| at - 15.0)], Samples).agrees());
        assert!(!both(&live, &[series("a", |at| at - 90.0)], Samples).agrees());
    }

    #[test]
    fn half_a_rate_is_another() {
        let live = [series("a", |at| 10.0 + 0.2 * (at / 7.0).sin())];
        assert!(both(&live, &[series("a", |_| 10.5)], Rates).agrees());
        assert!(!both(&live, &[series("a", |_| 5.0)], Rates).agrees());
        assert!(!both(&live, &[series("a", |_| 20.0)], Rates).agrees());
    }

    #[test]
    fn a_series_that_one_lacks_does_not_agree() {
        let pair = [series("a", |_| 1.0), series("b", |_| 2.0)];
        for (live, kept) in [(&pair[..], &pair[..1]), (&pair[..1], &pair[..])] {
            let lacking = both(live, kept, Samples);
            assert_eq!((lacking.series, lacking.points, lacking.lacking), (2, 26, 13));
            assert!(!lacking.agrees());
        }
        assert!(both(&[], &[], Samples).agrees(), "of nothing there is nothing to compare");
    }

    #[test]
    fn no_number_agrees_with_none_and_with_nothing_else() {
        let none = [series("a", |_| f64::NAN)];
        assert!(both(&none, &none, Rates).agrees());
        assert!(!both(&none, &[series("a", |_| 1.0)], Rates).agrees());
        assert!(!both(&[series("a", |_| 1.0)], &none, Rates).agrees());
    }

    #[test]
    fn the_greatest_are_compared_with_the_others() {
        assert_eq!(compared("topk(10, sum by (a, b) (x))"), "sum by (a, b) (x)");
        assert_eq!(compared("sum(topk(10, x))"), "sum(topk(10, x))");
        assert_eq!(compared("x"), "x");
    }

    #[test]
    fn a_quantile_may_be_in_the_next_bucket_and_not_in_the_one_behind_it() {
        let live = [series("a", |_| 0.04)];
        assert!(both(&live, &[series("a", |_| 0.09)], Buckets).agrees());
        assert!(!both(&live, &[series("a", |_| 0.2)], Buckets).agrees());
        assert!(!both(&live, &[series("a", |_| 0.01)], Buckets).agrees());
    }

    #[test]
    fn functions_say_what_a_query_is_made_of() {
        assert_eq!(Made::of("histogram_quantile(0.99, sum by (le) (rate(x_bucket[60s])))"), Buckets);
        assert_eq!(Made::of("sum(increase(x[5m]))"), Rates);
        assert_eq!(Made::of("sum by (job) (process_resident_memory_bytes)"), Samples);
    }
}
