//! The metrics that say how a control plane does: what each means, who serves it, and what older versions call it.
//!
//! A name is the newest that is known. All were read in the sources of Kubernetes 1.34, 1.35 and 1.36 and of etcd
//! 3.5, 3.6 and 3.7, what only Kubernetes 1.37 has is marked so; and a test holds the table against what a 1.36
//! control plane really serves.

use crate::series::{Family, Kind, Labels, Scrape};

mod table;

pub use table::*;

/// A part of a control plane that serves metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// kube-apiserver.
    Apiserver,
    /// etcd.
    Etcd,
    /// kube-scheduler.
    Scheduler,
    /// kube-controller-manager.
    ControllerManager,
}

impl Component {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Apiserver, Self::Etcd, Self::Scheduler, Self::ControllerManager];
}

/// What is promised about a metric: for Kubernetes the mark in its help text, as of 1.36.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stability {
    /// May change with any version.
    Alpha,
    /// Its labels may only grow.
    Beta,
    /// Changes only after a deprecation.
    Stable,
    /// There is no mark: etcd's (those without `debugging` in the name are kept by convention) and those of Go's library.
    Unmarked,
}

/// Where a metric can be expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// In every scrape of a component that has worked for a moment.
    Always,
    /// Once what it counts has happened.
    OnceItHappened,
    /// Not before this version of the component.
    Since(&'static str),
}

/// What a metric, or a label of one, was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Former {
    /// The name it has now; for a metric its own.
    pub now: &'static str,
    /// The name it had.
    pub then: &'static str,
    /// The last version in which only that was there.
    pub until: &'static str,
}

/// One metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name in the newest version.
    pub name: &'static str,
    /// Who serves it.
    pub components: &'static [Component],
    /// What kind it is.
    pub kind: Kind,
    /// What is promised about it.
    pub stability: Stability,
    /// Where it can be expected.
    pub presence: Presence,
    /// Its labels, beside those of a bucket or quantile.
    pub labels: &'static [&'static str],
    /// What it says, with its unit.
    pub meaning: &'static str,
    /// What the metric was called.
    pub former_names: &'static [Former],
    /// What its labels were called.
    pub former_labels: &'static [Former],
}

impl Metric {
    /// All names that it has or had, the newest first.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.former_names.iter().map(|former| former.then))
    }

    /// The family in a scrape of whichever version: under the newest name that is there.
    pub fn find<'a>(&self, scrape: &'a Scrape) -> Option<&'a Family> {
        self.names().find_map(|name| scrape.family(name))
    }

    /// The value of one of its labels in a series of whichever version.
    pub fn label<'a>(&self, labels: &'a Labels, name: &str) -> Option<&'a str> {
        let former = self.former_labels.iter().filter(|former| former.now == name);
        labels.get(name).or_else(|| former.map(|former| former.then).find_map(|then| labels.get(then)))
    }
}

/// Whether a family of this name is one of the table: what to keep of a scrape ([`crate::exposition::Parser::new`]).
pub fn wanted(name: &str) -> bool {
    ALL.iter().any(|metric| metric.names().any(|own| own == name))
}
