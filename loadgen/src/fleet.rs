//! The fleet of a run: what its nodes send, who they are on the target, and what they look like.

mod handle;

use std::{collections::BTreeMap, num::NonZeroU32, time::Duration};

use anyhow::{Context, bail};
use fake_kubelet::{
    Class, EndpointSpec, FleetSpec, Heartbeats, KUBELET_PORT, Latencies, Limit, Limits, NodeSpec,
};
use identity::{proxy_account, service_account::Refresher};
use k8s_openapi::{
    api::{
        core::v1::ServiceAccount,
        rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, RoleRef, Subject},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::api::{Api, PostParams};
use measure::Clock;
use profile::Kubelet;
use wire::Credential;

pub(crate) use self::handle::FleetHandle;
use crate::{
    nodes::{NO_LOAD_BALANCER, RUN_LABEL, TAINT},
    plan::Plan,
    rights::there,
    target::Target,
};

/// How long tokens are asked for; they are replaced long before.
const TOKEN_LIFE: Duration = Duration::from_hours(1);
/// So many nodes of each of the fleet's threads may be on their way to Ready at a time. On two cores a thousand kubelets that start
/// at 100/s are turned away by priority and fairness and come back later and later.
const START_AT_ONCE: NonZeroU32 = NonZeroU32::new(16).unwrap();
/// Where KWOK's controller has its account, and with it its place in priority and fairness.
const NAMESPACE: &str = "kube-system";

/// Who the nodes and their kube-proxies are. Their tokens stay fresh as long as this is kept.
pub(crate) struct Accounts {
    nodes: fake_kubelet::Identities,
    proxy: Option<Credential>,
    _refreshers: Vec<Refresher>,
}

/// Makes on the target what the nodes need to be somebody.
pub(crate) async fn accounts(plan: &Plan, target: &Target, run: &str) -> anyhow::Result<Accounts> {
    let mut refreshers = Vec::new();
    let nodes = if plan.classes.has(Class::OwnConnection) {
        let Some(authority) = &target.authority else {
            bail!("nodes with identities of their own need the cluster's CA: --ca-cert and --ca-key");
        };
        fake_kubelet::Identities::Ca(authority.clone())
    } else {
        let (credential, refresher) = shared_account(target, run, plan.seed).await?;
        refreshers.push(refresher);
        fake_kubelet::Identities::Shared(credential)
    };
    let mut proxy = None;
    if plan.classes.has(Class::KubeProxy) {
        let (credential, refresher) = proxy_account(&target.admin, &[(RUN_LABEL, run)], plan.seed).await?;
        refreshers.push(refresher);
        proxy = Some(credential);
    }
    Ok(Accounts { nodes, proxy, _refreshers: refreshers })
}

/// How the profile of our own control plane sets kubelets; on somebody else's there is none, and they are as they come.
pub(crate) fn kubelet(target: &Target) -> Kubelet {
    target.local.as_ref().map(|control_plane| control_plane.profile().kubelet).unwrap_or_default()
}

/// The fleet that the plan asks for, its kubelets set so.
pub(crate) fn spec(
    plan: &Plan,
    target: &Target,
    kubelet: &Kubelet,
    run: &str,
    accounts: &Accounts,
    clock: Clock,
) -> FleetSpec {
    let taint =
        |(key, value, effect): (&str, &str, &str)| (key.to_owned(), value.to_owned(), effect.to_owned());
    FleetSpec {
        endpoint: target.endpoint.clone(),
        identities: accounts.nodes.clone(),
        proxy: accounts.proxy.clone(),
        nodes: plan.nodes,
        name_prefix: format!("{run}-"),
        node: NodeSpec {
            kubelet_version: target.version.clone(),
            cpu: "8".to_owned(),
            memory: "32Gi".to_owned(),
            max_pods: kubelet.max_pods.get(),
            labels: node_labels(target, run),
            taints: target.is_shared().then(|| taint(TAINT)).into_iter().collect(),
            latencies: Latencies::default(),
            classes: plan.classes,
            limits: limits(kubelet),
            heartbeats: heartbeats(kubelet),
            kubelet_port: KUBELET_PORT,
            rotation: None,
        },
        start_rate: plan.start_rate,
        start_at_once: Some(START_AT_ONCE),
        shards: shards(plan.scenario.scenario.cells),
        seed: plan.seed,
        clock,
        serving: serves(plan, target).then(EndpointSpec::default),
    }
}

fn limits(kubelet: &Kubelet) -> Limits {
    let limit = |qps: NonZeroU32, burst: NonZeroU32| Limit { qps: qps.get().into(), burst: burst.get() };
    Limits {
        kube: limit(kubelet.kube_api_qps, kubelet.kube_api_burst),
        events: limit(kubelet.event_record_qps, kubelet.event_burst),
    }
}

fn heartbeats(kubelet: &Kubelet) -> Heartbeats {
    Heartbeats {
        status_update: kubelet.node_status_update_frequency,
        status_report: kubelet.node_status_report_frequency,
        lease_seconds: kubelet.node_lease_duration_seconds.get(),
    }
}

/// Only a control plane on this machine reaches the nodes' addresses, and only nodes with identities of their own may ask it who
/// calls them.
fn serves(plan: &Plan, target: &Target) -> bool {
    !target.is_shared() && plan.classes.has(Class::OwnConnection)
}

/// On a cluster that others use, no load balancer may send its traffic to nodes that are not there.
fn node_labels(target: &Target, run: &str) -> BTreeMap<String, String> {
    let run = (RUN_LABEL.to_owned(), run.to_owned());
    let excluded = target.is_shared().then(|| (NO_LOAD_BALANCER.to_owned(), String::new()));
    [run].into_iter().chain(excluded).collect()
}

/// Half the cores, over the fleets of all cells: the other half is for the drivers, and on our own target for the control plane.
fn shards(cells: u32) -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    (u32::try_from(cores / 2).unwrap_or(1).clamp(1, 8) / cells).max(1)
}

/// The account of nodes that have none of their own.
fn account(run: &str) -> String {
    format!("loadgen-fleet-{run}")
}

/// As what the apiserver knows it.
pub(crate) fn shared_user(run: &str) -> String {
    format!("system:serviceaccount:{NAMESPACE}:{}", account(run))
}

/// One account for all nodes, as KWOK's controller has one. The admin will not do: priority and fairness does not limit
/// system:masters.
async fn shared_account(target: &Target, run: &str, seed: u64) -> anyhow::Result<(Credential, Refresher)> {
    let name = account(run);
    let metadata = || ObjectMeta {
        name: Some(name.clone()),
        labels: Some([(RUN_LABEL.to_owned(), run.to_owned())].into()),
        ..ObjectMeta::default()
    };
    let kube = || target.kube.clone();
    let account = ServiceAccount { metadata: metadata(), ..ServiceAccount::default() };
    there(
        Api::<ServiceAccount>::namespaced(kube(), NAMESPACE).create(&PostParams::default(), &account).await,
    )
    .context("cannot create the nodes' ServiceAccount")?;
    let role = ClusterRole { metadata: metadata(), rules: Some(rules()), ..ClusterRole::default() };
    there(Api::<ClusterRole>::all(kube()).create(&PostParams::default(), &role).await)
        .context("cannot create the nodes' ClusterRole")?;
    let binding = ClusterRoleBinding {
        metadata: metadata(),
        role_ref: RoleRef {
            api_group: Some("rbac.authorization.k8s.io".to_owned()),
            kind: "ClusterRole".to_owned(),
            name: name.clone(),
        },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name: name.clone(),
            namespace: Some(NAMESPACE.to_owned()),
            ..Subject::default()
        }]),
    };
    there(Api::<ClusterRoleBinding>::all(kube()).create(&PostParams::default(), &binding).await)
        .context("cannot create the nodes' ClusterRoleBinding")?;
    let (token, refresher) =
        Refresher::start(target.admin.clone(), NAMESPACE, &name, TOKEN_LIFE, seed).await?;
    Ok((Credential::bearer(token), refresher))
}

/// What nodes do of which none has an identity of its own, whichever classes of traffic they send.
fn rules() -> Vec<PolicyRule> {
    let rule = |group: &str, resources: &[&str], verbs: &[&str]| PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(resources.iter().map(|it| (*it).to_owned()).collect()),
        verbs: verbs.iter().map(|it| (*it).to_owned()).collect(),
        ..PolicyRule::default()
    };
    vec![
        rule("", &["nodes"], &["create", "get", "list", "watch"]),
        rule("", &["services", "configmaps", "secrets"], &["list", "watch"]),
        rule("storage.k8s.io", &["csidrivers"], &["list", "watch"]),
        rule("node.k8s.io", &["runtimeclasses"], &["list", "watch"]),
        rule("", &["nodes/status", "pods/status"], &["patch"]),
        rule("", &["pods"], &["get", "list", "watch", "delete"]),
        rule("", &["events"], &["create", "patch"]),
        rule("", &["serviceaccounts/token"], &["create"]),
        rule("", &["persistentvolumeclaims", "persistentvolumes"], &["get"]),
        rule("coordination.k8s.io", &["leases"], &["create", "get", "update"]),
        rule("storage.k8s.io", &["csinodes"], &["create", "get", "delete"]),
        rule("resource.k8s.io", &["resourceslices"], &["deletecollection"]),
    ]
}

#[cfg(test)]
mod tests {
    use fake_kubelet::{Heartbeats, Limit, Limits};
    use profile::Kubelet;

    use super::{heartbeats, limits};

    #[test]
    fn kubelets_are_as_they_come_unless_the_profile_says_otherwise() {
        let plain = Kubelet::default();
        assert_eq!((limits(&plain), heartbeats(&plain)), (Limits::default(), Heartbeats::default()));
        let mut profile = profile::load("defaults").unwrap();
        for setting in ["kube-api-qps=1", "kube-api-burst=2", "event-record-qps=3", "event-burst=4"] {
            profile.set(&format!("kubelet.{setting}")).unwrap();
        }
        let limit = |qps, burst| Limit { qps, burst };
        assert_eq!(limits(&profile.kubelet), Limits { kube: limit(1.0, 2), events: limit(3.0, 4) });
        for setting in [
            "node-status-update-frequency=1s",
            "node-status-report-frequency=2s",
            "node-lease-duration-seconds=8",
        ] {
            profile.set(&format!("kubelet.{setting}")).unwrap();
        }
        let Heartbeats { status_update, status_report, lease_seconds } = heartbeats(&profile.kubelet);
        assert_eq!((status_update.as_secs(), status_report.as_secs(), lease_seconds), (1, 2, 8));
    }
}
