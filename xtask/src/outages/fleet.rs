//! The program whose nodes live through it, and the pods they have meanwhile.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process,
    time::Duration,
};

use anyhow::{Context, bail};
use control_plane::ControlPlane;
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep},
};

use crate::{binaries, kubectl::Kubectl};

/// Nodes that are not ready by then never will be.
const PATIENCE: Duration = Duration::from_mins(5);
/// How long the Deployment keeps each size.
const KEEP: Duration = Duration::from_secs(10);
const NAMESPACE: &str = "churn";

/// A fleet that runs; it dies with this.
pub(super) struct Fleet {
    child: Child,
    log: PathBuf,
}

impl Fleet {
    pub(super) fn start(
        plane: &ControlPlane,
        folder: &Path,
        program: &Path,
        nodes: u32,
    ) -> anyhow::Result<Self> {
        let log = folder.join("fake-kubelet.log");
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = Command::new(binaries::shim()?);
        command.arg(process::id().to_string()).arg(program).args(["--nodes", &nodes.to_string()]);
        // Over ten seconds, so that their leases are spread over the ten seconds between renewals.
        command.arg(format!("--start-rate={}/s", nodes.div_ceil(10)));
        command.args(["--name-prefix=fake-", "--kubeconfig"]).arg(plane.kubeconfig());
        command.arg("--ca-cert").arg(plane.ca_cert()).arg("--ca-key").arg(plane.ca_key());
        command.env("TMPDIR", folder).kill_on_drop(true).process_group(0).stdin(process::Stdio::null());
        command.stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().context("cannot start fake-kubelet")?;
        Ok(Self { child, log })
    }

    pub(super) fn check(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("fake-kubelet ended with {status}:\n{}", self.said());
        }
        Ok(())
    }

    /// All that it printed.
    pub(super) fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until all nodes are ready.
    pub(super) async fn wait_until_ready(&mut self, kubectl: &Kubectl, nodes: usize) -> anyhow::Result<()> {
        let begin = Instant::now();
        while ready_nodes(kubectl).await? < nodes {
            self.check()?;
            if begin.elapsed() > PATIENCE {
                bail!("only {} of {nodes} nodes are ready:\n{}", ready_nodes(kubectl).await?, self.said());
            }
            sleep(Duration::from_secs(1)).await;
        }
        Ok(())
    }

    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        self.check()?;
        self.child.kill().await.context("cannot end fake-kubelet")
    }
}

pub(super) async fn ready_nodes(kubectl: &Kubectl) -> anyhow::Result<usize> {
    let path = r#"jsonpath={range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}"#;
    let statuses = kubectl.ask(&["get", "nodes", "-o", path]).await?;
    Ok(statuses.lines().filter(|status| *status == "True").count())
}

/// Makes a Deployment without pods.
pub(super) async fn deployment(kubectl: &Kubectl) -> anyhow::Result<()> {
    let labels = "{app: churn}";
    let container = "{name: app, image: registry.k8s.io/pause:3.10.1, resources: {requests: {cpu: 10m}}}";
    let manifest = format!(
        "apiVersion: v1\nkind: Namespace\nmetadata: {{name: {NAMESPACE}}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: \
         churn, namespace: {NAMESPACE}}}\nspec:\n  replicas: 0\n  selector: {{matchLabels: {labels}}}\n  template:\n    metadata: {{labels: \
         {labels}}}\n    spec: {{containers: [{container}]}}\n"
    );
    kubectl.apply(&manifest).await
}

/// Lets it grow and shrink without end, by a quarter of the nodes.
pub(super) async fn churn(kubectl: &Kubectl, nodes: u32) {
    let sizes = [nodes / 2, nodes / 4];
    for size in sizes.iter().cycle() {
        let replicas = format!("--replicas={size}");
        // Without an apiserver nobody is there to hear it.
        let _ = kubectl.ask(&["scale", "-n", NAMESPACE, "deployment/churn", &replicas]).await;
        sleep(KEEP).await;
    }
}
