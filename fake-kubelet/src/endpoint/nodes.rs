//! The endpoint's way to the nodes: it asks their shards, on demand.

use std::net::Ipv4Addr;

use tokio::sync::{mpsc, oneshot};
use wire::Request;

use crate::{
    action::{Answer, Call},
    addresses::loopback_node_index,
    shard::Command,
    snapshot::NodeSnapshot,
};

/// The nodes of a fleet.
#[derive(Debug)]
pub(super) struct Nodes {
    count: u32,
    /// Weak: a shard ends when the fleet lets go of it, whatever the endpoint does.
    shards: Vec<mpsc::WeakUnboundedSender<Command>>,
}

impl Nodes {
    /// `count` nodes dealt out in turn to these shards.
    pub(super) fn new(count: u32, shards: Vec<mpsc::WeakUnboundedSender<Command>>) -> Self {
        Self { count, shards }
    }

    /// The node at an address.
    pub(super) fn at(&self, address: Ipv4Addr) -> Option<u32> {
        loopback_node_index(address).filter(|index| *index < self.count)
    }

    /// What runs on a node; `None` while its kubelet does not run.
    pub(super) async fn describe(&self, index: u32) -> Option<NodeSnapshot> {
        let (reply, answer) = oneshot::channel();
        self.ask(index, |slot| Command::Describe { slot, reply })?;
        answer.await.ok()
    }

    /// Sends a review as the node; `None` while its kubelet does not run.
    pub(super) async fn review(&self, index: u32, call: Call, request: Request) -> Option<Answer> {
        let (reply, answer) = oneshot::channel();
        self.ask(index, |slot| Command::Review { slot, call, request, reply })?;
        answer.await.ok()
    }

    fn ask(&self, index: u32, command: impl FnOnce(usize) -> Command) -> Option<()> {
        let index = usize::try_from(index).ok()?;
        let shard = self.shards.get(index.checked_rem(self.shards.len())?)?.upgrade()?;
        shard.send(command(index / self.shards.len())).ok()
    }
}
