//! The components of a control plane one by one: which are up, and what one says when somebody asks.

use std::{fmt, pin::Pin};

use bytes::Bytes;
use control_plane::{MetricsSources, Processes};
use scrape::names::Component;
use wire::Client;

use super::{kind, of_apiserver, program};
use crate::{cells::Part, target::Target};

/// A component that is up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Instance {
    /// Its program, as Prometheus has a job for each.
    pub(crate) job: &'static str,
    /// The process, with its cell where there are several.
    pub(crate) name: String,
}

/// Version 0.0.4 of the Prometheus text format, or why there is none.
pub(crate) type Answer = Pin<Box<dyn Future<Output = Result<Bytes, String>> + Send>>;

/// Whoever knows components.
pub(crate) trait Components: fmt::Debug + Send + Sync {
    /// Those that are up now.
    fn up(&self) -> Vec<Instance>;

    /// Asks one of them what it says of itself. Nothing where none of this name is up. The answer does not hold on to the control plane.
    fn read(&self, name: &str) -> Option<Answer>;
}

/// Those of our control planes, one or one in each cell, over connections of their own.
#[derive(Debug)]
pub(crate) struct Ours(Vec<(Part, MetricsSources, Processes)>);

/// The apiserver of somebody else's, which is all that can be reached of it.
pub(crate) struct Theirs(Client);

/// The components of a target, to be asked from another runtime than the drivers'.
pub(crate) fn of(target: &Target) -> Result<Box<dyn Components>, control_plane::Error> {
    let apart = |(part, local): (Part, &control_plane::ControlPlane)| Ours::cell(part, local);
    let cells: Vec<_> = target.locals().map(apart).collect::<Result<_, _>>()?;
    if cells.is_empty() {
        return Ok(Box::new(Theirs(target.admin.sibling())));
    }
    Ok(Box::new(Ours(cells)))
}

impl Ours {
    /// Of one control plane.
    pub(crate) fn alone(local: &control_plane::ControlPlane) -> Result<Self, control_plane::Error> {
        Part::all(1).map(|part| Self::cell(part, local)).collect::<Result<_, _>>().map(Self)
    }

    fn cell(
        part: Part,
        local: &control_plane::ControlPlane,
    ) -> Result<(Part, MetricsSources, Processes), control_plane::Error> {
        Ok((part, local.metrics().apart()?, local.watch_processes()))
    }

    /// The sources of what is up, with what each is called.
    fn sources(&self) -> impl Iterator<Item = (Instance, &MetricsSources, &str)> {
        self.0.iter().flat_map(|(part, sources, processes)| {
            let running = processes.now();
            let up = sources
                .list()
                .iter()
                .filter(move |source| running.iter().any(|it| it.name == source.process));
            up.map(move |source| {
                let job = program(kind(source.component));
                (Instance { job, name: part.named(&source.process) }, sources, source.process.as_str())
            })
        })
    }
}

impl Components for Ours {
    fn up(&self) -> Vec<Instance> {
        self.sources().map(|(instance, ..)| instance).collect()
    }

    fn read(&self, name: &str) -> Option<Answer> {
        let (_, sources, process) = self.sources().find(|(instance, ..)| instance.name == name)?;
        let (sources, process) = (sources.clone(), process.to_owned());
        Some(Box::pin(async move {
            match sources.read(&process).await {
                Some(exposition) => exposition.text.map(Bytes::from),
                None => Err(format!("there is no {process}")),
            }
        }))
    }
}

impl Components for Theirs {
    fn up(&self) -> Vec<Instance> {
        let job = program(Component::Apiserver);
        vec![Instance { job, name: job.to_owned() }]
    }

    fn read(&self, name: &str) -> Option<Answer> {
        let admin = self.0.clone();
        (name == program(Component::Apiserver))
            .then(|| -> Answer { Box::pin(async move { of_apiserver(&admin).await }) })
    }
}

impl fmt::Debug for Theirs {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Theirs").finish_non_exhaustive()
    }
}
