//! Running other programs, and finding the repository.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, bail};

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.pop();
    root
}

/// Where cargo puts what it makes.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Builds a program of this workspace, for measuring unless `debug`, and says where it is.
///
/// The whole workspace is named so that dependencies have the features that the tests built them with: by itself a package
/// would have most of them built once more.
pub(crate) fn build(name: &str, debug: bool) -> anyhow::Result<PathBuf> {
    let mut command = cargo(&["build", "--quiet", "--locked", "--workspace", "--bin", name]);
    if !debug {
        command.arg("--release");
    }
    check(command)?;
    Ok(target().join(if debug { "debug" } else { "release" }).join(name))
}

/// Cargo, in the repository's root.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.args(args).current_dir(root());
    command
}

/// Runs a command to its end and fails if it does.
pub(crate) fn check(mut command: Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("cannot start {}", display(&command)))?;
    if !status.success() {
        bail!("{} failed with {status}", display(&command));
    }
    Ok(())
}

/// Whether a command can be run at all and succeeds, in silence.
pub(crate) fn succeeds(mut command: Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// As one would type it.
pub(crate) fn display(command: &Command) -> String {
    let program = PathBuf::from(command.get_program());
    let program = program.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let args = command.get_args().map(|arg| arg.to_string_lossy().into_owned());
    std::iter::once(program).chain(args).collect::<Vec<_>>().join(" ")
}
