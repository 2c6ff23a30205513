//! Renewal under paused time, and the exchange with the API server.

use std::cell::RefCell;

use null_apiserver::{Action, NullApiserver, Refusal, Rule};
use tokio::time::{Instant, timeout};

use super::*;

fn issued(token: &str, minutes: i64) -> IssuedToken {
    let now = Timestamp::UNIX_EPOCH;
    IssuedToken::new(token.to_owned(), now + jiff::SignedDuration::from_mins(minutes), now)
}

fn refused() -> Error {
    Error::Token { namespace: "a".to_owned(), name: "b".to_owned(), problem: "503".to_owned() }
}

/// Renews a token with ten minutes to live from `answers`, for `minutes`; returns the seconds at which it was asked for a
/// new one, and the token in the end.
async fn renew(answers: Vec<Result<IssuedToken, Error>>, minutes: u64) -> (Vec<u64>, String) {
    let begin = Instant::now();
    let asked = RefCell::new(Vec::new());
    let answers = RefCell::new(answers.into_iter());
    let issue = async || {
        asked.borrow_mut().push(begin.elapsed().as_secs());
        answers.borrow_mut().next().unwrap_or_else(|| Err(refused()))
    };
    let token = Token::new("first".to_owned());
    let life = Duration::from_mins(10);
    let ended =
        timeout(Duration::from_mins(minutes), keep_fresh(&token, life, issue, StdRng::seed_from_u64(1)))
            .await;
    assert!(ended.is_err(), "it renews for ever");
    (asked.into_inner(), token.get().to_string())
}

#[tokio::test(start_paused = true)]
async fn renews_at_four_fifths_of_each_tokens_own_life() {
    let (asked, token) = renew(vec![Ok(issued("second", 20)), Ok(issued("third", 600))], 60).await;
    let [first, second] = asked[..] else { panic!("{asked:?}") };
    assert!((470..=480).contains(&first), "{asked:?}");
    assert!((950..=960).contains(&(second - first)), "{asked:?}");
    assert_eq!(token, "third");
}

#[tokio::test(start_paused = true)]
async fn a_failed_renewal_is_tried_again_with_growing_waits() {
    let mut answers: Vec<_> = (0..8).map(|_| Err(refused())).collect();
    answers.push(Ok(issued("second", 600)));
    let (asked, token) = renew(answers, 60).await;
    let waits: Vec<_> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    assert_eq!(token, "second");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_hands_out_dead_tokens_is_not_asked_in_a_loop() {
    let (asked, _) = renew((0..1000).map(|_| Ok(issued("dead", -5))).collect(), 9).await;
    assert!((50..=80).contains(&asked.len()), "{}", asked.len());
}

#[test]
fn renewal_is_spread_over_ten_seconds_before_four_fifths() {
    let hour = Duration::from_hours(1);
    assert_eq!(until_renewal(hour, 0), Duration::from_mins(48));
    assert_eq!(until_renewal(hour, u32::MAX), Duration::from_secs(48 * 60 - 10));
}

#[test]
fn the_apiservers_answer_is_read_and_never_shown() {
    let answer = r#"{"kind":"TokenRequest","apiVersion":"authentication.k8s.io/v1","metadata":{"name":"driver-3"},
        "spec":{"audiences":["https://kubernetes.default.svc"],"expirationSeconds":3600,"boundObjectRef":null},
        "status":{"token":"s3cret","expirationTimestamp":"2026-11-22T14:30:00Z"}}"#;
    let TokenRequest { status } = serde_json::from_str(answer).unwrap();
    let now = "2026-11-22T13:30:00Z".parse().unwrap();
    let issued = IssuedToken::new(status.token, status.expiration_timestamp, now);
    assert_eq!((issued.token.as_str(), issued.life), ("s3cret", Duration::from_hours(1)));
    assert!(!format!("{issued:?}").contains("s3cret"));
}

/// A client of the server, over memory, so that time can be paused.
fn client(server: &NullApiserver) -> Client {
    let (cert, key) = server.client_certificate("admin", &["system:masters"]).unwrap();
    let certificate = wire::ClientCertificate::from_pem(cert.as_bytes(), key.as_bytes()).unwrap();
    let credential = wire::Credential::certificate(certificate);
    Client::new(server.memory_endpoint().unwrap(), credential, "identity-test").unwrap()
}

const TOKEN_PATH: &str = "/api/v1/namespaces/load/serviceaccounts/driver-3/token";

#[tokio::test]
async fn asks_for_the_life_it_wants_and_for_no_less_than_is_allowed() {
    let server = NullApiserver::start().await.unwrap();
    let admin = client(&server);
    for (wanted, asked) in [(Duration::from_hours(2), 7200), (Duration::from_secs(5), 600)] {
        let issued = request_token(&admin, "load", "driver-3", wanted).await.unwrap();
        assert!(issued.token.starts_with("null.load.driver-3."), "{}", issued.token);
        assert!(issued.life <= Duration::from_secs(asked) && issued.life > Duration::from_secs(asked - 60));
        let request = server.requests().pop().unwrap();
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", TOKEN_PATH));
        assert_eq!(body["spec"]["expirationSeconds"], asked);
    }
}

#[tokio::test]
async fn a_refusal_is_told_in_the_servers_words() {
    let server = NullApiserver::start().await.unwrap();
    let refusal = Refusal::new(404, "NotFound", "serviceaccounts \"driver-3\" not found");
    server.script(Rule::new(Action::Refuse(refusal)).path(TOKEN_PATH));
    let error =
        request_token(&client(&server), "load", "driver-3", LEAST_LIFE).await.unwrap_err().to_string();
    let expected = "cannot get a token for ServiceAccount load/driver-3: 404 NotFound: serviceaccounts \"driver-3\" not found";
    assert_eq!(error, expected);
}

#[tokio::test(start_paused = true)]
async fn a_refresher_renews_until_it_is_dropped() {
    let server = NullApiserver::start().await.unwrap();
    let (token, refresher) =
        Refresher::start(client(&server), "load", "driver-3", LEAST_LIFE, 1).await.unwrap();
    let first = token.get();
    sleep(Duration::from_secs(460)).await;
    assert_eq!(token.get(), first);
    sleep(Duration::from_secs(30)).await;
    let second = token.get();
    assert_ne!(second, first);
    drop(refresher);
    sleep(Duration::from_hours(10)).await;
    assert_eq!(token.get(), second);
}
