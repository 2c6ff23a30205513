//! What moves one connection: bytes between its socket and its state, in the one task that it has.

use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};

use super::error::Http2Error;
use super::tls::Tls;
use super::{Sender, Shared};

thread_local! {
    /// Frames on their way into records.
    static PLAIN: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A connection whose handshakes are done or under way. Dropping it ends every stream that is not complete.
#[derive(Debug)]
pub(crate) struct Driver<S> {
    tls: Tls<S>,
    shared: Arc<Shared>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    /// Shakes hands over `socket`. `None` if the server did not choose HTTP/2.
    ///
    /// # Errors
    /// As [`Tls::connect`].
    pub(crate) async fn connect(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        socket: S,
    ) -> io::Result<Option<(Sender, Box<Self>)>> {
        let (tls, early) = Tls::connect(config, name, socket).await?;
        if tls.alpn_protocol() != Some(b"h2") {
            return Ok(None);
        }
        let shared = Arc::new(Shared::new());
        let mut driver = Box::new(Self { tls, shared: shared.clone() });
        if let Err(error) = shared.act(|state| state.http2.receive(&early)) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        // The preface, at once: the server waits for it.
        std::future::poll_fn(|cx| driver.poll_send(cx)).await?;
        Ok(Some((Sender(shared), driver)))
    }

    /// Moves what can be moved. Ready when the connection is over: nobody wants it any more, or the server, or it broke. The
    /// streams have not heard of it then; they do by [`Driver::fail`], or when this is dropped.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Http2Error>> {
        loop {
            let is_sent = self.poll_send(cx)?.is_ready();
            if is_sent && self.shared.state().is_done() {
                // Nobody is left to hear that it failed.
                let _ = self.tls.close(cx);
                return Poll::Ready(Ok(()));
            }
            let mut result = Ok(());
            let shared = &self.shared;
            let read = self.tls.poll_read(cx, &mut |bytes| {
                if result.is_ok() {
                    result = shared.act(|state| state.http2.receive(bytes));
                }
            });
            if result.is_err() {
                // The server may still read why.
                let _ = self.poll_send(cx)?;
                let _ = self.tls.close(cx);
                return Poll::Ready(result);
            }
            match read? {
                Poll::Ready(true) => {}
                Poll::Ready(false) if self.shared.state().is_done() => return Poll::Ready(Ok(())),
                Poll::Ready(false) => {
                    let error = Http2Error::io(io::ErrorKind::UnexpectedEof, "the server closed it");
                    return Poll::Ready(Err(error));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Ends the streams that are not complete with an error.
    pub(crate) fn fail(&self, error: &Http2Error) {
        self.shared.act(|state| state.http2.fail(error));
    }

    /// Sends what there is to send. Pending while the socket does not take it.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.tls.poll_flush(cx)?.is_pending() {
                return Poll::Pending;
            }
            let mut plain = PLAIN.take();
            plain.clear();
            self.shared.act(|state| {
                // Whoever adds something to be sent from now on wakes this task.
                state.driver_is(cx.waker());
                state.http2.take_output(&mut plain);
            });
            let sent = if plain.is_empty() { None } else { Some(self.tls.send(cx, &plain)) };
            PLAIN.set(plain);
            match sent {
                None => return Poll::Ready(Ok(())),
                Some(result) => result?,
            }
        }
    }
}

impl<S> Drop for Driver<S> {
    fn drop(&mut self) {
        let error = Http2Error::io(io::ErrorKind::BrokenPipe, "the connection was closed");
        self.shared.act(|state| state.http2.fail(&error));
    }
}
