//! A shard of the fleet: one thread that owns some nodes, their sockets and their timers.
//!
//! Nodes never wait for each other here: a shard takes the next due deadline from one heap, or the next answer or watch event
//! from one queue, lets that node step, and carries out the actions.

mod life;
mod silence;
mod slot;

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use measure::{Clock, Nanos, Recorder};
use tokio::sync::{mpsc, oneshot};
use wire::{Client, Request, Step, Traffic, WatchSpec};

use self::slot::{Process, Slot};
use crate::{
    action::{Action, Answer, Call, Event, Milestone, Now, Sender, Watched},
    addresses::PodAddresses,
    classes::Class,
    command::NodeCommand,
    edge::{Attempt, Edge, Message, Origin, SharedSighting, watch_all_pods},
    fleet::{FleetSpec, Held, WrittenOff},
    node::Node,
    progress::Counters,
    snapshot::NodeSnapshot,
};

/// What a shard is asked from outside.
pub(crate) enum Command {
    /// Hand over what was recorded since the last time.
    Take(oneshot::Sender<Taken>),
    /// Do something to the node in this slot.
    Node(usize, NodeCommand),
    /// A machine of another name comes in the place of the one in this slot.
    Replace {
        /// Which of the shard's nodes.
        slot: usize,
        /// The new node's name.
        name: String,
        /// What its random choices follow from.
        seed: u64,
    },
    /// Show what runs on a node. No reply while its kubelet does not run or nobody can reach it.
    Describe {
        /// Which of the shard's nodes.
        slot: usize,
        /// Where to.
        reply: oneshot::Sender<NodeSnapshot>,
    },
    /// Send a review of who called a node's endpoint, as the node. No reply while its kubelet does not run or is cut off.
    Review {
        /// Which of the shard's nodes.
        slot: usize,
        /// Which review.
        call: Call,
        /// The review.
        request: Request,
        /// Where the answer goes.
        reply: oneshot::Sender<Answer>,
    },
}

/// What a shard did since somebody last asked, and what it holds.
pub(crate) struct Taken {
    pub(crate) recorder: Recorder,
    pub(crate) traffic: Traffic,
    pub(crate) held: Held,
    pub(crate) longest_lease_gap: Duration,
    pub(crate) written_off: Vec<WrittenOff>,
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
    /// Nodes that have started and are not ready yet.
    coming_up: u32,
    /// Nodes whose time to start has come while too many others were coming up.
    waiting: VecDeque<usize>,
    /// What nodes without connections of their own share.
    shared: Option<Client>,
    /// Where a node is, for what a shared watch sees.
    by_name: HashMap<Arc<str>, usize>,
    watches_started: u64,
    /// What processes that are no more have carried.
    ended: Traffic,
    /// Nodes that were taken for dead since somebody asked.
    written_off: Vec<WrittenOff>,
    /// How far the watches had come of processes whose machine was cut off, until they begin again.
    versions: HashMap<Origin, Vec<(Watched, String)>>,
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
            slots.push(Slot::new(index, node, start));
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
            coming_up: 0,
            waiting: VecDeque::new(),
            shared: None,
            by_name: HashMap::new(),
            watches_started: 0,
            ended: Traffic::default(),
            written_off: Vec::new(),
            versions: HashMap::new(),
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
                    Some(command) => self.on_command(command),
                    None => return,
                },
                Some(message) = self.inbox.recv() => self.on_message(message),
                () = sleep_until(self.clock, due) => self.on_deadline(),
            }
        }
    }

    /// Whoever asked may have gone: an answer that nobody waits for is dropped.
    fn on_command(&mut self, command: Command) {
        match command {
            Command::Take(reply) => {
                let (traffic, held) = (self.traffic(), self.held());
                let longest_lease_gap = self.take_longest_lease_gap();
                let (recorder, written_off) = (self.recorder.take(), std::mem::take(&mut self.written_off));
                let _ = reply.send(Taken { recorder, traffic, held, longest_lease_gap, written_off });
            }
            Command::Node(slot, command) => self.command(slot, command),
            Command::Replace { slot, name, seed } => self.replace(slot, &name, seed),
            Command::Describe { slot, reply } => {
                if let Some(place) = self.slots.get(slot).filter(|place| place.can_be_called()) {
                    let _ = reply.send(place.node.snapshot(self.now()));
                }
            }
            Command::Review { slot, call, request, reply } => self.review(slot, call, request, reply),
        }
    }

    /// Of all nodes whose kubelet runs.
    fn take_longest_lease_gap(&mut self) -> Duration {
        let at = self.clock.now();
        let running = self.slots.iter_mut().filter(|slot| slot.process.is_some());
        running.map(|slot| slot.node.take_longest_lease_gap(at)).max().unwrap_or_default()
    }

    fn review(&mut self, slot: usize, call: Call, request: Request, reply: oneshot::Sender<Answer>) {
        let now = self.now();
        let Some(place) = self.slots.get_mut(slot).filter(|place| place.can_be_called()) else { return };
        let Action::Send { call, request, intended } = place.node.pass_on(now, call, request) else { return };
        if let Some((process, edge)) = self.edge(slot, call.sender()) {
            tokio::spawn(edge.send_for(reply, call, request, intended, process.life()));
        }
    }

    fn now(&self) -> Now {
        let at = self.clock.now();
        Now { at, wall: self.clock.wall(at) }
    }

    /// Every client there is, the shared one once.
    fn clients(&self) -> impl Iterator<Item = &Client> {
        let kubelets =
            self.slots.iter().filter(|_| self.shared.is_none()).filter_map(|it| it.process.as_ref());
        let proxies = self.slots.iter().filter_map(|slot| slot.proxy.as_ref());
        kubelets.chain(proxies).map(|process| &process.client).chain(&self.shared)
    }

    fn traffic(&self) -> Traffic {
        let live: Traffic = self.clients().map(Client::traffic).sum();
        [live, self.ended].into_iter().sum()
    }

    fn held(&self) -> Held {
        Held {
            tasks: tokio::runtime::Handle::current().metrics().num_alive_tasks(),
            streams: self.clients().map(Client::open_streams).sum(),
            deadlines: self.deadlines.len(),
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
            } else if self.slots[slot].may_start() {
                self.start_in_turn(slot, now);
            }
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
            Message::WatchEnded { of, watched, version } => self.keep_version(of, watched, version),
            Message::Shared(sighting) => self.step_sharing(now, sighting),
        }
    }

    /// A step of the process that something is about; news for one that is no more are dropped.
    fn step_process(&mut self, of: Origin, now: Now, event: Event) {
        let place = &self.slots[of.slot];
        if place.runs(of.process) {
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
            Action::Reached(milestone) => {
                if self.slots[slot].counts(milestone) {
                    self.counters.reached(milestone);
                }
                if let Milestone::NodeWrittenOff(silent_for) = milestone {
                    let node = self.slots[slot].node.name().clone();
                    self.written_off.push(WrittenOff { node, silent_for });
                }
                if milestone == Milestone::NodeReady {
                    self.came_up(slot);
                }
            }
            Action::Stop => self.stop(slot),
            Action::Disconnect => self.disconnect(slot),
            Action::Send { call, request, intended } => {
                if let Some((process, edge)) = self.edge(slot, call.sender()) {
                    tokio::spawn(edge.send(call, request, intended, process.life()));
                }
            }
            Action::Watch { watched, spec } => self.watch(slot, watched, spec, None),
            Action::Rewatch { watched, spec, first } => self.watch(slot, watched, spec, Some(first)),
            Action::Unwatch(watched) => {
                let Some(process) = self.slots[slot].of(watched.sender()) else { return };
                process.watches.retain(|(other, watch)| {
                    let ends = *other == watched;
                    if ends {
                        watch.abort();
                    }
                    !ends
                });
            }
            Action::UseCertificate(certificate) => self.use_certificate(slot, certificate),
        }
    }

    fn watch(&mut self, slot: usize, watched: Watched, spec: WatchSpec, again: Option<Step>) {
        self.watches_started += 1;
        let seed =
            self.spec.seed.wrapping_add((u64::from(self.slots[slot].index) << 32) + self.watches_started);
        let Some((_, edge)) = self.edge(slot, watched.sender()) else { return };
        let version = self.take_version(edge.origin, &watched);
        let from = again.map(|first| (version.unwrap_or_default(), first));
        let watch = tokio::spawn(edge.watching(watched.clone(), spec, seed, from).run()).abort_handle();
        if let Some(process) = self.slots[slot].of(watched.sender()) {
            process.watches.push((watched, watch));
        }
    }

    fn edge(&mut self, slot: usize, sender: Sender) -> Option<(&Process, Edge)> {
        let (clock, reports, counters) = (self.clock, self.sender.clone(), self.counters.clone());
        let process = self.process(slot, sender)?;
        let origin = Origin { slot, process: process.number };
        Some((process, Edge { origin, client: process.client.clone(), clock, sender: reports, counters }))
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
