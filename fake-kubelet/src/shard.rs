//! A shard of the fleet: one thread that owns some nodes, their sockets and their timers.
//!
//! Nodes never wait for each other here: a shard takes the next due deadline from one heap, or the next answer or watch event
//! from one queue, lets that node step, and carries out the actions.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    iter,
    sync::Arc,
};

use measure::{Clock, Nanos, Recorder};
use tokio::{
    sync::{mpsc, oneshot},
    task::AbortHandle,
};
use wire::{Client, Credential, Traffic, WatchSpec};

use crate::{
    action::{Action, Event, Now, Sender, Watched},
    addresses::PodAddresses,
    classes::Class,
    edge::{Attempt, Edge, Message, Origin, SharedSighting, watch_all_pods},
    fleet::{Error, FleetSpec},
    node::Node,
    progress::Counters,
};

/// What a shard is asked from outside.
pub(crate) enum Command {
    /// Hand over what was recorded since the last time.
    Take(oneshot::Sender<(Recorder, Traffic)>),
}

/// A node and what belongs to it at the edge.
struct Slot {
    node: Node,
    index: u32,
    process: Option<Process>,
    /// How many kubelet processes the node has had.
    processes: u32,
    /// The earliest entry this node has in the heap; later entries of it are stale.
    scheduled: Option<Nanos>,
}

/// The sockets and watches of a kubelet that runs, and of the kube-proxy beside it.
struct Process {
    kubelet: Client,
    proxy: Option<Client>,
    watches: Vec<(Watched, AbortHandle)>,
}

impl Process {
    fn client(&self, sender: Sender) -> Option<&Client> {
        match sender {
            Sender::Proxy => self.proxy.as_ref(),
            _ => Some(&self.kubelet),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.watches.iter().for_each(|(_, watch)| watch.abort());
    }
}

pub(crate) struct Shard {
    spec: Arc<FleetSpec>,
    clock: Clock,
    counters: Arc<Counters>,
    slots: Vec<Slot>,
    deadlines: BinaryHeap<Reverse<(Nanos, usize)>>,
    addresses: PodAddresses,
    recorder: Recorder,
    inbox: mpsc::UnboundedReceiver<Message>,
    sender: mpsc::UnboundedSender<Message>,
    actions: Vec<Action>,
    /// What nodes without connections of their own share.
    shared: Option<Client>,
    /// Where a node is, for what a shared watch sees.
    by_name: HashMap<Arc<str>, usize>,
    watches_started: u64,
}

impl Shard {
    /// A shard with nodes that start at the given times.
    pub(crate) fn new(
        spec: Arc<FleetSpec>,
        counters: Arc<Counters>,
        addresses: PodAddresses,
        nodes: Vec<(u32, Node, Nanos)>,
    ) -> Self {
        let (sender, inbox) = mpsc::unbounded_channel();
        let mut deadlines = BinaryHeap::with_capacity(nodes.len());
        let mut slots = Vec::with_capacity(nodes.len());
        for (index, node, start) in nodes {
            deadlines.push(Reverse((start, slots.len())));
            slots.push(Slot { node, index, process: None, processes: 0, scheduled: Some(start) });
        }
        let clock = spec.clock;
        Self {
            spec,
            clock,
            counters,
            slots,
            deadlines,
            addresses,
            recorder: Recorder::default(),
            inbox,
            sender,
            actions: Vec::new(),
            shared: None,
            by_name: HashMap::new(),
            watches_started: 0,
        }
    }

    /// Runs until the other end of `commands` is gone.
    pub(crate) async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        if !self.spec.node.classes.has(Class::OwnConnection) {
            self.share_a_connection();
        }
        loop {
            let due = self.deadlines.peek().map(|Reverse((at, _))| *at);
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::Take(reply)) => {
                        // Nobody waits any more when the fleet was dropped meanwhile.
                        let _ = reply.send((self.recorder.take(), self.traffic()));
                    }
                    None => return,
                },
                Some(message) = self.inbox.recv() => self.on_message(message),
                () = sleep_until(self.clock, due) => self.on_deadline(),
            }
        }
    }

    fn now(&self) -> Now {
        let at = self.clock.now();
        Now { at, wall: self.clock.wall(at) }
    }

    fn traffic(&self) -> Traffic {
        let own = self.slots.iter().filter_map(|slot| slot.process.as_ref());
        let own = own.flat_map(|process| iter::once(&process.kubelet).chain(&process.proxy));
        match &self.shared {
            Some(client) => client.traffic(),
            None => own.map(Client::traffic).sum(),
        }
    }

    fn on_deadline(&mut self) {
        let now = self.now();
        while let Some(&Reverse((at, slot))) = self.deadlines.peek()
            && at <= now.at
        {
            self.deadlines.pop();
            if self.slots[slot].scheduled != Some(at) {
                continue;
            }
            self.slots[slot].scheduled = None;
            if self.slots[slot].process.is_some() {
                self.step(slot, now, Event::Deadline);
            } else {
                self.start(slot, now);
            }
        }
    }

    fn start(&mut self, slot: usize, now: Now) {
        let place = &mut self.slots[slot];
        match self.spec.process_of(place.node.name(), self.shared.as_ref()) {
            Ok(process) => {
                place.process = Some(process);
                place.processes += 1;
                self.counters.node_started();
                self.step(slot, now, Event::Start);
            }
            Err(error) => self.counters.note(&error.to_string()),
        }
    }

    fn on_message(&mut self, message: Message) {
        let now = self.now();
        match message {
            Message::Attempt(attempt) => self.record(&attempt),
            Message::Answer { of, call, answer, attempt } => {
                self.record(&attempt);
                self.step_process(of, now, Event::Answer { call, answer });
            }
            Message::News { of, event } => self.step_process(of, now, event),
            Message::Shared(sighting) => self.step_sharing(now, sighting),
        }
    }

    /// A step of the process that something is about; news for one that is no more are dropped.
    fn step_process(&mut self, of: Origin, now: Now, event: Event) {
        let place = &self.slots[of.slot];
        if place.process.is_some() && place.processes == of.process {
            self.step(of.slot, now, event);
        }
    }

    /// What a shared watch saw of a pod is for its node, and what it saw of the list is for all.
    fn step_sharing(&mut self, now: Now, sighting: SharedSighting) {
        match sighting {
            SharedSighting::Of { node, sighting } => {
                let slot = self.by_name.get(&*node).copied();
                if let Some(slot) = slot.filter(|&slot| self.slots[slot].process.is_some()) {
                    self.step(slot, now, Event::Pod(sighting));
                }
            }
            SharedSighting::OfAll(edge) => {
                for slot in 0..self.slots.len() {
                    if self.slots[slot].process.is_some() {
                        self.step(slot, now, Event::Pod(edge.into()));
                    }
                }
            }
        }
    }

    fn record(&mut self, attempt: &Attempt) {
        self.recorder.record(attempt.kind, attempt.intended, attempt.sent, attempt.done, attempt.outcome);
    }

    fn step(&mut self, slot: usize, now: Now, event: Event) {
        let mut actions = std::mem::take(&mut self.actions);
        self.slots[slot].node.step(now, event, &mut self.addresses, &mut actions);
        for action in actions.drain(..) {
            self.carry_out(slot, action);
        }
        self.actions = actions;
        self.schedule(slot);
    }

    fn schedule(&mut self, slot: usize) {
        let place = &mut self.slots[slot];
        let Some(at) = place.node.next_deadline() else { return };
        if place.scheduled.is_none_or(|scheduled| at < scheduled) {
            place.scheduled = Some(at);
            self.deadlines.push(Reverse((at, slot)));
        }
    }

    fn carry_out(&mut self, slot: usize, action: Action) {
        match action {
            Action::Reached(milestone) => self.counters.reached(milestone),
            Action::Send { call, request, intended } => {
                if let Some(edge) = self.edge(slot, call.sender()) {
                    tokio::spawn(edge.send(call, request, intended));
                }
            }
            Action::Watch { watched, spec } => self.watch(slot, watched, spec),
            Action::Unwatch(watched) => {
                let Some(process) = &mut self.slots[slot].process else { return };
                process.watches.retain(|(other, watch)| {
                    let ends = *other == watched;
                    if ends {
                        watch.abort();
                    }
                    !ends
                });
            }
            Action::UseCertificate(_) => {}
        }
    }

    fn watch(&mut self, slot: usize, watched: Watched, spec: WatchSpec) {
        let sender = if matches!(watched, Watched::Proxy(_)) { Sender::Proxy } else { Sender::Kube };
        let Some(edge) = self.edge(slot, sender) else { return };
        self.watches_started += 1;
        let seed =
            self.spec.seed.wrapping_add((u64::from(self.slots[slot].index) << 32) + self.watches_started);
        let watch = tokio::spawn(edge.watch(watched.clone(), spec, seed)).abort_handle();
        if let Some(process) = &mut self.slots[slot].process {
            process.watches.push((watched, watch));
        }
    }

    fn edge(&self, slot: usize, sender: Sender) -> Option<Edge> {
        let place = &self.slots[slot];
        let client = place.process.as_ref()?.client(sender)?.clone();
        let origin = Origin { slot, process: place.processes };
        let (clock, sender, counters) = (self.clock, self.sender.clone(), self.counters.clone());
        Some(Edge { origin, client, clock, sender, counters })
    }

    /// One client and one watch for all nodes of the shard.
    fn share_a_connection(&mut self) {
        let names = self.slots.iter().enumerate();
        self.by_name = names.map(|(slot, place)| (place.node.name().clone(), slot)).collect();
        let client = self.spec.identities.credential_of("shared");
        match client.and_then(|credential| self.spec.client(credential, "kubelet")) {
            Ok(client) => {
                self.shared = Some(client.clone());
                let (sender, counters) = (self.sender.clone(), self.counters.clone());
                tokio::spawn(watch_all_pods(client, self.spec.seed, sender, counters));
            }
            Err(error) => self.counters.note(&error.to_string()),
        }
    }
}

/// Sleeps until `due`; for ever without one.
async fn sleep_until(clock: Clock, due: Option<Nanos>) {
    match due {
        Some(due) => tokio::time::sleep(due.since(clock.now())).await,
        None => std::future::pending().await,
    }
}

impl FleetSpec {
    fn process_of(&self, node: &str, shared: Option<&Client>) -> Result<Process, Error> {
        let kubelet = match shared {
            Some(client) => client.clone(),
            None => self.client(self.identities.credential_of(node)?, "kubelet")?,
        };
        let proxy = self.proxy.clone().filter(|_| self.node.classes.has(Class::KubeProxy));
        let proxy = proxy.map(|credential| self.client(credential, "kube-proxy")).transpose()?;
        Ok(Process { kubelet, proxy, watches: Vec::new() })
    }

    /// A client with a component's user agent; the part before the slash becomes the field manager.
    fn client(&self, credential: Credential, component: &str) -> Result<Client, Error> {
        let agent = format!("{component}/{} (linux/amd64) kubernetes/loadgen", self.node.kubelet_version);
        Ok(Client::new(self.endpoint.clone(), credential, &agent)?)
    }
}
