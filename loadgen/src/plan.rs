//! The plan of a run: scenario, profile and command line brought together, before anything is started.
//!
//! Precedence: command line over scenario over profile.

use std::time::Duration;

use anyhow::{Context, bail};
use fake_kubelet::{Capacity, Choice, Classes, Preset, descriptor_limit};
use measure::Rate;
use profile::{AuditLevel, Profile};

use crate::{cli::LocalArgs, scenario::Loaded};

/// Pods end within seconds of their SIGTERM on virtual nodes; this and a lifetime later deletions are in full swing.
const SETTLING: Duration = Duration::from_secs(5);
/// How long after the end of the load its pods are waited for.
const DRAIN_LIMIT: Duration = Duration::from_mins(2);

/// Kubernetes and etcd as they come.
const DEFAULT_PROFILE: &str = "defaults";

/// Everything that decides how a run goes.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) scenario: Loaded,
    pub(crate) nodes: u32,
    /// What the nodes send, in words and in bits.
    pub(crate) traffic: Choice,
    pub(crate) classes: Classes,
    pub(crate) warm_up: Duration,
    pub(crate) measure: Duration,
    pub(crate) drain_limit: Duration,
    pub(crate) seed: u64,
    pub(crate) start_rate: Rate,
}

/// What the command line says about a run.
#[derive(Clone, Debug)]
pub(crate) struct Wishes {
    pub(crate) nodes: Option<u32>,
    pub(crate) preset: Option<Preset>,
    pub(crate) rate: Option<Rate>,
    pub(crate) measure: Duration,
    pub(crate) seed: u64,
    pub(crate) start_rate: Rate,
}

impl Plan {
    /// Fails on what cannot be: an unknown scenario, more nodes than descriptors, a rate for several loads.
    pub(crate) fn new(mut scenario: Loaded, wishes: &Wishes) -> anyhow::Result<Self> {
        if let Some(rate) = wishes.rate {
            let [load] = scenario.scenario.load.as_mut_slice() else {
                bail!(
                    "--rate needs a scenario with a single load; {} has {}",
                    scenario.name,
                    scenario.scenario.load.len()
                );
            };
            load.rate = rate;
        }
        let fleet = &mut scenario.scenario.fleet;
        fleet.nodes = wishes.nodes.unwrap_or(fleet.nodes);
        fleet.preset = wishes.preset.unwrap_or(fleet.preset);
        let nodes = fleet.nodes;
        let traffic = fleet.traffic();
        let classes = traffic.classes().context("[fleet]")?;
        enough_descriptors(nodes, classes)?;
        let lifetime = scenario.scenario.load.iter().map(|load| load.lifetime).max().unwrap_or_default();
        Ok(Self {
            nodes,
            traffic,
            classes,
            warm_up: lifetime + SETTLING,
            measure: wishes.measure,
            drain_limit: lifetime + DRAIN_LIMIT,
            seed: wishes.seed,
            start_rate: wishes.start_rate,
            scenario,
        })
    }
}

/// Whether so many nodes can each have their connections.
pub(crate) fn enough_descriptors(nodes: u32, classes: Classes) -> anyhow::Result<()> {
    match Capacity::of(nodes.into(), classes, descriptor_limit()) {
        Capacity::Enough => Ok(()),
        Capacity::TooFew { fit, limit, needed } => bail!(
            "{nodes} nodes with {} connections each need {needed} descriptors, and the limit is {limit}: {fit} nodes fit \
             (`loadgen doctor` says how to raise it)",
            classes.connections_per_node()
        ),
    }
}

/// The profile that the command line describes.
pub(crate) fn profile(args: &LocalArgs) -> anyhow::Result<Profile> {
    let mut profile = profile::load(args.profile.as_deref().unwrap_or(DEFAULT_PROFILE))?;
    for assignment in &args.set {
        profile.set(assignment)?;
    }
    if args.audit {
        profile.audit.level = AuditLevel::Metadata;
    }
    control_plane::check_profile(&profile)?;
    Ok(profile)
}

#[cfg(test)]
mod tests {
    use fake_kubelet::Class;

    use super::*;
    use crate::scenario;

    fn wishes() -> Wishes {
        let start_rate = "100/s".parse().unwrap();
        Wishes {
            nodes: None,
            preset: None,
            rate: None,
            measure: Duration::from_secs(40),
            seed: 1,
            start_rate,
        }
    }

    #[test]
    fn the_command_line_wins_over_the_scenario() {
        let churn = scenario::load("pod-churn").unwrap();
        let plan = Plan::new(churn.clone(), &wishes()).unwrap();
        assert_eq!(plan.nodes, churn.scenario.fleet.nodes);
        assert_eq!(plan.warm_up, Duration::from_secs(15));
        let wishes = Wishes { nodes: Some(7), rate: Some("3/s".parse().unwrap()), ..wishes() };
        let plan = Plan::new(churn, &wishes).unwrap();
        let [load] = plan.scenario.scenario.load.as_slice() else { panic!("one load") };
        assert_eq!((plan.nodes, load.rate.get()), (7, 3.0));
    }

    #[test]
    fn nodes_send_all_that_a_kubelet_does_unless_somebody_says_otherwise() {
        let mut churn = scenario::load("pod-churn").unwrap();
        assert_eq!(Plan::new(churn.clone(), &wishes()).unwrap().classes, Classes::ALL);
        churn.scenario.fleet.without = vec![Class::Tokens];
        let wishes = Wishes { preset: Some(Preset::KubeletOnly), ..wishes() };
        let plan = Plan::new(churn, &wishes).unwrap();
        assert_eq!(plan.classes, Preset::KubeletOnly.classes().without(Class::Tokens));
        assert_eq!(plan.traffic.to_string(), "kubelet-only without tokens");
        assert_eq!(plan.scenario.scenario.fleet.preset, Preset::KubeletOnly, "the record says what ran");
    }

    #[test]
    fn more_nodes_than_descriptors_are_refused_with_the_number_that_fits() {
        let churn = scenario::load("pod-churn").unwrap();
        let error = Plan::new(churn, &Wishes { nodes: Some(u32::MAX), ..wishes() }).unwrap_err().to_string();
        assert!(error.contains("nodes fit") && error.contains("doctor"), "{error}");
    }
}
