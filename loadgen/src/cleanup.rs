//! Removing what runs have left on a cluster: their namespaces, their nodes with what belongs to them, and the accounts that nodes
//! and kube-proxies had.
//!
//! Pods go first and without grace, because no kubelet is left to end them. Leases and `CSINode`s have their Node as owner, so the
//! cluster's garbage collector takes them; they are looked for all the same, in case the Node had gone before them.

use std::time::Duration;

use anyhow::{Context, bail};
use k8s_openapi::api::{
    coordination::v1::Lease,
    core::v1::{Namespace, Node, Pod, ServiceAccount},
    rbac::v1::{ClusterRole, ClusterRoleBinding},
    storage::v1::CSINode,
};
use kube::{
    Client, ResourceExt,
    api::{Api, DeleteParams, ListParams, ObjectList},
};
use tokio::time::Instant;

use crate::nodes::RUN_LABEL;

/// Namespaces are emptied by a controller, which takes its time.
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
    kube_system: KubeSystem,
}

/// Accounts of nodes and kube-proxies in kube-system, and their rights.
#[derive(Clone, Debug, Default)]
struct KubeSystem {
    accounts: Vec<String>,
    roles: Vec<String>,
    bindings: Vec<String>,
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
        Ok(Self {
            namespaces: namespaces.items.iter().map(ResourceExt::name_any).collect(),
            nodes: nodes.items.iter().map(ResourceExt::name_any).collect(),
            kube_system: KubeSystem::find(client, &labelled).await?,
        })
    }

    /// Whether there is nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.namespaces.is_empty() && self.nodes.is_empty() && self.kube_system.count() == 0
    }

    /// In words.
    pub(crate) fn describe(&self) -> String {
        let accounts = match self.kube_system.count() {
            0 => String::new(),
            count => format!(" and {count} accounts, roles and bindings"),
        };
        format!("{} namespaces and {} nodes{accounts}", self.namespaces.len(), self.nodes.len())
    }

    /// Removes it, and waits until it is gone.
    pub(crate) async fn remove(self, client: &Client) -> anyhow::Result<Removed> {
        let now = DeleteParams::default().grace_period(0);
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
        self.kube_system.remove(client).await?;
        let deadline = Instant::now() + NAMESPACES_WITHIN;
        for namespace in &self.namespaces {
            while namespaces.get_metadata_opt(namespace).await?.is_some() {
                if Instant::now() > deadline {
                    bail!(
                        "namespace {namespace} is still there; `kubectl describe namespace {namespace}` says why"
                    );
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
        Ok(Removed { namespaces: self.namespaces.len(), nodes: self.nodes.len() })
    }
}

impl KubeSystem {
    async fn find(client: &Client, labelled: &ListParams) -> anyhow::Result<Self> {
        let api: Api<ServiceAccount> = Api::namespaced(client.clone(), "kube-system");
        let accounts = names(api.list_metadata(labelled).await).context("cannot list ServiceAccounts")?;
        let roles: Api<ClusterRole> = Api::all(client.clone());
        let roles = names(roles.list_metadata(labelled).await).context("cannot list ClusterRoles")?;
        let bindings: Api<ClusterRoleBinding> = Api::all(client.clone());
        let bindings =
            names(bindings.list_metadata(labelled).await).context("cannot list ClusterRoleBindings")?;
        Ok(Self { accounts, roles, bindings })
    }

    fn count(&self) -> usize {
        self.accounts.len() + self.roles.len() + self.bindings.len()
    }

    async fn remove(&self, client: &Client) -> anyhow::Result<()> {
        let now = DeleteParams::default();
        let api: Api<ServiceAccount> = Api::namespaced(client.clone(), "kube-system");
        let roles: Api<ClusterRole> = Api::all(client.clone());
        let bindings: Api<ClusterRoleBinding> = Api::all(client.clone());
        for binding in &self.bindings {
            gone(bindings.delete(binding, &now).await.map(drop))
                .with_context(|| format!("cannot delete ClusterRoleBinding {binding}"))?;
        }
        for role in &self.roles {
            gone(roles.delete(role, &now).await.map(drop))
                .with_context(|| format!("cannot delete ClusterRole {role}"))?;
        }
        for account in &self.accounts {
            gone(api.delete(account, &now).await.map(drop))
                .with_context(|| format!("cannot delete ServiceAccount {account}"))?;
        }
        Ok(())
    }
}

/// Names of what was listed. Who may not list accounts has made none.
fn names<K: kube::Resource + Clone>(listed: kube::Result<ObjectList<K>>) -> kube::Result<Vec<String>> {
    match listed {
        Ok(list) => Ok(list.items.iter().map(ResourceExt::name_any).collect()),
        Err(kube::Error::Api(status)) if status.code == 403 => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// What is already gone need not be deleted.
fn gone(result: kube::Result<()>) -> kube::Result<()> {
    match result {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        other => other,
    }
}
