//! The nodes' serving certificates, made when somebody calls.

use std::{
    net::Ipv4Addr,
    num::NonZero,
    sync::{Arc, Mutex, PoisonError},
};

use identity::{Authority, Purpose, Subject};
use lru::LruCache;
use wire::{Acceptor, ClientTrust, ServerCertificate};

/// Most that are kept. Making one takes a fraction of a millisecond.
const KEPT: NonZero<usize> = NonZero::new(1024).unwrap();

/// Makes and keeps the nodes' side of TLS.
#[derive(Debug)]
pub(super) struct Certificates {
    /// The cluster's authority, if we hold it.
    authority: Option<Arc<Authority>>,
    clients: Option<ClientTrust>,
    kept: Mutex<LruCache<String, Acceptor>>,
}

impl Certificates {
    /// Signed by `authority`, or each by itself without one; `clients` says whose certificates prove who calls.
    pub(super) fn new(authority: Option<Arc<Authority>>, clients: Option<ClientTrust>) -> Self {
        Self { authority, clients, kept: Mutex::new(LruCache::new(KEPT)) }
    }

    /// The acceptor of the node that has this name and address.
    pub(super) fn acceptor(&self, name: &str, address: Ipv4Addr) -> Result<Acceptor, identity::Error> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(acceptor) = kept.get(name) {
            return Ok(acceptor.clone());
        }
        let certificate = self.serving(name, address)?;
        let acceptor =
            Acceptor::new(&certificate, self.clients.clone()).map_err(identity::Error::Unusable)?;
        kept.put(name.to_owned(), acceptor.clone());
        Ok(acceptor)
    }

    /// With an authority what a kubelet with `serverTLSBootstrap` is given (signer `kubernetes.io/kubelet-serving`); without
    /// one, what it makes for itself (`cmd/kubelet/app/server.go`, `InitializeTLS`).
    fn serving(&self, name: &str, address: Ipv4Addr) -> Result<ServerCertificate, identity::Error> {
        let purpose = Purpose::Server { sans: vec![name.to_owned(), address.to_string()] };
        let issued = match &self.authority {
            Some(authority) => authority.issue(&Subject::node(name), &purpose)?,
            None => Authority::new(&format!("{name}-ca"))?.issue(&Subject::user(name), &purpose)?,
        };
        ServerCertificate::from_der(vec![issued.cert_der().clone()], issued.key_der())
            .map_err(identity::Error::Unusable)
    }
}
