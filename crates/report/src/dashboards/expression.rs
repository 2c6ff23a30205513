//! Queries, made of declared metrics.
//!
//! A metric is named by its constant, so one that is renamed or removed does not compile here. Labels are texts; a test holds them
//! against what is declared of their metric.

use std::fmt;

use measure::metrics::Declared;
use scrape::names::Metric;

/// What can be asked for.
pub(super) trait Named {
    /// What it is called, and what it was, the newest first.
    fn names(&self) -> Vec<&'static str>;
    /// Its own labels.
    fn labels(&self) -> &'static [&'static str];
}

impl Named for Declared {
    fn names(&self) -> Vec<&'static str> {
        vec![self.name]
    }

    fn labels(&self) -> &'static [&'static str] {
        self.labels
    }
}

impl Named for Metric {
    fn names(&self) -> Vec<&'static str> {
        Metric::names(self).collect()
    }

    fn labels(&self) -> &'static [&'static str] {
        self.labels
    }
}

/// Whose series: which of the dashboard's variables choose the run and the profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// Of the runs that are looked at.
    Chosen,
    /// Of the first of two.
    First,
    /// Of the second of two, moved to where the first began.
    Second,
}

impl Whose {
    /// The variables of the run and of the profile.
    fn variables(self) -> [&'static str; 2] {
        match self {
            Self::Chosen => ["$run", "$profile"],
            Self::First => ["$run_a", "$profile_a"],
            Self::Second => ["$run_b", "$profile_b"],
        }
    }

    /// What an offset makes of the second's times.
    fn offset(self) -> &'static str {
        match self {
            Self::Chosen | Self::First => "",
            Self::Second => " offset ${shift}s",
        }
    }
}

/// Series of one metric.
#[derive(Clone, Debug)]
pub(super) struct Series {
    names: Vec<&'static str>,
    part: &'static str,
    matchers: Vec<String>,
    offset: &'static str,
}

/// Those of a metric that belong to somebody.
///
/// A metric with a label `profile` of its own, such as the scheduler's, keeps it wherever it is scraped, so only its run is asked for.
pub(super) fn series(metric: &impl Named, whose: Whose) -> Series {
    let [run, profile] = whose.variables();
    let mut matchers = vec![format!("run=~\"{run}\"")];
    if !metric.labels().contains(&"profile") {
        matchers.push(format!("profile=~\"{profile}\""));
    }
    Series { names: metric.names(), part: "", matchers, offset: whose.offset() }
}

impl Series {
    /// Only where this is true, such as `side="drivers"`.
    pub(super) fn only(mut self, matcher: &str) -> Self {
        self.matchers.push(matcher.to_owned());
        self
    }

    /// The buckets, the sum or the count of a histogram: `_bucket`, `_sum`, `_count`.
    pub(super) fn part(mut self, part: &'static str) -> Self {
        self.part = part;
        self
    }

    /// What it is at a moment.
    pub(super) fn now(&self) -> Expr {
        self.each(|name| format!("{name}{}", self.offset))
    }

    /// How much it grows per second.
    pub(super) fn rate(&self) -> Expr {
        self.each(|name| format!("rate({name}[$__rate_interval]{})", self.offset))
    }

    /// How much it grew since the point before.
    pub(super) fn increase(&self) -> Expr {
        self.each(|name| format!("increase({name}[$__rate_interval]{})", self.offset))
    }

    /// What it was last within a time such as `$__range`.
    pub(super) fn last(&self, range: &str) -> Expr {
        self.each(|name| format!("last_over_time({name}[{range}]{})", self.offset))
    }

    /// Something of the metric, under whichever name it is there.
    fn each(&self, query: impl Fn(&str) -> String) -> Expr {
        let matchers = self.matchers.join(",");
        let all: Vec<String> =
            self.names.iter().map(|name| query(&format!("{name}{}{{{matchers}}}", self.part))).collect();
        match all.as_slice() {
            [only] => Expr(only.clone()),
            several => Expr(format!("({})", several.join(" or on(job, instance) "))),
        }
    }
}

/// A query, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expr(String);

impl Expr {
    /// Prometheus' own language, as it stands.
    pub(super) fn raw(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The sum over everything but these labels.
    pub(super) fn sum(&self, by: &str) -> Self {
        self.aggregated("sum", by)
    }

    /// The largest over everything but these labels.
    pub(super) fn max(&self, by: &str) -> Self {
        self.aggregated("max", by)
    }

    /// The smallest over everything but these labels.
    pub(super) fn min(&self, by: &str) -> Self {
        self.aggregated("min", by)
    }

    fn aggregated(&self, how: &str, by: &str) -> Self {
        let by = if by.is_empty() { String::new() } else { format!(" by ({by}) ") };
        Self(format!("{how}{by}({self})"))
    }

    /// Only the ten largest at each moment.
    pub(super) fn ten_largest(&self) -> Self {
        Self(format!("topk(10, {self})"))
    }

    /// This divided by that.
    pub(super) fn over(&self, other: &Self) -> Self {
        Self(format!("({self} / {other})"))
    }

    /// This without that.
    pub(super) fn less(&self, other: &Self) -> Self {
        Self(format!("({self} - {other})"))
    }

    /// That too, where this has no such labels.
    pub(super) fn or(&self, other: &Self) -> Self {
        Self(format!("({self} or {other})"))
    }

    /// With one more label, as a legend needs it.
    pub(super) fn labelled(&self, label: &str, value: &str) -> Self {
        Self(format!("label_replace({self}, \"{label}\", \"{value}\", \"\", \"\")"))
    }

    /// A zero where there is nothing, labelled for the legend where there is one: for what need not have happened.
    pub(super) fn or_zero(&self, label: &str) -> Self {
        let zero = Self("vector(0)".to_owned());
        let zero = if label.is_empty() { zero } else { zero.labelled(label, "none") };
        Self(format!("({self} or on() {zero})"))
    }

    /// What is no number where there is nothing: for what not every run has.
    pub(super) fn or_absent(&self, label: &str) -> Self {
        let absent = Self("vector(NaN)".to_owned()).labelled(label, "none");
        Self(format!("({self} or on() {absent})"))
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A quantile of a histogram with buckets of old: exact to a bucket, a straight line within it.
pub(super) fn quantile(quantile: f64, by: &str, histogram: &Series) -> Expr {
    let by = if by.is_empty() { "le".to_owned() } else { format!("{by}, le") };
    let buckets = histogram.clone().part("_bucket").rate().sum(&by);
    Expr(format!("histogram_quantile({quantile}, {buckets})"))
}

/// The mean of what a histogram or summary saw.
pub(super) fn mean(by: &str, histogram: &Series) -> Expr {
    let of = |part| histogram.clone().part(part).rate().sum(by);
    of("_sum").over(&of("_count"))
}
