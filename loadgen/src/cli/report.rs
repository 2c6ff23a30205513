//! The command line of `loadgen report`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// What is made of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// One page that needs nothing else: no script, no network.
    #[default]
    Html,
    /// A comment on a pull request.
    Markdown,
}

#[derive(Args, Debug)]
pub(crate) struct ReportArgs {
    /// Folders of records, or the files of records that were kept without one. Several make one page.
    #[arg(value_name = "DIR", required = true)]
    pub(crate) records: Vec<PathBuf>,
    /// What is made of them.
    #[arg(long = "as", value_enum, default_value_t, value_name = "html|markdown")]
    pub(crate) form: Form,
    /// Where it goes; - is printed. Without it a page goes into the record's folder, and a comment is printed.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}
