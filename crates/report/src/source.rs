//! What a record's folder holds: what pages, comments and files for other tools are made of.
//!
//! A folder has the record itself and, where they were kept, the latency histograms, the series and the records of its trials or
//! experiments. A record's file alone, as they are kept in `docs/evidence`, is a record without all that.

mod error;
mod latency;
mod series;

use std::{
    fs,
    path::{Path, PathBuf},
};

use record::{
    AnyRecord, FILES, RunRecord, SearchRecord,
    advice::AdviceRecord,
    experiment::ExperimentRecord,
    metrics::{self, Kept},
};

pub use self::{
    error::Error,
    latency::{Latencies, Tag},
    series::{Reading, Sample, Series},
};

/// A record with what lies beside it.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its folder; nothing where only the record's file was kept.
    pub folder: Option<PathBuf>,
    /// What it is of.
    pub holds: Holds,
}

/// What a record is of.
#[derive(Clone, Debug)]
pub enum Holds {
    /// One load, measured once.
    Run(Box<Run>),
    /// A search for the highest load that holds.
    Search(Box<Search>),
    /// Two arms compared.
    Experiment(Box<Experiment>),
    /// A rule of advice put to the test.
    Advice(Box<Advice>),
}

/// A run.
#[derive(Clone, Debug)]
pub struct Run {
    /// `run.json`.
    pub record: RunRecord,
    /// `latency.hlog`: the drivers' requests of the measured window.
    pub latency: Option<Latencies>,
    /// `fleet-latency.hlog`: the virtual nodes' requests of the measured window.
    pub fleet_latency: Option<Latencies>,
    /// `series.jsonl`.
    pub series: Option<Series>,
    /// `metrics.jsonl`.
    pub metrics: Option<Kept>,
}

/// A search.
#[derive(Clone, Debug)]
pub struct Search {
    /// `search.json`.
    pub record: SearchRecord,
    /// `series.jsonl`, of all that was tried.
    pub series: Option<Series>,
    /// `metrics.jsonl`, of all that was tried.
    pub metrics: Option<Kept>,
}

/// An experiment.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// `experiment.json`.
    pub record: ExperimentRecord,
    /// The records of its trials that are there, in the order of their folders.
    pub trials: Vec<Child>,
}

/// A test of a rule.
#[derive(Clone, Debug)]
pub struct Advice {
    /// `advice.json`.
    pub record: AdviceRecord,
    /// The records of its experiments that are there, in the order of the candidates.
    pub experiments: Vec<Child>,
}

/// A record that lies in the folder of another.
#[derive(Clone, Debug)]
pub struct Child {
    /// Where, relative to that folder: as the other record says it.
    pub path: String,
    /// Without its histograms, its series and the records in it: [`Record::open`] reads these.
    pub record: AnyRecord,
}

impl Record {
    /// Opens a record's folder, or the file of a record that was kept without one.
    ///
    /// # Errors
    ///
    /// [`Error::NoRecord`] where there is none; [`Error::Record`] where it cannot be read, is damaged, or is of a kind or version that is
    /// not known; [`Error::Damaged`] where that is so of something beside it. All of them name the file.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let (file, folder) = if path.is_dir() {
            (file_in(path).ok_or_else(|| Error::no_record(path))?, Some(path))
        } else {
            let is_named = path.file_name().is_some_and(|name| FILES.iter().any(|known| name == *known));
            let folder = path.parent().filter(|_| is_named);
            (
                path.to_owned(),
                folder.map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder }),
            )
        };
        let holds = match AnyRecord::read(&file)? {
            AnyRecord::Run(record) => Holds::Run(Box::new(Run {
                record: *record,
                latency: beside(folder, "latency.hlog", Latencies::read)?,
                fleet_latency: beside(folder, "fleet-latency.hlog", Latencies::read)?,
                series: beside(folder, "series.jsonl", Series::read)?,
                metrics: kept(folder)?,
            })),
            AnyRecord::Search(record) => {
                let series = beside(folder, "series.jsonl", Series::read)?;
                Holds::Search(Box::new(Search { record: *record, series, metrics: kept(folder)? }))
            }
            AnyRecord::Experiment(record) => {
                let paths = record.pairs.iter().flat_map(|pair| pair.trials.both()).map(|trial| &trial.path);
                let trials = children(folder, paths)?;
                Holds::Experiment(Box::new(Experiment { record: *record, trials }))
            }
            AnyRecord::Advice(record) => {
                let experiments = children(folder, record.tested.iter().map(|tested| &tested.folder))?;
                Holds::Advice(Box::new(Advice { record: *record, experiments }))
            }
        };
        Ok(Self { folder: folder.map(Path::to_owned), holds })
    }

    /// What the record is of, in a word.
    pub fn kind(&self) -> &'static str {
        match self.holds {
            Holds::Run(_) => "run",
            Holds::Search(_) => "search",
            Holds::Experiment(_) => "experiment",
            Holds::Advice(_) => "advice",
        }
    }

    /// Its name.
    pub fn id(&self) -> &str {
        match &self.holds {
            Holds::Run(run) => &run.record.run_id,
            Holds::Search(search) => &search.record.run_id,
            Holds::Experiment(experiment) => &experiment.record.run_id,
            Holds::Advice(advice) => &advice.record.run_id,
        }
    }
}

/// The record's file in a folder.
fn file_in(folder: &Path) -> Option<PathBuf> {
    FILES.iter().map(|name| folder.join(name)).find(|file| file.is_file())
}

/// What lies beside a record, where it is there.
fn beside<T>(
    folder: Option<&Path>,
    name: &str,
    read: impl FnOnce(&Path) -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    let file = folder.map(|folder| folder.join(name)).filter(|file| file.is_file());
    file.map(|file| read(&file)).transpose()
}

/// The metrics that were kept, where they were.
fn kept(folder: Option<&Path>) -> Result<Option<Kept>, Error> {
    beside(folder, metrics::FILE, |file| Ok(metrics::read(file.parent().unwrap_or(file))?))
}

/// The records in the folders of a folder, those that are there, each once.
fn children<'a>(folder: Option<&Path>, paths: impl Iterator<Item = &'a String>) -> Result<Vec<Child>, Error> {
    let Some(folder) = folder else { return Ok(Vec::new()) };
    let mut children: Vec<Child> = Vec::new();
    for path in paths {
        let known = children.iter().any(|child| child.path == *path);
        if let Some(file) = file_in(&folder.join(path)).filter(|_| !known) {
            children.push(Child { path: path.clone(), record: AnyRecord::read(&file)? });
        }
    }
    Ok(children)
}

/// The records in the folders of a folder, by name.
fn records_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut records: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir() && file_in(path).is_some())
        .collect();
    records.sort();
    records
}

#[cfg(test)]
mod tests;
