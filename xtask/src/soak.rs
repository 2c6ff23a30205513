//! `cargo xtask soak`: does a fleet behave under a steady load for as long as watches and heartbeats need to show it?
//!
//! `loadgen run pod-churn` with an audit log, which is then judged: refusals that nothing explains, nodes that were taken for
//! dead, watches that are not renewed as chance would have it, and status reports that come together.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
};

use anyhow::{Context, ensure};
use clap::Args as ClapArgs;
use serde::Serialize;
use serde_json::Value;

use self::{errors::Refusals, renewals::Renewals, reports::Reports};
use crate::{binaries, command, generated, generated::File, machine::About, traffic::Traffic};

pub(crate) mod errors;
pub(crate) mod ready;
mod renewals;
mod reports;

#[derive(ClapArgs, Clone, Debug)]
pub(crate) struct Args {
    /// How many nodes.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    nodes: u32,
    /// Pods per second.
    #[arg(long, default_value_t = 20.0)]
    rate: f64,
    /// For how long the load is measured. Status reports need eight minutes, renewed watches ten.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..))]
    minutes: u32,
    /// Keep the record, with the audit log, in this folder.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Judge the record that was kept in this folder instead of running.
    #[arg(long, value_name = "DIR", conflicts_with = "keep")]
    from: Option<PathBuf>,
    /// With a debug build, to try it out; writes no evidence.
    #[arg(long)]
    debug: bool,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
struct Verdict {
    about: About,
    nodes: u64,
    /// From the first request until the nodes were ended.
    seconds: f64,
    requests: usize,
    pods: Value,
    /// What `loadgen` says of its own figures.
    warnings: Vec<String>,
    refusals: Vec<Refusals>,
    written_off: Vec<String>,
    /// The longest that any node's lease was not renewed.
    lease_gap_max: f64,
    renewals: Vec<Renewals>,
    reports: Option<Reports>,
    /// What fails the run.
    failures: Vec<String>,
}

/// Runs, judges, and fails on what is not explained.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let temporary = tempfile::TempDir::new().context("cannot make a folder")?;
    let folder = args.from.as_deref().or(args.keep.as_deref()).unwrap_or(temporary.path());
    if args.from.is_none() {
        load(args, folder)?;
    }
    let record = record_in(folder)?;
    let text = fs::read_to_string(record.join("run.json")).context("the run left no record")?;
    let run: Value = serde_json::from_str(&text)?;
    say("reading the audit log");
    let traffic = Traffic::read(&record.join("logs/audit.log"))?;
    let verdict = judge(About::here()?, &run, &traffic);
    let page = page(&verdict);
    if args.debug {
        say(&page);
    } else {
        let json = serde_json::to_string_pretty(&verdict)? + "\n";
        generated::write(&[
            File { path: "docs/evidence/soak/summary.md".into(), content: page },
            File { path: "docs/evidence/soak/summary.json".into(), content: json },
        ])?;
        say("written: docs/evidence/soak/summary.md");
    }
    ensure!(verdict.failures.is_empty(), "the fleet does not behave:\n  {}", verdict.failures.join("\n  "));
    Ok(())
}

fn load(args: &Args, folder: &Path) -> anyhow::Result<()> {
    let shim = binaries::shim()?;
    let program = command::build("loadgen", args.debug)?;
    say(&format!(
        "{} nodes, {} pods/s, {} minutes and some for start and end",
        args.nodes, args.rate, args.minutes
    ));
    // Through the shim, so that it dies with us, and its control plane with it.
    let mut command = Command::new(shim);
    command.arg(process::id().to_string()).arg(program).args(["run", "pod-churn", "--audit", "--json"]);
    command.args(["--nodes", &args.nodes.to_string(), "--rate", &format!("{}/s", args.rate)]);
    command.args(["--duration", &format!("{}m", args.minutes), "--out"]).arg(folder);
    let status = command.stdout(Stdio::null()).status().context("cannot start loadgen")?;
    // 4: the machine was too busy for its figures. The nodes are judged all the same.
    ensure!(matches!(status.code(), Some(0 | 4)), "loadgen ended with {status}");
    Ok(())
}

/// The newest record of a folder.
fn record_in(folder: &Path) -> anyhow::Result<PathBuf> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let records =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.join("run.json").is_file());
    let newest = records.max_by_key(|path| path.metadata().and_then(|about| about.modified()).ok());
    newest.with_context(|| format!("there is no record in {}", folder.display()))
}

fn judge(about: About, run: &Value, traffic: &Traffic) -> Verdict {
    let (requests, end) = (&traffic.requests, traffic.end());
    let refusals = errors::refusals(requests, |request| request.at < end);
    let written_off = ready::written_off(requests);
    let renewals = renewals::renewals(requests, end);
    let reports = reports::reports(requests, end);
    let warnings = run["warnings"].as_array().into_iter().flatten();
    let warnings = warnings.filter_map(|warning| warning["name"].as_str()).map(str::to_owned).collect();
    let mut failures = written_off.clone();
    failures.extend(refusals.iter().filter(|it| it.because.is_none()).map(|it| {
        format!(
            "{} times {} to {} {} of a {}: {}",
            it.count, it.code, it.verb, it.resource, it.who, it.example
        )
    }));
    failures.extend(renewals.iter().filter(|it| !it.is_chance()).map(|it| {
        let Renewals { who, resource, expected, deviation, seen, .. } = it;
        format!(
            "watches of {resource} by a {who} were renewed {seen} times, not {expected:.0} ± {deviation:.0}"
        )
    }));
    if let Some(reports) = reports.as_ref().filter(|it| !it.is_chance()) {
        let Reports { distance, critical, missing, .. } = reports;
        failures.push(format!(
            "status reports: distance {distance:.3} (critical {critical:.3}), {missing} missing"
        ));
    }
    Verdict {
        about,
        nodes: run["fleet"]["nodes"].as_u64().unwrap_or_default(),
        seconds: end,
        requests: requests.len(),
        pods: run["pods"].clone(),
        warnings,
        refusals,
        lease_gap_max: ready::lease_gaps(requests, 0.0, end).last().copied().unwrap_or_default(),
        written_off,
        renewals,
        reports,
        failures,
    }
}

fn page(verdict: &Verdict) -> String {
    let Verdict { about, nodes, seconds, requests, pods, warnings, .. } = verdict;
    let outcome =
        if verdict.failures.is_empty() { "The fleet behaves." } else { "**The fleet does not behave.**" };
    let mut text = format!(
        "# Soak\n\n{outcome} {nodes} nodes under pod churn for {seconds:.0} s, {requests} lines of audit log.\n\n{}\nPods: {pods}. Warnings of \
         the run: {}.\n",
        about.paragraph(),
        if warnings.is_empty() { "none".to_owned() } else { warnings.join(", ") },
    );
    let mut list = |title: &str, lines: &[String]| {
        if !lines.is_empty() {
            let _ = write!(text, "\n{title}:\n\n- {}\n", lines.join("\n- "));
        }
    };
    list("What fails the run", &verdict.failures);
    text += "\n## Nodes\n\n";
    let _ = writeln!(
        text,
        "Taken for dead by the node lifecycle controller: {}. The longest time without a renewed lease: {:.1} s (a lease lasts 40 s).",
        verdict.written_off.len(),
        verdict.lease_gap_max
    );
    text += "\n## Refusals of nodes and drivers\n\n| who | request | code | times | because |\n|---|---|---:|---:|---|\n";
    for Refusals { who, verb, resource, code, count, because, .. } in &verdict.refusals {
        let because = because.unwrap_or("**not explained**");
        let _ = writeln!(text, "| {who} | {verb} {resource} | {code} | {count} | {because} |");
    }
    text += "\n## Watches renewed at their time-outs\n\nUniform in [300, 600) s, for Secrets and ConfigMaps in [1800, 3600) s; within four \
             standard deviations.\n\n| who | resource | watches | expected | seen | |\n|---|---|---:|---:|---:|---|\n";
    for class in &verdict.renewals {
        let Renewals { who, resource, streams, expected, deviation, seen } = class;
        let outcome = if class.is_chance() { "" } else { "**not chance**" };
        let _ = writeln!(
            text,
            "| {who} | {resource} | {streams} | {expected:.1} ± {deviation:.1} | {seen} | {outcome} |"
        );
    }
    text += "\n## First status report after the start\n\n";
    text += &verdict.reports.as_ref().map_or_else(
        || "Too short a run, or too few nodes, to say anything.\n".to_owned(),
        |Reports { nodes, missing, earliest, median, latest, distance, critical }| {
            format!(
                "{nodes} nodes reported after {earliest:.0} s to {latest:.0} s, median {median:.0} s; {missing} did not. Kolmogorov-Smirnov \
                 distance from uniform in [150, 450) s and the rest until the next look: {distance:.4}, critical {critical:.4} (0.1 %).\n"
            )
        },
    );
    text
}

#[expect(clippy::print_stdout, reason = "what a person who waits wants to know")]
fn say(text: &str) {
    println!("{text}");
}
