//! `--metrics-addr`: plain HTTP for a Prometheus that is there already, with what a command says of itself and, by the harness' own
//! credential, what each component of its control plane does.
//!
//! Serves: `/metrics`, `/components/INSTANCE/metrics`, `/sd` (`http_sd_configs`) and `/`, which says so, on a thread and a runtime of its own.
//! The address is taken before anything is started, and given back when the command ends. Components come and go meanwhile: a search has
//! one control plane after another.

mod address;
mod answer;
mod discovery;

use std::{
    convert::Infallible,
    io, net,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context;
use clap::Args;
use control_plane::Aside;
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    time::sleep,
};

pub(crate) use self::address::{Listening, MetricsAddr};
use crate::shown::Shown;

/// After an accept that failed, most likely for want of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;

/// Where metrics are served.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct MetricsArgs {
    /// Serves metrics for Prometheus here while the command goes on: what it does, and what each component says of itself. Such as
    /// 127.0.0.1:9095, or :9095 for all addresses of this machine; with port 0 any that is free.
    #[arg(long, value_name = "ADDR")]
    pub(crate) metrics_addr: Option<MetricsAddr>,
}

impl MetricsArgs {
    /// Takes the address, where there is to be one.
    ///
    /// # Errors
    ///
    /// Where somebody else has it, or it is none of this machine.
    pub(crate) fn listen(&self) -> anyhow::Result<Option<Listening>> {
        let listening = self.metrics_addr.as_ref().map(Listening::at).transpose();
        listening.context("cannot serve metrics (--metrics-addr)")
    }
}

/// What is served now; nothing before and between the runs of a command that makes several.
#[derive(Clone, Debug, Default)]
struct Served(Arc<Mutex<Option<Shown>>>);

impl Served {
    fn now(&self) -> Option<Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn put(&self, shown: Option<Shown>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = shown;
    }
}

/// A server that runs. Dropping it closes its port and its connections.
#[derive(Debug)]
pub(crate) struct MetricsServer {
    url: String,
    served: Served,
    _aside: Aside,
}

/// What a server shows, until it is dropped.
#[derive(Debug)]
pub(crate) struct Showing(Option<Served>);

impl MetricsServer {
    /// Starts to serve and says where, as a person is told things; nothing where nobody asked for it.
    ///
    /// # Errors
    ///
    /// When a thread or its runtime cannot be made.
    pub(crate) fn open(listening: Option<Listening>, say: impl Fn(&str)) -> anyhow::Result<Option<Self>> {
        let Some(listening) = listening else { return Ok(None) };
        let is_open = listening.is_open();
        let server = Self::start(listening).context("cannot serve metrics")?;
        say(&format!("metrics: {}", server.url));
        if is_open {
            say(
                "warning: whoever reaches this machine there may read what the control plane says of itself; \
                 --metrics-addr 127.0.0.1:PORT is for this machine only",
            );
        }
        Ok(Some(server))
    }

    fn start(listening: Listening) -> io::Result<Self> {
        let url = listening.url();
        let address = listening.address();
        let served = Served::default();
        let asked = served.clone();
        let listener = listening.into_listener();
        listener.set_nonblocking(true)?;
        let aside = Aside::start("metrics", serve(listener, address, asked))?;
        Ok(Self { url, served, _aside: aside })
    }

    /// Shows this from now on, instead of what was shown before.
    pub(crate) fn shows(server: Option<&Self>, shown: &Shown) -> Showing {
        let place = server.map(|server| server.served.clone());
        if let Some(place) = &place {
            place.put(Some(shown.clone()));
        }
        Showing(place)
    }
}

impl Drop for Showing {
    fn drop(&mut self) {
        // It has its last moment when nobody shows it any more.
        if let Some(served) = &self.0 {
            served.put(None);
        }
    }
}

async fn serve(listener: net::TcpListener, address: net::SocketAddr, served: Served) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "metrics cannot be served"),
    };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(connection(stream, address, served.clone()))),
            Err(error) => {
                tracing::warn!(%error, "the metrics' server cannot accept a connection");
                sleep(PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, address: net::SocketAddr, served: Served) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let served = served.clone();
        async move {
            let (request, _) = request.into_parts();
            let shown = served.now();
            Ok::<_, Infallible>(answer::answer(shown.as_ref(), &request, address).await)
        }
    });
    // How a connection ends is the client's to say.
    let _ =
        http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
}
