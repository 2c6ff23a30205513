//! The servers behind a balancer: which are ready, whose turn it is, and how many connections each has.

use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
};

/// What a balancer does for one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balanced {
    /// The server, as [`ProcessInfo::name`](crate::ProcessInfo::name) has it.
    pub process: String,
    /// Whether it is given new connections.
    pub ready: bool,
    /// Connections that it was given so far.
    pub opened: u64,
    /// Those of them that are open.
    pub open: u64,
}

/// One server. It is not ready until somebody says so.
#[derive(Debug)]
pub(super) struct Server {
    process: String,
    port: u16,
    ready: AtomicBool,
    /// Has been ready once. Before that its port may be held for it, and whoever came would wait for nobody.
    started: AtomicBool,
    opened: AtomicU64,
    open: AtomicU64,
}

/// All of them. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Servers {
    servers: Arc<[Arc<Server>]>,
    turn: Arc<AtomicUsize>,
}

/// A connection that is counted as open until it is dropped.
pub(super) struct Open<'a>(&'a Server);

impl Server {
    pub(super) fn new(process: &str, port: u16) -> Self {
        Self {
            process: process.to_owned(),
            port,
            ready: AtomicBool::new(false),
            started: AtomicBool::new(false),
            opened: AtomicU64::new(0),
            open: AtomicU64::new(0),
        }
    }

    pub(super) fn process(&self) -> &str {
        &self.process
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Relaxed);
        self.started.fetch_or(ready, Relaxed);
    }

    pub(super) fn open(&self) -> Open<'_> {
        self.opened.fetch_add(1, Relaxed);
        self.open.fetch_add(1, Relaxed);
        Open(self)
    }

    pub(super) fn balanced(&self) -> Balanced {
        Balanced {
            process: self.process.clone(),
            ready: self.ready.load(Relaxed),
            opened: self.opened.load(Relaxed),
            open: self.open.load(Relaxed),
        }
    }
}

impl Servers {
    pub(super) fn new(servers: impl Iterator<Item = Server>) -> Self {
        Self { servers: servers.map(Arc::new).collect(), turn: Arc::default() }
    }

    /// Whom to ask for the next connection, one after the other: those that are ready, or when none is all that ever were,
    /// each time from the next one on.
    pub(super) fn order(&self) -> Vec<Arc<Server>> {
        let are = |state: fn(&Server) -> &AtomicBool| -> Vec<Arc<Server>> {
            self.servers.iter().filter(|server| state(server).load(Relaxed)).cloned().collect()
        };
        let mut order = are(|server| &server.ready);
        if order.is_empty() {
            order = are(|server| &server.started);
        }
        let first = self.turn.fetch_add(1, Relaxed) % order.len().max(1);
        order.rotate_left(first);
        order
    }
}

impl Deref for Servers {
    type Target = [Arc<Server>];

    fn deref(&self) -> &Self::Target {
        &self.servers
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::{Server, Servers};

    fn servers() -> Servers {
        Servers::new((0..3).map(|port| Server::new(&format!("s-{port}"), port)))
    }

    /// The first choices of so many connections.
    fn first(servers: &Servers, connections: usize) -> Vec<u16> {
        (0..connections).map(|_| servers.order()[0].port()).collect()
    }

    #[test]
    fn those_that_are_ready_take_turns() {
        let servers = servers();
        servers[0].set_ready(true);
        servers[2].set_ready(true);
        assert_eq!(first(&servers, 4), [0, 2, 0, 2]);
        servers[1].set_ready(true);
        assert_eq!(first(&servers, 6), [1, 2, 0, 1, 2, 0]);
        assert_eq!(servers.order().len(), 3);
    }

    #[test]
    fn when_none_is_ready_all_that_ever_were_are_tried() {
        let servers = servers();
        assert!(servers.order().is_empty());
        for server in [&servers[1], &servers[2]] {
            server.set_ready(true);
            server.set_ready(false);
        }
        let order: Vec<Vec<u16>> =
            (0..2).map(|_| servers.order().iter().map(|server| server.port()).collect()).collect();
        assert!(order.contains(&vec![1, 2]) && order.contains(&vec![2, 1]), "{order:?}");
    }

    #[test]
    fn a_connection_is_open_until_it_is_dropped() {
        let server = Server::new("s", 1);
        let (one, two) = (server.open(), server.open());
        drop(one);
        let balanced = server.balanced();
        assert_eq!((balanced.opened, balanced.open), (2, 1));
        drop(two);
        assert_eq!(server.balanced().open, 0);
    }
}
