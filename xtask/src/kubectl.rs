//! kubectl of the control plane's version, as its admin.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, bail};
use control_plane::ControlPlane;
use tokio::{io::AsyncWriteExt, process::Command, time::timeout};

/// A command that takes longer hangs.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
    home: PathBuf,
}

impl Kubectl {
    /// `home` is where it keeps what it has learnt of the server.
    pub(crate) fn new(plane: &ControlPlane, home: &Path) -> anyhow::Result<Self> {
        let program =
            plane.binaries().kubectl().context("there is no kubectl beside the control plane's binaries")?;
        Ok(Self { program, kubeconfig: plane.kubeconfig().to_owned(), home: home.to_owned() })
    }

    /// For what must be there, however it comes to be.
    pub(crate) async fn apply(&self, manifest: &str) -> anyhow::Result<()> {
        self.run(&["apply", "--validate=false", "-f", "-"], manifest).await
    }

    pub(crate) async fn create(&self, manifest: &str) -> anyhow::Result<()> {
        self.run(&["create", "--validate=false", "-f", "-"], manifest).await
    }

    pub(crate) async fn replace(&self, manifest: &str) -> anyhow::Result<()> {
        self.run(&["replace", "--validate=false", "-f", "-"], manifest).await
    }

    pub(crate) async fn delete(&self, manifest: &str, by_force: bool) -> anyhow::Result<()> {
        let force: &[&str] = if by_force { &["--grace-period=0", "--force"] } else { &[] };
        self.run(&[&["delete", "--wait=false", "-f", "-"][..], force].concat(), manifest).await
    }

    /// Runs any command and returns what it prints.
    pub(crate) async fn ask(&self, args: &[&str]) -> anyhow::Result<String> {
        self.output(args, "").await
    }

    async fn run(&self, args: &[&str], manifest: &str) -> anyhow::Result<()> {
        self.output(args, manifest).await.map(drop)
    }

    async fn output(&self, args: &[&str], manifest: &str) -> anyhow::Result<String> {
        let mut command = Command::new(&self.program);
        command.arg("--kubeconfig").arg(&self.kubeconfig).args(args).env("HOME", &self.home);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().context("cannot start kubectl")?;
        let mut stdin = child.stdin.take().context("kubectl has no stdin")?;
        stdin.write_all(manifest.as_bytes()).await.context("kubectl does not read its manifest")?;
        drop(stdin);
        let output = timeout(PATIENCE, child.wait_with_output()).await.context("kubectl does not end")??;
        if !output.status.success() {
            bail!("kubectl {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
