//! The command line of `loadgen advice`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};
use measure::Rate;

use super::{OutputArgs, duration};
use crate::metrics_server::MetricsArgs;

#[derive(Subcommand, Debug)]
pub(crate) enum AdviceCommand {
    /// Lists every rule: how it can be tested, by which scenario and profiles, and what came of it last.
    List(AdviceListArgs),
    /// Says what a rule says, what is expected of it and why, what would test it, and what came of that.
    Show(AdviceShowArgs),
    /// Tests a rule as `compare` compares: pairs of trials of a baseline and a candidate, which end in a verdict. Of a rule that no
    /// experiment can test it says why, and what can be measured instead.
    Test(AdviceTestArgs),
}

#[derive(Args, Debug)]
pub(crate) struct AdviceListArgs {
    /// The folder with the records of tests. Without it docs/evidence/advice, where that is there.
    #[arg(long, value_name = "DIR")]
    pub(crate) records: Option<PathBuf>,
    /// Prints it as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct AdviceShowArgs {
    /// The rule's id.
    #[arg(value_name = "RULE")]
    pub(crate) id: String,
    /// The folder with the records of tests. Without it docs/evidence/advice, where that is there.
    #[arg(long, value_name = "DIR")]
    pub(crate) records: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct AdviceTestArgs {
    /// The rule's id.
    #[arg(value_name = "RULE", required_unless_present = "resume")]
    pub(crate) id: Option<String>,
    /// Runs every arm once at the smallest size and looks whether its setting shows on the server's side. No verdict.
    #[arg(long)]
    pub(crate) smoke: bool,
    /// Tests every candidate, and not only the one that is measured first.
    #[arg(long, conflicts_with = "smoke")]
    pub(crate) all: bool,
    /// How many pairs of each; 10 unless said otherwise, 6 at least.
    #[arg(long, conflicts_with = "smoke")]
    pub(crate) pairs: Option<usize>,
    /// How long it may take, such as 2h: looks after eight pairs and after every two more, and stops when it is decided.
    #[arg(long, value_name = "TIME", conflicts_with_all = ["smoke", "pairs"], value_parser = duration)]
    pub(crate) budget: Option<Duration>,
    /// Seed of every random choice.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Nodes started per second.
    #[arg(long, default_value = "100/s", value_name = "RATE")]
    pub(crate) start_rate: Rate,
    /// Where etcd, kube-apiserver, kube-scheduler and kube-controller-manager are, instead of looking for them.
    #[arg(long, value_name = "DIR")]
    pub(crate) bin_dir: Option<PathBuf>,
    /// Goes on with a test that was interrupted, from its record.
    #[arg(long, value_name = "DIR", exclusive = true)]
    pub(crate) resume: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) metrics: MetricsArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}
