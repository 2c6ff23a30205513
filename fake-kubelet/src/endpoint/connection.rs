//! One caller: TLS, then HTTP/2 or HTTP/1.1, each request let through or refused and answered.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use http::{Request, Response, StatusCode};
use hyper::{body::Incoming, server::conn, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

use super::{
    Shared,
    answer::{self, Body, Route, plain},
    reviews::Caller,
    user::User,
};

/// Go's server allows as long (`net/http`, `tlsHandshakeTimeout` of the transport that calls).
const HANDSHAKE: Duration = Duration::from_secs(10);
/// After an accept that failed, most likely for want of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves whoever calls, for ever.
pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(serve(stream, shared.clone()))),
            Err(error) => {
                shared.counters.note(&format!("the kubelet endpoint cannot accept: {error}"));
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// The node that was called, and by whom.
struct Connection {
    shared: Arc<Shared>,
    index: u32,
    node: String,
    certified: Option<User>,
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    // How a connection ends is the caller's to say.
    let Ok(SocketAddr::V4(address)) = stream.local_addr() else { return };
    let Some(index) = shared.nodes.at(*address.ip()) else { return };
    let node = shared.names.of(index);
    let acceptor = match shared.certificates.acceptor(&node, *address.ip()) {
        Ok(acceptor) => acceptor,
        Err(error) => return shared.counters.note(&error.to_string()),
    };
    let _ = stream.set_nodelay(true);
    let Ok(Ok(accepted)) = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await else { return };
    let certified = accepted.client.as_deref().and_then(User::of_certificate);
    let connection = Arc::new(Connection { shared, index, node, certified });
    let service = service_fn(move |request: Request<Incoming>| {
        let connection = connection.clone();
        async move { Ok::<_, Infallible>(connection.respond(request).await) }
    });
    let stream = TokioIo::new(accepted.stream);
    if accepted.is_http2 {
        let server = conn::http2::Builder::new(TokioExecutor::new());
        let _ = server.serve_connection(stream, service).await;
    } else {
        let mut server = conn::http1::Builder::new();
        let _ = server.timer(TokioTimer::new()).serve_connection(stream, service).await;
    }
}

impl Connection {
    async fn respond(&self, request: Request<Incoming>) -> Response<Body> {
        let (method, path) = (request.method(), request.uri().path());
        // As in Go, a path that nobody has registered is not worth a question.
        let Some(route) = Route::of(path) else {
            return plain(StatusCode::NOT_FOUND, "404 page not found\n");
        };
        let caller = Caller {
            index: self.index,
            node: &self.node,
            certified: self.certified.as_ref(),
            headers: request.headers(),
            method,
            path,
        };
        if let Err(refused) = self.shared.reviews.admit(&self.shared.nodes, &caller).await {
            return plain(refused.status, refused.text);
        }
        let query = request.uri().query().unwrap_or_default();
        answer::answer(&self.shared, self.index, method, route, query).await
    }
}
