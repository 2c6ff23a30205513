//! The few requests of plain HTTP that are made here: one connection each.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context;
use bytes::Bytes;
use http::{Request, StatusCode, header::HOST};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// A query over a few minutes that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is at this path.
pub(crate) async fn get(address: SocketAddr, path: &str) -> anyhow::Result<(StatusCode, String)> {
    timeout(PATIENCE, ask(address, path))
        .await
        .with_context(|| format!("http://{address}{path} does not answer"))?
}

async fn ask(address: SocketAddr, path: &str) -> anyhow::Result<(StatusCode, String)> {
    let stream = TcpStream::connect(address).await.with_context(|| format!("nobody listens at {address}"))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(path).header(HOST, address.to_string()).body(Empty::<Bytes>::new())?;
    // It ends with the answer, or when it is dropped with the sender.
    let talk = tokio::spawn(connection);
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    drop(sender);
    talk.abort();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

/// An address of this machine that was free a moment ago.
pub(crate) async fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("there is no free port")?;
    Ok(listener.local_addr()?)
}
