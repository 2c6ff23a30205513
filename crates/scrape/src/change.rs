//! What happened between two scrapes of one process.

use crate::{
    names::Metric,
    series::{Family, Histogram, Kind, Labels, Scrape, Value},
};

/// A process' start time is counted in ticks from the machine's boot, whose time moves by a second when the wall
/// clock is corrected. A component takes longer than this to come up again.
const SAME_START_SECONDS: f64 = 2.0;

/// What one process counted in a window, and how its gauges stood at the end of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The window's length, seconds.
    pub seconds: f64,
    /// Whether the process was started anew in the window. What it counted before that is lost.
    pub restarted: bool,
    families: Scrape,
}

impl Change {
    /// What happened in the `seconds` from `before` to `after`, two scrapes of one process with the same families wanted.
    ///
    /// A counter that went back was set to zero in between and counts in full, as in Prometheus' `increase`; a
    /// histogram does so as a whole. So does everything when `process_start_time_seconds` says that it is another
    /// process, even what has overtaken its old count. A series that is new began at zero, for a Go process creates
    /// it with its first event. Gauges, untyped numbers and the quantiles of summaries are those of `after`.
    pub fn between(before: &Scrape, after: &Scrape, seconds: f64) -> Self {
        let restarted = match (before.started(), after.started()) {
            (Some(before), Some(after)) => after - before > SAME_START_SECONDS,
            _ => false,
        };
        let mut families = Scrape::new();
        for (name, family) in after.families() {
            let earlier = before.family(name).filter(|earlier| !restarted && earlier.kind == family.kind);
            families.insert(name, earlier.map_or_else(|| family.clone(), |earlier| grown(earlier, family)));
        }
        Self { seconds, restarted, families }
    }

    /// The metric's family, under whichever name this version has it.
    pub fn family(&self, metric: &Metric) -> Option<&Family> {
        metric.find(&self.families)
    }

    /// The sum of the chosen series: what counters gained, how gauges stand. None if no such series is there.
    pub fn total(&self, metric: &Metric, chosen: impl FnMut(&Labels) -> bool) -> Option<f64> {
        self.family(metric)?.total(chosen)
    }

    /// What the chosen counters gained per second.
    pub fn rate(&self, metric: &Metric, chosen: impl FnMut(&Labels) -> bool) -> Option<f64> {
        Some(self.total(metric, chosen)? / self.seconds)
    }

    /// What the chosen histograms observed, put together.
    pub fn histogram(&self, metric: &Metric, chosen: impl FnMut(&Labels) -> bool) -> Option<Histogram> {
        self.family(metric)?.histogram(chosen)
    }
}

fn grown(before: &Family, after: &Family) -> Family {
    let since = |(labels, value): (&Labels, &Value)| {
        let grown = before.series.get(labels).and_then(|before| since(after.kind, before, value));
        (labels.clone(), grown.unwrap_or_else(|| value.clone()))
    };
    Family { kind: after.kind, series: after.series.iter().map(since).collect() }
}

/// None if `before` cannot be an earlier state, or does not count.
fn since(kind: Kind, before: &Value, after: &Value) -> Option<Value> {
    match (before, after) {
        (Value::Number(before), Value::Number(after)) if kind == Kind::Counter => {
            (after >= before).then_some(Value::Number(after - before))
        }
        (Value::Histogram(before), Value::Histogram(after)) => after.since(before).map(Value::Histogram),
        (Value::Summary(before), Value::Summary(after)) if after.count >= before.count => {
            let mut grown = after.clone();
            grown.sum -= before.sum;
            grown.count -= before.count;
            Some(Value::Summary(grown))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
