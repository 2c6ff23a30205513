//! The certificate authority of the server, and what it signs.

use std::net::IpAddr;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SanType,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::Error;

/// HTTP/2, as clients and servers name it to each other (RFC 7301).
pub(crate) const H2: &[u8] = b"h2";

/// One authority for the server and for its clients.
#[derive(Debug)]
pub(crate) struct Pki {
    pub(crate) ca_pem: String,
    pub(crate) ca_key_pem: String,
    /// Where the server listens.
    address: IpAddr,
}

impl Pki {
    pub(crate) fn generate(address: IpAddr) -> Result<Self, Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name = name("null-apiserver-ca", &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate()?;
        Ok(Self { ca_pem: params.self_signed(&key)?.pem(), ca_key_pem: key.serialize_pem(), address })
    }

    /// A certificate that proves a user and groups, and its key, in PEM.
    pub(crate) fn client_certificate(
        &self,
        common_name: &str,
        organizations: &[&str],
    ) -> Result<(String, String), Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name = name(common_name, organizations);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(&params)
    }

    /// The server's side of TLS: HTTP/2, and HTTP/1.1 for who asks for that alone; a client certificate is asked for and not required.
    pub(crate) fn server_config(&self) -> Result<ServerConfig, Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name = name("null-apiserver", &[]);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.subject_alt_names =
            vec![SanType::IpAddress(self.address), SanType::DnsName("localhost".try_into()?)];
        let (certificate, key) = self.sign(&params)?;

        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(certificate_of(&self.ca_pem)?)?;
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .allow_unauthenticated()
            .build()?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(clients)
            .with_single_cert(
                vec![certificate_of(&certificate)?],
                PrivateKeyDer::from_pem_slice(key.as_bytes())?,
            )?;
        config.alpn_protocols = vec![H2.to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    fn sign(&self, params: &CertificateParams) -> Result<(String, String), Error> {
        let issuer = Issuer::from_ca_cert_pem(&self.ca_pem, KeyPair::from_pem(&self.ca_key_pem)?)?;
        let key = KeyPair::generate()?;
        Ok((params.signed_by(&key, &issuer)?.pem(), key.serialize_pem()))
    }
}

/// Common name and organizations of a certificate.
pub(crate) fn subject(certificate: &CertificateDer<'_>) -> (Option<String>, Vec<String>) {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return (None, Vec::new()) };
    let subject = parsed.subject();
    let common_name =
        subject.iter_common_name().next().and_then(|name| name.as_str().ok()).map(str::to_owned);
    let organizations =
        subject.iter_organization().filter_map(|name| name.as_str().ok()).map(str::to_owned).collect();
    (common_name, organizations)
}

fn certificate_of(pem: &str) -> Result<CertificateDer<'static>, Error> {
    Ok(CertificateDer::from_pem_slice(pem.as_bytes())?)
}

fn name(common_name: &str, organizations: &[&str]) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    // rcgen keeps one value for each type, which is all that node identities need.
    for organization in organizations {
        name.push(DnType::OrganizationName, *organization);
    }
    name
}
