//! Cells: control planes beside one another in one run, each with its part of the nodes, of the inventory and of every load.
//!
//! Of a load it is known only together what came of it, as of one control plane's. What there are several of, one in each cell, has its
//! cell in its name.

use std::collections::BTreeMap;

use anyhow::bail;
use measure::{Rate, nth_seed};
use profile::Component;

use crate::{
    plan::Plan,
    scenario::{Load, Scenario, Turn},
};

/// One of so many cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    index: u32,
    of: u32,
}

impl Part {
    /// All parts of something that is cut into so many.
    pub(crate) fn all(of: u32) -> impl DoubleEndedIterator<Item = Self> {
        (0..of).map(move |index| Self { index, of })
    }

    /// From 0.
    pub(crate) fn index(self) -> u32 {
        self.index
    }

    /// As a person counts.
    pub(crate) fn number(self) -> u32 {
        self.index + 1
    }

    /// Whether it is the only one.
    pub(crate) fn is_whole(self) -> bool {
        self.of == 1
    }

    /// Its part of a number of things. Where that does not divide, the first ones have one more.
    pub(crate) fn share(self, whole: u32) -> u32 {
        whole / self.of + u32::from(self.index < whole % self.of)
    }

    fn rate(self, whole: Rate) -> Rate {
        // Only a rate of next to nothing cannot be divided.
        Rate::per_second(whole.get() / f64::from(self.of)).unwrap_or(whole)
    }

    /// Its part of a load; nothing where there are fewer of it than cells.
    pub(crate) fn load(self, whole: &Load) -> Option<Load> {
        // Steps are taken in each cell, unless they name one.
        if let Load::Maintenance(load) = whole {
            return load.in_cell(self.index).map(Load::Maintenance);
        }
        let mut load = whole.clone();
        match load.turn() {
            _ if self.is_whole() => {}
            Turn::Rate(rate) => load.put(Turn::Rate(self.rate(rate))),
            Turn::Count(count) => match self.share(count) {
                0 => return None,
                share => load.put(Turn::Count(share)),
            },
        }
        Some(load)
    }

    /// Its part of a plan, with a seed of its own. The loads are whole: where they are put is known only when they are offered.
    pub(crate) fn plan(self, whole: &Plan) -> Plan {
        let mut plan = whole.clone();
        if self.is_whole() {
            return plan;
        }
        plan.nodes = self.share(whole.nodes);
        plan.seed = nth_seed(whole.seed, self.index.into());
        plan.start_rate = self.rate(whole.start_rate);
        let scenario = &mut plan.scenario.scenario;
        scenario.fleet.nodes = plan.nodes;
        for spec in &mut scenario.inventory {
            spec.count = self.share(spec.count);
        }
        plan
    }

    /// The name of something that every cell has, such as a process: `etcd (cell 2)`, or `etcd` where there is one.
    pub(crate) fn named(self, name: &str) -> String {
        if self.is_whole() { name.to_owned() } else { format!("{name} (cell {})", self.number()) }
    }

    /// What a driver said of its part of a load, so that it can be put beside what the others said.
    pub(crate) fn figures(self, figures: BTreeMap<String, f64>) -> BTreeMap<String, f64> {
        let named = |name: String| if adds_up(&name) { name } else { self.named(&name) };
        figures.into_iter().map(|(name, figure)| (named(name), figure)).collect()
    }

    /// An error of this cell.
    pub(crate) fn blamed(self, error: anyhow::Error) -> anyhow::Error {
        if self.is_whole() { error } else { error.context(format!("cell {}", self.number())) }
    }
}

/// Whether what the drivers of several cells say under this name can be added up: counts can, times and means cannot.
pub(crate) fn adds_up(figure: &str) -> bool {
    !figure.contains("seconds") && !figure.contains("-per-")
}

/// A name as [`Part::named`] makes it: that of the thing itself, and what says of which cell it is, if anything does.
pub(crate) fn split(name: &str) -> (&str, &str) {
    name.split_at(name.find(" (cell ").unwrap_or(name.len()))
}

/// Whether a process of this name is one of a component's: it is called as its program is, or so with a dash and more behind it,
/// and in cells with the cell at the end.
pub(crate) fn is_of(process: &str, component: Component) -> bool {
    let (name, _) = split(process);
    name.strip_prefix(component.binary()).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Whether every cell gets some of what none can do without.
pub(crate) fn check(scenario: &Scenario) -> anyhow::Result<()> {
    let cells = scenario.cells;
    let nodes = scenario.fleet.nodes;
    if nodes < cells {
        bail!("{cells} cells need {cells} nodes at least, one each, and there are {nodes}");
    }
    let maintained = scenario.loads.iter().filter_map(|load| match load {
        Load::Maintenance(load) => load.last_cell().map(|cell| (&load.name, cell)),
        _ => None,
    });
    for (name, cell) in maintained {
        if cell >= cells {
            bail!("{name} has a step in cell {cell}, and the last of {cells} is {}", cells - 1);
        }
    }
    if let Some(few) = scenario.inventory.iter().find(|spec| cells > 1 && spec.count < cells) {
        bail!(
            "inventory {} has {} objects, and each of {cells} cells needs one at least",
            few.name,
            few.count
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        plan::Wishes,
        scenario::{self, Loaded},
    };

    fn wishes() -> Wishes {
        Wishes::new(Duration::from_secs(40), 1, "100/s".parse().unwrap())
    }

    /// A built-in scenario, over so many cells.
    fn loaded(name: &str, cells: u32) -> Loaded {
        let mut loaded = scenario::load(name).unwrap();
        loaded.scenario.cells = cells;
        loaded
    }

    fn load_of(name: &str, driver: &str) -> Load {
        let loads = scenario::load(name).unwrap().scenario.loads;
        loads.into_iter().find(|load| load.driver() == driver).unwrap()
    }

    #[test]
    fn a_number_is_dealt_out_whole_and_the_first_have_one_more() {
        let shares = |whole, of| Part::all(of).map(|part| part.share(whole)).collect::<Vec<_>>();
        assert_eq!(shares(200, 2), [100, 100]);
        assert_eq!(shares(20, 3), [7, 7, 6]);
        assert_eq!(shares(1, 3), [1, 0, 0]);
        assert_eq!(shares(7, 1), [7]);
    }

    #[test]
    fn rates_are_divided_and_counts_dealt_out() {
        let pods = load_of("pod-churn", "pods");
        let Turn::Rate(whole) = pods.turn() else { panic!("a rate") };
        for part in Part::all(4) {
            let quarter = Rate::per_second(whole.get() / 4.0).unwrap();
            assert_eq!(part.load(&pods).unwrap().turn(), Turn::Rate(quarter));
        }
        let mut watchers = load_of("watch-fanout", "watches");
        let turns =
            |load: &Load| Part::all(3).map(|part| part.load(load).map(|it| it.turn())).collect::<Vec<_>>();
        watchers.put(Turn::Count(8));
        assert_eq!(turns(&watchers), [3, 3, 2].map(|count| Some(Turn::Count(count))));
        watchers.put(Turn::Count(2));
        assert_eq!(turns(&watchers), [Some(Turn::Count(1)), Some(Turn::Count(1)), None]);
    }

    #[test]
    fn steps_of_maintenance_are_taken_in_each_cell() {
        let steps = load_of("etcd-maintenance", "maintenance");
        for part in Part::all(20) {
            assert_eq!(part.load(&steps).unwrap().turn(), steps.turn());
        }
    }

    #[test]
    fn a_step_of_one_cell_is_taken_there_and_the_cell_has_to_be() {
        let mut failing = loaded("etcd-maintenance", 2).scenario;
        for load in &mut failing.loads {
            if let Load::Maintenance(load) = load {
                load.steps.iter_mut().for_each(|step| step.cell = Some(1));
            }
        }
        let steps = failing.loads.iter().find(|load| load.driver() == "maintenance").unwrap();
        let taken: Vec<bool> = Part::all(2).map(|part| part.load(steps).is_some()).collect();
        assert_eq!(taken, [false, true]);
        check(&failing).unwrap();
        failing.cells = 1;
        let error = check(&failing).unwrap_err().to_string();
        assert_eq!(error, "maintenance has a step in cell 1, and the last of 1 is 0");
    }

    #[test]
    fn nodes_inventory_and_start_rate_are_cut_up_and_no_two_cells_have_one_seed() {
        let mut resources = loaded("custom-resources", 3);
        resources.scenario.inventory[0].count = 10;
        let whole = Plan::new(resources, &Wishes { nodes: Some(8), ..wishes() }).unwrap();
        let plans: Vec<Plan> = Part::all(3).map(|part| part.plan(&whole)).collect();
        let of = |what: fn(&Plan) -> u32| plans.iter().map(what).collect::<Vec<_>>();
        assert_eq!(of(|plan| plan.nodes), [3, 3, 2]);
        assert_eq!(of(|plan| plan.scenario.scenario.fleet.nodes), [3, 3, 2]);
        assert_eq!(of(|plan| plan.scenario.scenario.inventory[0].count), [4, 3, 3]);
        let rates: f64 = plans.iter().map(|plan| plan.start_rate.get()).sum();
        assert!((rates - whole.start_rate.get()).abs() < 1e-9, "{rates}");
        let mut seeds: Vec<u64> = plans.iter().map(|plan| plan.seed).collect();
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), 3);
    }

    #[test]
    fn a_run_without_cells_is_as_it_was() {
        let whole = Plan::new(loaded("pod-churn", 1), &wishes()).unwrap();
        let part = Part::all(1).next().unwrap();
        let plan = part.plan(&whole);
        assert_eq!((plan.nodes, plan.seed, plan.start_rate), (whole.nodes, whole.seed, whole.start_rate));
        let [load] = whole.scenario.scenario.loads.as_slice() else { panic!("one load") };
        assert_eq!(part.load(load).unwrap().turn(), load.turn());
        assert_eq!(part.named("etcd"), "etcd");
        let figures = BTreeMap::from([("took-seconds".to_owned(), 1.0)]);
        assert_eq!(part.figures(figures.clone()), figures);
        assert_eq!(part.blamed(anyhow::anyhow!("it broke")).to_string(), "it broke");
    }

    #[test]
    fn a_process_is_known_by_its_programs_name() {
        for name in ["etcd", "etcd-1", "etcd-events", "etcd-1 (cell 2)"] {
            assert!(is_of(name, Component::Etcd), "{name}");
        }
        for name in ["etcdctl", "kube-apiserver", "harness"] {
            assert!(!is_of(name, Component::Etcd), "{name}");
        }
    }

    #[test]
    fn what_there_are_several_of_has_its_cell_in_its_name() {
        let etcds: Vec<String> = Part::all(2).map(|part| part.named("etcd")).collect();
        assert_eq!(etcds, ["etcd (cell 1)", "etcd (cell 2)"]);
        assert_eq!([split("etcd (cell 2)"), split("etcd")], [("etcd", " (cell 2)"), ("etcd", "")]);
        let figures = ["bytes", "bytes-per-list", "wave-seconds"].map(|name| (name.to_owned(), 1.0)).into();
        let second = Part::all(2).last().unwrap();
        let names: Vec<String> = second.figures(figures).into_keys().collect();
        assert_eq!(names, ["bytes", "bytes-per-list (cell 2)", "wave-seconds (cell 2)"]);
        assert_eq!(format!("{:#}", second.blamed(anyhow::anyhow!("it broke"))), "cell 2: it broke");
    }

    #[test]
    fn a_cell_without_a_node_or_an_object_is_refused() {
        let error = |loaded, nodes| {
            Plan::new(loaded, &Wishes { nodes: Some(nodes), ..wishes() }).unwrap_err().to_string()
        };
        let nodes = error(loaded("cells", 3), 2);
        assert_eq!(nodes, "3 cells need 3 nodes at least, one each, and there are 2");
        let mut resources = loaded("custom-resources", 3);
        resources.scenario.inventory[0].count = 2;
        assert!(error(resources, 10).contains("has 2 objects"));
    }
}
