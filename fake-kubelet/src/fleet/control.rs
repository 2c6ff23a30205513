//! What can be done to the nodes of a running fleet. Nothing here waits: commands go to the shards, and what comes of them shows in
//! the fleet's progress.

use std::{ops::Range, sync::Arc};

use super::{Error, Fleet};
use crate::{
    command::{NodeCommand, Silence},
    shard::Command,
};

/// A node in whose place another has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// The number that both have.
    pub index: u32,
    /// The name of the one that is gone. Its Node object, and what else there is of it, is for whoever asked to delete.
    pub gone: Arc<str>,
    /// The name of the one that comes.
    pub new: Arc<str>,
}

impl Fleet {
    /// Does something to node `index`, counted from 0. Returns at once.
    pub fn command(&self, index: u32, command: NodeCommand) -> Result<(), Error> {
        let nodes = self.spec.nodes;
        if index >= nodes {
            return Err(Error::NoSuchNode { index, nodes });
        }
        self.send(index, |slot| Command::Node(slot, command));
        Ok(())
    }

    /// Lets nodes fall silent until [`Fleet::resume`]. Those that do not run, or are silent already, are left as they are.
    pub fn silence(&self, nodes: Range<u32>, how: Silence) -> Result<(), Error> {
        self.command_all(nodes, NodeCommand::Silence(how))
    }

    /// Lets silent nodes be heard again, all at once, as when a network comes back.
    pub fn resume(&self, nodes: Range<u32>) -> Result<(), Error> {
        self.command_all(nodes, NodeCommand::Resume)
    }

    /// Shuts nodes down gracefully ([`NodeCommand::Shutdown`]): the machine's side of a drain. Whoever wants their pods evicted before
    /// does that over the API.
    pub fn shut_down(&self, nodes: Range<u32>) -> Result<(), Error> {
        self.command_all(nodes, NodeCommand::Shutdown)
    }

    /// Replaces nodes as the roll of a node pool does: each machine goes without a word, unless it has shut down before, and another
    /// of the next name (`<prefix><index>-g<generation>`) registers, with the same address. Those that come up wait for each other as
    /// at the fleet's start.
    pub fn replace(&self, nodes: Range<u32>) -> Result<Vec<Replaced>, Error> {
        self.check(&nodes)?;
        let replaced = nodes.map(|index| {
            let (generation, gone, name) = self.names.next(index);
            let (gone, new) = (gone.into(), name.as_str().into());
            let seed = self.spec.seed_of(index, generation);
            self.send(index, |slot| Command::Replace { slot, name, seed });
            Replaced { index, gone, new }
        });
        Ok(replaced.collect())
    }

    /// The name that node `index` has by now.
    pub fn node_name(&self, index: u32) -> String {
        self.names.of(index)
    }

    fn command_all(&self, nodes: Range<u32>, command: NodeCommand) -> Result<(), Error> {
        self.check(&nodes)?;
        for index in nodes {
            self.send(index, |slot| Command::Node(slot, command));
        }
        Ok(())
    }

    /// Nothing is done to any when one of them is not there.
    fn check(&self, nodes: &Range<u32>) -> Result<(), Error> {
        let all = self.spec.nodes;
        if nodes.is_empty() || nodes.end <= all {
            return Ok(());
        }
        Err(Error::NoSuchNode { index: nodes.start.max(all), nodes: all })
    }

    fn send(&self, index: u32, command: impl FnOnce(usize) -> Command) {
        // Nodes were dealt out to the shards in turn.
        let (slot, shard) = (index as usize / self.shards.len(), index as usize % self.shards.len());
        // A shard whose thread has panicked does nothing any more, and said so.
        let _ = self.shards[shard].commands.send(command(slot));
    }
}
