//! The run that is looked at: `loadgen run`, scraped while it goes on.

use std::{
    ffi::OsString,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, ensure};
use measure::Phase;
use record::RunRecord;
use tokio::time::sleep;

use super::{
    http,
    server::{Prometheus, Span},
};
use crate::started::Started;

/// A little of everything that is drawn.
const SCENARIO: &str = "controls/every-panel";
/// From one look at `/metrics` to the next.
const LOOK: Duration = Duration::from_secs(2);
/// Rates have what they are made of so long after the load began.
const SETTLED: f64 = 30.0;

/// What a run left.
pub(crate) struct Ran {
    /// Its record.
    pub(crate) folder: PathBuf,
    pub(crate) record: RunRecord,
    /// What it said of itself while it was measured, the last time that it was asked.
    pub(crate) exposition: String,
    /// How many series it had, each time that it was asked.
    pub(crate) series: Vec<usize>,
}

/// What is run.
pub(crate) struct Plan<'a> {
    pub(crate) loadgen: &'a Path,
    pub(crate) shim: &'a OsString,
    /// Where it says what it does.
    pub(crate) metrics: SocketAddr,
    /// Where its record goes.
    pub(crate) folder: &'a Path,
    pub(crate) nodes: u32,
    /// How long it is measured.
    pub(crate) seconds: u32,
}

/// Runs it to its end.
pub(crate) async fn run(plan: &Plan<'_>, prometheus: &mut Prometheus) -> anyhow::Result<Ran> {
    let records = plan.folder.join("records");
    let words =
        ["run", SCENARIO, "--nodes", &plan.nodes.to_string(), "--duration", &format!("{}s", plan.seconds)]
            .map(OsString::from);
    let places =
        ["--metrics-addr".into(), plan.metrics.to_string().into(), "--out".into(), records.clone().into()];
    let args: Vec<OsString> = words.into_iter().chain(places).collect();
    let mut loadgen = Started::new("loadgen".to_owned(), plan.loadgen.to_owned(), args, plan.folder);
    loadgen.start(plan.folder, plan.shim)?;
    let (mut exposition, mut series) = (String::new(), Vec::new());
    let status = loop {
        if let Some(status) = loadgen.ended()? {
            break status;
        }
        prometheus.check()?;
        // It does not listen at once, and not any more when it ends.
        if let Ok((status, text)) = http::get(plan.metrics, "/metrics").await {
            ensure!(status.is_success(), "/metrics answers {status}: {text}");
            // Before the run begins and after its end there is nothing to say.
            if !text.is_empty() {
                series.push(text.lines().filter(|line| !line.starts_with('#')).count());
                exposition = text;
            }
        }
        sleep(LOOK).await;
    };
    // 3 and 4: a criterion was broken, or the machine was too busy for the figures. What is drawn of them is the same.
    ensure!(matches!(status.code(), Some(0 | 3 | 4)), "loadgen ended with {status}:\n{}", loadgen.said());
    ensure!(!series.is_empty(), "/metrics never answered:\n{}", loadgen.said());
    let entries = fs::read_dir(&records).with_context(|| format!("cannot list {}", records.display()))?;
    let folder =
        entries.filter_map(|entry| Some(entry.ok()?.path())).find(|path| path.join("run.json").is_file());
    let folder = folder.with_context(|| format!("there is no record in {}", records.display()))?;
    let record = record::read_run(&folder)?;
    Ok(Ran { folder, record, exposition, series })
}

impl Ran {
    /// From when there is something to be seen of the load until it is measured.
    pub(crate) fn span(&self) -> anyhow::Result<Span> {
        let of = |phase| {
            let mut phases = self.record.phases.iter();
            let found = phases.find(|it| it.phase == phase).context("the run was not measured")?;
            anyhow::Ok((seconds(found.start), found.seconds))
        };
        let ((warm, _), (measured, length)) = (of(Phase::WarmUp)?, of(Phase::Measure)?);
        // Whole seconds, so that the instants of two servers are the same to the last digit.
        let span = Span { from: (warm + SETTLED).ceil(), to: (measured + length).floor() };
        ensure!(span.from < span.to, "the run was over too soon: measured for {length:.0} s");
        Ok(span)
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far from 2^53")]
fn seconds(at: jiff::Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}
