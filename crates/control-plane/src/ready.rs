//! Asking components whether they are ready, and the little else that the admin asks of them.

use std::{sync::Arc, time::Duration};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::{Error, pki::Access};

/// A check that takes longer than this has failed; another follows.
const PATIENCE: Duration = Duration::from_secs(5);

/// A client that trusts the cluster's authority and is its admin, because a profile may switch anonymous requests off.
#[derive(Clone, Debug)]
pub(crate) struct Checks {
    client: reqwest::Client,
    config: Arc<ClientConfig>,
}

impl Checks {
    pub(crate) fn new(access: &Access) -> Result<Self, Error> {
        let Access { ca_pem, admin } = access;
        let config = tls(ca_pem, &admin.cert_pem, &admin.key_pem).map_err(|reason| Error::Tls { reason })?;
        Self::with(Arc::new(config))
    }

    /// The same with connections of its own.
    pub(crate) fn apart(&self) -> Result<Self, Error> {
        Self::with(self.config.clone())
    }

    fn with(config: Arc<ClientConfig>) -> Result<Self, Error> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(ClientConfig::clone(&config))
            .no_proxy()
            .timeout(PATIENCE)
            .build()
            .map_err(|error| Error::Tls { reason: error.to_string() })?;
        Ok(Self { client, config })
    }

    /// Creates an object by a POST of its JSON; one that exists already is left as it is.
    pub(crate) async fn create(&self, url: &str, object: String) -> Result<(), String> {
        let request = self.client.post(url).header("content-type", "application/json").body(object);
        let response = request.send().await.map_err(|error| deepest(&error))?;
        let status = response.status();
        if status.is_success() || status == reqwest::StatusCode::CONFLICT {
            return Ok(());
        }
        Err(format!("{url} answers {status} {}", response.text().await.unwrap_or_default())
            .trim_end()
            .to_owned())
    }

    /// Deletes an object; one that is not there is as good.
    pub(crate) async fn delete(&self, url: &str) -> Result<(), String> {
        let response = self.client.delete(url).send().await.map_err(|error| deepest(&error))?;
        match response.status() {
            status if status.is_success() || status == reqwest::StatusCode::NOT_FOUND => Ok(()),
            status => Err(format!("{url} answers {status}")),
        }
    }

    /// The text behind an address, all of it within `patience`.
    pub(crate) async fn text(&self, url: &str, patience: Duration) -> Result<String, String> {
        let response =
            self.client.get(url).timeout(patience).send().await.map_err(|error| deepest(&error))?;
        match response.status() {
            status if status.is_success() => response.text().await.map_err(|error| deepest(&error)),
            status => Err(format!("{url} answers {status}")),
        }
    }

    /// Whether the address answers, whatever.
    pub(crate) async fn answers(&self, url: &str) -> bool {
        self.client.get(url).send().await.is_ok()
    }

    /// Whether the address answers 200; otherwise what it says instead.
    pub(crate) async fn check(&self, url: &str) -> Result<(), String> {
        let response = self.client.get(url).send().await.map_err(|error| deepest(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        // The apiserver lists its checks, one a line; those that failed begin with [-].
        let text = response.text().await.unwrap_or_default();
        let failed: Vec<&str> = text.lines().filter(|line| line.starts_with("[-]")).collect();
        Err(format!("{url} answers {status} {}", failed.join(", ")).trim_end().to_owned())
    }
}

/// A configuration that trusts one authority and shows one certificate; all PEM.
pub(crate) fn tls(ca: &str, certificate: &str, key: &str) -> Result<ClientConfig, String> {
    let text = |error: &dyn std::error::Error| error.to_string();
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_slice(ca.as_bytes()).map_err(|error| text(&error))?;
    roots.add(ca).map_err(|error| text(&error))?;
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).map_err(|error| text(&error))?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|error| text(&error))?;
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| text(&error))?
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![certificate], key)
        .map_err(|error| text(&error))
}

/// reqwest's own text stops at "error sending request"; what matters is beneath it.
pub(crate) fn deepest(error: &reqwest::Error) -> String {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}
