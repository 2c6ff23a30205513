//! Clients that only watch: `CoreDNS`, kube-state-metrics, the agents of a pod network.
//!
//! Sends, each from connections of its own: what its reflectors do, in protobuf. Records: from a write's acknowledgement to its event at
//! each, where a driver of this run wrote it; how many watches are in sync. Of the whole load: as of watches. `CoreDNS` watches Services,
//! `EndpointSlices` and Namespaces (`plugin/kubernetes/controller.go`); kube-state-metrics 33 resources (`pkg/options/resource.go`), of
//! which these are the twenty that clusters have most of; an agent the pods of its node and all nodes (Calico's felix, Cilium).

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::task::JoinSet;
use wire::{Client, WatchSpec};

use super::{
    super::{
        Accounting, Counts, Report, Stage, sleep_until,
        watches::{Shared, watch},
    },
    ControllersDriver,
    reconciling::bytes,
};
use crate::{
    resources::Resource,
    scenario::{ControllerKind, WatchStart},
};

/// Between two looks at how many watches are in sync.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A resource as its paths have it: version, plural.
type Named = (&'static str, &'static str);

const DNS: &[Named] = &[("v1", "services"), ("discovery.k8s.io/v1", "endpointslices"), ("v1", "namespaces")];
const STATE_METRICS: &[Named] = &[
    ("v1", "pods"),
    ("v1", "nodes"),
    ("v1", "namespaces"),
    ("v1", "services"),
    ("v1", "configmaps"),
    ("v1", "secrets"),
    ("v1", "persistentvolumes"),
    ("v1", "persistentvolumeclaims"),
    ("v1", "resourcequotas"),
    ("v1", "limitranges"),
    ("apps/v1", "deployments"),
    ("apps/v1", "daemonsets"),
    ("apps/v1", "replicasets"),
    ("apps/v1", "statefulsets"),
    ("batch/v1", "jobs"),
    ("batch/v1", "cronjobs"),
    ("autoscaling/v2", "horizontalpodautoscalers"),
    ("discovery.k8s.io/v1", "endpointslices"),
    ("networking.k8s.io/v1", "ingresses"),
    ("coordination.k8s.io/v1", "leases"),
];
const CNI_AGENT: &[Named] = &[("v1", "pods"), ("v1", "nodes")];

fn named(kind: ControllerKind) -> &'static [Named] {
    match kind {
        ControllerKind::Dns => DNS,
        ControllerKind::StateMetrics => STATE_METRICS,
        ControllerKind::CniAgent => CNI_AGENT,
        ControllerKind::Operator | ControllerKind::Provisioner => &[],
    }
}

/// What clients of a kind watch. All of it is watched in all namespaces, so it is no matter which resources have one.
pub(super) fn resources(kind: ControllerKind) -> impl Iterator<Item = Resource> {
    named(kind).iter().map(|(version, name)| Resource::known(version, name, true))
}

/// The watches of one client; of an agent on this node.
fn watches(kind: ControllerKind, node: &str, start: WatchStart) -> Vec<WatchSpec> {
    let spec = |resource: Resource| {
        let mut spec = WatchSpec::new(resource.path(None, None));
        if kind == ControllerKind::CniAgent && resource.name == "pods" {
            spec = spec.field_selector(format!("spec.nodeName={node}"));
        }
        spec.watch_list = start == WatchStart::WatchList;
        spec
    };
    resources(kind).map(spec).collect()
}

pub(super) async fn run(driver: ControllersDriver, mut stage: Stage) -> anyhow::Result<Report> {
    let shared = Arc::new(Shared::new(&stage));
    let mut watchers = JoinSet::new();
    let asked = u64::from(driver.load.count) * named(driver.load.kind).len() as u64;
    sleep_until(stage.clock, stage.begin).await;
    let clients = start(&driver, &stage, &shared, &mut watchers)?;
    let (begun, mut synced_after) = (stage.clock.now(), None);
    loop {
        tokio::select! {
            Ok(()) = stage.orders.changed() => if stage.orders.borrow().is_some() { break },
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let (now, in_sync) = (stage.clock.now(), shared.in_sync());
        shared.told().alive(now, in_sync, asked);
        shared.told().figures_are(figures(&shared, synced_after, &clients));
        stage.progress.send_replace(Counts { offered: asked, done: in_sync, ..Counts::default() });
        if in_sync == asked && synced_after.is_none() {
            synced_after = Some(now.since(begun));
        }
    }
    watchers.shutdown().await;
    Ok(Report {
        accounting: Accounting { offered: asked, gone: asked, ..Accounting::default() },
        stages: None,
        figures: figures(&shared, synced_after, &clients),
    })
}

fn figures(shared: &Shared, synced_after: Option<Duration>, clients: &[Client]) -> BTreeMap<String, f64> {
    let mut figures = shared.figures(synced_after, 0);
    figures.insert("bytes".to_owned(), bytes(clients));
    figures
}

/// Starts every watch on a task of its own and says whose connections they are on.
fn start(
    driver: &ControllersDriver,
    stage: &Stage,
    shared: &Arc<Shared>,
    watchers: &mut JoinSet<()>,
) -> anyhow::Result<Vec<Client>> {
    let load = &driver.load;
    let mut clients = Vec::new();
    let mut seed = stage.seed;
    for index in 0..load.count {
        let client = stage.senders.client(index.into()).sibling();
        let node = driver.fleet.with(|fleet| fleet.node_name(index % driver.fleet.nodes().max(1)))?;
        for spec in watches(load.kind, &node, load.start) {
            seed = seed.wrapping_add(1);
            watchers.spawn(watch(client.clone(), spec, seed, shared.clone()));
        }
        clients.push(client);
    }
    Ok(clients)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn paths(kind: ControllerKind) -> Vec<(String, Option<String>)> {
        let watches = watches(kind, "n-7", WatchStart::List);
        watches.into_iter().map(|spec| (spec.path, spec.field_selector)).collect()
    }

    #[test]
    fn an_agent_watches_the_pods_of_its_node_and_all_nodes() {
        let pods = ("/api/v1/pods".to_owned(), Some("spec.nodeName=n-7".to_owned()));
        assert_eq!(paths(ControllerKind::CniAgent), [pods, ("/api/v1/nodes".to_owned(), None)]);
    }

    #[test]
    fn dns_watches_three_resources_and_state_metrics_twenty_different_ones() {
        let dns: Vec<String> = paths(ControllerKind::Dns).into_iter().map(|(path, _)| path).collect();
        assert_eq!(
            dns,
            ["/api/v1/services", "/apis/discovery.k8s.io/v1/endpointslices", "/api/v1/namespaces"]
        );
        let all: BTreeSet<_> = paths(ControllerKind::StateMetrics).into_iter().collect();
        assert_eq!(all.len(), 20);
    }
}
