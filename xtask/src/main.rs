//! What CI runs, and the generators of checked-in files.

mod advice_smoke;
mod binaries;
mod ci;
mod command;
mod dashboards;
mod evidence;
mod fidelity;
mod flags;
mod generated;
mod hollow;
mod known_capacity;
mod kubectl;
mod machine;
mod metrics;
mod outages;
mod pages;
mod peers;
mod prometheus;
mod rendered;
mod schema;
mod soak;
mod started;
mod tidy;
mod traffic;
mod until_stopped;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser, Debug)]
#[command(about = "What CI runs, and the generators of checked-in files")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand, Debug)]
enum Task {
    /// Everything CI checks, cheapest first; stops at the first failure.
    Ci,
    /// Finds or builds the control-plane binaries that the tests use.
    Binaries,
    /// Writes dashboards/*.json from the builder, or has Grafana's published types judge them.
    Dashboards(dashboards::Args),
    /// Compares what fake nodes send with what kubelets send; writes docs/fidelity.md.
    Fidelity(fidelity::Args),
    /// Writes crates/profile/flags from what the binaries say of themselves.
    Flags(flags::Args),
    /// Runs pod churn for a quarter of an hour and judges the audit log; writes docs/evidence/soak.
    Soak(soak::Args),
    /// Takes parts of a control plane away from a fleet and judges how it comes back; writes docs/evidence/outages.
    Outages(outages::Args),
    /// Searches servers whose capacity is known; writes docs/evidence/known-capacity.
    KnownCapacity(known_capacity::Args),
    /// Measures what is claimed of real control planes; writes docs/evidence.
    Evidence(evidence::Args),
    /// Runs every arm of every rule of advice once, at the smallest size; writes docs/evidence/advice-smoke.
    AdviceSmoke(advice_smoke::Args),
    /// Opens reports of kept records in a browser, and fails where one is wider than its window; takes pictures.
    Pages(pages::Args),
    /// Gives KWOK, hollow nodes and this project's fleet the same work on real control planes; writes benches/runs.
    Peers(peers::Args),
    /// Has a real Prometheus scrape a run, asks it what every panel asks, and asks the same of the run's record.
    Prometheus(prometheus::Args),
    /// Renders every built-in profile and has kubeadm and kind judge it.
    Rendered,
    /// Writes docs/schema from the types of records.
    Schema,
    /// Writes docs/metrics.md from the declarations of the metrics.
    Metrics,
}

#[expect(clippy::print_stderr, reason = "the program's last word to its user")]
fn main() -> ExitCode {
    let result = match Cli::parse().task {
        Task::Ci => ci::run(),
        Task::Binaries => binaries::find().map(drop),
        Task::Dashboards(args) => dashboards::run(&args),
        Task::Fidelity(args) => fidelity::run(&args),
        Task::Flags(args) => flags::files(&args).and_then(|files| generated::write(&files)),
        Task::Soak(args) => soak::run(&args),
        Task::Outages(args) => outages::run(&args),
        Task::KnownCapacity(args) => known_capacity::run(&args),
        Task::Evidence(args) => evidence::run(&args),
        Task::AdviceSmoke(args) => advice_smoke::run(&args),
        Task::Pages(args) => pages::run(&args),
        Task::Peers(args) => peers::run(&args),
        Task::Prometheus(args) => prometheus::run(&args),
        Task::Rendered => rendered::run(),
        Task::Schema => schema::files().and_then(|files| generated::write(&files)),
        Task::Metrics => generated::write(&[metrics::file()]),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
