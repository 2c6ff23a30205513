//! One `cluster` or `user` entry of a kubeconfig, turned into what `wire` connects with.

use std::{fs, path::Path};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use kube::config::{AuthInfo, Cluster};
use secrecy::ExposeSecret;
use wire::{ClientCertificate, Credential, Endpoint, Impersonate, Token};

use crate::Error;

/// What to do instead of a credential that only kubectl can make.
const USE_A_TOKEN: &str = "make a ServiceAccount with the rights it needs, and put the output of \
    `kubectl create token NAME --duration 8h` into a kubeconfig user as `token`";

/// The entry's name, for messages.
pub(super) struct Entry<'a> {
    path: &'a Path,
    kind: &'static str,
    name: &'a str,
}

impl<'a> Entry<'a> {
    pub(super) fn new(path: &'a Path, kind: &'static str, name: &'a str) -> Self {
        Self { path, kind, name }
    }

    pub(super) fn endpoint(&self, cluster: &Cluster) -> Result<Endpoint, Error> {
        let server = given(cluster.server.as_deref()).ok_or_else(|| self.problem("it has no server"))?;
        if server.starts_with("http://") {
            let advice =
                "its server is plain HTTP; use the apiserver's https address, because HTTP/2 needs TLS";
            return Err(self.problem(advice));
        }
        if given(cluster.proxy_url.as_deref()).is_some() {
            return Err(self.problem("it has a proxy-url, and connections through a proxy are not supported"));
        }
        let ca = self.bytes(
            "certificate-authority",
            cluster.certificate_authority_data.as_deref(),
            cluster.certificate_authority.as_deref(),
        )?;
        let endpoint = match (ca, cluster.insecure_skip_tls_verify.unwrap_or(false)) {
            // client-go refuses this too (transport.TLSConfigFor).
            (Some(_), true) => {
                return Err(self
                    .problem("it has both a certificate authority and insecure-skip-tls-verify; keep one"));
            }
            (None, true) => Endpoint::insecure(server),
            (ca, false) => Endpoint::new(server, ca.as_deref()),
        };
        match given(cluster.tls_server_name.as_deref()) {
            Some(name) => endpoint.and_then(|endpoint| endpoint.with_tls_server_name(name)),
            None => endpoint,
        }
        .map_err(|error| self.problem(error.to_string()))
    }

    pub(super) fn credential(&self, user: &AuthInfo) -> Result<Credential, Error> {
        self.refuse_what_only_kubectl_can(user)?;
        let cert = self.bytes(
            "client-certificate",
            user.client_certificate_data.as_deref(),
            user.client_certificate.as_deref(),
        )?;
        let key = self.bytes(
            "client-key",
            user.client_key_data.as_ref().map(ExposeSecret::expose_secret),
            user.client_key.as_deref(),
        )?;
        let token = match given(user.token.as_ref().map(ExposeSecret::expose_secret)) {
            Some(token) => Some(token.to_owned()),
            None => self.token_of_file(given(user.token_file.as_deref()))?,
        };
        // With both, the apiserver believes the certificate (its authenticators are a union, x509 before tokens).
        let credential = match (cert, key, token) {
            (Some(cert), Some(key), _) => Credential::certificate(
                ClientCertificate::from_pem(&cert, &key).map_err(|error| self.problem(error.to_string()))?,
            ),
            (Some(_), None, _) => return Err(self.problem("it has a client-certificate and no client-key")),
            (None, Some(_), _) => return Err(self.problem("it has a client-key and no client-certificate")),
            (None, None, Some(token)) => Credential::bearer(Token::new(token)),
            (None, None, None) => Credential::anonymous(),
        };
        Ok(match self.impersonate(user)? {
            Some(other) => credential.impersonating(other),
            None => credential,
        })
    }

    fn refuse_what_only_kubectl_can(&self, user: &AuthInfo) -> Result<(), Error> {
        if let Some(exec) = &user.exec {
            let command = exec.command.as_deref().unwrap_or_default();
            return Err(self.problem(format!(
                "it gets its credential from the plugin `{command}`, which this program does not run; {USE_A_TOKEN}"
            )));
        }
        if let Some(provider) = &user.auth_provider {
            return Err(self.problem(format!(
                "it uses the auth-provider `{}`, which Kubernetes has removed; {USE_A_TOKEN}",
                provider.name
            )));
        }
        if given(user.username.as_deref()).is_some() || user.password.is_some() {
            return Err(self.problem(format!(
                "it has a user name and a password, which Kubernetes has not accepted since 1.19; {USE_A_TOKEN}"
            )));
        }
        Ok(())
    }

    fn impersonate(&self, user: &AuthInfo) -> Result<Option<Impersonate>, Error> {
        let groups = user.impersonate_groups.clone().unwrap_or_default();
        let extra = user.impersonate_user_extra.as_ref().is_some_and(|extra| !extra.is_empty());
        if given(user.impersonate_uid.as_deref()).is_some() || extra {
            return Err(self.problem(
                "it impersonates with as-uid or as-user-extra; only as and as-groups are supported",
            ));
        }
        match given(user.impersonate.as_deref()) {
            Some(name) => Ok(Some(Impersonate { user: name.to_owned(), groups })),
            None if groups.is_empty() => Ok(None),
            // As client-go (transport.NewImpersonatingRoundTripper's caller, HTTPWrappersForConfig).
            None => {
                Err(self.problem("it has as-groups without as: groups cannot be impersonated without a user"))
            }
        }
    }

    /// Inline data in base64, else a file. Paths were made absolute when the kubeconfig was read.
    fn bytes(&self, field: &str, data: Option<&str>, file: Option<&str>) -> Result<Option<Vec<u8>>, Error> {
        if let Some(data) = given(data) {
            let decoded = BASE64_STANDARD.decode(data.trim());
            return decoded.map(Some).map_err(|e| self.problem(format!("{field}-data is not base64 ({e})")));
        }
        let Some(file) = given(file) else { return Ok(None) };
        fs::read(file).map(Some).map_err(|e| self.problem(format!("{field} {file} cannot be read ({e})")))
    }

    fn token_of_file(&self, file: Option<&str>) -> Result<Option<String>, Error> {
        let Some(file) = file else { return Ok(None) };
        let text = fs::read_to_string(file)
            .map_err(|e| self.problem(format!("tokenFile {file} cannot be read ({e})")))?;
        match text.trim() {
            "" => Err(self.problem(format!("tokenFile {file} is empty"))),
            token => Ok(Some(token.to_owned())),
        }
    }

    fn problem(&self, problem: impl Into<String>) -> Error {
        Error::Entry {
            path: self.path.to_owned(),
            entry: format!("{} `{}`", self.kind, self.name),
            problem: problem.into(),
        }
    }
}

/// An empty field is as good as none.
fn given(field: Option<&str>) -> Option<&str> {
    field.filter(|text| !text.is_empty())
}
