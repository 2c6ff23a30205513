//! The command line of `loadgen export`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Args, Debug)]
pub(crate) struct ExportArgs {
    /// A record's folder.
    #[arg(value_name = "DIR")]
    pub(crate) record: PathBuf,
    /// What is made: all metrics with their times for `promtool tsdb create-blocks-from openmetrics`, latencies as `ClusterLoader2`
    /// leaves them for Perfdash, criteria as test cases, or a table.
    #[arg(long = "as", value_enum, value_name = "openmetrics|perfdata|junit|csv")]
    pub(crate) form: ExportForm,
    /// Writes this file instead of stdout; of perfdata, which is several files, the folder, which is made.
    #[arg(long, value_name = "FILE|DIR", required_if_eq("form", "perfdata"))]
    pub(crate) out: Option<PathBuf>,
}

/// What a record is exported as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportForm {
    /// Metrics with their times.
    Openmetrics,
    /// Latencies.
    Perfdata,
    /// Test cases.
    Junit,
    /// A table.
    Csv,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::cli::Cli;

    #[test]
    fn perfdata_is_several_files_and_wants_a_folder() {
        let parse = |words: &str| Cli::try_parse_from(words.split(' ')).map_err(|error| error.to_string());
        assert!(parse("loadgen export x --as csv").is_ok());
        assert!(parse("loadgen export x --as perfdata --out y").is_ok());
        assert!(parse("loadgen export x --as perfdata").unwrap_err().contains("--out"));
        let unknown = parse("loadgen export x --as cvs").unwrap_err();
        assert!(unknown.contains("csv") && unknown.contains("openmetrics"), "{unknown}");
    }
}
