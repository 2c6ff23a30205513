//! What can be compared, as data, and where a run's record has it.

mod values;

use measure::statistics::verdict::Better::{self, Higher, Lower};
use record::experiment::Metric;

use self::Unit::{Bytes, Plain, Seconds};
pub(crate) use self::values::values;
use super::wanted::Kind;

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
/// trials on a busy machine and would be taken for the server's. Operations of several requests have no single send.
pub(crate) const ROWS: [Row; 42] = [
    row(Metric::Lambda, "lambda", "lambda*", Plain, Higher, &[Kind::Capacity]),
    row(Metric::CpuPerOperation, "cpu-per-operation", "CPU per operation", Seconds, Lower, FIXED),
    row(Metric::ServiceP50, "service-p50", "service time p50", Seconds, Lower, FIXED),
    row(Metric::ServiceP99, "service-p99", "service time p99", Seconds, Lower, FIXED),
    row(Metric::PodStartupP50, "pod-startup-p50", "pod startup p50", Seconds, Lower, FIXED),
    row(Metric::PodStartupP99, "pod-startup-p99", "pod startup p99", Seconds, Lower, FIXED),
    row(Metric::Goodput, "goodput", "goodput", Plain, Higher, FIXED),
    row(Metric::EtcdFsyncP99, "etcd-fsync-p99", "etcd fsync p99", Seconds, Lower, FIXED),
    row(Metric::MemoryPeak, "memory-peak", "peak memory", Bytes, Lower, FIXED),
    row(Metric::BytesWritten, "bytes-written", "bytes written per operation", Bytes, Lower, FIXED),
    row(Metric::ApiserverCpu, "apiserver-cpu", "apiserver CPU per operation", Seconds, Lower, FIXED),
    row(Metric::EtcdCpu, "etcd-cpu", "etcd CPU per operation", Seconds, Lower, FIXED),
    row(Metric::SchedulerCpu, "scheduler-cpu", "scheduler CPU per operation", Seconds, Lower, FIXED),
    row(
        Metric::ControllersCpu,
        "controllers-cpu",
        "controller manager CPU per operation",
        Seconds,
        Lower,
        FIXED,
    ),
    row(Metric::WriteP50, "write-p50", "write p50", Seconds, Lower, FIXED),
    row(Metric::WriteP99, "write-p99", "write p99", Seconds, Lower, FIXED),
    row(Metric::ListP50, "list-p50", "list p50", Seconds, Lower, FIXED),
    row(Metric::ListP99, "list-p99", "list p99", Seconds, Lower, FIXED),
    row(Metric::OperationP50, "operation-p50", "operation p50", Seconds, Lower, FIXED),
    row(Metric::OperationP99, "operation-p99", "operation p99", Seconds, Lower, FIXED),
    row(Metric::PodScheduleP50, "pod-schedule-p50", "created to bound p50", Seconds, Lower, FIXED),
    row(Metric::PodScheduleP99, "pod-schedule-p99", "created to bound p99", Seconds, Lower, FIXED),
    row(Metric::WatchLagP50, "watch-lag-p50", "watch lag p50", Seconds, Lower, FIXED),
    row(Metric::WatchLagP99, "watch-lag-p99", "watch lag p99", Seconds, Lower, FIXED),
    row(Metric::LeaseRenewP99, "lease-renew-p99", "lease renewal p99", Seconds, Lower, FIXED),
    row(Metric::LeaseGap, "lease-gap", "longest lease gap", Seconds, Lower, FIXED),
    row(Metric::Stall, "stall", "longest stall", Seconds, Lower, FIXED),
    row(Metric::Synced, "synced", "time until synced", Seconds, Lower, FIXED),
    row(Metric::Errors, "errors", "share of errors", Plain, Lower, FIXED),
    row(Metric::FalseAlarms, "false-alarms", "nodes falsely taken for dead", Plain, Lower, FIXED),
    row(Metric::ApiserverMemory, "apiserver-memory", "apiserver peak memory", Bytes, Lower, FIXED),
    row(Metric::EtcdMemory, "etcd-memory", "etcd peak memory", Bytes, Lower, FIXED),
    row(
        Metric::EtcdBytesWritten,
        "etcd-bytes-written",
        "etcd bytes written per operation",
        Bytes,
        Lower,
        FIXED,
    ),
    row(Metric::EtcdCommitP99, "etcd-commit-p99", "etcd commit p99", Seconds, Lower, FIXED),
    row(Metric::EtcdDbBytes, "etcd-db-bytes", "etcd database", Bytes, Lower, FIXED),
    row(Metric::Objects, "objects", "objects in etcd", Plain, Lower, FIXED),
    row(Metric::Requests, "requests", "requests per operation", Plain, Lower, FIXED),
    row(Metric::WatchEvents, "watch-events", "watch events per operation", Plain, Lower, FIXED),
    row(Metric::WatchBytes, "watch-bytes", "watch bytes per operation", Bytes, Lower, FIXED),
    row(
        Metric::SchedulingAttemptP99,
        "scheduling-attempt-p99",
        "scheduling attempt p99",
        Seconds,
        Lower,
        FIXED,
    ),
    row(
        Metric::SchedulingAttempts,
        "scheduling-attempts",
        "scheduling attempts per operation",
        Plain,
        Lower,
        FIXED,
    ),
    row(Metric::ReadyTime, "ready-time", "time until ready", Seconds, Lower, FIXED),
];

/// So many of them, the first, are looked at where nobody names others: the more there are, the less each can show.
const USUAL: usize = 10;

/// The metrics that are looked at where nobody names others.
pub(crate) fn usual() -> impl Iterator<Item = Metric> {
    ROWS[..USUAL].iter().map(|row| row.metric)
}

/// That of one metric.
pub(crate) fn of(metric: Metric) -> &'static Row {
    // The table has every metric, in the order of the enumeration; a test says so.
    &ROWS[metric as usize]
}

/// The metric that is typed so.
pub(crate) fn by_name(name: &str) -> Result<Metric, String> {
    let names = || ROWS.iter().map(|row| row.name);
    ROWS.iter().find(|row| row.name == name).map(|row| row.metric).ok_or_else(|| {
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
        assert_eq!(Metric::ReadyTime as usize + 1, ROWS.len());
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
