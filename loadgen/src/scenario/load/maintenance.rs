//! The load of what is done to a control plane while it serves.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::words::duration;

/// Steps at times in the measured window.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct MaintenanceLoad {
    pub(crate) name: String,
    /// Whether the control plane is judged by how long the steps take. Others are judged by what they feel of them.
    #[serde(default)]
    pub(crate) judged: bool,
    /// What is done, and when.
    pub(crate) steps: Vec<Step>,
    /// A step that takes longer is slow.
    #[serde(default = "minute", with = "duration")]
    pub(crate) within: Duration,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Step {
    /// From the beginning of the measured window. A step waits for the one before it.
    #[serde(with = "duration")]
    pub(crate) at: Duration,
    pub(crate) what: What,
    /// Of a restart: the process, such as `kube-apiserver`, or `kube-apiserver-1` for the second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) component: Option<String>,
    /// Of a deletion of a collection: of what, such as `configmaps` or `batch/v1/jobs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) resource: Option<String>,
    /// Of a deletion: which of the run's namespaces, from 0. The first cannot be deleted: the drivers' accounts live there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) namespace: Option<u32>,
    /// Of what is done to processes: in this cell only, from 0; in every cell without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cell: Option<u32>,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum What {
    /// etcd forgets all revisions but the last.
    Compact,
    /// etcd gives back what it does not use; it answers nobody meanwhile.
    Defrag,
    /// etcd hands out a snapshot of itself.
    Snapshot,
    /// etcd's alarm that it is full is taken back.
    Disarm,
    /// A process ends and is started again.
    Restart,
    /// A namespace is deleted with all that is in it. It does not come back.
    DeleteNamespace,
    /// All objects of a kind in one namespace are deleted by one request.
    DeleteCollection,
}

impl What {
    /// As scenarios call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Compact => "compact",
            Self::Defrag => "defrag",
            Self::Snapshot => "snapshot",
            Self::Disarm => "disarm",
            Self::Restart => "restart",
            Self::DeleteNamespace => "delete-namespace",
            Self::DeleteCollection => "delete-collection",
        }
    }

    /// Whether it is done to processes, and so takes a control plane of ours.
    pub(crate) fn takes_a_control_plane_of_ours(self) -> bool {
        match self {
            Self::Compact | Self::Defrag | Self::Snapshot | Self::Disarm | Self::Restart => true,
            Self::DeleteNamespace | Self::DeleteCollection => false,
        }
    }
}

impl MaintenanceLoad {
    /// Whether etcd refuses every write for a while, until a step takes its alarm back: leases run out meanwhile.
    pub(crate) fn fills_etcd(&self) -> bool {
        self.steps.iter().any(|step| step.what == What::Disarm)
    }

    /// Whether a step is to start this component again.
    pub(crate) fn restarts(&self, component: &str) -> bool {
        self.steps
            .iter()
            .any(|step| step.what == What::Restart && step.component.as_deref() == Some(component))
    }

    /// What of it is done in a cell; nothing where all of it is done in others.
    pub(crate) fn in_cell(&self, cell: u32) -> Option<Self> {
        let mut load = self.clone();
        load.steps.retain(|step| step.cell.is_none_or(|only| only == cell));
        (!load.steps.is_empty()).then_some(load)
    }

    /// The last cell that it names, if it names any.
    pub(crate) fn last_cell(&self) -> Option<u32> {
        self.steps.iter().filter_map(|step| step.cell).max()
    }

    /// How many namespaces of the run it names.
    pub(crate) fn namespaces(&self) -> u32 {
        self.steps.iter().filter_map(|step| step.namespace).map(|namespace| namespace + 1).max().unwrap_or(1)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let Self { name, steps, .. } = self;
        if steps.is_empty() {
            return Err(format!("{name} has no steps"));
        }
        if steps.windows(2).any(|pair| pair[0].at > pair[1].at) {
            return Err(format!("the steps of {name} are not in the order of their times"));
        }
        steps.iter().try_for_each(|step| step.check().map_err(|reason| format!("{name}: {reason}")))
    }
}

impl Step {
    fn check(&self) -> Result<(), String> {
        let Self { what, component, resource, namespace, cell, .. } = self;
        let given = [component.is_some(), resource.is_some(), namespace.is_some()];
        let (wanted, words) = match what {
            What::Compact | What::Defrag | What::Snapshot | What::Disarm => {
                ([false, false, false], "neither component, resource nor namespace")
            }
            What::Restart => ([true, false, false], "a `component` and nothing else"),
            What::DeleteNamespace => ([false, false, true], "a `namespace` and nothing else"),
            What::DeleteCollection => ([false, true, true], "a `resource` and a `namespace`"),
        };
        if given != wanted {
            return Err(format!("{} takes {words}", what.name()));
        }
        if cell.is_some() && !what.takes_a_control_plane_of_ours() {
            return Err(format!(
                "{} is done in every cell; `cell` is of what is done to processes",
                what.name()
            ));
        }
        if *what == What::DeleteNamespace && *namespace == Some(0) {
            return Err("namespace 0 holds the drivers' accounts; delete another, or a collection".to_owned());
        }
        Ok(())
    }
}

fn minute() -> Duration {
    Duration::from_mins(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(steps: &str) -> Result<(), String> {
        let text = format!(r#"{{"name": "upkeep", "steps": [{steps}]}}"#);
        serde_json::from_str::<MaintenanceLoad>(&text).unwrap().check()
    }

    #[test]
    fn a_step_has_what_it_needs_and_nothing_else() {
        assert_eq!(check(r#"{"at": "10s", "what": "compact"}, {"at": "20s", "what": "defrag"}"#), Ok(()));
        assert_eq!(check(r#"{"at": "1s", "what": "restart", "component": "kube-apiserver"}"#), Ok(()));
        assert!(check(r#"{"at": "1s", "what": "restart"}"#).unwrap_err().contains("a `component`"));
        assert!(check(r#"{"at": "1s", "what": "snapshot", "namespace": 1}"#).is_err());
        assert!(check(r#"{"at": "1s", "what": "delete-collection", "namespace": 0}"#).is_err());
        let elsewhere = r#"{"at": "1s", "what": "delete-namespace", "namespace": 1, "cell": 1}"#;
        assert!(check(elsewhere).unwrap_err().contains("in every cell"));
    }

    #[test]
    fn a_step_of_one_cell_is_not_done_in_others() {
        let text = r#"{"name": "failure", "steps": [
            {"at": "1s", "what": "compact"},
            {"at": "2s", "what": "restart", "component": "kube-apiserver", "cell": 1}
        ]}"#;
        let load: MaintenanceLoad = serde_json::from_str(text).unwrap();
        let done =
            |cell| -> Vec<What> { load.in_cell(cell).unwrap().steps.iter().map(|step| step.what).collect() };
        assert_eq!((done(0), done(1)), (vec![What::Compact], vec![What::Compact, What::Restart]));
        assert_eq!(load.last_cell(), Some(1));
        let alone = MaintenanceLoad { steps: load.steps[1..].to_vec(), ..load.clone() };
        assert!(alone.in_cell(0).is_none() && alone.in_cell(1).is_some());
    }

    #[test]
    fn steps_are_in_order_and_the_accounts_stay() {
        assert!(check("").unwrap_err().contains("no steps"));
        let backwards = r#"{"at": "20s", "what": "compact"}, {"at": "10s", "what": "defrag"}"#;
        assert!(check(backwards).unwrap_err().contains("order"));
        assert!(
            check(r#"{"at": "1s", "what": "delete-namespace", "namespace": 0}"#)
                .unwrap_err()
                .contains("accounts")
        );
        assert_eq!(check(r#"{"at": "1s", "what": "delete-namespace", "namespace": 1}"#), Ok(()));
    }
}
