//! One fake node in virtual time, beside a server that answers at once.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use fake_kubelet::{
    Action, Answer, Call, Event, Heartbeats, KUBELET_PORT, Latencies, Limits, Node, NodeSpec, Now,
    PodAddresses, PodNews, PodSighting, Preset, Watched,
};
use k8s_pb::api::core::v1 as core;
use measure::Nanos;
use null_apiserver::{Config, NullApiserver};
use prost::Message;
use wire::{Object, Request};

use crate::{pod, root_certificate, service_account};

const START: i64 = 1_795_000_000;
const ROUND_TRIP: Duration = Duration::from_millis(2);
const NAME: &str = "bench-0";
const NAMESPACE: &str = "bench";

/// A node, and the time and the server around it.
#[derive(Debug)]
pub struct Machine {
    node: Node,
    server: NullApiserver,
    /// The server's; nothing runs on it.
    _runtime: tokio::runtime::Runtime,
    at: Nanos,
    addresses: PodAddresses,
    /// What the server has to say, soonest first.
    answers: Vec<(Nanos, Event)>,
    actions: Vec<Action>,
    sent: u64,
    /// Runs what is not the node's.
    outside: Outside,
}

/// Runs something, and may look away from it.
pub type Outside = fn(&mut dyn FnMut());

/// What the nodes of all benchmarks have in common.
pub fn node_spec(preset: Preset) -> NodeSpec {
    NodeSpec {
        kubelet_version: "v1.36.3".to_owned(),
        cpu: "8".to_owned(),
        memory: "32Gi".to_owned(),
        max_pods: 110,
        labels: [("loadgen.run".to_owned(), "benchmark".to_owned())].into(),
        taints: Vec::new(),
        latencies: Latencies::default(),
        classes: preset.classes(),
        limits: Limits::default(),
        heartbeats: Heartbeats::default(),
        kubelet_port: KUBELET_PORT,
        rotation: None,
    }
}

impl Machine {
    /// A node of a preset that has been ready for ten minutes.
    ///
    /// # Errors
    /// When the server cannot be started.
    pub fn at_rest(preset: Preset) -> Result<Self, null_apiserver::Error> {
        Self::watched(preset, |work| work())
    }

    /// The same for who counts what the node does, and not what the server does.
    ///
    /// # Errors
    /// As [`Machine::at_rest`].
    pub fn watched(preset: Preset, outside: Outside) -> Result<Self, null_apiserver::Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let server = runtime.block_on(NullApiserver::start_as(Config::for_load()))?;
        server.put(&root_certificate(NAMESPACE, server.ca_pem()));
        server.put(&service_account(NAMESPACE));
        let mut machine = Self {
            node: Node::new(Arc::new(node_spec(preset)), NAME, Ipv4Addr::new(127, 0, 0, 2), 1),
            server,
            _runtime: runtime,
            at: Nanos(0),
            addresses: PodAddresses::of_shard(0, 1, 0),
            answers: Vec::new(),
            actions: Vec::new(),
            sent: 0,
            outside,
        };
        machine.step(Event::Start);
        machine.step(Event::Pod(PodSighting::ListBegins));
        machine.step(Event::Pod(PodSighting::ListEnds));
        machine.run_for(Duration::from_mins(10));
        Ok(machine)
    }

    /// Requests so far.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Lets time pass.
    pub fn run_for(&mut self, duration: Duration) {
        let end = self.at + duration;
        loop {
            let answer = self.answers.first().map(|(at, _)| *at);
            let next = [answer, self.node.next_deadline()].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.at = self.at.max(next);
            if answer == Some(next) {
                let (_, event) = self.answers.remove(0);
                self.step(event);
            } else {
                self.step(Event::Deadline);
            }
        }
        self.at = end;
    }

    /// A pod is bound to the node and starts; it is deleted after half a minute, and is gone after another.
    ///
    /// Returns whether it ran, and is gone.
    pub fn pod_life(&mut self, number: u32) -> bool {
        let name = format!("churn-{number}");
        (self.outside)(&mut || drop(self.server.put(&pod(NAMESPACE, &name, NAME))));
        self.show(&name);
        self.run_for(Duration::from_secs(30));
        let phase = |pod: core::Pod| pod.status.and_then(|status| status.phase);
        let ran = self.stored(&name).and_then(phase).as_deref() == Some("Running");
        let deletion = Request::delete(format!("/api/v1/namespaces/{NAMESPACE}/pods/{name}"));
        (self.outside)(&mut || drop(self.server.answer(&deletion)));
        self.show(&name);
        self.run_for(Duration::from_secs(30));
        ran && self.stored(&name).is_none()
    }

    fn stored(&self, name: &str) -> Option<core::Pod> {
        let mut pod = None;
        (self.outside)(&mut || pod = self.server.get(NAMESPACE, name));
        pod
    }

    /// The watch shows a pod as it is now.
    fn show(&mut self, name: &str) {
        let mut object = None;
        (self.outside)(&mut || {
            let pod: Option<core::Pod> = self.server.get(NAMESPACE, name);
            object = pod.map(|pod| Object::from_raw_protobuf(pod.encode_to_vec().into()));
        });
        if let Some(news) = object.and_then(PodNews::read) {
            self.answers.push((self.at + ROUND_TRIP, Event::Pod(PodSighting::Seen(Box::new(news)))));
        }
    }

    fn step(&mut self, event: Event) {
        let seconds = i64::try_from(self.at.0 / 1_000_000_000).unwrap_or_default();
        let wall = jiff::Timestamp::from_second(START + seconds).unwrap_or_default();
        let mut actions = std::mem::take(&mut self.actions);
        self.node.step(Now { at: self.at, wall }, event, &mut self.addresses, &mut actions);
        for action in actions.drain(..) {
            match action {
                Action::Send { call, request, intended } => self.answer(call, &request, intended),
                Action::Watch { watched: Watched::Object(name), .. } => {
                    self.answers.push((self.at + ROUND_TRIP, Event::Object { name, immutable: false }));
                }
                _ => {}
            }
        }
        self.actions = actions;
        self.answers.sort_by_key(|(at, _)| *at);
    }

    fn answer(&mut self, call: Call, request: &Request, intended: Nanos) {
        self.sent += 1;
        let before = self.of(request);
        let mut response = None;
        (self.outside)(&mut || response = Some(self.server.answer(request)));
        let answer = response.map_or(Answer::Failed, Answer::Reply);
        let at = self.at.max(intended) + ROUND_TRIP;
        // What the node has written its watch shows, and that a pod is gone.
        match (&call, before) {
            (Call::PatchPodStatus(_), Some(pod)) => {
                self.show(&pod.metadata.unwrap_or_default().name.unwrap_or_default());
            }
            (Call::DeletePod(_), Some(pod)) => {
                let uid = pod.metadata.unwrap_or_default().uid.unwrap_or_default().into();
                self.answers.push((at, Event::Pod(PodSighting::Gone { uid })));
            }
            _ => {}
        }
        self.answers.push((at, Event::Answer { call, answer }));
    }

    /// The pod that a request is about.
    fn of(&self, request: &Request) -> Option<core::Pod> {
        let (_, rest) = request.path_and_query.split_once("/pods/")?;
        self.stored(rest.split(['/', '?']).next()?)
    }
}
