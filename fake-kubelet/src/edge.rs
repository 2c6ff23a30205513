//! The edge of a node: its requests and its pod watch on the wire, reported to the node's shard.
//!
//! What client-go does beneath a kubelet is done here: trying again when the server says when, and keeping a watch going.

use std::{sync::Arc, time::Duration};

use measure::{Clock, Kind, Nanos, Outcome};
use tokio::sync::mpsc;
use wire::{Client, Encoding, Reflector, Request, Response, Seen, WatchKind, WatchSpec};

use crate::{
    action::{Answer, Call, PodSighting},
    pods::SeenPod,
    progress::Counters,
};

/// client-go's `maxRetries` for answers that ask to come back later (`rest/request.go`).
const MAX_RETRIES: u32 = 10;
const LOST_RETRY: Duration = Duration::from_secs(1);

/// What requests and watches report to their shard.
pub(crate) enum Message {
    Attempt(Attempt),
    Answer { slot: usize, call: Call, answer: Answer, attempt: Attempt },
    Pod { slot: usize, sighting: PodSighting },
}

/// One request on the wire.
pub(crate) struct Attempt {
    pub(crate) kind: Kind,
    pub(crate) intended: Nanos,
    pub(crate) sent: Nanos,
    pub(crate) done: Nanos,
    pub(crate) outcome: Outcome,
}

/// What a request needs to be sent and reported.
pub(crate) struct Edge {
    pub(crate) slot: usize,
    pub(crate) client: Client,
    pub(crate) clock: Clock,
    pub(crate) sender: mpsc::UnboundedSender<Message>,
    pub(crate) counters: Arc<Counters>,
}

impl Edge {
    /// Sends a request, again as client-go does when the server says when to come back, and reports the last answer.
    pub(crate) async fn send(self, call: Call, request: Request, mut intended: Nanos) {
        let kind = call.kind();
        let mut tries = 0;
        loop {
            let sent = self.clock.now();
            let result = self.client.send(&request).await;
            let done = self.clock.now();
            let delay = retry_after(&request, &result);
            let (answer, outcome) = judge(&request, result, &self.counters);
            let attempt = Attempt { kind, intended, sent, done, outcome };
            match delay {
                Some(delay) if tries < MAX_RETRIES => {
                    tries += 1;
                    // The shard is gone when the fleet stops; nobody needs the report then.
                    let _ = self.sender.send(Message::Attempt(attempt));
                    tokio::time::sleep(delay).await;
                    intended = self.clock.now();
                }
                _ => {
                    let _ = self.sender.send(Message::Answer { slot: self.slot, call, answer, attempt });
                    return;
                }
            }
        }
    }

    /// Watches the node's pods for as long as the shard lives.
    pub(crate) async fn watch_pods(self, node: Arc<str>, seed: u64) {
        let mut reflector = Reflector::new(self.client.clone(), pods_of(&node), seed);
        loop {
            let sighting = match reflector.next().await {
                Seen::Restarted => PodSighting::ListBegins,
                Seen::Synced => PodSighting::ListEnds,
                Seen::Object { kind, object, .. } => match object.decode().ok().and_then(SeenPod::from_pod) {
                    Some(pod) if kind == WatchKind::Deleted => PodSighting::Gone { uid: pod.uid },
                    Some(pod) => PodSighting::Seen(Box::new(pod)),
                    None => {
                        self.counters.note("the pod watch delivered an object that is not a pod");
                        continue;
                    }
                },
                Seen::Error(error) => {
                    self.counters.request_failed(&error.to_string());
                    continue;
                }
            };
            if self.sender.send(Message::Pod { slot: self.slot, sighting }).is_err() {
                return;
            }
        }
    }
}

fn judge(request: &Request, result: Result<Response, wire::Error>, counters: &Counters) -> (Answer, Outcome) {
    match result {
        // That something does not exist is as good an answer to a GET as the thing itself, and costs the server the same.
        Ok(response) if response.status == 404 && request.method == "GET" => {
            (Answer::Reply(response), Outcome::Ok)
        }
        Ok(response) => {
            let code = response.status.as_u16();
            if !response.is_success() && code != 409 {
                counters.request_refused(&format!("{request}: {}", response.status_error()));
            }
            (Answer::Reply(response), Outcome::from_status(code))
        }
        Err(error) => {
            counters.request_failed(&error.to_string());
            let outcome = if error.is_timeout() { Outcome::Timeout } else { Outcome::Connection };
            (Answer::Failed, outcome)
        }
    }
}

/// When client-go tries a request again by itself: as told by Retry-After on 429 and 5xx, and for a GET a second after the
/// connection was lost (`rest/with_retry.go`, `rest/request.go`).
fn retry_after(request: &Request, result: &Result<Response, wire::Error>) -> Option<Duration> {
    match result {
        Ok(response) => {
            let code = response.status.as_u16();
            response.retry_after.filter(|_| code == 429 || code >= 500)
        }
        Err(wire::Error::ConnectionLost { .. }) if request.method == "GET" => Some(LOST_RETRY),
        Err(_) => None,
    }
}

/// The kubelet's pod source: no `timeout` beside `timeoutSeconds`, because it uses no typed client.
fn pods_of(node: &str) -> WatchSpec {
    WatchSpec {
        path: "/api/v1/pods".to_owned(),
        field_selector: Some(format!("spec.nodeName={node}")),
        label_selector: None,
        timeout_param: false,
        timeout: Duration::from_mins(5)..Duration::from_mins(10),
        accept: Encoding::Protobuf,
    }
}
