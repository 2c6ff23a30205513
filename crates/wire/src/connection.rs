//! One HTTP/2 connection: dialled in a task of its own, driven there, watched by pings, and given up there.

use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;

use rustls::ClientConfig;
use tokio::sync::SetOnce;
use tokio::time::{Instant, timeout};

use crate::http2::{Driver, Monitor, Sender};
pub(crate) use crate::life::{InFlight, Life};
use crate::meter::{Activity, Metered};
use crate::traffic::{Counters, add};
use crate::{Endpoint, Error};

// What client-go's transport does (apimachinery util/net/http.go, x/net/http2 transport.go).
const DIAL_TIMEOUT: Duration = Duration::from_secs(30);
const TLS_TIMEOUT: Duration = Duration::from_secs(10);
const PING_AFTER_IDLE: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(15);
/// Streams assumed to be allowed until the server's SETTINGS say.
const ASSUMED_STREAMS: usize = 100;
/// Streams that are used of a server whose SETTINGS name no limit.
const UNLIMITED_STREAMS: usize = 1000;
/// A connection without streams is closed after this long (net/http `DefaultTransport`, which `SetTransportDefaults` copies).
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);

/// A connection that is being opened, open or dead. Dropping the last handle closes it when its streams are done.
#[derive(Debug)]
pub(crate) struct Connection {
    opened: SetOnce<Result<Sender, Error>>,
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
    pub(crate) async fn sender(&self) -> Result<&Sender, Error> {
        self.opened.wait().await.as_ref().map_err(Error::clone)
    }

    /// Reserves a stream, if one is free and requests may start.
    ///
    /// Before the server's SETTINGS came, 100 streams are assumed to be allowed. If it turns out that fewer are, those
    /// reserved beyond wait in [`Sender::open`], where Go would move them to another connection.
    pub(crate) fn reserve(&self) -> Option<InFlight> {
        let limit = match self.opened.get() {
            Some(Ok(sender)) => match sender.max_streams() {
                None => UNLIMITED_STREAMS,
                Some(limit) => usize::try_from(limit).unwrap_or(usize::MAX),
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
        let is_leaving = || matches!(self.opened.get(), Some(Ok(sender)) if sender.is_leaving());
        !self.life.is_retired() && !is_leaving()
    }

    pub(crate) fn life(&self) -> &Arc<Life> {
        &self.life
    }
}

type Transport = Metered<Box<dyn crate::dial::Stream>>;
type Http2 = Driver<Transport>;

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
    // Boxed, because the task is as large as its largest part for as long as the connection lives.
    let opened = tokio::select! {
        opened = Box::pin(connect(endpoint, tls, &counters, &activity)) => opened,
        () = life.closed() => Err(closed_while_opening(endpoint)),
    };
    let (http2, monitor) = match opened {
        Ok((sender, http2)) => {
            add(&counters.connections, 1);
            let monitor = sender.monitor();
            report(&handle, Ok(sender));
            (http2, monitor)
        }
        Err(error) => {
            life.retire();
            report(&handle, Err(error));
            return;
        }
    };
    // The task must not keep the client's half: the connection closes when nobody else holds one.
    drop(handle);
    drive(http2, &monitor, &activity, life, endpoint).await;
}

fn closed_while_opening(endpoint: &Endpoint) -> Error {
    let source = io::Error::new(io::ErrorKind::Interrupted, "it was closed while it was being opened");
    Error::Connect { server: endpoint.parts().server.clone(), source: Arc::new(source) }
}

fn report(handle: &Weak<Connection>, result: Result<Sender, Error>) {
    if let Some(connection) = handle.upgrade() {
        // Only this task sets it, once.
        let _ = connection.opened.set(result);
    }
}

async fn drive(
    mut http2: Box<Http2>,
    monitor: &Monitor,
    activity: &Activity,
    life: &Life,
    endpoint: &Endpoint,
) {
    let result = tokio::select! {
        result = poll_fn(|cx| http2.poll(cx)) => result,
        () = watch_over(monitor, activity, life) => Ok(()),
        () = life.closed() => Ok(()),
    };
    // Before the streams hear of it, so that whoever they wake opens another connection.
    life.retire();
    if let Err(error) = result {
        tracing::debug!(server = endpoint.server(), %error, "connection ended");
        http2.fail(&error);
    }
}

/// Returns, with the connection retired, when it had no streams for 90 s, or when a PING that was sent after 30 s of silence was
/// not answered for 15 s. One timer does for both.
async fn watch_over(monitor: &Monitor, activity: &Activity, life: &Life) {
    let mut pinged_at: Option<Instant> = None;
    loop {
        let Some(idle_check) = life.idle_until(IDLE_TIMEOUT) else { return };
        let now = Instant::now();
        if pinged_at.is_some() && monitor.take_pong() {
            // The pong was read, so the next ping is 30 s away.
            pinged_at = None;
        }
        let ping_check = match pinged_at {
            Some(at) if now >= at + PING_TIMEOUT => return life.give_up(),
            Some(at) => at + PING_TIMEOUT,
            None if now >= activity.last_read() + PING_AFTER_IDLE => {
                monitor.ping();
                pinged_at = Some(now);
                now + PING_TIMEOUT
            }
            None => activity.last_read() + PING_AFTER_IDLE,
        };
        tokio::time::sleep_until(idle_check.min(ping_check)).await;
    }
}

async fn connect(
    endpoint: &Endpoint,
    tls: Arc<ClientConfig>,
    counters: &Arc<Counters>,
    activity: &Activity,
) -> Result<(Sender, Box<Http2>), Error> {
    let parts = endpoint.parts();
    let server = || parts.server.clone();
    let dialled = timeout(DIAL_TIMEOUT, parts.dial.dial(&parts.host, parts.port)).await;
    let stream = dialled
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(|source| Error::Connect { server: server(), source: Arc::new(source) })?;
    let metered = Metered::new(stream, counters.clone(), activity.clone());
    let handshake = Driver::connect(tls, parts.tls_name.clone(), metered);
    timeout(TLS_TIMEOUT, handshake)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(|source| Error::Tls { server: server(), source: Arc::new(source) })?
        .ok_or_else(|| Error::NotHttp2 { server: server() })
}
