//! What can be compared, where a run's record has it, and which designs it may decide.

mod values;

use record::experiment::{METRICS, Metric};

pub(crate) use self::values::values;
use super::wanted::Kind;

/// Whether a metric may decide a design. A search compares lambda*; what its probes cost depends on where they were, so everything
/// else is compared at one load.
pub(crate) fn may_decide(metric: Metric, kind: Kind) -> bool {
    (metric == Metric::Lambda) == (kind == Kind::Capacity)
}

/// So many of them, the first, are looked at where nobody names others: the more there are, the less each can show.
const USUAL: usize = 10;

/// The metrics that are looked at where nobody names others.
pub(crate) fn usual() -> impl Iterator<Item = Metric> {
    METRICS[..USUAL].iter().map(|row| row.metric)
}

/// The metric that is typed so.
pub(crate) fn by_name(name: &str) -> Result<Metric, String> {
    let names = || METRICS.iter().map(|row| row.name);
    METRICS.iter().find(|row| row.name == name).map(|row| row.metric).ok_or_else(|| {
        match profile::nearest(name, names()) {
            Some(nearest) => format!("`{name}` is no metric; did you mean `{nearest}`?"),
            None => format!("`{name}` is no metric; there are {}", names().collect::<Vec<_>>().join(", ")),
        }
    })
}

/// What decides when nobody says otherwise: the steadiest figure of the design.
pub(crate) fn default_primary(kind: Kind) -> Metric {
    match kind {
        Kind::FixedRate => Metric::CpuPerOperation,
        Kind::Capacity => Metric::Lambda,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_found_by_what_is_typed_and_an_unknown_one_gets_the_nearest() {
        assert!(METRICS.iter().all(|row| by_name(row.name) == Ok(row.metric)));
        let error = by_name("zzz").unwrap_err();
        assert!(error.contains("`zzz` is no metric; there are lambda, cpu-per-operation"), "{error}");
        assert_eq!(
            by_name("pod-strtup-p99").unwrap_err(),
            "`pod-strtup-p99` is no metric; did you mean `pod-startup-p99`?"
        );
    }

    #[test]
    fn usual_metrics_are_those_of_every_scenario() {
        let usual: Vec<Metric> = usual().collect();
        assert_eq!((usual[0], usual[USUAL - 1]), (Metric::Lambda, Metric::BytesWritten));
    }

    #[test]
    fn each_design_has_a_metric_that_may_decide_it() {
        for kind in [Kind::FixedRate, Kind::Capacity] {
            assert!(may_decide(default_primary(kind), kind));
        }
        assert!(!may_decide(Metric::Lambda, Kind::FixedRate) && !may_decide(Metric::Goodput, Kind::Capacity));
    }
}
