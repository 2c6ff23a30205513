//! What came out, and the table of it.

use comfy_table::{Table, presets::ASCII_MARKDOWN};
use measure::statistics;
use serde::Serialize;

use crate::client::Sent;

/// One run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Result {
    pub(crate) preset: String,
    pub(crate) nodes: u32,
    pub(crate) registration: Registration,
    pub(crate) rest: AtRest,
    pub(crate) pods: Option<PodLives>,
}

/// From the start of the processes to the last node being ready.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Registration {
    pub(crate) seconds: f64,
    /// Seconds of the fleet's CPU time.
    pub(crate) cpu: f64,
}

/// Nodes that have nothing to do.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct AtRest {
    pub(crate) seconds: f64,
    /// Seconds of the fleet's CPU time.
    pub(crate) cpu: f64,
    /// Bytes at the end.
    pub(crate) rss: u64,
    /// Seconds of the server's CPU time.
    pub(crate) server_cpu: f64,
    pub(crate) sent: Sent,
}

/// Pods from their creation to their end.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PodLives {
    pub(crate) pods: u32,
    pub(crate) seconds: f64,
    /// Seconds of the fleet's CPU time beyond what it takes at rest.
    pub(crate) cpu: f64,
    /// Bytes at the end.
    pub(crate) rss: u64,
    pub(crate) sent: Sent,
}

impl Result {
    /// Seconds of the fleet's CPU time until all nodes were ready, without the heartbeats of those that already were: as the nodes
    /// come one after another, half of what all of them take in that time.
    fn registering(&self) -> f64 {
        let heartbeats = self.rest.cpu / self.rest.seconds * self.registration.seconds / 2.0;
        self.registration.cpu - heartbeats
    }
}

/// A line of the table: medians of several runs.
pub(crate) struct Row(Vec<String>);

const HEADINGS: [&str; 11] = [
    "preset",
    "nodes",
    "ready in s",
    "nodes/s per core",
    "core at rest",
    "core per 1000",
    "RSS MB",
    "RSS kB per node",
    "lease late p99 ms",
    "pods/s",
    "CPU ms per pod",
];

/// The medians of the runs of one line.
pub(crate) fn median(results: &[Result]) -> Row {
    let Some(Result { preset, nodes, .. }) = results.first() else { return Row(Vec::new()) };
    let many = f64::from(*nodes);
    let of = |value: &dyn Fn(&Result) -> f64| {
        let values: Vec<f64> = results.iter().map(value).collect();
        statistics::median(&values).unwrap_or_default()
    };
    let cores = of(&|it| it.rest.cpu / it.rest.seconds);
    let megabytes = of(&|it| megabytes(it.rest.rss));
    let pods = |value: &dyn Fn(&PodLives) -> f64, digits: usize| {
        if results.iter().all(|it| it.pods.is_some()) {
            format!("{:.digits$}", of(&|it| it.pods.as_ref().map_or(0.0, value)))
        } else {
            String::new()
        }
    };
    Row(vec![
        preset.clone(),
        nodes.to_string(),
        format!("{:.1}", of(&|it| it.registration.seconds)),
        format!("{:.0}", of(&|it| many / it.registering())),
        format!("{cores:.4}"),
        format!("{:.4}", cores / many * 1e3),
        format!("{megabytes:.1}"),
        format!("{:.1}", megabytes * 1e3 / many),
        format!("{:.1}", of(&|it| it.rest.sent.lease_late_p99_ms)),
        pods(&|it| f64::from(it.pods) / it.seconds, 0),
        pods(&|it| it.cpu / f64::from(it.pods) * 1e3, 2),
    ])
}

#[expect(clippy::cast_precision_loss, reason = "memory of a process is far below 2^52")]
pub(crate) fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

pub(crate) fn table(rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(HEADINGS);
    table.add_rows(rows.iter().map(|row| row.0.clone()));
    table.to_string()
}
