//! What can be compared, as data, and where a run's record has it.

use std::collections::BTreeMap;

use measure::statistics::verdict::Better;
use record::{KindRecord, ProcessUse, RunRecord, experiment::Metric};

use super::wanted::Kind;
use crate::sampling::HARNESS;

/// What is known of a metric.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) metric: Metric,
    /// As it is typed, and as it is in records.
    pub(crate) name: &'static str,
    /// As it is shown.
    pub(crate) title: &'static str,
    pub(crate) unit: Unit,
    pub(crate) better: Better,
    /// The designs that it may decide.
    pub(crate) decides: &'static [Kind],
}

/// How a figure is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Of the scenario's axis, or one that goes without saying.
    Plain,
    Seconds,
    Bytes,
}

const KIB: f64 = 1024.0;
const MIB: f64 = KIB * KIB;

const FIXED: &[Kind] = &[Kind::FixedRate];

const fn row(
    metric: Metric,
    name: &'static str,
    title: &'static str,
    unit: Unit,
    better: Better,
    decides: &'static [Kind],
) -> Row {
    Row { metric, name, title, unit, better, decides }
}

/// Every metric. A search compares lambda*; what its probes cost depends on where they were, so cost and latency are compared at
/// one load.
///
/// Latency is compared as *service* time, from the send: response time counts the harness's own lateness, which differs between
/// trials on a busy machine and would be taken for the server's.
pub(crate) const ROWS: [Row; 10] = [
    row(Metric::Lambda, "lambda", "lambda*", Unit::Plain, Better::Higher, &[Kind::Capacity]),
    row(
        Metric::CpuPerOperation,
        "cpu-per-operation",
        "CPU per operation",
        Unit::Seconds,
        Better::Lower,
        FIXED,
    ),
    row(Metric::ServiceP50, "service-p50", "service time p50", Unit::Seconds, Better::Lower, FIXED),
    row(Metric::ServiceP99, "service-p99", "service time p99", Unit::Seconds, Better::Lower, FIXED),
    row(Metric::PodStartupP50, "pod-startup-p50", "pod startup p50", Unit::Seconds, Better::Lower, FIXED),
    row(Metric::PodStartupP99, "pod-startup-p99", "pod startup p99", Unit::Seconds, Better::Lower, FIXED),
    row(Metric::Goodput, "goodput", "goodput", Unit::Plain, Better::Higher, FIXED),
    row(Metric::EtcdFsyncP99, "etcd-fsync-p99", "etcd fsync p99", Unit::Seconds, Better::Lower, FIXED),
    row(Metric::MemoryPeak, "memory-peak", "peak memory", Unit::Bytes, Better::Lower, FIXED),
    row(
        Metric::BytesWritten,
        "bytes-written",
        "bytes written per operation",
        Unit::Bytes,
        Better::Lower,
        FIXED,
    ),
];

/// That of one metric.
pub(crate) fn of(metric: Metric) -> &'static Row {
    // The table has every metric, in the order of the enumeration; a test says so.
    &ROWS[metric as usize]
}

/// The metric that is typed so.
pub(crate) fn by_name(name: &str) -> Result<Metric, String> {
    ROWS.iter().find(|row| row.name == name).map(|row| row.metric).ok_or_else(|| {
        let names: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
        format!("`{name}` is no metric; there are {}", names.join(", "))
    })
}

/// What decides when nobody says otherwise: the steadiest figure of the design.
pub(crate) fn default_primary(kind: Kind) -> Metric {
    match kind {
        Kind::FixedRate => Metric::CpuPerOperation,
        Kind::Capacity => Metric::Lambda,
    }
}

/// A value with its unit.
pub(crate) fn show(metric: Metric, value: f64) -> String {
    let (value, unit) = match of(metric).unit {
        Unit::Plain => (value, ""),
        Unit::Seconds if value < 1e-3 => (value * 1e6, " us"),
        Unit::Seconds if value < 1.0 => (value * 1e3, " ms"),
        Unit::Seconds => (value, " s"),
        Unit::Bytes if value >= MIB => (value / MIB, " MiB"),
        Unit::Bytes if value >= KIB => (value / KIB, " KiB"),
        Unit::Bytes => (value, " B"),
    };
    let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.digits$}{unit}")
}

/// The figures of a run at a fixed load. One that the run does not carry is absent: a percentile of too small a sample, bytes
/// that the system does not tell, lambda*.
pub(crate) fn values(run: &RunRecord) -> BTreeMap<Metric, f64> {
    let drivers = &run.requests.drivers;
    let startup = run.pod_startup.as_ref().map(|startup| &startup.total);
    let plane = || run.resources.iter().filter(|(name, _)| *name != HARNESS).map(|(_, used)| used);
    let is_known = plane().next().is_some();
    let figures = [
        (Metric::CpuPerOperation, per_operation(run, plane().map(|used| Some(used.cpu_cores_mean)))),
        (Metric::ServiceP50, typical(drivers, |kind| kind.service.p50)),
        (Metric::ServiceP99, typical(drivers, |kind| kind.service.p99)),
        (Metric::PodStartupP50, startup.and_then(|total| total.p50)),
        (Metric::PodStartupP99, startup.and_then(|total| total.p99)),
        (Metric::Goodput, run.goodput.map(|goodput| goodput.goodput_per_second)),
        (Metric::EtcdFsyncP99, etcd_fsync(run)),
        (Metric::MemoryPeak, is_known.then(|| plane().map(|used| number(used.rss_max_bytes)).sum())),
        (Metric::BytesWritten, per_operation(run, plane().map(written))),
    ];
    figures.into_iter().filter_map(|(metric, value)| Some((metric, value?))).collect()
}

/// Bytes per second.
fn written(used: &ProcessUse) -> Option<f64> {
    let seconds = used.cpu_seconds / used.cpu_cores_mean;
    used.write_bytes.map(|bytes| number(bytes) / seconds).filter(|rate| rate.is_finite())
}

/// Of several members the slowest: a write is over when most have it on disk, but each may lead.
fn etcd_fsync(run: &RunRecord) -> Option<f64> {
    let p99 = run.component_metrics.values().filter_map(|said| said["wal_fsync_p99_seconds"].as_f64());
    p99.reduce(f64::max)
}

/// The sum of rates over all processes, for each operation that was offered in a second; of a level, for each node. What a window's
/// operations cost is known for a little longer than the window, so it is rates that are divided.
fn per_operation(run: &RunRecord, rates: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let rates: Vec<f64> = rates.collect::<Option<_>>()?;
    let operations = run.goodput.map_or(f64::from(run.fleet.nodes), |goodput| goodput.offered_per_second);
    (!rates.is_empty() && operations > 0.0).then(|| rates.iter().sum::<f64>() / operations)
}

/// A percentile over several kinds of request: the mean of each kind's own, weighted by how many there were. Kinds that are less
/// than a tenth of all are left out, so that a rare one whose sample carries the figure in one trial and not in the next does not
/// change what is compared; if another kind does not carry it, there is none.
fn typical(kinds: &[KindRecord], percentile: impl Fn(&KindRecord) -> Option<f64>) -> Option<f64> {
    let all: u64 = kinds.iter().map(|kind| kind.service.n).sum();
    let common: Vec<&KindRecord> =
        kinds.iter().filter(|kind| all > 0 && kind.service.n * 10 >= all).collect();
    let sum: f64 =
        common.iter().map(|kind| Some(percentile(kind)? * number(kind.service.n))).sum::<Option<f64>>()?;
    let n: u64 = common.iter().map(|kind| kind.service.n).sum();
    (n > 0).then(|| sum / number(n))
}

#[expect(clippy::cast_precision_loss, reason = "a run does not count to 2^53")]
fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_has_every_metric_by_its_name_in_records() {
        for (place, row) in ROWS.iter().enumerate() {
            assert_eq!(row.metric as usize, place, "{row:?}");
            assert_eq!(serde_json::to_value(row.metric).unwrap(), row.name);
            assert_eq!(by_name(row.name), Ok(row.metric));
            assert_eq!(of(row.metric).name, row.name);
            assert!(!row.decides.is_empty(), "{row:?}");
        }
        // As many as there are: one more would be no number of a row.
        assert_eq!(Metric::BytesWritten as usize + 1, ROWS.len());
        let error = by_name("latency").unwrap_err();
        assert!(error.contains("`latency` is no metric; there are lambda, cpu-per-operation"), "{error}");
    }

    #[test]
    fn each_design_has_a_metric_that_may_decide_it() {
        for kind in [Kind::FixedRate, Kind::Capacity] {
            assert!(of(default_primary(kind)).decides.contains(&kind));
        }
    }

    #[test]
    fn figures_are_shown_with_three_digits_and_a_unit() {
        for (metric, value, shown) in [
            (Metric::Lambda, 41.25, "41.2"),
            (Metric::CpuPerOperation, 0.0312, "31.2 ms"),
            (Metric::ServiceP50, 0.000_21, "210 us"),
            (Metric::PodStartupP99, 2.5, "2.50 s"),
            (Metric::MemoryPeak, 9.5e8, "906 MiB"),
            (Metric::BytesWritten, 20_480.0, "20.0 KiB"),
            (Metric::BytesWritten, 5.0, "5.00 B"),
        ] {
            assert_eq!(show(metric, value), shown);
        }
    }
}
