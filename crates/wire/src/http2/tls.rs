//! The client's end of a TLS connection that owns no buffer at rest.
//!
//! rustls' buffered API keeps 4-8 kB for each connection, and tokio-rustls' users a buffer for each direction on top. Here records
//! are read into, and written from, memory that belongs to the thread; a connection only keeps the beginning of a record whose
//! rest has not come, and what the socket did not take.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::ClientConfig;
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is read from a socket at once: two of the longest records.
const READ: usize = 32 << 10;
/// More than this is no record, and no handshake message in several of them (rustls has 64 KiB).
const MAX_PARTIAL: usize = 128 << 10;
/// What a record has beside its plaintext, at most (TLS 1.2: header, explicit nonce and tag; TLS 1.3: header, type and tag).
const RECORD_OVERHEAD: usize = 32;
const MAX_RECORD: usize = 16 << 10;

/// What a thread has to read and write records of all of its connections.
#[derive(Debug, Default)]
struct Scratch {
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// A connection whose handshake is over.
pub(super) struct Tls<S> {
    socket: S,
    session: UnbufferedClientConnection,
    /// The beginning of a record.
    partial: Vec<u8>,
    /// Records that the socket has not taken.
    unsent: Vec<u8>,
}

/// What became of the bytes that were read.
struct Processed {
    consumed: usize,
    /// The peer will say no more.
    closed: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Tls<S> {
    /// Shakes hands. Returns also what the server sent of the application's data by then.
    ///
    /// # Errors
    /// The socket's, or `InvalidData` with the [`rustls::Error`].
    pub(super) async fn connect(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        socket: S,
    ) -> io::Result<(Self, Vec<u8>)> {
        let session = UnbufferedClientConnection::new(config, name).map_err(invalid)?;
        let mut tls = Self { socket, session, partial: Vec::new(), unsent: Vec::new() };
        let mut early = Vec::new();
        let mut begun = false;
        std::future::poll_fn(|cx| tls.poll_handshake(cx, &mut begun, &mut early)).await?;
        Ok((tls, early))
    }

    /// The protocol that the server chose.
    pub(super) fn alpn_protocol(&self) -> Option<&[u8]> {
        self.session.alpn_protocol()
    }

    /// Reads once from the socket and hands what is in the records that are whole now to `sink`. False when the server will
    /// say no more.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Poll<io::Result<bool>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let Scratch { incoming, outgoing } = scratch;
            let kept = self.partial.len();
            if incoming.len() < kept + READ {
                incoming.resize(kept + READ, 0);
            }
            incoming[..kept].copy_from_slice(&self.partial);
            let mut buffer = ReadBuf::new(&mut incoming[kept..]);
            ready!(Pin::new(&mut self.socket).poll_read(cx, &mut buffer))?;
            let end = kept + buffer.filled().len();
            if end == kept {
                return Poll::Ready(Ok(false));
            }
            outgoing.clear();
            let processed = self.process(&mut incoming[..end], outgoing, sink);
            // Also after an error: there is an alert in it.
            self.write(cx, outgoing)?;
            let Processed { consumed, closed } = processed?;
            self.partial = incoming[consumed..end].to_vec();
            if self.partial.len() > MAX_PARTIAL {
                return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
            }
            Poll::Ready(Ok(!closed))
        })
    }

    /// Encrypts and writes; what the socket does not take is kept for [`Tls::poll_flush`].
    pub(super) fn send(&mut self, cx: &mut Context<'_>, plain: &[u8]) -> io::Result<()> {
        SCRATCH.with_borrow_mut(|Scratch { outgoing, .. }| {
            outgoing.clear();
            self.encrypt(plain, outgoing)?;
            self.write(cx, outgoing)
        })
    }

    /// Says that we will say no more, as far as the socket takes it at once.
    pub(super) fn close(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let mut alert = vec![0; RECORD_OVERHEAD * 2];
        let mut partial = std::mem::take(&mut self.partial);
        let state = self.session.process_tls_records(&mut partial).state;
        if let Ok(ConnectionState::WriteTraffic(mut state)) = state {
            let length = state.queue_close_notify(&mut alert).map_err(io::Error::other)?;
            self.write(cx, &alert[..length])?;
        }
        // It is dropped after this, whatever the other side says.
        let _ = Pin::new(&mut self.socket).poll_shutdown(cx)?;
        Ok(())
    }

    /// Writes what the socket did not take. Nothing more should be sent before that.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.unsent.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let mut sent = 0;
        let result = self.poll_write_all(cx, &mut sent);
        self.unsent.drain(..sent);
        ready!(result)?;
        self.unsent = Vec::new();
        Poll::Ready(Ok(()))
    }

    fn poll_write_all(&mut self, cx: &mut Context<'_>, sent: &mut usize) -> Poll<io::Result<()>> {
        while *sent < self.unsent.len() {
            *sent += write_some(ready!(Pin::new(&mut self.socket).poll_write(cx, &self.unsent[*sent..])))?;
        }
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_handshake(
        &mut self,
        cx: &mut Context<'_>,
        begun: &mut bool,
        early: &mut Vec<u8>,
    ) -> Poll<io::Result<()>> {
        if !*begun {
            *begun = true;
            let mut hello = Vec::new();
            self.process(&mut [], &mut hello, &mut |_| ())?;
            self.write(cx, &hello)?;
        }
        loop {
            ready!(self.poll_flush(cx))?;
            if !self.session.is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            if !ready!(self.poll_read(cx, &mut |data| early.extend_from_slice(data)))? {
                let error = io::Error::new(io::ErrorKind::UnexpectedEof, "it ended in the handshake");
                return Poll::Ready(Err(error));
            }
        }
    }

    /// Has rustls read records, and appends those that it wants to send. The application's data go to `sink`.
    fn process(
        &mut self,
        incoming: &mut [u8],
        outgoing: &mut Vec<u8>,
        sink: &mut dyn FnMut(&[u8]),
    ) -> io::Result<Processed> {
        let (mut consumed, mut closed) = (0, false);
        loop {
            let UnbufferedStatus { mut discard, state } =
                self.session.process_tls_records(&mut incoming[consumed..]);
            let mut is_over = false;
            match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record.map_err(invalid)?;
                        discard += record.discard;
                        sink(record.payload);
                    }
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    append(outgoing, |room| match data.encode(room) {
                        Err(EncodeError::InsufficientSize(error)) => Err(Ok(error.required_size)),
                        other => other.map_err(|error| Err(io::Error::other(error))),
                    })?;
                }
                // It is as good as transmitted.
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => {
                    closed = true;
                    is_over = true;
                }
                Ok(_) => is_over = true,
                Err(error) => {
                    self.alert(outgoing);
                    return Err(invalid(error));
                }
            }
            consumed += discard;
            if is_over {
                return Ok(Processed { consumed, closed });
            }
        }
    }

    /// After an error: appends what rustls wants to tell the peer about it. It does not look at the input any more before it
    /// has, and must not after.
    fn alert(&mut self, outgoing: &mut Vec<u8>) {
        while self.session.wants_write() {
            let Ok(ConnectionState::EncodeTlsData(mut data)) =
                self.session.process_tls_records(&mut []).state
            else {
                return;
            };
            // Nobody could be told if it failed.
            let _ = append(outgoing, |room| data.encode(room).map_err(|_| Ok(MAX_RECORD)));
        }
    }

    fn encrypt(&mut self, plain: &[u8], outgoing: &mut Vec<u8>) -> io::Result<()> {
        // Whatever rustls has to say comes first. It remembers where in what was read a message begins that is not whole, so it
        // must see that again.
        let mut partial = std::mem::take(&mut self.partial);
        self.process(&mut partial, outgoing, &mut |_| ())?;
        let state = self.session.process_tls_records(&mut partial).state;
        let Ok(ConnectionState::WriteTraffic(mut traffic)) = state else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let likely = plain.len() + (plain.len() / MAX_RECORD + 1) * RECORD_OVERHEAD;
        outgoing.reserve(likely);
        append(outgoing, |room| {
            if room.is_empty() {
                return Err(Ok(likely));
            }
            traffic.encrypt(plain, room).map_err(|error| match error {
                EncryptError::InsufficientSize(error) => Ok(error.required_size),
                error @ EncryptError::EncryptExhausted => Err(io::Error::other(error)),
            })
        })?;
        self.partial = partial;
        Ok(())
    }

    /// Writes behind what is unsent, and keeps what the socket does not take.
    fn write(&mut self, cx: &mut Context<'_>, mut records: &[u8]) -> io::Result<()> {
        while self.unsent.is_empty() && !records.is_empty() {
            let Poll::Ready(result) = Pin::new(&mut self.socket).poll_write(cx, records) else { break };
            records = &records[write_some(result)?..];
        }
        self.unsent.extend_from_slice(records);
        if self.unsent.is_empty() {
            // Sockets have nothing to flush.
            let _ = Pin::new(&mut self.socket).poll_flush(cx)?;
        }
        Ok(())
    }
}

/// Never shows a key.
impl<S> fmt::Debug for Tls<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

fn write_some(result: io::Result<usize>) -> io::Result<usize> {
    match result? {
        0 => Err(io::ErrorKind::WriteZero.into()),
        written => Ok(written),
    }
}

/// Has `encode` write behind what is in `out`, with the room that it asks for.
fn append(
    out: &mut Vec<u8>,
    mut encode: impl FnMut(&mut [u8]) -> Result<usize, Result<usize, io::Error>>,
) -> io::Result<()> {
    let start = out.len();
    loop {
        match encode(&mut out[start..]) {
            Ok(written) => {
                out.truncate(start + written);
                return Ok(());
            }
            Err(Ok(required)) if start + required > out.len() => out.resize(start + required, 0),
            Err(Ok(_)) => return Err(io::ErrorKind::InvalidData.into()),
            Err(Err(error)) => return Err(error),
        }
    }
}

fn invalid(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
