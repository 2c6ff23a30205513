//! Flags that guides still recommend and binaries no longer have.

use crate::Component;

/// A flag that is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Removed {
    /// The first version without it.
    pub(crate) since: &'static str,
    /// What to do now, as the end of a sentence.
    pub(crate) instead: &'static str,
    /// The change that removed it.
    pub(crate) source: &'static str,
}

const KUBERNETES: [(Component, &str, Removed); 4] = [
    (
        Component::Apiserver,
        "target-ram-mb",
        Removed {
            since: "1.24",
            instead: "it did nothing since 1.19; what bounds memory is GOMEMLIMIT, and GOGC trades it for CPU time, both under \
                      [env.apiserver]",
            source: "kubernetes/kubernetes#108457",
        },
    ),
    (
        Component::ControllerManager,
        "pod-eviction-timeout",
        Removed {
            since: "1.27",
            instead: "taints evict pods, after kube-apiserver's `default-not-ready-toleration-seconds` and \
                      `default-unreachable-toleration-seconds`",
            source: "kubernetes/kubernetes#115840",
        },
    ),
    (
        Component::ControllerManager,
        "enable-taint-manager",
        Removed {
            since: "1.27",
            instead: "taints always evict pods; leave it out",
            source: "kubernetes/kubernetes#115840",
        },
    ),
    (
        Component::ControllerManager,
        "concurrent-service-syncs",
        Removed {
            since: "1.37",
            instead: "it did nothing since 1.31; leave it out",
            source: "kubernetes/kubernetes#138002",
        },
    ),
];

/// Every flag of an experiment went at once, and etcd 3.6 says in its `--help` what each had become.
const ETCD_EXPERIMENTS: (&str, &str) = ("3.7", "etcd-io/etcd#19959");

const OF_ETCD_EXPERIMENTS: [(&str, &str); 23] = [
    ("experimental-bootstrap-defrag-threshold-megabytes", "it is now `bootstrap-defrag-threshold-megabytes`"),
    ("experimental-compact-hash-check-enabled", "it is now the feature gate `CompactHashCheck`"),
    ("experimental-compact-hash-check-time", "it is now `compact-hash-check-time`"),
    ("experimental-compaction-batch-limit", "it is now `compaction-batch-limit`"),
    ("experimental-compaction-sleep-interval", "it is now `compaction-sleep-interval`"),
    ("experimental-corrupt-check-time", "it is now `corrupt-check-time`"),
    ("experimental-distributed-tracing-address", "it is now `distributed-tracing-address`"),
    ("experimental-distributed-tracing-instance-id", "it is now `distributed-tracing-instance-id`"),
    ("experimental-distributed-tracing-sampling-rate", "it is now `distributed-tracing-sampling-rate`"),
    ("experimental-distributed-tracing-service-name", "it is now `distributed-tracing-service-name`"),
    ("experimental-downgrade-check-time", "it is now `downgrade-check-time`"),
    ("experimental-enable-distributed-tracing", "it is now `enable-distributed-tracing`"),
    ("experimental-enable-lease-checkpoint", "it is now the feature gate `LeaseCheckpoint`"),
    ("experimental-enable-lease-checkpoint-persist", "it is now the feature gate `LeaseCheckpointPersist`"),
    ("experimental-initial-corrupt-check", "it is now the feature gate `InitialCorruptCheck`"),
    ("experimental-memory-mlock", "it is now `memory-mlock`"),
    ("experimental-peer-skip-client-san-verification", "it is now `peer-skip-client-san-verification`"),
    ("experimental-snapshot-catchup-entries", "it is now `snapshot-catchup-entries`"),
    ("experimental-stop-grpc-service-on-defrag", "it is now the feature gate `StopGRPCServiceOnDefrag`"),
    (
        "experimental-txn-mode-write-with-shared-buffer",
        "it is now the feature gate `TxnModeWriteWithSharedBuffer`",
    ),
    ("experimental-warning-apply-duration", "it is now `warning-apply-duration`"),
    ("experimental-warning-unary-request-duration", "it is now `warning-unary-request-duration`"),
    ("experimental-watch-progress-notify-interval", "it is now `watch-progress-notify-interval`"),
];

/// Whether a component's binary of this version had a flag of this name once.
pub(crate) fn of(component: Component, version: &str, flag: &str) -> Option<Removed> {
    let of_kubernetes = || {
        let mut known = KUBERNETES.iter();
        known.find(|(of, name, _)| *of == component && *name == flag).map(|(.., removed)| *removed)
    };
    let of_etcd = || {
        let (_, instead) = OF_ETCD_EXPERIMENTS.iter().find(|(name, _)| *name == flag)?;
        let (since, source) = ETCD_EXPERIMENTS;
        Some(Removed { since, instead, source })
    };
    let removed = if component == Component::Etcd { of_etcd() } else { of_kubernetes() };
    removed.filter(|removed| at_least(version, removed.since))
}

/// Whether a version is another one or later: `3.7.0-rc.0` is at least `3.7`.
pub(crate) fn at_least(version: &str, since: &str) -> bool {
    let numbers = |version: &str| -> Vec<u64> {
        let release = version.split('-').next().unwrap_or_default();
        release.split('.').map_while(|part| part.parse().ok()).collect()
    };
    numbers(version) >= numbers(since)
}

#[cfg(test)]
mod tests {
    use super::{KUBERNETES, OF_ETCD_EXPERIMENTS, at_least, of};
    use crate::{Component, vocabulary};

    #[test]
    fn versions_are_compared_by_their_numbers() {
        for (version, since) in
            [("1.24.0", "1.24"), ("1.36.3", "1.4"), ("3.7.0-rc.0", "3.7"), ("3.10.0", "3.9")]
        {
            assert!(at_least(version, since), "{version} {since}");
        }
        assert!(!at_least("1.23.17", "1.24") && !at_least("3.6.8", "3.7"));
    }

    #[test]
    fn what_is_gone_was_there_before_and_is_in_no_list_after() {
        let listed = |component, version, flag: &str| {
            vocabulary::of(component, version).is_some_and(|names| names.contains(&flag))
        };
        for (component, flag, removed) in KUBERNETES {
            assert_eq!(of(component, "1.0.0", flag), None);
            assert_eq!(of(component, &format!("{}.0", removed.since), flag), Some(removed));
            let there = listed(component, "1.36.3", flag);
            assert_eq!(there, of(component, "1.36.3", flag).is_none(), "{flag}");
        }
        for (flag, _) in OF_ETCD_EXPERIMENTS {
            assert!(listed(Component::Etcd, "3.6.8", flag), "{flag}");
            assert!(
                of(Component::Etcd, "3.7.3", flag).is_some() && of(Component::Etcd, "3.6.8", flag).is_none()
            );
        }
    }
}
