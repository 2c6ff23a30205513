//! A TCP balancer in front of several apiservers, as there is one in front of every cluster that has them.
//!
//! It passes bytes on and looks at none: TLS ends in the apiservers. Each connection goes to the next server in turn whose
//! `/readyz` answers; a server that refuses is passed over at once. When none answers all are tried that ever did, as
//! balancers of clouds do, because then it is more likely something behind all of them. Connections that are there stay where they
//! are until their server or their client ends them, so they do not spread again when a server comes back: for that there
//! is the apiserver's own `--goaway-chance`.

mod carry;
mod servers;

use std::{
    io,
    net::{self, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpStream},
    time::{MissedTickBehavior, interval, sleep, timeout},
};

pub use self::servers::Balanced;
use self::servers::{Server, Servers};
use crate::{aside::Aside, ready::Checks};

/// Between two looks at a server.
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// Connections that may wait to be accepted, as with Go's listeners: a fleet may come all at once.
const BACKLOG: i32 = 4096;
/// On loopback a server accepts or refuses at once; one that does neither hangs.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// After an accept that failed, most likely for want of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// A server to be: its process' name, its port on loopback, and the address of its `/readyz`.
#[derive(Debug)]
pub(crate) struct Behind {
    pub(crate) process: String,
    pub(crate) port: u16,
    pub(crate) readiness: String,
}

/// A balancer that runs. Dropping it closes its port and all its connections.
#[derive(Debug)]
pub(crate) struct Balancer {
    servers: Servers,
    _aside: Aside,
}

impl Balancer {
    /// Accepts on `listener`. `checks` must be nobody else's: the connections they hold end with the balancer.
    pub(crate) fn start(listener: net::TcpListener, behind: Vec<Behind>, checks: Checks) -> io::Result<Self> {
        SockRef::from(&listener).listen(BACKLOG)?;
        listener.set_nonblocking(true)?;
        let servers = Servers::new(behind.iter().map(|it| Server::new(&it.process, it.port)));
        let accepting = servers.clone();
        let balancing = async move {
            for (server, Behind { readiness, .. }) in accepting.iter().cloned().zip(behind) {
                let checks = checks.clone();
                tokio::spawn(watch(server, move || {
                    let (checks, readiness) = (checks.clone(), readiness.clone());
                    async move { checks.check(&readiness).await.is_ok() }
                }));
            }
            match TcpListener::from_std(listener) {
                Ok(listener) => accept(listener, accepting).await,
                Err(error) => tracing::error!(%error, "the balancer cannot accept"),
            }
        };
        let aside = Aside::start("balancer", balancing)?;
        Ok(Self { servers, _aside: aside })
    }

    /// Takes a server for ready, without waiting for the next look at it.
    pub(crate) fn admit(&self, process: &str) {
        if let Some(server) = self.servers.iter().find(|server| server.process() == process) {
            server.set_ready(true);
        }
    }

    /// Each server, in their order.
    pub(crate) fn balanced(&self) -> Vec<Balanced> {
        self.servers.iter().map(|server| server.balanced()).collect()
    }
}

/// Looks at a server again and again.
async fn watch<F: Future<Output = bool>>(server: Arc<Server>, is_ready: impl Fn() -> F) {
    let mut looks = interval(CHECK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        server.set_ready(is_ready().await);
    }
}

async fn accept(listener: TcpListener, servers: Servers) {
    loop {
        match listener.accept().await {
            Ok((client, _)) => drop(tokio::spawn(serve(client, servers.order()))),
            Err(error) => {
                tracing::warn!(%error, "the balancer cannot accept a connection");
                sleep(PAUSE).await;
            }
        }
    }
}

/// One connection, on the first server of `order` that takes it. Without one it is closed.
async fn serve(client: TcpStream, order: Vec<Arc<Server>>) {
    for server in order {
        match connect(server.port()).await {
            Ok(stream) => {
                let _open = server.open();
                let _ = client.set_nodelay(true);
                return carry::carry(&client, &stream).await;
            }
            // Known before the next look at it.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => server.set_ready(false),
            Err(_) => {}
        }
    }
}

async fn connect(port: u16) -> io::Result<TcpStream> {
    let stream = timeout(CONNECT_WITHIN, TcpStream::connect((Ipv4Addr::LOCALHOST, port))).await??;
    // Where nobody listens, a connection may happen to go out from the very port it goes to, and reach itself.
    if stream.local_addr()? == stream.peer_addr()? {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    stream.set_nodelay(true)?;
    Ok(stream)
}

#[cfg(test)]
mod tests;
