//! `cargo xtask fidelity`: does a fake node send what a kubelet sends?
//!
//! Fake nodes play a script on a real control plane, and what they sent, taken from its audit log, is compared with two
//! oracles: a recording of a real kubelet that the same was done to, and kubemark's hollow nodes, a kubelet's own code,
//! beside them. What differs must be explained by the table of exceptions.

use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use clap::Args as ClapArgs;

use self::{
    exceptions::Oracle,
    judge::{Verdict, judge},
    play::{Plan, Played},
    script::Script,
};
use crate::generated::{self, File};

mod compare;
mod exceptions;
mod items;
mod judge;
mod names;
mod normal;
mod oracle;
mod play;
mod recording;
mod report;
mod script;
mod target;

/// The real kubelet.
const RECORDED: &str = "kubelet-v1.36.3";

#[derive(ClapArgs, Clone, Debug, Default)]
pub(crate) struct Args {
    /// Leave the quiet minutes out: four minutes instead of fourteen; writes no page.
    #[arg(long)]
    short: bool,
    /// Play these steps only, separated by commas; writes no page.
    #[arg(long, value_delimiter = ',', value_name = "STEP")]
    steps: Vec<String>,
    /// Keep the recordings, and what the nodes printed, in this folder.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Compare the recordings in this folder instead of playing.
    #[arg(long, value_name = "DIR", conflicts_with = "keep")]
    from: Option<PathBuf>,
    /// How many fake nodes.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    fakes: u32,
    /// How many hollow nodes; none leaves that comparison out.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=20))]
    hollows: u32,
}

impl Args {
    /// What CI runs.
    pub(crate) fn short() -> Self {
        Self { short: true, fakes: 3, hollows: 3, ..Self::default() }
    }
}

/// Plays, compares, and fails on what is not explained.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let table = exceptions::load()?;
    let mut script = Script::load()?;
    script.only(&args.steps)?;
    let recorded = oracle::read(RECORDED)?;
    let played = if let Some(folder) = &args.from {
        play::kept(folder)?
    } else {
        let (timed, end) = if args.short { script.short() } else { script.full(&recorded.about.phases)? };
        let played = play::play(&Plan {
            timed,
            end,
            fakes: args.fakes,
            hollows: args.hollows,
            keep: args.keep.clone(),
        })?;
        if let Some(folder) = &args.keep {
            play::keep(&played, folder)?;
        }
        played
    };
    ensure!(!played.fakes.is_empty(), "there is no recording of a fake node");
    let wanted = |step: &str| script.step.iter().any(|known| known.name == step);
    let live = |step: &str| wanted(step) && script.is_live(step);
    let mut verdicts = vec![judge(Oracle::Recorded, &[recorded], &played.fakes, &table, wanted)];
    if !played.hollows.is_empty() {
        verdicts.push(judge(Oracle::Live, &played.hollows, &played.fakes, &table, live));
    }
    for verdict in &verdicts {
        say(&report::summary(verdict));
    }
    if !args.short && args.steps.is_empty() {
        write(args, &played, &verdicts)?;
    }
    let unexplained: usize = verdicts.iter().map(|verdict| verdict.unexplained.len()).sum();
    if unexplained > 0 {
        bail!(
            "a fake node differs from a kubelet in {unexplained} ways that xtask/fidelity/exceptions.toml does not explain"
        );
    }
    Ok(())
}

fn write(args: &Args, played: &Played, verdicts: &[Verdict]) -> anyhow::Result<()> {
    let versions = profile::load("defaults").context("the profile that the control plane had")?.versions;
    let head = report::Head {
        command: if args.from.is_some() { "cargo xtask fidelity --from" } else { "cargo xtask fidelity" }
            .to_owned(),
        kubernetes: versions.kubernetes,
        etcd: versions.etcd,
        fakes: played.fakes.len(),
        hollows: played.hollows.len(),
    };
    generated::write(&[File { path: "docs/fidelity.md".into(), content: report::page(&head, verdicts) }])
}

#[expect(clippy::print_stdout, reason = "the answer")]
fn say(text: &str) {
    println!("{text}");
}
