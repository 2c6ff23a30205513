//! The flag vocabulary of the default versions, taken from the binaries themselves.

use std::{path::PathBuf, process::Command};

use anyhow::Context;
use profile::{Component, vocabulary};

use crate::{binaries, generated::File};

/// One file a binary.
pub(crate) fn files() -> anyhow::Result<Vec<File>> {
    let found = binaries::find()?;
    let list = |component: Component| {
        let binary = found.path(component);
        let help = Command::new(&binary).arg("--help").output();
        let help = help.with_context(|| format!("cannot ask {} for its flags", binary.display()))?;
        // etcd prints its help to stderr.
        let text =
            [help.stdout, help.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        let version =
            if component == Component::Etcd { &found.etcd.version } else { &found.kubernetes.version };
        let path = format!("crates/profile/flags/{version}/{}.txt", component.binary());
        Ok(File { path: PathBuf::from(path), content: vocabulary::from_help(&text).join("\n") + "\n" })
    };
    Component::ALL.into_iter().map(list).collect()
}
