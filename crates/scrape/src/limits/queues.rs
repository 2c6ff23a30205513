//! The queues of the scheduler and of the controllers.

use super::{Finding, Process, Resource};
use crate::{
    names,
    series::{Histogram, Labels},
};

/// The scheduler: its loop, and the pods that it would take up if it could.
pub(super) fn scheduler(process: &Process) -> Vec<Finding> {
    let change = &process.change;
    let attempts = change.histogram(&names::ALGORITHM_DURATION, |_| true);
    let busy = attempts.as_ref().map(|attempts| attempts.sum / change.seconds);
    let pending = change.total(&names::PENDING_PODS, |labels| labels.is("queue", "active"));
    let queued = pending.zip(attempts).map(|(pods, attempts)| work(pods, attempts.count, change.seconds));
    let figures = [(Resource::SchedulingLoop, busy), (Resource::SchedulingQueue, queued)];
    let known = figures.into_iter().filter_map(|(resource, figure)| Some((resource, figure?)));
    known.map(|(resource, figure)| process.finding(resource, None, figure)).collect()
}

/// controller-manager: each of its queues.
pub(super) fn controllers(process: &Process) -> Vec<Finding> {
    let change = &process.change;
    let Some(family) = change.family(&names::WORKQUEUE_DEPTH) else { return Vec::new() };
    let mut found = Vec::new();
    for queue in family.values_of("name") {
        let here = |labels: &Labels| labels.is("name", queue);
        let waits = change.histogram(&names::WORKQUEUE_WAIT, here);
        let mean = waits.as_ref().and_then(Histogram::mean);
        found.extend(mean.map(|mean| process.finding(Resource::WorkQueueWait, Some(queue), mean)));
        let taken = waits.map_or(0.0, |waits| waits.count);
        let depth = change.total(&names::WORKQUEUE_DEPTH, here);
        let queued = depth.map(|depth| work(depth, taken, change.seconds));
        found.extend(queued.map(|queued| process.finding(Resource::WorkQueueBacklog, Some(queue), queued)));
    }
    found
}

/// Seconds of work that are queued, at the rate at which the window's items were taken. Where none was, those that
/// wait have waited for the window, as far as is known.
fn work(queued: f64, taken: f64, seconds: f64) -> f64 {
    if queued <= 0.0 {
        0.0
    } else if taken > 0.0 {
        queued * seconds / taken
    } else {
        seconds
    }
}
