//! HTTPS servers of ours that apiservers of this machine call: the webhooks that audit events go to and that admission asks.

use std::{io, net, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming, server::conn, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use identity::{Authority, Purpose, Subject};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use wire::{Acceptor, ServerCertificate};

use crate::{Error, aside::Aside};

/// As long as Go's server allows (`net/http`, `tlsHandshakeTimeout`).
const HANDSHAKE: Duration = Duration::from_secs(10);
/// After an accept that failed, most likely for want of descriptors.
const PAUSE: Duration = Duration::from_millis(100);
/// Requests at once on one connection: where an apiserver asks us something for each request of a client, no limit of ours may
/// be felt.
const STREAMS: u32 = 10_000;

/// A server that runs, on a thread of its own. Dropping it closes its port and its connections.
#[derive(Debug)]
pub struct HttpsServer {
    _aside: Aside,
}

impl HttpsServer {
    /// Answers whatever is sent to `listener`, by whomever, over HTTP/2 or HTTP/1.1. `name` is the thread's.
    ///
    /// # Errors
    ///
    /// When the thread or its runtime cannot be made.
    pub fn start<A, F>(
        name: &'static str,
        listener: net::TcpListener,
        acceptor: Acceptor,
        answer: A,
    ) -> io::Result<Self>
    where
        A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
        F: Future<Output = Result<Response<Full<Bytes>>, hyper::Error>> + Send + 'static,
    {
        listener.set_nonblocking(true)?;
        let aside = Aside::start(name, async move {
            match TcpListener::from_std(listener) {
                Ok(listener) => accept(name, listener, acceptor, answer).await,
                Err(error) => tracing::error!(%error, "the {name} cannot accept"),
            }
        })?;
        Ok(Self { _aside: aside })
    }
}

/// What a server on 127.0.0.1 shows, issued by an authority that its clients trust, to clients of which it asks nothing.
///
/// # Errors
///
/// When the authority cannot issue it.
pub fn acceptor(authority: &Authority, name: &str) -> Result<Acceptor, Error> {
    let shown = Purpose::Server { sans: vec!["127.0.0.1".to_owned()] };
    let shown = authority.issue(&Subject::user(name), &shown)?;
    let acceptor = ServerCertificate::from_der(vec![shown.cert_der().clone()], shown.key_der())
        .and_then(|certificate| Acceptor::new(&certificate, None));
    Ok(acceptor.map_err(identity::Error::Unusable)?)
}

async fn accept<A, F>(name: &'static str, listener: TcpListener, acceptor: Acceptor, answer: A)
where
    A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Result<Response<Full<Bytes>>, hyper::Error>> + Send + 'static,
{
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(serve(stream, acceptor.clone(), answer.clone()))),
            Err(error) => {
                tracing::warn!(%error, "the {name} cannot accept a connection");
                sleep(PAUSE).await;
            }
        }
    }
}

async fn serve<A, F>(stream: TcpStream, acceptor: Acceptor, answer: A)
where
    A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Result<Response<Full<Bytes>>, hyper::Error>> + Send + 'static,
{
    let _ = stream.set_nodelay(true);
    let Ok(Ok(accepted)) = timeout(HANDSHAKE, acceptor.accept(stream)).await else { return };
    let service = service_fn(answer);
    let stream = TokioIo::new(accepted.stream);
    // How a connection ends is the apiserver's to say; what did not come whole it sends again.
    if accepted.is_http2 {
        let mut server = conn::http2::Builder::new(TokioExecutor::new());
        let _ = server.max_concurrent_streams(STREAMS).serve_connection(stream, service).await;
    } else {
        let mut server = conn::http1::Builder::new();
        let _ = server.timer(TokioTimer::new()).serve_connection(stream, service).await;
    }
}
