//! `loadgen`: finds where a Kubernetes control plane saturates under each tuning profile.
//!
//! Parses the command line, runs the command, turns its end into an exit code, and nothing else.

mod about;
mod advice;
mod attribution;
mod bench;
mod cells;
mod cleanup;
mod cli;
mod commands;
mod comparison;
mod confirm;
mod criteria;
mod drivers;
mod end;
mod experiment;
mod faults;
mod fleet;
mod ground;
mod interrupt;
mod knobs;
mod loads;
mod metrics_server;
mod nodes;
mod observed;
mod plan;
mod preload;
mod prepared;
mod probe;
mod progress;
mod resources;
mod result;
mod rights;
mod sampling;
mod saturate;
mod scenario;
mod search_table;
mod server_metrics;
mod shown;
mod stand;
mod table;
mod target;
mod telemetry;
mod trial;
mod validity;
mod words;

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::{cli::Cli, end::End};

/// For the fleet: see `fake-kubelet`'s own program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Control-plane components are started through this program, so that they die with it; see control_plane::shim.
    let mut args = std::env::args_os().skip(1);
    if args.next().is_some_and(|first| first == target::SUPERVISED) {
        let error = control_plane::shim::run(args);
        return End::from(anyhow::Error::from(error).context("cannot start a component")).report();
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // clap prints help to stdout with code 0, and mistakes to stderr with code 2.
        Err(error) => error.exit(),
    };
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    commands::run(cli).report()
}
