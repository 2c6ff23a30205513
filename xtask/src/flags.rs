//! The vocabulary of flags and feature gates, taken from the binaries themselves.

use std::{path::PathBuf, process::Command};

use anyhow::Context;
use profile::{Component, vocabulary};

use crate::{binaries, generated::File};

/// Of which versions the lists are: those of the profile `defaults` where nothing is said.
///
/// A version whose lists are new gets a line in crates/profile/src/vocabulary.rs.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct Args {
    /// Of Kubernetes, without a leading `v`; it is built where it is not found, which takes minutes.
    #[arg(long, value_name = "VERSION")]
    kubernetes: Option<String>,
    /// Of etcd.
    #[arg(long, value_name = "VERSION")]
    etcd: Option<String>,
}

/// Two files a binary.
pub(crate) fn files(args: &Args) -> anyhow::Result<Vec<File>> {
    let found = binaries::find_versions(args.kubernetes.as_deref(), args.etcd.as_deref())?;
    let mut files = Vec::new();
    for component in Component::ALL {
        let binary = found.path(component);
        let help = Command::new(&binary).arg("--help").output();
        let help = help.with_context(|| format!("cannot ask {} for its flags", binary.display()))?;
        // etcd prints its help to stderr.
        let text =
            [help.stdout, help.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        let version =
            if component == Component::Etcd { &found.etcd.version } else { &found.kubernetes.version };
        for (ending, names) in
            [("txt", vocabulary::from_help(&text)), ("gates.txt", vocabulary::gates_from_help(&text))]
        {
            let path = format!("crates/profile/flags/{version}/{}.{ending}", component.binary());
            let content = names.into_iter().map(|name| name + "\n").collect();
            files.push(File { path: PathBuf::from(path), content });
        }
    }
    Ok(files)
}
