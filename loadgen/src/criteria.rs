//! What a control plane has to keep to: the limits of a scenario.
//!
//! The defaults are the SLOs of SIG Scalability (single objects 1 s, lists 30 s, pod startup 5 s, each at the 99th percentile) and
//! what follows from a node's lease of 40 s. A scenario changes them under `[criteria]`.

use std::time::Duration;

use measure::{ErrorClass, Kind};
use serde::{Deserialize, Serialize};

/// The limits.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Criteria {
    /// The share of what is offered that has to succeed within twice its limit.
    pub(crate) goodput: f64,
    /// The share of requests, pod starts and watch deliveries that may be slow.
    pub(crate) slow: f64,
    /// The share of requests that may fail.
    pub(crate) errors: f64,
    /// Longer is slow, for a request for a single object.
    #[serde(with = "crate::words::duration")]
    pub(crate) single: Duration,
    /// The same for a list.
    #[serde(with = "crate::words::duration")]
    pub(crate) list: Duration,
    /// The same from a pod's intended start to its being seen running.
    #[serde(with = "crate::words::duration")]
    pub(crate) pod_startup: Duration,
    /// The same from there to its being seen bound to a node, where a load of pods is judged by that.
    #[serde(with = "crate::words::duration")]
    pub(crate) pod_bound: Duration,
    /// The same from a write's acknowledgement to its event at a watcher.
    #[serde(with = "crate::words::duration")]
    pub(crate) watch_lag: Duration,
    /// The longest time between two renewals of a node's lease.
    #[serde(with = "crate::words::duration")]
    pub(crate) lease_gap: Duration,
    /// The longest time from the start of watchers, that are started anew again and again, to all of them having seen all there is. Not
    /// judged without it; with it, that they are there all the time is not.
    #[serde(with = "crate::words::optional_duration", skip_serializing_if = "Option::is_none")]
    pub(crate) synced: Option<Duration>,
    /// The longest time in which no operation of a load succeeds. Not judged without it.
    #[serde(with = "crate::words::optional_duration", skip_serializing_if = "Option::is_none")]
    pub(crate) stall: Option<Duration>,
}

impl Default for Criteria {
    fn default() -> Self {
        Self {
            goodput: 0.98,
            slow: 0.01,
            errors: 0.005,
            single: Duration::from_secs(1),
            list: Duration::from_secs(30),
            pod_startup: Duration::from_secs(5),
            pod_bound: Duration::from_secs(5),
            watch_lag: Duration::from_secs(1),
            lease_gap: Duration::from_secs(15),
            synced: None,
            stall: None,
        }
    }
}

/// What requests are pooled with that are too few for themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    Mutating,
    Get,
    List,
}

impl Class {
    /// The class of a kind of request; a watch has none, as it is slow by nature.
    pub(crate) fn of(kind: Kind) -> Option<Self> {
        match kind.verb {
            "watch" => None,
            "get" => Some(Self::Get),
            "list" => Some(Self::List),
            _ => Some(Self::Mutating),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mutating => "mutating",
            Self::Get => "get",
            Self::List => "list",
        }
    }
}

impl Criteria {
    /// A share that cannot be one, by its name.
    pub(crate) fn odd_share(&self) -> Option<&'static str> {
        let shares = [("goodput", self.goodput), ("slow", self.slow), ("errors", self.errors)];
        shares.into_iter().find(|(_, share)| !(*share > 0.0 && *share < 1.0)).map(|(name, _)| name)
    }

    /// How long a request may take that is not slow.
    pub(crate) fn limit(&self, class: Class) -> Duration {
        match class {
            Class::List => self.list,
            Class::Mutating | Class::Get => self.single,
        }
    }
}

/// An operation with this limit that takes longer is no goodput. What was intended is ripe, and can be judged, after as long.
pub(crate) fn good_within(limit: Duration) -> Duration {
    limit * 2
}

/// Whether a failure is the server's. An answer such as 403 or 404 is what the request asked for, however it was meant: a node that is
/// quicker than the authorizer is told 403 and asks again.
pub(crate) fn is_servers(class: ErrorClass) -> bool {
    match class {
        ErrorClass::TooManyRequests | ErrorClass::Server | ErrorClass::Timeout | ErrorClass::Connection => {
            true
        }
        ErrorClass::Conflict | ErrorClass::Forbidden | ErrorClass::NotFound | ErrorClass::OtherStatus => {
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_changes_the_limits_it_names() {
        let criteria: Criteria = serde_json::from_str(r#"{"pod-startup": "20s", "slow": 0.05}"#).unwrap();
        assert_eq!((criteria.pod_startup, criteria.slow), (Duration::from_secs(20), 0.05));
        assert_eq!(criteria.single, Criteria::default().single);
        assert!(serde_json::from_str::<Criteria>(r#"{"pod-start": "20s"}"#).is_err());
    }

    #[test]
    fn a_watch_is_not_slow_and_a_lists_limit_is_its_own() {
        assert_eq!(Class::of(Kind::new("watch", "pods")), None);
        let limit = |verb| Criteria::default().limit(Class::of(Kind::new(verb, "pods")).unwrap()).as_secs();
        assert_eq!(["list", "get", "patch", "create"].map(limit), [30, 1, 1, 1]);
    }
}
