//! The keys of one cluster: three authorities and the ServiceAccount signing pair, as kubeadm lays them out.

use rcgen::KeyPair;

use crate::{Authority, Error};

/// What kubeadm's `certs` phase would write under `/etc/kubernetes/pki`, before any certificate is issued.
#[derive(Debug)]
pub struct ClusterPki {
    /// Signs the apiserver's serving certificate and every client certificate.
    pub ca: Authority,
    /// Signs etcd's serving, peer and client certificates.
    pub etcd_ca: Authority,
    /// Signs the client certificate with which the apiserver proxies to aggregated APIs.
    pub front_proxy_ca: Authority,
    /// Signs ServiceAccount tokens: ECDSA P-256 as PKCS#8 `PRIVATE KEY` (client-go `keyutil.ParsePrivateKeyPEM`).
    pub service_account_key_pem: String,
    /// Verifies ServiceAccount tokens: `PUBLIC KEY` (client-go `keyutil.ParsePublicKeysPEM`).
    pub service_account_pub_pem: String,
}

impl ClusterPki {
    /// Makes all of it anew.
    pub fn generate() -> Result<Self, Error> {
        let service_account = KeyPair::generate().map_err(|source| Error::Certificate {
            action: "generate a key",
            name: "service-account".to_owned(),
            source,
        })?;
        Ok(Self {
            ca: Authority::new("kubernetes")?,
            etcd_ca: Authority::new("etcd-ca")?,
            front_proxy_ca: Authority::new("front-proxy-ca")?,
            service_account_key_pem: service_account.serialize_pem(),
            service_account_pub_pem: service_account.public_key_pem(),
        })
    }
}
