//! One run: servers and fleets are started, and the fleets' processes are looked at from outside.

use std::{thread::sleep, time::Duration};

use anyhow::{Context, bail};
use measure::{Clock, Nanos};
use scrape::{Sample, Sampler};

use crate::{
    child::Part,
    client::{Command, Plan, Progress, Sent},
    pods::{Pods, Went},
    result::{AtRest, PodLives, Registration, Result},
    serve::{Order, Served},
};

/// Longer than any number of nodes takes that a machine can hold.
const PATIENCE: Duration = Duration::from_mins(10);

/// What to measure.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    pub(crate) plan: Plan,
    pub(crate) pairs: u8,
    pub(crate) settle: Duration,
    pub(crate) rest: Duration,
    pub(crate) pods: u32,
    pub(crate) at_once: u32,
}

/// A server and its fleet.
pub(crate) struct Pair {
    pub(crate) server: Part,
    pub(crate) fleet: Part,
    nodes: u32,
}

/// CPU seconds and resident bytes of all fleets, and CPU seconds of all servers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Look {
    cpu: f64,
    pub(crate) rss: u64,
    server_cpu: f64,
}

pub(crate) fn run(trial: &Trial) -> anyhow::Result<Result> {
    let clock = Clock::start();
    let mut pairs: Vec<Pair> =
        (0..trial.pairs).map(|index| start(trial, index)).collect::<anyhow::Result<_>>()?;
    // What a fleet of no nodes takes is part of it: the cost of a node is judged by how it grows.
    wait_until_ready(&mut pairs)?;
    let seconds = clock.now().as_secs_f64();
    let registered = look(&pairs)?;
    let registration = Registration { seconds, cpu: registered.cpu };
    sleep(trial.settle);
    take(&mut pairs)?;
    let (from, since) = (look(&pairs)?, clock.now());
    sleep(trial.rest);
    let (to, seconds) = (look(&pairs)?, clock.now().since(since).as_secs_f64());
    let sent = take(&mut pairs)?;
    let rest = AtRest {
        seconds,
        cpu: to.cpu - from.cpu,
        rss: to.rss,
        server_cpu: to.server_cpu - from.server_cpu,
        sent,
    };
    let pods = (trial.pods > 0).then(|| pods(trial, &mut pairs, &rest)).transpose()?;
    Ok(Result { preset: trial.plan.preset.clone(), nodes: trial.plan.nodes, registration, rest, pods })
}

pub(crate) fn start(trial: &Trial, index: u8) -> anyhow::Result<Pair> {
    let pairs = u32::from(trial.pairs);
    let nodes = trial.plan.nodes / pairs + u32::from(u32::from(index) < trial.plan.nodes % pairs);
    let mut server = Part::start(&["serve", "--address", &format!("127.0.0.{}", index + 1)])?;
    let place: Served = server.hear()?;
    let mut fleet = Part::start(&["client"])?;
    fleet.tell(&Plan {
        nodes,
        start_rate: trial.plan.start_rate / f64::from(pairs),
        ..trial.plan.clone()
    })?;
    fleet.tell(&place)?;
    Ok(Pair { server, fleet, nodes })
}

pub(crate) fn wait_until_ready(pairs: &mut [Pair]) -> anyhow::Result<()> {
    let clock = Clock::start();
    for pair in pairs {
        loop {
            let Progress { ready, trouble } = pair.fleet.ask(&Command::Progress)?;
            if ready >= u64::from(pair.nodes) {
                break;
            }
            if clock.now() > Nanos::from(PATIENCE) {
                bail!("only {ready} of {} nodes are ready; {}", pair.nodes, trouble.unwrap_or_default());
            }
            sleep(Duration::from_millis(100));
        }
    }
    Ok(())
}

fn pods(trial: &Trial, pairs: &mut [Pair], rest: &AtRest) -> anyhow::Result<PodLives> {
    let each = trial.pods / u32::from(trial.pairs);
    let from = look(pairs)?;
    for pair in &mut *pairs {
        pair.server.tell(&Order::Pods(Pods { pods: each, at_once: trial.at_once }))?;
    }
    let mut seconds: f64 = 0.0;
    for pair in &mut *pairs {
        seconds = seconds.max(pair.server.hear::<Went>()?.seconds);
    }
    let to = look(pairs)?;
    let sent = take(pairs)?;
    // Heartbeats go on meanwhile.
    let cpu = to.cpu - from.cpu - rest.cpu / rest.seconds * seconds;
    Ok(PodLives { pods: each * u32::from(trial.pairs), seconds, cpu, rss: to.rss, sent })
}

pub(crate) fn look(pairs: &[Pair]) -> anyhow::Result<Look> {
    let mut all = Look::default();
    for pair in pairs {
        let processes = [("fleet".to_owned(), pair.fleet.pid()), ("server".to_owned(), pair.server.pid())];
        let samples = Sampler.sample(&processes);
        let [fleet, server]: [Sample; 2] = samples.try_into().ok().context("a part has ended")?;
        all.cpu += fleet.cpu_seconds;
        all.rss += fleet.rss_bytes;
        all.server_cpu += server.cpu_seconds;
    }
    Ok(all)
}

pub(crate) fn take(pairs: &mut [Pair]) -> anyhow::Result<Sent> {
    let mut all = Sent::default();
    for pair in pairs {
        let sent: Sent = pair.fleet.ask(&Command::Take)?;
        for (kind, count) in sent.requests {
            *all.requests.entry(kind).or_default() += count;
        }
        all.errors += sent.errors;
        all.leases_missed += sent.leases_missed;
        all.pods_gone += sent.pods_gone;
        all.held = [all.held, sent.held].into_iter().sum();
        all.lease_late_p99_ms = all.lease_late_p99_ms.max(sent.lease_late_p99_ms);
    }
    Ok(all)
}
