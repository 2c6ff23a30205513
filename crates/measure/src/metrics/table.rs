//! Every metric of ours.

use super::{Declared, FamilyKind};

/// Buckets of everything that is a time, seconds: 1 ms to 60 s, and the limits of the service level objectives among them.
const SECONDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Declared {
    Declared { name, kind: FamilyKind::Counter, help, labels, buckets: &[] }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Declared {
    Declared { name, kind: FamilyKind::Gauge, help, labels, buckets: &[] }
}

const fn seconds(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Declared {
    Declared { name, kind: FamilyKind::Histogram, help, labels, buckets: SECONDS }
}

/// 1, with what the run is.
pub const RUN_INFO: Declared =
    gauge("loadgen_run_info", &["version", "kubernetes", "etcd", "target"], "What is running: always 1.");
/// When the run began.
pub const RUN_START: Declared =
    gauge("loadgen_run_start_timestamp_seconds", &[], "When the run began, as seconds since 1970.");
/// Which phase a trial is in.
pub const PHASE: Declared = gauge("loadgen_phase", &["phase"], "1 for the phase that a trial is in, else 0.");
/// Which trial this is.
pub const TRIAL: Declared = gauge(
    "loadgen_trial",
    &[],
    "How many loads this command has offered so far, this one included: a search and an experiment offer several.",
);
/// Where the axis is.
pub const AXIS: Declared = gauge("loadgen_axis", &["axis", "unit"], "Where the scenario's axis is put.");
/// The bracket of a search.
pub const BRACKET: Declared = gauge(
    "loadgen_search_bracket",
    &["edge"],
    "The highest load known to hold (edge=\"low\") and the lowest known to break (edge=\"high\"), in units of the axis.",
);
/// How a comparison stands.
pub const RATIO: Declared = gauge(
    "loadgen_comparison_ratio",
    &["bound"],
    "The primary metric of a comparison, second arm over first: the estimate and the interval's ends (bound=\"low\", \"estimate\", \"high\").",
);
/// Whether a criterion is kept.
pub const CRITERION: Declared = gauge(
    "loadgen_criterion_kept",
    &["criterion"],
    "0 if a criterion was broken in the last window that was judged, else 1.",
);
/// Doubts.
pub const WARNINGS: Declared = gauge(
    "loadgen_validity_warnings",
    &["warning"],
    "How many trials of this profile so far have this doubt about their figures; no series before there is one.",
);

/// Operations that were due.
pub const OFFERED: Declared =
    counter("loadgen_operations_offered_total", &["load"], "Operations of a load that were due.");
/// Operations that succeeded.
pub const SUCCEEDED: Declared =
    counter("loadgen_operations_succeeded_total", &["load"], "Operations that succeeded, however late.");
/// Operations that were good.
pub const GOOD: Declared = counter(
    "loadgen_operations_good_total",
    &["load"],
    "Operations that succeeded within twice their limit: goodput.",
);
/// Operations that failed.
pub const FAILED: Declared = counter(
    "loadgen_operations_failed_total",
    &["load"],
    "Operations that are known to have failed for good. One that may still succeed, however late, is not among them.",
);
/// Operations that could not be started.
pub const DROPPED: Declared = counter(
    "loadgen_operations_dropped_total",
    &["load"],
    "Operations that found no room in the client and were not started.",
);
/// How long operations take.
pub const OPERATION: Declared = seconds(
    "loadgen_operation_duration_seconds",
    &["load"],
    "From the intended start of an operation to its success.",
);
/// What is asked for.
pub const OFFERED_RATE: Declared = gauge(
    "loadgen_offered_rate",
    &["load"],
    "Operations per second that are asked of a load; 0 when it is at rest.",
);
/// What is unfinished.
pub const BACKLOG: Declared =
    gauge("loadgen_backlog", &["load"], "Operations that are accepted and unfinished.");
/// What there is of a load that is a level.
pub const LEVEL: Declared = gauge(
    "loadgen_level",
    &["load", "state"],
    "Of a load that is a number of things, such as watchers: how many are asked for, and how many are there and in sync.",
);

/// Requests.
pub const REQUESTS: Declared = counter(
    "loadgen_requests_total",
    &["side", "verb", "resource", "code"],
    "Requests that ended, by who sent them and what came of them.",
);
/// How long requests take.
pub const REQUEST: Declared = seconds(
    "loadgen_request_duration_seconds",
    &["side", "verb", "resource"],
    "From a request's intended start to its answer, of those that succeeded or timed out.",
);
/// How long the server takes.
pub const SERVICE: Declared = seconds(
    "loadgen_request_service_duration_seconds",
    &["side", "verb", "resource"],
    "From the send of a request to its answer, of those that succeeded or timed out.",
);
/// How late we are.
pub const LATENESS: Declared = seconds(
    "loadgen_request_lateness_seconds",
    &["side"],
    "From a request's intended start to its send: what the harness adds.",
);

/// How long pods take.
pub const POD_STARTUP: Declared = seconds(
    "loadgen_pod_startup_duration_seconds",
    &["load", "stage"],
    "How long pods take to run, by stage: from the intended start to the acknowledgement (create), from there until a watcher sees a node's name (schedule), from there until it sees the pod Running (start), and all of it (total).",
);
/// How late watchers are told.
pub const WATCH_LAG: Declared = seconds(
    "loadgen_watch_lag_seconds",
    &["load"],
    "From a write's acknowledgement to its event at a watcher.",
);
/// What watchers are told.
pub const WATCH_EVENTS: Declared = counter(
    "loadgen_watch_events_total",
    &["load"],
    "Events that the watchers of a load were told: those that are the load, after what was there already, and of pods the watch by which they are followed.",
);
/// What drivers count beside operations.
pub const DRIVER_FIGURE: Declared = gauge(
    "loadgen_driver_figure",
    &["load", "figure"],
    "What else a driver counts since its load began, such as bytes, relists, and watches that were cut; of some drivers only when it has ended.",
);

/// The fleet.
pub const NODES: Declared = gauge(
    "loadgen_nodes",
    &["state"],
    "Virtual nodes that are asked for, that have a Node object, that have been acknowledged as Ready, and that are silent at the moment.",
);
/// Nodes taken for dead.
pub const FALSE_ALARMS: Declared = counter(
    "loadgen_node_false_alarms_total",
    &[],
    "Times that the control plane took a virtual node for dead that had not been silent.",
);
/// The longest time without a lease.
pub const LEASE_GAP: Declared = gauge(
    "loadgen_lease_gap_seconds",
    &[],
    "The longest time between two renewals of a node's lease that ended in the last second that was looked at.",
);
/// Pods of the fleet.
pub const FLEET_PODS: Declared = counter(
    "loadgen_fleet_pods_total",
    &["event"],
    "Pods on the virtual nodes, by what became of them: those that were started or adopted and are not gone are there.",
);
/// What the fleet's connections carry.
pub const FLEET_BYTES: Declared = counter(
    "loadgen_fleet_network_bytes_total",
    &["direction"],
    "Bytes on the connections of the virtual nodes, TLS included.",
);
/// Connections of the fleet.
pub const FLEET_CONNECTIONS: Declared =
    counter("loadgen_fleet_connections_total", &[], "Connections that the virtual nodes have opened.");

/// CPU time.
pub const PROCESS_CPU: Declared = counter(
    "loadgen_process_cpu_seconds_total",
    &["process"],
    "CPU time of a process of the control plane on this machine, or of this program (process=\"harness\").",
);
/// Memory.
pub const PROCESS_MEMORY: Declared =
    gauge("loadgen_process_resident_memory_bytes", &["process"], "Resident memory of it.");
/// The machine.
pub const MACHINE_CPU: Declared =
    counter("loadgen_machine_cpu_busy_seconds_total", &[], "CPU time that all of the machine was not idle.");
/// Its processors.
pub const MACHINE_CORES: Declared = gauge("loadgen_machine_cores", &[], "Processors of the machine.");

/// All of them, in the order in which they are documented.
pub const ALL: &[Declared] = &[
    RUN_INFO,
    RUN_START,
    PHASE,
    TRIAL,
    AXIS,
    BRACKET,
    RATIO,
    CRITERION,
    WARNINGS,
    OFFERED,
    SUCCEEDED,
    GOOD,
    FAILED,
    DROPPED,
    OPERATION,
    OFFERED_RATE,
    BACKLOG,
    LEVEL,
    REQUESTS,
    REQUEST,
    SERVICE,
    LATENESS,
    POD_STARTUP,
    WATCH_LAG,
    WATCH_EVENTS,
    DRIVER_FIGURE,
    NODES,
    FALSE_ALARMS,
    LEASE_GAP,
    FLEET_PODS,
    FLEET_BYTES,
    FLEET_CONNECTIONS,
    PROCESS_CPU,
    PROCESS_MEMORY,
    MACHINE_CPU,
    MACHINE_CORES,
];
