//! Looks at the settings of a trial while there is still something of its load.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use control_plane::{Exposition, ProcessInfo};
use profile::Component;
use record::experiment::Metric;
use scrape::{series::Scrape, started};

use super::{ABSENT, Figure, Knob, Place, read};
use crate::{cells, rights, target::Target};

/// Looks at the settings of one trial.
#[derive(Debug)]
pub(crate) struct Witness<'a> {
    knobs: &'a [Knob],
    /// What counters were when the nodes were ready, by knob.
    begun: Mutex<BTreeMap<String, f64>>,
    seen: Mutex<BTreeMap<String, String>>,
}

impl<'a> Witness<'a> {
    pub(crate) fn new(knobs: &'a [Knob]) -> Self {
        Self { knobs, begun: Mutex::default(), seen: Mutex::default() }
    }

    /// The load is about to begin.
    pub(crate) async fn begin(&self, target: &Target) {
        let counts = |knob: &&Knob| matches!(knob.place, Place::Said { figure: Figure::Increase, .. });
        if !self.knobs.iter().any(|knob| counts(&knob)) {
            return;
        }
        // What cannot be read now cannot be read later, and is told then.
        let Ok(said) = self.said(target).await else { return };
        let counted =
            self.knobs.iter().filter(counts).map(|knob| (knob.name.clone(), total(&said, &knob.place)));
        let begun = counted.map(|(name, total)| (name, total.unwrap_or_default())).collect();
        *self.begun.lock().unwrap_or_else(PoisonError::into_inner) = begun;
    }

    /// The window is over, and what was made is not gone yet. What cannot be seen is told in the place of a value, so that the arms are
    /// not found to differ by it.
    pub(crate) async fn look(&self, target: &Target, run: &str) {
        if self.knobs.is_empty() {
            return;
        }
        let said = self.said(target).await;
        let mut seen = BTreeMap::new();
        for knob in self.knobs {
            let value = match (&knob.place, &said) {
                (Place::Said { .. }, Err(error)) => format!("cannot be read: {error:#}"),
                (Place::Said { .. }, Ok(said)) => self.figure(knob, said),
                (place, _) => other(place, target, run).await,
            };
            seen.insert(knob.name.clone(), value);
        }
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
    }

    /// What was seen, with what the trial itself measured.
    pub(crate) fn seen(&self, values: &BTreeMap<Metric, f64>) -> BTreeMap<String, String> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for knob in self.knobs {
            if let Place::Measured(metric) = knob.place {
                let value = values.get(&metric).map_or_else(|| ABSENT.to_owned(), f64::to_string);
                seen.insert(knob.name.clone(), value);
            }
        }
        seen
    }

    async fn said(&self, target: &Target) -> anyhow::Result<Vec<(Component, Scrape)>> {
        let families = self.knobs.iter().filter_map(|knob| match &knob.place {
            Place::Said { family, .. } => Some(family.as_str()),
            _ => None,
        });
        let families: Vec<&str> = families.collect();
        if families.is_empty() {
            return Ok(Vec::new());
        }
        let mut expositions: Vec<Exposition> = Vec::new();
        for (_, local) in target.locals() {
            expositions.extend(local.metrics().read_all().await);
        }
        read::parse(&expositions, &families)
    }

    fn figure(&self, knob: &Knob, said: &[(Component, Scrape)]) -> String {
        let Place::Said { of, family, labels, figure } = &knob.place else { return ABSENT.to_owned() };
        let now = total(said, &knob.place);
        match figure {
            Figure::Label(name) => read::label(said, *of, family, labels, name),
            Figure::Sum => now.map_or_else(|| ABSENT.to_owned(), |total| total.to_string()),
            Figure::Increase => {
                let begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
                let before = begun.get(&knob.name).copied().unwrap_or_default();
                let now = now.unwrap_or_default();
                // A process that was started anew began at zero.
                (if now < before { now } else { now - before }).to_string()
            }
        }
    }
}

fn total(said: &[(Component, Scrape)], place: &Place) -> Option<f64> {
    let Place::Said { of, family, labels, .. } = place else { return None };
    read::total(said, *of, family, labels)
}

/// Of what is not said in metrics.
async fn other(place: &Place, target: &Target, run: &str) -> String {
    let processes = target.processes();
    let of = |component: Component| -> Vec<&ProcessInfo> {
        processes.iter().filter(|process| cells::is_of(&process.name, component)).collect()
    };
    let path = |path: &str| path.replace("{namespace}", &rights::namespace(run, 0)).replace("{run}", run);
    let answered =
        |answer: anyhow::Result<String>| answer.unwrap_or_else(|error| format!("cannot be read: {error:#}"));
    match place {
        Place::Flag { of: component, name } => read::of_each(&of(*component), |pid| started::flag(pid, name)),
        Place::Variable { of: component, name } => {
            read::of_each(&of(*component), |pid| started::variable(pid, name))
        }
        Place::Status { of: component, field } => {
            read::of_each(&of(*component), |pid| started::status(pid, field))
        }
        Place::File { of: component, flag, pointer } => {
            read::of_each(&of(*component), |pid| read::file(pid, flag, pointer.as_deref()))
        }
        Place::Filesystem { of: component, flag } => {
            read::of_each(&of(*component), |pid| read::filesystem(pid, flag))
        }
        Place::WriteIops { of: component } => {
            read::of_each(&of(*component), |pid| started::write_iops(pid).map(|limit| limit.to_string()))
        }
        Place::Processes { of: component } => of(*component).len().to_string(),
        Place::Object { path: object, pointer } => {
            answered(read::object(&target.admin, &path(object), pointer).await)
        }
        Place::Count { path: list } => answered(read::count(&target.admin, &path(list)).await),
        // Put in when the trial is over, or read with the metrics.
        Place::Measured(metric) => metric.title().to_owned(),
        Place::Said { .. } => ABSENT.to_owned(),
    }
}
