//! Addresses to serve on: `127.0.0.1:9095`, `:9095`, `localhost:9095`, `[::1]:9095`.

use std::{
    fmt, io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs as _},
    str::FromStr,
};

use anyhow::{Context, bail};

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MetricsAddr {
    /// Nothing for all addresses of this machine.
    host: Option<String>,
    port: u16,
}

impl FromStr for MetricsAddr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is not a host and a port, such as 127.0.0.1:9095, localhost:9095, [::1]:9095 or :9095"
            )
        };
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().map_err(|_| wrong())?;
        let host = match host.strip_prefix('[').map(|rest| rest.strip_suffix(']')) {
            Some(Some(inner)) if inner.parse::<Ipv6Addr>().is_ok() => Some(inner.to_owned()),
            Some(_) => return Err(wrong()),
            None if host.is_empty() => None,
            // Of an IPv6 address without brackets nobody knows where it ends.
            None if host
                .contains(|letter: char| letter == ':' || letter == '/' || letter.is_whitespace()) =>
            {
                return Err(wrong());
            }
            None => Some(host.to_owned()),
        };
        Ok(Self { host, port })
    }
}

impl fmt::Display for MetricsAddr {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Some(host) if host.contains(':') => write!(out, "[{host}]:{}", self.port),
            Some(host) => write!(out, "{host}:{}", self.port),
            None => write!(out, ":{}", self.port),
        }
    }
}

impl MetricsAddr {
    fn addresses(&self) -> anyhow::Result<Vec<SocketAddr>> {
        let Self { host, port } = self;
        let Some(host) = host else {
            // The first is both, where there is IPv6.
            return Ok(vec![(Ipv6Addr::UNSPECIFIED, *port).into(), (Ipv4Addr::UNSPECIFIED, *port).into()]);
        };
        let found: Vec<SocketAddr> = (host.as_str(), *port)
            .to_socket_addrs()
            .with_context(|| format!("no address of {host}"))?
            .collect();
        if found.is_empty() {
            bail!("no address of {host}");
        }
        Ok(found)
    }
}

/// An address that is ours, where nobody is served yet.
#[derive(Debug)]
pub(crate) struct Listening {
    listener: TcpListener,
    address: SocketAddr,
}

impl Listening {
    /// Takes it.
    ///
    /// # Errors
    ///
    /// Where somebody else has it, or it is none of this machine.
    pub(crate) fn at(wanted: &MetricsAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(&wanted.addresses()?[..]).map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => anyhow::anyhow!(
                "{wanted} is taken: another program listens there; with port 0 one that is free is found"
            ),
            _ => anyhow::Error::from(error).context(format!("cannot listen on {wanted}")),
        })?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Where it is.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether whoever reaches this machine reaches it.
    pub(crate) fn is_open(&self) -> bool {
        !self.address.ip().to_canonical().is_loopback()
    }

    /// Where whoever is on this machine finds it.
    pub(crate) fn url(&self) -> String {
        if self.address.ip().is_unspecified() {
            format!("http://{}:{}/", Ipv4Addr::LOCALHOST, self.address.port())
        } else {
            format!("http://{}/", self.address)
        }
    }

    pub(crate) fn into_listener(self) -> TcpListener {
        self.listener
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<MetricsAddr, String> {
        text.parse()
    }

    #[test]
    fn an_address_is_read_and_written_as_people_write_it() {
        for text in ["127.0.0.1:9095", "localhost:0", "[::1]:9095", ":9095", "prometheus.example:65535"] {
            assert_eq!(read(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_address_is_told_how_one_looks() {
        for text in [
            "9095",
            "127.0.0.1",
            "127.0.0.1:",
            "::1:9095",
            "[::1]",
            "[::1:9095",
            "[x]:1",
            ":70000",
            "http://a:1",
            "a b:1",
            "",
        ] {
            let error = read(text).unwrap_err();
            assert!(
                error.starts_with(&format!("`{text}` is not")) && error.contains("[::1]:9095"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_free_port_is_found_and_one_that_is_taken_is_said_to_be() {
        let first = Listening::at(&read("127.0.0.1:0").unwrap()).unwrap();
        assert!(first.address().port() > 0 && !first.is_open());
        assert_eq!(first.url(), format!("http://{}/", first.address()));
        let taken = format!("127.0.0.1:{}", first.address().port());
        let error = Listening::at(&read(&taken).unwrap()).unwrap_err().to_string();
        assert!(error.contains(&format!("{taken} is taken")), "{error}");
    }

    #[test]
    fn all_addresses_are_open_and_have_one_on_this_machine() {
        let all = Listening::at(&read(":0").unwrap()).unwrap();
        assert!(all.is_open());
        assert_eq!(all.url(), format!("http://127.0.0.1:{}/", all.address().port()));
    }

    #[test]
    fn an_address_of_another_machine_cannot_be_listened_on() {
        // Of the range that is for documentation.
        let error = Listening::at(&read("192.0.2.1:9095").unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "cannot listen on 192.0.2.1:9095");
    }
}
