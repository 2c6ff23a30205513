//! Drives one node through virtual time against [`Server`], and keeps what it sent.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use k8s_pb::api::core::v1 as core;
use measure::Nanos;
use prost::Message;
use serde_json::Value;
use wire::{Step, WatchSpec};

use super::{render, server::Server};
use crate::{
    Action, Answer, Call, Class, Classes, Event, Heartbeats, Latencies, Latency, Limits, Milestone, Node,
    NodeSpec, Now, ObjectName, PodAddresses, PodNews, PodSighting, ProxyWatch, SeenNode, Watched,
};

/// The recorded kubelet's start, to the millisecond: with it the same seconds turn at the same steps.
pub(super) const START: &str = "2026-11-22T11:45:14.566Z";
const ROUND_TRIP: Duration = Duration::from_millis(2);

/// A request the node has sent.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) at: Duration,
    pub(super) call: Call,
    /// Verb and path, the API's prefixes left out: `PATCH pods/p/status`.
    pub(super) line: String,
    pub(super) body: Value,
    /// Whether it succeeded, once the node knows.
    pub(super) outcome: Option<bool>,
}

/// What happens to a request instead of being served.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// This status.
    Refused(u16),
    /// No answer; the server never saw it.
    Unreachable,
    /// No answer, but the server did it.
    AnswerLost,
}

type Faults = dyn FnMut(&Call) -> Option<Fault>;

enum Delivery {
    Answer(Call, Answer),
    Pod(PodSighting),
    Node(Box<SeenNode>),
    Object(ObjectName),
    ProxySynced,
}

#[expect(clippy::struct_excessive_bools, reason = "facts about the test that do not depend on each other")]
pub(super) struct Driver {
    pub(super) node: Node,
    pub(super) server: Server,
    pub(super) now: Duration,
    pub(super) addresses: PodAddresses,
    pub(super) milestones: Vec<Milestone>,
    pub(super) sent: Vec<Sent>,
    /// The watches that were started, but that of pods, and when.
    pub(super) watched: Vec<(Duration, Watched, WatchSpec)>,
    /// When the node began to use another certificate.
    pub(super) certificates: Vec<Duration>,
    /// When the node's process ended by itself.
    pub(super) stopped: Option<Duration>,
    faults: Box<Faults>,
    /// The machine was cut off, and is.
    pub(super) cut_off: bool,
    /// Watches that began again, when and how.
    pub(super) rewatched: Vec<(Duration, Step)>,
    watching: bool,
    watching_node: bool,
    /// Watches of Secrets and config maps that were started (`+`) and ended (`-`).
    pub(super) watches: Vec<String>,
    /// Secrets and config maps do not exist, until they are shown.
    pub(super) hides_objects: bool,
    hidden: Vec<ObjectName>,
    deliveries: Vec<(Duration, Delivery)>,
    /// Checked after every step; gets what was sent in it.
    pub(super) invariants: Option<fn(&Driver, usize)>,
}

pub(super) fn latencies() -> Latencies {
    let exactly = |ms| Latency::exactly(Duration::from_millis(ms));
    Latencies {
        admit: exactly(0),
        mount: exactly(0),
        sandbox: exactly(350),
        pull: exactly(1000),
        create: exactly(30),
        start: exactly(57),
        probe: exactly(35),
        init: exactly(300),
        job: exactly(2000),
        relist: exactly(400),
        relist_again: exactly(1000),
        stop: exactly(130),
        remove: exactly(900),
    }
}

/// What makes nodes and pods live, and nothing beside it: other classes have tests of their own.
pub(super) const LIFE_ONLY: Classes = Classes::NONE
    .with(Class::OwnConnection)
    .with(Class::PodGets)
    .with(Class::PodPhases)
    .with(Class::NodeStatus)
    .with(Class::NodeImages)
    .with(Class::CsiNode);

pub(super) fn spec() -> NodeSpec {
    NodeSpec {
        kubelet_version: "v1.36.3".to_owned(),
        cpu: "2".to_owned(),
        memory: "24684096Ki".to_owned(),
        max_pods: 110,
        labels: [].into(),
        taints: Vec::new(),
        latencies: latencies(),
        classes: LIFE_ONLY,
        limits: Limits::default(),
        heartbeats: Heartbeats::default(),
        kubelet_port: crate::node::KUBELET_PORT,
        rotation: None,
    }
}

impl Driver {
    /// A node called `vm` that has not started, beside an empty server.
    pub(super) fn new() -> Self {
        Self::beside(Server::default())
    }

    /// The same beside a server that has something already.
    pub(super) fn beside(server: Server) -> Self {
        Self::with_seed(server, 1)
    }

    pub(super) fn with_seed(server: Server, seed: u64) -> Self {
        Self::sending(LIFE_ONLY, server, seed)
    }

    /// A node that sends these classes of traffic.
    pub(super) fn sending(classes: Classes, server: Server, seed: u64) -> Self {
        Self::of(NodeSpec { classes, ..spec() }, server, seed)
    }

    /// The same with another specification.
    pub(super) fn of(spec: NodeSpec, server: Server, seed: u64) -> Self {
        Self {
            node: Node::new(Arc::new(spec), "vm", Ipv4Addr::new(192, 0, 2, 2), seed),
            server,
            now: Duration::ZERO,
            addresses: PodAddresses::of_shard(0, 1, 0),
            milestones: Vec::new(),
            sent: Vec::new(),
            watched: Vec::new(),
            certificates: Vec::new(),
            stopped: None,
            faults: Box::new(|_| None),
            cut_off: false,
            rewatched: Vec::new(),
            watching: false,
            watching_node: false,
            watches: Vec::new(),
            hides_objects: false,
            hidden: Vec::new(),
            deliveries: Vec::new(),
            invariants: None,
        }
    }

    /// A node that has started, registered and become ready, its requests forgotten. The time is 2 s.
    pub(super) fn ready() -> Self {
        let mut driver = Self::new();
        driver.start();
        driver.run_until(Duration::from_secs(2));
        driver.forget();
        driver
    }

    pub(super) fn start(&mut self) {
        self.step(Event::Start);
    }

    /// Something happens to the node.
    pub(super) fn happen(&mut self, event: Event) {
        self.step(event);
    }

    /// The kubelet is killed: what is on its way to it is lost.
    pub(super) fn end_process(&mut self) {
        self.end(false);
    }

    /// The machine loses its power.
    pub(super) fn lose_power(&mut self) {
        self.end(true);
    }

    fn end(&mut self, machine_too: bool) {
        let now = Now { at: Nanos::from(self.now), wall: self.wall() };
        self.node.end_process(now, machine_too, &mut self.addresses);
        self.deliveries.clear();
        self.watching = false;
        self.watching_node = false;
        self.server.take_events();
        self.server.take_node_events();
    }

    /// From now on `faults` decides about each request.
    pub(super) fn on_request(&mut self, faults: impl FnMut(&Call) -> Option<Fault> + 'static) {
        self.faults = Box::new(faults);
    }

    pub(super) fn serve_all(&mut self) {
        self.faults = Box::new(|_| None);
    }

    pub(super) fn bind(&mut self, pod: &core::Pod) {
        self.server.bind(pod);
        self.deliver_events();
    }

    /// The Secrets and config maps that were missing are made.
    pub(super) fn show_objects(&mut self) {
        let hidden = std::mem::take(&mut self.hidden);
        self.deliveries.extend(hidden.into_iter().map(|name| (self.now, Delivery::Object(name))));
    }

    /// The node lifecycle controller takes the node for dead.
    pub(super) fn write_off(&mut self) {
        let at = self.wall();
        self.server.write_off(at);
        self.deliver_events();
    }

    /// Somebody else writes a condition of the Node.
    pub(super) fn set_node_condition(&mut self, kind: &str, status: &str) {
        self.server.set_node_condition(kind, status);
        self.deliver_events();
    }

    pub(super) fn delete(&mut self, name: &str) {
        self.server.delete_gracefully(name);
        self.deliver_events();
    }

    pub(super) fn delete_by_force(&mut self, name: &str) {
        self.server.delete_by_force(name);
        self.deliver_events();
    }

    pub(super) fn run_for(&mut self, time: Duration) {
        self.run_until(self.now + time);
    }

    /// Lets everything happen that is due until `end`.
    pub(super) fn run_until(&mut self, end: Duration) {
        loop {
            let delivery = self.deliveries.iter().map(|(at, _)| *at).min();
            let deadline = self.node.next_deadline().map(Duration::from);
            let Some(next) = delivery.into_iter().chain(deadline).min().filter(|&next| next <= end) else {
                break;
            };
            self.now = self.now.max(next);
            if delivery == Some(next) {
                // The first of those that are due: deliveries keep their order.
                let index = self.deliveries.iter().position(|(at, _)| *at == next).unwrap();
                match self.deliveries.remove(index).1 {
                    Delivery::Answer(call, answer) => self.step(Event::Answer { call, answer }),
                    Delivery::Pod(sighting) => self.step(Event::Pod(sighting)),
                    Delivery::Node(node) => self.step(Event::Node(node)),
                    Delivery::Object(name) => self.step(Event::Object { name, immutable: false }),
                    Delivery::ProxySynced => self.step(Event::ProxySynced),
                }
            } else {
                self.step(Event::Deadline);
            }
        }
        self.now = self.now.max(end);
    }

    pub(super) fn wall(&self) -> jiff::Timestamp {
        START.parse::<jiff::Timestamp>().unwrap() + self.now
    }

    pub(super) fn is_waiting(&self) -> bool {
        !self.deliveries.is_empty()
    }

    fn step(&mut self, event: Event) {
        let before = self.sent.len();
        self.cut_off &= !matches!(event, Event::Start | Event::Resume);
        if let Event::Answer { call, answer } = &event {
            let asked = self.sent.iter_mut().find(|sent| sent.call == *call && sent.outcome.is_none());
            if let Some(sent) = asked {
                sent.outcome = Some(answer.is_success());
            }
        }
        let now = Now { at: Nanos::from(self.now), wall: self.wall() };
        let mut actions = Vec::new();
        self.node.step(now, event, &mut self.addresses, &mut actions);
        for action in actions {
            let action = match action {
                Action::Rewatch { watched, spec, first } => {
                    self.rewatched.push((self.now, first));
                    Action::Watch { watched, spec }
                }
                other => other,
            };
            match action {
                Action::Rewatch { .. } => unreachable!("taken for a watch"),
                Action::Reached(milestone) => self.milestones.push(milestone),
                Action::Watch { watched: Watched::Pods, .. } => {
                    assert!(!self.watching, "the pod watch is started once");
                    self.watching = true;
                    self.deliver_list();
                }
                Action::Watch { watched: Watched::Object(name), .. } => {
                    self.watches.push(format!("+{}", name.name));
                    if self.hides_objects {
                        self.hidden.push(name);
                    } else {
                        self.deliveries.push((self.now + ROUND_TRIP, Delivery::Object(name)));
                    }
                }
                Action::Unwatch(Watched::Object(name)) => self.watches.push(format!("-{}", name.name)),
                Action::Watch { watched: Watched::Node, spec } => {
                    self.watching_node = true;
                    self.server.take_node_events();
                    self.server.node.clone().iter().for_each(|node| self.deliver_node(node));
                    self.watched.push((self.now, Watched::Node, spec));
                }
                Action::Watch { watched, spec } => {
                    if watched == Watched::Proxy(ProxyWatch::Node) {
                        self.deliveries.push((self.now + ROUND_TRIP, Delivery::ProxySynced));
                    }
                    self.watched.push((self.now, watched, spec));
                }
                Action::UseCertificate(_) => self.certificates.push(self.now),
                Action::Unwatch(_) => {}
                Action::Stop => self.stopped = Some(self.now),
                Action::Disconnect => self.disconnect(),
                Action::Send { call, request, intended } => {
                    assert!(intended <= now.at, "{call:?} is sent before it was meant to be");
                    let sent = Sent {
                        at: self.now,
                        call: call.clone(),
                        line: render::line(&request),
                        body: render::body(&call, &request),
                        outcome: None,
                    };
                    self.sent.push(sent);
                    let answer = match (self.faults)(&call) {
                        None => Answer::Reply(self.server.answer(&request)),
                        Some(Fault::Refused(code)) => Answer::Reply(Server::refusal(code)),
                        Some(Fault::Unreachable) => Answer::Failed,
                        Some(Fault::AnswerLost) => {
                            self.server.answer(&request);
                            Answer::Failed
                        }
                    };
                    self.deliveries.push((self.now + ROUND_TRIP, Delivery::Answer(call, answer)));
                    self.deliver_events();
                }
            }
        }
        if let Some(invariants) = self.invariants {
            invariants(self, before);
        }
    }

    /// Watches end, and requests under way have no answer.
    fn disconnect(&mut self) {
        (self.cut_off, self.watching, self.watching_node) = (true, false, false);
        let (at, lost) = (self.now, std::mem::take(&mut self.deliveries));
        let unanswered = lost.into_iter().filter_map(|(_, delivery)| match delivery {
            Delivery::Answer(call, _) => Some((at, Delivery::Answer(call, Answer::Failed))),
            _ => None,
        });
        self.deliveries = unanswered.collect();
    }

    /// What the server's pods have gone through reaches the node before the answers to its own requests do.
    pub(super) fn deliver_events(&mut self) {
        for node in self.server.take_node_events() {
            if self.watching_node {
                self.deliver_node(&node);
            }
        }
        for event in self.server.take_events() {
            if self.watching {
                self.deliver(match event {
                    Ok(pod) => seen(&pod),
                    Err(uid) => PodSighting::Gone { uid: uid.into() },
                });
            }
        }
    }

    /// The watch of the Node shows it, as it is or was.
    pub(super) fn deliver_node(&mut self, node: &core::Node) {
        let seen = SeenNode::decode(node.encode_to_vec().as_slice()).unwrap();
        self.deliveries.push((self.now + ROUND_TRIP / 2, Delivery::Node(Box::new(seen))));
    }

    fn deliver(&mut self, sighting: PodSighting) {
        self.deliveries.push((self.now + ROUND_TRIP / 2, Delivery::Pod(sighting)));
    }

    /// A fresh list, as after the watch has expired.
    pub(super) fn relist(&mut self) {
        if !self.watching {
            return;
        }
        self.deliveries.retain(|(_, delivery)| !matches!(delivery, Delivery::Pod(_)));
        self.server.take_events();
        self.deliver_list();
    }

    fn deliver_list(&mut self) {
        self.deliver(PodSighting::ListBegins);
        for pod in self.server.all_pods() {
            self.deliver(seen(&pod));
        }
        self.deliver(PodSighting::ListEnds);
    }

    pub(super) fn forget(&mut self) {
        self.sent.clear();
        self.milestones.clear();
    }

    /// What was sent since the last check, in order.
    #[track_caller]
    pub(super) fn check(&mut self, expected: &[&str]) {
        let lines: Vec<&str> = self.sent.iter().map(|sent| sent.line.as_str()).collect();
        assert_eq!(lines, expected);
        self.forget();
    }

    /// The same for those requests whose line contains `part`; all are forgotten.
    #[track_caller]
    pub(super) fn check_of(&mut self, part: &str, expected: &[&str]) {
        let lines: Vec<&str> =
            self.sent.iter().map(|it| it.line.as_str()).filter(|it| it.contains(part)).collect();
        assert_eq!(lines, expected);
        self.forget();
    }

    /// When the requests whose line contains `part` were sent, in milliseconds.
    pub(super) fn times_of(&self, part: &str) -> Vec<u64> {
        let sent = self.sent.iter().filter(|sent| sent.line.contains(part));
        sent.map(|sent| u64::try_from(sent.at.as_millis()).unwrap()).collect()
    }
}

fn seen(pod: &core::Pod) -> PodSighting {
    let object = wire::Object::from_raw_protobuf(pod.encode_to_vec().into());
    PodSighting::Seen(Box::new(PodNews::read(object).unwrap()))
}

/// A pod with one container `c`, 10m CPU and 16Mi memory, bound to the node.
pub(super) fn pod(name: &str) -> core::Pod {
    render::pod(name, &format!("uid-of-{name}"), "c", &["10m", "16Mi"], "kube-api-access-x")
}

pub(super) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
