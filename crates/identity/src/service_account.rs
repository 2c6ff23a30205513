//! ServiceAccount tokens: asking for one, and keeping it fresh for as long as somebody uses it.

use std::{fmt, future::Future, time::Duration};

use jiff::Timestamp;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde::Deserialize;
use serde_json::json;
use tokio::{task::JoinHandle, time::sleep};
use wire::{Client, Encoding, Request, Token};

use crate::Error;

/// The least life that may be asked for (apiserver `validation.ValidateTokenRequest`).
const LEAST_LIFE: Duration = Duration::from_mins(10);
/// Up to so much before four fifths of its life, so that tokens that were issued together are not renewed together
/// (kubelet `token_manager.go`, `maxJitter`).
const MOST_JITTER: Duration = Duration::from_secs(10);
/// Waits between tries to renew: doubled from the first to the last.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_mins(1);

/// A token and when it ends.
#[derive(Clone)]
pub struct IssuedToken {
    /// The bearer token.
    pub token: String,
    /// When the apiserver stops accepting it.
    pub expires: Timestamp,
    /// How much of its life was left when it arrived.
    life: Duration,
}

/// Keeps a [`Token`] fresh from a task of its own, until it is dropped.
///
/// A token is renewed at 80 % of its life. When that fails, it is tried again, and the old one is used as long as it lives.
#[derive(Debug)]
pub struct Refresher {
    task: JoinHandle<()>,
}

/// Asks for a token of a ServiceAccount (`POST .../serviceaccounts/NAME/token`, the `TokenRequest` API).
///
/// The apiserver may shorten or extend the life asked for, and refuses less than ten minutes: less is raised to that.
pub async fn request_token(
    admin: &Client,
    namespace: &str,
    name: &str,
    expiration: Duration,
) -> Result<IssuedToken, Error> {
    let problem =
        |problem: String| Error::Token { namespace: namespace.to_owned(), name: name.to_owned(), problem };
    let body = json!({
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": { "expirationSeconds": expiration.max(LEAST_LIFE).as_secs() },
    });
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
    let request = Request::post(path, body.to_string(), Encoding::Json).accept(Encoding::Json);
    let response = admin.send(&request).await.map_err(|error| problem(error.to_string()))?;
    if !response.is_success() {
        return Err(problem(response.status_error().to_string()));
    }
    let answer: TokenRequest = response.json().map_err(|error| problem(error.to_string()))?;
    Ok(IssuedToken::new(answer.status.token, answer.status.expiration_timestamp, Timestamp::now()))
}

#[derive(Deserialize)]
struct TokenRequest {
    status: TokenRequestStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TokenRequestStatus {
    token: String,
    expiration_timestamp: Timestamp,
}

impl IssuedToken {
    fn new(token: String, expires: Timestamp, now: Timestamp) -> Self {
        let life = Duration::try_from(expires.duration_since(now)).unwrap_or(Duration::ZERO);
        Self { token, expires, life }
    }
}

/// Never shows the token.
impl fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedToken").field("expires", &self.expires).finish_non_exhaustive()
    }
}

impl Refresher {
    /// Asks for a first token and goes on from there. `seed` chooses the jitter.
    pub async fn start(
        admin: Client,
        namespace: &str,
        name: &str,
        expiration: Duration,
        seed: u64,
    ) -> Result<(Token, Self), Error> {
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        let first = request_token(&admin, &namespace, &name, expiration).await?;
        let token = Token::new(first.token.clone());
        let renewed = token.clone();
        let task = tokio::spawn(async move {
            let issue = || request_token(&admin, &namespace, &name, expiration);
            keep_fresh(&renewed, first.life, issue, StdRng::seed_from_u64(seed)).await;
        });
        Ok((token, Self { task }))
    }
}

impl Drop for Refresher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Renews for ever.
async fn keep_fresh<F, R>(token: &Token, mut life: Duration, issue: F, mut random: StdRng)
where
    F: Fn() -> R,
    R: Future<Output = Result<IssuedToken, Error>>,
{
    loop {
        sleep(until_renewal(life, random.next_u32())).await;
        let mut retry = FIRST_RETRY;
        let issued = loop {
            match issue().await {
                Ok(issued) => break issued,
                Err(error) => tracing::warn!(%error, "cannot renew a token; trying again in {retry:?}"),
            }
            sleep(retry).await;
            retry = (retry * 2).min(LAST_RETRY);
        };
        token.set(issued.token);
        life = issued.life;
    }
}

/// Four fifths of the life, less a part of the jitter, but never at once: a server that hands out dead tokens is not to be
/// asked in a loop.
fn until_renewal(life: Duration, random: u32) -> Duration {
    let jitter = MOST_JITTER.mul_f64(f64::from(random) / f64::from(u32::MAX));
    (life * 4 / 5).saturating_sub(jitter).max(FIRST_RETRY)
}

#[cfg(test)]
mod tests;
