//! A certificate authority that issues the certificates of a control plane and of its nodes.
//!
//! Keys are ECDSA P-256: with ring one key and one signature cost well under 0.1 ms, so ten thousand nodes get theirs
//! in about a second.

use std::{net::IpAddr, time::Duration};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject};

use crate::{Error, private_key};

/// Certificates are valid from a little before now, because the clocks of two machines differ.
const BACKDATE: Duration = Duration::from_mins(5);
/// kubeadm's `CertificateValidityPeriod` and `CACertificateValidityPeriod` (cmd/kubeadm/app/constants): 1 and 10 years.
const LEAF_LIFE: Duration = Duration::from_hours(24 * 365);
const CA_LIFE: Duration = Duration::from_hours(24 * 365 * 10);

/// A certificate authority: its certificate and its private key.
#[derive(Debug)]
pub struct Authority {
    cert_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// Whom a certificate names. Kubernetes reads the common name as the user and the organization as the group
/// (apiserver `authentication/request/x509`, `CommonNameUserConversion`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The user.
    pub common_name: String,
    /// The groups. At most one can be written.
    pub organizations: Vec<String>,
}

/// What a certificate may be used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To authenticate a client.
    Client,
    /// To serve TLS under these DNS names and IP addresses.
    Server {
        /// DNS names and IP addresses in text form.
        sans: Vec<String>,
    },
    /// Both: etcd members are server and client of one another with one certificate.
    Both {
        /// DNS names and IP addresses in text form.
        sans: Vec<String>,
    },
}

/// A certificate and the key that belongs to it.
#[derive(Clone)]
pub struct Issued {
    /// The certificate, PEM.
    pub cert_pem: String,
    /// The private key, PKCS#8 PEM.
    pub key_pem: String,
    cert_der: CertificateDer<'static>,
    key_der: Vec<u8>,
}

impl Authority {
    /// Makes a new self-signed authority, valid for ten years.
    pub fn new(common_name: &str) -> Result<Self, Error> {
        let failed =
            |action| move |source| Error::Certificate { action, name: common_name.to_owned(), source };
        let key = KeyPair::generate().map_err(failed("generate a key"))?;
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // The usages of client-go's cert.NewSelfSignedCACert.
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
            KeyUsagePurpose::KeyCertSign,
        ];
        set_life(&mut params, CA_LIFE);
        let cert = params.self_signed(&key).map_err(failed("sign the authority's certificate"))?;
        Ok(Self { cert_pem: cert.pem(), issuer: Issuer::new(params, key) })
    }

    /// Reads an authority that exists: a PEM certificate and its PEM key (PKCS#8, PKCS#1 or SEC 1).
    ///
    /// A key that does not belong to the certificate is refused here, because later it would show only as a TLS error.
    pub fn from_pem(cert: &str, key: &str) -> Result<Self, Error> {
        let der = CertificateDer::from_pem_slice(cert.as_bytes()).map_err(|e| Error::Authority {
            what: format!("the certificate holds no PEM certificate ({e})"),
        })?;
        let key = private_key::read(key)?;
        let public = key.subject_public_key_info();
        let issuer = Issuer::from_ca_cert_der(&der, key)
            .map_err(|e| Error::Authority { what: format!("the certificate cannot be read ({e})") })?;
        if !der.windows(public.len()).any(|window| window == public) {
            return Err(Error::Authority { what: "the key does not belong to the certificate".to_owned() });
        }
        if !issuer.key_usages().is_empty() && !issuer.key_usages().contains(&KeyUsagePurpose::KeyCertSign) {
            return Err(Error::Authority { what: "its certificate may not sign certificates".to_owned() });
        }
        Ok(Self { cert_pem: cert.to_owned(), issuer })
    }

    /// The authority's own certificate, PEM.
    pub fn cert_pem(&self) -> &str {
        &self.cert_pem
    }

    /// The authority's private key, PKCS#8 PEM.
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// Issues a certificate with a new key, valid for one year.
    pub fn issue(&self, subject: &Subject, purpose: &Purpose) -> Result<Issued, Error> {
        let failed =
            |action| move |source| Error::Certificate { action, name: subject.common_name.clone(), source };
        if subject.organizations.len() > 1 {
            let (name, count) = (subject.common_name.clone(), subject.organizations.len());
            return Err(Error::Organizations { name, count });
        }
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        for organization in &subject.organizations {
            params.distinguished_name.push(DnType::OrganizationName, organization.as_str());
        }
        params.distinguished_name.push(DnType::CommonName, subject.common_name.as_str());
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.extended_key_usages = purpose.extended_key_usages();
        params.subject_alt_names = purpose
            .sans()
            .iter()
            .map(|san| san_type(san))
            .collect::<Result<_, _>>()
            .map_err(failed("name a server"))?;
        params.use_authority_key_identifier_extension = true;
        set_life(&mut params, LEAF_LIFE);

        let key = KeyPair::generate().map_err(failed("generate a key"))?;
        let cert = params.signed_by(&key, &self.issuer).map_err(failed("sign a certificate"))?;
        Ok(Issued {
            cert_pem: cert.pem(),
            key_pem: key.serialize_pem(),
            key_der: key.serialize_der(),
            cert_der: cert.into(),
        })
    }
}

impl Authority {
    /// Signs a request for a client certificate (PEM, PKCS #10) as the controller-manager does, for a year. Returns PEM.
    pub fn sign(&self, request_pem: &str) -> Result<String, Error> {
        let failed = |source| Error::Certificate {
            action: "sign a request",
            name: "the subject of a request".to_owned(),
            source,
        };
        let mut request = CertificateSigningRequestParams::from_pem(request_pem).map_err(failed)?;
        request.params.is_ca = IsCa::ExplicitNoCa;
        request.params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        request.params.extended_key_usages = Purpose::Client.extended_key_usages();
        set_life(&mut request.params, LEAF_LIFE);
        Ok(request.signed_by(&self.issuer).map_err(failed)?.pem())
    }
}

impl Subject {
    /// A user without a group.
    pub fn user(name: impl Into<String>) -> Self {
        Self { common_name: name.into(), organizations: Vec::new() }
    }

    /// A user in one group.
    pub fn in_group(name: impl Into<String>, group: impl Into<String>) -> Self {
        Self { common_name: name.into(), organizations: vec![group.into()] }
    }

    /// A node, as the Node authorizer and NodeRestriction know it (pkg/auth/nodeidentifier).
    pub fn node(name: &str) -> Self {
        Self::in_group(format!("system:node:{name}"), "system:nodes")
    }
}

impl Purpose {
    fn extended_key_usages(&self) -> Vec<ExtendedKeyUsagePurpose> {
        match self {
            Self::Client => vec![ExtendedKeyUsagePurpose::ClientAuth],
            Self::Server { .. } => vec![ExtendedKeyUsagePurpose::ServerAuth],
            Self::Both { .. } => {
                vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth]
            }
        }
    }

    fn sans(&self) -> &[String] {
        match self {
            Self::Client => &[],
            Self::Server { sans } | Self::Both { sans } => sans,
        }
    }
}

impl Issued {
    /// The certificate, DER.
    pub fn cert_der(&self) -> &CertificateDer<'static> {
        &self.cert_der
    }

    /// The pair as a client shows it in TLS handshakes, without a detour through PEM.
    pub fn client_certificate(&self) -> Result<wire::ClientCertificate, Error> {
        wire::ClientCertificate::from_der(vec![self.cert_der.clone()], self.key_der())
            .map_err(Error::Unusable)
    }

    /// The private key, PKCS#8 DER.
    pub fn key_der(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key_der.clone()))
    }
}

impl std::fmt::Debug for Issued {
    /// The key is left out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issued").field("cert_pem", &self.cert_pem).finish_non_exhaustive()
    }
}

fn set_life(params: &mut CertificateParams, life: Duration) {
    let since_epoch = Duration::from_secs(u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(0));
    let now = date_time_ymd(1970, 1, 1) + since_epoch;
    params.not_before = now - BACKDATE;
    params.not_after = now + life;
}

fn san_type(name: &str) -> Result<SanType, rcgen::Error> {
    Ok(match name.parse::<IpAddr>() {
        Ok(address) => SanType::IpAddress(address),
        Err(_) => SanType::DnsName(name.try_into()?),
    })
}

#[cfg(test)]
mod tests;
