//! etcd: its log, its database, its proposals.

use super::{Finding, Process, Resource};
use crate::{names, names::Metric};

pub(super) fn figures(process: &Process) -> Vec<Finding> {
    let change = &process.change;
    let p99 = |metric: &Metric| change.histogram(metric, |_| true)?.quantile(0.99);
    let busy = change.histogram(&names::WAL_FSYNC, |_| true).map(|syncs| syncs.sum / change.seconds);
    let figures = [
        (Resource::WalBusy, busy),
        (Resource::WalFsync, p99(&names::WAL_FSYNC)),
        (Resource::BackendCommit, p99(&names::BACKEND_COMMIT)),
        (Resource::Proposals, change.total(&names::PROPOSALS_PENDING, |_| true)),
    ];
    let known = figures.into_iter().filter_map(|(resource, figure)| Some((resource, figure?)));
    known.map(|(resource, figure)| process.finding(resource, None, figure)).collect()
}
