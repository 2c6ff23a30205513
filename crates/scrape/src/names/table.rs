//! The table: each metric once. What a constant is documented with is its meaning.

use super::{
    Component::{self, Apiserver, ControllerManager, Etcd, Scheduler},
    Former, Metric,
    Presence::{self, Always, OnceItHappened, Since},
    Stability::{self, Alpha, Beta, Stable, Unmarked},
};
use crate::series::Kind::{self, Counter, Gauge, Histogram, Summary};

const EVERYONE: &[Component] = &Component::ALL;
const API: &[Component] = &[Apiserver];
const ETCD: &[Component] = &[Etcd];
const SCHEDULER: &[Component] = &[Scheduler];
const CONTROLLERS: &[Component] = &[ControllerManager];
const CLIENTS: &[Component] = &[Scheduler, ControllerManager];

const REQUEST: &[&str] = &["verb", "group", "version", "resource", "subresource", "scope", "component"];

/// Up to 1.33 one label held resource and group, as in `deployments.apps`.
const TYPE_UNTIL_1_33: &[Former] = &[Former { now: "resource", then: "type", until: "1.33" }];

/// One that always had its name and its labels.
const fn metric(
    name: &'static str,
    components: &'static [Component],
    what: (Kind, Stability, Presence),
    labels: &'static [&'static str],
    meaning: &'static str,
) -> Metric {
    let (kind, stability, presence) = what;
    Metric {
        name,
        components,
        kind,
        stability,
        presence,
        labels,
        meaning,
        former_names: &[],
        former_labels: &[],
    }
}

macro_rules! table {
    ($($constant:ident = $name:literal, $components:ident, $what:expr, $labels:expr, $meaning:literal
        $(, $former:ident: $formers:expr)?;)*) => {
        $(
            #[doc = concat!("`", $name, "`: ", $meaning)]
            pub const $constant: Metric =
                Metric { $($former: $formers,)? ..metric($name, $components, $what, $labels, $meaning) };
        )*

        /// Every metric of the table.
        pub const ALL: &[Metric] = &[$($constant),*];
    };
}

table! {
    REQUEST_SLI_DURATION = "apiserver_request_sli_duration_seconds", API, (Histogram, Alpha, Always),
        REQUEST,
        "Seconds of a request without webhooks and without the wait for a seat: what the latency SLO is \
         about. The first bucket ends at 50 ms.";
    REQUEST_DURATION = "apiserver_request_duration_seconds", API, (Histogram, Stable, Always),
        &["verb", "dry_run", "group", "version", "resource", "subresource", "scope", "component"],
        "Seconds of a request, all of it. Buckets from 5 ms to 60 s.";
    REQUESTS = "apiserver_request_total", API, (Counter, Stable, Always),
        &["verb", "dry_run", "group", "version", "resource", "subresource", "scope", "component", "code"],
        "Requests by status code.";
    INFLIGHT_REQUESTS = "apiserver_current_inflight_requests", API, (Gauge, Stable, Always),
        &["request_kind"],
        "The most requests at once in the last second, `readOnly` or `mutating`, watches left out.";
    EXECUTING_SEATS = "apiserver_flowcontrol_current_executing_seats", API, (Gauge, Beta, Always),
        &["priority_level", "flow_schema"],
        "Seats taken at this moment.";
    NOMINAL_SEATS = "apiserver_flowcontrol_nominal_limit_seats", API, (Gauge, Beta, Always),
        &["priority_level"],
        "Seats of a level before it borrows or lends.";
    LIMIT_SEATS = "apiserver_flowcontrol_current_limit_seats", API, (Gauge, Alpha, Always),
        &["priority_level"],
        "Seats of a level now, with what it has borrowed or lent.";
    SEAT_UTILIZATION = "apiserver_flowcontrol_priority_level_seat_utilization", API, (Histogram, Alpha, Always),
        &["priority_level", "phase"],
        "Share of a level's present seats that is taken, observed for every nanosecond: of what two scrapes \
         differ by, sum over count is the mean over time and a bucket over count a share of the time.";
    SEAT_WAIT = "apiserver_flowcontrol_request_wait_duration_seconds", API, (Histogram, Beta, Always),
        &["priority_level", "flow_schema", "execute"],
        "Seconds that a request waited in a queue for its seat; `execute` says whether it got one.";
    REJECTED_REQUESTS = "apiserver_flowcontrol_rejected_requests_total", API, (Counter, Beta, OnceItHappened),
        &["priority_level", "flow_schema", "reason"],
        "Requests answered with 429 because of `queue-full`, `concurrency-limit` or `time-out`, or cancelled \
         in the queue.";
    DISPATCHED_REQUESTS = "apiserver_flowcontrol_dispatched_requests_total", API, (Counter, Beta, Always),
        &["priority_level", "flow_schema"],
        "Requests that got a seat.";
    QUEUED_REQUESTS = "apiserver_flowcontrol_current_inqueue_requests", API, (Gauge, Beta, Always),
        &["priority_level", "flow_schema"],
        "Requests that wait for a seat at this moment.";
    TERMINATED_REQUESTS = "apiserver_request_terminations_total", API, (Counter, Alpha, OnceItHappened),
        &["verb", "group", "version", "resource", "subresource", "scope", "component", "code"],
        "Requests that the apiserver dropped in self-defence.";
    ABORTED_REQUESTS = "apiserver_request_aborts_total", API, (Counter, Alpha, OnceItHappened),
        &["verb", "group", "version", "resource", "subresource", "scope"],
        "Requests aborted, most of them for their timeout.";
    LONG_RUNNING_REQUESTS = "apiserver_longrunning_requests", API, (Gauge, Stable, Always),
        REQUEST,
        "Watches and other requests without an end, now.";
    WATCH_EVENTS = "apiserver_watch_events_total", API, (Counter, Alpha, Always),
        &["group", "version", "resource"],
        "Events sent to watches: changes times watchers.";
    WATCH_EVENT_BYTES = "apiserver_watch_events_sizes", API, (Histogram, Alpha, Always),
        &["group", "version", "resource"],
        "Bytes of an event sent to a watch.";
    WATCH_DISPATCH = "apiserver_watch_events_dispatch_duration_seconds", API, (Histogram, Alpha, Since("1.37")),
        &["group", "resource", "stage"],
        "Seconds from an event's arrival in the watch cache to its way out.";
    WATCH_LIST_DURATION = "apiserver_watch_list_duration_seconds", API, (Histogram, Beta, Always),
        &["group", "version", "resource", "scope"],
        "Seconds until a watch that begins with a list has sent all of it.";
    CACHE_WAIT = "apiserver_watch_cache_read_wait_seconds", API, (Histogram, Alpha, Always),
        &["group", "resource"],
        "Seconds that a read waited for the watch cache to be fresh enough.";
    CONSISTENT_READS = "apiserver_watch_cache_consistent_read_total", API, (Counter, Alpha, Always),
        &["group", "resource", "success", "fallback"],
        "Consistent reads that the watch cache was asked for; `fallback` went to etcd.";
    TERMINATED_WATCHERS = "apiserver_terminated_watchers_total", API, (Counter, Alpha, OnceItHappened),
        &["group", "resource"],
        "Watches closed because their client read too slowly.";
    STORAGE_DURATION = "etcd_request_duration_seconds", API, (Histogram, Alpha, Always),
        &["operation", "group", "resource"],
        "Seconds of a request to etcd as the apiserver sees it.",
        former_labels: TYPE_UNTIL_1_33;
    STORAGE_ERRORS = "etcd_request_errors_total", API, (Counter, Alpha, OnceItHappened),
        &["operation", "group", "resource"],
        "Requests to etcd that failed.",
        former_labels: TYPE_UNTIL_1_33;
    OBJECTS = "apiserver_resource_objects", API, (Gauge, Alpha, Always),
        &["group", "resource"],
        "Objects in etcd; -1 where counting failed.",
        former_names: &[Former { now: "apiserver_resource_objects", then: "apiserver_storage_objects", until: "1.33", }];
    OBJECT_BYTES = "apiserver_resource_size_estimate_bytes", API, (Gauge, Alpha, Always),
        &["group", "resource"],
        "Bytes of the objects in etcd, estimated from what was last seen of each; -1 where that failed.";
    STORAGE_BYTES = "apiserver_storage_size_bytes", API, (Gauge, Stable, Always),
        &["storage_cluster_id"],
        "Bytes of etcd's database file as the apiserver sees it.";
    PROCESS_CPU = "process_cpu_seconds_total", EVERYONE, (Counter, Unmarked, Always),
        &[],
        "CPU seconds of the process, all threads, user and kernel.";
    PROCESS_MEMORY = "process_resident_memory_bytes", EVERYONE, (Gauge, Unmarked, Always),
        &[],
        "Bytes of resident memory.";
    PROCESS_START = "process_start_time_seconds", EVERYONE, (Gauge, Unmarked, Always),
        &[],
        "When the process was started, seconds since 1970: another value is another process.";
    GC_PAUSES = "go_gc_duration_seconds", EVERYONE, (Summary, Unmarked, Always),
        &[],
        "Seconds for which a garbage collection stopped the process.";
    GOROUTINES = "go_goroutines", EVERYONE, (Gauge, Unmarked, Always),
        &[],
        "Goroutines.";
    WAL_FSYNC = "etcd_disk_wal_fsync_duration_seconds", ETCD, (Histogram, Unmarked, Always),
        &[],
        "Seconds of a sync of the write-ahead log. There is one at a time, so the sum is the time the log \
         spent syncing.";
    BACKEND_COMMIT = "etcd_disk_backend_commit_duration_seconds", ETCD, (Histogram, Unmarked, Always),
        &[],
        "Seconds of a commit of the database, which holds up writes.";
    PROPOSALS_PENDING = "etcd_server_proposals_pending", ETCD, (Gauge, Unmarked, Always),
        &[],
        "Writes that are proposed to raft and not committed.";
    PROPOSALS_FAILED = "etcd_server_proposals_failed_total", ETCD, (Counter, Unmarked, Always),
        &[],
        "Writes that raft did not take.";
    SLOW_APPLIES = "etcd_server_slow_apply_total", ETCD, (Counter, Unmarked, Always),
        &[],
        "Requests that took longer than 100 ms to apply.";
    APPLY_DURATION = "etcd_server_apply_duration_seconds", ETCD, (Histogram, Unmarked, Always),
        &["version", "op", "success"],
        "Seconds to apply a request to the store.";
    ETCD_REQUEST_DURATION = "etcd_server_request_duration_seconds", ETCD, (Histogram, Unmarked, Since("3.7")),
        &["type", "success"],
        "Seconds of a request as etcd sees it.";
    DB_BYTES = "etcd_mvcc_db_total_size_in_bytes", ETCD, (Gauge, Unmarked, Always),
        &[],
        "Bytes of the database file.";
    DB_BYTES_IN_USE = "etcd_mvcc_db_total_size_in_use_in_bytes", ETCD, (Gauge, Unmarked, Always),
        &[],
        "Bytes of it that hold something; the rest is for a defragmentation.";
    DB_QUOTA = "etcd_server_quota_backend_bytes", ETCD, (Gauge, Unmarked, Always),
        &[],
        "Bytes at which etcd stops taking writes.";
    LEADER_CHANGES = "etcd_server_leader_changes_seen_total", ETCD, (Counter, Unmarked, Always),
        &[],
        "Times that the member saw a new leader.";
    ETCD_SENT_BYTES = "etcd_network_client_grpc_sent_bytes_total", ETCD, (Counter, Unmarked, Always),
        &[],
        "Bytes sent to clients.";
    GRPC_HANDLED = "grpc_server_handled_total", ETCD, (Counter, Unmarked, Always),
        &["grpc_code", "grpc_method", "grpc_service", "grpc_type"],
        "Calls ended, by gRPC code.";
    SLOW_WATCHERS = "etcd_debugging_mvcc_slow_watcher_total", ETCD, (Gauge, Unmarked, Always),
        &[],
        "Watchers that are behind. A name that may go: it is a debugging metric.";
    PENDING_EVENTS = "etcd_debugging_mvcc_pending_events_total", ETCD, (Gauge, Unmarked, Always),
        &[],
        "Events that are not yet sent to watchers. A debugging metric.";
    ATTEMPT_DURATION = "scheduler_scheduling_attempt_duration_seconds", SCHEDULER, (Histogram, Stable, OnceItHappened),
        &["result", "profile"],
        "Seconds of an attempt to schedule a pod, its binding included, which runs beside the next \
         attempts.";
    ATTEMPTS = "scheduler_schedule_attempts_total", SCHEDULER, (Counter, Stable, OnceItHappened),
        &["result", "profile"],
        "Attempts to schedule a pod.";
    PENDING_PODS = "scheduler_pending_pods", SCHEDULER, (Gauge, Stable, Always),
        &["queue"],
        "Pods not scheduled: `active`, `backoff`, `unschedulable`, `gated`.";
    INCOMING_PODS = "scheduler_queue_incoming_pods_total", SCHEDULER, (Counter, Stable, OnceItHappened),
        &["queue", "event"],
        "Pods put into a queue.";
    SCHEDULING_SLI = "scheduler_pod_scheduling_sli_duration_seconds", SCHEDULER, (Histogram, Beta, OnceItHappened),
        &["attempts"],
        "Seconds from a pod's first entry into the queue until it is bound.";
    ALGORITHM_DURATION = "scheduler_scheduling_algorithm_duration_seconds", SCHEDULER, (Histogram, Alpha, Always),
        &[],
        "Seconds to find a node for a pod. There is one at a time, so the sum is the time the scheduling \
         loop was busy with it.";
    WORKQUEUE_DEPTH = "workqueue_depth", CONTROLLERS, (Gauge, Beta, Always),
        &["name"],
        "Items that wait for a worker.";
    WORKQUEUE_WAIT = "workqueue_queue_duration_seconds", CONTROLLERS, (Histogram, Beta, Always),
        &["name"],
        "Seconds that an item waited for a worker, seen when one takes it. Each bucket ends at ten times the \
         one before.";
    WORKQUEUE_WORK = "workqueue_work_duration_seconds", CONTROLLERS, (Histogram, Beta, Always),
        &["name"],
        "Seconds of work on an item.";
    WORKQUEUE_UNFINISHED = "workqueue_unfinished_work_seconds", CONTROLLERS, (Gauge, Beta, Always),
        &["name"],
        "Seconds of work begun and not ended, of all workers.";
    WORKQUEUE_RETRIES = "workqueue_retries_total", CONTROLLERS, (Counter, Beta, Always),
        &["name"],
        "Items put back to be tried again later.";
    LIMITER_WAIT = "rest_client_rate_limiter_duration_seconds", CLIENTS, (Histogram, Alpha, Always),
        &["verb", "host"],
        "Seconds that a request waited for a token of its own client's limiter; those that did not wait are \
         in it too, watches are not.";
    EVICTIONS = "node_collector_evictions_total", CONTROLLERS, (Counter, Stable, OnceItHappened),
        &["zone"],
        "Nodes whose pods were evicted.";
}
