//! Who calls and whether they may: what a kubelet with webhook authentication and authorization does for every request.
//!
//! Sends, as the node and over its own client: `POST tokenreviews` for a bearer token, then `POST subjectaccessreviews` until one
//! is allowed. Records: both, with the node's other requests. Answers are kept as a kubelet keeps them
//! (`pkg/kubelet/apis/config/v1beta1/defaults.go`): a token 2 min, leave 5 min, a refusal 30 s.

use std::{
    hash::Hash,
    num::NonZero,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use k8s_pb::{
    api::{authentication::v1 as authentication, authorization::v1 as authorization},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use lru::LruCache;
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use wire::{Encoding, Request};

use super::{access, nodes::Nodes, user::User};
use crate::action::{Answer, Call};

const TOKENS_FOR: Duration = Duration::from_mins(2);
const LEAVE_FOR: Duration = Duration::from_mins(5);
const REFUSAL_FOR: Duration = Duration::from_secs(30);
/// Entries of all nodes together, where every kubelet has 32,768 tokens and 8,192 reviews of its own: enough for ten callers of
/// each of 5,000 nodes.
const KEPT: NonZero<usize> = NonZero::new(65_536).unwrap();

/// Says who calls and whether they may.
#[derive(Debug)]
pub(super) struct Reviews {
    /// By node and token, whose hash will do; `None` is nobody.
    tokens: Kept<(u32, [u8; 32]), Option<User>>,
    /// By the review, which names the node.
    access: Kept<Bytes, bool>,
}

/// Why somebody may not: the kubelet's status and words (`pkg/kubelet/server/server.go`, `InstallAuthFilter`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    pub(super) text: String,
}

/// A call to a node's endpoint.
pub(super) struct Caller<'a> {
    pub(super) index: u32,
    pub(super) node: &'a str,
    /// Whom the client certificate names, if one was shown that can be trusted.
    pub(super) certified: Option<&'a User>,
    pub(super) headers: &'a HeaderMap,
    pub(super) method: &'a Method,
    pub(super) path: &'a str,
}

impl Reviews {
    pub(super) fn new() -> Self {
        Self { tokens: Kept::new(), access: Kept::new() }
    }

    /// Lets a call through or says why not.
    pub(super) async fn admit(&self, nodes: &Nodes, caller: &Caller<'_>) -> Result<(), Refused> {
        let unauthorized = || Refused { status: StatusCode::UNAUTHORIZED, text: "Unauthorized".to_owned() };
        let user = match (caller.certified, bearer(caller.headers)) {
            (Some(user), _) => user.clone(),
            (None, Some(token)) => self.user_of(nodes, caller.index, token).await.ok_or_else(unauthorized)?,
            (None, None) => return Err(unauthorized()),
        };
        let verb = access::verb(caller.method);
        let subresources = access::subresources(caller.path);
        for subresource in &subresources {
            match self.may(nodes, caller, &user, verb, subresource).await {
                Some(true) => return Ok(()),
                Some(false) => {}
                None => {
                    let text = format!(
                        "Authorization error (user={}, verb={verb}, resource=nodes, subresource={subresource})",
                        user.name
                    );
                    return Err(Refused { status: StatusCode::INTERNAL_SERVER_ERROR, text });
                }
            }
        }
        let (name, subresources) = (&user.name, subresources.join(" "));
        let text = format!(
            "Forbidden (user={name}, verb={verb}, resource=nodes, subresource(s)=[{subresources}])\n"
        );
        Err(Refused { status: StatusCode::FORBIDDEN, text })
    }

    /// Whose token it is. That it is nobody's is kept too, but not if the server gives a reason for it
    /// (apiserver `authentication/token/cache`, without errors).
    async fn user_of(&self, nodes: &Nodes, index: u32, token: &str) -> Option<User> {
        let key = (index, Sha256::digest(token).into());
        if let Some(user) = self.tokens.get(&key) {
            return user;
        }
        let answer = nodes.review(index, Call::ReviewToken, token_review(token)).await?;
        let status = answer.object::<authentication::TokenReview>()?.status?;
        let user = status.user.filter(|_| status.authenticated == Some(true)).map(User::of_review);
        if user.is_some() || status.error.is_none_or(|error| error.is_empty()) {
            self.tokens.put(key, user.clone(), TOKENS_FOR);
        }
        user
    }

    /// Whether a user may; `None` when nobody can say.
    async fn may(
        &self,
        nodes: &Nodes,
        caller: &Caller<'_>,
        user: &User,
        verb: &str,
        subresource: &str,
    ) -> Option<bool> {
        let request = access_review(user, verb, subresource, caller.node);
        if let Some(allowed) = self.access.get(&request.body) {
            return Some(allowed);
        }
        let key = request.body.clone();
        let answer: Answer = nodes.review(caller.index, Call::ReviewAccess, request).await?;
        let status = answer.object::<authorization::SubjectAccessReview>()?.status?;
        let allowed = status.allowed == Some(true) && status.denied != Some(true);
        self.access.put(key, allowed, if allowed { LEAVE_FOR } else { REFUSAL_FOR });
        Some(allowed)
    }
}

/// The bearer token of a request (apiserver `authentication/request/bearertoken`).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?.trim();
    let (scheme, token) = value.split_once(' ')?;
    let is_bearer = scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && !token.contains(' ');
    is_bearer.then_some(token)
}

fn token_review(token: &str) -> Request {
    let review = authentication::TokenReview {
        metadata: Some(ObjectMeta::default()),
        spec: Some(authentication::TokenReviewSpec { token: Some(token.to_owned()), audiences: Vec::new() }),
        status: None,
    };
    let body = wire::protobuf::encode("authentication.k8s.io/v1", "TokenReview", &review);
    Request::post("/apis/authentication.k8s.io/v1/tokenreviews", body, Encoding::Protobuf)
}

fn access_review(user: &User, verb: &str, subresource: &str, node: &str) -> Request {
    let text = |text: &str| Some(text.to_owned());
    let extra = user
        .extra
        .iter()
        .map(|(key, values)| (key.clone(), authorization::ExtraValue { items: values.clone() }));
    let spec = authorization::SubjectAccessReviewSpec {
        resource_attributes: Some(authorization::ResourceAttributes {
            namespace: text(""),
            verb: text(verb),
            group: text(""),
            version: text("v1"),
            resource: text("nodes"),
            subresource: text(subresource),
            name: text(node),
            ..Default::default()
        }),
        user: Some(user.name.clone()),
        groups: user.groups.clone(),
        extra: extra.collect(),
        uid: Some(user.uid.clone()),
        ..Default::default()
    };
    let review = authorization::SubjectAccessReview {
        metadata: Some(ObjectMeta::default()),
        spec: Some(spec),
        status: None,
    };
    let body = wire::protobuf::encode("authorization.k8s.io/v1", "SubjectAccessReview", &review);
    Request::post("/apis/authorization.k8s.io/v1/subjectaccessreviews", body, Encoding::Protobuf)
}

/// Answers that hold for a while.
#[derive(Debug)]
struct Kept<K: Hash + Eq, V>(Mutex<LruCache<K, (V, Instant)>>);

impl<K: Hash + Eq, V: Clone> Kept<K, V> {
    fn new() -> Self {
        let unbounded = LruCache::unbounded();
        Self(Mutex::new(unbounded))
    }

    fn get(&self, key: &K) -> Option<V> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (value, until) = kept.get(key)?;
        if *until > Instant::now() {
            return Some(value.clone());
        }
        kept.pop(key);
        None
    }

    fn put(&self, key: K, value: V, holds: Duration) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Bounded here and not in the cache, which would allocate for all it may hold.
        if kept.len() >= KEPT.get() {
            kept.pop_lru();
        }
        kept.put(key, (value, Instant::now() + holds));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bearer_token_is_one() {
        let check = |value: &str, token: Option<&str>| {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]);
            assert_eq!(bearer(&headers), token, "{value}");
        };
        check("Bearer abc", Some("abc"));
        check("bearer abc", Some("abc"));
        check("Basic abc", None);
        check("Bearer ", None);
        check("Bearer", None);
        check("Bearer a b", None);
        assert_eq!(bearer(&HeaderMap::new()), None);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_holds_as_long_as_it_is_kept_for() {
        let kept = Kept::new();
        kept.put("key", 1, REFUSAL_FOR);
        tokio::time::advance(REFUSAL_FOR.saturating_sub(Duration::from_millis(1))).await;
        assert_eq!(kept.get(&"key"), Some(1));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(kept.get(&"key"), None);
    }

    #[test]
    fn old_answers_make_room_for_new_ones() {
        let kept = Kept::new();
        for key in 0..=KEPT.get() {
            kept.put(key, (), TOKENS_FOR);
        }
        assert_eq!((kept.get(&0), kept.get(&1)), (None, Some(())));
    }

    #[test]
    fn a_review_asks_for_the_node_and_names_the_user() {
        let user = User { name: "u".to_owned(), groups: vec!["g".to_owned()], ..User::default() };
        let request = access_review(&user, "get", "metrics", "n-7");
        let review: authorization::SubjectAccessReview = wire::protobuf::decode(&request.body).unwrap();
        let spec = review.spec.unwrap();
        let asked = spec.resource_attributes.unwrap();
        assert_eq!((spec.user.as_deref(), spec.groups), (Some("u"), vec!["g".to_owned()]));
        assert_eq!(asked.subresource.as_deref(), Some("metrics"));
        assert_eq!((asked.resource.as_deref(), asked.name.as_deref()), (Some("nodes"), Some("n-7")));
    }
}
