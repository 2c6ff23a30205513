//! The load of what runs in clusters and talks to the API all the time: operators, provisioners, agents.

use serde::{Deserialize, Serialize};

use super::WatchStart;

/// Clients of the API in numbers.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ControllersLoad {
    pub(crate) name: String,
    #[serde(default = "super::yes")]
    pub(crate) judged: bool,
    /// What they are.
    pub(crate) kind: ControllerKind,
    /// How many.
    pub(crate) count: u32,
    /// Of operators: what they look after, as `example.com/v1/widgets`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) resource: Option<String>,
    /// Of operators and provisioners: objects that one of them works on at a time (controller-runtime's `MaxConcurrentReconciles`
    /// is 1).
    #[serde(default = "one")]
    pub(crate) workers: u32,
    /// Of operators and provisioners: what has failed waits as in client-go's workqueues; without, it is tried again at once.
    #[serde(default = "super::yes")]
    pub(crate) backoff: bool,
    /// Of operators: bytes of text in the status that they write.
    #[serde(default)]
    pub(crate) status_bytes: u32,
    /// How they come to know what is there.
    #[serde(default)]
    pub(crate) start: WatchStart,
    #[serde(default = "super::sixteen")]
    pub(crate) identities: u32,
}

/// What a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ControllerKind {
    /// Writes the status of each object whose generation it has not seen yet. Several share the objects, and each watches all.
    Operator,
    /// Makes a `PersistentVolume` for each claim and attaches it. Several share the claims, and each watches all.
    Provisioner,
    /// Watches what `CoreDNS` does.
    Dns,
    /// Watches what kube-state-metrics does.
    StateMetrics,
    /// Watches what the agent of a pod network does on each node.
    CniAgent,
}

impl ControllersLoad {
    /// What an operation's time is called; nothing of those that only watch.
    pub(crate) fn slow(&self) -> Option<&'static str> {
        match self.kind {
            ControllerKind::Operator => Some("reconcile"),
            ControllerKind::Provisioner => Some("bound"),
            ControllerKind::Dns | ControllerKind::StateMetrics | ControllerKind::CniAgent => None,
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let Self { name, kind, resource, workers, .. } = self;
        if *workers == 0 {
            return Err(format!("workers of {name} is 0; somebody has to do it"));
        }
        match (*kind == ControllerKind::Operator, resource) {
            (true, Some(_)) | (false, None) => Ok(()),
            (true, None) => Err(format!("{name} are operators: `resource` names what they look after")),
            (false, Some(_)) => {
                Err(format!("`resource` is of operators, and {name} watch what they always do; leave it out"))
            }
        }
    }
}

fn one() -> u32 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rest: &str) -> Result<(), String> {
        let text = format!(r#"{{"name": "them", "count": 2, {rest}}}"#);
        serde_json::from_str::<ControllersLoad>(&text).unwrap().check()
    }

    #[test]
    fn operators_look_after_something_and_others_know_what() {
        assert_eq!(check(r#""kind": "operator", "resource": "example.com/v1/widgets""#), Ok(()));
        assert!(check(r#""kind": "operator""#).unwrap_err().contains("`resource` names"));
        assert_eq!(check(r#""kind": "state-metrics""#), Ok(()));
        assert!(check(r#""kind": "dns", "resource": "pods""#).unwrap_err().contains("leave it out"));
        assert!(check(r#""kind": "provisioner", "workers": 0"#).unwrap_err().contains("workers"));
    }
}
