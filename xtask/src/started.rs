//! A program that is started beside a control plane, and ends with us however we end.

use std::{
    ffi::OsString,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{self, ExitStatus},
    time::Duration,
};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    process::{Child, Command},
    time::timeout,
};

/// How long a program may take to end.
const GRACE: Duration = Duration::from_secs(10);

/// A program that may run.
pub(crate) struct Started {
    pub(crate) name: String,
    program: PathBuf,
    args: Vec<OsString>,
    log: PathBuf,
    child: Option<Child>,
}

impl Started {
    /// A program that is not started yet; what it prints goes into `folder`.
    pub(crate) fn new(name: String, program: PathBuf, args: Vec<OsString>, folder: &Path) -> Self {
        let log = folder.join(format!("{name}.log"));
        Self { name, program, args, log, child: None }
    }

    /// Through the shim, so that it dies with us, and in a process group of its own, so that Ctrl-C is ours to handle.
    pub(crate) fn start(&mut self, folder: &Path, shim: &OsString) -> anyhow::Result<()> {
        if self.child.is_some() {
            return Ok(());
        }
        let log = File::options().create(true).append(true).open(&self.log);
        let log = log.with_context(|| format!("cannot write {}", self.log.display()))?;
        let mut command = Command::new(shim);
        command.arg(process::id().to_string()).arg(&self.program).args(&self.args).process_group(0);
        command.env("TMPDIR", folder).kill_on_drop(true).stdin(process::Stdio::null());
        command.stdout(log.try_clone()?).stderr(log);
        self.child = Some(command.spawn().with_context(|| format!("cannot start {}", self.name))?);
        Ok(())
    }

    /// The shim becomes the program, so its id is the program's.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// All that it printed.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Fails if it has ended by itself.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        if let Some(child) = &mut self.child
            && let Some(status) = child.try_wait()?
        {
            let text = self.said();
            let lines: Vec<&str> = text.lines().collect();
            let tail = lines[lines.len().saturating_sub(10)..].join("\n  ");
            bail!("{} ended with {status}:\n  {tail}", self.name);
        }
        Ok(())
    }

    /// How it ended by itself, once it has.
    pub(crate) fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        self.child.as_mut().map_or(Ok(None), |child| Ok(child.try_wait()?))
    }

    /// Ends it as a service manager does.
    pub(crate) async fn stop(&mut self) -> anyhow::Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            kill_process(pid, Signal::TERM).with_context(|| format!("cannot end {}", self.name))?;
        }
        timeout(GRACE, child.wait()).await.with_context(|| format!("{} does not end", self.name))??;
        Ok(())
    }
}
