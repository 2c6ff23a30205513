//! One HTTP/2 connection: dialled in a task of its own, driven there, watched by pings, and given up there.

use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use rustls::ClientConfig;
use tokio::sync::SetOnce;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

pub(crate) use crate::life::{InFlight, Life};
use crate::meter::{Activity, Metered};
use crate::traffic::{Counters, add};
use crate::{Endpoint, Error};

// What client-go's transport does (apimachinery util/net/http.go, x/net/http2 transport.go).
const DIAL_TIMEOUT: Duration = Duration::from_secs(30);
const TLS_TIMEOUT: Duration = Duration::from_secs(10);
const PING_AFTER_IDLE: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(15);
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 1 << 30;
const MAX_HEADER_LIST: u32 = 10 << 20;
/// Streams assumed to be allowed until the server's SETTINGS say.
const ASSUMED_STREAMS: usize = 100;
/// Streams that are used of a server whose SETTINGS name no limit.
const UNLIMITED_STREAMS: usize = 1000;
/// A connection without streams is closed after this long (net/http `DefaultTransport`, which `SetTransportDefaults` copies).
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);

/// A connection that is being opened, open or dead. Dropping the last handle closes it when its streams are done.
#[derive(Debug)]
pub(crate) struct Connection {
    opened: SetOnce<Result<SendRequest<Bytes>, Error>>,
    life: Arc<Life>,
}

impl Connection {
    /// Starts to open a connection and reserves its first stream; the dial goes on even if the request that wanted it is
    /// given up.
    pub(crate) fn open(
        endpoint: &Endpoint,
        tls: &Arc<ClientConfig>,
        counters: &Arc<Counters>,
    ) -> (Arc<Self>, InFlight) {
        let (life, first) = Life::begin();
        let connection = Arc::new(Self { opened: SetOnce::new(), life: life.clone() });
        let handle = Arc::downgrade(&connection);
        tokio::spawn(run(endpoint.clone(), tls.clone(), counters.clone(), handle, life));
        (connection, first)
    }

    /// The means to send, once the connection is open.
    pub(crate) async fn sender(&self) -> Result<SendRequest<Bytes>, Error> {
        self.opened.wait().await.clone()
    }

    /// Reserves a stream, if one is free and requests may start.
    ///
    /// Before the server's SETTINGS came, 100 streams are assumed to be allowed. If it turns out that fewer are, those
    /// reserved beyond wait inside h2, where Go would move them to another connection.
    pub(crate) fn reserve(&self) -> Option<InFlight> {
        let limit = match self.opened.get() {
            Some(Ok(sender)) => match sender.current_max_send_streams() {
                usize::MAX => UNLIMITED_STREAMS,
                limit => limit,
            },
            _ => ASSUMED_STREAMS,
        };
        self.life.reserve(limit)
    }

    /// Whether it was opened; false while it is being dialled.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.opened.get(), Some(Ok(_)))
    }

    pub(crate) fn is_usable(&self) -> bool {
        !self.life.is_retired()
    }

    pub(crate) fn life(&self) -> &Arc<Life> {
        &self.life
    }
}

type Transport = Metered<Box<dyn crate::dial::Stream>>;
type Http2 = h2::client::Connection<tokio_rustls::client::TlsStream<Transport>, Bytes>;

/// The connection's task, from the dial to the end.
async fn run(
    endpoint: Endpoint,
    tls: Arc<ClientConfig>,
    counters: Arc<Counters>,
    handle: Weak<Connection>,
    life: Arc<Life>,
) {
    let _ended = Ended(life.clone());
    live(&endpoint, tls, counters, handle, &life).await;
}

/// Says that a connection is gone when its task is: it may be dropped half-way, with its runtime.
struct Ended(Arc<Life>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.end();
    }
}

async fn live(
    endpoint: &Endpoint,
    tls: Arc<ClientConfig>,
    counters: Arc<Counters>,
    handle: Weak<Connection>,
    life: &Life,
) {
    let activity = Activity::new();
    let opened = tokio::select! {
        opened = connect(endpoint, tls, &counters, &activity) => opened,
        () = life.closed() => Err(closed_while_opening(endpoint)),
    };
    let http2 = match opened {
        Ok((sender, http2)) => {
            add(&counters.connections, 1);
            report(&handle, Ok(sender));
            http2
        }
        Err(error) => {
            life.retire();
            report(&handle, Err(error));
            return;
        }
    };
    // The task must not keep the client's half: the connection closes when nobody else holds one.
    drop(handle);
    drive(http2, &activity, life, endpoint).await;
}

fn closed_while_opening(endpoint: &Endpoint) -> Error {
    let source = io::Error::new(io::ErrorKind::Interrupted, "it was closed while it was being opened");
    Error::Connect { server: endpoint.parts().server.clone(), source: Arc::new(source) }
}

fn report(handle: &Weak<Connection>, result: Result<SendRequest<Bytes>, Error>) {
    if let Some(connection) = handle.upgrade() {
        // Only this task sets it, once.
        let _ = connection.opened.set(result);
    }
}

async fn drive(http2: Http2, activity: &Activity, life: &Life, endpoint: &Endpoint) {
    let mut http2 = std::pin::pin!(http2);
    let ping = http2.ping_pong();
    tokio::select! {
        result = &mut http2 => if let Err(error) = result {
            tracing::debug!(server = endpoint.server(), %error, "connection ended");
        },
        () = until_unresponsive(ping, activity) => life.give_up(),
        () = life.idle_for(IDLE_TIMEOUT) => {}
        () = life.closed() => {}
    }
    // Before the streams hear of it, so that whoever they wake opens another connection.
    life.retire();
}

/// Returns when a PING that was sent after 30 s of silence has not been answered for 15 s.
async fn until_unresponsive(ping: Option<h2::PingPong>, activity: &Activity) {
    let Some(mut ping) = ping else { return std::future::pending().await };
    loop {
        let due = activity.last_read() + PING_AFTER_IDLE;
        if tokio::time::Instant::now() < due {
            tokio::time::sleep_until(due).await;
            continue;
        }
        match timeout(PING_TIMEOUT, ping.ping(h2::Ping::opaque())).await {
            // The pong was read, so the next ping is 30 s away.
            Ok(Ok(_)) => {}
            // The connection is ending; its driver says how.
            Ok(Err(_)) => return std::future::pending().await,
            Err(_) => return,
        }
    }
}

async fn connect(
    endpoint: &Endpoint,
    tls: Arc<ClientConfig>,
    counters: &Arc<Counters>,
    activity: &Activity,
) -> Result<(SendRequest<Bytes>, Http2), Error> {
    let parts = endpoint.parts();
    let server = || parts.server.clone();
    let dialled = timeout(DIAL_TIMEOUT, parts.dial.dial(&parts.host, parts.port)).await;
    let stream = dialled
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(|source| Error::Connect { server: server(), source: Arc::new(source) })?;
    let metered = Metered::new(stream, counters.clone(), activity.clone());
    let tls_failed = |source| Error::Tls { server: server(), source: Arc::new(source) };
    let handshake = TlsConnector::from(tls).connect(parts.tls_name.clone(), metered);
    let stream = timeout(TLS_TIMEOUT, handshake)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(tls_failed)?;
    if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
        return Err(Error::NotHttp2 { server: server() });
    }
    // The budget for small DATA frames (h2 closes the connection when an unread backlog of them exceeds it) is half the
    // connection window unless set, so a window as large as Go's also keeps h2 from giving up on a slow watch.
    h2::client::Builder::new()
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(MAX_HEADER_LIST)
        .initial_max_send_streams(ASSUMED_STREAMS)
        .enable_push(false)
        .handshake(stream)
        .await
        .map_err(|error| tls_failed(io::Error::other(error)))
}
