//! Where an API server is, and how it proves that it is the one.

use std::fmt;
use std::sync::Arc;

use http::Uri;
use http::uri::{Authority, Scheme};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use crate::dial::{Dial, Tcp};
use crate::{Error, tls};

/// An API server: its https URL and the verifier that all of its clients share. Clone is cheap.
#[derive(Clone)]
pub struct Endpoint(Arc<Parts>);

#[derive(Clone)]
pub(crate) struct Parts {
    /// The URL as it was given, without a trailing slash.
    pub(crate) server: Arc<str>,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) authority: Authority,
    /// The path in front of every request's, for servers behind a proxy such as `https://rancher/k8s/clusters/c-1`.
    pub(crate) prefix: String,
    pub(crate) tls_name: ServerName<'static>,
    pub(crate) tls: Arc<ClientConfig>,
    pub(crate) dial: Arc<dyn Dial>,
}

impl Endpoint {
    /// A server whose certificate is signed by an authority of `ca_pem`.
    ///
    /// Without authorities there is nothing to verify the server by, which is an error: the system's own are not used.
    pub fn new(server_url: &str, ca_pem: Option<&[u8]>) -> Result<Self, Error> {
        let Some(ca_pem) = ca_pem else {
            return Err(Error::Certificate {
                what: "the certificate authority",
                reason: "the cluster has none; set certificate-authority-data in the kubeconfig".to_owned(),
            });
        };
        Self::with_tls(server_url, tls::trusting(ca_pem)?)
    }

    /// A server that is believed without proof (`insecure-skip-tls-verify` in a kubeconfig).
    pub fn insecure(server_url: &str) -> Result<Self, Error> {
        Self::with_tls(server_url, tls::trusting_anyone()?)
    }

    /// Expects the server's certificate to be for `name` instead of the host of the URL (`tls-server-name`).
    pub fn with_tls_server_name(mut self, name: &str) -> Result<Self, Error> {
        let tls_name = ServerName::try_from(name.to_owned()).map_err(|_| Error::Server {
            url: name.to_owned(),
            reason: "the TLS server name is neither a DNS name nor an IP address",
        })?;
        Arc::make_mut(&mut self.0).tls_name = tls_name;
        Ok(self)
    }

    /// Opens connections by `dial` instead of plain TCP.
    #[must_use]
    pub fn with_dial(mut self, dial: Arc<dyn Dial>) -> Self {
        Arc::make_mut(&mut self.0).dial = dial;
        self
    }

    /// The server's URL as it was given, without a trailing slash.
    pub fn server(&self) -> &str {
        &self.0.server
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.0
    }

    fn with_tls(server_url: &str, tls: ClientConfig) -> Result<Self, Error> {
        let refuse = |reason| Error::Server { url: server_url.to_owned(), reason };
        let uri: Uri = server_url.parse().map_err(|_| refuse("it is not a URL"))?;
        if uri.scheme() != Some(&Scheme::HTTPS) {
            return Err(refuse("it must start with https://"));
        }
        let authority = uri.authority().cloned().ok_or_else(|| refuse("it names no host"))?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let tls_name = ServerName::try_from(host.clone())
            .map_err(|_| refuse("its host is neither a DNS name nor an IP address"))?;
        let port = authority.port_u16().unwrap_or(443);
        Ok(Self(Arc::new(Parts {
            server: server_url.trim_end_matches('/').into(),
            host,
            port,
            authority,
            prefix: uri.path().trim_end_matches('/').to_owned(),
            tls_name,
            tls: Arc::new(tls),
            dial: Arc::new(Tcp),
        })))
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Endpoint").field(&self.server()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let check = |url: &str, host: &str, port: u16, prefix: &str| {
            let endpoint = Endpoint::insecure(url).unwrap();
            let parts = endpoint.parts();
            assert_eq!(
                (parts.host.as_str(), parts.port, parts.prefix.as_str()),
                (host, port, prefix),
                "{url}"
            );
        };
        check("https://127.0.0.1:6443", "127.0.0.1", 6443, "");
        check("https://[::1]:6443/", "::1", 6443, "");
        check("https://rancher.example/k8s/clusters/c-1/", "rancher.example", 443, "/k8s/clusters/c-1");
        assert_eq!(Endpoint::insecure("https://a.example:1/").unwrap().server(), "https://a.example:1");
    }

    #[test]
    fn what_is_no_usable_server_is_refused() {
        for url in ["", "127.0.0.1:6443", "http://127.0.0.1:6443", "https://", "https://a_b^c"] {
            assert!(matches!(Endpoint::insecure(url), Err(Error::Server { .. })), "{url}");
        }
        let url = "https://127.0.0.1:6443";
        for ca in [
            None,
            Some(b"".as_slice()),
            Some(b"-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"),
        ] {
            assert!(matches!(Endpoint::new(url, ca), Err(Error::Certificate { .. })), "{ca:?}");
        }
        assert!(Endpoint::insecure(url).unwrap().with_tls_server_name("a b").is_err());
    }
}
