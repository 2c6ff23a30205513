//! Where audit events go when a profile sends them to a webhook: an HTTPS server on loopback that reads and counts them.
//!
//! A collector would do something with them. What is to be seen here is what it takes of an apiserver to send them, so this
//! answers at once, and keeps nothing.

use std::{
    io, net,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming};
use wire::Acceptor;

use crate::https::HttpsServer;

/// What a webhook was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Requests, each with the events of one batch.
    pub requests: u64,
    /// Audit events.
    pub events: u64,
    /// Their bytes, as JSON.
    pub bytes: u64,
}

/// A webhook that runs. Dropping it closes its port and its connections.
#[derive(Debug)]
pub(crate) struct Webhook {
    counters: Arc<Counters>,
    _server: HttpsServer,
}

#[derive(Debug, Default)]
struct Counters {
    requests: AtomicU64,
    events: AtomicU64,
    bytes: AtomicU64,
}

impl Webhook {
    /// Takes whatever is sent to `listener`, by whomever.
    pub(crate) fn start(listener: net::TcpListener, acceptor: Acceptor) -> io::Result<Self> {
        let counters = Arc::new(Counters::default());
        let counting = counters.clone();
        let server =
            HttpsServer::start("audit-webhook", listener, acceptor, move |request: Request<Incoming>| {
                let counters = counting.clone();
                async move { counters.take(request.into_body()).await }
            })?;
        Ok(Self { counters, _server: server })
    }

    /// What was sent so far, in requests that came whole.
    pub(crate) fn received(&self) -> Received {
        let Counters { requests, events, bytes } = &*self.counters;
        Received {
            requests: requests.load(Relaxed),
            events: events.load(Relaxed),
            bytes: bytes.load(Relaxed),
        }
    }
}

impl Counters {
    async fn take(&self, mut body: Incoming) -> Result<Response<Full<Bytes>>, hyper::Error> {
        let mut events = Events::default();
        let mut bytes = 0;
        while let Some(frame) = body.frame().await {
            if let Some(data) = frame?.data_ref() {
                events.read(data);
                bytes += data.len() as u64;
            }
        }
        self.requests.fetch_add(1, Relaxed);
        self.events.fetch_add(events.count, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
        Ok(Response::new(Full::default()))
    }
}

/// Counts the items of an `EventList` of audit.k8s.io/v1 as it comes by: with bodies in them, lists have megabytes.
#[derive(Debug, Default)]
struct Events {
    count: u64,
    /// Objects and arrays that are open.
    depth: u32,
    in_string: bool,
    escaped: bool,
}

impl Events {
    /// Takes the next piece of the list, wherever it was cut.
    fn read(&mut self, piece: &[u8]) {
        for byte in piece {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_string => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
                _ if self.in_string => {}
                b'{' | b'[' => {
                    // The list is an object with an array of events; its metadata have no objects in them.
                    self.count += u64::from(*byte == b'{' && self.depth == 2);
                    self.depth += 1;
                }
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use identity::{Authority, Purpose, Subject};

    use super::{Events, Received, Webhook};
    use crate::{https, ports::Port, ready};

    /// Two events, with everything in them that looks like more.
    const LIST: &str = r#"{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[{"level":"RequestResponse","auditID":"a","requestURI":"/api/v1/x?y=\"{[\\","user":{"groups":["g"],"extra":{"k":["{"]}},"requestObject":{"items":[{"a":{}},{"b":[{}]}]}},{"level":"Metadata","auditID":"b"}]}
"#;

    #[test]
    fn counts_events_however_the_list_is_cut() {
        for size in [1, 2, 3, 7, LIST.len()] {
            let mut events = Events::default();
            for piece in LIST.as_bytes().chunks(size) {
                events.read(piece);
            }
            assert_eq!((events.count, events.depth, events.in_string), (2, 0, false), "{size}");
        }
        let mut none = Events::default();
        none.read(br#"{"kind":"EventList","metadata":{},"items":[]}"#);
        assert_eq!(none.count, 0);
    }

    #[tokio::test]
    async fn answers_and_counts_what_it_is_sent() {
        let authority = Authority::new("test").unwrap();
        let port = Port::reserve(None).unwrap();
        let url = format!("https://127.0.0.1:{}", port.number);
        let acceptor = https::acceptor(&authority, "webhook").unwrap();
        let webhook = Webhook::start(port.into_listener(), acceptor).unwrap();
        let client = authority.issue(&Subject::user("apiserver"), &Purpose::Client).unwrap();
        for protocols in [vec![b"h2".to_vec()], Vec::new()] {
            let mut tls = ready::tls(authority.cert_pem(), &client.cert_pem, &client.key_pem).unwrap();
            tls.alpn_protocols = protocols;
            let client =
                reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build().unwrap();
            let answer = client.post(&url).body(LIST).send().await.unwrap();
            assert_eq!((answer.status().as_u16(), answer.bytes().await.unwrap().len()), (200, 0));
        }
        let bytes = 2 * LIST.len() as u64;
        assert_eq!(webhook.received(), Received { requests: 2, events: 4, bytes });
    }
}
