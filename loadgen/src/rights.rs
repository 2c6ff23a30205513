//! What the drivers may do and as whom: a namespace of the run, a ServiceAccount for each identity, and tokens.
//!
//! Drivers never use the admin credential: system:masters is exempt from priority and fairness and would hide what is tuned.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context;
use identity::service_account::Refresher;
use k8s_openapi::{
    api::{
        core::v1::{Namespace, ServiceAccount},
        rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::api::{Api, PostParams};
use wire::{Client, Credential};

use crate::{nodes::RUN_LABEL, target::Target};

/// As the drivers introduce themselves.
pub(crate) const USER_AGENT: &str = concat!("loadgen/", env!("CARGO_PKG_VERSION"));

/// How long tokens are asked for; they are replaced long before.
const TOKEN_LIFE: Duration = Duration::from_hours(1);
/// The controller-manager makes a namespace's default ServiceAccount, without which no pod is admitted.
const DEFAULT_ACCOUNT_WITHIN: Duration = Duration::from_mins(1);
const ROLE: &str = "loadgen-driver";

/// Clients for the drivers of one load, and what keeps their tokens fresh.
pub(crate) struct Identities {
    pub(crate) namespace: String,
    /// Take turns in creating and deleting.
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

/// Makes the namespace, the accounts and their rights.
pub(crate) async fn prepare(target: &Target, run: &str, identities: u32) -> anyhow::Result<Identities> {
    let namespace = format!("loadgen-{run}");
    create_namespace(target, &namespace, run).await?;
    let names: Vec<String> = (0..identities).map(|index| format!("driver-{index}")).collect();
    let accounts: Api<ServiceAccount> = Api::namespaced(target.kube.clone(), &namespace);
    for name in names.iter().map(String::as_str).chain(["observer"]) {
        let account = ServiceAccount { metadata: labelled(name, run), ..ServiceAccount::default() };
        there(accounts.create(&PostParams::default(), &account).await)
            .with_context(|| format!("cannot create ServiceAccount {name}"))?;
    }
    grant(target, &namespace, run, &names).await?;
    wait_for_default_account(&accounts).await?;
    let mut refreshers = Vec::new();
    let mut drivers = Vec::new();
    for (seed, name) in (0..).zip(&names) {
        let (client, refresher) = client(target, &namespace, name, seed).await?;
        drivers.push(client);
        refreshers.push(refresher);
    }
    let (observer, refresher) = client(target, &namespace, "observer", u64::from(identities)).await?;
    refreshers.push(refresher);
    Ok(Identities { namespace, drivers, observer, _refreshers: refreshers })
}

fn labelled(name: &str, run: &str) -> ObjectMeta {
    let labels = BTreeMap::from([(RUN_LABEL.to_owned(), run.to_owned())]);
    ObjectMeta { name: Some(name.to_owned()), labels: Some(labels), ..ObjectMeta::default() }
}

async fn create_namespace(target: &Target, namespace: &str, run: &str) -> anyhow::Result<()> {
    let object = Namespace { metadata: labelled(namespace, run), ..Namespace::default() };
    there(Api::<Namespace>::all(target.kube.clone()).create(&PostParams::default(), &object).await)
        .with_context(|| format!("cannot create namespace {namespace}"))
}

/// An object of ours that is there already was made before the control plane's contents were kept, and is as it should be.
pub(crate) fn there<K>(created: kube::Result<K>) -> kube::Result<()> {
    match created {
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
        created => created.map(drop),
    }
}

async fn grant(target: &Target, namespace: &str, run: &str, names: &[String]) -> anyhow::Result<()> {
    let verbs = ["create", "delete", "get", "list", "watch"].map(str::to_owned);
    let policy = PolicyRule {
        api_groups: Some(vec![String::new()]),
        resources: Some(vec!["pods".to_owned()]),
        verbs: verbs.into(),
        ..PolicyRule::default()
    };
    let role = Role { metadata: labelled(ROLE, run), rules: Some(vec![policy]) };
    let subjects = names.iter().map(String::as_str).chain(["observer"]).map(|name| Subject {
        kind: "ServiceAccount".to_owned(),
        name: name.to_owned(),
        namespace: Some(namespace.to_owned()),
        ..Subject::default()
    });
    let binding = RoleBinding {
        metadata: labelled(ROLE, run),
        role_ref: RoleRef {
            api_group: Some("rbac.authorization.k8s.io".to_owned()),
            kind: "Role".to_owned(),
            name: ROLE.to_owned(),
        },
        subjects: Some(subjects.collect()),
    };
    let kube = || target.kube.clone();
    there(Api::<Role>::namespaced(kube(), namespace).create(&PostParams::default(), &role).await)
        .context("cannot create the drivers' Role")?;
    there(Api::<RoleBinding>::namespaced(kube(), namespace).create(&PostParams::default(), &binding).await)
        .context("cannot create the drivers' RoleBinding")
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
