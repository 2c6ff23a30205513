//! Processes of a node start and end.

use std::{cmp::Reverse, time::Duration};

use wire::{Client, ClientCertificate, Credential};

use super::{
    Shard,
    slot::{Counted, Process, Slot},
};
use crate::{
    action::{Event, Now, Sender},
    classes::Class,
    command::NodeCommand,
    edge::Origin,
    fleet::{Error, FleetSpec},
};

impl Shard {
    /// Starts the kubelet, or lets it wait until others are up.
    pub(super) fn start_in_turn(&mut self, slot: usize, now: Now) {
        if self.spec.start_at_once.is_some_and(|most| self.coming_up >= most.get()) {
            self.waiting.push_back(slot);
        } else {
            self.start(slot, now);
        }
    }

    /// A node is ready, or has ended before it was.
    pub(super) fn came_up(&mut self, slot: usize) {
        if !std::mem::take(&mut self.slots[slot].coming_up) {
            return;
        }
        self.coming_up -= 1;
        // A command may have started or removed one meanwhile.
        while let Some(next) = self.waiting.pop_front() {
            if self.slots[next].may_start() {
                self.start(next, self.now());
                return;
            }
        }
    }

    /// Starts the kubelet.
    pub(super) fn start(&mut self, slot: usize, now: Now) {
        let place = &mut self.slots[slot];
        let client = match &self.shared {
            Some(client) => Ok(client.clone()),
            None => self.spec.client_of(place.node.name()),
        };
        match client {
            Ok(client) => {
                place.processes += 1;
                place.process = Some(Process::new(place.processes, client));
                place.coming_up = true;
                self.coming_up += 1;
                if !std::mem::replace(&mut place.counted.started, true) {
                    self.counters.node_started();
                }
                self.step(slot, now, Event::Start);
            }
            Err(error) => self.counters.note(&error.to_string()),
        }
    }

    /// The process that sends what `sender` sends. A kube-proxy starts when it has something to send.
    pub(super) fn process(&mut self, slot: usize, sender: Sender) -> Option<&Process> {
        let place = &mut self.slots[slot];
        if matches!(sender, Sender::Proxy) && place.proxy.is_none() {
            match self.spec.proxy_client()? {
                Ok(client) => {
                    place.processes += 1;
                    place.proxy = Some(Process::new(place.processes, client));
                }
                Err(error) => self.counters.note(&error.to_string()),
            }
        }
        place.of(sender).map(|process| &*process)
    }

    /// Does something to a node.
    pub(super) fn command(&mut self, slot: usize, command: NodeCommand) {
        let now = self.now();
        let Some(place) = self.slots.get_mut(slot).filter(|place| !place.left) else { return };
        match command {
            NodeCommand::Restart => {
                let was_silent = self.end_silence(slot).is_some();
                self.end(slot, was_silent);
                self.start(slot, now);
            }
            NodeCommand::Flap(away) => {
                self.end_silence(slot);
                self.end(slot, true);
                self.start_after(slot, now, away);
            }
            NodeCommand::Silence(how) => self.silence(slot, now, how),
            NodeCommand::Resume => self.resume(slot, now),
            NodeCommand::Shutdown | NodeCommand::Leave => {
                place.left = command == NodeCommand::Leave;
                let was_silent = self.end_silence(slot).is_some();
                if self.slots[slot].process.is_some() && !was_silent {
                    self.step(slot, now, Event::Shutdown);
                } else {
                    // It has no process that could say anything to anybody, and gets none.
                    self.end(slot, true);
                    self.counters.node_stopped();
                }
            }
        }
    }

    /// The node has shut down.
    pub(super) fn stop(&mut self, slot: usize) {
        self.end_silence(slot);
        self.end(slot, true);
        self.counters.node_stopped();
    }

    /// The machine is gone, however it was, and another comes in its place.
    pub(super) fn replace(&mut self, slot: usize, name: &str, seed: u64) {
        self.end_silence(slot);
        self.end(slot, true);
        let place = &mut self.slots[slot];
        let next = place.node.successor(name, seed);
        let gone = std::mem::replace(&mut place.node, next);
        place.left = false;
        place.counted = Counted::default();
        if self.shared.is_some() {
            self.by_name.remove(gone.name());
            self.by_name.insert(place.node.name().clone(), slot);
        }
        self.counters.node_replaced();
        self.start_in_turn(slot, self.now());
    }

    /// Ends the kubelet, and with the machine its kube-proxy.
    pub(super) fn end(&mut self, slot: usize, machine_too: bool) {
        let now = self.now();
        let Slot { node, process, proxy, scheduled, .. } = &mut self.slots[slot];
        // What a shared connection carries is counted with it.
        let kubelet = process.take().filter(|_| self.shared.is_none());
        let ended = [kubelet, proxy.take_if(|_| machine_too)];
        for process in ended.iter().flatten() {
            self.versions.remove(&Origin { slot, process: process.number });
        }
        let carried = ended.iter().flatten().map(|process| process.client.traffic());
        self.ended = carried.chain([self.ended]).sum();
        *scheduled = None;
        node.end_process(now, machine_too, &mut self.addresses);
        self.came_up(slot);
        self.schedule(slot);
    }

    /// The kubelet shows another certificate from now on; its connections are closed.
    pub(super) fn use_certificate(&mut self, slot: usize, certificate: ClientCertificate) {
        let Some(process) = &self.slots[slot].process else { return };
        if let Err(error) = process.client.replace_credential(Credential::certificate(certificate)) {
            self.counters.note(&error.to_string());
        }
    }

    fn start_after(&mut self, slot: usize, now: Now, away: Duration) {
        let at = now.at + away;
        self.slots[slot].scheduled = Some(at);
        self.deadlines.push(Reverse((at, slot)));
    }
}

impl FleetSpec {
    fn client_of(&self, node: &str) -> Result<Client, Error> {
        self.client(self.identities.credential_of(node)?, "kubelet")
    }

    fn proxy_client(&self) -> Option<Result<Client, Error>> {
        let credential = self.proxy.clone().filter(|_| self.node.classes.has(Class::KubeProxy))?;
        Some(self.client(credential, "kube-proxy"))
    }

    /// A client with a component's user agent; the part before the slash becomes the field manager.
    pub(super) fn client(&self, credential: Credential, component: &str) -> Result<Client, Error> {
        let agent = format!("{component}/{} (linux/amd64) kubernetes/loadgen", self.node.kubelet_version);
        Ok(Client::new(self.endpoint.clone(), credential, &agent)?)
    }
}
