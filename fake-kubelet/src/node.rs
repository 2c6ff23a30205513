//! One virtual node: the pure state machine that decides what its kubelet sends, and when.
//!
//! Its parts are registration, CSINode, lease, node status, and pods; each has its own file, its own deadline and its own requests.
//! They share nothing but the node's name, its random numbers and whether the Node object exists.

mod conditions;
mod csi;
mod lease;
mod object;
mod registration;
mod status;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, net::Ipv4Addr, ops::Range, sync::Arc, time::Duration};

use measure::Nanos;
use rand::{RngExt, SeedableRng, rngs::SmallRng};

use crate::{
    action::{Action, Answer, Call, Event, Milestone, Now},
    addresses::PodAddresses,
    pods::Pods,
};

pub(crate) use self::object::{from_time, seconds};
use self::{csi::CsiNode, lease::Lease, registration::Registration, status::StatusReports};

/// How long the steps of a pod's life take on a node. Each pod draws uniformly from the range.
#[derive(Clone, Debug)]
pub struct Latencies {
    /// From the pod being seen to its sandbox and network being ready.
    pub sandbox: Range<Duration>,
    /// From there to all containers running.
    pub start: Range<Duration>,
    /// From SIGTERM to the last container's end.
    pub stop: Range<Duration>,
    /// From there to the pod's resources being gone.
    pub remove: Range<Duration>,
}

impl Default for Latencies {
    /// What a kubelet with containerd and a cached image showed: sandbox about 0.4 s, start 0.1 s, stop 0.15 s, and about a
    /// second until the next look at the runtime finds the pod gone.
    fn default() -> Self {
        let ms = |low, high| Duration::from_millis(low)..Duration::from_millis(high);
        Self { sandbox: ms(250, 550), start: ms(50, 150), stop: ms(100, 250), remove: ms(500, 1000) }
    }
}

/// What all nodes of a fleet have in common.
#[derive(Clone, Debug)]
pub struct NodeSpec {
    /// Version the nodes report, such as `v1.36.3`.
    pub kubelet_version: String,
    /// CPUs, as a quantity.
    pub cpu: String,
    /// Memory, as a quantity.
    pub memory: String,
    /// Most pods at a time.
    pub max_pods: u32,
    /// Labels beside those every kubelet sets.
    pub labels: BTreeMap<String, String>,
    /// Taints `(key, value, effect)` set at registration.
    pub taints: Vec<(String, String, String)>,
    /// How long pods take.
    pub latencies: Latencies,
}

/// One virtual node.
#[derive(Debug)]
pub struct Node {
    common: Common,
    registration: Registration,
    csi: CsiNode,
    lease: Lease,
    status: StatusReports,
    watching: Watching,
    pods: Pods,
}

/// What every part of a node needs to know.
#[derive(Debug)]
pub(crate) struct Common {
    pub(crate) spec: Arc<NodeSpec>,
    pub(crate) name: Arc<str>,
    pub(crate) address: Ipv4Addr,
    pub(crate) rng: SmallRng,
}

impl Common {
    /// A duration drawn uniformly from `range`.
    pub(crate) fn draw(&mut self, range: &Range<Duration>) -> Duration {
        if range.is_empty() { range.start } else { self.rng.random_range(range.clone()) }
    }

    /// `period` stretched by up to `factor` of it, as apimachinery's `wait.Jitter` does.
    pub(crate) fn stretched(&mut self, period: Duration, factor: f64) -> Duration {
        period.mul_f64(1.0 + factor * self.rng.random::<f64>())
    }
}

/// When the pod watch starts: the kubelet polls once a second for its Node being known (`kubelet/config/apiserver.go`).
#[derive(Debug, PartialEq, Eq)]
enum Watching {
    NotYet,
    Polling(Nanos),
    Started,
}

impl Node {
    /// A node that has not been started. The same seed gives the same behaviour.
    pub fn new(spec: Arc<NodeSpec>, name: &str, address: Ipv4Addr, seed: u64) -> Self {
        Self {
            common: Common { spec, name: name.into(), address, rng: SmallRng::seed_from_u64(seed) },
            registration: Registration::default(),
            csi: CsiNode::default(),
            lease: Lease::default(),
            status: StatusReports::default(),
            watching: Watching::NotYet,
            pods: Pods::default(),
        }
    }

    /// The node's name.
    pub fn name(&self) -> &Arc<str> {
        &self.common.name
    }

    /// When [`Event::Deadline`] is due next, or `None` when only an answer or the watch can move the node.
    pub fn next_deadline(&self) -> Option<Nanos> {
        let watch = match self.watching {
            Watching::Polling(at) => Some(at),
            _ => None,
        };
        let parts = [
            self.registration.deadline(),
            self.csi.deadline(),
            self.lease.deadline(),
            self.status.deadline(),
            self.pods.deadline(),
            watch,
        ];
        parts.into_iter().flatten().min()
    }

    /// Advances the node. No clock, no socket: the time and an event come in, actions go out.
    pub fn step(&mut self, now: Now, event: Event, addresses: &mut PodAddresses, out: &mut Vec<Action>) {
        let common = &mut self.common;
        match event {
            Event::Start => {
                self.csi.start(common, now, out);
                self.lease.start(common, now, out);
                self.registration.start(now);
                self.pods.start(now);
                self.watching = Watching::Polling(now.at + Duration::from_secs(1));
            }
            Event::Deadline => self.on_deadline(now, addresses, out),
            Event::Answer { call, answer } => self.on_answer(now, &call, &answer, out),
            Event::Pod(sighting) => self.pods.on_sighting(common, now, sighting, addresses, out),
        }
    }

    fn on_deadline(&mut self, now: Now, addresses: &mut PodAddresses, out: &mut Vec<Action>) {
        let common = &mut self.common;
        if is_due(self.registration.deadline(), now) {
            self.registration.on_deadline(common, now, self.csi.is_done(), out);
        }
        if is_due(self.csi.deadline(), now) {
            self.csi.on_deadline(common, out);
        }
        if is_due(self.lease.deadline(), now) {
            self.lease.on_deadline(common, now, out);
        }
        if is_due(self.status.deadline(), now) {
            self.status.on_deadline(common, now, out);
        }
        if is_due(self.pods.deadline(), now) {
            self.pods.on_deadline(common, now, addresses, out);
        }
        if let Watching::Polling(at) = self.watching
            && at <= now.at
        {
            self.watching = if self.registration.is_done() {
                out.push(Action::WatchPods);
                Watching::Started
            } else {
                Watching::Polling(now.at + Duration::from_secs(1))
            };
        }
    }

    fn on_answer(&mut self, now: Now, call: &Call, answer: &Answer, out: &mut Vec<Action>) {
        let common = &mut self.common;
        match call {
            Call::CreateNode | Call::GetExistingNode => {
                if let Some(found) = self.registration.on_answer(common, now, call, answer, out) {
                    out.push(Action::Reached(Milestone::NodeRegistered));
                    self.status.registered(common, now, found, self.csi.is_done(), out);
                }
            }
            Call::ProbeCsiNode
            | Call::GetNodeForCsiNode
            | Call::GetCsiNode
            | Call::CreateCsiNode
            | Call::DeleteCsiNode => {
                if self.csi.on_answer(common, now, call, answer, out) {
                    self.status.became_ready(common, now, out);
                }
            }
            Call::GetNodeForStatus | Call::PatchNodeStatus => {
                self.status.on_answer(common, now, call, answer, out);
            }
            Call::GetLease | Call::GetNodeForLease | Call::CreateLease | Call::RenewLease => {
                if self.lease.on_answer(common, now, call, answer, out) {
                    self.status.look(common, now, out);
                }
            }
            Call::GetPod(_) | Call::PatchPodStatus(_) | Call::DeletePod(_) => {
                self.pods.on_answer(common, now, call, answer, out);
            }
        }
    }
}

fn is_due(deadline: Option<Nanos>, now: Now) -> bool {
    deadline.is_some_and(|at| at <= now.at)
}

/// Delays between tries: each twice the one before, up to a cap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    next: Duration,
    cap: Duration,
}

impl Backoff {
    pub(crate) const fn new(first: Duration, cap: Duration) -> Self {
        Self { next: first, cap }
    }

    pub(crate) fn delay(&mut self) -> Duration {
        let delay = self.next;
        self.next = (delay * 2).min(self.cap);
        delay
    }
}
