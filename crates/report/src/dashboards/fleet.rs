//! *Fleet*: the virtual nodes, what they send, and whether anybody takes them for dead.

use measure::metrics::{
    FALSE_ALARMS, FLEET_BYTES, FLEET_CONNECTIONS, FLEET_PODS, LEASE_GAP, MACHINE_CORES, MACHINE_CPU, NODES,
    PROCESS_CPU, PROCESS_MEMORY, REQUEST, REQUESTS, SERVICE,
};

use super::{
    Dashboard,
    annotation::marks,
    expression::{Whose, quantile, series},
    panel::{Panel, Row},
    run::{quantiles, variables},
    unit::Unit,
};

const OURS: Whose = Whose::Chosen;
const FLEET: &str = "side=\"fleet\"";

/// The dashboard.
pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        file: "fleet.json",
        uid: "loadgen-fleet",
        title: "loadgen: fleet",
        about: "The virtual nodes: how many are ready, what they send, how long it takes, and what they cost.",
        variables: variables(),
        annotations: marks(OURS),
        rows: vec![nodes(), requests(), cost()],
    }
}

fn nodes() -> Row {
    let by_state = series(&NODES, OURS).now().sum("state");
    let alarms = series(&FALSE_ALARMS, OURS);
    let pods = series(&FLEET_PODS, OURS);
    let came = pods.clone().only("event=~\"started|adopted\"");
    Row {
        title: "Nodes",
        panels: vec![
            Panel::lines(
                "Nodes by state",
                Unit::Count,
                "How many virtual nodes were asked for, have registered, and are ready. Ready falls where \
                 the control plane takes nodes for dead.",
            )
            .query(by_state, "{{state}}")
            .wide(12),
            Panel::lines(
                "Pods",
                Unit::Count,
                "Pods that are on the nodes: started or adopted, and not yet gone.",
            )
            .query(came.now().sum("").less(&pods.only("event=\"gone\"").now().sum("")), "there")
            .wide(12),
            Panel::lines(
                "Lease gap",
                Unit::Seconds,
                "The longest time between two renewals of a node's lease. Renewals are due every 10 to \
                 10.4 s; a gap above 15 s breaks the criterion, and after 40 s to 50 s the control plane \
                 takes the node for dead.",
            )
            .query(series(&LEASE_GAP, OURS).now().max(""), "longest gap")
            .at_most(15.0)
            .wide(16),
            Panel::number(
                "False alarms",
                Unit::Count,
                "Times that the control plane took a node for dead that had not been silent. There should \
                 be none.",
            )
            .query(alarms.now().sum(""), "since the start")
            .at_most(1.0)
            .wide(8)
            .high(8),
        ],
    }
}

fn requests() -> Row {
    let of_fleet = |metric| series(metric, OURS).only(FLEET);
    let kinds = of_fleet(&REQUESTS).rate().sum("verb, resource");
    let errors = of_fleet(&REQUESTS).only("code!~\"2..\"").rate().sum("verb, resource, code").or_zero("code");
    Row {
        title: "Requests of the fleet",
        panels: vec![
            Panel::lines(
                "Requests by kind",
                Unit::RequestsPerSecond,
                "What kubelets and kube-proxies send: lease renewals by far the most where nothing \
                 happens, and about 21 requests for each pod's life.",
            )
            .query(kinds, "{{verb}} {{resource}}")
            .stacked()
            .wide(12)
            .high(9),
            Panel::heat_map(
                "Latency",
                Unit::Seconds,
                "From the send of a request to its answer: how many fell into each bucket.",
            )
            .query(of_fleet(&SERVICE).part("_bucket").increase().sum("le"), "{{le}}")
            .wide(12)
            .high(9),
            quantiles(
                Panel::lines(
                    "Percentiles",
                    Unit::Seconds,
                    "Of all requests of the fleet, from the moment that they were due.",
                ),
                "",
                &of_fleet(&REQUEST),
                ["p50", "p90", "p99"],
            )
            .at_most(1.0)
            .logarithmic(),
            Panel::lines(
                "Slowest hundredth by kind",
                Unit::Seconds,
                "p99 of each kind of request, from the moment that it was due. Single objects have a \
                 service level objective of 1 s.",
            )
            .query(quantile(0.99, "verb, resource", &of_fleet(&REQUEST)), "{{verb}} {{resource}}")
            .at_most(1.0)
            .logarithmic(),
            Panel::lines(
                "Not successful",
                Unit::RequestsPerSecond,
                "Requests of the fleet by what came of them instead: the status, `timeout` or \
                 `connection`. Some 404 and 409 are a kubelet's normal life.",
            )
            .query(errors, "{{verb}} {{resource}} {{code}}"),
        ],
    }
}

fn cost() -> Row {
    let harness = |metric| series(metric, OURS).only("process=\"harness\"");
    Row {
        title: "What the fleet costs here",
        panels: vec![
            Panel::lines(
                "CPU",
                Unit::Cores,
                "Processors that this program keeps busy, with fleet and drivers in it, all of the \
                 machine's that are, and how many there are.",
            )
            .query(harness(&PROCESS_CPU).rate().sum(""), "harness")
            .query(series(&MACHINE_CPU, OURS).rate().max(""), "machine, busy")
            .dashed(series(&MACHINE_CORES, OURS).now().max(""), "machine, all")
            .wide(12),
            Panel::lines("Memory", Unit::Bytes, "Resident memory of this program.")
                .query(harness(&PROCESS_MEMORY).now().sum(""), "harness")
                .wide(12),
            Panel::lines(
                "Network",
                Unit::BytesPerSecond,
                "Bytes on the connections of the nodes, TLS in them.",
            )
            .query(series(&FLEET_BYTES, OURS).rate().sum("direction"), "{{direction}}")
            .wide(12),
            Panel::lines(
                "New connections",
                Unit::EventsPerSecond,
                "Connections that the nodes open: none, once all have theirs and nothing ends them.",
            )
            .query(series(&FLEET_CONNECTIONS, OURS).rate().sum(""), "opened")
            .wide(12),
        ],
    }
}
