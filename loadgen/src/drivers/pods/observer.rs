//! The harness's own eyes: a watch on the run's pods, which says when each is scheduled, runs and is gone.
//!
//! Times come from the moment an event arrives here, never from the API's timestamps, which are whole seconds.

use k8s_pb::api::core::v1::Pod;
use measure::{Clock, Nanos};
use tokio::sync::mpsc;
use wire::{Client, Reflector, Seen, WatchKind, WatchSpec};

/// Names of a load's pods: loads share a namespace.
#[derive(Clone, Debug)]
pub(super) struct Names(pub(super) String);

impl Names {
    /// Of pod number `index`.
    pub(super) fn of(&self, index: u64) -> String {
        format!("{}-{index}", self.0)
    }

    fn index(&self, name: &str) -> Option<u64> {
        name.strip_prefix(&self.0)?.strip_prefix('-')?.parse().ok()
    }
}

/// One thing the watch showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sighting {
    /// A list begins: pods seen before and not again by [`Sighting::ListEnds`] are gone.
    ListBegins,
    /// The list is complete.
    ListEnds { at: Nanos },
    /// A pod as it is now.
    Pod { index: u64, at: Nanos, scheduled: bool, phase: SeenPhase },
    /// A pod is gone.
    Gone { index: u64, at: Nanos },
}

/// The phases that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SeenPhase {
    Pending,
    Running,
    /// Ended although nobody deleted it.
    Failed,
}

/// Watches until it is dropped or nobody listens any more.
pub(super) async fn watch(
    client: Client,
    clock: Clock,
    pods: WatchSpec,
    names: Names,
    seed: u64,
    sightings: mpsc::UnboundedSender<Sighting>,
) {
    let mut reflector = Reflector::new(client, pods, seed);
    loop {
        let news = reflector.next().await;
        let at = clock.now();
        let sighting = match news {
            Seen::Restarted => Some(Sighting::ListBegins),
            Seen::Synced => Some(Sighting::ListEnds { at }),
            Seen::Object { kind, object, .. } => {
                object.decode().ok().and_then(|pod| sighting(&names, kind, &pod, at))
            }
            Seen::Error(error) => {
                tracing::warn!(%error, "the watch on the run's pods was interrupted");
                None
            }
        };
        if let Some(sighting) = sighting
            && sightings.send(sighting).is_err()
        {
            return;
        }
    }
}

fn sighting(names: &Names, kind: WatchKind, pod: &Pod, at: Nanos) -> Option<Sighting> {
    let metadata = pod.metadata.as_ref()?;
    let index = names.index(metadata.name.as_deref()?)?;
    if kind == WatchKind::Deleted {
        return Some(Sighting::Gone { index, at });
    }
    let scheduled =
        pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).is_some_and(|node| !node.is_empty());
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    let deleting = metadata.deletion_timestamp.is_some();
    let phase = match phase {
        Some("Running") => SeenPhase::Running,
        Some("Failed" | "Succeeded") if !deleting => SeenPhase::Failed,
        _ => SeenPhase::Pending,
    };
    Some(Sighting::Pod { index, at, scheduled, phase })
}
