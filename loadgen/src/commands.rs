//! The commands, one file each.

mod advice;
mod clean;
mod compare;
mod dashboards;
mod demo;
mod doctor;
mod export;
mod profile;
mod report;
mod run;
mod saturate;
mod scenario;
mod up;

use crate::{
    cli::{Cli, Command},
    end::End,
};

/// Runs a command to its end.
pub(crate) fn run(cli: Cli) -> End {
    if let Err(error) = fake_kubelet::raise_descriptor_limit() {
        tracing::warn!(%error, "cannot raise the descriptor limit");
    }
    wire::install_crypto_provider();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return anyhow::Error::from(error).context("cannot start the runtime").into(),
    };
    let end = runtime.block_on(async {
        match cli.command {
            Command::Demo(args) => demo::run(args).await,
            Command::Up(args) => up::run(args).await,
            Command::Run(args) => run::run(args).await,
            Command::Saturate(args) => saturate::run(args).await,
            Command::Compare(args) => compare::run(args).await,
            Command::Advice(command) => advice::run(command).await,
            Command::Scenario(command) => scenario::run(command),
            Command::Profile(command) => profile::run(command),
            Command::Report(args) => report::run(&args),
            Command::Export(args) => export::run(&args),
            Command::Dashboards(command) => dashboards::run(command).await,
            Command::Doctor(args) => doctor::run(args).await,
            Command::Clean(args) => clean::run(args).await,
        }
    });
    // Whatever a task still waits for, nobody needs it any more.
    runtime.shutdown_background();
    end
}

/// Prints to stdout; a reader that has gone away is no error.
pub(crate) fn print(text: &str) {
    use std::io::Write;
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
