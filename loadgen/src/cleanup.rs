//! Removing what runs have left on a cluster: their namespaces, their nodes with what belongs to them, the accounts that nodes and
//! kube-proxies had, and whatever else of no namespace has a run's label: rights, volumes, what a scenario has installed.
//!
//! Pods go first and without grace, because no kubelet is left to end them. Leases and `CSINode`s have their Node as owner, so the
//! cluster's garbage collector takes them; they are looked for all the same, in case the Node had gone before them.

mod cluster_wide;

use std::time::Duration;

use anyhow::{Context, bail};
use k8s_openapi::api::{
    coordination::v1::Lease,
    core::v1::{Namespace, Node, Pod, ServiceAccount},
    storage::v1::CSINode,
};
use kube::{
    Client, ResourceExt,
    api::{Api, DeleteParams, ListParams},
};
use tokio::time::Instant;

use self::cluster_wide::ClusterWide;
use crate::nodes::RUN_LABEL;

/// Namespaces are emptied by a controller, which takes its time for each.
const NAMESPACES_WITHIN: Duration = Duration::from_mins(2);

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Removed {
    pub(crate) namespaces: usize,
    pub(crate) nodes: usize,
}

/// What there is to remove.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leftovers {
    namespaces: Vec<String>,
    nodes: Vec<String>,
    /// Of nodes and kube-proxies, in kube-system.
    accounts: Vec<String>,
    others: ClusterWide,
}

impl Leftovers {
    /// Looks for what `run` left, or any run.
    pub(crate) async fn find(client: &Client, run: Option<&str>) -> anyhow::Result<Self> {
        let selector = run.map_or_else(|| RUN_LABEL.to_owned(), |run| format!("{RUN_LABEL}={run}"));
        let labelled = ListParams::default().labels(&selector);
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let namespaces = namespaces.list_metadata(&labelled).await.context("cannot list namespaces")?;
        let nodes: Api<Node> = Api::all(client.clone());
        let nodes = nodes.list_metadata(&labelled).await.context("cannot list nodes")?;
        let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "kube-system");
        let accounts =
            allowed(accounts.list_metadata(&labelled).await).context("cannot list ServiceAccounts")?;
        Ok(Self {
            namespaces: namespaces.items.iter().map(ResourceExt::name_any).collect(),
            nodes: nodes.items.iter().map(ResourceExt::name_any).collect(),
            accounts: accounts.iter().flat_map(|list| &list.items).map(ResourceExt::name_any).collect(),
            others: ClusterWide::find(client, &labelled).await?,
        })
    }

    /// Whether there is nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.namespaces.is_empty() && self.nodes.is_empty() && self.beside_them() == 0
    }

    fn beside_them(&self) -> usize {
        self.accounts.len() + self.others.count()
    }

    /// In words.
    pub(crate) fn describe(&self) -> String {
        let beside = match self.beside_them() {
            0 => String::new(),
            count => format!(" and {count} objects beside them"),
        };
        format!("{} namespaces and {} nodes{beside}", self.namespaces.len(), self.nodes.len())
    }

    /// Removes it, and waits until it is gone.
    pub(crate) async fn remove(self, client: &Client) -> anyhow::Result<Removed> {
        let now = DeleteParams::default().grace_period(0);
        // They would have a say in everything that follows.
        self.others.remove_webhooks(client).await?;
        let namespaces: Api<Namespace> = Api::all(client.clone());
        for namespace in &self.namespaces {
            let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
            pods.delete_collection(&now, &ListParams::default())
                .await
                .with_context(|| format!("cannot delete the pods of {namespace}"))?;
            gone(namespaces.delete(namespace, &DeleteParams::default()).await.map(drop))
                .with_context(|| format!("cannot delete namespace {namespace}"))?;
        }
        let nodes: Api<Node> = Api::all(client.clone());
        let leases: Api<Lease> = Api::namespaced(client.clone(), "kube-node-lease");
        let csi_nodes: Api<CSINode> = Api::all(client.clone());
        for node in &self.nodes {
            let context = || format!("cannot delete node {node}");
            gone(nodes.delete(node, &now).await.map(drop)).with_context(context)?;
            gone(leases.delete(node, &now).await.map(drop)).with_context(context)?;
            gone(csi_nodes.delete(node, &now).await.map(drop)).with_context(context)?;
        }
        let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "kube-system");
        for account in &self.accounts {
            gone(accounts.delete(account, &DeleteParams::default()).await.map(drop))
                .with_context(|| format!("cannot delete ServiceAccount {account}"))?;
        }
        for namespace in &self.namespaces {
            // From when the one before was gone: the controller that empties them may have many, and a limiter of its own.
            let deadline = Instant::now() + NAMESPACES_WITHIN;
            while namespaces.get_metadata_opt(namespace).await?.is_some() {
                if Instant::now() > deadline {
                    bail!(
                        "namespace {namespace} is still there; `kubectl describe namespace {namespace}` says why"
                    );
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
        // Definitions after what is defined by them, and volumes after the claims that hold them.
        self.others.remove(client).await?;
        Ok(Removed { namespaces: self.namespaces.len(), nodes: self.nodes.len() })
    }
}

/// Who may not list something has made none of it.
fn allowed<T>(listed: kube::Result<T>) -> kube::Result<Option<T>> {
    match listed {
        Err(kube::Error::Api(status)) if status.code == 403 => Ok(None),
        listed => listed.map(Some),
    }
}

/// What is already gone need not be deleted.
fn gone(result: kube::Result<()>) -> kube::Result<()> {
    match result {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        other => other,
    }
}
