//! Experiments whose outcome is known, as data: whoever doubts a verdict runs these on the same machine.

use std::time::Duration;

use record::experiment::{Control, Metric};

use super::wanted::{Kind, PairsWanted};

/// One experiment of a control.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KnownBad {
    /// The profile under test.
    pub(crate) profile: &'static str,
    /// What it is compared with.
    pub(crate) baseline: &'static str,
    pub(crate) scenario: &'static str,
    pub(crate) kind: Kind,
    pub(crate) primary: Metric,
    /// The load, in units of the scenario's axis.
    pub(crate) at: f64,
    pub(crate) settings: Settings,
    /// Why it must come out as it must, and why this metric shows it.
    pub(crate) because: &'static str,
}

/// What a control needs of its trials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) control: Control,
    pub(crate) nodes: u32,
    /// Whether etcd keeps its data in memory: where the disk is not what is looked at, it is only noise.
    pub(crate) tmpfs: bool,
    /// From Running to the deletion, of pods that are churned.
    pub(crate) lifetime: Duration,
    /// So many windows of that length must be steady before anything counts.
    pub(crate) windows: u32,
    pub(crate) window: Duration,
    pub(crate) measured: Duration,
    /// What a trial takes with set-up and teardown, before any has been made.
    pub(crate) trial: Duration,
    pub(crate) pairs: PairsWanted,
}

/// The fast setting: about a minute a trial. Its figures are compared with one another and never quoted.
const FAST: Settings = Settings {
    control: Control::Aa,
    nodes: 200,
    tmpfs: true,
    lifetime: Duration::from_secs(5),
    windows: 5,
    window: Duration::from_secs(2),
    measured: Duration::from_secs(20),
    trial: Duration::from_mins(1),
    pairs: PairsWanted::Exactly(6),
};

/// What is bad by so much that six pairs are enough.
const BAD: Settings = Settings { control: Control::KnownBad, ..FAST };

/// A profile against itself: neither better nor worse, in nineteen of twenty times at least.
pub(crate) fn aa() -> KnownBad {
    KnownBad {
        profile: "defaults-unthrottled",
        baseline: "defaults-unthrottled",
        scenario: "pod-churn",
        kind: Kind::FixedRate,
        primary: Metric::CpuPerOperation,
        at: 10.0,
        settings: FAST,
        because: "it is the same profile; CPU per operation is the steadiest figure of a shared machine, so a false \
                  difference has the least noise to hide in",
    }
}

/// Profiles that are known to be worse than their baseline; each must be found to hurt within its pairs.
pub(crate) const CONTROLS: [KnownBad; 3] = [
    KnownBad {
        profile: "etcd-slow-disk",
        baseline: "defaults-unthrottled",
        scenario: "pod-churn",
        kind: Kind::FixedRate,
        primary: Metric::ServiceP50,
        at: 4.0,
        // The disk is what is looked at.
        settings: Settings { nodes: 50, tmpfs: false, ..BAD },
        because: "every write waits for etcd's disk, so the median moves and not only the tail. It is what a client feels and \
                  is measured by its clock; etcd's own histogram of its fsyncs has buckets a factor of two apart, and says only \
                  that the disk is slow, which is how it was made",
    },
    KnownBad {
        profile: "node-status-10s",
        baseline: "defaults",
        scenario: "node-heartbeat",
        kind: Kind::FixedRate,
        primary: Metric::CpuPerOperation,
        at: 200.0,
        settings: BAD,
        because: "a node that reports its status every ten seconds instead of every five minutes writes its whole object of \
                  15 kB thirty times as often: 20 writes/s of 200 nodes beside 20 small renewals of leases, and nothing else \
                  differs. They cost CPU, and no client waits for them",
    },
    KnownBad {
        profile: "seats-16",
        baseline: "defaults-unthrottled",
        scenario: "controls/late-creations",
        kind: Kind::FixedRate,
        primary: Metric::ServiceP50,
        at: 80.0,
        // Nodes send nothing that counts here.
        settings: Settings { nodes: 10, ..BAD },
        because: "80 creations a second that each wait 200 ms for a webhook hold 16 seats, and of 16 seats accounts of the \
                  workload-low level have 7, and 12 when they have borrowed what may be lent: the rest wait in line for \
                  seconds. Where CPU is what is short, fewer seats may even help, so it is shown where requests only wait",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::metrics;

    #[test]
    fn each_control_is_a_design_that_its_metric_may_decide() {
        for control in CONTROLS.iter().chain([&aa()]) {
            assert!(metrics::may_decide(control.primary, control.kind), "{control:?}");
            let PairsWanted::Exactly(pairs) = control.settings.pairs else { panic!("{control:?}") };
            assert!((6..=10).contains(&pairs), "{control:?}");
        }
    }

    #[test]
    fn each_control_says_what_it_runs_and_why() {
        for control in CONTROLS.iter().chain([&aa()]) {
            assert!(crate::scenario::load(control.scenario).is_ok(), "{control:?}");
            assert!(control.because.len() > 80 && !control.because.contains("  "), "{control:?}");
        }
    }

    #[test]
    fn only_the_control_of_a_profile_against_itself_names_it_twice() {
        assert_eq!(aa().profile, aa().baseline);
        assert_eq!(aa().settings.control, Control::Aa);
        for control in &CONTROLS {
            assert_ne!(control.profile, control.baseline);
            assert_eq!(control.settings.control, Control::KnownBad);
        }
    }
}
