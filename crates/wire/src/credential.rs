//! Who is asking: a certificate, a bearer token or nobody, possibly in somebody else's name.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use http::{HeaderName, HeaderValue};
use rustls::ClientConfig;

use crate::http2::{AUTHORIZATION, Block};
use crate::{ClientCertificate, Endpoint, Error, tls};

const IMPERSONATE_USER: HeaderName = HeaderName::from_static("impersonate-user");
const IMPERSONATE_GROUP: HeaderName = HeaderName::from_static("impersonate-group");

/// How a client proves who it is, and in whose name it acts.
#[derive(Clone, Debug)]
pub struct Credential {
    /// The proof.
    pub auth: Auth,
    /// In whose name, if not in its own.
    pub impersonate: Option<Impersonate>,
}

/// The proof of an identity.
#[derive(Clone, Debug)]
pub enum Auth {
    /// A client certificate, shown in the TLS handshake.
    Certificate {
        /// The chain and its private key.
        chain_and_key: Arc<ClientCertificate>,
    },
    /// A bearer token in each request.
    Bearer(Token),
    /// None.
    Anonymous,
}

/// The user in whose name requests are made (`Impersonate-User`, `Impersonate-Group`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Impersonate {
    /// User name.
    pub user: String,
    /// Groups, in the order they are sent.
    pub groups: Vec<String>,
}

impl Credential {
    /// A client certificate, acting for itself.
    pub fn certificate(certificate: impl Into<Arc<ClientCertificate>>) -> Self {
        Self { auth: Auth::Certificate { chain_and_key: certificate.into() }, impersonate: None }
    }

    /// A bearer token, acting for itself.
    pub fn bearer(token: Token) -> Self {
        Self { auth: Auth::Bearer(token), impersonate: None }
    }

    /// Nobody.
    pub fn anonymous() -> Self {
        Self { auth: Auth::Anonymous, impersonate: None }
    }

    /// The same proof, acting for somebody else.
    #[must_use]
    pub fn impersonating(mut self, impersonate: Impersonate) -> Self {
        self.impersonate = Some(impersonate);
        self
    }
}

/// A credential, prepared once for the connections and the requests that show it.
pub(crate) struct Identity {
    pub(crate) tls: Arc<ClientConfig>,
    pub(crate) headers: CredentialHeaders,
}

impl Identity {
    pub(crate) fn new(endpoint: &Endpoint, credential: Credential) -> Result<Arc<Self>, Error> {
        let tls = tls::for_credential(&endpoint.parts().tls, &credential);
        Ok(Arc::new(Self { tls, headers: CredentialHeaders::new(credential)? }))
    }
}

/// The headers that a credential adds to each request, prepared once.
#[derive(Clone, Debug)]
pub(crate) struct CredentialHeaders {
    token: Option<Token>,
    impersonate: Vec<(HeaderName, HeaderValue)>,
}

impl CredentialHeaders {
    pub(crate) fn new(credential: Credential) -> Result<Self, Error> {
        let token = match credential.auth {
            Auth::Bearer(token) => Some(token),
            Auth::Certificate { .. } | Auth::Anonymous => None,
        };
        let mut impersonate = Vec::new();
        if let Some(Impersonate { user, groups }) = credential.impersonate {
            let value = |text: String| {
                HeaderValue::try_from(text)
                    .map_err(|_| Error::Header { what: "the impersonated user or group" })
            };
            impersonate.push((IMPERSONATE_USER, value(user)?));
            for group in groups {
                impersonate.push((IMPERSONATE_GROUP, value(group)?));
            }
        }
        Ok(Self { token, impersonate })
    }

    pub(crate) fn add_to(&self, block: &mut Block) -> Result<(), Error> {
        if let Some(token) = &self.token {
            block.secret(AUTHORIZATION, token.header()?);
        }
        for (name, value) in &self.impersonate {
            block.named(name.as_str(), value);
        }
        Ok(())
    }
}

/// A bearer token that can be replaced while clients use it. Clone shares it.
#[derive(Clone)]
pub struct Token(Arc<RwLock<Held>>);

struct Held {
    text: Arc<str>,
    /// The header, made once per token and not once per request; `None` if the text cannot be one.
    header: Option<HeaderValue>,
}

impl Held {
    fn new(text: String) -> Self {
        let header = HeaderValue::from_str(&format!("Bearer {text}")).ok();
        Self { text: text.into(), header }
    }
}

impl Token {
    /// A token as the server issued it, without `Bearer`.
    pub fn new(token: String) -> Self {
        Self(Arc::new(RwLock::new(Held::new(token))))
    }

    /// Replaces the token for every client that shares it, from their next request on.
    pub fn set(&self, token: String) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Held::new(token);
    }

    /// The token as it is now.
    pub fn get(&self) -> Arc<str> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).text.clone()
    }

    fn header(&self) -> Result<HeaderValue, Error> {
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        held.header.clone().ok_or(Error::Header { what: "the bearer token" })
    }
}

/// Never shows the token.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let credential = Credential::bearer(Token::new("s3cret".into()));
        let headers = CredentialHeaders::new(credential.clone()).unwrap();
        assert!(!format!("{credential:?} {headers:?}").contains("s3cret"));
    }

    #[test]
    fn a_replaced_token_is_used_from_then_on() {
        let token = Token::new("old".into());
        let headers = CredentialHeaders::new(Credential::bearer(token.clone())).unwrap();
        let sent = || {
            let mut block = Block::default();
            headers.add_to(&mut block).map(|()| block)
        };
        let expected = |value: &str| {
            let mut block = Block::default();
            block.secret(AUTHORIZATION, value);
            block
        };
        assert_eq!(sent().unwrap(), expected("Bearer old"));
        token.set("new".into());
        assert_eq!((sent().unwrap(), &*token.get()), (expected("Bearer new"), "new"));
        token.set("line\nbreak".into());
        assert!(matches!(sent(), Err(Error::Header { .. })));
    }
}
