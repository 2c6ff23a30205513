//! Files that are generated and checked in.

use std::{fs, path::PathBuf};

use anyhow::{Context, bail};

use crate::command::root;

/// A file, by its path in the repository, and what belongs into it.
pub(crate) struct File {
    pub(crate) path: PathBuf,
    pub(crate) content: String,
}

/// Writes the files.
pub(crate) fn write(files: &[File]) -> anyhow::Result<()> {
    for File { path, content } in files {
        let target = root().join(path);
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        fs::write(&target, content).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Fails if a file is not what `command` would write.
pub(crate) fn check(files: &[File], command: &str) -> anyhow::Result<()> {
    for File { path, content } in files {
        if fs::read_to_string(root().join(path)).ok().as_ref() != Some(content) {
            bail!("{} is not up to date: run `{command}` and commit the result", path.display());
        }
    }
    Ok(())
}
