//! `cargo xtask peers`: what does a fleet cost beside those that people have?
//!
//! KWOK, from its own Go module with the stages of that module, and this project's fleet get the same work, turn and turn about,
//! each turn on a control plane of its own from one profile: nodes until they are Ready, a while at rest, pods until they run,
//! and until they are gone. Hollow nodes, a kubelet's own code, get a fiftieth of it.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, ensure};
use clap::{Args as ClapArgs, ValueEnum};
use serde::Serialize;

use self::turn::{Plan, Turn};
use crate::{command, generated, generated::File, machine::About, until_stopped};

mod page;
mod subject;
mod turn;
mod view;
mod work;

#[derive(ClapArgs, Clone, Debug)]
pub(crate) struct Args {
    /// How many nodes; hollow nodes are a fiftieth.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(50..=5000))]
    nodes: u32,
    /// How many pods; for hollow nodes a tenth.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(10..))]
    pods: u32,
    /// How long the nodes are at rest, in seconds.
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    rest: u64,
    /// How often everybody has a turn.
    #[arg(long, default_value_t = 1)]
    rounds: u32,
    /// Only these. May be repeated; writes nothing.
    #[arg(long, value_name = "NAME")]
    only: Vec<Subject>,
    /// With a debug build, to try it out; writes nothing.
    #[arg(long)]
    debug: bool,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Subject {
    /// KWOK.
    Kwok,
    /// Our fleet, sending what KWOK sends.
    PresetKwok,
    /// Our fleet, as kubelets and kube-proxies.
    PresetKubelet,
    /// kubemark's hollow nodes.
    Hollow,
}

impl Subject {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kwok => "KWOK",
            Self::PresetKwok => "fake-kubelet --preset kwok",
            Self::PresetKubelet => "fake-kubelet --preset kubelet",
            Self::Hollow => "hollow nodes",
        }
    }
}

/// All of it.
#[derive(Clone, Debug, Serialize)]
struct Results {
    about: About,
    kwok: &'static str,
    turns: Vec<Turn>,
}

/// Lets everybody have their turns.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    wire::install_crypto_provider();
    let about = About::here()?;
    let subjects: Vec<Subject> = Subject::value_variants()
        .iter()
        .copied()
        .filter(|it| args.only.is_empty() || args.only.contains(it))
        .collect();
    // Before there is a control plane that a compiler would take the processors from.
    let programs = subject::Programs::find(&subjects, args.debug)?;
    let mut turns = Vec::new();
    for round in 1..=args.rounds {
        for subject in &subjects {
            let is_hollow = *subject == Subject::Hollow;
            let plan = Plan {
                subject: *subject,
                nodes: if is_hollow { args.nodes / 50 } else { args.nodes },
                pods: if is_hollow { args.pods / 10 } else { args.pods },
                rest: Duration::from_secs(args.rest),
            };
            say(&format!("=== round {round} of {}: {}", args.rounds, subject.name()));
            let turn = until_stopped::run(turn::play(&plan, &programs))
                .with_context(|| format!("the turn of {}", subject.name()))?;
            say(&page::line(&turn));
            turns.push(turn);
        }
    }
    ensure!(!turns.is_empty(), "nobody had a turn");
    let results = Results { about, kwok: subject::KWOK_VERSION, turns };
    let page = page::page(&results);
    say(&page);
    if !args.debug && args.only.is_empty() {
        write(&results, page)?;
    }
    Ok(())
}

fn write(results: &Results, page: String) -> anyhow::Result<()> {
    let date = results.about.date.split(' ').next().unwrap_or_default();
    let folder = PathBuf::from(format!("benches/runs/{date}-{}-cpus", results.about.cpus));
    let json = serde_json::to_string_pretty(results)? + "\n";
    std::fs::create_dir_all(command::root().join(&folder)).context("cannot make a folder for the results")?;
    generated::write(&[
        File { path: folder.join("peers.md"), content: page },
        File { path: folder.join("peers.json"), content: json },
    ])?;
    say(&format!("written: {}", folder.join("peers.md").display()));
    Ok(())
}

#[expect(clippy::print_stdout, reason = "what a person who waits wants to know")]
fn say(text: &str) {
    println!("{text}");
}
