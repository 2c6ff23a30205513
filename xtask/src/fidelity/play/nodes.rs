//! The processes whose requests are compared: one for all fake nodes, and one for each hollow node.

use std::{
    cell::RefCell,
    ffi::OsString,
    fs::{self, File},
    path::{Path, PathBuf},
    process,
    time::Duration,
};

use anyhow::{Context, bail};
use control_plane::ControlPlane;
use identity::{Authority, Purpose, Subject, kubeconfig};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    process::{Child, Command},
    time::timeout,
};

use super::Plan;
use crate::command::build;

/// How long a node may take to end.
const GRACE: Duration = Duration::from_secs(10);

pub(super) struct Nodes {
    folder: PathBuf,
    shim: OsString,
    fake: Started,
    hollow: Vec<Started>,
    fakes: u32,
}

/// A program that may run.
struct Started {
    name: String,
    program: PathBuf,
    args: Vec<OsString>,
    log: PathBuf,
    child: RefCell<Option<Child>>,
}

impl Nodes {
    pub(super) fn new(
        plane: &ControlPlane,
        folder: &Path,
        shim: OsString,
        kubemark: &Path,
        plan: &Plan,
    ) -> anyhow::Result<Self> {
        let read =
            |path: &Path| fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()));
        let authority = Authority::from_pem(&read(plane.ca_cert())?, &read(plane.ca_key())?)?;
        let hollow = |index: u32| {
            let name = format!("hollow-{index}");
            let issued = authority.issue(&Subject::node(&name), &Purpose::Client)?;
            let access = kubeconfig::render(
                "fidelity",
                plane.server(),
                authority.cert_pem(),
                &issued.cert_pem,
                &issued.key_pem,
            );
            let file = folder.join(format!("{name}.kubeconfig"));
            fs::write(&file, access).with_context(|| format!("cannot write {}", file.display()))?;
            let args = vec!["--name".into(), name.clone().into(), "--kubeconfig".into(), file.into()];
            Ok(Started::new(name, kubemark.to_owned(), args, folder))
        };
        Ok(Self {
            folder: folder.to_owned(),
            shim,
            fake: fake(plane, folder, plan.fakes)?,
            hollow: (0..plan.hollows).map(hollow).collect::<anyhow::Result<_>>()?,
            fakes: plan.fakes,
        })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn fakes(&self) -> Vec<String> {
        (0..self.fakes).map(|index| format!("fake-{index}")).collect()
    }

    pub(super) fn hollows(&self) -> Vec<String> {
        self.hollow.iter().map(|node| node.name.clone()).collect()
    }

    /// The fake nodes, and the hollow ones where they take part.
    pub(super) fn names(&self, live: bool) -> Vec<String> {
        let mut names = self.fakes();
        if live {
            names.extend(self.hollows());
        }
        names
    }

    /// Starts those of the nodes that do not run: the fake ones together, if one of them is among them.
    pub(super) fn start(&mut self, on: &[&String]) -> anyhow::Result<()> {
        if self.fakes().iter().any(|fake| on.contains(&fake)) {
            self.fake.start(&self.folder, &self.shim)?;
        }
        for node in self.hollow.iter().filter(|node| on.contains(&&node.name)) {
            node.start(&self.folder, &self.shim)?;
        }
        Ok(())
    }

    /// Ends the fake nodes as a service manager ends a kubelet.
    pub(super) async fn stop_fakes(&mut self) -> anyhow::Result<()> {
        self.fake.stop().await
    }

    /// Ends everything; one that does not end is killed when it is dropped.
    pub(super) async fn stop_all(&mut self) {
        for node in std::iter::once(&self.fake).chain(&self.hollow) {
            let _ = node.stop().await;
        }
    }

    /// Fails if a node has ended by itself.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        std::iter::once(&self.fake).chain(&self.hollow).try_for_each(Started::check)
    }
}

fn fake(plane: &ControlPlane, folder: &Path, nodes: u32) -> anyhow::Result<Started> {
    let program = build("fake-kubelet", true)?;
    let args: Vec<OsString> = vec![
        // kube-proxy is another program, with another user, and would only take the nodes' time; the endpoint's port differs from
        // start to start.
        "--preset=kubelet-only".into(),
        "--kubelet-endpoint=off".into(),
        "--nodes".into(),
        nodes.to_string().into(),
        "--name-prefix=fake-".into(),
        "--kubeconfig".into(),
        plane.kubeconfig().into(),
        "--ca-cert".into(),
        plane.ca_cert().into(),
        "--ca-key".into(),
        plane.ca_key().into(),
    ];
    Ok(Started::new("fake-kubelet".to_owned(), program, args, folder))
}

impl Started {
    fn new(name: String, program: PathBuf, args: Vec<OsString>, folder: &Path) -> Self {
        let log = folder.join(format!("{name}.log"));
        Self { name, program, args, log, child: RefCell::new(None) }
    }

    /// Through the shim, so that it dies with us, and in a process group of its own, so that Ctrl-C is ours to handle.
    fn start(&self, folder: &Path, shim: &OsString) -> anyhow::Result<()> {
        if self.child.borrow().is_some() {
            return Ok(());
        }
        let log = File::options().create(true).append(true).open(&self.log);
        let log = log.with_context(|| format!("cannot write {}", self.log.display()))?;
        let mut command = Command::new(shim);
        command.arg(process::id().to_string()).arg(&self.program).args(&self.args).process_group(0);
        command.env("TMPDIR", folder).kill_on_drop(true).stdin(process::Stdio::null());
        command.stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("cannot start {}", self.name))?;
        self.child.replace(Some(child));
        Ok(())
    }

    fn check(&self) -> anyhow::Result<()> {
        if let Some(child) = self.child.borrow_mut().as_mut()
            && let Some(status) = child.try_wait()?
        {
            let text = fs::read_to_string(&self.log).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let tail = lines[lines.len().saturating_sub(10)..].join("\n  ");
            bail!("{} ended with {status}:\n  {tail}", self.name);
        }
        Ok(())
    }

    async fn stop(&self) -> anyhow::Result<()> {
        let Some(mut child) = self.child.borrow_mut().take() else { return Ok(()) };
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            kill_process(pid, Signal::TERM).with_context(|| format!("cannot end {}", self.name))?;
        }
        timeout(GRACE, child.wait()).await.with_context(|| format!("{} does not end", self.name))??;
        Ok(())
    }
}
