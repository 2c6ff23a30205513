//! The command line of `loadgen profile`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Subcommand, Debug)]
pub(crate) enum ProfileCommand {
    /// Lists the profiles that come with the program: what each extends, and what it is.
    List,
    /// Prints a profile's file as it is, to read or to make another from.
    Show {
        /// A profile's name or file.
        #[arg(value_name = "NAME|FILE")]
        profile: String,
        /// Prints all settings instead, those of what it extends and defaults too, each with the place that says it.
        #[arg(long)]
        resolved: bool,
        /// Changes one setting before. May be repeated.
        #[arg(long, value_name = "PATH=VALUE", requires = "resolved")]
        set: Vec<String>,
    },
    /// Prints the settings in which two profiles differ, a line each.
    Diff {
        /// A profile's name or file.
        #[arg(value_name = "NAME|FILE")]
        one: String,
        /// Another one's.
        #[arg(value_name = "NAME|FILE")]
        other: String,
        /// Changes one setting of the second before. May be repeated.
        #[arg(long, value_name = "PATH=VALUE")]
        set: Vec<String>,
    },
    /// Writes a profile as what others set clusters up from, and says what of it that cannot express.
    Render(RenderArgs),
}

#[derive(Args, Debug)]
pub(crate) struct RenderArgs {
    /// A profile's name or file.
    #[arg(value_name = "NAME|FILE")]
    pub(crate) profile: String,
    /// For what: the command lines of a control plane of ours (local), `kubeadm init --config` (kubeadm) or `kind create cluster
    /// --config` (kind).
    #[arg(long = "for", value_enum, value_name = "local|kubeadm|kind")]
    pub(crate) form: FormArg,
    /// Changes one setting before. May be repeated.
    #[arg(long, value_name = "PATH=VALUE")]
    pub(crate) set: Vec<String>,
    /// Writes files into this folder, which is made, instead of one stream to stdout.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// What a profile is rendered for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormArg {
    /// The command lines of a control plane of ours.
    Local,
    /// kubeadm's configuration.
    Kubeadm,
    /// kind's configuration.
    Kind,
}
