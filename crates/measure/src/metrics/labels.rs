//! What the labels of our metrics say. None has a value for each node, pod or object.

/// Every label that a metric of ours has, and what its values are, in the order of their names.
pub const LABELS: &[(&str, &str)] = &[
    ("axis", "what the scenario turns up, as its file says: `pods.rate`, `watchers.count`, `fleet.nodes`"),
    ("bound", "`low`, `estimate` or `high`"),
    (
        "code",
        "what came of a request: `2xx`; `403`, `404`, `409` or `429`; `4xx`, any other status below 500; `5xx`; `timeout`, no \
         answer in time; `connection`, none at all",
    ),
    ("criterion", "as a record's `judged` names it: `goodput`, `slow`, `errors`, `backlog`, `startup`, ..."),
    ("direction", "`read` or `written`"),
    ("edge", "`low` or `high`"),
    ("etcd", "the version of etcd; empty where it is not known"),
    (
        "event",
        "what became of a pod: `started`, `adopted` from an earlier process of its node, `evicted`, `gone`",
    ),
    ("figure", "as a record's `figures` names it"),
    ("kubernetes", "the version of the apiserver"),
    ("load", "the name of a load in the scenario"),
    ("phase", "`prepare`, `warm-up`, `measure` or `drain`"),
    (
        "process",
        "a process of the control plane, as `etcd` or `kube-apiserver-1`, or this program: `harness`",
    ),
    ("profile", "the profile of the control plane; `none` of a cluster that was there already"),
    (
        "resource",
        "group, resource and subresource, as `pods`, `nodes/status` or `coordination.k8s.io/leases`",
    ),
    ("run", "the run's id, which is the name of its record's folder"),
    ("scenario", "the name of the scenario"),
    ("side", "who sent a request: `drivers` or `fleet`"),
    ("stage", "`create`, `schedule`, `start` or `total`"),
    ("state", "of nodes `asked`, `registered`, `ready` or `silent`; of a level `asked` or `there`"),
    ("target", "`local`, or the context of the cluster"),
    ("unit", "the axis' unit: `/s`, `nodes`, or nothing of a number of things"),
    ("verb", "as the apiserver names it: `create`, `get`, `list`, ..."),
    ("version", "the version of this program"),
    ("warning", "as a record's `warnings` names it: `late-sends`, `harness-cpu`, ..."),
];
