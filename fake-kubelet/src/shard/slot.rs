//! A node and what belongs to it at the edge: the processes on its machine, their sockets and their watches.

use measure::Nanos;
use tokio::{sync::watch, task::AbortHandle};
use wire::Client;

use crate::{
    action::{Milestone, Sender, Watched},
    command::Silence,
    node::Node,
};

/// A node and what belongs to it.
pub(super) struct Slot {
    pub(super) node: Node,
    pub(super) index: u32,
    /// The kubelet, while it runs.
    pub(super) process: Option<Process>,
    /// The kube-proxy, while it runs.
    pub(super) proxy: Option<Process>,
    /// How many processes the node has had.
    pub(super) processes: u32,
    /// The earliest entry this node has in the heap; other entries of it are stale.
    pub(super) scheduled: Option<Nanos>,
    /// Its kubelet has started and is not ready yet.
    pub(super) coming_up: bool,
    /// It has left for good.
    pub(super) left: bool,
    /// How it is silent, while it is.
    pub(super) silent: Option<Silence>,
    pub(super) counted: Counted,
}

/// Steps that are counted once for a node, however often its kubelet starts.
#[derive(Clone, Copy, Default)]
pub(super) struct Counted {
    pub(super) started: bool,
    registered: bool,
    ready: bool,
}

/// A process on a node's machine. Dropping it ends its watches and its requests, and closes its connection.
pub(super) struct Process {
    /// Which of the processes that the node has had.
    pub(super) number: u32,
    pub(super) client: Client,
    pub(super) watches: Vec<(Watched, AbortHandle)>,
    /// Closed when the process ends; sends when its machine is cut off.
    life: watch::Sender<()>,
}

impl Process {
    pub(super) fn new(number: u32, client: Client) -> Self {
        Self { number, client, watches: Vec::new(), life: watch::Sender::new(()) }
    }

    /// What tells a request that begins now that the process has ended, or that its machine was cut off.
    pub(super) fn life(&self) -> watch::Receiver<()> {
        self.life.subscribe()
    }

    /// Ends its watches, and leaves its requests without an answer.
    pub(super) fn cut_off(&mut self) {
        self.watches.drain(..).for_each(|(_, watch)| watch.abort());
        self.life.send_replace(());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.watches.iter().for_each(|(_, watch)| watch.abort());
    }
}

impl Slot {
    pub(super) fn new(index: u32, node: Node, start: Nanos) -> Self {
        Self {
            node,
            index,
            process: None,
            proxy: None,
            processes: 0,
            scheduled: Some(start),
            coming_up: false,
            left: false,
            silent: None,
            counted: Counted::default(),
        }
    }

    /// The process that has a client.
    pub(super) fn of(&mut self, sender: Sender) -> Option<&mut Process> {
        match sender {
            Sender::Proxy => self.proxy.as_mut(),
            _ => self.process.as_mut(),
        }
    }

    /// Whether a process of this number runs.
    pub(super) fn runs(&self, number: u32) -> bool {
        [&self.process, &self.proxy].into_iter().flatten().any(|process| process.number == number)
    }

    /// Whether anybody can ask its kubelet something.
    pub(super) fn can_be_called(&self) -> bool {
        self.process.is_some() && self.silent.is_none()
    }

    /// Whether its kubelet is to be started when its turn comes.
    pub(super) fn may_start(&self) -> bool {
        self.process.is_none() && self.silent.is_none() && !self.left
    }

    /// Whether a step is to be counted: those that every start of a kubelet repeats are counted at the first.
    pub(super) fn counts(&mut self, milestone: Milestone) -> bool {
        let done = match milestone {
            Milestone::NodeRegistered => &mut self.counted.registered,
            Milestone::NodeReady => &mut self.counted.ready,
            _ => return true,
        };
        !std::mem::replace(done, true)
    }
}
