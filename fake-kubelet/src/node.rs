//! One virtual node: the pure state machine that decides what its kubelet sends, and when.
//!
//! Its parts are registration, CSINode, lease, node status, pods, and events; each has its own file, its own deadline and its own requests.
//! They share nothing but the node's name, its random numbers and whether the Node object exists.

mod certificate;
mod conditions;
mod contact;
mod csi;
mod lease;
mod limits;
mod notes;
mod object;
mod reconcile;
mod registration;
mod seen;
mod server;
mod shutdown;
mod status;
mod watches;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, net::Ipv4Addr, ops::Range, sync::Arc, time::Duration};

use measure::Nanos;
use rand::{RngExt, SeedableRng, rngs::SmallRng};

use crate::{
    action::{Action, Answer, Call, Event, Milestone, Now, Sender},
    addresses::PodAddresses,
    classes::{Class, Classes},
    events::{Events, Note},
    latency::{Latencies, Latency},
    pods::{Lent, Pods},
    proxy::KubeProxy,
};

pub(crate) use self::object::{seconds, time, wall_time};
use self::{
    certificate::Certificate,
    contact::Contact,
    csi::CsiNode,
    lease::Lease,
    limits::Limiters,
    notes::EarlyLooks,
    registration::{Found, Registration},
    shutdown::Shutdown,
    status::StatusReports,
    watches::Watches,
};
pub use self::{certificate::Rotation, limits::Limits, seen::SeenNode};

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
    /// What traffic the nodes send.
    pub classes: Classes,
    /// What their clients allow themselves.
    pub limits: Limits,
    /// How often they say that they live, and how they are.
    pub heartbeats: Heartbeats,
    /// Port of the nodes' HTTPS endpoint as they report it; a fleet that serves one puts in the port it serves on.
    pub kubelet_port: u16,
    /// Whether certificates are replaced; `None` for nodes that keep theirs.
    pub rotation: Option<Rotation>,
}

/// Where a kubelet serves unless told otherwise (`pkg/cluster/ports/ports.go`).
pub const KUBELET_PORT: u16 = 10250;

/// How often a kubelet says that its node lives, and how it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeats {
    /// `nodeStatusUpdateFrequency`: how often it looks at its status, from the end of one look to the next one, and up to 4 % later.
    pub status_update: Duration,
    /// `nodeStatusReportFrequency`: after how long it reports a status without news. A look must find that, so it is not sooner than
    /// the next one.
    pub status_report: Duration,
    /// `nodeLeaseDurationSeconds`. The lease is renewed after a quarter of it (`kubelet.go`, `nodeLeaseRenewIntervalFraction`), and up
    /// to 4 % later.
    pub lease_seconds: u32,
}

impl Default for Heartbeats {
    /// A kubelet's (`pkg/kubelet/apis/config/v1beta1/defaults.go`).
    fn default() -> Self {
        Self {
            status_update: Duration::from_secs(10),
            status_report: Duration::from_mins(5),
            lease_seconds: 40,
        }
    }
}

impl Heartbeats {
    fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_seconds.into())
    }
}

/// One virtual node.
#[derive(Debug)]
pub struct Node {
    common: Common,
    early_looks: EarlyLooks,
    registration: Registration,
    csi: CsiNode,
    lease: Lease,
    status: StatusReports,
    watches: Watches,
    pods: Pods,
    events: Events,
    proxy: KubeProxy,
    shutdown: Shutdown,
    certificate: Certificate,
    limiters: Limiters,
    contact: Contact,
}

/// What every part of a node needs to know.
#[derive(Debug)]
pub(crate) struct Common {
    pub(crate) spec: Arc<NodeSpec>,
    pub(crate) name: Arc<str>,
    pub(crate) address: Ipv4Addr,
    pub(crate) rng: SmallRng,
    /// What the parts have noted in this step, for [`Events`].
    notes: Vec<Note>,
}

impl Common {
    /// What every part of a node called `name` knows. The same seed draws the same numbers.
    pub(crate) fn new(spec: Arc<NodeSpec>, name: &str, address: Ipv4Addr, seed: u64) -> Self {
        Self { spec, name: name.into(), address, rng: SmallRng::seed_from_u64(seed), notes: Vec::new() }
    }

    /// Makes an event of this when the step ends; nothing if the node sends no events.
    pub(crate) fn note(&mut self, note: Note) {
        if self.spec.classes.has(Class::Events) {
            self.notes.push(note);
        }
    }

    /// A duration drawn uniformly from `range`.
    pub(crate) fn draw(&mut self, range: &Range<Duration>) -> Duration {
        if range.is_empty() { range.start } else { self.rng.random_range(range.clone()) }
    }

    /// How long a step takes this time.
    pub(crate) fn latency(&mut self, of: impl Fn(&Latencies) -> &Latency) -> Duration {
        of(&self.spec.latencies).draw(&mut self.rng)
    }

    /// `period` stretched by up to `factor` of it, as apimachinery's `wait.Jitter` does.
    pub(crate) fn stretched(&mut self, period: Duration, factor: f64) -> Duration {
        period.mul_f64(1.0 + factor * self.rng.random::<f64>())
    }
}

impl Node {
    /// A node that has not been started. The same seed gives the same behaviour.
    pub fn new(spec: Arc<NodeSpec>, name: &str, address: Ipv4Addr, seed: u64) -> Self {
        Self {
            limiters: Limiters::new(&spec.limits),
            contact: Contact::default(),
            common: Common::new(spec, name, address, seed),
            early_looks: EarlyLooks::default(),
            registration: Registration::default(),
            csi: CsiNode::default(),
            lease: Lease::default(),
            status: StatusReports::default(),
            watches: Watches::default(),
            pods: Pods::default(),
            events: Events::default(),
            proxy: KubeProxy::default(),
            shutdown: Shutdown::default(),
            certificate: Certificate::default(),
        }
    }

    /// The node's name.
    pub fn name(&self) -> &Arc<str> {
        &self.common.name
    }

    /// The machine that comes in this one's place, under another name.
    pub(crate) fn successor(&self, name: &str, seed: u64) -> Self {
        Self::new(self.common.spec.clone(), name, self.common.address, seed)
    }

    /// The kubelet's process has ended, and with it what it knew; the next one begins with [`Event::Start`]. Its kube-proxy goes on
    /// unless the whole machine has gone down.
    pub fn end_process(&mut self, now: Now, machine_too: bool, addresses: &mut PodAddresses) {
        self.pods.abandon(addresses);
        self.common.notes.clear();
        let Common { spec, name, address, .. } = &self.common;
        let mut next = Self::new(spec.clone(), name, *address, 0);
        std::mem::swap(&mut next.common, &mut self.common);
        std::mem::swap(&mut next.contact, &mut self.contact);
        next.contact.end_process(now, machine_too);
        if !machine_too {
            std::mem::swap(&mut next.proxy, &mut self.proxy);
            std::mem::swap(&mut next.limiters.proxy, &mut self.limiters.proxy);
        }
        *self = next;
    }

    /// The longest time without a renewed lease since this was last asked.
    pub fn take_longest_lease_gap(&mut self, at: Nanos) -> Duration {
        self.lease.take_longest_gap(at)
    }

    /// When [`Event::Deadline`] is due next, or `None` when only an answer or the watch can move the node.
    pub fn next_deadline(&self) -> Option<Nanos> {
        let parts = [
            self.early_looks.deadline(),
            self.registration.deadline(),
            self.csi.deadline(),
            self.lease.deadline(),
            self.status.deadline(),
            self.pods.deadline(),
            self.watches.deadline(),
            self.events.deadline(),
            self.proxy.deadline(),
            self.shutdown.deadline(),
            self.certificate.deadline(),
            self.contact.deadline(),
        ];
        parts.into_iter().flatten().min()
    }

    /// Advances the node. No clock, no socket: the time and an event come in, actions go out.
    pub fn step(&mut self, now: Now, event: Event, addresses: &mut PodAddresses, out: &mut Vec<Action>) {
        let sent_before = out.len();
        self.react(now, event, addresses, out);
        if out[sent_before..].iter().any(|action| matches!(action, Action::Reached(Milestone::NodeReady))) {
            self.proxy.node_is_ready(&mut self.common, now);
        }
        self.shutdown.pods_are_over(now, || self.pods.are_over());
        for note in std::mem::take(&mut self.common.notes) {
            self.events.note(&self.common, now, note, out);
        }
        self.contact.hold_back(sent_before, out);
        self.limiters.apply(now, &mut out[sent_before..]);
    }

    fn react(&mut self, now: Now, event: Event, addresses: &mut PodAddresses, out: &mut Vec<Action>) {
        let common = &mut self.common;
        match event {
            Event::Start => {
                // A machine that was without power, or had shut down.
                self.contact.regain(now);
                self.early_looks.start(common, now);
                self.watches.start(common, now, out);
                self.csi.start(common, now, out);
                self.lease.start(common, now, out);
                self.registration.start(now);
                self.pods.start(now);
                self.certificate.start(common, now);
            }
            Event::Deadline => self.on_deadline(now, addresses, out),
            Event::Answer { call, answer: Answer::Failed } if self.contact.is_lost() => {
                self.contact.leave_open(call);
            }
            Event::Answer { call, answer } => self.on_answer(now, &call, &answer, addresses, out),
            Event::Pod(sighting) => {
                self.pods.on_sighting(sighting, &mut Lent { common, now, addresses, out });
            }
            Event::Node(node) => {
                self.early_looks.node_exists();
                self.contact.witness(&node, out);
                self.status.observed(now, &node);
            }
            Event::Shutdown => {
                if self.shutdown.begin() {
                    self.status.shut_down(common, now, out);
                    self.pods.shut_down(&mut Lent { common, now, addresses, out });
                }
            }
            Event::Silence => {
                if self.contact.lose(now) {
                    self.lease.cut_off(now);
                    out.push(Action::Disconnect);
                }
            }
            Event::Resume => self.resume(now, addresses, out),
            Event::ProxySynced => self.proxy.node_synced(now),
            Event::Object { name, immutable } => self.pods.on_object(&name, immutable, out),
            Event::Issued(pem) => self.certificate.on_outcome(common, now, pem.as_deref(), out),
        }
    }

    /// The server can be reached again.
    fn resume(&mut self, now: Now, addresses: &mut PodAddresses, out: &mut Vec<Action>) {
        let Some(unanswered) = self.contact.regain(now) else { return };
        let common = &mut self.common;
        self.lease.resume(common, now, out);
        self.status.resume(common, now, out);
        let mut watches = Vec::new();
        self.watches.open(common, &mut watches);
        self.pods.open(&mut watches);
        self.certificate.open(&mut watches);
        self.proxy.open(common, &mut watches);
        self.contact.reopen(common, now, watches, out);
        // Lease and status have begun anew.
        for call in unanswered.iter().filter(|call| call.sender() != Sender::Heartbeat) {
            self.on_answer(now, call, &Answer::Failed, addresses, out);
        }
        self.pods.resume(&mut Lent { common: &mut self.common, now, addresses, out });
    }

    fn on_deadline(&mut self, now: Now, addresses: &mut PodAddresses, out: &mut Vec<Action>) {
        let common = &mut self.common;
        if is_due(self.early_looks.deadline(), now) {
            self.early_looks.on_deadline(common);
        }
        if is_due(self.registration.deadline(), now) {
            let ready = is_ready(common, &self.csi);
            self.registration.on_deadline(common, now, ready, out);
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
            self.pods.on_deadline(&mut Lent { common, now, addresses, out });
        }
        if is_due(self.watches.deadline(), now) {
            self.watches.on_deadline(common, now, self.registration.is_done(), out);
        }
        if is_due(self.events.deadline(), now) {
            self.events.on_deadline(common, out);
        }
        if is_due(self.proxy.deadline(), now) {
            self.proxy.on_deadline(common, now, out);
        }
        if is_due(self.shutdown.deadline(), now) {
            self.shutdown.on_deadline(out);
        }
        if is_due(self.certificate.deadline(), now) {
            self.certificate.on_deadline(common, now, out);
        }
        if is_due(self.contact.deadline(), now) {
            self.contact.on_deadline(now, out);
        }
    }

    fn on_answer(
        &mut self,
        now: Now,
        call: &Call,
        answer: &Answer,
        addresses: &mut PodAddresses,
        out: &mut Vec<Action>,
    ) {
        let common = &mut self.common;
        match call {
            Call::CreateNode | Call::GetExistingNode | Call::ReconcileNode => {
                if let Some(found) = self.registration.on_answer(common, now, call, answer, out) {
                    out.push(Action::Reached(Milestone::NodeRegistered));
                    if let Found::Existing { node, .. } = &found
                        && self.contact.was_ever_lost()
                    {
                        self.contact.witness(node, out);
                    }
                    let ready = is_ready(common, &self.csi);
                    self.status.registered(common, now, found, ready, out);
                }
            }
            Call::ProbeCsiNode
            | Call::GetNodeForCsiNode
            | Call::GetCsiNode
            | Call::CreateCsiNode
            | Call::DeleteCsiNode => {
                if *call == Call::GetNodeForCsiNode && answer.is_success() {
                    self.early_looks.node_exists();
                }
                if self.csi.on_answer(common, now, call, answer, out) {
                    self.status.became_ready(common, now, out);
                }
            }
            Call::GetNodeForStatus | Call::PatchNodeStatus => {
                // The watch may come back later than this.
                if self.contact.was_ever_lost()
                    && let Some(node) = answer.object::<SeenNode>()
                {
                    self.contact.witness(&node, out);
                }
                self.status.on_answer(common, now, call, answer, out);
            }
            Call::GetLease | Call::GetNodeForLease | Call::CreateLease | Call::RenewLease => {
                let lives_again = self.lease.on_answer(common, now, call, answer, out);
                if lives_again && !common.spec.classes.has(Class::NodeWatches) {
                    self.status.look(common, now, out);
                }
            }
            Call::GetPod(_)
            | Call::PatchPodStatus(_)
            | Call::DeletePod(_)
            | Call::CreateToken(..)
            | Call::GetClaim(..)
            | Call::GetVolume(..) => {
                self.pods.on_answer(call, answer, &mut Lent { common, now, addresses, out });
            }
            Call::DeleteResourceSlices => self.watches.on_answer(now, answer),
            Call::CreateEvent | Call::PatchEvent => self.events.on_answer(common, now, call, answer, out),
            Call::CreateProxyEvent => self.proxy.on_answer(common, now, answer),
            Call::CreateCertificateRequest | Call::ListCertificateRequest => {
                self.certificate.on_answer(common, now, call, answer, out);
            }
            Call::ReviewToken | Call::ReviewAccess => {}
        }
    }
}

/// Whether nothing keeps the node from being ready. One that never reports its status has to be from the start.
fn is_ready(common: &Common, csi: &CsiNode) -> bool {
    csi.is_done() || !common.spec.classes.has(Class::NodeStatus)
}

/// The uid of the Node in an answer; empty without one.
fn uid_in(answer: &Answer) -> String {
    answer.object::<SeenNode>().map(|node| node.uid().to_owned()).unwrap_or_default()
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
