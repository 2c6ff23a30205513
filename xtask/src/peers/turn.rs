//! One turn: a control plane, the nodes of one subject, and the work.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Context;
use control_plane::{ControlPlane, Options, ProgressSink};
use scrape::Sampler;
use serde::Serialize;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};
use wire::Client;

use super::{
    Subject,
    subject::Programs,
    view::View,
    work::{self, PODS},
};
use crate::started::Started;

/// From the last node being Ready until it is at rest: taints are taken off, the first heartbeats are spread.
const SETTLE: Duration = Duration::from_secs(20);

/// What to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) subject: Subject,
    pub(super) nodes: u32,
    pub(super) pods: u32,
    pub(super) rest: Duration,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Turn {
    pub(super) subject: Subject,
    pub(super) nodes: u32,
    pub(super) pods: u32,
    /// From the start of the subject until all nodes are Ready.
    pub(super) ready: Span,
    /// Nothing but heartbeats.
    pub(super) rest: Span,
    /// From the first pod being made until all run.
    pub(super) running: Span,
    /// From the first being deleted until all are gone.
    pub(super) deleted: Span,
}

/// A part of a turn.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Span {
    pub(super) seconds: f64,
    /// CPU seconds of the subject's processes.
    pub(super) cpu: f64,
    pub(super) apiserver_cpu: f64,
    pub(super) etcd_cpu: f64,
    /// Resident bytes at the end.
    pub(super) rss: u64,
    pub(super) apiserver_rss: u64,
}

pub(super) async fn play(plan: &Plan, programs: &Programs) -> anyhow::Result<Turn> {
    let progress: ProgressSink = Arc::new(|step| super::say(&step.to_string()));
    let options = Options {
        profile: profile::load("defaults-unthrottled")?,
        port: None,
        bin_dir: None,
        log_dir: None,
        restore: None,
        shim: vec![programs.shim.clone()],
        progress,
        run_id: format!("peers-{}", std::process::id()),
    };
    let plane = ControlPlane::start(options).await?;
    let folder = TempDir::new().context("cannot make a folder for the nodes' files")?;
    let died = plane.died();
    let turn = tokio::select! {
        error = died => Err(error.into()),
        turn = Box::pin(work(plan, programs, &plane, folder.path())) => turn,
    };
    let stopped = plane.stop().await;
    let turn = turn?;
    stopped?;
    Ok(turn)
}

async fn work(plan: &Plan, programs: &Programs, plane: &ControlPlane, folder: &Path) -> anyhow::Result<Turn> {
    let client = admin(plane)?;
    work::make_namespace(&client).await?;
    let mut nodes = View::of_nodes(&client);
    let mut subject = programs.of(plan.subject, plane, plan.nodes, folder)?;
    let mut watch = Watch::new(plane);
    for process in &mut subject {
        process.start(folder, &programs.shim)?;
        watch.subject.push(process.pid().context("it has ended at once")?);
    }
    if plan.subject == Subject::Kwok {
        work::make_nodes(&client, plan.nodes).await?;
    }
    let ready = nodes.until_wanted(plan.nodes);
    alive(&mut subject, ready).await?;
    // They would be told of every heartbeat.
    drop(nodes);
    let ready = watch.span();
    super::say(&format!("{} nodes are ready after {:.1} s", plan.nodes, ready.seconds));
    sleep(SETTLE).await;
    watch.span();
    super::say(&format!("at rest for {} s", plan.rest.as_secs()));
    alive(&mut subject, async {
        sleep(plan.rest).await;
        Ok(())
    })
    .await?;
    let rest = watch.span();
    let mut pods = View::of_pods(&client, PODS);
    watch.span();
    alive(&mut subject, async {
        let (made, run) = tokio::join!(work::make_pods(&client, plan.pods), pods.until_wanted(plan.pods));
        made.and(run)
    })
    .await?;
    let running = watch.span();
    super::say(&format!("{} pods run after {:.1} s", plan.pods, running.seconds));
    alive(&mut subject, async {
        let (asked, gone) = tokio::join!(work::delete_pods(&client, plan.pods), pods.until_none());
        asked.and(gone)
    })
    .await?;
    let deleted = watch.span();
    for process in &mut subject {
        process.stop().await?;
    }
    let Plan { subject, nodes, pods, .. } = *plan;
    Ok(Turn { subject, nodes, pods, ready, rest, running, deleted })
}

/// Waits for `work`, and fails if a process of the subject ends meanwhile.
async fn alive(
    subject: &mut [Started],
    work: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = sleep(Duration::from_secs(1)) => subject.iter_mut().try_for_each(Started::check)?,
        }
    }
}

/// The client of the work, as the administrator.
fn admin(plane: &ControlPlane) -> anyhow::Result<Client> {
    let access = identity::kubeconfig::load(Some(plane.kubeconfig()), None)?;
    Ok(Client::new(access.endpoint, access.credential, "peers")?)
}

/// Looks at processes at the edges of spans.
struct Watch {
    subject: Vec<u32>,
    apiserver: Option<u32>,
    etcd: Option<u32>,
    since: Instant,
    before: Look,
}

#[derive(Clone, Copy, Default)]
struct Look {
    subject: (f64, u64),
    apiserver: (f64, u64),
    etcd: (f64, u64),
}

impl Watch {
    /// From now on, with a subject that has taken nothing yet.
    fn new(plane: &ControlPlane) -> Self {
        let processes = plane.processes();
        let pid = |name: &str| processes.iter().find(|it| it.name == name).map(|it| it.pid);
        let mut watch = Self {
            subject: Vec::new(),
            apiserver: pid("kube-apiserver"),
            etcd: pid("etcd"),
            since: Instant::now(),
            before: Look::default(),
        };
        watch.before = watch.look();
        watch
    }

    /// What was taken since the last call.
    fn span(&mut self) -> Span {
        let (look, seconds) = (self.look(), self.since.elapsed().as_secs_f64());
        let before = std::mem::replace(&mut self.before, look);
        self.since = Instant::now();
        Span {
            seconds,
            cpu: look.subject.0 - before.subject.0,
            apiserver_cpu: look.apiserver.0 - before.apiserver.0,
            etcd_cpu: look.etcd.0 - before.etcd.0,
            rss: look.subject.1,
            apiserver_rss: look.apiserver.1,
        }
    }

    fn look(&self) -> Look {
        let of = |pids: &mut dyn Iterator<Item = u32>| {
            let named: Vec<(String, u32)> = pids.map(|pid| (String::new(), pid)).collect();
            let samples = Sampler.sample(&named);
            let cpu = samples.iter().map(|sample| sample.cpu_seconds).sum();
            (cpu, samples.iter().map(|sample| sample.rss_bytes).sum())
        };
        Look {
            subject: of(&mut self.subject.iter().copied()),
            apiserver: of(&mut self.apiserver.into_iter()),
            etcd: of(&mut self.etcd.into_iter()),
        }
    }
}
