//! The programs that pretend to be nodes, and how each is started.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use anyhow::{Context, bail};
use control_plane::{
    ControlPlane, ProgressSink,
    binaries::{Places, cache_dir},
};
use serde::Deserialize;

use super::Subject;
use crate::{binaries, command, hollow, started::Started};

pub(super) const KWOK_VERSION: &str = "v0.8.0";
const KWOK_MODULE: &str = "sigs.k8s.io/kwok";
/// The stages that KWOK plays by default (`kustomize/stage/fast`).
const STAGES: [&str; 5] = [
    "node/fast/node-initialize.yaml",
    "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
    "pod/fast/pod-ready.yaml",
    "pod/fast/pod-complete.yaml",
    "pod/fast/pod-delete.yaml",
];

/// What is started.
pub(super) struct Programs {
    pub(super) shim: OsString,
    fleet: PathBuf,
    /// KWOK, and the folder of its module.
    kwok: Option<(PathBuf, PathBuf)>,
    kubemark: Option<PathBuf>,
}

impl Programs {
    /// Builds what the subjects need and is not there.
    pub(super) fn find(subjects: &[Subject], debug: bool) -> anyhow::Result<Self> {
        let shim = binaries::shim()?;
        let fleet = command::build("fake-kubelet", debug)?;
        let kwok = subjects.contains(&Subject::Kwok).then(kwok).transpose()?;
        let kubemark = subjects.contains(&Subject::Hollow).then(|| kubemark(&shim)).transpose()?;
        Ok(Self { shim, fleet, kwok, kubemark })
    }

    /// The processes of a subject's turn, not yet started.
    pub(super) fn of(
        &self,
        subject: Subject,
        plane: &ControlPlane,
        nodes: u32,
        folder: &Path,
    ) -> anyhow::Result<Vec<Started>> {
        match subject {
            Subject::Kwok => Ok(vec![self.kwok_process(plane, folder)?]),
            Subject::PresetKwok => Ok(vec![self.fleet_process("kwok", plane, nodes, folder)]),
            Subject::PresetKubelet => Ok(vec![self.fleet_process("kubelet", plane, nodes, folder)]),
            Subject::Hollow => {
                let kubemark = self.kubemark.as_deref().context("kubemark was not built")?;
                (0..nodes).map(|index| hollow::node(plane, kubemark, index, folder)).collect()
            }
        }
    }

    fn kwok_process(&self, plane: &ControlPlane, folder: &Path) -> anyhow::Result<Started> {
        let (program, module) = self.kwok.clone().context("KWOK was not built")?;
        let mut args: Vec<OsString> = vec!["--kubeconfig".into(), plane.kubeconfig().into()];
        // A lease as a kubelet's; kwokctl would make it 200 s.
        args.extend(["--manage-all-nodes=true", "--node-lease-duration-seconds=40"].map(OsString::from));
        for stage in STAGES {
            args.extend(["--config".into(), module.join("kustomize/stage").join(stage).into()]);
        }
        Ok(Started::new("kwok".to_owned(), program, args, folder))
    }

    fn fleet_process(&self, preset: &str, plane: &ControlPlane, nodes: u32, folder: &Path) -> Started {
        let flag = |name: &str, value: &Path| OsString::from(format!("--{name}={}", value.display()));
        let args = vec![
            format!("--preset={preset}").into(),
            format!("--nodes={nodes}").into(),
            // As fast as KWOK's nodes are made, which is as fast as the server takes them.
            "--start-rate=1000/s".into(),
            flag("kubeconfig", plane.kubeconfig()),
            flag("ca-cert", plane.ca_cert()),
            flag("ca-key", plane.ca_key()),
        ];
        Started::new("fake-kubelet".to_owned(), self.fleet.clone(), args, folder)
    }
}

/// Where the Go module cache has a module.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Module {
    dir: PathBuf,
}

/// KWOK, built from its module into our cache, and that module's folder.
fn kwok() -> anyhow::Result<(PathBuf, PathBuf)> {
    let folder = cache_dir().join("bin").join(format!("kwok-{KWOK_VERSION}"));
    let program = folder.join("kwok");
    if !program.is_file() {
        super::say("building KWOK from its Go module, which takes a few minutes once");
        let mut go = Command::new("go");
        go.args(["install", "-trimpath", &format!("{KWOK_MODULE}/cmd/kwok@{KWOK_VERSION}")]);
        go.env("GOBIN", &folder).env("GOFLAGS", "").env("GOWORK", "off").env("CGO_ENABLED", "0");
        command::check(go)?;
    }
    let mut go = Command::new("go");
    go.args(["mod", "download", "-json", &format!("{KWOK_MODULE}@{KWOK_VERSION}")]);
    let output = go.output().context("cannot start go")?;
    if !output.status.success() {
        bail!("cannot download KWOK's module: {}", String::from_utf8_lossy(&output.stderr));
    }
    let Module { dir } = serde_json::from_slice(&output.stdout).context("`go mod download` says no JSON")?;
    Ok((program, dir))
}

fn kubemark(shim: &OsString) -> anyhow::Result<PathBuf> {
    let version = profile::load("defaults")?.versions.kubernetes;
    let progress: ProgressSink = Arc::new(|step| super::say(&step.to_string()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (places, shim) = (Places::from_env(None), [shim.clone()]);
    Ok(runtime.block_on(control_plane::binaries::find_kubemark(&version, &places, &shim, &progress))?)
}
