//! Objects of no namespace that have a run's label, of whatever kinds the cluster has.

use std::time::Duration;

use anyhow::{Context, bail};
use kube::{
    Client, ResourceExt,
    api::{Api, DeleteParams, DynamicObject, ListParams},
    core::{ApiResource, GroupVersion},
};
use tokio::time::Instant;

use super::{allowed, gone};

/// Finalizers take a moment: a volume waits for its claim, a definition for what it defines.
const GONE_WITHIN: Duration = Duration::from_mins(1);

/// Namespaces and nodes take more than to be deleted, and are somebody else's to look for.
const NOT_HERE: [&str; 3] = ["namespaces", "nodes", "csinodes"];

#[derive(Clone, Debug, Default)]
pub(super) struct ClusterWide(Vec<(ApiResource, String)>);

impl ClusterWide {
    /// Looks through every kind that can be listed and deleted.
    pub(super) async fn find(client: &Client, labelled: &ListParams) -> anyhow::Result<Self> {
        let mut found = Vec::new();
        for kind in kinds(client).await? {
            let listed = Api::<DynamicObject>::all_with(client.clone(), &kind).list_metadata(labelled).await;
            let listed = allowed(listed).with_context(|| format!("cannot list {}", kind.plural))?;
            found.extend(
                listed.iter().flat_map(|list| &list.items).map(|object| (kind.clone(), object.name_any())),
            );
        }
        Ok(Self(found))
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// Removes those that are asked about what others do.
    pub(super) async fn remove_webhooks(&self, client: &Client) -> anyhow::Result<()> {
        for (kind, name) in self.0.iter().filter(|(kind, _)| kind.group == "admissionregistration.k8s.io") {
            delete(client, kind, name).await?;
        }
        Ok(())
    }

    /// Removes all of them, and waits until they are gone.
    pub(super) async fn remove(&self, client: &Client) -> anyhow::Result<()> {
        for (kind, name) in &self.0 {
            delete(client, kind, name).await?;
        }
        let deadline = Instant::now() + GONE_WITHIN;
        for (kind, name) in &self.0 {
            let api = Api::<DynamicObject>::all_with(client.clone(), kind);
            while is_there(&api, name).await.with_context(|| format!("cannot read {} {name}", kind.plural))? {
                if Instant::now() > deadline {
                    bail!(
                        "{} {name} is still there; `kubectl get {} {name} -o yaml` says why",
                        kind.kind,
                        kind.plural
                    );
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
        Ok(())
    }
}

/// A kind whose definition has gone has no objects either.
async fn is_there(api: &Api<DynamicObject>, name: &str) -> kube::Result<bool> {
    Ok(api.get_metadata_opt(name).await?.is_some())
}

async fn delete(client: &Client, kind: &ApiResource, name: &str) -> anyhow::Result<()> {
    let api = Api::<DynamicObject>::all_with(client.clone(), kind);
    gone(api.delete(name, &DeleteParams::default()).await.map(drop))
        .with_context(|| format!("cannot delete {} {name}", kind.kind))
}

/// The kinds of the cluster that are of no namespace, in the version that each group prefers.
async fn kinds(client: &Client) -> anyhow::Result<Vec<ApiResource>> {
    let core = client.list_core_api_resources("v1").await.context("cannot ask for the kinds of v1")?;
    let mut lists = vec![core];
    for group in client.list_api_groups().await.context("cannot ask for the groups of the API")?.groups {
        let Some(version) = group.preferred_version.or_else(|| group.versions.first().cloned()) else {
            continue;
        };
        match client.list_api_group_resources(&version.group_version).await {
            Ok(list) => lists.push(list),
            // An aggregated API whose server is away has nothing of ours: we make nothing through one.
            Err(error) => {
                tracing::warn!(%error, group = version.group_version, "cannot ask for the kinds of a group");
            }
        }
    }
    let mut kinds = Vec::new();
    for list in lists {
        let GroupVersion { group, version, .. } =
            list.group_version.parse().context("a group has no version")?;
        for resource in list.resources {
            let can = |verb: &str| resource.verbs.iter().any(|it| it == verb);
            let is_whole = !resource.name.contains('/') && !NOT_HERE.contains(&resource.name.as_str());
            if is_whole && !resource.namespaced && can("list") && can("delete") {
                kinds.push(ApiResource {
                    api_version: list.group_version.clone(),
                    group: group.clone(),
                    version: version.clone(),
                    kind: resource.kind,
                    plural: resource.name,
                });
            }
        }
    }
    Ok(kinds)
}
