//! `cargo xtask prometheus`: does a real Prometheus see what the dashboards draw, and the same of a record afterwards?
//!
//! A control plane with two hundred nodes and a little of every load is run and scraped as `dashboards/prometheus.yml` says. Then every
//! query of every dashboard is asked over the time that it was measured: none may be an error, and none may be empty. `promtool` judges
//! what `/metrics` says, which must be of a bounded number of series. The record is exported as OpenMetrics and put into a second
//! Prometheus by `promtool tsdb create-blocks-from openmetrics`, which is asked the same; by what rule the answers must agree is said in
//! `agree.rs`.

mod agree;
mod http;
mod load;
mod panels;
mod programs;
mod server;

use std::{
    ffi::OsString,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};
use clap::Args as ClapArgs;
use report::export;

use self::{
    agree::Agreement,
    load::{Plan, Ran},
    panels::Asked,
    server::{Series, Span},
};
pub(crate) use self::{
    http::free_address,
    programs::Programs,
    server::{Prometheus, storage},
};
use crate::{binaries, command, until_stopped};

/// Series that `/metrics` may have: it depends on the kinds of requests and loads that there are, of which this scenario has most.
const MOST_SERIES: usize = 6000;
/// The address in the configuration that comes with the dashboards.
const ADDRESS: &str = "127.0.0.1:9095";

#[derive(ClapArgs, Clone, Debug)]
pub(crate) struct Args {
    /// How many nodes.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    nodes: u32,
    /// How long is measured, seconds.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(30..))]
    seconds: u32,
    /// Keep the record, what was exported and what both servers stored in this folder.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

impl Args {
    /// What CI runs.
    pub(crate) fn short() -> Self {
        Self { nodes: 200, seconds: 60, keep: None }
    }
}

/// A query, and what the live server said to that of it which is compared.
struct Answer {
    asked: Asked,
    live: Vec<Series>,
}

/// Runs, asks, exports, asks again, and fails on whatever is not as it ought to be.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let programs = Programs::find()?;
    let shim = binaries::shim()?;
    let loadgen = command::build("loadgen", true)?;
    let temporary = tempfile::TempDir::new().context("cannot make a folder")?;
    let folder = args.keep.as_deref().unwrap_or(temporary.path());
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    until_stopped::run(prove(args, &programs, &shim, &loadgen, folder))
}

async fn prove(
    args: &Args,
    programs: &Programs,
    shim: &OsString,
    loadgen: &Path,
    folder: &Path,
) -> anyhow::Result<()> {
    let metrics = free_address().await?;
    let mut live = Prometheus::start(programs, shim, folder, "live", &configuration(metrics)?, &[]).await?;
    say(&format!("{} nodes, measured for {} s and some for start and end", args.nodes, args.seconds));
    let plan = Plan { loadgen, shim, metrics, folder, nodes: args.nodes, seconds: args.seconds };
    let ran = load::run(&plan, &mut live).await?;
    let span = ran.span()?;
    metrics_are_well(programs, &ran, folder)?;
    let answers = ask(&live, span).await?;
    live.stop().await?;

    let mut kept = backfilled(programs, shim, loadgen, &ran, folder).await?;
    let agreements = ask_again(&kept, &answers, span).await?;
    kept.stop().await?;
    say(&table(&answers, &agreements));
    let apart: Vec<String> = answers
        .iter()
        .zip(&agreements)
        .filter(|(_, agreement)| !agreement.agrees())
        .map(|(answer, _)| answer.asked.name())
        .collect();
    ensure!(
        apart.is_empty(),
        "what was kept says something else than what was scraped:\n  {}",
        apart.join("\n  ")
    );
    say(&format!("{} queries see the same of the run and of its record", answers.len()));
    Ok(())
}

/// The configuration that comes with the dashboards, for a run at this address.
pub(crate) fn configuration(metrics: SocketAddr) -> anyhow::Result<String> {
    let path = command::root().join("dashboards/prometheus.yml");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    ensure!(text.contains(ADDRESS), "{} does not scrape {ADDRESS}", path.display());
    Ok(text.replace(ADDRESS, &metrics.to_string()))
}

/// promtool has nothing to say against `/metrics`, and there are not too many series.
fn metrics_are_well(programs: &Programs, ran: &Ran, folder: &Path) -> anyhow::Result<()> {
    let file = folder.join("metrics.txt");
    fs::write(&file, &ran.exposition).with_context(|| format!("cannot write {}", file.display()))?;
    programs.promtool(&["check", "metrics"], Some(&file))?;
    let most = ran.series.iter().max().copied().unwrap_or_default();
    let first = ran.series.first().copied().unwrap_or_default();
    say(&format!("promtool is content with /metrics: {first} series at first, {most} at most"));
    ensure!(most <= MOST_SERIES, "/metrics had {most} series, more than {MOST_SERIES}");
    Ok(())
}

/// Asks everything, and fails on errors and on what is empty without an excuse.
async fn ask(live: &Prometheus, span: Span) -> anyhow::Result<Vec<Answer>> {
    let (mut answers, mut wrong) = (Vec::new(), Vec::new());
    for asked in panels::all(span) {
        match asked.of(live, span).await {
            Err(error) => wrong.push(format!("{}\n    {error:#}", asked.name())),
            Ok(series) => {
                match (panels::is_empty(&series), asked.excuse()) {
                    (true, None) => wrong.push(format!("{}\n    is empty", asked.name())),
                    (true, Some(why)) => say(&format!("empty: {}: {why}", asked.name())),
                    (false, _) => {}
                }
                let live = asked.compared(live, span).await.with_context(|| asked.name())?;
                answers.push(Answer { asked, live });
            }
        }
    }
    ensure!(wrong.is_empty(), "{} queries show nothing:\n  {}", wrong.len(), wrong.join("\n  "));
    say(&format!("{} queries of the dashboards show something", answers.len()));
    Ok(answers)
}

/// A Prometheus that was not there, with what the record kept.
async fn backfilled(
    programs: &Programs,
    shim: &OsString,
    loadgen: &Path,
    ran: &Ran,
    folder: &Path,
) -> anyhow::Result<Prometheus> {
    let file = folder.join("openmetrics.txt");
    let mut export = Command::new(loadgen);
    export.arg("export").arg(&ran.folder).args(["--as", "openmetrics", "--out"]).arg(&file);
    command::check(export)?;
    let data = storage(folder, "kept");
    let [file, data] = [&file, &data].map(|path| path.to_string_lossy().into_owned());
    programs.promtool(&["tsdb", "create-blocks-from", "openmetrics", &file, &data], None)?;
    let lookback = format!("--query.lookback-delta={}", export::LOOKBACK);
    Prometheus::start(programs, shim, folder, "kept", "scrape_configs: []\n", &[lookback]).await
}

/// Asks another server the same.
async fn ask_again(kept: &Prometheus, answers: &[Answer], span: Span) -> anyhow::Result<Vec<Agreement>> {
    let mut agreements = Vec::new();
    for Answer { asked, live } in answers {
        let series = asked.compared(kept, span).await.with_context(|| asked.name())?;
        agreements.push(asked.compare(live, &series, span));
    }
    Ok(agreements)
}

/// What was compared, a line for each query.
fn table(answers: &[Answer], agreements: &[Agreement]) -> String {
    let mut lines = vec!["dashboard | panel | legend | series | points | differ | only in one | ".to_owned()];
    lines.extend(answers.iter().zip(agreements).map(|(Answer { asked, .. }, agreement)| {
        let Agreement { series, points, differ, lacking } = agreement;
        let verdict = if agreement.agrees() { "" } else { "does not agree" };
        let (panel, legend) = (&asked.query.panel, &asked.query.legend);
        format!(
            "{} | {panel} | {legend} | {series} | {points} | {differ} | {lacking} | {verdict}",
            asked.dashboard
        )
    }));
    lines.join("\n")
}

#[expect(clippy::print_stdout, reason = "what a person who waits wants to know")]
fn say(text: &str) {
    println!("{text}");
}
