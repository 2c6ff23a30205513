//! How the byte stream beneath a connection is opened: by TCP, unless a test or an experiment has another idea.

use std::fmt::Debug;
use std::io;
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// A byte stream in both directions.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The result of [`Dial::dial`].
pub type Dialing = Pin<Box<dyn Future<Output = io::Result<Box<dyn Stream>>> + Send>>;

/// Opens byte streams to a server.
pub trait Dial: Debug + Send + Sync {
    /// Opens one to `host` and `port`. The caller limits its time.
    fn dial(&self, host: &str, port: u16) -> Dialing;
}

/// The usual way.
#[derive(Debug)]
pub(crate) struct Tcp;

impl Dial for Tcp {
    fn dial(&self, host: &str, port: u16) -> Dialing {
        let host = host.to_owned();
        Box::pin(async move {
            let stream = TcpStream::connect((host.as_str(), port)).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        })
    }
}
