//! The plan of a run: scenario, profile and command line brought together, before anything is started.
//!
//! Precedence: command line over scenario over profile.

use std::time::Duration;

use anyhow::{Context, bail};
use fake_kubelet::{Capacity, Choice, Classes, Preset, descriptor_limit};
use measure::Rate;
use profile::{Audit, AuditLevel, Profile};

use crate::{
    cells,
    cli::LocalArgs,
    scenario::{Axis, Load, Loaded},
};

/// Pods end within seconds of their SIGTERM on virtual nodes; this and a lifetime later deletions are in full swing.
const SETTLING: Duration = Duration::from_secs(5);
/// Rest is judged by windows of this length.
const REST_WINDOW: Duration = Duration::from_secs(5);
/// In so long every node has renewed its lease: the warm-up of a load that is the fleet's alone.
const LEASES: Duration = Duration::from_secs(10);
/// How long after the end of the load its pods are waited for.
const DRAIN_LIMIT: Duration = Duration::from_mins(2);

/// Kubernetes and etcd as they come.
const DEFAULT_PROFILE: &str = "defaults";

/// Everything that decides how a run goes.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) scenario: Loaded,
    /// Where its axis is; of a scenario that has none, 0.
    pub(crate) at: f64,
    pub(crate) nodes: u32,
    /// What the nodes send, in words and in bits.
    pub(crate) traffic: Choice,
    pub(crate) classes: Classes,
    pub(crate) warm_up: Duration,
    /// Each of the windows by which rest is judged.
    pub(crate) rest_window: Duration,
    pub(crate) measure: Duration,
    pub(crate) drain_limit: Duration,
    pub(crate) seed: u64,
    pub(crate) start_rate: Rate,
}

/// What the command line, or an experiment, says about a run.
#[derive(Clone, Debug)]
pub(crate) struct Wishes {
    pub(crate) nodes: Option<u32>,
    pub(crate) preset: Option<Preset>,
    /// Where the scenario's axis is to be.
    pub(crate) at: Option<String>,
    pub(crate) measure: Duration,
    pub(crate) seed: u64,
    pub(crate) start_rate: Rate,
    /// From Running to the deletion, of every load.
    pub(crate) lifetime: Option<Duration>,
    /// Each of the windows by which rest is judged.
    pub(crate) rest_window: Option<Duration>,
}

impl Wishes {
    /// Of a run about which nothing else is said.
    pub(crate) fn new(measure: Duration, seed: u64, start_rate: Rate) -> Self {
        Self {
            nodes: None,
            preset: None,
            at: None,
            measure,
            seed,
            start_rate,
            lifetime: None,
            rest_window: None,
        }
    }
}

impl Plan {
    /// Fails on what cannot be: an unknown scenario, more nodes than descriptors, a rate for several loads.
    pub(crate) fn new(mut scenario: Loaded, wishes: &Wishes) -> anyhow::Result<Self> {
        let at = axis_value(&scenario, wishes.at.as_deref())?;
        if wishes.at.is_some() && wishes.nodes.is_some() && scenario.scenario.axis == Some(Axis::Nodes) {
            bail!(
                "--at and --nodes both say how many nodes there are, because the axis of {} is fleet.nodes",
                scenario.name
            );
        }
        scenario.scenario.put_axis(at);
        if let Some(lifetime) = wishes.lifetime {
            scenario.scenario.loads.iter_mut().for_each(|load| load.put_lifetime(lifetime));
        }
        let fleet = &mut scenario.scenario.fleet;
        fleet.nodes = wishes.nodes.unwrap_or(fleet.nodes);
        fleet.preset = wishes.preset.unwrap_or(fleet.preset);
        let nodes = fleet.nodes;
        let traffic = fleet.traffic();
        let classes = traffic.classes().context("[fleet]")?;
        cells::check(&scenario.scenario)?;
        for load in &scenario.scenario.loads {
            if let Load::Nodes(load) = load
                && load.count > nodes
            {
                bail!(
                    "[[nodes]] {} is of {} nodes at a time, and the fleet has {nodes}",
                    load.name,
                    load.count
                );
            }
        }
        enough_descriptors(nodes, classes)?;
        let at = if scenario.scenario.axis == Some(Axis::Nodes) { f64::from(nodes) } else { at };
        let lifetimes = scenario.scenario.loads.iter().filter_map(Load::lifetime);
        let lifetime = lifetimes.max().unwrap_or(LEASES);
        Ok(Self {
            at,
            nodes,
            traffic,
            classes,
            warm_up: lifetime + SETTLING,
            rest_window: wishes.rest_window.unwrap_or(REST_WINDOW),
            measure: wishes.measure.max(scenario.scenario.window.unwrap_or_default()),
            drain_limit: lifetime + DRAIN_LIMIT,
            seed: wishes.seed,
            start_rate: wishes.start_rate,
            scenario,
        })
    }

    /// The highest value of the axis that there can be: no more nodes fall silent at a time than there are.
    pub(crate) fn most(&self) -> Option<f64> {
        let Axis::Count(name) = self.scenario.scenario.axis.as_ref()? else { return None };
        let loads = &self.scenario.scenario.loads;
        let is_of_nodes = loads.iter().any(|load| matches!(load, Load::Nodes(_)) && load.name() == name);
        is_of_nodes.then_some(f64::from(self.nodes))
    }

    /// The same with another number of nodes.
    pub(crate) fn with_nodes(&self, nodes: f64) -> anyhow::Result<Self> {
        let mut plan = self.clone();
        plan.scenario.scenario.put_axis(nodes);
        plan.nodes = plan.scenario.scenario.fleet.nodes;
        plan.at = f64::from(plan.nodes);
        cells::check(&plan.scenario.scenario)?;
        enough_descriptors(plan.nodes, plan.classes)?;
        Ok(plan)
    }
}

/// Where the axis is: as the command line says, or as the scenario does.
fn axis_value(scenario: &Loaded, at: Option<&str>) -> anyhow::Result<f64> {
    match (&scenario.scenario.axis, at) {
        (Some(axis), Some(at)) => axis.value(at).with_context(|| format!("--at {at}")),
        (Some(_), None) => Ok(scenario.scenario.axis_value()),
        (None, Some(_)) => {
            bail!("scenario {} has no axis, so there is nothing that --at could turn up", scenario.name)
        }
        (None, None) => Ok(0.0),
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

/// Whether so many nodes can each have their connections through the balancer of several apiservers, which has two
/// descriptors of this process for each of them.
pub(crate) fn enough_descriptors_with(profile: &Profile, nodes: u32, classes: Classes) -> anyhow::Result<()> {
    const EACH: u64 = 3;
    if profile.topology.apiservers() == 1 {
        return enough_descriptors(nodes, classes);
    }
    let limit = descriptor_limit();
    match Capacity::of(nodes.into(), classes, limit / EACH) {
        Capacity::Enough => Ok(()),
        Capacity::TooFew { fit, needed, .. } => bail!(
            "{nodes} nodes with {} connections each through a balancer need {} descriptors, and the limit is {limit}: {fit} \
             nodes fit (`loadgen doctor` says how to raise it)",
            classes.connections_per_node(),
            needed * EACH
        ),
    }
}

/// The profile that the command line describes, with the settings that a scenario cannot do without.
pub(crate) fn profile(args: &LocalArgs, needed: &[String]) -> anyhow::Result<Profile> {
    let mut profile = profile::load(args.profile.as_deref().unwrap_or(DEFAULT_PROFILE))?;
    for assignment in needed.iter().chain(&args.set) {
        profile.set(assignment)?;
    }
    if args.audit {
        profile.audit = Audit { level: AuditLevel::Metadata, ..Audit::default() };
    }
    control_plane::check_profile(&profile)?;
    Ok(profile)
}

#[cfg(test)]
mod tests {
    use fake_kubelet::Class;

    use super::*;
    use crate::scenario::{self, Turn};

    fn wishes() -> Wishes {
        Wishes::new(Duration::from_secs(40), 1, "100/s".parse().unwrap())
    }

    #[test]
    fn the_command_line_wins_over_the_scenario() {
        let churn = scenario::load("pod-churn").unwrap();
        let plan = Plan::new(churn.clone(), &wishes()).unwrap();
        assert_eq!(plan.nodes, churn.scenario.fleet.nodes);
        assert_eq!(plan.warm_up, Duration::from_secs(15));
        let wishes = Wishes { nodes: Some(7), at: Some("3/s".to_owned()), ..wishes() };
        let plan = Plan::new(churn, &wishes).unwrap();
        let [load] = plan.scenario.scenario.loads.as_slice() else { panic!("one load") };
        assert_eq!((plan.nodes, load.turn(), plan.at), (7, Turn::Rate("3/s".parse().unwrap()), 3.0));
    }

    #[test]
    fn an_axis_of_nodes_is_how_many_there_are() {
        let mut level = scenario::load("pod-churn").unwrap();
        level.scenario.axis = Some(Axis::Nodes);
        let plan = Plan::new(level.clone(), &Wishes { at: Some("7".to_owned()), ..wishes() }).unwrap();
        assert_eq!((plan.nodes, plan.at), (7, 7.0));
        let twice = Wishes { at: Some("7".to_owned()), nodes: Some(8), ..wishes() };
        assert!(Plan::new(level.clone(), &twice).unwrap_err().to_string().contains("--nodes"));
        level.scenario.axis = None;
        let none = Wishes { at: Some("7".to_owned()), ..wishes() };
        assert!(Plan::new(level, &none).unwrap_err().to_string().contains("no axis"));
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
    fn a_window_is_as_long_as_its_scenario_needs_it() {
        let mut churn = scenario::load("pod-churn").unwrap();
        churn.scenario.window = Some(Duration::from_secs(90));
        assert_eq!(Plan::new(churn.clone(), &wishes()).unwrap().measure, Duration::from_secs(90));
        churn.scenario.window = Some(Duration::from_secs(20));
        assert_eq!(Plan::new(churn, &wishes()).unwrap().measure, Duration::from_secs(40));
    }

    #[test]
    fn a_plan_of_several_cells_is_of_all_of_them_together() {
        let loaded = scenario::load("cells").unwrap();
        let plan = Plan::new(loaded, &Wishes { at: Some("4/s".to_owned()), ..wishes() }).unwrap();
        assert_eq!((plan.scenario.scenario.cells, plan.nodes, plan.at), (2, 200, 4.0));
    }

    #[test]
    fn an_axis_of_nodes_cannot_go_below_one_for_each_cell() {
        let mut loaded = scenario::load("cells").unwrap();
        loaded.scenario.axis = Some(Axis::Nodes);
        let plan = Plan::new(loaded, &wishes()).unwrap();
        assert_eq!(plan.with_nodes(2.0).unwrap().nodes, 2);
        assert!(plan.with_nodes(1.0).unwrap_err().to_string().contains("2 cells need 2 nodes"));
    }

    #[test]
    fn no_more_nodes_fall_silent_than_there_are() {
        let flap = || scenario::load("node-flap").unwrap();
        let plan = Plan::new(flap(), &wishes()).unwrap();
        assert_eq!(plan.most(), Some(f64::from(plan.nodes)));
        let few = Wishes { nodes: Some(5), ..wishes() };
        let error = Plan::new(flap(), &few).unwrap_err().to_string();
        assert!(error.contains("10 nodes at a time, and the fleet has 5"), "{error}");
        assert_eq!(Plan::new(scenario::load("pod-churn").unwrap(), &wishes()).unwrap().most(), None);
    }

    #[test]
    fn more_nodes_than_descriptors_are_refused_with_the_number_that_fits() {
        let churn = scenario::load("pod-churn").unwrap();
        let error = Plan::new(churn, &Wishes { nodes: Some(u32::MAX), ..wishes() }).unwrap_err().to_string();
        assert!(error.contains("nodes fit") && error.contains("doctor"), "{error}");
    }

    #[test]
    fn a_balancer_needs_three_descriptors_where_a_connection_needs_one() {
        let mut profile = profile::load(DEFAULT_PROFILE).unwrap();
        let classes = Preset::KubeletOnly.classes();
        let nodes = u32::try_from(descriptor_limit() / 2).unwrap_or(u32::MAX);
        enough_descriptors_with(&profile, nodes, classes).unwrap();
        profile.set("topology.apiservers=2").unwrap();
        let error = enough_descriptors_with(&profile, nodes, classes).unwrap_err().to_string();
        assert!(error.contains("through a balancer"), "{error}");
    }
}
