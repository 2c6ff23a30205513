//! What limited it: reads from the change of every component's metrics which resource of which component was used up.
//!
//! Each rule has a figure, in its unit, and a [`Threshold`] with the reason for it. The strongest comes first: what
//! is used up before what is slow before what merely waits (a queue is long because of something else), and among
//! those by how far the figure is past its threshold. CPU and seats can well stand together: one saturates because of
//! the other, and the list says both.

use std::{cmp::Ordering, fmt};

use crate::{
    change::Change,
    names::{self, Component},
    series::Scrape,
};

mod etcd;
mod queues;
mod seats;
mod thresholds;
mod throttling;

pub use thresholds::{Class, Resource, Threshold, Unit};
pub use throttling::{Throttling, throttling};

/// One process of the control plane in the window.
#[derive(Clone, Debug)]
pub struct Process {
    /// What it is.
    pub component: Component,
    /// What it is called in a finding, as `kube-apiserver-0`.
    pub name: String,
    /// What happened in the window.
    pub change: Change,
    /// How many CPUs it may use, if that is known: its CPU set, its cgroup's quota, `GOMAXPROCS`, or those of the
    /// machine.
    pub cpus: Option<f64>,
    /// Requests per second that its own clients may send (`--kube-api-qps`), if that is known; what has no limiter
    /// has none.
    pub client_qps: Option<f64>,
}

/// A resource and how much of it was in use.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Whose resource: a process by its name, or `machine`.
    pub component: String,
    /// Which resource.
    pub resource: Resource,
    /// Which of several: a priority level, a queue.
    pub part: Option<String>,
    /// The figure, in [`Threshold::unit`].
    pub figure: f64,
}

impl Process {
    /// From two scrapes and the seconds between them.
    pub fn new(component: Component, name: &str, before: &Scrape, after: &Scrape, seconds: f64) -> Self {
        let change = Change::between(before, after, seconds);
        Self { component, name: name.to_owned(), change, cpus: None, client_qps: None }
    }

    fn finding(&self, resource: Resource, part: Option<&str>, figure: f64) -> Finding {
        Finding { component: self.name.clone(), resource, part: part.map(str::to_owned), figure }
    }
}

impl Finding {
    /// What the figure is held against.
    pub fn threshold(&self) -> Threshold {
        self.resource.threshold()
    }

    /// Whether the figure is past the threshold.
    pub fn exceeded(&self) -> bool {
        self.figure > self.threshold().above
    }

    /// How far past its threshold the figure is, from 0 to 1: for a share of the way to 1 that is left; for anything
    /// else 0.5 is twice the threshold.
    fn severity(&self) -> f64 {
        let Threshold { above, unit, .. } = self.threshold();
        match unit {
            Unit::Share => (self.figure - above) / (1.0 - above),
            Unit::Seconds | Unit::Requests => 1.0 - above / self.figure,
        }
    }

    fn weaker_than(&self, other: &Self) -> Ordering {
        let class = self.threshold().class.cmp(&other.threshold().class);
        class.then_with(|| other.severity().total_cmp(&self.severity()))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.component, self.resource)?;
        if let Some(part) = &self.part {
            write!(out, " of {part}")?;
        }
        let Threshold { above, unit, .. } = self.threshold();
        write!(out, " {}, threshold {}", unit.show(self.figure), unit.show(above))
    }
}

/// Every figure that the metrics give, past its threshold or not, in no order. `machine_busy` is the share (0 to 1) of
/// all CPU time of the machine that was spent on anything.
pub fn figures(processes: &[Process], machine_busy: Option<f64>) -> Vec<Finding> {
    let machine = "machine".to_owned();
    let busy = |figure| Finding { component: machine, resource: Resource::MachineCpu, part: None, figure };
    let mut found: Vec<_> = machine_busy.map(busy).into_iter().collect();
    for process in processes {
        found.extend(cpu(process));
        match process.component {
            Component::Apiserver => found.extend(seats::figures(process)),
            Component::Etcd => found.extend(etcd::figures(process)),
            Component::Scheduler => found.extend(queues::scheduler(process)),
            Component::ControllerManager => found.extend(queues::controllers(process)),
        }
        let throttled = throttling(process).map(|throttling| throttling.share);
        found.extend(throttled.map(|share| process.finding(Resource::OwnLimiter, None, share)));
    }
    found.retain(|finding| finding.figure.is_finite());
    found
}

/// What limited it, the strongest first; empty if nothing here is past its threshold, and then it was something else.
pub fn findings(processes: &[Process], machine_busy: Option<f64>) -> Vec<Finding> {
    let mut found = figures(processes, machine_busy);
    found.retain(Finding::exceeded);
    found.sort_by(Finding::weaker_than);
    found
}

/// A component's CPU time over what it could have had.
fn cpu(process: &Process) -> Option<Finding> {
    let used = process.change.rate(&names::PROCESS_CPU, |_| true)?;
    Some(process.finding(Resource::Cpu, None, used / process.cpus?))
}

#[cfg(test)]
mod tests;
