//! The edge of a node: its requests and its watches on the wire, reported to the node's shard.
//!
//! What client-go does beneath a kubelet is done here: trying again when the server says when, and keeping a watch going.

use std::{ops::ControlFlow, sync::Arc, time::Duration};

use k8s_pb::api::certificates::v1 as certificates;
use measure::{Clock, Kind, Nanos, Outcome};
use tokio::sync::{mpsc, oneshot, watch};
use wire::{Client, Object, Reflector, Request, Response, Seen, Step, WatchKind, WatchSpec};

use crate::{
    action::{Answer, Call, Event, ObjectKind, ObjectName, PodSighting, ProxyWatch, Watched},
    node::SeenNode,
    pods::PodNews,
    progress::Counters,
};

/// client-go's `maxRetries` for answers that ask to come back later (`rest/request.go`).
const MAX_RETRIES: u32 = 10;
const LOST_RETRY: Duration = Duration::from_secs(1);

/// What requests and watches report to their shard.
pub(crate) enum Message {
    /// A request that will be tried again.
    Attempt(Attempt),
    /// The last try of a request.
    Answer { of: Origin, call: Call, answer: Answer, attempt: Attempt },
    /// A watch has news, or a request has no answer because the machine was cut off.
    News { of: Origin, event: Event },
    /// A watch was ended, having seen everything up to a version.
    WatchEnded { of: Origin, watched: Watched, version: String },
    /// The watch that all nodes share has news.
    Shared(SharedSighting),
}

/// What a watch of the pods of all nodes saw.
pub(crate) enum SharedSighting {
    /// Something of every node: a list begins or ends.
    OfAll(ListEdge),
    /// Something of one node.
    Of { node: String, sighting: PodSighting },
}

/// An end of a list.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ListEdge {
    Begins,
    Ends,
}

impl From<ListEdge> for PodSighting {
    fn from(edge: ListEdge) -> Self {
        match edge {
            ListEdge::Begins => Self::ListBegins,
            ListEdge::Ends => Self::ListEnds,
        }
    }
}

/// Which node a message is about, and which of the kubelet processes that the node has had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    pub(crate) slot: usize,
    pub(crate) process: u32,
}

/// One request on the wire.
pub(crate) struct Attempt {
    pub(crate) kind: Kind,
    pub(crate) intended: Nanos,
    pub(crate) sent: Nanos,
    pub(crate) done: Nanos,
    pub(crate) outcome: Outcome,
}

/// What a request or a watch needs to be carried out and reported.
pub(crate) struct Edge {
    pub(crate) origin: Origin,
    pub(crate) client: Client,
    pub(crate) clock: Clock,
    pub(crate) sender: mpsc::UnboundedSender<Message>,
    pub(crate) counters: Arc<Counters>,
}

impl Edge {
    /// Sends a request and reports the last answer, as long as the process lives. If its machine is cut off meanwhile there is no
    /// answer, and nothing to record: that says nothing about the server.
    pub(crate) async fn send(
        self,
        call: Call,
        request: Request,
        intended: Nanos,
        mut life: watch::Receiver<()>,
    ) {
        let exchanged = tokio::select! {
            // The cut closes the connection too, and that must not be taken for a failure.
            biased;
            cut = life.changed() => if cut.is_ok() { None } else { return },
            exchanged = self.exchange(&call, &request, intended) => Some(exchanged),
        };
        let of = self.origin;
        let message = match exchanged {
            Some((answer, attempt)) => Message::Answer { of, call, answer, attempt },
            None => Message::News { of, event: Event::Answer { call, answer: Answer::Failed } },
        };
        let _ = self.sender.send(message);
    }

    /// Sends a request of the node's HTTPS endpoint: the answer is for the endpoint, the record for the shard. There is neither when
    /// the process ends or its machine is cut off.
    pub(crate) async fn send_for(
        self,
        reply: oneshot::Sender<Answer>,
        call: Call,
        request: Request,
        intended: Nanos,
        mut life: watch::Receiver<()>,
    ) {
        let (answer, attempt) = tokio::select! {
            biased;
            _ = life.changed() => return,
            exchanged = self.exchange(&call, &request, intended) => exchanged,
        };
        let _ = self.sender.send(Message::Attempt(attempt));
        // Whoever asked the endpoint may have hung up.
        let _ = reply.send(answer);
    }

    /// Sends a request when it is meant to be sent, and again as client-go does when the server says when to come back.
    async fn exchange(&self, call: &Call, request: &Request, mut intended: Nanos) -> (Answer, Attempt) {
        let kind = call.kind();
        let mut tries = 0;
        let wait = intended.since(self.clock.now());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        loop {
            let sent = self.clock.now();
            let result = self.client.send(request).await;
            let done = self.clock.now();
            let delay = retry_after(request, &result);
            let (answer, outcome) = judge(request, result, &self.counters);
            let attempt = Attempt { kind, intended, sent, done, outcome };
            match delay {
                Some(delay) if tries < MAX_RETRIES => {
                    tries += 1;
                    // The shard is gone when the fleet stops; nobody needs the report then.
                    let _ = self.sender.send(Message::Attempt(attempt));
                    tokio::time::sleep(delay).await;
                    intended = self.clock.now();
                }
                _ => return (answer, attempt),
            }
        }
    }

    /// A watch, from the beginning or where another has ended.
    pub(crate) fn watching(
        self,
        watched: Watched,
        spec: WatchSpec,
        seed: u64,
        from: Option<(String, Step)>,
    ) -> Watching {
        let client = self.client.clone();
        let reflector = match from {
            Some((version, first)) => Reflector::resuming(client, spec, seed, version, first),
            None => Reflector::new(client, spec, seed),
        };
        Watching { edge: self, watched, reflector }
    }
}

/// A watch under way. When it is dropped, as the task is that runs it, it says how far it has come.
pub(crate) struct Watching {
    edge: Edge,
    watched: Watched,
    reflector: Reflector,
}

impl Watching {
    /// Watches until the task is ended, and reports what the node reacts to.
    #[expect(
        clippy::manual_async_fn,
        reason = "an async function would keep a second place for this, in each of nine tasks per node"
    )]
    pub(crate) fn run(mut self) -> impl Future<Output = ()> + Send {
        async move {
            loop {
                let change = self.reflector.next().await;
                if self.report(change).is_break() {
                    return;
                }
            }
        }
    }

    /// Breaks when nobody is there to hear of it.
    fn report(&self, change: Seen) -> ControlFlow<()> {
        let Edge { origin, sender, counters, .. } = &self.edge;
        if let Seen::Error(error) = &change {
            watch_failed(counters, error);
        }
        match news(&self.watched, change) {
            Ok(Some(event)) => {
                if sender.send(Message::News { of: *origin, event }).is_err() {
                    return ControlFlow::Break(());
                }
            }
            Ok(None) => {}
            Err(NotDecoded) => {
                counters.note(&format!("a watch of {:?} delivered something else", self.watched));
            }
        }
        ControlFlow::Continue(())
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let version = self.reflector.version();
        if !version.is_empty() {
            let (of, watched) = (self.edge.origin, self.watched.clone());
            let _ = self.edge.sender.send(Message::WatchEnded { of, watched, version: version.to_owned() });
        }
    }
}

/// Watches the bound pods of all nodes, for nodes that share their connection.
pub(crate) async fn watch_all_pods(
    client: Client,
    seed: u64,
    sender: mpsc::UnboundedSender<Message>,
    counters: Arc<Counters>,
) {
    let spec = WatchSpec::new("/api/v1/pods").field_selector("spec.nodeName!=");
    let mut reflector = Reflector::new(client, spec, seed);
    loop {
        let sighting = match reflector.next().await {
            Seen::Restarted => SharedSighting::OfAll(ListEdge::Begins),
            Seen::Synced => SharedSighting::OfAll(ListEdge::Ends),
            Seen::Error(error) => {
                watch_failed(&counters, &error);
                continue;
            }
            Seen::Object { kind, object, .. } => {
                let Some(news) = PodNews::read(object) else {
                    counters.note("the watch of all pods delivered something else");
                    continue;
                };
                SharedSighting::Of { node: news.node().into(), sighting: sighting_of(kind, news) }
            }
        };
        if sender.send(Message::Shared(sighting)).is_err() {
            return;
        }
    }
}

/// That a watch is refused, or told that its version is too old, is an answer.
fn watch_failed(counters: &Counters, error: &wire::Error) {
    match error.status() {
        Some(_) => counters.request_refused(&error.to_string()),
        None => counters.request_failed(&error.to_string()),
    }
}

/// A watch delivered what is not of its kind.
struct NotDecoded;

/// What a node is told of what one of its watches has seen.
fn news(watched: &Watched, seen: Seen) -> Result<Option<Event>, NotDecoded> {
    match watched {
        Watched::Pods => Ok(pod_sighting(seen)?.map(Event::Pod)),
        Watched::Node => match seen {
            Seen::Object { kind: WatchKind::Added | WatchKind::Modified, object, .. } => {
                let node: SeenNode = object.decode().map_err(|_| NotDecoded)?;
                Ok(Some(Event::Node(Box::new(node))))
            }
            _ => Ok(None),
        },
        Watched::Object(name) => match seen {
            Seen::Object { kind: WatchKind::Added | WatchKind::Modified, object, .. } => {
                Ok(Some(Event::Object { name: name.clone(), immutable: is_immutable(name, &object)? }))
            }
            _ => Ok(None),
        },
        Watched::CertificateRequest => outcome(seen),
        Watched::Proxy(ProxyWatch::Node) => Ok(matches!(seen, Seen::Synced).then_some(Event::ProxySynced)),
        // These are read, so that their streams do not fill up, and not used.
        Watched::Services | Watched::CsiDrivers | Watched::RuntimeClasses | Watched::Proxy(_) => Ok(None),
    }
}

/// What has become of a request for a certificate: the certificate, or that there is none; nothing while it is open
/// (`csr.go`, `WaitForCertificate`).
fn outcome(seen: Seen) -> Result<Option<Event>, NotDecoded> {
    let Seen::Object { kind, object, .. } = seen else { return Ok(None) };
    if kind == WatchKind::Deleted {
        return Ok(Some(Event::Issued(None)));
    }
    let request: certificates::CertificateSigningRequest = object.decode().map_err(|_| NotDecoded)?;
    let status = request.status.unwrap_or_default();
    let has = |kind: &str| status.conditions.iter().any(|it| it.r#type() == kind);
    if has("Denied") || has("Failed") {
        return Ok(Some(Event::Issued(None)));
    }
    let certificate = status.certificate.clone().filter(|pem| !pem.is_empty() && has("Approved"));
    Ok(certificate.map(|pem| Event::Issued(Some(pem.into()))))
}

fn sighting_of(kind: WatchKind, news: PodNews) -> PodSighting {
    match kind {
        WatchKind::Deleted => PodSighting::Gone { uid: news.uid().clone() },
        _ => PodSighting::Seen(Box::new(news)),
    }
}

fn pod_sighting(seen: Seen) -> Result<Option<PodSighting>, NotDecoded> {
    Ok(match seen {
        Seen::Restarted => Some(PodSighting::ListBegins),
        Seen::Synced => Some(PodSighting::ListEnds),
        Seen::Object { kind, object, .. } => {
            Some(sighting_of(kind, PodNews::read(object).ok_or(NotDecoded)?))
        }
        Seen::Error(_) => None,
    })
}

/// The one field that matters of a `ConfigMap` (4) and of a Secret (5).
#[derive(Clone, PartialEq, prost::Message)]
struct SeenConfigMap {
    #[prost(bool, optional, tag = "4")]
    immutable: Option<bool>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct SeenSecret {
    #[prost(bool, optional, tag = "5")]
    immutable: Option<bool>,
}

fn is_immutable(name: &ObjectName, object: &Object) -> Result<bool, NotDecoded> {
    let immutable = match name.kind {
        ObjectKind::ConfigMap => object.decode::<SeenConfigMap>().map(|it| it.immutable),
        ObjectKind::Secret => object.decode::<SeenSecret>().map(|it| it.immutable),
    };
    Ok(immutable.map_err(|_| NotDecoded)?.unwrap_or(false))
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
