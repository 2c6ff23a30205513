//! Scenarios: declarative files that name a fleet, what is there beside it, and the loads on it.

mod axis;
mod changed;
mod fault;
mod inventory;
mod load;
mod template;

use std::time::Duration;

use fake_kubelet::{Choice, Class, Preset};
use serde::{Deserialize, Serialize};

use crate::{criteria::Criteria, words::optional_duration};

pub(crate) use self::{
    axis::Axis,
    changed::changed,
    fault::{Fault, PATIENCE as FAULT_PATIENCE},
    inventory::{Install, InventorySpec},
    load::{
        Consistency, ControllerKind, ControllersLoad, Done, EventsLoad, How, ListEncoding, ListsLoad, Load,
        MaintenanceLoad, NodesAction, NodesLoad, ObjectsLoad, Operation, PodsLoad, ServicesLoad, Step, Turn,
        Until, WatchStart, WatchesLoad, What,
    },
    template::{Object, OnlyVirtual, Place, Template, TemplateError},
};

/// Names and texts of files that come with the program, by name.
type Files = &'static [(&'static str, &'static str)];

/// The files of `scenarios/`.
const CATALOGUE: Files = include!(concat!(env!("OUT_DIR"), "/scenarios.rs"));

/// Those of its folders, which no list has: loads that only rules of advice use, and those under which something bad shows.
const FOLDERS: [(&str, Files); 2] = [
    ("advice", include!(concat!(env!("OUT_DIR"), "/scenarios-advice.rs"))),
    ("controls", include!(concat!(env!("OUT_DIR"), "/scenarios-controls.rs"))),
];

/// A scenario.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Scenario {
    /// A paragraph.
    pub(crate) about: String,
    /// The scenario of which it is another shape; lists show that one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) variant_of: Option<String>,
    /// What is turned up.
    pub(crate) axis: Option<Axis>,
    /// Settings of the profile that it cannot do without, as `--set` has them; the command line is over them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) set: Vec<String>,
    /// Control planes beside one another, each with its part of the nodes, of the inventory and of every load.
    #[serde(skip_serializing_if = "is_one")]
    pub(crate) cells: u32,
    /// The shortest measured window that shows what there is to be seen; what is asked for is made as long.
    #[serde(with = "optional_duration", skip_serializing_if = "Option::is_none")]
    pub(crate) window: Option<Duration>,
    pub(crate) fleet: FleetShape,
    /// What the admin makes first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) install: Vec<Install>,
    /// What is there before the load.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) inventory: Vec<InventorySpec>,
    /// What is made to fail or to take its time while there is load.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) faults: Vec<Fault>,
    /// What offers load beside the fleet itself: those that watch first, so that they are there when others write.
    #[serde(rename = "load")]
    pub(crate) loads: Vec<Load>,
    /// What the control plane has to keep to.
    pub(crate) criteria: Criteria,
}

/// The same as its file has it: a table for each kind of load.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    about: String,
    #[serde(default, rename = "variant-of")]
    variant_of: Option<String>,
    axis: Option<Axis>,
    #[serde(default)]
    set: Vec<String>,
    #[serde(default = "one")]
    cells: u32,
    #[serde(default, with = "optional_duration")]
    window: Option<Duration>,
    fleet: FleetShape,
    #[serde(default)]
    install: Vec<Install>,
    #[serde(default)]
    inventory: Vec<InventorySpec>,
    #[serde(default)]
    faults: Vec<Fault>,
    #[serde(default)]
    pods: Vec<PodsLoad>,
    #[serde(default)]
    objects: Vec<ObjectsLoad>,
    #[serde(default)]
    lists: Vec<ListsLoad>,
    #[serde(default)]
    watches: Vec<WatchesLoad>,
    #[serde(default)]
    events: Vec<EventsLoad>,
    #[serde(default)]
    services: Vec<ServicesLoad>,
    #[serde(default)]
    nodes: Vec<NodesLoad>,
    #[serde(default)]
    controllers: Vec<ControllersLoad>,
    #[serde(default)]
    maintenance: Vec<MaintenanceLoad>,
    #[serde(default)]
    criteria: Criteria,
}

/// The fleet a scenario runs on.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FleetShape {
    pub(crate) nodes: u32,
    /// What the nodes send.
    #[serde(default)]
    pub(crate) preset: Preset,
    /// Classes of traffic that they leave out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) without: Vec<Class>,
}

impl FleetShape {
    /// What the nodes send.
    pub(crate) fn traffic(&self) -> Choice {
        Choice { preset: self.preset, without: self.without.clone(), with: Vec::new() }
    }
}

impl From<Written> for Scenario {
    fn from(written: Written) -> Self {
        let Written {
            about, axis, fleet, install, inventory, pods, objects, lists, watches, criteria, ..
        } = written;
        let watches = watches.into_iter().map(Load::Watches);
        let watches = watches.chain(written.controllers.into_iter().map(Load::Controllers));
        let pods = pods.into_iter().map(Load::Pods);
        let objects = objects.into_iter().map(Load::Objects);
        let lists = lists.into_iter().map(Load::Lists);
        let more = written.events.into_iter().map(Load::Events);
        let more = more.chain(written.services.into_iter().map(Load::Services));
        let more = more.chain(written.nodes.into_iter().map(Load::Nodes));
        let more = more.chain(written.maintenance.into_iter().map(Load::Maintenance));
        let mut loads: Vec<Load> = watches.chain(pods).chain(objects).chain(lists).chain(more).collect();
        load::share_mixes(&mut loads);
        let Written { variant_of, set, cells, window, faults, .. } = written;
        Self {
            about,
            variant_of,
            axis,
            set,
            cells,
            window,
            fleet,
            install,
            inventory,
            faults,
            loads,
            criteria,
        }
    }
}

impl Scenario {
    /// Where the file puts its axis; 0 where it has none.
    pub(crate) fn axis_value(&self) -> f64 {
        match &self.axis {
            Some(Axis::Nodes) => f64::from(self.fleet.nodes),
            // Of a mix all parts together.
            Some(Axis::Rate(name) | Axis::Count(name)) => {
                let turned =
                    self.loads.iter().filter(|load| load.name() == name || load.mix() == Some(name.as_str()));
                let place = |load: &Load| match load.turn() {
                    Turn::Rate(rate) => rate.get(),
                    Turn::Count(count) => f64::from(count),
                };
                turned.map(place).sum()
            }
            None => 0.0,
        }
    }

    /// Whether it is operations per second that are turned up.
    pub(crate) fn axis_is_a_rate(&self) -> bool {
        matches!(self.axis, Some(Axis::Rate(_)))
    }

    /// Its loads with the axis somewhere else.
    pub(crate) fn loads_at(&self, at: f64) -> Vec<Load> {
        let mut there = self.clone();
        there.put_axis(at);
        there.loads
    }

    /// How many namespaces it uses.
    pub(crate) fn namespaces(&self) -> u32 {
        let named = self.loads.iter().map(|load| match load {
            Load::Maintenance(load) => load.namespaces(),
            _ => 1,
        });
        self.inventory.iter().map(|spec| spec.namespaces).chain(named).max().unwrap_or(1).max(1)
    }

    /// Puts the axis somewhere else.
    pub(crate) fn put_axis(&mut self, at: f64) {
        let Some(axis) = self.axis.clone() else { return };
        if axis == Axis::Nodes {
            self.fleet.nodes = axis::whole(at);
        }
        for load in &mut self.loads {
            if let Some(turn) = load.turned(&axis, at) {
                load.put(turn);
            }
        }
    }
}

/// Why there is no scenario.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("there is no scenario `{name}`; there are: {known}{}", nearest.map(|it| format!("; did you mean `{it}`?")).unwrap_or_default())]
    Unknown { name: String, known: String, nearest: Option<&'static str> },
    #[error("cannot read scenario {path}")]
    Read { path: String, source: std::io::Error },
    #[error(transparent)]
    Input(#[from] profile::input::InputError),
    #[error("scenario {origin}: {reason}")]
    Impossible { origin: String, reason: String },
    /// `origin` with line and column, as far as they are known.
    #[error("{origin}: the manifest of {what} {reason}")]
    Template { origin: String, what: String, reason: TemplateError },
}

/// A scenario and the text it was read from.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) scenario: Scenario,
}

/// The names of the scenarios of the catalogue.
pub(crate) fn catalogue() -> impl Iterator<Item = &'static str> {
    CATALOGUE.iter().map(|(name, _)| *name)
}

/// Reads a built-in scenario by name, or a file by path. Those of a folder of `scenarios/` have it in their names: `advice/churn`.
pub(crate) fn load(name_or_path: &str) -> Result<Loaded, Error> {
    if let Some((name, text)) = of_folder(name_or_path) {
        return parse(name, &format!("scenarios/{name_or_path}.toml"), text);
    }
    let is_path = name_or_path.contains('/')
        || std::path::Path::new(name_or_path).extension().is_some_and(|extension| extension == "toml");
    if is_path {
        return file(name_or_path);
    }
    let Some((name, text)) = CATALOGUE.iter().find(|(name, _)| *name == name_or_path) else {
        return Err(Error::Unknown {
            name: name_or_path.to_owned(),
            known: catalogue().collect::<Vec<_>>().join(", "),
            nearest: profile::nearest(name_or_path, catalogue()),
        });
    };
    parse(name, &format!("scenarios/{name}.toml"), text)
}

fn of_folder(name: &str) -> Option<(&'static str, &'static str)> {
    let (folder, name) = name.split_once('/')?;
    let (_, files) = FOLDERS.iter().find(|(known, _)| *known == folder)?;
    files.iter().find(|(known, _)| *known == name).copied()
}

/// Reads a file, whatever it is called.
pub(crate) fn file(path: &str) -> Result<Loaded, Error> {
    let text =
        std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    let name = std::path::Path::new(path).file_stem().unwrap_or_default().to_string_lossy();
    parse(&name, path, &text)
}

fn parse(name: &str, origin: &str, text: &str) -> Result<Loaded, Error> {
    let scenario = Scenario::from(profile::input::parse::<Written>(origin, text)?);
    let impossible = |reason: String| Error::Impossible { origin: origin.to_owned(), reason };
    check(&scenario).map_err(impossible)?;
    let wrong = |what: String, manifest: &str, reason: TemplateError| {
        // A manifest stands in its file as it is, unless it has escapes in it.
        let place = reason.place().zip(text.find(manifest).filter(|_| !manifest.is_empty()));
        let origin = place.map_or_else(
            || origin.to_owned(),
            |(Place { line, column }, from)| {
                format!("{origin}:{}:{column}", Place::of(text, from).line + line - 1)
            },
        );
        Error::Template { origin, what, reason }
    };
    for load in &scenario.loads {
        let what = || format!("[[{}]] {}", load.driver(), load.name());
        load.template("check", None).map_err(|reason| wrong(what(), load.manifest(), reason))?;
    }
    for install in &scenario.install {
        let what = || "[[install]]".to_owned();
        install.objects("check", "check").map_err(|reason| wrong(what(), &install.manifest, reason))?;
    }
    for spec in &scenario.inventory {
        let what = || format!("[[inventory]] {}", spec.name);
        spec.template("check", None).map_err(|reason| wrong(what(), &spec.manifest, reason))?;
    }
    Ok(Loaded { name: name.to_owned(), text: text.to_owned(), scenario })
}

/// What no type says.
fn check(scenario: &Scenario) -> Result<(), String> {
    if scenario.fleet.nodes == 0 {
        return Err("fleet.nodes is 0; a scenario needs at least one node".to_owned());
    }
    if scenario.cells == 0 {
        return Err("cells is 0; without cells there is one control plane".to_owned());
    }
    if let Some(odd) = scenario.set.iter().find(|setting| !setting.contains('=')) {
        return Err(format!("`{odd}` under set is no setting: write it as path=value"));
    }
    if let Some(name) = scenario.criteria.odd_share() {
        return Err(format!("criteria.{name} is a share, above 0 and below 1"));
    }
    let mut names: Vec<&str> = scenario.loads.iter().map(Load::name).collect();
    names.sort_unstable();
    if let Some([twice, _]) = names.array_windows().find(|[one, next]| one == next) {
        return Err(format!("there are two loads called {twice}"));
    }
    for load in &scenario.loads {
        if load.identities() == 0 {
            return Err(format!("identities of {} is 0; somebody has to do it", load.name()));
        }
        load.check(&scenario.inventory)?;
        if let Some(mix) = load.mix().filter(|mix| names.contains(mix)) {
            return Err(format!("{mix} is a mix and a load; one of them needs another name"));
        }
    }
    fault::check(&scenario.faults)?;
    check_axis(scenario)
}

/// The axis turns up a load that is there; only one that turns up the fleet itself needs none.
fn check_axis(scenario: &Scenario) -> Result<(), String> {
    let Some(axis) = &scenario.axis else {
        return if scenario.loads.is_empty() { Err("there is no load".to_owned()) } else { Ok(()) };
    };
    let Some(name) = axis.load() else { return Ok(()) };
    if scenario.loads.iter().any(|load| load.mix() == Some(name)) {
        return match axis {
            Axis::Rate(_) => Ok(()),
            _ => Err(format!("{name} is a mix of loads that are done at a rate: the axis is {name}.rate")),
        };
    }
    let names = || scenario.loads.iter().flat_map(|load| [Some(load.name()), load.mix()]).flatten();
    let Some(load) = scenario.loads.iter().find(|load| load.name() == name) else {
        let part = axis.part();
        let nearest = profile::nearest(name, names()).map(|it| format!("; did you mean `{it}.{part}`?"));
        return Err(format!("the axis {axis} is of no load{}", nearest.unwrap_or_default()));
    };
    match (axis, load.turn()) {
        (Axis::Rate(_), Turn::Rate(_)) | (Axis::Count(_), Turn::Count(_)) => Ok(()),
        (_, Turn::Rate(_)) => Err(format!("{name} is done at a rate: the axis is {name}.rate")),
        (_, Turn::Count(_)) => Err(format!("{name} is a number of them: the axis is {name}.count")),
    }
}

fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_one(number: &u32) -> bool {
    *number == 1
}

#[cfg(test)]
mod tests;
