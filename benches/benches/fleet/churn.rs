//! Pods that come and go at a steady rate for as long as it is said.

use std::time::Duration;

use anyhow::ensure;
use measure::{Arrivals, Rate, Schedule};
use null_apiserver::NullApiserver;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep_until},
};
use wire::{Client, Credential, Request};

use crate::pods::{COLLECTION, Went, create, prepare};

/// What to do.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Churn {
    /// Pods made per second.
    pub(crate) rate: f64,
    /// For how many seconds.
    pub(crate) seconds: u64,
}

/// From a pod's creation to its deletion: it has been running for a while by then.
const LIFETIME: Duration = Duration::from_secs(30);

/// Creates pods at the rate, whatever becomes of them, and deletes each in its turn.
pub(crate) async fn go(order: Churn, server: &NullApiserver) -> anyhow::Result<Went> {
    prepare(server);
    let client = Client::new(server.endpoint()?, Credential::anonymous(), "bench")?;
    let begin = Instant::now();
    let starts = Schedule::new(Arrivals::Uniform, Rate::per_second(order.rate)?, 1);
    let (made, to_delete) = mpsc::unbounded_channel();
    let deletions = tokio::spawn(delete_in_turn(client.clone(), to_delete));
    let mut creations = JoinSet::new();
    for (number, offset) in (0..).zip(starts.within(Duration::from_secs(order.seconds))) {
        let due = begin + Duration::from(offset);
        sleep_until(due).await;
        let (client, made) = (client.clone(), made.clone());
        creations.spawn(async move {
            create(&client, number).await?;
            // The other end waits for as long as anybody makes pods.
            let _ = made.send((number, due + LIFETIME));
            anyhow::Ok(())
        });
        while let Some(created) = creations.try_join_next() {
            created??;
        }
    }
    while let Some(created) = creations.join_next().await {
        created??;
    }
    drop(made);
    deletions.await??;
    Ok(Went { seconds: begin.elapsed().as_secs_f64() })
}

async fn delete_in_turn(
    client: Client,
    mut to_delete: mpsc::UnboundedReceiver<(u32, Instant)>,
) -> anyhow::Result<()> {
    while let Some((number, due)) = to_delete.recv().await {
        sleep_until(due).await;
        let answer = client.send(&Request::delete(format!("{COLLECTION}/churn-{number}"))).await?;
        ensure!(answer.is_success(), "a pod could not be deleted: {}", answer.status_error());
    }
    Ok(())
}
