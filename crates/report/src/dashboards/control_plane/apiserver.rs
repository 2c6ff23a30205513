//! The apiserver: requests, who may go first, and watches.

use scrape::names::{
    ABORTED_REQUESTS, CACHE_WAIT, CONSISTENT_READS, DISPATCHED_REQUESTS, EXECUTING_SEATS, INFLIGHT_REQUESTS,
    LIMIT_SEATS, LONG_RUNNING_REQUESTS, NOMINAL_SEATS, OBJECTS, QUEUED_REQUESTS, REJECTED_REQUESTS,
    REQUEST_DURATION, REQUEST_SLI_DURATION, REQUESTS, SEAT_UTILIZATION, SEAT_WAIT, TERMINATED_REQUESTS,
    TERMINATED_WATCHERS, WATCH_EVENT_BYTES, WATCH_EVENTS,
};

use super::ANY;
use crate::dashboards::{
    expression::{Named, Series, mean, quantile, series},
    panel::{Panel, Row},
    unit::Unit,
};

/// Watches have no end, and connections to pods and nodes none of the apiserver's making.
const SHORT: &str = "verb!~\"WATCH|CONNECT\"";

pub(super) fn requests() -> Row {
    let short = |metric| series(metric, ANY).only(SHORT);
    let failed = series(&REQUESTS, ANY).only("code=~\"[45]..\"").rate().sum("code").or_zero("code");
    let dropped = series(&TERMINATED_REQUESTS, ANY).rate().sum("code").or_zero("code");
    let aborted = series(&ABORTED_REQUESTS, ANY).rate().sum("verb").or_zero("verb");
    Row {
        title: "kube-apiserver: requests",
        panels: vec![
            Panel::lines("Requests by verb", Unit::RequestsPerSecond, "Requests that ended, from everybody.")
                .query(series(&REQUESTS, ANY).rate().sum("verb"), "{{verb}}"),
            Panel::lines(
                "Requests by resource",
                Unit::RequestsPerSecond,
                "The ten resources with the most requests.",
            )
            .query(series(&REQUESTS, ANY).rate().sum("resource").ten_largest(), "{{resource}}"),
            Panel::lines(
                "Errors",
                Unit::RequestsPerSecond,
                "Answers of 4xx and 5xx by code, and requests that the apiserver dropped in self-defence \
                 or gave up. 429 is priority and fairness; 404 and 409 are mostly somebody's normal life.",
            )
            .query(failed, "answered {{code}}")
            .query(dropped, "dropped {{code}}")
            .query(aborted, "given up {{verb}}"),
            Panel::lines(
                "Latency by verb, p99",
                Unit::Seconds,
                "Without webhooks and without the wait for a seat: what the service level objective is \
                 about, 1 s for single objects and 30 s for lists. The first bucket ends at 50 ms. Dashed: \
                 all of the request.",
            )
            .query(quantile(0.99, "verb", &short(&REQUEST_SLI_DURATION)), "{{verb}}")
            .dashed(quantile(0.99, "verb", &short(&REQUEST_DURATION)), "all of {{verb}}")
            .logarithmic(),
            Panel::lines(
                "Latency by verb, mean",
                Unit::Seconds,
                "All of a request, webhooks and the wait for a seat in it.",
            )
            .query(mean("verb", &short(&REQUEST_DURATION)), "{{verb}}")
            .logarithmic(),
            Panel::lines(
                "In flight",
                Unit::Count,
                "The most requests at once in the last second, watches left out; --max-requests-inflight \
                 and --max-mutating-requests-inflight add up to the seats of all levels.",
            )
            .query(series(&INFLIGHT_REQUESTS, ANY).now().sum("request_kind"), "{{request_kind}}"),
        ],
    }
}

/// Of the levels that are chosen.
fn of_levels(metric: &impl Named) -> Series {
    series(metric, ANY).only("priority_level=~\"$priority_level\"")
}

pub(super) fn fairness() -> Row {
    let by_level = "priority_level";
    let seats = |metric| of_levels(metric).now().sum(by_level);
    let used = mean(by_level, &of_levels(&SEAT_UTILIZATION).only("phase=\"executing\""));
    let waited = of_levels(&SEAT_WAIT).only("execute=\"true\"");
    let rejected = of_levels(&REJECTED_REQUESTS).rate().sum("priority_level, reason").or_zero("reason");
    Row {
        title: "kube-apiserver: priority and fairness",
        panels: vec![
            Panel::lines(
                "Seats",
                Unit::Count,
                "Seats taken at the moment of a scrape, and, dashed, the seats that a level has now, with \
                 what it borrowed or lent, and by its share. Choose a level above to see it alone.",
            )
            .query(seats(&EXECUTING_SEATS), "taken {{priority_level}}")
            .dashed(seats(&LIMIT_SEATS), "now {{priority_level}}")
            .dashed(seats(&NOMINAL_SEATS), "nominal {{priority_level}}")
            .wide(12)
            .high(9),
            Panel::lines(
                "Share of seats taken",
                Unit::Share,
                "The mean over time, which a scrape of the moment misses. A level that stays near 100 % \
                 has requests waiting.",
            )
            .query(used, "{{priority_level}}")
            .at_most(0.9)
            .wide(12)
            .high(9),
            Panel::lines(
                "Wait for a seat, p99",
                Unit::Seconds,
                "Of requests that got one. The wait is part of what a client sees and no part of the \
                 apiserver's own objective.",
            )
            .query(quantile(0.99, by_level, &waited), "{{priority_level}}")
            .at_most(0.1),
            Panel::lines(
                "Waiting requests",
                Unit::Count,
                "Requests that wait for a seat at the moment of a scrape.",
            )
            .query(of_levels(&QUEUED_REQUESTS).now().sum(by_level), "{{priority_level}}"),
            Panel::lines(
                "Rejected and served",
                Unit::RequestsPerSecond,
                "Requests answered with 429 or cancelled in the queue, by reason, and, dashed, those that \
                 got a seat.",
            )
            .query(rejected, "rejected {{priority_level}} {{reason}}")
            .dashed(of_levels(&DISPATCHED_REQUESTS).rate().sum(by_level), "served {{priority_level}}"),
        ],
    }
}

pub(super) fn watches() -> Row {
    let bytes = series(&WATCH_EVENT_BYTES, ANY).part("_sum").rate().sum("resource").ten_largest();
    let terminated = series(&TERMINATED_WATCHERS, ANY).rate().sum("resource").or_zero("resource");
    let reads = series(&CONSISTENT_READS, ANY).rate().sum("fallback");
    let watchers = series(&LONG_RUNNING_REQUESTS, ANY).only("verb=\"WATCH\"").now().sum("resource");
    let objects = series(&OBJECTS, ANY).now().max("group, resource");
    Row {
        title: "kube-apiserver: watches and the watch cache",
        panels: vec![
            Panel::lines("Watches", Unit::Count, "Watches that are open: the ten resources with the most.")
                .query(watchers.ten_largest(), "{{resource}}"),
            Panel::lines(
                "Events to watches",
                Unit::EventsPerSecond,
                "Changes times watchers, for the ten resources with the most: what a write costs beside \
                 its own request.",
            )
            .query(series(&WATCH_EVENTS, ANY).rate().sum("resource").ten_largest(), "{{resource}}"),
            Panel::lines("Bytes to watches", Unit::BytesPerSecond, "The same in bytes, before compression.")
                .query(bytes, "{{resource}}"),
            Panel::lines(
                "Watches ended for slowness",
                Unit::EventsPerSecond,
                "Watches that the apiserver closed because their client read too slowly: each comes back \
                 with a list.",
            )
            .query(terminated, "{{resource}}"),
            Panel::lines(
                "Reads from the watch cache",
                Unit::RequestsPerSecond,
                "Consistent reads that the cache was asked for; with fallback=true they went to etcd \
                 instead.",
            )
            .query(reads, "fallback={{fallback}}"),
            Panel::lines(
                "Wait for the watch cache, p99",
                Unit::Seconds,
                "How long a read waited for the cache to be fresh enough.",
            )
            .query(quantile(0.99, "resource", &series(&CACHE_WAIT, ANY)).ten_largest(), "{{resource}}"),
            Panel::lines("Objects", Unit::Count, "What etcd holds: the ten kinds with the most objects.")
                .query(objects.ten_largest(), "{{resource}} {{group}}")
                .wide(24),
        ],
    }
}
