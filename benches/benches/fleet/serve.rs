//! The server's process: null-apiserver, and the pods it makes and deletes on request.

use std::{io::BufRead, net::IpAddr};

use clap::Args as ClapArgs;
use null_apiserver::{Config, NullApiserver};
use serde::{Deserialize, Serialize};

use crate::{
    churn::{self, Churn},
    pods::{self, Pods, Went},
};

#[derive(ClapArgs, Debug)]
pub(crate) struct Args {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1")]
    address: IpAddr,
}

/// What to do beside serving.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    Pods(Pods),
    Churn(Churn),
}

/// Where the server is, and what signs its clients' certificates.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Served {
    pub(crate) url: String,
    pub(crate) ca: String,
    pub(crate) ca_key: String,
}

/// Serves until its input ends.
pub(crate) fn serve(args: &Args) -> anyhow::Result<()> {
    fake_kubelet::raise_descriptor_limit()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let server =
        runtime.block_on(NullApiserver::start_as(Config { address: args.address, ..Config::for_load() }))?;
    let place =
        Served { url: server.url(), ca: server.ca_pem().to_owned(), ca_key: server.ca_key_pem().to_owned() };
    crate::say(&serde_json::to_string(&place)?);
    for line in std::io::stdin().lock().lines() {
        let order: Order = serde_json::from_str(&line?)?;
        let went: Went = runtime.block_on(async {
            match order {
                Order::Pods(pods) => pods::go(pods, &server).await,
                Order::Churn(churn) => churn::go(churn, &server).await,
            }
        })?;
        crate::say(&serde_json::to_string(&went)?);
    }
    Ok(())
}
