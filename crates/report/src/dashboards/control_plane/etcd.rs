//! etcd: the disk that everything waits for, and what is stored.

use scrape::names::{
    APPLY_DURATION, BACKEND_COMMIT, DB_BYTES, DB_BYTES_IN_USE, DB_QUOTA, ETCD_SENT_BYTES, GRPC_HANDLED,
    LEADER_CHANGES, PENDING_EVENTS, PROPOSALS_FAILED, PROPOSALS_PENDING, SLOW_APPLIES, SLOW_WATCHERS,
    STORAGE_DURATION, STORAGE_ERRORS, WAL_FSYNC,
};

use super::{ANY, ETCD};
use crate::dashboards::{
    expression::{quantile, series},
    panel::{Panel, Row},
    unit::Unit,
};

pub(super) fn disk() -> Row {
    let by = "instance";
    let syncs = series(&WAL_FSYNC, ANY);
    let commits = series(&BACKEND_COMMIT, ANY);
    let applied = series(&APPLY_DURATION, ANY);
    Row {
        title: "etcd: disk and raft",
        panels: vec![
            Panel::lines(
                "Sync of the write-ahead log",
                Unit::Seconds,
                "Every write waits for one. etcd's documentation asks for a p99 below 10 ms.",
            )
            .dashed(quantile(0.5, by, &syncs), "p50 {{instance}}")
            .query(quantile(0.99, by, &syncs), "p99 {{instance}}")
            .at_most(0.01)
            .logarithmic(),
            Panel::lines(
                "Commit of the database",
                Unit::Seconds,
                "Holds up writes while it goes on. etcd's documentation asks for a p99 below 25 ms.",
            )
            .dashed(quantile(0.5, by, &commits), "p50 {{instance}}")
            .query(quantile(0.99, by, &commits), "p99 {{instance}}")
            .at_most(0.025)
            .logarithmic(),
            Panel::lines(
                "Time spent syncing",
                Unit::Share,
                "There is one sync at a time, so this is the share of the disk's time that the log takes. \
                 Near 100 % the disk is what limits.",
            )
            .query(syncs.clone().part("_sum").rate().sum(by), "{{instance}}")
            .at_most(0.8),
            Panel::lines(
                "Proposals",
                Unit::Count,
                "Writes that are proposed to raft and not committed, at the moment of a scrape; and those \
                 that raft did not take, per second.",
            )
            .query(series(&PROPOSALS_PENDING, ANY).now().sum(by), "pending {{instance}}")
            .query(series(&PROPOSALS_FAILED, ANY).rate().sum(by), "failed per second {{instance}}"),
            Panel::lines(
                "Applying",
                Unit::Seconds,
                "How long etcd takes to apply a request to its store, p99 by operation. Above 100 ms it \
                 calls it slow.",
            )
            .query(quantile(0.99, "op", &applied), "{{op}}")
            .at_most(0.1)
            .logarithmic(),
            Panel::lines(
                "Slow applies and new leaders",
                Unit::EventsPerSecond,
                "Requests that took longer than 100 ms to apply, and times that a member saw a new leader.",
            )
            .query(series(&SLOW_APPLIES, ANY).rate().sum(by), "slow {{instance}}")
            .query(series(&LEADER_CHANGES, ANY).rate().sum(by), "leader {{instance}}"),
        ],
    }
}

pub(super) fn store() -> Row {
    let by = "instance";
    let refused = series(&GRPC_HANDLED, ANY).only(ETCD).only("grpc_code!=\"OK\"").rate().sum("grpc_code");
    let calls = series(&STORAGE_DURATION, ANY);
    Row {
        title: "etcd: store and clients",
        panels: vec![
            Panel::lines(
                "Database",
                Unit::Bytes,
                "The file, what of it holds something (the rest is for a defragmentation), and, dashed, \
                 the quota at which etcd takes no more writes.",
            )
            .query(series(&DB_BYTES, ANY).now().max(by), "file {{instance}}")
            .query(series(&DB_BYTES_IN_USE, ANY).now().max(by), "in use {{instance}}")
            .dashed(series(&DB_QUOTA, ANY).now().max(by), "quota {{instance}}"),
            Panel::lines(
                "Requests as the apiserver sees them, p99",
                Unit::Seconds,
                "By operation, with the way there and back and the decoding.",
            )
            .query(quantile(0.99, "operation", &calls), "{{operation}}")
            .logarithmic(),
            Panel::lines(
                "Requests of the apiserver",
                Unit::RequestsPerSecond,
                "By operation, and those that failed.",
            )
            .query(calls.clone().part("_count").rate().sum("operation"), "{{operation}}")
            .query(
                series(&STORAGE_ERRORS, ANY).rate().sum("operation").or_zero("operation"),
                "failed {{operation}}",
            ),
            Panel::lines(
                "Calls that did not succeed",
                Unit::RequestsPerSecond,
                "By gRPC code. Some Canceled and Unavailable are watches that end.",
            )
            .query(refused.or_zero("grpc_code"), "{{grpc_code}}"),
            Panel::lines(
                "Sent to clients",
                Unit::BytesPerSecond,
                "Bytes that etcd sends: lists without a cache show here.",
            )
            .query(series(&ETCD_SENT_BYTES, ANY).rate().sum(by), "{{instance}}"),
            Panel::lines(
                "Watchers behind",
                Unit::Count,
                "Watchers that are behind, and events that are not yet sent. Names that etcd may change: \
                 they are debugging metrics.",
            )
            .query(series(&SLOW_WATCHERS, ANY).now().sum(by), "watchers {{instance}}")
            .query(series(&PENDING_EVENTS, ANY).now().sum(by), "events {{instance}}"),
        ],
    }
}
