//! What is known of each metric beside its value: how it is called, its unit, and which of two values is wanted.

use measure::statistics::verdict::Better::{self, Higher, Lower};

use self::Unit::{Bytes, Plain, Seconds};
use super::Metric;

/// What is known of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Which.
    pub metric: Metric,
    /// As it is typed, and as it is in records.
    pub name: &'static str,
    /// As it is shown.
    pub title: &'static str,
    /// How its figures are shown.
    pub unit: Unit,
    /// Which of two values is wanted.
    pub better: Better,
}

/// How a figure is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Of the scenario's axis, or one that goes without saying.
    Plain,
    /// Seconds, in the unit that suits the figure.
    Seconds,
    /// Bytes, in the unit that suits the figure.
    Bytes,
}

const KIB: f64 = 1024.0;
const MIB: f64 = KIB * KIB;

const fn row(metric: Metric, name: &'static str, title: &'static str, unit: Unit, better: Better) -> Row {
    Row { metric, name, title, unit, better }
}

/// Every metric. A search compares lambda*; what its probes cost depends on where they were, so cost and latency are compared at
/// one load.
///
/// Latency is compared as *service* time, from the send: response time counts the harness's own lateness, which differs between
/// trials on a busy machine and would be taken for the server's. Operations of several requests have no single send.
pub const ROWS: [Row; 42] = [
    row(Metric::Lambda, "lambda", "lambda*", Plain, Higher),
    row(Metric::CpuPerOperation, "cpu-per-operation", "CPU per operation", Seconds, Lower),
    row(Metric::ServiceP50, "service-p50", "service time p50", Seconds, Lower),
    row(Metric::ServiceP99, "service-p99", "service time p99", Seconds, Lower),
    row(Metric::PodStartupP50, "pod-startup-p50", "pod startup p50", Seconds, Lower),
    row(Metric::PodStartupP99, "pod-startup-p99", "pod startup p99", Seconds, Lower),
    row(Metric::Goodput, "goodput", "goodput", Plain, Higher),
    row(Metric::EtcdFsyncP99, "etcd-fsync-p99", "etcd fsync p99", Seconds, Lower),
    row(Metric::MemoryPeak, "memory-peak", "peak memory", Bytes, Lower),
    row(Metric::BytesWritten, "bytes-written", "bytes written per operation", Bytes, Lower),
    row(Metric::ApiserverCpu, "apiserver-cpu", "apiserver CPU per operation", Seconds, Lower),
    row(Metric::EtcdCpu, "etcd-cpu", "etcd CPU per operation", Seconds, Lower),
    row(Metric::SchedulerCpu, "scheduler-cpu", "scheduler CPU per operation", Seconds, Lower),
    row(Metric::ControllersCpu, "controllers-cpu", "controller manager CPU per operation", Seconds, Lower),
    row(Metric::WriteP50, "write-p50", "write p50", Seconds, Lower),
    row(Metric::WriteP99, "write-p99", "write p99", Seconds, Lower),
    row(Metric::ListP50, "list-p50", "list p50", Seconds, Lower),
    row(Metric::ListP99, "list-p99", "list p99", Seconds, Lower),
    row(Metric::OperationP50, "operation-p50", "operation p50", Seconds, Lower),
    row(Metric::OperationP99, "operation-p99", "operation p99", Seconds, Lower),
    row(Metric::PodScheduleP50, "pod-schedule-p50", "created to bound p50", Seconds, Lower),
    row(Metric::PodScheduleP99, "pod-schedule-p99", "created to bound p99", Seconds, Lower),
    row(Metric::WatchLagP50, "watch-lag-p50", "watch lag p50", Seconds, Lower),
    row(Metric::WatchLagP99, "watch-lag-p99", "watch lag p99", Seconds, Lower),
    row(Metric::LeaseRenewP99, "lease-renew-p99", "lease renewal p99", Seconds, Lower),
    row(Metric::LeaseGap, "lease-gap", "longest lease gap", Seconds, Lower),
    row(Metric::Stall, "stall", "longest stall", Seconds, Lower),
    row(Metric::Synced, "synced", "time until synced", Seconds, Lower),
    row(Metric::Errors, "errors", "share of errors", Plain, Lower),
    row(Metric::FalseAlarms, "false-alarms", "nodes falsely taken for dead", Plain, Lower),
    row(Metric::ApiserverMemory, "apiserver-memory", "apiserver peak memory", Bytes, Lower),
    row(Metric::EtcdMemory, "etcd-memory", "etcd peak memory", Bytes, Lower),
    row(Metric::EtcdBytesWritten, "etcd-bytes-written", "etcd bytes written per operation", Bytes, Lower),
    row(Metric::EtcdCommitP99, "etcd-commit-p99", "etcd commit p99", Seconds, Lower),
    row(Metric::EtcdDbBytes, "etcd-db-bytes", "etcd database", Bytes, Lower),
    row(Metric::Objects, "objects", "objects in etcd", Plain, Lower),
    row(Metric::Requests, "requests", "requests per operation", Plain, Lower),
    row(Metric::WatchEvents, "watch-events", "watch events per operation", Plain, Lower),
    row(Metric::WatchBytes, "watch-bytes", "watch bytes per operation", Bytes, Lower),
    row(Metric::SchedulingAttemptP99, "scheduling-attempt-p99", "scheduling attempt p99", Seconds, Lower),
    row(Metric::SchedulingAttempts, "scheduling-attempts", "scheduling attempts per operation", Plain, Lower),
    row(Metric::ReadyTime, "ready-time", "time until ready", Seconds, Lower),
];

impl Metric {
    /// What is known of it.
    pub fn row(self) -> &'static Row {
        // The table has every metric, in the order of the enumeration; a test says so.
        &ROWS[self as usize]
    }

    /// As it is shown.
    pub fn title(self) -> &'static str {
        self.row().title
    }

    /// A value with its unit.
    pub fn show(self, value: f64) -> String {
        let (value, unit) = match self.row().unit {
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_has_every_metric_by_its_name_in_records() {
        for (place, row) in ROWS.iter().enumerate() {
            assert_eq!(row.metric as usize, place, "{row:?}");
            assert_eq!(serde_json::to_value(row.metric).unwrap(), row.name);
            assert_eq!(row.metric.row().name, row.name);
        }
        // As many as there are: one more would be no number of a row.
        assert_eq!(Metric::ReadyTime as usize + 1, ROWS.len());
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
            assert_eq!(metric.show(value), shown);
        }
    }
}
