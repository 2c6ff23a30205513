//! What a fleet costs: nodes registered per second, nodes at rest, pods through their whole life, against null-apiserver in a
//! process of its own.
//!
//! `cargo bench -p benches --bench fleet -- --help`. The fleet runs in another process by itself, so that what is measured is
//! the fleet and nothing else; with `--pairs` there are several of each, on addresses of their own.

mod child;
mod churn;
mod client;
mod pods;
mod result;
mod serve;
mod soak;
mod trial;

use std::{process::ExitCode, time::Duration};

use anyhow::{Context, bail, ensure};
use clap::{Args, Parser, Subcommand};
use fake_kubelet::Preset;
use scrape::Host;

use self::{client::Plan, trial::Trial};

/// The one that `loadgen` and `fake-kubelet` have.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser, Debug)]
#[command(
    name = "fleet",
    about = "What a fleet costs, against null-apiserver",
    args_conflicts_with_subcommands = true
)]
struct Cli {
    #[command(subcommand)]
    part: Option<Part>,
    #[command(flatten)]
    measure: Measure,
}

/// What this program is when it starts itself.
#[derive(Subcommand, Debug)]
#[command(hide = true)]
enum Part {
    /// The server.
    Serve(serve::Args),
    /// The fleet.
    Client,
}

#[derive(Args, Debug)]
struct Measure {
    /// Nodes of all fleets together. May be repeated: one line of the table for each.
    #[arg(long, default_value = "1000")]
    nodes: Vec<u32>,
    /// What the nodes send: kubelet, kubelet-only or kwok. May be repeated.
    #[arg(long, default_value = "kubelet-only")]
    preset: Vec<Preset>,
    /// Nodes started per second; as fast as they go unless given.
    #[arg(long, default_value_t = 100_000.0, hide_default_value = true)]
    start_rate: f64,
    /// From the last node being ready until measuring begins, in seconds. From 600 on all watches have been renewed once.
    #[arg(long, default_value_t = 15, value_name = "SECONDS")]
    settle: u64,
    /// How long the nodes are measured at rest, in seconds.
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    rest: u64,
    /// Pods that are then taken through their whole life; 0 for none.
    #[arg(long, default_value_t = 0)]
    pods: u32,
    /// Pods at a time.
    #[arg(long, default_value_t = 200)]
    at_once: u32,
    /// Minutes of pods that come and go, with a look every 15 s at what the fleet holds; 0 for none. Instead of everything else.
    #[arg(long, default_value_t = 0, value_name = "MINUTES")]
    soak: u64,
    /// Pods per second that come, and go after 30 s, during a soak.
    #[arg(long, default_value_t = 10.0, value_name = "PER_SECOND")]
    churn: f64,
    /// How often all of it is repeated; the table has medians.
    #[arg(long, default_value_t = 1)]
    runs: u32,
    /// Servers, each with a fleet: beyond 19,000 sockets one process has no more descriptors.
    #[arg(long, default_value_t = 1)]
    pairs: u8,
    /// Threads of each fleet.
    #[arg(long, default_value_t = 1)]
    shards: u32,
    /// Print one JSON object per run as well.
    #[arg(long)]
    json: bool,
    /// What `cargo bench` passes and `cargo test` does not.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Measure {
    fn trial(&self, preset: Preset, nodes: u32) -> Trial {
        Trial {
            plan: Plan {
                preset: preset.to_string(),
                nodes,
                start_rate: self.start_rate,
                shards: self.shards,
            },
            pairs: self.pairs,
            settle: Duration::from_secs(self.settle),
            rest: Duration::from_secs(self.rest),
            pods: self.pods,
            at_once: self.at_once,
        }
    }
}

/// A run that shows within seconds that everything here works, and measures nothing.
fn test() -> anyhow::Result<()> {
    for preset in ["kubelet", "kubelet-only", "kwok"] {
        let plan = Plan { preset: preset.to_owned(), nodes: 12, start_rate: 1000.0, shards: 1 };
        let (settle, rest) = (Duration::ZERO, Duration::from_secs(1));
        let result = trial::run(&Trial { plan, pairs: 2, settle, rest, pods: 24, at_once: 6 })?;
        let pods = result.pods.context("pods were not measured")?;
        ensure!(pods.sent.errors == 0, "{preset}: {:?}", pods.sent);
        ensure!(pods.sent.requests.contains_key("patch pods/status"), "{preset}: {:?}", pods.sent);
        say(&format!("{preset}: {} pods ran on 12 nodes of two fleets, and are gone", pods.pods));
    }
    Ok(())
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    wire::install_crypto_provider();
    match cli.part {
        Some(Part::Serve(args)) => serve::serve(&args),
        Some(Part::Client) => client::run(),
        None if cli.measure.bench && cli.measure.soak > 0 => soak(&cli.measure),
        None if cli.measure.bench => measure(&cli.measure),
        None => test(),
    }
}

fn measure(args: &Measure) -> anyhow::Result<()> {
    fake_kubelet::raise_descriptor_limit().context("cannot raise the descriptor limit")?;
    let mut rows = Vec::new();
    for preset in &args.preset {
        for nodes in &args.nodes {
            let mut results = Vec::new();
            for run in 1..=args.runs {
                say(&format!("{preset}, {nodes} nodes, run {run} of {}", args.runs));
                let result = trial::run(&args.trial(*preset, *nodes))?;
                if args.json {
                    say(&serde_json::to_string(&result)?);
                }
                results.push(result);
            }
            rows.push(result::median(&results));
        }
    }
    say(&made_by());
    say(&result::table(&rows));
    Ok(())
}

fn soak(args: &Measure) -> anyhow::Result<()> {
    let (length, [nodes], [preset]) = (Duration::from_mins(args.soak), &*args.nodes, &*args.preset) else {
        bail!("a soak is of one preset and one number of nodes");
    };
    let soak = soak::run(&args.trial(*preset, *nodes), length, args.churn)?;
    say(&made_by());
    say(&soak.page()?);
    Ok(())
}

/// The command, the day and the machine.
fn made_by() -> String {
    let host = Host::read();
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    format!(
        "\n`cargo bench -p benches --bench fleet -- {}` on {}, fake-kubelet {}: {} CPUs, {:.0} GiB, {}\n",
        words.join(" "),
        jiff::Timestamp::now().strftime("%Y-%m-%d"),
        env!("CARGO_PKG_VERSION"),
        host.cpus,
        gibibytes(host.memory_bytes.unwrap_or_default()),
        host.kernel,
    )
}

#[expect(clippy::cast_precision_loss, reason = "memory of a machine is far below 2^52")]
fn gibibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 30)
}

#[expect(clippy::print_stdout, reason = "the result of a benchmark")]
fn say(text: &str) {
    println!("{text}");
}
