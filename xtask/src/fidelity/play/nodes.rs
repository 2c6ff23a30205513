//! The processes whose requests are compared: one for all fake nodes, and one for each hollow node.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use control_plane::ControlPlane;

use super::Plan;
use crate::{command::build, hollow, started::Started};

pub(super) struct Nodes {
    folder: PathBuf,
    shim: OsString,
    fake: Started,
    hollow: Vec<Started>,
    fakes: u32,
}

impl Nodes {
    pub(super) fn new(
        plane: &ControlPlane,
        folder: &Path,
        shim: OsString,
        kubemark: &Path,
        plan: &Plan,
    ) -> anyhow::Result<Self> {
        let hollows = (0..plan.hollows).map(|index| hollow::node(plane, kubemark, index, folder));
        Ok(Self {
            folder: folder.to_owned(),
            shim,
            fake: fake(plane, folder, plan.fakes)?,
            hollow: hollows.collect::<anyhow::Result<_>>()?,
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
        for node in self.hollow.iter_mut().filter(|node| on.contains(&&node.name)) {
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
        for node in std::iter::once(&mut self.fake).chain(&mut self.hollow) {
            let _ = node.stop().await;
        }
    }

    /// Fails if a node has ended by itself.
    pub(super) fn check(&mut self) -> anyhow::Result<()> {
        std::iter::once(&mut self.fake).chain(&mut self.hollow).try_for_each(Started::check)
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
