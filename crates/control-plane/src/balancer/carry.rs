//! The bytes of one connection, both ways.
//!
//! A fleet's connections are silent most of the time, and there are thousands. So a connection at rest has no buffer: those
//! of a thread share one, and only what a slow receiver has not taken yet is kept by itself.

use std::{
    cell::RefCell,
    future::pending,
    io::{self, ErrorKind},
    net::Shutdown,
};

use socket2::SockRef;
use tokio::{net::TcpStream, task::coop::consume_budget};

/// As much as is read at once.
const BUFFER_BYTES: usize = 64 * 1024;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; BUFFER_BYTES]);
}

/// Carries until the server has said all it will, or either of them is gone.
pub(super) async fn carry(client: &TcpStream, server: &TcpStream) {
    let up = async {
        if pass(client, server).await.is_ok() {
            // The client has said all it will; the server may still answer.
            let _ = SockRef::from(server).shutdown(Shutdown::Write);
            pending::<()>().await;
        }
    };
    tokio::select! {
        () = up => {}
        _ = pass(server, client) => {}
    }
}

/// Passes on what `from` says, to its end.
async fn pass(from: &TcpStream, to: &TcpStream) -> io::Result<()> {
    loop {
        from.readable().await?;
        let Some(unsent) = pass_once(from, to)? else { return Ok(()) };
        send(&unsent, to).await?;
        // One that is never silent must not keep the thread from the others.
        consume_budget().await;
    }
}

/// Passes on what is there, and returns what the receiver would not take; nothing at the end.
fn pass_once(from: &TcpStream, to: &TcpStream) -> io::Result<Option<Vec<u8>>> {
    BUFFER.with_borrow_mut(|buffer| {
        let read = match from.try_read(buffer) {
            Ok(0) => return Ok(None),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Some(Vec::new())),
            Err(error) => return Err(error),
        };
        let sent = unless_full(to.try_write(&buffer[..read]))?;
        Ok(Some(buffer[sent..read].to_vec()))
    })
}

async fn send(mut unsent: &[u8], to: &TcpStream) -> io::Result<()> {
    while !unsent.is_empty() {
        to.writable().await?;
        unsent = &unsent[unless_full(to.try_write(unsent))?..];
    }
    Ok(())
}

/// A receiver that is full takes nothing.
fn unless_full(written: io::Result<usize>) -> io::Result<usize> {
    match written {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        written => written,
    }
}
