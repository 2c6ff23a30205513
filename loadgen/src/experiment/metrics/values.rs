//! Where a run's record has each metric.

use std::collections::BTreeMap;

use measure::{ErrorClass, Phase, Summary, criteria::Judged};
use profile::Component;
use record::{KindRecord, ProcessUse, RunRecord, experiment::Metric};

use crate::{cells, criteria::is_servers, loads, sampling::HARNESS};

/// A count of which there may be none has so much added: nothing has no logarithm. (Half a one, after Haldane 1956.)
const HALF: f64 = 0.5;

/// The figures of a run at a fixed load. One that the run does not carry is absent: a percentile of too small a sample, bytes
/// that the system does not tell, lambda*.
pub(crate) fn values(run: &RunRecord) -> BTreeMap<Metric, f64> {
    let drivers = &run.requests.drivers;
    let (startup, lag, done) = (run.pod_startup.as_ref(), lag(run), operations(run));
    let writes = kinds_of(drivers, |verb| !matches!(verb, "get" | "list" | "watch"));
    let lists = kinds_of(drivers, |verb| verb == "list");
    let figures = [
        (Metric::CpuPerOperation, cpu(run, None)),
        (Metric::ServiceP50, typical(drivers, |kind| kind.service.p50)),
        (Metric::ServiceP99, typical(drivers, |kind| kind.service.p99)),
        (Metric::PodStartupP50, startup.and_then(|startup| startup.total.p50)),
        (Metric::PodStartupP99, startup.and_then(|startup| startup.total.p99)),
        (Metric::Goodput, run.goodput.map(|goodput| goodput.goodput_per_second)),
        (Metric::EtcdFsyncP99, greatest(run, "wal_fsync_p99_seconds")),
        (Metric::MemoryPeak, memory(run, None)),
        (Metric::BytesWritten, bytes(run, None)),
        (Metric::ApiserverCpu, cpu(run, Some(Component::Apiserver))),
        (Metric::EtcdCpu, cpu(run, Some(Component::Etcd))),
        (Metric::SchedulerCpu, cpu(run, Some(Component::Scheduler))),
        (Metric::ControllersCpu, cpu(run, Some(Component::ControllerManager))),
        (Metric::WriteP50, typical(&writes, |kind| kind.service.p50)),
        (Metric::WriteP99, typical(&writes, |kind| kind.service.p99)),
        (Metric::ListP50, typical(&lists, |kind| kind.service.p50)),
        (Metric::ListP99, typical(&lists, |kind| kind.service.p99)),
        (Metric::OperationP50, done.and_then(|done| done.p50)),
        (Metric::OperationP99, done.and_then(|done| done.p99)),
        (Metric::PodScheduleP50, startup.and_then(|startup| startup.schedule.p50)),
        (Metric::PodScheduleP99, startup.and_then(|startup| startup.schedule.p99)),
        (Metric::WatchLagP50, lag.and_then(|lag| lag.p50)),
        (Metric::WatchLagP99, lag.and_then(|lag| lag.p99)),
        (Metric::LeaseRenewP99, renewals(run).and_then(|kind| kind.service.p99)),
        (Metric::LeaseGap, judged(run, "lease-gap")),
        (Metric::Stall, judged(run, "stall")),
        (Metric::Synced, judged(run, "synced")),
        (Metric::Errors, errors(run)),
        (Metric::FalseAlarms, judged(run, "not-ready").map(|count| count + HALF)),
        (Metric::ApiserverMemory, memory(run, Some(Component::Apiserver))),
        (Metric::EtcdMemory, memory(run, Some(Component::Etcd))),
        (Metric::EtcdBytesWritten, bytes(run, Some(Component::Etcd))),
        (Metric::EtcdCommitP99, greatest(run, "backend_commit_p99_seconds")),
        (Metric::EtcdDbBytes, greatest(run, "db_bytes")),
        (Metric::Objects, greatest(run, "objects")),
        (Metric::Requests, counted(run, "requests_per_second")),
        (Metric::WatchEvents, counted(run, "watch_events_per_second")),
        (Metric::WatchBytes, counted(run, "watch_bytes_per_second")),
        (Metric::SchedulingAttemptP99, greatest(run, "attempt_p99_seconds")),
        (Metric::SchedulingAttempts, counted(run, "attempts_per_second")),
        (Metric::ReadyTime, ready(run)),
    ];
    figures.into_iter().filter_map(|(metric, value)| Some((metric, value?))).collect()
}

/// The processes of a component, or of all; the harness is none.
fn plane(run: &RunRecord, of: Option<Component>) -> impl Iterator<Item = &ProcessUse> {
    let all = run.resources.iter().filter(|(name, _)| *name != HARNESS);
    all.filter(move |(name, _)| of.is_none_or(|component| cells::is_of(name, component)))
        .map(|(_, used)| used)
}

fn cpu(run: &RunRecord, of: Option<Component>) -> Option<f64> {
    per_operation(run, plane(run, of).map(|used| Some(used.cpu_cores_mean)))
}

fn bytes(run: &RunRecord, of: Option<Component>) -> Option<f64> {
    per_operation(run, plane(run, of).map(written))
}

fn memory(run: &RunRecord, of: Option<Component>) -> Option<f64> {
    let resident: Vec<f64> = plane(run, of).map(|used| number(used.rss_max_bytes)).collect();
    (!resident.is_empty()).then(|| resident.iter().sum())
}

/// Bytes per second.
fn written(used: &ProcessUse) -> Option<f64> {
    let seconds = used.cpu_seconds / used.cpu_cores_mean;
    used.write_bytes.map(|bytes| number(bytes) / seconds).filter(|rate| rate.is_finite())
}

/// A figure that components tell, of several processes the greatest: of etcd's members a write is over when most have it on disk,
/// but each may lead.
fn greatest(run: &RunRecord, figure: &str) -> Option<f64> {
    told(run, figure).reduce(f64::max)
}

/// Something that components count per second, for each operation; over several processes added up.
fn counted(run: &RunRecord, figure: &str) -> Option<f64> {
    per_operation(run, told(run, figure).map(Some))
}

fn told<'a>(run: &'a RunRecord, figure: &'a str) -> impl Iterator<Item = f64> + 'a {
    run.component_metrics.values().filter_map(move |said| said[figure].as_f64())
}

/// The sum of rates over all processes, for each operation that was offered in a second; of a level, for each node. What a window's
/// operations cost is known for a little longer than the window, so it is rates that are divided.
fn per_operation(run: &RunRecord, rates: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let rates: Vec<f64> = rates.collect::<Option<_>>()?;
    let operations = run.goodput.map_or(f64::from(run.fleet.nodes), |goodput| goodput.offered_per_second);
    (!rates.is_empty() && operations > 0.0).then(|| rates.iter().sum::<f64>() / operations)
}

/// The kinds of request of these verbs.
fn kinds_of(kinds: &[KindRecord], verb: impl Fn(&str) -> bool) -> Vec<KindRecord> {
    kinds.iter().filter(|kind| verb(&kind.verb)).cloned().collect()
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

/// The operations of the load that is turned up, or else of the first that is judged.
fn operations(run: &RunRecord) -> Option<&Summary> {
    let axis = run.scenario.resolved["axis"].as_str().and_then(|axis| axis.split_once('.'));
    loads::response(&run.loads, axis.map(|(load, _)| load))
}

/// The lag of the load with the most deliveries.
fn lag(run: &RunRecord) -> Option<&Summary> {
    run.loads.iter().filter_map(|load| load.watch_lag.as_ref()).max_by_key(|lag| lag.n)
}

fn renewals(run: &RunRecord) -> Option<&KindRecord> {
    run.requests
        .fleet
        .iter()
        .find(|kind| kind.verb == "update" && kind.resource == "coordination.k8s.io/leases")
}

/// The worst that was judged by a criterion.
fn judged(run: &RunRecord, criterion: &str) -> Option<f64> {
    let of_it = run.judged.iter().filter(|it: &&Judged| it.criterion == criterion);
    of_it.map(|it| it.value).reduce(f64::max)
}

/// Of all requests but watches, which end in errors by nature.
fn errors(run: &RunRecord) -> Option<f64> {
    let kinds = run.requests.drivers.iter().chain(&run.requests.fleet).filter(|kind| kind.verb != "watch");
    let (failed, all) =
        kinds.fold((0, 0), |(failed, all), kind| (failed + servers(&kind.errors), all + kind.done));
    (all > 0).then(|| (number(failed) + HALF) / (number(all) + 2.0 * HALF))
}

fn servers(errors: &BTreeMap<ErrorClass, u64>) -> u64 {
    errors.iter().filter(|(class, _)| is_servers(**class)).map(|(_, count)| count).sum()
}

fn ready(run: &RunRecord) -> Option<f64> {
    run.phases.iter().find(|phase| phase.phase == Phase::Prepare).map(|phase| phase.seconds)
}

#[expect(clippy::cast_precision_loss, reason = "a run does not count to 2^53")]
fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_failed_is_counted_and_what_a_client_got_wrong_is_not() {
        let errors = BTreeMap::from([(ErrorClass::TooManyRequests, 3), (ErrorClass::NotFound, 7)]);
        assert_eq!(servers(&errors), 3);
    }
}
