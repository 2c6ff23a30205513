//! Records as other tools read them: OpenMetrics, PerfData, JUnit, CSV.
//!
//! Each is a function of what lies in a record's folder, so an old record can be exported as a new one can. What a form has no place
//! for is left out and not bent into it.

mod junit;
mod openmetrics;
pub mod perfdata;
mod tables;

use std::{io, path::PathBuf};

use serde::Serialize;

pub use self::openmetrics::{LOOKBACK, openmetrics};
use crate::{Holds, Record};

/// A record cannot be exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no record, or it cannot be read.
    #[error(transparent)]
    Source(#[from] crate::Error),
    /// What was kept of the metrics cannot be read.
    #[error(transparent)]
    Record(#[from] record::Error),
    /// The metrics were not kept, as before there were any.
    #[error("{} has no metrics.jsonl: it was made by a version that did not keep metrics, and they cannot be made afterwards", folder.display())]
    NoMetrics {
        /// The record's folder.
        folder: PathBuf,
    },
    /// Metrics lie with the record that was asked for, not with what is in it.
    #[error("{} has no metrics.jsonl; those of the whole {kind} are in {}", folder.display(), outer.display())]
    MetricsOutside {
        /// The record's folder.
        folder: PathBuf,
        /// Of what that one is a part.
        kind: &'static str,
        /// The folder that has them.
        outer: PathBuf,
    },
    /// The form has no place for a record of this kind.
    #[error("{form} is made of {of}, and this is the record of {kind}: {instead}")]
    NotOfThis {
        /// The form.
        form: &'static str,
        /// What it can be made of.
        of: &'static str,
        /// What this is.
        kind: &'static str,
        /// What to export instead.
        instead: String,
    },
    /// A search in which nothing held has no figures of a load that did.
    #[error("nothing held in this search, so there is no load of which perfdata could be")]
    NothingHeld,
    /// A table cannot be made.
    #[error("cannot make the table")]
    Table(#[from] csv::Error),
    /// Something cannot be expressed in JSON.
    #[error("cannot make the JSON")]
    Json(#[from] serde_json::Error),
    /// What comes out cannot be written.
    #[error("cannot write it")]
    Write(#[source] io::Error),
}

/// A file that an export makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Without a folder.
    pub name: String,
    /// All of it.
    pub content: String,
}

/// Latencies as `ClusterLoader2` leaves them: see [`mod@perfdata`].
///
/// # Errors
///
/// [`Error::NotOfThis`] of an experiment or a rule of advice; [`Error::NothingHeld`].
pub fn perfdata(record: &Record) -> Result<Vec<File>, Error> {
    match &record.holds {
        Holds::Run(run) => perfdata::of_run(&run.record),
        Holds::Search(search) => perfdata::of_search(&search.record)?.ok_or(Error::NothingHeld),
        Holds::Experiment(_) | Holds::Advice(_) => Err(not_of("perfdata", "a run or a search", record)),
    }
}

/// Criteria, answers and verdicts as test cases, in XML.
///
/// # Errors
///
/// [`Error::NotOfThis`] of a rule of advice.
pub fn junit(record: &Record) -> Result<String, Error> {
    match &record.holds {
        Holds::Run(run) => junit::of_run(&run.record),
        Holds::Search(search) => junit::of_search(&search.record),
        Holds::Experiment(experiment) => junit::of_experiment(&experiment.record),
        Holds::Advice(_) => return Err(not_of("junit", "a run, a search or an experiment", record)),
    }
    .xml()
}

/// One table.
///
/// # Errors
///
/// [`Error::NotOfThis`] of a rule of advice.
pub fn csv(record: &Record) -> Result<String, Error> {
    match &record.holds {
        Holds::Run(run) => tables::of_run(&run.record),
        Holds::Search(search) => tables::of_search(&search.record),
        Holds::Experiment(experiment) => tables::of_experiment(&experiment.record),
        Holds::Advice(_) => Err(not_of("csv", "a run, a search or an experiment", record)),
    }
}

fn not_of(form: &'static str, of: &'static str, record: &Record) -> Error {
    let children: &[crate::Child] = match &record.holds {
        Holds::Run(_) | Holds::Search(_) => &[],
        Holds::Experiment(experiment) => experiment.trials.as_slice(),
        Holds::Advice(advice) => advice.experiments.as_slice(),
    };
    let instead = match (children.first(), &record.folder) {
        (Some(child), Some(folder)) => format!("export {}", folder.join(&child.path).display()),
        _ => "export one of the records that it is made of".to_owned(),
    };
    let kind = match &record.holds {
        Holds::Run(_) => "a run",
        Holds::Search(_) => "a search",
        Holds::Experiment(_) => "an experiment",
        Holds::Advice(_) => "a rule of advice",
    };
    Error::NotOfThis { form, of, kind, instead }
}

/// A word of our vocabulary, as it is in records: of an enum that is written as one.
fn word(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).ok();
    value.as_ref().and_then(|value| value.as_str()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
