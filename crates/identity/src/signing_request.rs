//! Asking a cluster for a node's certificate, where its CA is not ours or where a kubelet would ask: the key, and the request that
//! goes into a `CertificateSigningRequest` object.

use std::fmt;

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject};

use crate::{Error, Subject};

/// A new key, and the request for a certificate of it (PKCS #10), signed with it.
pub struct SigningRequest {
    pem: String,
    key_der: Vec<u8>,
    name: String,
}

impl SigningRequest {
    /// The usages that a kubelet asks for with a key like these, ECDSA (client-go util/certificate
    /// `kubeletClientUsagesNoEncipherment`).
    pub const USAGES: [&str; 2] = ["digital signature", "client auth"];
    /// Who signs certificates of kubelets as clients.
    pub const SIGNER: &str = "kubernetes.io/kube-apiserver-client-kubelet";

    /// A request for the client certificate of a node.
    pub fn for_node(node: &str) -> Result<Self, Error> {
        let Subject { common_name: name, organizations } = Subject::node(node);
        let failed = |action| {
            let name = name.clone();
            move |source| Error::Certificate { action, name, source }
        };
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        for organization in organizations {
            params.distinguished_name.push(DnType::OrganizationName, organization);
        }
        params.distinguished_name.push(DnType::CommonName, name.as_str());
        let key = KeyPair::generate().map_err(failed("generate a key"))?;
        let request = params.serialize_request(&key).map_err(failed("sign a request"))?;
        let pem = request.pem().map_err(failed("write a request"))?;
        Ok(Self { pem, key_der: key.serialize_der(), name })
    }

    /// The request, PEM, as it stands in `spec.request`.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// What was issued (`status.certificate`, PEM) and the key, as a client shows them in TLS handshakes.
    ///
    /// # Errors
    /// When it is no certificate, or of another key.
    pub fn client_certificate(&self, issued: &[u8]) -> Result<wire::ClientCertificate, Error> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(issued)
            .collect::<Result<_, _>>()
            .map_err(|error| Error::Issued { name: self.name.clone(), problem: error.to_string() })?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key_der.clone()));
        wire::ClientCertificate::from_der(chain, key)
            .map_err(|error| Error::Issued { name: self.name.clone(), problem: error.to_string() })
    }
}

impl fmt::Debug for SigningRequest {
    /// The key is left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningRequest").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use x509_parser::prelude::FromDer;

    use super::*;
    use crate::Authority;

    #[test]
    fn a_request_names_the_node_and_asks_for_nothing_else() {
        let request = SigningRequest::for_node("n-1").unwrap();
        assert!(request.pem().starts_with("-----BEGIN CERTIFICATE REQUEST-----"));
        let der = x509_parser::pem::parse_x509_pem(request.pem().as_bytes()).unwrap().1.contents;
        let (_, parsed) =
            x509_parser::certification_request::X509CertificationRequest::from_der(&der).unwrap();
        let subject = parsed.certification_request_info.subject.to_string();
        assert_eq!(subject, "O=system:nodes, CN=system:node:n-1");
        assert!(parsed.requested_extensions().into_iter().flatten().next().is_none());
    }

    #[test]
    fn only_a_certificate_of_its_own_key_fits() {
        let authority = Authority::new("ca").unwrap();
        let (one, other) =
            (SigningRequest::for_node("n-1").unwrap(), SigningRequest::for_node("n-1").unwrap());
        let issued = authority.sign(one.pem()).unwrap();
        assert!(one.client_certificate(issued.as_bytes()).is_ok());
        let error = other.client_certificate(issued.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("system:node:n-1"), "{error}");
        assert!(one.client_certificate(b"nothing").is_err());
    }
}
