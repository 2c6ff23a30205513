//! The running server and what a test can do to it.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use wire::{Dial, Dialing, Endpoint, Request, Response, Stream};

use crate::capacity::{Capacity, Line};
use crate::config::Config;
use crate::connection::{self, Control};
use crate::handle;
use crate::log::Logged;
use crate::pki::Pki;
use crate::resource::Resource;
use crate::script::{Rule, Script};
use crate::store::Store;
use crate::stored::Stored;
use crate::{Error, Kind};

/// Bytes that an in-memory connection holds in each direction.
const PIPE: usize = 256 * 1024;

/// An API server without anything behind it, on a loopback port and in memory. Dropping it stops it.
#[derive(Debug)]
pub struct NullApiserver {
    shared: Arc<Shared>,
    address: SocketAddr,
    accept: JoinHandle<()>,
}

/// What the listener, the connections and the test have in common.
pub(crate) struct Shared {
    pub(crate) store: Mutex<Store>,
    pub(crate) script: Mutex<Script>,
    pub(crate) log: Mutex<Vec<Logged>>,
    /// Users whom access reviews refuse.
    pub(crate) denied: Mutex<HashSet<String>>,
    /// In front of a server that can only do so much.
    pub(crate) line: Mutex<Option<Arc<Line>>>,
    pub(crate) config: Config,
    pub(crate) acceptor: TlsAcceptor,
    pki: Pki,
    connections: Mutex<HashMap<u64, Arc<Control>>>,
    numbers: AtomicU64,
}

impl NullApiserver {
    /// Starts a server on a free port of 127.0.0.1. It runs on the tokio runtime of the caller.
    pub async fn start() -> Result<Self, Error> {
        Self::start_as(Config::default()).await
    }

    /// The same for a server of another kind.
    pub async fn start_as(config: Config) -> Result<Self, Error> {
        let address = config.address;
        let pki = Pki::generate(address)?;
        let acceptor = TlsAcceptor::from(Arc::new(pki.server_config()?));
        let shared = Arc::new(Shared {
            store: Mutex::new(Store::new(config.history)),
            script: Mutex::default(),
            log: Mutex::default(),
            denied: Mutex::default(),
            line: Mutex::default(),
            config,
            acceptor,
            pki,
            connections: Mutex::default(),
            numbers: AtomicU64::new(0),
        });
        let listener = TcpListener::bind((address, 0)).await?;
        let address = listener.local_addr()?;
        let accept = tokio::spawn(accept(listener, shared.clone()));
        Ok(Self { shared, address, accept })
    }

    /// `https://ADDRESS:PORT`.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// The certificate of the authority that signed the server's certificate and is trusted for clients'.
    pub fn ca_pem(&self) -> &str {
        &self.shared.pki.ca_pem
    }

    /// The key of that authority, for who signs client certificates by itself.
    pub fn ca_key_pem(&self) -> &str {
        &self.shared.pki.ca_key_pem
    }

    /// A client certificate and its key, in PEM. At most one organization ends up in it.
    pub fn client_certificate(
        &self,
        common_name: &str,
        organizations: &[&str],
    ) -> Result<(String, String), Error> {
        self.shared.pki.client_certificate(common_name, organizations)
    }

    /// The server over TCP.
    pub fn endpoint(&self) -> Result<Endpoint, Error> {
        Ok(Endpoint::new(&self.url(), Some(self.ca_pem().as_bytes()))?)
    }

    /// The server without a socket, for tests with paused time: over sockets, tokio would let time pass while it waits
    /// for the network.
    pub fn memory_endpoint(&self) -> Result<Endpoint, Error> {
        Ok(self.endpoint()?.with_dial(self.memory_dial()))
    }

    /// Opens connections to the server without a socket.
    pub fn memory_dial(&self) -> Arc<dyn Dial> {
        Arc::new(Memory(self.shared.clone()))
    }

    /// Answers a request without a network, a script or a log, for benchmarks of what is pure; a watch gets an empty body.
    pub fn answer(&self, request: &Request) -> Response {
        handle::answer_directly(&self.shared, request)
    }

    /// Every request so far, in order of arrival.
    pub fn requests(&self) -> Vec<Logged> {
        lock(&self.shared.log).clone()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        lock(&self.shared.log).clear();
    }

    /// Adds a rule; earlier rules go first.
    pub fn script(&self, rule: Rule) {
        lock(&self.shared.script).add(rule);
    }

    /// Removes every rule.
    pub fn clear_script(&self) {
        lock(&self.shared.script).clear();
    }

    /// How much the server does from now on; requests in line keep their places in the old one.
    pub fn limit(&self, capacity: Option<Capacity>) {
        *lock(&self.shared.line) = capacity.map(Line::new);
    }

    /// From now on access reviews say that this user may do nothing; of others they say that they may do everything.
    pub fn deny(&self, user: &str) {
        lock(&self.shared.denied).insert(user.to_owned());
    }

    /// Creates or overwrites an object, as somebody else would, and returns it as it is stored.
    pub fn put<K: Kind>(&self, object: &K) -> K {
        let object = Stored::of(object);
        let mut store = lock(&self.shared.store);
        let stored = match store.get(object.resource, object.namespace(), object.name()) {
            None => store.create(&object).ok(),
            Some(before) => {
                let mut metadata = object.metadata.clone();
                metadata.uid.clone_from(&before.metadata.uid);
                metadata.creation_timestamp = before.metadata.creation_timestamp;
                Some(store.write(&object.with_metadata(metadata)))
            }
        };
        stored.and_then(|stored| stored.typed()).unwrap_or_default()
    }

    /// An object as it is stored; the namespace is empty for cluster-scoped kinds.
    pub fn get<K: Kind>(&self, namespace: &str, name: &str) -> Option<K> {
        lock(&self.shared.store).get(K::resource(), namespace, name)?.typed()
    }

    /// All objects of a kind, in the order of namespace and name.
    pub fn list<K: Kind>(&self) -> Vec<K> {
        let page =
            lock(&self.shared.store).list(K::resource(), &crate::select::Selection::default(), None, "");
        page.objects.iter().filter_map(|object| object.typed()).collect()
    }

    /// Removes an object at once, without grace, and tells whether it was there.
    pub fn delete<K: Kind>(&self, namespace: &str, name: &str) -> bool {
        lock(&self.shared.store).remove(K::resource(), namespace, name).is_some()
    }

    /// The newest resource version.
    pub fn resource_version(&self) -> u64 {
        lock(&self.shared.store).revision()
    }

    /// Moves the resource version as writes to other kinds of object would.
    pub fn advance_resource_version(&self, by: u64) {
        lock(&self.shared.store).advance(by);
    }

    /// Forgets the history: a watch from an older resource version gets 410.
    pub fn compact(&self) {
        lock(&self.shared.store).compact();
    }

    /// Pages lists from version 0 too, as a server with `--watch-cache=false` does.
    pub fn disable_watch_cache(&self) {
        lock(&self.shared.store).disable_watch_cache();
    }

    /// Sends a bookmark on every open watch that allows them.
    pub fn send_bookmarks(&self) {
        lock(&self.shared.store).ask_for_bookmarks();
    }

    /// Connections that are open now.
    pub fn open_connections(&self) -> usize {
        lock(&self.shared.connections).len()
    }

    /// Connections opened so far.
    pub fn connections_opened(&self) -> u64 {
        self.shared.numbers.load(Ordering::Relaxed)
    }

    /// Sends GOAWAY on every connection: what is under way may finish, nothing new may begin.
    pub fn go_away(&self) {
        for control in lock(&self.shared.connections).values() {
            control.go_away();
        }
    }

    /// Closes every connection without a word.
    pub fn close_connections(&self) {
        for control in lock(&self.shared.connections).values() {
            control.close();
        }
    }

    /// Stops listening: new TCP connections are refused. Open ones stay.
    pub fn stop_listening(&self) {
        self.accept.abort();
    }
}

impl Drop for NullApiserver {
    fn drop(&mut self) {
        self.accept.abort();
        self.close_connections();
    }
}

impl Shared {
    /// Takes note of a new connection until the guard is dropped.
    pub(crate) fn register(self: &Arc<Self>) -> Registered {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed) + 1;
        let control = Arc::new(Control::default());
        lock(&self.connections).insert(number, control.clone());
        Registered { shared: self.clone(), number, control }
    }

    pub(crate) fn known(resource: &'static Resource, namespace: &str) -> bool {
        resource.namespaced != namespace.is_empty()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

/// An open connection's entry in the list of them.
pub(crate) struct Registered {
    shared: Arc<Shared>,
    pub(crate) number: u64,
    pub(crate) control: Arc<Control>,
}

impl Drop for Registered {
    fn drop(&mut self) {
        lock(&self.shared.connections).remove(&self.number);
    }
}

/// Opens connections without a socket.
#[derive(Debug)]
struct Memory(Arc<Shared>);

impl Dial for Memory {
    fn dial(&self, _host: &str, _port: u16) -> Dialing {
        let shared = self.0.clone();
        Box::pin(async move {
            let (ours, theirs) = tokio::io::duplex(PIPE);
            tokio::spawn(connection::serve(shared, ours));
            io::Result::Ok(Box::new(theirs) as Box<dyn Stream>)
        })
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // An error is one connection's, such as a reset before it was accepted.
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            tokio::spawn(connection::serve(shared.clone(), stream));
        }
    }
}

/// A test that panicked while it held a lock must not hide its own message behind another panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
