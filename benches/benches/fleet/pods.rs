//! Pods through their whole life: made, bound, running, deleted, gone.

use std::{collections::HashSet, time::Duration};

use anyhow::bail;
use benches::{pod, root_certificate, service_account};
use k8s_pb::api::core::v1::Pod;
use null_apiserver::NullApiserver;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};
use wire::{Client, Credential, Encoding, Reflector, Request, Seen, WatchKind, WatchSpec};

const NAMESPACE: &str = "bench";
pub(crate) const COLLECTION: &str = "/api/v1/namespaces/bench/pods";
/// Far longer than a pod's life; a fleet that needs it has lost some.
const PATIENCE: Duration = Duration::from_mins(2);

/// What to do.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Pods {
    pub(crate) pods: u32,
    pub(crate) at_once: u32,
}

/// How that went.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Went {
    pub(crate) seconds: f64,
}

/// Creates pods, deletes each when it runs, and creates another when it is gone.
pub(crate) async fn go(order: Pods, server: &NullApiserver) -> anyhow::Result<Went> {
    prepare(server);
    let client = Client::new(server.endpoint()?, Credential::anonymous(), "bench")?;
    let begin = Instant::now();
    let mut reflector = Reflector::new(client.clone(), WatchSpec::new(COLLECTION), 1);
    let (mut made, mut gone) = (0, 0);
    let mut deleted = HashSet::new();
    while made < order.at_once.min(order.pods) {
        create(&client, made).await?;
        made += 1;
    }
    while gone < order.pods {
        let seen = tokio::select! {
            seen = reflector.next() => seen,
            () = sleep(PATIENCE) => bail!("only {gone} of {} pods are gone", order.pods),
        };
        let Seen::Object { kind, object, .. } = seen else { continue };
        let pod: Pod = object.decode()?;
        let name = pod.metadata.and_then(|metadata| metadata.name).unwrap_or_default();
        let phase = pod.status.and_then(|status| status.phase);
        if kind == WatchKind::Deleted {
            gone += 1;
            if made < order.pods {
                create(&client, made).await?;
                made += 1;
            }
        } else if phase.as_deref() == Some("Running") && deleted.insert(name.clone()) {
            client.send(&Request::delete(format!("{COLLECTION}/{name}"))).await?;
        }
    }
    Ok(Went { seconds: begin.elapsed().as_secs_f64() })
}

/// What a namespace needs for pods to run in it.
pub(crate) fn prepare(server: &NullApiserver) {
    server.put(&root_certificate(NAMESPACE, server.ca_pem()));
    server.put(&service_account(NAMESPACE));
}

pub(crate) async fn create(client: &Client, number: u32) -> anyhow::Result<()> {
    // The server chooses the node.
    let body = wire::protobuf::encode("v1", "Pod", &pod(NAMESPACE, &format!("churn-{number}"), ""));
    let response = client.send(&Request::post(COLLECTION, body, Encoding::Protobuf)).await?;
    if !response.is_success() {
        bail!("a pod was refused: {}", response.status_error());
    }
    Ok(())
}
