//! Scenarios: declarative files that name a fleet and the loads on it.

mod axis;
mod template;

use std::time::Duration;

use fake_kubelet::{Choice, Class, Preset};
use measure::{Arrivals, Rate};
use serde::{Deserialize, Serialize};

use crate::criteria::Criteria;

pub(crate) use self::axis::Axis;
pub(crate) use self::template::{OnlyVirtual, PodTemplate, TemplateError};

/// The scenarios that come with the program, by name.
const BUILT_IN: &[(&str, &str)] = &[
    ("node-heartbeat", include_str!("../../scenarios/node-heartbeat.toml")),
    ("pod-churn", include_str!("../../scenarios/pod-churn.toml")),
];

/// A scenario, as its file says.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// One sentence.
    pub(crate) about: String,
    /// What is turned up.
    pub(crate) axis: Option<Axis>,
    pub(crate) fleet: FleetShape,
    /// What offers load beside the fleet itself.
    #[serde(default)]
    pub(crate) load: Vec<Load>,
    /// What the control plane has to keep to.
    #[serde(default)]
    pub(crate) criteria: Criteria,
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

impl Scenario {
    /// Where the file puts its axis; 0 where it has none.
    pub(crate) fn axis_value(&self) -> f64 {
        match &self.axis {
            Some(Axis::Nodes) => f64::from(self.fleet.nodes),
            Some(Axis::Rate(name)) => {
                let load = self.load.iter().find(|load| load.name == *name);
                load.map_or(0.0, |load| load.rate.get())
            }
            None => 0.0,
        }
    }

    /// Whether it is operations per second that are turned up.
    pub(crate) fn axis_is_a_rate(&self) -> bool {
        matches!(self.axis, Some(Axis::Rate(_)))
    }

    /// Puts the axis somewhere else.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number of nodes, and the cast saturates"
    )]
    pub(crate) fn put_axis(&mut self, at: f64) {
        match &self.axis {
            Some(Axis::Nodes) => self.fleet.nodes = at.round() as u32,
            Some(Axis::Rate(name)) => {
                let load = self.load.iter_mut().find(|load| load.name == *name);
                if let (Some(load), Ok(rate)) = (load, Rate::per_second(at)) {
                    load.rate = rate;
                }
            }
            None => {}
        }
    }
}

/// What offers a load.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Driver {
    /// Pods that are created, live for a while, and are deleted.
    Pods,
}

/// One load.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Load {
    pub(crate) driver: Driver,
    /// The load's name in its scenario.
    pub(crate) name: String,
    /// Pods created per second.
    pub(crate) rate: Rate,
    /// How creations are spread.
    #[serde(default)]
    pub(crate) arrivals: Arrivals,
    /// From Running to the deletion.
    #[serde(with = "crate::words::duration")]
    pub(crate) lifetime: Duration,
    /// ServiceAccounts that take turns.
    #[serde(default = "default_identities")]
    pub(crate) identities: u32,
    /// The pod, as a template.
    pub(crate) manifest: String,
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
    #[error("scenario {origin}: the manifest of load {load}")]
    Template { origin: String, load: usize, source: TemplateError },
}

/// A scenario and the text it was read from.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) scenario: Scenario,
}

/// Reads a built-in scenario by name, or a file by path.
pub(crate) fn load(name_or_path: &str) -> Result<Loaded, Error> {
    let is_path = name_or_path.contains('/')
        || std::path::Path::new(name_or_path).extension().is_some_and(|extension| extension == "toml");
    if is_path {
        let text = std::fs::read_to_string(name_or_path)
            .map_err(|source| Error::Read { path: name_or_path.to_owned(), source })?;
        let name = std::path::Path::new(name_or_path).file_stem().unwrap_or_default().to_string_lossy();
        return parse(&name, name_or_path, &text);
    }
    let Some((name, text)) = BUILT_IN.iter().find(|(name, _)| *name == name_or_path) else {
        let names = || BUILT_IN.iter().map(|(name, _)| *name);
        return Err(Error::Unknown {
            name: name_or_path.to_owned(),
            known: names().collect::<Vec<_>>().join(", "),
            nearest: profile::nearest(name_or_path, names()),
        });
    };
    parse(name, &format!("scenarios/{name}.toml"), text)
}

fn parse(name: &str, origin: &str, text: &str) -> Result<Loaded, Error> {
    let scenario: Scenario = profile::input::parse(origin, text)?;
    let impossible =
        |reason: &str| Error::Impossible { origin: origin.to_owned(), reason: reason.to_owned() };
    if scenario.fleet.nodes == 0 {
        return Err(impossible("fleet.nodes is 0; a scenario needs at least one node"));
    }
    if let Some(name) = scenario.criteria.odd_share() {
        return Err(impossible(&format!("criteria.{name} is a share, above 0 and below 1")));
    }
    check_axis(&scenario).map_err(|reason| impossible(&reason))?;
    for (index, load) in scenario.load.iter().enumerate() {
        if load.identities == 0 {
            return Err(impossible("identities is 0; somebody has to create the pods"));
        }
        PodTemplate::new(&load.manifest, "check", "check", None).map_err(|source| Error::Template {
            origin: origin.to_owned(),
            load: index + 1,
            source,
        })?;
    }
    Ok(Loaded { name: name.to_owned(), text: text.to_owned(), scenario })
}

/// The axis turns up a load that is there; only one that turns up the fleet itself needs none.
fn check_axis(scenario: &Scenario) -> Result<(), String> {
    let names = || scenario.load.iter().map(|load| load.name.as_str());
    match &scenario.axis {
        Some(Axis::Rate(load)) if !names().any(|name| name == load) => {
            let nearest = profile::nearest(load, names()).map(|it| format!("; did you mean `{it}.rate`?"));
            Err(format!("the axis {load}.rate is of no [[load]]{}", nearest.unwrap_or_default()))
        }
        Some(Axis::Nodes) => Ok(()),
        _ if scenario.load.is_empty() => Err("there is no [[load]]".to_owned()),
        _ => Ok(()),
    }
}

fn default_identities() -> u32 {
    16
}

#[cfg(test)]
mod tests;
