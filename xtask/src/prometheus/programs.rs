//! prometheus and promtool: those in PATH, or Debian's, without a service.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};
use control_plane::binaries::Places;

use super::say;

/// The Debian package that has both.
const PACKAGE: &str = "prometheus";

/// Both of one version.
pub(crate) struct Programs {
    pub(crate) prometheus: PathBuf,
    pub(crate) promtool: PathBuf,
}

impl Programs {
    /// Looks in PATH, then in our cache, and then fetches the package into it.
    pub(crate) fn find() -> anyhow::Result<Self> {
        let path = env::var_os("PATH").unwrap_or_default();
        let cached = Places::from_env(None).cache.join("debian").join(PACKAGE);
        let folders = env::split_paths(&path).chain([cached.join("usr/bin")]);
        if let Some(found) = folders.map(|folder| Self::in_folder(&folder)).find(Self::are_there) {
            return Ok(found);
        }
        say("prometheus is not in PATH: fetching Debian's package");
        unpack(&cached).with_context(|| {
            format!(
                "cannot have prometheus: it is not in PATH, and Debian's package cannot be unpacked into {}; install it, or put a \
                 release of it into PATH",
                cached.display()
            )
        })?;
        Ok(Self::in_folder(&cached.join("usr/bin")))
    }

    fn in_folder(folder: &Path) -> Self {
        Self { prometheus: folder.join("prometheus"), promtool: folder.join("promtool") }
    }

    fn are_there(&self) -> bool {
        self.prometheus.is_file() && self.promtool.is_file()
    }

    /// Runs promtool to its end, with this on its stdin, and fails where it does, with what it said.
    pub(crate) fn promtool(&self, args: &[&str], input: Option<&Path>) -> anyhow::Result<String> {
        let mut command = Command::new(&self.promtool);
        command.args(args);
        if let Some(file) = input {
            command.stdin(fs::File::open(file).with_context(|| format!("cannot open {}", file.display()))?);
        }
        output(command)
    }
}

/// Fetches the package and unpacks it, without running what it would run when it is installed. Its dependencies are scripts of its
/// pages, which nobody looks at here, and the C library.
fn unpack(target: &Path) -> anyhow::Result<()> {
    let beside = target.parent().context("the cache has no folder")?;
    fs::create_dir_all(beside).with_context(|| format!("cannot make {}", beside.display()))?;
    // A half-finished folder is never taken for a whole one.
    let work = tempfile::TempDir::new_in(beside)
        .with_context(|| format!("cannot make a folder in {}", beside.display()))?;
    let package = download(work.path())?;
    let unpacked = work.path().join("unpacked");
    let mut command = Command::new("dpkg-deb");
    command.arg("-x").arg(&package).arg(&unpacked);
    output(command)?;
    fs::rename(&unpacked, target)
        .with_context(|| format!("cannot rename the new folder to {}", target.display()))
}

/// By what apt knows; where it knows nothing, as in a fresh container, by lists of our own.
fn download(work: &Path) -> anyhow::Result<PathBuf> {
    let apt = |words: &[&str], options: &[String]| {
        let mut command = Command::new("apt-get");
        command.arg("--quiet").args(options).args(words).current_dir(work);
        output(command)
    };
    if apt(&["download", PACKAGE], &[]).is_err() {
        let (lists, cache) = (work.join("lists"), work.join("cache"));
        for folder in [lists.join("partial"), cache.join("archives/partial")] {
            fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let set = |option: &str, folder: &Path| format!("--option={option}={}", folder.display());
        let options = [set("Dir::State::Lists", &lists), set("Dir::Cache", &cache)];
        apt(&["update"], &options)?;
        apt(&["download", PACKAGE], &options)?;
    }
    let entries = fs::read_dir(work).with_context(|| format!("cannot list {}", work.display()))?;
    let mut files = entries.filter_map(|entry| Some(entry.ok()?.path()));
    files
        .find(|file| file.extension().is_some_and(|end| end == "deb"))
        .context("apt-get download left no package")
}

/// What a command prints, if it succeeds.
fn output(mut command: Command) -> anyhow::Result<String> {
    let shown = crate::command::display(&command);
    let output = command.output().with_context(|| format!("cannot start {shown}"))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        bail!("{shown} failed with {}:\n{}", output.status, String::from_utf8_lossy(&said).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
