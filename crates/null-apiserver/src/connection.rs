//! One connection: TLS, HTTP/2 or HTTP/1.1, and the signals that end it.

use std::pin::{Pin, pin};
use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;

use crate::answer::{Body, Broken};
use crate::log::Peer;
use crate::server::Shared;
use crate::{handle, pki};

/// Streams per connection, as kube-apiserver allows (apiserver `pkg/server/secure_serving.go`).
const MAX_STREAMS: u32 = 100;

/// The test's hand on a connection.
#[derive(Debug, Default)]
pub(crate) struct Control {
    go_away: Notify,
    close: Notify,
}

impl Control {
    pub(crate) fn go_away(&self) {
        self.go_away.notify_one();
    }

    pub(crate) fn close(&self) {
        self.close.notify_one();
    }
}

/// Serves one connection to its end.
pub(crate) async fn serve(shared: Arc<Shared>, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
    let registered = shared.register();
    let control = registered.control.clone();
    let tls = tokio::select! {
        tls = shared.acceptor.accept(stream) => tls,
        () = control.close.notified() => return,
    };
    // A client that does not trust us, or whose certificate is not trusted, says so on its own side.
    let Ok(tls) = tls else { return };
    let certificate = tls.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let (common_name, organizations) = certificate.map(pki::subject).unwrap_or_default();
    let peer = Peer { connection: registered.number, common_name, organizations };

    let service = service_fn(|request: Request<Incoming>| answer(&shared, &peer, &control, request));
    if tls.get_ref().1.alpn_protocol() == Some(pki::H2) {
        let connection = http2::Builder::new(TokioExecutor::new())
            .max_concurrent_streams(MAX_STREAMS)
            .serve_connection(TokioIo::new(tls), service);
        until_its_end(pin!(connection), &control, http2::Connection::graceful_shutdown).await;
    } else {
        let connection = http1::Builder::new().serve_connection(TokioIo::new(tls), service);
        until_its_end(pin!(connection), &control, http1::Connection::graceful_shutdown).await;
    }
}

async fn until_its_end<C: Future>(mut connection: Pin<&mut C>, control: &Control, go_away: fn(Pin<&mut C>)) {
    loop {
        tokio::select! {
            // How it ended is the client's to say.
            _ = connection.as_mut() => return,
            () = control.go_away.notified() => go_away(connection.as_mut()),
            () = control.close.notified() => return,
        }
    }
}

fn answer(
    shared: &Arc<Shared>,
    peer: &Peer,
    control: &Arc<Control>,
    request: Request<Incoming>,
) -> impl Future<Output = Result<Response<Body>, Broken>> + use<> {
    handle::answer(shared.clone(), peer.clone(), control.clone(), request)
}
