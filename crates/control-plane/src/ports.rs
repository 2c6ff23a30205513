//! Free ports on loopback.

use std::net::{Ipv4Addr, TcpListener};

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

    /// Lets the port go, just before the component that is to bind it starts. A listener without connections leaves
    /// nothing behind in the kernel, so it can be bound at once.
    pub(crate) fn release(self) {
        drop(self.held);
    }
}

#[cfg(test)]
mod tests {
    use super::Port;

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
