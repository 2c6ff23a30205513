//! What the drivers may do and as whom: namespaces of the run, ServiceAccounts for each load, their rights, and tokens.
//!
//! Drivers never use the admin credential: system:masters is exempt from priority and fairness and would hide what is tuned. Each load
//! has accounts of its own, because one user is one flow, and who disturbs must not be who is disturbed.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context;
use identity::service_account::Refresher;
use k8s_openapi::{
    api::{
        core::v1::{Namespace, ServiceAccount},
        rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, RoleBinding, RoleRef, Subject},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::api::{Api, PostParams};
use wire::{Client, Credential};

use crate::{nodes::RUN_LABEL, resources::Resource, target::Target};

/// As the drivers introduce themselves.
pub(crate) const USER_AGENT: &str = concat!("loadgen/", env!("CARGO_PKG_VERSION"));

/// How long tokens are asked for; they are replaced long before.
const TOKEN_LIFE: Duration = Duration::from_hours(1);
/// The controller-manager makes a namespace's default ServiceAccount, without which no pod is admitted.
const DEFAULT_ACCOUNT_WITHIN: Duration = Duration::from_mins(1);

/// Clients for the drivers of one load, and what keeps their tokens fresh.
pub(crate) struct Identities {
    /// Take turns in sending.
    pub(crate) drivers: Vec<Client>,
    /// Watches.
    pub(crate) observer: Client,
    /// Stops refreshing when dropped.
    pub(crate) _refreshers: Vec<Refresher>,
}

impl Identities {
    /// Requests of the drivers that have waited for a free HTTP/2 stream so far.
    pub(crate) fn waited_for_stream(&self) -> u64 {
        self.drivers.iter().map(|client| client.traffic().waited_for_stream).sum()
    }
}

/// What a load may do.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) rules: Vec<Rule>,
    /// In all namespaces, and with what is in none; otherwise only in those of the run.
    pub(crate) is_cluster_wide: bool,
}

/// What it may do with one resource.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) resource: Resource,
    pub(crate) verbs: &'static [&'static str],
}

/// The name of one of a run's namespaces, from 0.
pub(crate) fn namespace(run: &str, index: u32) -> String {
    match index {
        0 => format!("loadgen-{run}"),
        index => format!("loadgen-{run}-{index}"),
    }
}

/// Makes the run's namespaces, so many, and says their names.
pub(crate) async fn namespaces(target: &Target, run: &str, count: u32) -> anyhow::Result<Vec<String>> {
    let names: Vec<String> = (0..count.max(1)).map(|index| namespace(run, index)).collect();
    for name in &names {
        create_namespace(target, name, run).await?;
    }
    for name in &names {
        wait_for_default_account(&Api::namespaced(target.kube.clone(), name)).await?;
    }
    Ok(names)
}

/// Makes the accounts of a load and their rights in the run's namespaces, of which the first has the accounts.
pub(crate) async fn prepare(
    target: &Target,
    run: &str,
    load: &str,
    identities: u32,
    namespaces: &[String],
    grant: &Grant,
) -> anyhow::Result<Identities> {
    let home = &namespaces[0];
    let names: Vec<String> = (0..identities).map(|index| format!("{load}-{index}")).collect();
    let observer = format!("{load}-observer");
    let accounts: Api<ServiceAccount> = Api::namespaced(target.kube.clone(), home);
    for name in names.iter().chain([&observer]) {
        let account = ServiceAccount { metadata: labelled(name, run), ..ServiceAccount::default() };
        there(accounts.create(&PostParams::default(), &account).await)
            .with_context(|| format!("cannot create ServiceAccount {name}"))?;
    }
    let all: Vec<&String> = names.iter().chain([&observer]).collect();
    give(target, run, load, namespaces, &all, grant).await?;
    let mut refreshers = Vec::new();
    let mut drivers = Vec::new();
    for (seed, name) in (0..).zip(&names) {
        let (client, refresher) = client(target, home, name, seed).await?;
        drivers.push(client);
        refreshers.push(refresher);
    }
    let (observer, refresher) = client(target, home, &observer, u64::from(identities)).await?;
    refreshers.push(refresher);
    Ok(Identities { drivers, observer, _refreshers: refreshers })
}

fn labelled(name: &str, run: &str) -> ObjectMeta {
    let labels = BTreeMap::from([(RUN_LABEL.to_owned(), run.to_owned())]);
    ObjectMeta { name: Some(name.to_owned()), labels: Some(labels), ..ObjectMeta::default() }
}

async fn create_namespace(target: &Target, namespace: &str, run: &str) -> anyhow::Result<()> {
    let api = Api::<Namespace>::all(target.kube.clone());
    let object = Namespace { metadata: labelled(namespace, run), ..Namespace::default() };
    match api.create(&PostParams::default(), &object).await {
        Err(kube::Error::Api(status)) if status.code == 409 => {
            let found =
                api.get(namespace).await.with_context(|| format!("cannot read namespace {namespace}"))?;
            let owner = found.metadata.labels.unwrap_or_default().remove(RUN_LABEL);
            anyhow::ensure!(
                owner.as_deref() == Some(run),
                "there is a namespace {namespace} already, and it is not this run's"
            );
            Ok(())
        }
        created => created.map(drop).with_context(|| format!("cannot create namespace {namespace}")),
    }
}

/// An object of ours that is there already was made before the control plane's contents were kept, and is as it should be.
pub(crate) fn there<K>(created: kube::Result<K>) -> kube::Result<()> {
    match created {
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
        created => created.map(drop),
    }
}

/// A `ClusterRole`, bound everywhere or in the run's namespaces.
async fn give(
    target: &Target,
    run: &str,
    load: &str,
    namespaces: &[String],
    accounts: &[&String],
    grant: &Grant,
) -> anyhow::Result<()> {
    let name = format!("loadgen-{run}-{load}");
    let kube = || target.kube.clone();
    let rules = grant.rules.iter().map(policy).collect();
    let role = ClusterRole { metadata: labelled(&name, run), rules: Some(rules), ..ClusterRole::default() };
    there(Api::<ClusterRole>::all(kube()).create(&PostParams::default(), &role).await)
        .context("cannot create the drivers' ClusterRole")?;
    let subjects = accounts.iter().map(|account| Subject {
        kind: "ServiceAccount".to_owned(),
        name: (*account).clone(),
        namespace: Some(namespaces[0].clone()),
        ..Subject::default()
    });
    let subjects: Option<Vec<Subject>> = Some(subjects.collect());
    let role_ref = RoleRef {
        api_group: Some("rbac.authorization.k8s.io".to_owned()),
        kind: "ClusterRole".to_owned(),
        name: name.clone(),
    };
    if grant.is_cluster_wide {
        let binding = ClusterRoleBinding { metadata: labelled(&name, run), role_ref, subjects };
        return there(Api::<ClusterRoleBinding>::all(kube()).create(&PostParams::default(), &binding).await)
            .context("cannot create the drivers' ClusterRoleBinding");
    }
    for namespace in namespaces {
        let binding = RoleBinding {
            metadata: labelled(&name, run),
            role_ref: role_ref.clone(),
            subjects: subjects.clone(),
        };
        there(
            Api::<RoleBinding>::namespaced(kube(), namespace).create(&PostParams::default(), &binding).await,
        )
        .context("cannot create the drivers' RoleBinding")?;
    }
    Ok(())
}

fn policy(Rule { resource, verbs }: &Rule) -> PolicyRule {
    let name = match &resource.subresource {
        Some(subresource) => format!("{}/{subresource}", resource.name),
        None => resource.name.clone(),
    };
    PolicyRule {
        api_groups: Some(vec![resource.group().to_owned()]),
        resources: Some(vec![name]),
        verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
        ..PolicyRule::default()
    }
}

async fn wait_for_default_account(accounts: &Api<ServiceAccount>) -> anyhow::Result<()> {
    let wait = async {
        while accounts.get_opt("default").await.context("cannot read the default ServiceAccount")?.is_none() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(DEFAULT_ACCOUNT_WITHIN, wait).await.context(
        "the controller-manager has not made the namespace's default ServiceAccount within a minute",
    )?
}

async fn client(
    target: &Target,
    namespace: &str,
    name: &str,
    seed: u64,
) -> anyhow::Result<(Client, Refresher)> {
    let (token, refresher) =
        Refresher::start(target.admin.clone(), namespace, name, TOKEN_LIFE, seed).await?;
    Ok((Client::new(target.endpoint.clone(), Credential::bearer(token), USER_AGENT)?, refresher))
}
