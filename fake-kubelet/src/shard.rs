//! A shard of the fleet: one thread that owns some nodes, their sockets and their timers.
//!
//! Nodes never wait for each other here: a shard takes the next due deadline from one heap, or the next answer or watch event
//! from one queue, lets that node step, and carries out the actions.

use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc};

use measure::{Clock, Nanos, Recorder};
use tokio::sync::{mpsc, oneshot};
use wire::{Client, Traffic};

use crate::{
    action::{Action, Event, Now},
    addresses::PodAddresses,
    edge::{Attempt, Edge, Message},
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
    client: Option<Client>,
    /// The earliest entry this node has in the heap; later entries of it are stale.
    scheduled: Option<Nanos>,
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
            slots.push(Slot { node, index, client: None, scheduled: Some(start) });
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
        }
    }

    /// Runs until the other end of `commands` is gone.
    pub(crate) async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
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
        self.slots.iter().filter_map(|slot| slot.client.as_ref()).map(Client::traffic).sum()
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
            if self.slots[slot].client.is_some() {
                self.step(slot, now, Event::Deadline);
            } else {
                self.start(slot, now);
            }
        }
    }

    fn start(&mut self, slot: usize, now: Now) {
        let place = &mut self.slots[slot];
        match self.spec.client_of(place.node.name()) {
            Ok(client) => {
                place.client = Some(client);
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
            Message::Answer { slot, call, answer, attempt } => {
                self.record(&attempt);
                self.step(slot, now, Event::Answer { call, answer });
            }
            Message::Pod { slot, sighting } => self.step(slot, now, Event::Pod(sighting)),
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
        let Some(client) = self.slots[slot].client.clone() else { return };
        match action {
            Action::Reached(milestone) => self.counters.reached(milestone),
            Action::Send { call, request, intended } => {
                tokio::spawn(self.edge(slot, client).send(call, request, intended));
            }
            Action::WatchPods => {
                let place = &self.slots[slot];
                let seed = self.spec.seed.wrapping_add(u64::from(place.index));
                tokio::spawn(self.edge(slot, client).watch_pods(place.node.name().clone(), seed));
            }
        }
    }

    fn edge(&self, slot: usize, client: Client) -> Edge {
        let (clock, sender, counters) = (self.clock, self.sender.clone(), self.counters.clone());
        Edge { slot, client, clock, sender, counters }
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
    fn client_of(&self, node: &str) -> Result<Client, Error> {
        let credential = self.identities.credential_of(node)?;
        Ok(Client::new(self.endpoint.clone(), credential, &self.user_agent())?)
    }
}
