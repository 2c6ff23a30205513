//! Why the server could not start.

use std::io;

/// Why the server could not start, or a certificate could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A key or a certificate could not be made.
    #[error("cannot make a certificate")]
    Certificate(#[from] rcgen::Error),
    /// The TLS configuration was refused.
    #[error("cannot configure TLS")]
    Tls(#[from] rustls::Error),
    /// The verifier of client certificates was refused.
    #[error("cannot verify client certificates")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
    /// Our own PEM could not be read back.
    #[error("cannot read PEM: {0}")]
    Pem(rustls::pki_types::pem::Error),
    /// No port could be had.
    #[error("cannot listen on a loopback address")]
    Listen(#[from] io::Error),
    /// The endpoint of the server was refused by `wire`.
    #[error("cannot describe the server's endpoint")]
    Endpoint(#[from] wire::Error),
}

impl From<rustls::pki_types::pem::Error> for Error {
    fn from(error: rustls::pki_types::pem::Error) -> Self {
        Self::Pem(error)
    }
}
