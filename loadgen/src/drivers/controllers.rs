//! The controllers driver: what runs in clusters and talks to the API all the time, in numbers.
//!
//! Operators and provisioners watch and write ([`reconciling`]); clients shaped like `CoreDNS`, kube-state-metrics and the agents of a pod
//! network only watch ([`clients`]). Each has connections of its own, and they share the load's ServiceAccounts. It is a level: so many
//! of them, of which the record says how many are in sync.

mod clients;
mod operator;
mod provisioner;
mod queue;
mod reconciling;
mod tally;

use super::{Driver, Report, Stage};
use crate::{
    fleet::FleetHandle,
    resources::Resource,
    rights::{Grant, Rule},
    scenario::{ControllerKind, ControllersLoad},
};

/// A controllers load, ready to go.
pub(crate) struct ControllersDriver {
    pub(crate) load: ControllersLoad,
    /// Of operators: what they look after.
    pub(crate) resource: Resource,
    /// Names the nodes that agents are on and volumes are attached to.
    pub(crate) fleet: FleetHandle,
}

impl Driver for ControllersDriver {
    async fn run(self, stage: Stage) -> anyhow::Result<Report> {
        match self.load.kind {
            ControllerKind::Operator | ControllerKind::Provisioner => reconciling::run(self, stage).await,
            ControllerKind::Dns | ControllerKind::StateMetrics | ControllerKind::CniAgent => {
                clients::run(self, stage).await
            }
        }
    }
}

/// What these clients send, and nothing else.
pub(crate) fn grant(load: &ControllersLoad, resource: &Resource) -> Grant {
    const WATCH: &[&str] = &["get", "list", "watch"];
    let rule = |resource: Resource, verbs| Rule { resource, verbs };
    let status = |resource: Resource| Resource { subresource: Some("status".to_owned()), ..resource };
    let rules = match load.kind {
        ControllerKind::Operator => {
            vec![rule(resource.clone(), WATCH), rule(status(resource.clone()), &["update"])]
        }
        ControllerKind::Provisioner => {
            let attachments = || Resource::known("storage.k8s.io/v1", "volumeattachments", false);
            vec![
                rule(
                    Resource::known("v1", "persistentvolumeclaims", true),
                    &["get", "list", "watch", "patch"],
                ),
                rule(Resource::known("v1", "persistentvolumes", false), &["create", "delete"]),
                rule(attachments(), &["create", "delete"]),
                rule(status(attachments()), &["patch"]),
            ]
        }
        kind => clients::resources(kind).map(|resource| rule(resource, WATCH)).collect(),
    };
    Grant { rules, is_cluster_wide: true }
}

/// Of nobody: what is sent by them is never sent.
#[cfg(test)]
fn no_senders() -> super::Senders {
    use crate::observed::{Observed, Watched};
    let watched = Watched {
        name: "them".to_owned(),
        is_judged: true,
        rate: None,
        limit: std::time::Duration::from_secs(1),
        slow: None,
    };
    let metered = crate::telemetry::metered(vec![watched]);
    let told = Observed::new(measure::Nanos(0), crate::criteria::Criteria::default(), metered).told(0);
    super::Senders { clock: measure::Clock::start(), clients: Vec::new(), told }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_may_do_what_it_does_and_nothing_else() {
        let verbs = |kind: &str| {
            let text = format!(r#"{{"name": "them", "count": 1, "kind": "{kind}"}}"#);
            let load: ControllersLoad = serde_json::from_str(&text).unwrap();
            let widgets = Resource::known("example.com/v1", "widgets", true);
            let rules = grant(&load, &widgets).rules.into_iter();
            rules.map(|rule| (rule.resource.to_string(), rule.verbs.join(" "))).collect::<Vec<_>>()
        };
        let watch = || "get list watch".to_owned();
        let operator = [
            ("example.com/widgets".to_owned(), watch()),
            ("example.com/widgets/status".to_owned(), "update".to_owned()),
        ];
        assert_eq!(verbs("operator"), operator);
        assert_eq!(verbs("cni-agent"), [("pods".to_owned(), watch()), ("nodes".to_owned(), watch())]);
        let provisioner: Vec<String> =
            verbs("provisioner").into_iter().map(|(resource, _)| resource).collect();
        let wanted = [
            "persistentvolumeclaims",
            "persistentvolumes",
            "storage.k8s.io/volumeattachments",
            "storage.k8s.io/volumeattachments/status",
        ];
        assert_eq!(provisioner, wanted);
    }
}
