//! One credential, and as many HTTP/2 connections as its requests and watches need: mostly one.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderValue, Method, StatusCode, Uri, header};

use crate::body::{Body, BodyError};
use crate::connection::{Connection, InFlight};
use crate::credential::{CredentialHeaders, Identity};
use crate::pool::{Place, Pool};
use crate::traffic::{Counters, add};
use crate::{Credential, Endpoint, Error, Request, Response, Traffic, Watch};

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
    pub(crate) head: http::response::Parts,
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
    fn broken(&self, request: &Request, in_flight: &InFlight, error: h2::Error) -> Error {
        let server = self.0.endpoint.parts().server.clone();
        let request = request.to_string();
        if in_flight.life().is_unresponsive() {
            return Error::Unresponsive { server, request };
        }
        let lost = error.is_io() || error.is_go_away();
        let source = Arc::new(error);
        if lost {
            Error::ConnectionLost { server, request, source }
        } else {
            Error::Reset { server, request, source }
        }
    }

    /// Reads the whole answer.
    async fn read(&self, request: &Request, answer: Answer) -> Result<Response, Error> {
        let Answer { head, body, in_flight } = answer;
        let body = body.whole().await.map_err(|error| self.unreadable(request, &in_flight, error))?;
        Ok(Response::new(head.status, &head.headers, body))
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
                Ok(response) => {
                    let (head, stream) = response.into_parts();
                    let body = Body::new(stream, &head.headers);
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
        sender: h2::client::SendRequest<Bytes>,
        request: &Request,
        credential: &CredentialHeaders,
    ) -> Result<http::Response<RecvStream>, Failure> {
        let head = self.head(request, credential).map_err(Failure::NotSent)?;
        let mut sender = sender.ready().await.map_err(Failure::NotBegun)?;
        let no_body = request.body.is_empty();
        let (response, mut stream) = sender.send_request(head, no_body).map_err(Failure::NotBegun)?;
        if !no_body {
            // An error here means that the stream is over already, and the response says how.
            let _ = stream.send_data(request.body.clone(), true);
        }
        response.await.map_err(Failure::of_response)
    }

    fn head(&self, request: &Request, credential: &CredentialHeaders) -> Result<http::Request<()>, Error> {
        let parts = self.0.endpoint.parts();
        let path = format!("{}{}", parts.prefix, request.path_and_query);
        let bad_path = || Error::Path { path: request.path_and_query.clone() };
        if !request.path_and_query.starts_with('/') {
            return Err(bad_path());
        }
        let uri = Uri::builder()
            .scheme(Scheme::HTTPS)
            .authority(parts.authority.clone())
            .path_and_query(PathAndQuery::from_maybe_shared(Bytes::from(path)).map_err(|_| bad_path())?)
            .build()
            .map_err(|_| bad_path())?;
        let mut head = http::Request::new(());
        *head.method_mut() = request.method.clone();
        *head.uri_mut() = uri;
        let headers = head.headers_mut();
        headers.insert(header::ACCEPT, request.accept.accept());
        headers.insert(header::USER_AGENT, self.0.user_agent.clone());
        // On watches too (x/net internal/httpcommon `IsRequestGzip`).
        if request.method != Method::HEAD {
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if !request.body.is_empty() {
            headers.insert(header::CONTENT_TYPE, request.content.content_type());
            headers.insert(header::CONTENT_LENGTH, request.body.len().into());
        }
        credential.add_to(headers)?;
        Ok(head)
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
    NotBegun(h2::Error),
    /// The server refused this stream before it did anything.
    Refused(h2::Error),
    /// It may have been carried out.
    Broken(h2::Error),
}

impl Failure {
    fn of_response(error: h2::Error) -> Self {
        match error.reason() {
            // Only streams beyond the GOAWAY's last one are told (RFC 9113 6.8); the others go on.
            Some(h2::Reason::NO_ERROR) if error.is_go_away() && error.is_remote() => Self::NotBegun(error),
            Some(h2::Reason::REFUSED_STREAM) if error.is_reset() && error.is_remote() => Self::Refused(error),
            _ => Self::Broken(error),
        }
    }
}

async fn within<T>(request: &Request, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::time::timeout(request.timeout, work)
        .await
        .unwrap_or_else(|_| Err(Error::Timeout { request: request.to_string(), after: request.timeout }))
}
