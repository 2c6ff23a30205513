//! HTTP/2 over TLS for clients that have thousands of connections, most of them silent.
//!
//! A fleet has a connection for each node, two with a kube-proxy, and five to ten watches on it that rarely say anything. The
//! crate h2 over tokio-rustls keeps about 60 kB for each at rest: 16 kB to write frames, 4-20 kB to read them (the buffer of the
//! largest frame stays), 4-8 kB of TLS records, 9 kB of tables of streams, 8 kB of task. Here it is what TLS and HPACK must know
//! and a quarter of a kilobyte for each stream: buffers belong to threads, or live as long as there is something in them.
//!
//! It does what an API server and a Go client need of each other: no pushes, no priorities, no trailers that are read, no
//! request bodies but whole ones. `connection` is the protocol, a pure state machine; `driver` moves its bytes over `tls`, in
//! the connection's task; [`Sender`] and [`OpenStream`] are what requests have of it, in theirs.

mod connection;
mod driver;
mod error;
mod frame;
mod hpack;
mod tls;

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use bytes::Bytes;

pub(crate) use self::connection::Head;
use self::connection::Http2;
pub(crate) use self::driver::Driver;
pub use self::error::{Http2Error, Reason};
pub(crate) use self::hpack::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, Block, CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT,
};

/// What the task of a connection and its requests share.
#[derive(Debug)]
struct Shared(Mutex<State>);

#[derive(Debug)]
struct State {
    http2: Http2,
    /// The connection's task.
    driver: Option<Waker>,
    /// The [`Sender`] is gone.
    abandoned: bool,
}

impl State {
    fn driver_is(&mut self, waker: &Waker) {
        match &mut self.driver {
            Some(driver) => driver.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    /// Whether the connection has nothing more to do.
    fn is_done(&self) -> bool {
        if self.http2.is_leaving() {
            !self.http2.has_open_streams()
        } else {
            self.abandoned && !self.http2.has_streams()
        }
    }
}

impl Shared {
    fn new() -> Self {
        Self(Mutex::new(State { http2: Http2::new(), driver: None, abandoned: false }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something in the connection's task, and wakes whom it concerns.
    fn act<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        let result = act(&mut state);
        let woken = state.http2.take_woken();
        drop(state);
        woken.into_iter().for_each(Waker::wake);
        result
    }

    /// Does something in the task of a request, and wakes the connection's if that has something to do by now.
    fn ask<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let mut driver = None;
        let result = self.act(|state| {
            let result = act(state);
            if state.http2.has_output() || state.is_done() {
                driver.clone_from(&state.driver);
            }
            result
        });
        driver.into_iter().for_each(Waker::wake);
        result
    }
}

/// The means to send requests on a connection. When it is dropped the connection ends with its last stream.
#[derive(Debug)]
pub(crate) struct Sender(Arc<Shared>);

impl Sender {
    /// Streams that the server allows; `None` for any number. 100 until its SETTINGS came.
    pub(crate) fn max_streams(&self) -> Option<u32> {
        self.0.state().http2.max_streams()
    }

    /// Whether the server takes no more requests.
    pub(crate) fn is_leaving(&self) -> bool {
        self.0.state().http2.is_leaving()
    }

    /// Sends a request, as soon as there is room for a stream.
    ///
    /// # Errors
    /// The connection takes no more requests and did not take this one.
    pub(crate) async fn open(
        &self,
        block: &Block,
        body: Bytes,
        is_head: bool,
    ) -> Result<OpenStream, Http2Error> {
        let mut body = Some(body);
        let id = poll_fn(|cx| {
            self.0.ask(|state| match state.http2.has_room(cx.waker()) {
                Ok(true) => {
                    Poll::Ready(Ok(state.http2.open(block, body.take().unwrap_or_default(), is_head)))
                }
                Ok(false) => Poll::Pending,
                Err(error) => Poll::Ready(Err(error)),
            })
        })
        .await?;
        Ok(OpenStream { shared: self.0.clone(), id })
    }

    /// What asks whether the server is still there.
    pub(crate) fn monitor(&self) -> Monitor {
        Monitor(self.0.clone())
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.0.ask(|state| state.abandoned = true);
    }
}

/// Asks whether the server is there. It keeps no connection open.
#[derive(Debug)]
pub(crate) struct Monitor(Arc<Shared>);

impl Monitor {
    /// Sends a PING.
    pub(crate) fn ping(&self) {
        self.0.ask(|state| state.http2.ping());
    }

    /// Whether the last PING was answered.
    pub(crate) fn take_pong(&self) -> bool {
        self.0.act(|state| state.http2.take_pong())
    }
}

/// A request that was sent, and its answer. Dropping it cancels what is not complete.
#[derive(Debug)]
pub(crate) struct OpenStream {
    shared: Arc<Shared>,
    id: u32,
}

impl OpenStream {
    /// The headers of the answer. Cancel-safe.
    pub(crate) async fn head(&mut self) -> Result<Head, Http2Error> {
        poll_fn(|cx| {
            self.shared.act(|state| {
                let Some(stream) = state.http2.stream(self.id) else { return Poll::Pending };
                if let Some(head) = stream.head() {
                    return Poll::Ready(Ok(head));
                }
                if let Some(error) = stream.error() {
                    return Poll::Ready(Err(error.clone()));
                }
                stream.wait(cx.waker());
                Poll::Pending
            })
        })
        .await
    }

    /// The next part of the body; `None` at its end. After an error the same error comes again. Cancel-safe.
    pub(crate) async fn data(&mut self) -> Option<Result<Bytes, Http2Error>> {
        poll_fn(|cx| {
            self.shared.ask(|state| {
                if let Some(data) = state.http2.take_data(self.id) {
                    return Poll::Ready(Some(Ok(data)));
                }
                let Some(stream) = state.http2.stream(self.id) else { return Poll::Ready(None) };
                if let Some(error) = stream.error() {
                    return Poll::Ready(Some(Err(error.clone())));
                }
                if stream.is_ended() {
                    return Poll::Ready(None);
                }
                stream.wait(cx.waker());
                Poll::Pending
            })
        })
        .await
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.shared.ask(|state| state.http2.forget(self.id));
    }
}
