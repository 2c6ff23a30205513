//! The connections of one client, and which of them takes the next request.
//!
//! As Go's transport does with `StrictMaxConcurrentStreams` off (x/net/http2 `client_conn_pool.go` `getClientConn`): the
//! first connection with a free stream, or else another one that is dialled. So there are ceil((watches + requests in
//! flight) / streams of a connection) of them, and who comes when all streams are taken waits for a dial, never for a stream.
//!
//! Where Go differs: its HTTP/1 transport dials once for each request that finds no stream, and closes what turns out not to
//! be needed. Here a request takes its place on a connection that is still being dialled, and nothing is dialled in vain.
//! `MaxIdleConnsPerHost` (25 in client-go) does not bind in Go (net/http `persistConn.closeLocked` leaves HTTP/2 connections
//! alone), and there is no such limit here.

use std::sync::Arc;

use crate::connection::{Connection, InFlight, Life};

/// The connections of one client. Most clients have one.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    /// Those that take requests, in the order they were dialled, and those that ended since somebody looked.
    connections: Vec<Arc<Connection>>,
    /// Those that take no more and may still have streams.
    leaving: Vec<Arc<Life>>,
}

/// A stream reserved on a connection.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) connection: Arc<Connection>,
    pub(crate) in_flight: InFlight,
    /// There are other connections, all of their streams are taken, and this one is still being opened.
    pub(crate) waits: bool,
}

impl Pool {
    /// Reserves a stream; `dial` starts to open a connection and reserves its first.
    pub(crate) fn place(&mut self, dial: impl FnOnce() -> (Arc<Connection>, InFlight)) -> Place {
        self.let_go_of_retired();
        if let Some((connection, in_flight)) = self.free_stream(true) {
            return Place { connection, in_flight, waits: false };
        }
        let (connection, in_flight) = self.free_stream(false).unwrap_or_else(|| {
            let (connection, in_flight) = dial();
            self.connections.push(connection.clone());
            (connection, in_flight)
        });
        Place { connection, in_flight, waits: self.connections.len() > 1 }
    }

    /// Streams that are reserved or open on all of them.
    pub(crate) fn open_streams(&self) -> usize {
        let lives = self.connections.iter().map(|connection| connection.life()).chain(&self.leaving);
        lives.map(|life| life.open_streams()).sum()
    }

    /// Ends every connection and every stream; returns what tells when they are gone.
    pub(crate) fn close(&mut self) -> Vec<Arc<Life>> {
        for connection in &self.connections {
            connection.life().retire();
        }
        self.let_go_of_retired();
        for life in &self.leaving {
            life.close();
        }
        self.leaving.clone()
    }

    fn free_stream(&self, open: bool) -> Option<(Arc<Connection>, InFlight)> {
        let mut candidates = self.connections.iter().filter(|connection| connection.is_open() == open);
        candidates.find_map(|connection| Some((connection.clone(), connection.reserve()?)))
    }

    /// Drops the handles of connections that take no more requests: they close when their streams are done.
    fn let_go_of_retired(&mut self) {
        if self.connections.iter().all(|connection| connection.is_usable()) {
            return;
        }
        self.leaving.retain(|life| !life.has_ended());
        let retired = self.connections.extract_if(.., |connection| !connection.is_usable());
        self.leaving.extend(retired.map(|connection| connection.life().clone()));
    }
}
