//! The conventions that neither rustfmt nor clippy knows.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};

use crate::command::root;

/// A file longer than this has more than one subject.
const MOST_LINES: usize = 500;

/// Checks every Rust file of the repository.
pub(crate) fn check() -> anyhow::Result<()> {
    let mut mistakes = Vec::new();
    for file in rust_files(&root())? {
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file.strip_prefix(root()).unwrap_or(&file).display().to_string();
        mistakes.extend(judge(&name, &text).map(|mistake| format!("{name}: {mistake}")));
    }
    if !mistakes.is_empty() {
        bail!("{}", mistakes.join("\n"));
    }
    Ok(())
}

fn rust_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default();
        if path.is_dir() && name != "target" && !name.to_string_lossy().starts_with('.') {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}

fn judge(name: &str, text: &str) -> Option<String> {
    // Tests beside their subject are introduced by it.
    let is_tests = name.ends_with("/tests.rs") || name.contains("/tests/");
    let lines = text.lines().count();
    if name.ends_with("/mod.rs") {
        Some("is a mod.rs; a module foo lives in foo.rs".to_owned())
    } else if !is_tests && !text.starts_with("//!") {
        Some("does not open with a //! line that says what it is for".to_owned())
    } else if lines > MOST_LINES {
        Some(format!("has {lines} lines, more than {MOST_LINES}; split it by subject"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_it_is_for() {
        assert_eq!(judge("a/b.rs", "//! For b.\n"), None);
        assert!(judge("a/b.rs", "use c;\n").is_some());
        assert_eq!(judge("a/b/tests.rs", "use c;\n"), None);
        assert!(judge("a/mod.rs", "//! For a.\n").is_some());
        assert!(judge("a/b.rs", &format!("//! Long.\n{}", "\n".repeat(500))).is_some());
    }
}
