//! One credential, and as many HTTP/2 connections as its requests and watches need: mostly one.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, StatusCode};

use crate::body::{Body, BodyError};
use crate::connection::{Connection, InFlight};
use crate::credential::{CredentialHeaders, Identity};
use crate::http2::{self, Block, Head, OpenStream, Sender};
use crate::pool::{Place, Pool};
use crate::traffic::{Counters, add};
use crate::{Credential, Endpoint, Error, Http2Error, Reason, Request, Response, Traffic, Watch};

/// How often a request that the server did not begin is sent again (x/net/http2 `Transport.RoundTrip`).
const RESENDS: u32 = 6;

/// A client of one API server under one credential.
///
/// A connection is opened by the first request, by a request that finds every stream of the others taken (an API server
/// allows 100 on each), and by the next request after it ended. One that had no streams for 90 s is closed. Clone shares
/// them. A client may be used from any tokio runtime; a connection lives on the runtime whose request opened it.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    endpoint: Endpoint,
    user_agent: HeaderValue,
    counters: Arc<Counters>,
    state: Mutex<State>,
}

/// The credential and the connections that were opened with it, under one lock: no request shows a new token on a connection
/// of an old certificate.
struct State {
    identity: Arc<Identity>,
    pool: Pool,
}

/// An answer whose headers have come, on its open stream.
pub(crate) struct Answer {
    pub(crate) head: Head,
    pub(crate) body: Body,
    pub(crate) in_flight: InFlight,
}

impl Client {
    /// A client that has not connected yet.
    pub fn new(endpoint: Endpoint, credential: Credential, user_agent: &str) -> Result<Self, Error> {
        let user_agent =
            HeaderValue::from_str(user_agent).map_err(|_| Error::Header { what: "the user agent" })?;
        let identity = Identity::new(&endpoint, credential)?;
        Ok(Self(Arc::new(Inner {
            endpoint,
            user_agent,
            counters: Arc::default(),
            state: Mutex::new(State { identity, pool: Pool::default() }),
        })))
    }

    /// Another client of the same server and credential, with connections and counters of its own. A credential that is replaced later
    /// is replaced for one of them only.
    #[must_use]
    pub fn sibling(&self) -> Self {
        let identity = self.state().identity.clone();
        Self(Arc::new(Inner {
            endpoint: self.0.endpoint.clone(),
            user_agent: self.0.user_agent.clone(),
            counters: Arc::default(),
            state: Mutex::new(State { identity, pool: Pool::default() }),
        }))
    }

    /// Sends a request and reads the whole answer, whatever its status.
    ///
    /// A request that the server says it has not begun (GOAWAY, `REFUSED_STREAM`) is sent again, as Go does; nothing
    /// else is retried.
    ///
    /// # Errors
    /// No connection, a connection or stream that broke, a compressed body that does not inflate, or [`Error::Timeout`]. A
    /// status that is not 2xx is none.
    pub async fn send(&self, request: &Request) -> Result<Response, Error> {
        within(request, async {
            let answer = self.exchange(request).await?;
            self.read(request, answer).await
        })
        .await
    }

    /// Starts a watch: returns when its headers have come. Dropping the [`Watch`] cancels it.
    ///
    /// # Errors
    /// As [`Client::send`], and [`Error::Status`] for any status but 200.
    pub async fn watch(&self, request: &Request) -> Result<Watch, Error> {
        within(request, async {
            let answer = self.exchange(request).await?;
            if answer.head.status == StatusCode::OK {
                return Ok(Watch::new(self.clone(), request, answer));
            }
            Err(Error::Status(self.read(request, answer).await?.status_error()))
        })
        .await
    }

    /// What this client's connections carried so far.
    pub fn traffic(&self) -> Traffic {
        self.0.counters.snapshot()
    }

    /// Requests and watches that are under way.
    pub fn open_streams(&self) -> usize {
        self.state().pool.open_streams()
    }

    /// Replaces the credential and closes every connection, as a kubelet does when its certificate was rotated (kubelet
    /// `pkg/kubelet/certificate/transport.go`): requests and watches under way fail, and later ones connect anew.
    ///
    /// # Errors
    /// [`Error::Header`] if the credential cannot be sent; then nothing changes.
    pub fn replace_credential(&self, credential: Credential) -> Result<(), Error> {
        let identity = Identity::new(&self.0.endpoint, credential)?;
        let mut state = self.state();
        state.identity = identity;
        state.pool.close();
        Ok(())
    }

    /// Closes every connection; requests and watches on them fail. Returns when the sockets are gone. The next request opens
    /// another.
    pub async fn close(&self) {
        let closing = self.state().pool.close();
        for connection in closing {
            connection.ended().await;
        }
    }

    /// The error of a body that breaks off or does not inflate.
    pub(crate) fn unreadable(&self, request: &Request, in_flight: &InFlight, error: BodyError) -> Error {
        match error {
            BodyError::Stream(error) => self.broken(request, in_flight, error),
            BodyError::Inflate(error) => error,
        }
    }

    /// The error of a stream that broke.
    fn broken(&self, request: &Request, in_flight: &InFlight, source: Http2Error) -> Error {
        let server = self.0.endpoint.parts().server.clone();
        let request = request.to_string();
        if in_flight.life().is_unresponsive() {
            return Error::Unresponsive { server, request };
        }
        if source.is_of_connection() {
            Error::ConnectionLost { server, request, source }
        } else {
            Error::Reset { server, request, source }
        }
    }

    /// Reads the whole answer.
    async fn read(&self, request: &Request, answer: Answer) -> Result<Response, Error> {
        let Answer { head, body, in_flight } = answer;
        let body = body.whole().await.map_err(|error| self.unreadable(request, &in_flight, error))?;
        Ok(Response::new(head, body))
    }

    async fn exchange(&self, request: &Request) -> Result<Answer, Error> {
        let mut resends = 0;
        loop {
            let (Place { connection, in_flight, waits }, identity) = self.place();
            if waits {
                add(&self.0.counters.waited_for_stream, 1);
            }
            let sender = connection.sender().await?;
            let failure = match self.start(sender, request, &identity.headers).await {
                Ok((head, stream)) => {
                    let body = Body::new(stream, &head);
                    return Ok(Answer { head, body, in_flight });
                }
                Err(failure) => failure,
            };
            let error = match failure {
                Failure::NotSent(error) => return Err(error),
                Failure::NotBegun(error) => {
                    connection.life().retire();
                    error
                }
                Failure::Refused(error) => error,
                Failure::Broken(error) => return Err(self.broken(request, &in_flight, error)),
            };
            if resends == RESENDS {
                return Err(self.broken(request, &in_flight, error));
            }
            drop(in_flight);
            add(&self.0.counters.resent, 1);
            // The first resend is immediate, the others wait 1, 2, 4, ... seconds.
            if resends > 0 {
                tokio::time::sleep(Duration::from_secs(1 << (resends - 1))).await;
            }
            resends += 1;
        }
    }

    /// A stream to use, and the credential of its connection.
    fn place(&self) -> (Place, Arc<Identity>) {
        let Inner { endpoint, counters, .. } = &*self.0;
        let mut state = self.state();
        let State { identity, pool } = &mut *state;
        (pool.place(|| Connection::open(endpoint, &identity.tls, counters)), identity.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn start(
        &self,
        sender: &Sender,
        request: &Request,
        credential: &CredentialHeaders,
    ) -> Result<(Head, OpenStream), Failure> {
        let block = self.head(request, credential).map_err(Failure::NotSent)?;
        let is_head = request.method == Method::HEAD;
        let mut stream =
            sender.open(&block, request.body.clone(), is_head).await.map_err(Failure::NotBegun)?;
        drop(block);
        let head = stream.head().await.map_err(Failure::of_response)?;
        Ok((head, stream))
    }

    fn head(&self, request: &Request, credential: &CredentialHeaders) -> Result<Block, Error> {
        let parts = self.0.endpoint.parts();
        let path = format!("{}{}", parts.prefix, request.path_and_query);
        let bad_path = || Error::Path { path: request.path_and_query.clone() };
        if !request.path_and_query.starts_with('/') {
            return Err(bad_path());
        }
        let path = PathAndQuery::from_maybe_shared(Bytes::from(path)).map_err(|_| bad_path())?;
        let mut block = Block::request(&request.method, parts.authority.as_str(), path.as_str());
        block.field(http2::ACCEPT, request.accept.accept());
        block.field(http2::USER_AGENT, &self.0.user_agent);
        // On watches too (x/net internal/httpcommon `IsRequestGzip`).
        if request.gzip && request.method != Method::HEAD {
            block.field(http2::ACCEPT_ENCODING, "gzip");
        }
        if !request.body.is_empty() {
            block.field(http2::CONTENT_TYPE, request.content.content_type());
            block.field(http2::CONTENT_LENGTH, request.body.len().to_string());
        }
        credential.add_to(&mut block)?;
        Ok(block)
    }
}

/// Says where and not who: the TLS configuration holds a private key.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("server", &self.0.endpoint.server()).finish_non_exhaustive()
    }
}

/// Why a request has no response.
enum Failure {
    /// It cannot be sent at all.
    NotSent(Error),
    /// The connection takes no more requests, and did not take this one.
    NotBegun(Http2Error),
    /// The server refused this stream before it did anything.
    Refused(Http2Error),
    /// It may have been carried out.
    Broken(Http2Error),
}

impl Failure {
    fn of_response(error: Http2Error) -> Self {
        match error {
            // Only streams beyond the GOAWAY's last one are told (RFC 9113 6.8); the others go on.
            Http2Error::GoAway(Reason::NO_ERROR) => Self::NotBegun(error),
            Http2Error::Reset(Reason::REFUSED_STREAM) => Self::Refused(error),
            _ => Self::Broken(error),
        }
    }
}

async fn within<T>(request: &Request, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::time::timeout(request.timeout, work)
        .await
        .unwrap_or_else(|_| Err(Error::Timeout { request: request.to_string(), after: request.timeout }))
}
