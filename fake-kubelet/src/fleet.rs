//! A fleet of virtual nodes: the handle a program holds.

mod control;
mod names;

use std::{num::NonZeroU32, sync::Arc, thread, time::Duration};

use identity::{Authority, Purpose, Subject};
use measure::{Clock, Rate, Recorder};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use wire::{Credential, Endpoint, Traffic};

pub use self::control::Replaced;
pub(crate) use self::names::Names;
use crate::{
    addresses::{PodAddresses, loopback_node_address},
    classes::Class,
    endpoint::{EndpointSpec, Listening, RunningEndpoint},
    node::{Node, NodeSpec},
    progress::{Counters, FleetProgress},
    shard::{Command, Shard},
};

/// Why a fleet cannot be started or a node of it cannot.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No certificate for a node.
    #[error("no certificate for {node}")]
    Certificate {
        /// The node.
        node: String,
        /// Why.
        #[source]
        source: identity::Error,
    },
    /// The connection cannot be set up.
    #[error(transparent)]
    Wire(#[from] wire::Error),
    /// There is no node of this number.
    #[error("there is no node {index}; the fleet has {nodes}")]
    NoSuchNode {
        /// The number.
        index: u32,
        /// How many there are, counted from 0.
        nodes: u32,
    },
    /// The kubelets' HTTPS endpoint cannot be opened.
    #[error("cannot listen on port {port} of the nodes' addresses: {source}; {hint}")]
    Listen {
        /// The port that was asked for; 0 for any.
        port: u16,
        /// What the operating system said.
        source: std::io::Error,
        /// What to do about it.
        hint: &'static str,
    },
    /// The operating system refused a thread or a runtime.
    #[error("cannot start a thread for the fleet")]
    Thread(#[source] std::io::Error),
}

/// How nodes prove who they are.
#[derive(Clone, Debug)]
pub enum Identities {
    /// The cluster's CA signs a certificate for each node.
    Ca(Arc<Authority>),
    /// All nodes are one user, who must be allowed what they do.
    Shared(Credential),
}

impl Identities {
    pub(crate) fn credential_of(&self, node: &str) -> Result<Credential, Error> {
        let authority = match self {
            Identities::Ca(authority) => authority,
            Identities::Shared(credential) => return Ok(credential.clone()),
        };
        let certificate = authority
            .issue(&Subject::node(node), &Purpose::Client)
            .and_then(|issued| issued.client_certificate())
            .map_err(|source| Error::Certificate { node: node.to_owned(), source })?;
        Ok(Credential::certificate(certificate))
    }
}

/// What fleet to start.
#[derive(Clone, Debug)]
pub struct FleetSpec {
    /// The apiserver.
    pub endpoint: Endpoint,
    /// Who the nodes are.
    pub identities: Identities,
    /// Who their kube-proxies are, all of them one service account; `None` for nodes without.
    pub proxy: Option<Credential>,
    /// How many nodes.
    pub nodes: u32,
    /// Nodes are called `<name_prefix><index>`.
    pub name_prefix: String,
    /// What the nodes have in common.
    pub node: NodeSpec,
    /// Nodes started per second.
    pub start_rate: Rate,
    /// So many nodes may be on their way to Ready at a time, in each shard; others wait for one of them to arrive. A server that is
    /// asked by more than it can serve turns them away, and they come back later and later; `None` for as many as the rate makes.
    pub start_at_once: Option<NonZeroU32>,
    /// Threads. Nodes are dealt out in turn.
    pub shards: u32,
    /// Every random choice follows from it.
    pub seed: u64,
    /// The clock of all recorded times.
    pub clock: Clock,
    /// How to serve what kubelets serve on their HTTPS port, which takes a target on this machine; `None` for not at all.
    pub serving: Option<EndpointSpec>,
}

impl FleetSpec {
    /// The name of node `index`, until another takes its place.
    pub fn node_name(&self, index: u32) -> String {
        format!("{}{index}", self.name_prefix)
    }

    /// What the random choices follow from of the node that has replaced node `index` so many times.
    fn seed_of(&self, index: u32, generation: u32) -> u64 {
        self.seed ^ (u64::from(index) << 32) ^ u64::from(generation).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

/// What a fleet did.
#[derive(Debug, Default)]
pub struct FleetReport {
    /// Latencies and outcomes by kind of request.
    pub recorder: Recorder,
    /// Bytes and connections.
    pub traffic: Traffic,
    /// Counts.
    pub progress: FleetProgress,
    /// What it holds at the moment.
    pub held: Held,
    /// The longest time that a node was without a renewed lease since the last report.
    pub longest_lease_gap: Duration,
    /// Nodes that were taken for dead since the last report, as far as they have seen it.
    pub written_off: Vec<WrittenOff>,
}

impl FleetReport {
    /// What two fleets did together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        let Self { recorder, traffic, progress, held, longest_lease_gap, written_off } = other;
        self.recorder.merge(&recorder);
        self.written_off.extend(written_off);
        Self {
            recorder: self.recorder,
            traffic: [self.traffic, traffic].into_iter().sum(),
            progress: self.progress.and(progress),
            held: [self.held, held].into_iter().sum(),
            longest_lease_gap: self.longest_lease_gap.max(longest_lease_gap),
            written_off: self.written_off,
        }
    }
}

/// A node that the node lifecycle controller has taken for dead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenOff {
    /// Its name.
    pub node: Arc<str>,
    /// How long it had been silent then, up to a second too short; `None` for a node that was not silent: a false alarm.
    pub silent_for: Option<Duration>,
}

/// What a fleet holds at a moment: none of it may grow while the fleet and its load stay as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Tasks that live in the shards' runtimes: connections, watches and requests under way.
    pub tasks: usize,
    /// HTTP/2 streams that are open: watches and requests under way.
    pub streams: usize,
    /// Entries in the shards' heaps of deadlines, those among them that are stale.
    pub deadlines: usize,
}

impl std::iter::Sum for Held {
    fn sum<I: Iterator<Item = Self>>(held: I) -> Self {
        held.fold(Self::default(), |total, one| Self {
            tasks: total.tasks + one.tasks,
            streams: total.streams + one.streams,
            deadlines: total.deadlines + one.deadlines,
        })
    }
}

/// A running fleet. Dropping it stops the nodes without a word, as a power cut does; their objects stay.
#[derive(Debug)]
pub struct Fleet {
    counters: Arc<Counters>,
    endpoint: Option<RunningEndpoint>,
    shards: Vec<RunningShard>,
    spec: Arc<FleetSpec>,
    names: Arc<Names>,
}

#[derive(Debug)]
struct RunningShard {
    commands: mpsc::UnboundedSender<Command>,
    thread: thread::JoinHandle<()>,
}

impl Fleet {
    /// Starts the shards; nodes follow at the start rate.
    pub fn start(spec: FleetSpec) -> Result<Self, Error> {
        let spec = Arc::new(spec);
        let counters = Arc::new(Counters::default());
        // Nodes that share a connection share it all together.
        let most = if spec.node.classes.has(Class::OwnConnection) { spec.nodes.max(1) } else { 1 };
        let shards = spec.shards.clamp(1, most);
        let listening = listen(&spec, &counters)?;
        // Nodes without certificates of their own have none to replace.
        let own = matches!(spec.identities, Identities::Ca(_)) && spec.node.classes.has(Class::OwnConnection);
        let common = Arc::new(NodeSpec {
            kubelet_port: listening.as_ref().map_or(spec.node.kubelet_port, Listening::port),
            rotation: spec.node.rotation.filter(|_| own),
            ..spec.node.clone()
        });
        let begin = spec.clock.now();
        // Where a fleet begins to hand out addresses follows from when it starts, so that one that adopts another's pods does not
        // begin where the other did.
        let second =
            u32::try_from(spec.clock.wall(begin).as_second().rem_euclid(1 << 17)).unwrap_or_default();
        let offset = second.wrapping_mul(97);
        let shards = (0..shards).map(|shard| {
            let nodes = (shard..spec.nodes).step_by(shards as usize).map(|index| {
                let seed = spec.seed_of(index, 0);
                let node =
                    Node::new(common.clone(), &spec.node_name(index), loopback_node_address(index), seed);
                let start = begin + Duration::from_secs_f64(f64::from(index) / spec.start_rate.get());
                (index, node, start)
            });
            let addresses = PodAddresses::of_shard(shard, shards, offset);
            let shard = Shard::new(spec.clone(), counters.clone(), addresses, nodes.collect());
            run_on_thread(shard)
        });
        let shards: Vec<RunningShard> = shards.collect::<Result<_, _>>()?;
        let names = Arc::new(Names::new(spec.clone()));
        let to_shards = || shards.iter().map(|shard| shard.commands.downgrade()).collect();
        let start = |listening| {
            RunningEndpoint::start(listening, &spec, names.clone(), to_shards(), counters.clone())
        };
        let endpoint = listening.map(start).transpose()?;
        Ok(Self { counters, endpoint, shards, spec, names })
    }

    /// The port on which the nodes' HTTPS endpoint is served, if it is.
    pub fn kubelet_port(&self) -> Option<u16> {
        self.endpoint.as_ref().map(RunningEndpoint::port)
    }

    /// How far the fleet has come.
    pub fn progress(&self) -> FleetProgress {
        self.counters.read()
    }

    /// What was recorded since the start or the last call.
    pub async fn take(&self) -> FleetReport {
        let mut recorder = Recorder::default();
        let mut traffic = Traffic::default();
        let mut held = Held::default();
        let mut longest_lease_gap = Duration::ZERO;
        let mut written_off = Vec::new();
        for shard in &self.shards {
            let (reply, answer) = oneshot::channel();
            if shard.commands.send(Command::Take(reply)).is_ok()
                && let Ok(taken) = answer.await
            {
                recorder.merge(&taken.recorder);
                traffic = [traffic, taken.traffic].into_iter().sum();
                held = [held, taken.held].into_iter().sum();
                longest_lease_gap = longest_lease_gap.max(taken.longest_lease_gap);
                written_off.extend(taken.written_off);
            }
        }
        FleetReport { recorder, traffic, progress: self.progress(), held, longest_lease_gap, written_off }
    }

    /// Stops all nodes and waits for their threads.
    pub async fn stop(self) -> FleetReport {
        let report = self.take().await;
        if let Some(endpoint) = self.endpoint {
            endpoint.stop().await;
        }
        for RunningShard { commands, thread } in self.shards {
            drop(commands);
            // A shard's thread ends within one turn of its loop; a panic in it was printed where it happened.
            let _ = tokio::task::spawn_blocking(|| thread.join()).await;
        }
        report
    }
}

/// Opens the endpoint's socket, before any node says where it is.
fn listen(spec: &FleetSpec, counters: &Counters) -> Result<Option<Listening>, Error> {
    let Some(serving) = &spec.serving else { return Ok(None) };
    match Listening::open(serving.port) {
        Ok(listening) => Ok(Some(listening)),
        Err(error) if serving.required => Err(error),
        Err(error) => {
            counters.note(&format!("the nodes serve no HTTPS endpoint: {error}"));
            Ok(None)
        }
    }
}

fn run_on_thread(shard: Shard) -> Result<RunningShard, Error> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Thread)?;
    let (commands, receiver) = mpsc::unbounded_channel();
    let thread = thread::Builder::new()
        .name("fleet".to_owned())
        .spawn(move || runtime.block_on(shard.run(receiver)))
        .map_err(Error::Thread)?;
    Ok(RunningShard { commands, thread })
}

#[cfg(test)]
mod tests {
    use measure::{Kind, Nanos, Outcome};

    use super::*;

    /// A report with a request, and everything else so large.
    fn report(number: u64) -> FleetReport {
        let mut recorder = Recorder::new();
        recorder.record(Kind::new("get", "pods"), Nanos(0), Nanos(0), Nanos(number), Outcome::Ok);
        let progress = FleetProgress {
            ready: number,
            nodes_written_off: number,
            last_error: (number == 1).then(|| "it broke".to_owned()),
            ..FleetProgress::default()
        };
        let silent_for = Some(Duration::from_secs(number));
        FleetReport {
            recorder,
            traffic: Traffic { bytes_read: number, ..Traffic::default() },
            progress,
            held: Held { tasks: 1, ..Held::default() },
            longest_lease_gap: Duration::from_secs(number),
            written_off: vec![WrittenOff { node: "n".into(), silent_for }],
        }
    }

    #[test]
    fn two_fleets_are_told_of_together() {
        let both = report(1).and(report(2));
        assert_eq!(both.recorder.kinds().map(|(_, stats)| stats.done()).sum::<u64>(), 2);
        assert_eq!((both.traffic.bytes_read, both.held.tasks, both.written_off.len()), (3, 2, 2));
        assert_eq!((both.progress.ready, both.progress.false_alarms()), (3, 3));
        assert_eq!(both.progress.last_error.as_deref(), Some("it broke"), "the other has none");
        assert_eq!(both.longest_lease_gap, Duration::from_secs(2));
    }
}
