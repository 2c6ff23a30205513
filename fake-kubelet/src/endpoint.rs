//! The HTTPS endpoint of a fleet's kubelets: one listener for all of them, told apart by the address that was called.
//!
//! Every node has an address of its own in 127/8 and all report the same port. The listener is bound to that port on any
//! address, and to the loopback device, so that nothing from outside reaches it. What is shown of a node is asked of its
//! shard when somebody asks; only certificates and reviews are kept, for a while, and one figure for each node (`usage.rs`).
//!
//! Serves: `/healthz`, `/metrics/resource`, `/containerLogs/...`, and refusals of what needs a container. Sends: see
//! `reviews.rs`.

mod access;
mod answer;
mod certificates;
mod connection;
mod listener;
mod log_stream;
mod logs;
mod metrics;
mod nodes;
mod reviews;
mod usage;
mod user;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use jiff::Timestamp;
use measure::Clock;
use tokio::sync::{mpsc, oneshot};
use wire::ClientTrust;

pub(crate) use self::listener::Listening;
use self::{certificates::Certificates, nodes::Nodes, reviews::Reviews, usage::Reading};
use crate::{
    fleet::{Error, FleetSpec, Identities, Names},
    progress::Counters,
    shard::Command,
};

/// How a fleet serves what kubelets serve.
#[derive(Clone, Debug, Default)]
pub struct EndpointSpec {
    /// The port, which all nodes report; 0 for any that is free.
    pub port: u16,
    /// Whether a fleet that cannot listen is not to be started. Otherwise it says so in its progress and does without.
    pub required: bool,
    /// The authorities whose client certificates prove who calls, PEM; without any, the authority of the nodes' own certificates.
    pub client_ca_pem: Option<String>,
}

/// What all connections have in common.
#[derive(Debug)]
struct Shared {
    names: Arc<Names>,
    clock: Clock,
    nodes: Nodes,
    certificates: Certificates,
    reviews: Reviews,
    counters: Arc<Counters>,
    readings: Mutex<HashMap<u32, Reading>>,
}

impl Shared {
    fn now(&self) -> Timestamp {
        self.clock.wall(self.clock.now())
    }

    /// Makes a text of a node's last reading, and keeps the one that comes with it.
    fn with_reading(&self, index: u32, make: impl FnOnce(Option<Reading>) -> (String, Reading)) -> String {
        let mut readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        let (text, reading) = make(readings.get(&index).copied());
        readings.insert(index, reading);
        text
    }
}

/// An endpoint that serves. Dropping it closes its connections and its port.
#[derive(Debug)]
pub(crate) struct RunningEndpoint {
    port: u16,
    stop: oneshot::Sender<()>,
    thread: thread::JoinHandle<()>,
}

impl RunningEndpoint {
    /// Serves the nodes of these shards on a thread of its own.
    pub(crate) fn start(
        listening: Listening,
        spec: &FleetSpec,
        names: Arc<Names>,
        shards: Vec<mpsc::WeakUnboundedSender<Command>>,
        counters: Arc<Counters>,
    ) -> Result<Self, Error> {
        let authority = match &spec.identities {
            Identities::Ca(authority) => Some(authority.clone()),
            Identities::Shared(_) => None,
        };
        let given = spec.serving.as_ref().and_then(|serving| serving.client_ca_pem.as_deref());
        let client_ca = given.or(authority.as_ref().map(|authority| authority.cert_pem()));
        let clients = client_ca.map(|pem| ClientTrust::of_authorities(pem.as_bytes())).transpose()?;
        let shared = Arc::new(Shared {
            clock: spec.clock,
            nodes: Nodes::new(spec.nodes, shards),
            certificates: Certificates::new(authority, clients),
            reviews: Reviews::new(),
            counters,
            readings: Mutex::default(),
            names,
        });
        let (stop, stopped) = oneshot::channel();
        let Listening { port, runtime, listener } = listening;
        let thread = thread::Builder::new()
            .name("kubelet-endpoint".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = connection::accept(listener, shared) => {}
                        // Dropped or sent, it is the end.
                        _ = stopped => {}
                    }
                });
                // A connection that waits for its client does not hold up the end.
                runtime.shutdown_background();
            })
            .map_err(Error::Thread)?;
        Ok(Self { port, stop, thread })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Closes everything and waits for the thread.
    pub(crate) async fn stop(self) {
        drop(self.stop);
        // A panic in the thread was printed where it happened.
        let _ = tokio::task::spawn_blocking(|| self.thread.join()).await;
    }
}
