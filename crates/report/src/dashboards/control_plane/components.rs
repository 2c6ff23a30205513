//! The scheduler, the controllers, and what all processes take from their machines.

use scrape::names::{
    ALGORITHM_DURATION, ATTEMPT_DURATION, ATTEMPTS, EVICTIONS, GC_PAUSES, GOROUTINES, INCOMING_PODS,
    LIMITER_WAIT, PENDING_PODS, PROCESS_CPU, PROCESS_MEMORY, PROCESS_START, SCHEDULING_SLI, WORKQUEUE_DEPTH,
    WORKQUEUE_RETRIES, WORKQUEUE_UNFINISHED, WORKQUEUE_WAIT, WORKQUEUE_WORK,
};

use super::{ANY, CONTROLLERS, EVERYBODY, SCHEDULER};
use crate::dashboards::{
    expression::{Expr, Named, Series, quantile, series},
    panel::{Panel, Row},
    unit::Unit,
};

pub(super) fn scheduler() -> Row {
    let waited = series(&LIMITER_WAIT, ANY).only(SCHEDULER);
    Row {
        title: "kube-scheduler",
        panels: vec![
            Panel::lines(
                "Attempts",
                Unit::OperationsPerSecond,
                "Attempts to schedule a pod, by what came of them.",
            )
            .query(series(&ATTEMPTS, ANY).rate().sum("result").or_zero("result"), "{{result}}"),
            Panel::lines(
                "How long pods take",
                Unit::Seconds,
                "p99 of an attempt, its binding in it, and, dashed, from a pod's first entry into the \
                 queue until it is bound.",
            )
            .query(quantile(0.99, "result", &series(&ATTEMPT_DURATION, ANY)), "attempt {{result}}")
            .dashed(quantile(0.99, "", &series(&SCHEDULING_SLI, ANY)), "until bound"),
            Panel::lines(
                "Loop busy",
                Unit::Share,
                "There is one scheduling loop: the share of the time in which it looks for a node. Near \
                 100 % it is what limits.",
            )
            .query(series(&ALGORITHM_DURATION, ANY).part("_sum").rate().sum("instance"), "{{instance}}")
            .at_most(0.8),
            Panel::lines("Pending pods", Unit::Count, "Pods that are not scheduled, by queue.")
                .query(series(&PENDING_PODS, ANY).now().sum("queue"), "{{queue}}"),
            Panel::lines(
                "Into the queues",
                Unit::EventsPerSecond,
                "Pods put into a queue, by what for: the ten that happen most.",
            )
            .query(
                series(&INCOMING_PODS, ANY).rate().sum("queue, event").or_zero("event").ten_largest(),
                "{{queue}} {{event}}",
            ),
            limiter(
                "Limiter of the scheduler",
                "How long requests of the scheduler wait for a token of its own client (--kube-api-qps, 50 \
                 unless set): p99, and, dashed, seconds waited in each second. A scheduler that waits here \
                 is not held up by the apiserver.",
                &waited,
            ),
        ],
    }
}

pub(super) fn controllers() -> Row {
    let waits = quantile(0.99, "name", &of(CONTROLLERS, &WORKQUEUE_WAIT)).ten_largest();
    let works = quantile(0.99, "name", &of(CONTROLLERS, &WORKQUEUE_WORK)).ten_largest();
    let unfinished = of(CONTROLLERS, &WORKQUEUE_UNFINISHED).now().sum("name").ten_largest();
    let evicted = series(&EVICTIONS, ANY).rate().sum("zone").or_zero("zone");
    Row {
        title: "kube-controller-manager",
        panels: vec![
            Panel::lines("Work queues", Unit::Count, "Items that wait for a worker: the ten longest queues.")
                .query(of(CONTROLLERS, &WORKQUEUE_DEPTH).now().sum("name").ten_largest(), "{{name}}"),
            Panel::lines(
                "Wait for a worker, p99",
                Unit::Seconds,
                "The ten queues with the longest. Each bucket ends at ten times the one before, so this \
                 is a rough figure.",
            )
            .query(waits, "{{name}}")
            .logarithmic(),
            Panel::lines(
                "Work, p99",
                Unit::Seconds,
                "Of an item once a worker has it: the ten longest; dashed, work that has begun and not \
                 ended, of all workers.",
            )
            .query(works, "{{name}}")
            .dashed(unfinished, "unfinished {{name}}")
            .logarithmic(),
            Panel::lines(
                "Retries",
                Unit::EventsPerSecond,
                "Items put back to be tried again: the ten queues with the most.",
            )
            .query(of(CONTROLLERS, &WORKQUEUE_RETRIES).rate().sum("name").ten_largest(), "{{name}}"),
            Panel::lines(
                "Evictions",
                Unit::EventsPerSecond,
                "Nodes whose pods were evicted, by zone: the control plane takes them for dead.",
            )
            .query(evicted, "{{zone}}"),
            limiter(
                "Limiter of the controllers",
                "How long requests of the controllers wait for a token of their own client \
                 (--kube-api-qps, 20 unless set): p99, and, dashed, seconds waited in each second, which \
                 can be more than one, since many wait at once.",
                &series(&LIMITER_WAIT, ANY).only(CONTROLLERS),
            ),
        ],
    }
}

/// Of the components of a job, of a metric that others serve too.
fn of(job: &str, metric: &impl Named) -> Series {
    series(metric, ANY).only(job)
}

fn limiter(title: &'static str, about: &'static str, waits: &Series) -> Panel {
    Panel::lines(title, Unit::Seconds, about)
        .query(quantile(0.99, "instance", waits), "p99 {{instance}}")
        .dashed(waits.clone().part("_sum").rate().sum("instance"), "per second {{instance}}")
}

pub(super) fn processes() -> Row {
    let by = "job, instance";
    let pauses = series(&GC_PAUSES, ANY).only(EVERYBODY).part("_sum").rate().sum(by);
    let starts = of(EVERYBODY, &PROCESS_START).now().max(by);
    let age = Expr::raw(format!("(time() - {starts})"));
    Row {
        title: "Processes",
        panels: vec![
            Panel::lines("CPU", Unit::Cores, "Processors that each process keeps busy.")
                .query(of(EVERYBODY, &PROCESS_CPU).rate().sum(by), "{{job}} {{instance}}")
                .wide(12),
            Panel::lines("Memory", Unit::Bytes, "Resident memory of each process.")
                .query(of(EVERYBODY, &PROCESS_MEMORY).now().sum(by), "{{job}} {{instance}}")
                .wide(12),
            Panel::lines(
                "Stopped by garbage collection",
                Unit::Share,
                "The share of the time in which a collection stops the process.",
            )
            .query(pauses, "{{job}} {{instance}}")
            .at_most(0.01),
            Panel::lines("Goroutines", Unit::Count, "About four for each request or watch of an apiserver.")
                .query(of(EVERYBODY, &GOROUTINES).now().sum(by), "{{job}} {{instance}}"),
            Panel::lines(
                "Age",
                Unit::Seconds,
                "How long each process has been running: a fall is a restart.",
            )
            .query(age, "{{job}} {{instance}}"),
        ],
    }
}
