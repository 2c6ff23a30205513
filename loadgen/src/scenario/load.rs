//! The loads of a scenario: what each kind of driver is told.
//!
//! A load is done at a rate or kept at a level, and either may be what the scenario turns up.

mod controllers;
mod events;
mod lists;
mod maintenance;
mod mix;
mod nodes;
mod objects;
mod pods;
mod services;
mod watches;

use std::time::Duration;

use measure::Rate;
use serde::Serialize;

pub(crate) use self::{
    controllers::{ControllerKind, ControllersLoad},
    events::EventsLoad,
    lists::{Consistency, ListEncoding, ListsLoad},
    maintenance::{MaintenanceLoad, Step, What},
    mix::share_mixes,
    nodes::{How, NodesAction, NodesLoad},
    objects::{Done, ObjectsLoad, Operation},
    pods::{PodsLoad, Until},
    services::ServicesLoad,
    watches::{WatchStart, WatchesLoad},
};
use super::{InventorySpec, OnlyVirtual, Template, TemplateError};
use crate::criteria::Criteria;

/// One load.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "driver", rename_all = "kebab-case")]
pub(crate) enum Load {
    Pods(PodsLoad),
    Objects(ObjectsLoad),
    Lists(ListsLoad),
    Watches(WatchesLoad),
    Events(EventsLoad),
    Services(ServicesLoad),
    Nodes(NodesLoad),
    Controllers(ControllersLoad),
    Maintenance(MaintenanceLoad),
}

/// What can be turned up of a load, and where its scenario puts it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Turn {
    /// Operations per second.
    Rate(Rate),
    /// How many there are.
    Count(u32),
}

impl Load {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Pods(load) => &load.name,
            Self::Objects(load) => &load.name,
            Self::Lists(load) => &load.name,
            Self::Watches(load) => &load.name,
            Self::Events(load) => &load.name,
            Self::Services(load) => &load.name,
            Self::Nodes(load) => &load.name,
            Self::Controllers(load) => &load.name,
            Self::Maintenance(load) => &load.name,
        }
    }

    /// The driver's name, as the scenario's tables are called.
    pub(crate) fn driver(&self) -> &'static str {
        match self {
            Self::Pods(_) => "pods",
            Self::Objects(_) => "objects",
            Self::Lists(_) => "lists",
            Self::Watches(_) => "watches",
            Self::Events(_) => "events",
            Self::Services(_) => "services",
            Self::Nodes(_) => "nodes",
            Self::Controllers(_) => "controllers",
            Self::Maintenance(_) => "maintenance",
        }
    }

    pub(crate) fn is_judged(&self) -> bool {
        match self {
            Self::Pods(load) => load.judged,
            Self::Objects(load) => load.judged,
            Self::Lists(load) => load.judged,
            Self::Watches(load) => load.judged,
            Self::Events(load) => load.judged,
            Self::Services(load) => load.judged,
            Self::Nodes(load) => load.judged,
            Self::Controllers(load) => load.judged,
            Self::Maintenance(load) => load.judged,
        }
    }

    pub(crate) fn identities(&self) -> u32 {
        match self {
            Self::Pods(load) => load.identities,
            Self::Objects(load) => load.identities,
            Self::Lists(load) => load.identities,
            Self::Watches(load) => load.identities,
            Self::Events(load) => load.identities,
            Self::Services(load) => load.identities,
            Self::Nodes(load) => load.identities,
            Self::Controllers(load) => load.identities,
            Self::Maintenance(_) => 1,
        }
    }

    pub(crate) fn turn(&self) -> Turn {
        match self {
            Self::Pods(load) => Turn::Rate(load.rate),
            Self::Objects(load) => Turn::Rate(load.rate),
            Self::Lists(load) => Turn::Rate(load.rate),
            Self::Watches(load) => Turn::Count(load.count),
            Self::Events(load) => Turn::Rate(load.rate),
            Self::Services(load) => Turn::Rate(load.rate),
            Self::Nodes(load) => Turn::Count(load.count),
            Self::Controllers(load) => Turn::Count(load.count),
            // Steps are not turned up.
            Self::Maintenance(load) => Turn::Count(u32::try_from(load.steps.len()).unwrap_or(u32::MAX)),
        }
    }

    /// Puts it elsewhere. What it cannot be turned to leaves it as it is.
    pub(crate) fn put(&mut self, turn: Turn) {
        match (self, turn) {
            (Self::Pods(load), Turn::Rate(rate)) => load.rate = rate,
            (Self::Objects(load), Turn::Rate(rate)) => load.rate = rate,
            (Self::Lists(load), Turn::Rate(rate)) => load.rate = rate,
            (Self::Watches(load), Turn::Count(count)) => load.count = count,
            (Self::Events(load), Turn::Rate(rate)) => load.rate = rate,
            (Self::Services(load), Turn::Rate(rate)) => load.rate = rate,
            (Self::Nodes(load), Turn::Count(count)) => load.count = count,
            (Self::Controllers(load), Turn::Count(count)) => load.count = count,
            _ => {}
        }
    }

    /// How long its objects live, where they are deleted.
    pub(crate) fn lifetime(&self) -> Option<Duration> {
        match self {
            Self::Pods(load) => Some(load.lifetime),
            Self::Objects(load) => load.lifetime,
            _ => None,
        }
    }

    /// Puts the lifetime elsewhere, where there is one.
    pub(crate) fn put_lifetime(&mut self, lifetime: Duration) {
        match self {
            Self::Pods(load) => load.lifetime = lifetime,
            Self::Objects(load) => load.lifetime = load.lifetime.map(|_| lifetime),
            _ => {}
        }
    }

    /// What it makes or changes with, where that takes a template.
    pub(crate) fn template(
        &self,
        run: &str,
        only: Option<OnlyVirtual>,
    ) -> Result<Option<Template>, TemplateError> {
        match self {
            Self::Pods(load) => Template::new(&load.manifest, run)?.pod(run, only).map(Some),
            Self::Objects(load) => match load.operation {
                Operation::Create | Operation::Update => {
                    Template::new(&load.manifest, run)?.labelled(run, only).map(Some)
                }
                Operation::Patch => Template::new(&load.manifest, run).map(Some),
                Operation::Get | Operation::Delete => Ok(None),
            },
            _ => Ok(None),
        }
    }

    /// The manifest, where it has one.
    pub(crate) fn manifest(&self) -> &str {
        match self {
            Self::Pods(load) => &load.manifest,
            Self::Objects(load) => &load.manifest,
            _ => "",
        }
    }

    /// What does not fit together, and how it would.
    pub(super) fn check(&self, inventory: &[InventorySpec]) -> Result<(), String> {
        match self {
            Self::Objects(load) => load.check(inventory),
            Self::Watches(WatchesLoad { slow_percent: 101.., name, .. }) => {
                Err(format!("slow-percent of {name} is of a hundred watchers"))
            }
            Self::Pods(_) | Self::Lists(_) | Self::Watches(_) => Ok(()),
            Self::Events(load) => load.check(inventory),
            Self::Services(load) => load.check(),
            Self::Nodes(load) => load.check(),
            Self::Controllers(load) => load.check(),
            Self::Maintenance(load) => load.check(),
        }
    }

    /// How long an operation may take that is not slow (method: pods, single objects and lists each have their own).
    pub(crate) fn limit(&self, criteria: &Criteria) -> Duration {
        match self {
            Self::Pods(load) => match load.until {
                Until::Bound => criteria.pod_bound,
                Until::Running => criteria.pod_startup,
            },
            Self::Objects(load) => load.done.as_ref().map_or(criteria.single, |done| done.within),
            Self::Lists(_) => criteria.list,
            Self::Watches(_) => criteria.watch_lag,
            Self::Nodes(load) => load.within,
            Self::Controllers(load) if load.kind == ControllerKind::Provisioner => criteria.pod_startup,
            Self::Events(_) | Self::Services(_) | Self::Controllers(_) => criteria.single,
            Self::Maintenance(load) => load.within,
        }
    }

    /// What an operation's time is called by which it is judged; nothing where an operation is one request, which is judged anyway.
    pub(crate) fn slow(&self) -> Option<&'static str> {
        match self {
            Self::Pods(load) => match load.until {
                Until::Bound => Some("bound"),
                Until::Running => Some("startup"),
            },
            Self::Objects(load) => load.done.is_some().then_some("done"),
            Self::Lists(_) | Self::Watches(_) | Self::Events(_) | Self::Services(_) => None,
            Self::Nodes(load) => Some(load.slow()),
            Self::Controllers(load) => load.slow(),
            Self::Maintenance(_) => Some("step"),
        }
    }
}

/// Whether there is the inventory that a load is of.
fn is_of(name: &str, of: &str, inventory: &[InventorySpec]) -> Result<(), String> {
    if inventory.iter().any(|it| it.name == of) {
        return Ok(());
    }
    let names = inventory.iter().map(|it| it.name.as_str());
    let nearest = profile::nearest(of, names).map(|it| format!("; did you mean `{it}`?"));
    Err(format!("{name} is of {of}, and no [[inventory]] is called so{}", nearest.unwrap_or_default()))
}

fn yes() -> bool {
    true
}

fn sixteen() -> u32 {
    16
}

fn hundred() -> u32 {
    100
}

fn whole() -> f64 {
    1.0
}
