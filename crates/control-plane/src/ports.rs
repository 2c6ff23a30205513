//! Free ports on loopback.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use crate::Error;

/// A port that nobody else can take while this is held.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) number: u16,
    held: TcpListener,
}

impl Port {
    /// The port asked for, or any free one.
    pub(crate) fn reserve(wanted: Option<u16>) -> Result<Self, Error> {
        let held =
            TcpListener::bind((Ipv4Addr::LOCALHOST, wanted.unwrap_or(0))).map_err(|source| match wanted {
                Some(port) => Error::Port { port, source },
                None => Error::NoFreePort(source),
            })?;
        let number = held.local_addr().map_err(Error::NoFreePort)?.port();
        Ok(Self { number, held })
    }

    /// For whoever listens in this process.
    pub(crate) fn into_listener(self) -> TcpListener {
        self.held
    }

    /// Lets the port go, just before the component that is to bind it starts. A listener without connections leaves
    /// nothing behind in the kernel, so it can be bound at once.
    pub(crate) fn release(self) {
        drop(self.held);
    }
}

/// A port kept for a component that is stopped: clients are refused as on a port without a listener, and no connection of
/// theirs goes out from it. Without that, one of many clients that try again would sooner or later take the port, or even
/// reach itself (a TCP simultaneous open), and the component could not bind it any more.
#[derive(Debug)]
pub(crate) struct Claim {
    _bound: Socket,
}

impl Claim {
    /// Binds the port without listening. The component can bind it all the same: like every Go listener it sets
    /// `SO_REUSEADDR`, and so does this.
    pub(crate) fn new(port: u16) -> Result<Self, Error> {
        let bind = || {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
            socket.set_reuse_address(true)?;
            socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
            Ok(socket)
        };
        Ok(Self { _bound: bind().map_err(|source| Error::Port { port, source })? })
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener, TcpStream};

    use super::{Claim, Port};

    #[test]
    fn a_claimed_port_refuses_and_can_be_listened_on() {
        let port = Port::reserve(None).unwrap();
        let number = port.number;
        port.release();
        let _claim = Claim::new(number).unwrap();
        let error = TcpStream::connect((Ipv4Addr::LOCALHOST, number)).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, number)).unwrap();
        TcpStream::connect((Ipv4Addr::LOCALHOST, number)).unwrap();
        drop(listener);
    }

    #[test]
    fn a_taken_port_is_an_error_that_says_what_to_do() {
        let held = Port::reserve(None).unwrap();
        let error = Port::reserve(Some(held.number)).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "port {} on 127.0.0.1 is taken by another process; choose another with --port, or leave --port out for a free one",
                held.number
            )
        );
        let number = held.number;
        held.release();
        assert_eq!(Port::reserve(Some(number)).unwrap().number, number);
    }
}
