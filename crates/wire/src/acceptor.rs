//! Every TLS configuration of a server: which certificate it shows, and whose it asks for.
//!
//! The manners are those of a kubelet (`pkg/kubelet/server/server.go`, `ListenAndServeKubeletServer`): a client certificate is
//! asked for and not required, and one that nobody vouches for ends no handshake: whoever shows it may still have a token.

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{DigitallySignedStruct, DistinguishedName, ServerConfig};
use rustls::{SignatureScheme, client::danger::HandshakeSignatureValid};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::Error;
use crate::tls::{PROVIDER, authorities, certificate_error};

const H2: &[u8] = b"h2";

/// A server's certificate with its key, ready for handshakes.
#[derive(Clone)]
pub struct ServerCertificate(Arc<CertifiedKey>);

impl ServerCertificate {
    /// Takes a chain (leaf first) and a private key.
    pub fn from_der(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, Error> {
        CertifiedKey::from_der(chain, key, &PROVIDER)
            .map(|certified| Self(Arc::new(certified)))
            .map_err(|error| certificate_error("the serving certificate", &error))
    }
}

/// Never shows the key.
impl fmt::Debug for ServerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerCertificate(..)")
    }
}

/// Whose client certificates prove who somebody is. Clone shares it.
#[derive(Clone, Debug)]
pub struct ClientTrust(Arc<dyn ClientCertVerifier>);

impl ClientTrust {
    /// Trusts what the authorities of a PEM bundle have signed.
    pub fn of_authorities(ca_pem: &[u8]) -> Result<Self, Error> {
        const WHAT: &str = "the authority for client certificates";
        WebPkiClientVerifier::builder_with_provider(authorities(WHAT, ca_pem)?, PROVIDER.clone())
            .build()
            .map(Self)
            .map_err(|error| certificate_error(WHAT, &error))
    }

    fn vouches_for(&self, chain: &[CertificateDer<'_>]) -> bool {
        chain
            .split_first()
            .is_some_and(|(leaf, rest)| self.0.verify_client_cert(leaf, rest, UnixTime::now()).is_ok())
    }
}

/// Accepts TLS connections under one certificate, with HTTP/2 or HTTP/1.1. Clone is cheap.
#[derive(Clone)]
pub struct Acceptor {
    tls: TlsAcceptor,
    clients: Option<ClientTrust>,
}

/// A connection whose handshake is over.
#[derive(Debug)]
pub struct Accepted<S> {
    /// The connection.
    pub stream: TlsStream<S>,
    /// Whether HTTP/2 was agreed on; otherwise it is HTTP/1.1.
    pub is_http2: bool,
    /// The client's certificate, if it showed one and a trusted authority has signed it.
    pub client: Option<CertificateDer<'static>>,
}

impl Acceptor {
    /// Shows `certificate`; with authorities for client certificates it asks for one.
    pub fn new(certificate: &ServerCertificate, clients: Option<ClientTrust>) -> Result<Self, Error> {
        let builder = ServerConfig::builder_with_provider(PROVIDER.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| certificate_error("the TLS configuration", &error))?;
        let builder = match &clients {
            Some(trust) => builder.with_client_cert_verifier(Arc::new(Ask(trust.0.clone()))),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certificate.0.clone())));
        // Thousands of nodes have a configuration each, and a store for sessions is allocated whole.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.alpn_protocols = vec![H2.to_vec(), b"http/1.1".to_vec()];
        Ok(Self { tls: TlsAcceptor::from(Arc::new(config)), clients })
    }

    /// Shakes hands. There is no timeout in it.
    pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> io::Result<Accepted<S>> {
        let stream = self.tls.accept(stream).await?;
        let connection = stream.get_ref().1;
        let is_http2 = connection.alpn_protocol() == Some(H2);
        let chain = connection.peer_certificates().unwrap_or_default();
        let trusted = self.clients.as_ref().is_some_and(|clients| clients.vouches_for(chain));
        let client = chain.first().filter(|_| trusted).map(|leaf| leaf.clone().into_owned());
        Ok(Accepted { stream, is_http2, client })
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").field("clients", &self.clients.is_some()).finish_non_exhaustive()
    }
}

/// Asks for a certificate, and checks only that the client holds its key: whether it is trusted is decided afterwards.
#[derive(Debug)]
struct Ask(Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for Ask {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &PROVIDER.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &PROVIDER.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        PROVIDER.signature_verification_algorithms.supported_schemes()
    }
}
