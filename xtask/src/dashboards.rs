//! The dashboards as Grafana reads them, and what its published types say of them.

mod types;

#[cfg(test)]
mod provisioned;

use std::path::PathBuf;

use anyhow::bail;

pub(crate) use self::types::check as check_types;
use crate::generated::{self, File};

/// Writes the files, or judges them.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct Args {
    /// Judges them by the types that Grafana publishes (npm's `@grafana/schema`) instead; needs npm.
    #[arg(long)]
    check_types: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    if !args.check_types {
        return generated::write(&files());
    }
    if !check_types()? {
        bail!("npm is not installed: there is nothing to judge the dashboards by");
    }
    Ok(())
}

/// One for each dashboard.
pub(crate) fn files() -> Vec<File> {
    let dashboards = report::dashboards::dashboards();
    let file = |name: &str| PathBuf::from("dashboards").join(name);
    dashboards.iter().map(|it| File { path: file(it.file), content: it.json() }).collect()
}
