//! What is counted while the work goes on: nodes that are Ready, pods that run, pods that are gone.

use std::{collections::HashMap, time::Duration};

use anyhow::{Context, bail};
use prost::Message;
use tokio::time::{Instant, timeout_at};
use wire::{Client, Object, Reflector, Seen, WatchKind, WatchSpec};

/// Longer than any of them takes.
const PATIENCE: Duration = Duration::from_mins(5);

#[derive(Clone, PartialEq, Message)]
struct Node {
    #[prost(message, optional, tag = "3")]
    status: Option<NodeStatus>,
}

#[derive(Clone, PartialEq, Message)]
struct NodeStatus {
    #[prost(message, repeated, tag = "4")]
    conditions: Vec<Condition>,
}

#[derive(Clone, PartialEq, Message)]
struct Condition {
    #[prost(string, tag = "1")]
    kind: String,
    #[prost(string, tag = "2")]
    status: String,
}

#[derive(Clone, PartialEq, Message)]
struct Pod {
    #[prost(message, optional, tag = "3")]
    status: Option<PodStatus>,
}

#[derive(Clone, PartialEq, Message)]
struct PodStatus {
    #[prost(string, tag = "1")]
    phase: String,
}

/// A collection as a watch shows it.
pub(super) struct View {
    reflector: Reflector,
    what: &'static str,
    /// By name: whether it is as it is wanted.
    seen: HashMap<String, bool>,
    is_wanted: fn(&Object) -> Option<bool>,
}

impl View {
    /// Nodes, and whether they are Ready.
    pub(super) fn of_nodes(client: &Client) -> Self {
        Self::new(client, "nodes are ready", "/api/v1/nodes", |object| {
            let conditions = object.decode::<Node>().ok()?.status?.conditions;
            Some(conditions.iter().any(|it| it.kind == "Ready" && it.status == "True"))
        })
    }

    /// The pods of a namespace, and whether they run.
    pub(super) fn of_pods(client: &Client, collection: &str) -> Self {
        Self::new(client, "pods run", collection, |object| {
            Some(object.decode::<Pod>().ok()?.status?.phase == "Running")
        })
    }

    fn new(
        client: &Client,
        what: &'static str,
        collection: &str,
        is_wanted: fn(&Object) -> Option<bool>,
    ) -> Self {
        let reflector = Reflector::new(client.clone(), WatchSpec::new(collection), 1);
        Self { reflector, what, seen: HashMap::new(), is_wanted }
    }

    /// Waits until so many are as wanted.
    pub(super) async fn until_wanted(&mut self, count: u32) -> anyhow::Result<()> {
        self.until(|seen| seen.values().filter(|wanted| **wanted).count() >= count as usize).await
    }

    /// Waits until there are none.
    pub(super) async fn until_none(&mut self) -> anyhow::Result<()> {
        self.until(HashMap::is_empty).await
    }

    async fn until(&mut self, is_done: impl Fn(&HashMap<String, bool>) -> bool) -> anyhow::Result<()> {
        let end = Instant::now() + PATIENCE;
        while !is_done(&self.seen) {
            let Ok(seen) = timeout_at(end, self.reflector.next()).await else {
                let wanted = self.seen.values().filter(|wanted| **wanted).count();
                bail!("{wanted} of {} {} after {} s", self.seen.len(), self.what, PATIENCE.as_secs());
            };
            if let Seen::Object { kind, object, .. } = seen {
                self.note(kind, &object)?;
            }
        }
        Ok(())
    }

    fn note(&mut self, kind: WatchKind, object: &Object) -> anyhow::Result<()> {
        let name = object.meta().context("an object without metadata")?.name;
        if kind == WatchKind::Deleted {
            self.seen.remove(&name);
        } else {
            let wanted = (self.is_wanted)(object).unwrap_or(false);
            self.seen.insert(name, wanted);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_read_from_the_fields_that_servers_send() {
        let node = Node {
            status: Some(NodeStatus {
                conditions: vec![Condition { kind: "Ready".to_owned(), status: "True".to_owned() }],
            }),
        };
        let read = Object::from_raw_protobuf(node.encode_to_vec().into()).decode::<Node>().unwrap();
        assert_eq!(read, node);
        // Field 1 of a Node's status is its capacity, which the message for pods must not meet.
        assert!(Object::from_raw_protobuf(vec![0x1a, 3, 0x0a, 1, b'x'].into()).decode::<Node>().is_ok());
    }
}
