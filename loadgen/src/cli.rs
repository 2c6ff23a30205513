//! The command line.

mod advice;
mod dashboards;
mod export;
mod profile;
mod report;

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use fake_kubelet::Preset;
use measure::Rate;

pub(crate) use self::{
    advice::{AdviceCommand, AdviceTestArgs},
    dashboards::{DashboardsCommand, PushArgs},
    export::{ExportArgs, ExportForm},
    profile::{FormArg, ProfileCommand, RenderArgs},
    report::{Form, ReportArgs},
};
use crate::{experiment::wanted::Kind, metrics_server::MetricsArgs, saturate::Confirm};

/// Finds where a Kubernetes control plane saturates under each tuning profile.
///
/// A fleet of virtual nodes registers against a real kube-apiserver and etcd, drivers offer load at a chosen rate, and loadgen
/// measures how the control plane did: by itself on this machine, or against a cluster you have.
#[derive(Parser, Debug)]
#[command(name = "loadgen", version, infer_long_args = false)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Shows what this is: a control plane on this machine, 200 nodes, and a quick search for the pod churn it sustains. Under five
    /// minutes.
    Demo(DemoArgs),
    /// Holds a control plane open on this machine until Ctrl-C, and prints how to use it.
    Up(UpArgs),
    /// Runs one scenario at one load and says how the control plane did.
    Run(RunArgs),
    /// Finds the highest load of a scenario that a control plane sustains.
    ///
    /// A ramp of short steps finds where it breaks, steady probes close in on the highest load at which every criterion holds, and a
    /// hold confirms it; then it is overloaded to see how it recovers. About 25 minutes; --quick takes about four.
    Saturate(SaturateArgs),
    /// Says whether one profile is better than another, with an interval: helps, hurts, equivalent or inconclusive.
    ///
    /// Pairs of trials, one of each profile, in random order on fresh control planes. With --at both are offered one load and what
    /// it costs is compared; without it the highest load that each sustains. Two folders instead of a scenario compare runs that
    /// were kept before and after a change.
    Compare(CompareArgs),
    /// Says which rules of tuning advice there are, and tests them.
    #[command(subcommand)]
    Advice(AdviceCommand),
    /// Says which scenarios there are, and what is in them.
    #[command(subcommand)]
    Scenario(ScenarioCommand),
    /// Says which profiles there are, what is in them, and what they are for kubeadm and kind.
    #[command(subcommand)]
    Profile(ProfileCommand),
    /// Shows what records say: as one page that can be sent to anybody, or as a comment on a pull request.
    ///
    /// `run`, `saturate`, `compare` and `advice test` leave such a page in their record's folder when they end.
    Report(ReportArgs),
    /// Writes a record as other tools read it: for a Prometheus, for Perfdash, for a CI server, for a spreadsheet.
    Export(ExportArgs),
    /// Writes Grafana's dashboards as files, or puts them into a Grafana.
    #[command(subcommand)]
    Dashboards(DashboardsCommand),
    /// Says whether this machine, and this cluster, can carry a run.
    Doctor(DoctorArgs),
    /// Removes everything that runs have left behind. Doing it twice does no harm.
    Clean(CleanArgs),
}

/// How the control plane on this machine is made.
#[derive(Args, Debug, Clone)]
pub(crate) struct LocalArgs {
    /// A profile's name or file: which versions, which flags. Without it, `defaults`.
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) profile: Option<String>,
    /// Changes one setting of the profile, such as apiserver.flags.max-requests-inflight=800, topology.apiservers=2,
    /// storage.medium=tmpfs or kubelet.max-pods=250. May be repeated.
    #[arg(long, value_name = "PATH=VALUE")]
    pub(crate) set: Vec<String>,
    /// Writes an audit log at level Metadata, kept with the record's logs.
    #[arg(long)]
    pub(crate) audit: bool,
    /// Where etcd, kube-apiserver, kube-scheduler and kube-controller-manager are, instead of looking for them.
    #[arg(long, value_name = "DIR")]
    pub(crate) bin_dir: Option<PathBuf>,
}

impl LocalArgs {
    /// Whether the command line says anything about a control plane on this machine.
    pub(crate) fn is_given(&self) -> bool {
        self.profile.is_some() || !self.set.is_empty() || self.audit || self.bin_dir.is_some()
    }
}

/// How the fleet comes up.
#[derive(Args, Debug, Clone)]
pub(crate) struct FleetArgs {
    /// Nodes started per second.
    #[arg(long, default_value = "100/s", value_name = "RATE")]
    pub(crate) start_rate: Rate,
    /// What the nodes send: all that a kubelet and its kube-proxy do (kubelet), all that a kubelet does (kubelet-only), or what
    /// KWOK does (kwok). Without it what the scenario says.
    #[arg(long, value_name = "kubelet|kubelet-only|kwok")]
    pub(crate) preset: Option<Preset>,
}

/// A cluster that is already there.
#[derive(Args, Debug, Clone)]
pub(crate) struct ClusterArgs {
    /// Uses this cluster instead of a control plane on this machine.
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Which context of the kubeconfig.
    #[arg(long, requires = "kubeconfig")]
    pub(crate) context: Option<String>,
}

/// Which control plane: one on this machine, or a cluster that is already there.
#[derive(Args, Debug, Clone)]
pub(crate) struct TargetArgs {
    #[command(flatten)]
    pub(crate) local: LocalArgs,
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
    /// Certificate of the cluster's CA for client certificates, which signs the nodes' (with --kubeconfig; not for kwok).
    #[arg(long, value_name = "FILE", requires = "ca_key")]
    pub(crate) ca_cert: Option<PathBuf>,
    /// Key of that CA.
    #[arg(long, value_name = "FILE", requires = "ca_cert")]
    pub(crate) ca_key: Option<PathBuf>,
    /// Does not ask before it loads somebody's cluster.
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    #[command(flatten)]
    pub(crate) local: LocalArgs,
    /// How many nodes.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) nodes: u32,
    /// Where the search begins.
    #[arg(long, default_value = "10/s", value_name = "RATE")]
    pub(crate) from: String,
    #[command(flatten)]
    pub(crate) fleet: FleetArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Args, Debug)]
pub(crate) struct UpArgs {
    #[command(flatten)]
    pub(crate) local: LocalArgs,
    /// The apiserver's port; a free one if not given.
    #[arg(long)]
    pub(crate) port: Option<u16>,
    /// How many nodes the printed fake-kubelet line has.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) nodes: u32,
    #[command(flatten)]
    pub(crate) metrics: MetricsArgs,
}

/// Where results go and in which form.
#[derive(Args, Debug, Clone)]
pub(crate) struct OutputArgs {
    /// The folder in which the record's folder is made.
    #[arg(long, default_value = "loadgen-runs", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Prints the record as JSON instead of the table.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What whoever loads a control plane chooses, whatever for.
#[derive(Args, Debug, Clone)]
pub(crate) struct LoadArgs {
    /// How many nodes, instead of the scenario's.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) nodes: Option<u32>,
    /// Seed of every random choice.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) fleet: FleetArgs,
    #[command(flatten)]
    pub(crate) metrics: MetricsArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    /// A scenario's name or file.
    #[arg(value_name = "SCENARIO")]
    pub(crate) scenario: String,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Where the scenario's axis is put, instead of where its file does: a rate such as 20/s, or a number.
    #[arg(long, visible_alias = "rate", value_name = "VALUE")]
    pub(crate) at: Option<String>,
    /// How long is measured, such as 60s.
    #[arg(long, default_value = "40s", value_name = "TIME", value_parser = duration)]
    pub(crate) duration: Duration,
    #[command(flatten)]
    pub(crate) load: LoadArgs,
}

#[derive(Args, Debug)]
pub(crate) struct SaturateArgs {
    /// A scenario's name or file; it must have an axis.
    #[arg(value_name = "SCENARIO", required_unless_present = "resume")]
    pub(crate) scenario: Option<String>,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Where the ramp begins, such as 20/s, instead of where the scenario's file puts its axis.
    #[arg(long, value_name = "VALUE")]
    pub(crate) from: Option<String>,
    /// A wide bracket, short windows, no overload: about four minutes.
    #[arg(long, conflicts_with = "confirm")]
    pub(crate) quick: bool,
    /// The search is over when what holds and what breaks are within this factor: 1.05 unless said otherwise, 1.2 with --quick.
    #[arg(long, value_name = "FACTOR", value_parser = factor)]
    pub(crate) bracket: Option<f64>,
    /// How long the answer is held: three minutes; ten, which hold a compaction of etcd and the end of every watch; or not at all.
    #[arg(long, value_enum, default_value_t, value_name = "short|full|none")]
    pub(crate) confirm: Confirm,
    /// Goes on with a search that was interrupted, from its record.
    #[arg(long, value_name = "DIR", exclusive = true)]
    pub(crate) resume: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) load: LoadArgs,
}

/// What is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum DesignArg {
    /// The highest load that each sustains.
    #[default]
    Capacity,
    /// What one load costs each.
    FixedRate,
}

impl DesignArg {
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Capacity => Kind::Capacity,
            Self::FixedRate => Kind::FixedRate,
        }
    }
}

/// An experiment whose outcome is known beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ControlArg {
    /// A profile against itself: there must be no difference.
    Aa,
    /// Profiles that are known to be bad: each must be found to hurt.
    KnownBad,
}

/// What makes a comparison fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailIf {
    /// The second profile is worse.
    Hurts,
}

#[derive(Args, Debug)]
pub(crate) struct CompareArgs {
    /// A scenario's name or file; or two folders of kept runs, before and after a change.
    #[arg(value_name = "SCENARIO | DIR DIR", num_args = 0..=2, required_unless_present_any = ["resume", "control"])]
    pub(crate) what: Vec<String>,
    /// A profile's name or file. Twice: the baseline first, then the candidate. With --control known-bad which of them.
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) profile: Vec<String>,
    /// Changes one setting of both profiles, such as storage.medium=tmpfs. May be repeated.
    #[arg(long, value_name = "PATH=VALUE")]
    pub(crate) set: Vec<String>,
    /// Where etcd, kube-apiserver, kube-scheduler and kube-controller-manager are, instead of looking for them.
    #[arg(long, value_name = "DIR")]
    pub(crate) bin_dir: Option<PathBuf>,
    /// Offers both profiles this load and compares what it costs, instead of searching for what each sustains.
    #[arg(long, value_name = "VALUE", conflicts_with = "design")]
    pub(crate) at: Option<String>,
    /// What is compared where no load is given. A fixed rate is then four fifths of what the weaker one sustains, by a quick
    /// search of each.
    #[arg(long, value_enum, default_value_t, value_name = "capacity|fixed-rate")]
    pub(crate) design: DesignArg,
    /// Where the quick searches begin, instead of where the scenario's file puts its axis.
    #[arg(long, value_name = "VALUE", conflicts_with = "at")]
    pub(crate) from: Option<String>,
    /// How many pairs; 10 unless said otherwise, 6 at least.
    #[arg(long, conflicts_with = "until_decided")]
    pub(crate) pairs: Option<usize>,
    /// Looks after eight pairs and after every two more, and stops when it is decided. Needs a --budget.
    #[arg(long, requires = "budget")]
    pub(crate) until_decided: bool,
    /// How long it may take, such as 2h: the number of looks is fixed from it.
    #[arg(long, value_name = "TIME", requires = "until_decided", value_parser = duration)]
    pub(crate) budget: Option<Duration>,
    /// The one metric that decides: lambda of a capacity, cpu-per-operation of a fixed rate, or another.
    #[arg(long, value_name = "NAME")]
    pub(crate) metric: Option<String>,
    /// Ratios nearer to 1 than this share mean nothing to you; 0.03 unless said otherwise.
    #[arg(long, value_name = "SHARE")]
    pub(crate) band: Option<f64>,
    /// An experiment whose outcome is known, to see whether this machine and this program find it.
    #[arg(long, value_enum, value_name = "aa|known-bad")]
    pub(crate) control: Option<ControlArg>,
    /// Exits with 3 when the candidate hurts.
    #[arg(long, value_enum, value_name = "hurts")]
    pub(crate) fail_if: Option<FailIf>,
    /// Goes on with an experiment that was interrupted, from its record.
    #[arg(long, value_name = "DIR", exclusive = true)]
    pub(crate) resume: Option<PathBuf>,
    /// How long is measured in each trial at a fixed rate.
    #[arg(long, default_value = "40s", value_name = "TIME", value_parser = duration)]
    pub(crate) duration: Duration,
    #[command(flatten)]
    pub(crate) load: LoadArgs,
}

#[derive(Subcommand, Debug)]
pub(crate) enum ScenarioCommand {
    /// Lists the scenarios that come with the program: what each turns up, on how many nodes, and what it is.
    List,
    /// Prints a scenario's file as it is, to read or to make another from.
    Show {
        /// A scenario's name or file.
        #[arg(value_name = "SCENARIO")]
        scenario: String,
    },
    /// Reads a file and says what it would do, without doing it. Exits with 2 where it cannot be done.
    Check {
        /// A scenario's file or name.
        #[arg(value_name = "FILE")]
        file: String,
    },
}

#[derive(Args, Debug)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) local: LocalArgs,
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
    /// The number of nodes to judge for.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) nodes: u32,
    /// What they send: a kube-proxy takes a connection of its own.
    #[arg(long, default_value_t, value_name = "kubelet|kubelet-only|kwok")]
    pub(crate) preset: Preset,
}

#[derive(Args, Debug)]
pub(crate) struct CleanArgs {
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
    /// Only what this run left; otherwise what any did.
    #[arg(long, value_name = "ID")]
    pub(crate) run: Option<String>,
    /// Does not ask before it removes objects from somebody's cluster.
    #[arg(long)]
    pub(crate) yes: bool,
}

/// A time such as `60s`, `2m` or `1500ms`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a time such as 60s, 2m or 1500ms");
    let span: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
    match Duration::try_from(span) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err(wrong()),
    }
}

/// A factor above 1.
fn factor(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(factor) if factor > 1.0 && f64::is_finite(factor) => Ok(factor),
        _ => Err(format!("`{text}` is not a factor above 1 such as 1.05")),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        assert_eq!(duration("60s"), Ok(Duration::from_mins(1)));
        assert_eq!(duration("2m"), Ok(Duration::from_mins(2)));
        assert_eq!(duration("1500ms"), Ok(Duration::from_millis(1500)));
        assert!(duration("0s").is_err() && duration("-1s").is_err() && duration("soon").is_err());
    }

    #[test]
    fn a_bracket_has_two_ends() {
        assert_eq!(factor("1.05"), Ok(1.05));
        assert!(["1", "0.9", "inf", "NaN", "5%"].into_iter().all(|text| factor(text).is_err()));
    }

    #[test]
    fn an_unknown_flag_gets_the_nearest_one() {
        let error = Cli::try_parse_from(["loadgen", "run", "pod-churn", "--node", "5"]).unwrap_err();
        assert!(error.to_string().contains("--nodes"), "{error}");
    }
}
