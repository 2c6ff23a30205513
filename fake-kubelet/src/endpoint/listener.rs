//! The one socket on which all nodes are called.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};

use tokio::{
    net::{TcpListener, TcpSocket},
    runtime::Runtime,
};

use crate::fleet::Error;

/// Connections that may wait to be accepted: a scraper calls all nodes at once. The kernel has a limit of its own
/// (`net.core.somaxconn`).
const BACKLOG: u32 = 4096;

/// A socket that listens, with the runtime it belongs to.
pub(crate) struct Listening {
    pub(super) port: u16,
    pub(super) runtime: Runtime,
    pub(super) listener: TcpListener,
}

impl Listening {
    /// Listens on a port of all loopback addresses; 0 for any that is free.
    pub(crate) fn open(port: u16) -> Result<Self, Error> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Thread)?;
        let guard = runtime.enter();
        let listener = listen(port).map_err(|source| Error::Listen { port, hint: hint(&source), source })?;
        let port = listener.local_addr().map_err(Error::Thread)?.port();
        drop(guard);
        Ok(Self { port, runtime, listener })
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

/// On any address, but only of the loopback device: what comes in by another is not for this socket.
fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    bind_to_loopback(&socket)?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))?;
    socket.listen(BACKLOG)
}

/// Allowed to everybody since Linux 5.7, to those with `CAP_NET_RAW` before.
#[cfg(target_os = "linux")]
fn bind_to_loopback(socket: &TcpSocket) -> io::Result<()> {
    socket.bind_device(Some(b"lo"))
}

/// Without a way to keep others out there is no listening on any address; and only Linux has all of 127/8.
#[cfg(not(target_os = "linux"))]
fn bind_to_loopback(_socket: &TcpSocket) -> io::Result<()> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

/// What to do about it.
fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "another program has the port; choose another, or 0 for any",
        io::ErrorKind::PermissionDenied => {
            "a port below 1024 needs CAP_NET_BIND_SERVICE, and the device lo CAP_NET_RAW before Linux 5.7; \
             choose a port above, or run without the endpoint"
        }
        io::ErrorKind::Unsupported => "only Linux can; run without the endpoint",
        _ => "run without the endpoint",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_taken_is_named_with_a_way_out() {
        let first = Listening::open(0).unwrap();
        let Err(error) = Listening::open(first.port()) else { panic!("two listeners on one port") };
        let text = error.to_string();
        assert!(text.contains(&first.port().to_string()) && text.contains("choose another"), "{text}");
    }

    #[test]
    fn every_address_of_the_loopback_device_is_answered() {
        let listening = Listening::open(0).unwrap();
        for address in [Ipv4Addr::new(127, 64, 0, 1), Ipv4Addr::new(127, 64, 39, 16)] {
            let called = std::net::TcpStream::connect((address, listening.port())).unwrap();
            assert_eq!(called.peer_addr().unwrap().ip(), address);
        }
    }
}
