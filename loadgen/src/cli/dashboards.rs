//! The command line of `loadgen dashboards`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Subcommand, Debug)]
pub(crate) enum DashboardsCommand {
    /// Writes the dashboards as files, a JSON each, for Grafana's provisioning or to import by hand.
    Write(WriteArgs),
    /// Puts the dashboards into a Grafana by its HTTP API.
    Push(PushArgs),
}

#[derive(Args, Debug)]
pub(crate) struct WriteArgs {
    /// The folder; it is made where it is not there. Dashboards of ours in it are replaced.
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// Replaces files of these names that are something else, too.
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Args, Debug)]
pub(crate) struct PushArgs {
    /// Grafana's address as a browser has it, with the path below which it is served.
    #[arg(long, value_name = "URL")]
    pub(crate) url: String,
    /// A file with the token of a service account that may write dashboards. Without it, what `GRAFANA_TOKEN` is in the
    /// environment.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// The folder of Grafana's, by its title; it is made where there is none. Without it, the top.
    #[arg(long, value_name = "NAME")]
    pub(crate) folder: Option<String>,
    /// Replaces dashboards that are there already, whoever changed them.
    #[arg(long)]
    pub(crate) force: bool,
}
