//! Who calls: what a certificate or a token review says about a user.

use std::collections::BTreeMap;
use std::fmt::Write;

use k8s_pb::api::authentication::v1::UserInfo;
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, X509Certificate};

const AUTHENTICATED: &str = "system:authenticated";
const UNAUTHENTICATED: &str = "system:unauthenticated";

/// A user of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) groups: Vec<String>,
    pub(super) extra: BTreeMap<String, Vec<String>>,
}

impl User {
    /// The user that a client certificate names (apiserver `request/x509`, `CommonNameUserConversion`); `None` without a
    /// common name.
    pub(super) fn of_certificate(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let subject = certificate.subject();
        let text =
            |text: &x509_parser::x509::AttributeTypeAndValue<'_>| text.as_str().ok().map(str::to_owned);
        let name = subject.iter_common_name().find_map(text)?;
        let mut fingerprint = "X509SHA256=".to_owned();
        for byte in Sha256::digest(der) {
            // Writing to a string cannot fail.
            let _ = write!(fingerprint, "{byte:02x}");
        }
        let credential = ("authentication.kubernetes.io/credential-id".to_owned(), vec![fingerprint]);
        let groups = subject.iter_organization().filter_map(text).collect();
        Some(Self { name, uid: String::new(), groups, extra: [credential].into() }.authenticated())
    }

    /// The user that a token review names.
    pub(super) fn of_review(user: UserInfo) -> Self {
        let extra = user.extra.into_iter().map(|(key, values)| (key, values.items)).collect();
        let (name, uid) = (user.username.unwrap_or_default(), user.uid.unwrap_or_default());
        Self { name, uid, groups: user.groups, extra }.authenticated()
    }

    /// Whoever has proved who they are is in the group of those who have (apiserver `authentication/group`).
    fn authenticated(mut self) -> Self {
        if !self.groups.iter().any(|group| group == AUTHENTICATED || group == UNAUTHENTICATED) {
            self.groups.push(AUTHENTICATED.to_owned());
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use identity::{Authority, Purpose, Subject};

    use super::*;

    #[test]
    fn a_certificate_names_a_user_and_a_group() {
        let authority = Authority::new("ca").unwrap();
        let issued = authority.issue(&Subject::node("n-1"), &Purpose::Client).unwrap();
        let user = User::of_certificate(issued.cert_der()).unwrap();
        assert_eq!(user.name, "system:node:n-1");
        assert_eq!(user.groups, ["system:nodes", AUTHENTICATED]);
        let id = &user.extra["authentication.kubernetes.io/credential-id"][0];
        assert_eq!((id.len(), &id[..11]), (75, "X509SHA256="));
        assert_eq!(User::of_certificate(b"no certificate"), None);
    }

    #[test]
    fn a_review_names_a_user_who_is_in_the_group_once() {
        let groups = vec!["system:serviceaccounts".to_owned(), AUTHENTICATED.to_owned()];
        let info = UserInfo { username: Some("u".to_owned()), groups: groups.clone(), ..UserInfo::default() };
        assert_eq!(User::of_review(info).groups, groups);
    }
}
