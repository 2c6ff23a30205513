//! Every TLS configuration of a client: whom it trusts and which certificate it shows.

use std::fmt;
use std::sync::{Arc, LazyLock};

use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use crate::{Auth, Credential, Error};

/// The one crypto provider: ring, which makes P-256 keys five times as fast as the alternative.
pub(crate) static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(rustls::crypto::ring::default_provider()));

/// Makes ring the provider of libraries in this process that ask rustls for its default, as kube and reqwest do.
///
/// Doing it twice does no harm.
pub fn install_crypto_provider() {
    // Fails only when there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A client certificate with its key, ready for handshakes.
#[derive(Clone)]
pub struct ClientCertificate(Arc<CertifiedKey>);

impl ClientCertificate {
    /// Reads a chain (leaf first) and a private key (PKCS#8, SEC 1 or PKCS#1) in PEM.
    pub fn from_pem(chain_pem: &[u8], key_pem: &[u8]) -> Result<Self, Error> {
        let chain = certificates("the client certificate", chain_pem)?;
        let key = PrivateKeyDer::from_pem_slice(key_pem)
            .map_err(|error| certificate_error("the client key", &error))?;
        Self::from_der(chain, key)
    }

    /// Takes a chain (leaf first) and a private key as they are: the fast path for thousands of nodes.
    pub fn from_der(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, Error> {
        CertifiedKey::from_der(chain, key, &PROVIDER)
            .map(|certified| Self(Arc::new(certified)))
            .map_err(|error| certificate_error("the client certificate", &error))
    }
}

/// Never shows the key.
impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientCertificate(..)")
    }
}

/// The authorities of a PEM bundle; errors call it `what`.
pub(crate) fn authorities(what: &'static str, ca_pem: &[u8]) -> Result<Arc<RootCertStore>, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(what, ca_pem)? {
        roots.add(certificate).map_err(|error| certificate_error(what, &error))?;
    }
    Ok(Arc::new(roots))
}

/// A configuration without a client certificate that trusts the authorities of a PEM bundle.
pub(crate) fn trusting(ca_pem: &[u8]) -> Result<ClientConfig, Error> {
    const WHAT: &str = "the certificate authority";
    let verifier = WebPkiServerVerifier::builder_with_provider(authorities(WHAT, ca_pem)?, PROVIDER.clone())
        .build()
        .map_err(|error| certificate_error(WHAT, &error))?;
    let builder = ClientConfig::builder_with_provider(PROVIDER.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| certificate_error("the TLS configuration", &error))?;
    Ok(base(builder.with_webpki_verifier(verifier).with_no_client_auth()))
}

/// A configuration that trusts any server (`insecure-skip-tls-verify`).
pub(crate) fn trusting_anyone() -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(PROVIDER.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| certificate_error("the TLS configuration", &error))?;
    let verifier = Arc::new(TrustAnyone);
    Ok(base(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()))
}

/// The configuration of one credential: its endpoint's own, or with a certificate a clone of that with the same verifier.
///
/// Cloning costs 2 KiB where building one anew costs 14; resumption is off because rustls resumes no session across
/// client certificates, and its store is preallocated.
pub(crate) fn for_credential(base: &Arc<ClientConfig>, credential: &Credential) -> Arc<ClientConfig> {
    let Auth::Certificate { chain_and_key } = &credential.auth else { return base.clone() };
    let mut config = ClientConfig::clone(base);
    config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(chain_and_key.0.clone()));
    Arc::new(config)
}

fn base(mut config: ClientConfig) -> ClientConfig {
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.resumption = Resumption::disabled();
    config
}

pub(crate) fn certificates(what: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| certificate_error(what, &error))?;
    if found.is_empty() {
        return Err(certificate_error(what, &"there is no PEM block CERTIFICATE in it"));
    }
    Ok(found)
}

pub(crate) fn certificate_error(what: &'static str, reason: &impl ToString) -> Error {
    Error::Certificate { what, reason: reason.to_string() }
}

/// Checks that the server holds the key of the certificate that it shows, and nothing about the certificate.
#[derive(Debug)]
struct TrustAnyone;

impl ServerCertVerifier for TrustAnyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &PROVIDER.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &PROVIDER.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        PROVIDER.signature_verification_algorithms.supported_schemes()
    }
}
