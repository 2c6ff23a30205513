//! A watch on the run's nodes that says how each is.

use k8s_pb::api::core::v1::Node;
use measure::{Clock, Nanos};
use tokio::sync::mpsc;
use wire::{Client, Reflector, Seen, WatchKind, WatchSpec};

use crate::nodes::{RUN_LABEL, is_ready, takes_pods};

/// A node as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sighting {
    pub(super) name: String,
    pub(super) at: Nanos,
    pub(super) health: Health,
}

/// How a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Health {
    /// It is there no longer.
    Gone,
    /// Its condition `Ready` is not `True`.
    NotReady,
    /// It is ready, and something keeps pods away.
    Ready,
    /// It is ready and takes pods.
    TakesPods,
}

impl Health {
    pub(super) fn is_ready(self) -> bool {
        matches!(self, Self::Ready | Self::TakesPods)
    }
}

/// Watches until it is dropped or nobody listens any more.
pub(super) async fn watch(
    client: Client,
    clock: Clock,
    run: String,
    seed: u64,
    sightings: mpsc::UnboundedSender<Sighting>,
) {
    let nodes = WatchSpec::new("/api/v1/nodes").label_selector(format!("{RUN_LABEL}={run}"));
    let mut reflector = Reflector::new(client, nodes, seed);
    loop {
        let news = reflector.next().await;
        let at = clock.now();
        match news {
            Seen::Object { kind, object, .. } => {
                let Ok(node) = object.decode::<Node>() else { continue };
                if let Some(sighting) = sighting(kind, node, at)
                    && sightings.send(sighting).is_err()
                {
                    return;
                }
            }
            Seen::Error(error) => tracing::warn!(%error, "the watch on the run's nodes was interrupted"),
            Seen::Restarted | Seen::Synced => {}
        }
    }
}

fn sighting(kind: WatchKind, node: Node, at: Nanos) -> Option<Sighting> {
    let health = match kind {
        WatchKind::Deleted => Health::Gone,
        _ if takes_pods(&node) => Health::TakesPods,
        _ if is_ready(&node) => Health::Ready,
        _ => Health::NotReady,
    };
    Some(Sighting { name: node.metadata?.name?, at, health })
}
