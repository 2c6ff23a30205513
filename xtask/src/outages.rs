//! `cargo xtask outages`: does a fleet live through what happens to control planes?
//!
//! A fleet with a Deployment that grows and shrinks beside it; a part of the control plane is taken away and comes back; the
//! audit log says whether nodes stayed Ready and whether they came back as one storm.

use std::{path::PathBuf, time::Duration};

use anyhow::ensure;
use clap::{Args as ClapArgs, ValueEnum};

use self::{judge::Verdict, play::Plan};
use crate::{command, generated, generated::File, machine::About};

mod fleet;
mod judge;
mod page;
mod play;
mod series;

#[derive(ClapArgs, Clone, Debug)]
pub(crate) struct Args {
    /// How many nodes.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=5000))]
    nodes: u32,
    /// Only this outage. May be repeated.
    #[arg(long, value_name = "NAME")]
    only: Vec<Outage>,
    /// How long is measured before an outage, in seconds.
    #[arg(long, default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(20..))]
    before: u64,
    /// How long is measured after it, in seconds.
    #[arg(long, default_value_t = 120, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(60..))]
    after: u64,
    /// Keep audit logs and what the nodes printed in this folder.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// With a debug build, to try it out; writes no evidence.
    #[arg(long)]
    debug: bool,
}

/// What happens to the control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Outage {
    /// The apiserver ends by SIGTERM and starts again.
    ApiserverRestart,
    /// The apiserver is killed and starts again 30 s later.
    ApiserverGone,
    /// etcd ends by SIGTERM and starts again.
    EtcdRestart,
    /// The apiserver ends; before it starts again etcd forgets every version but the last.
    VersionsExpire,
    /// Nothing ends, but of every hundred requests two end with the connection (`--goaway-chance=0.02`).
    Goaway,
}

impl Outage {
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// Plays each, and fails if the fleet did not live through one.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let about = About::here()?;
    let wanted: Vec<Outage> = Outage::value_variants()
        .iter()
        .copied()
        .filter(|it| args.only.is_empty() || args.only.contains(it))
        .collect();
    // Before there is a control plane that a compiler would take the processors from.
    let program = command::build("fake-kubelet", args.debug)?;
    let mut verdicts = Vec::new();
    for outage in wanted {
        say(&format!("=== {}", outage.name()));
        let played = play::play(&Plan {
            outage,
            nodes: args.nodes,
            before: Duration::from_secs(args.before),
            after: Duration::from_secs(args.after),
            keep: args.keep.as_ref().map(|folder| folder.join(outage.name())),
            program: program.clone(),
        })?;
        let verdict = judge::judge(outage, args.nodes, &played);
        say(&page::section(&verdict));
        if !args.debug {
            // At once, so that half an hour that is cut short is not lost.
            write(&about, &verdict)?;
        }
        verdicts.push(verdict);
    }
    let failures: Vec<String> = verdicts
        .iter()
        .flat_map(|it| it.failures.iter().map(|failure| [&*it.name, failure].join(": ")))
        .collect();
    ensure!(failures.is_empty(), "the fleet did not live through it:\n  {}", failures.join("\n  "));
    Ok(())
}

fn write(about: &About, verdict: &Verdict) -> anyhow::Result<()> {
    let folder = PathBuf::from("docs/evidence/outages");
    generated::write(&[
        File { path: folder.join(format!("{}.md", verdict.name)), content: page::page(about, verdict) },
        File { path: folder.join(format!("{}.csv", verdict.name)), content: verdict.series.csv() },
    ])
}

#[expect(clippy::print_stdout, reason = "what a person who waits wants to know")]
fn say(text: &str) {
    println!("{text}");
}
