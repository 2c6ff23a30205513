//! `series.jsonl`: what processes took, once a second, and what components said of themselves, every fifteen.

use std::{collections::BTreeMap, fs, path::Path};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Error;

/// The series of a run or a search.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// What each process took, by its name.
    pub processes: BTreeMap<String, Vec<Sample>>,
    /// What the components said.
    pub components: Vec<Reading>,
}

/// What a process had taken at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Seconds since the record's clock began.
    pub seconds: f64,
    /// CPU time since the process began, seconds.
    pub cpu_seconds: f64,
    /// Resident memory, bytes.
    pub rss_bytes: f64,
}

/// What the components said of themselves at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// Seconds since the record's clock began.
    pub seconds: f64,
    /// Figures by process; those that are of a time are of the time since the reading before.
    pub components: Map<String, Value>,
}

#[derive(Deserialize)]
struct Line {
    seconds: f64,
    #[serde(default)]
    processes: BTreeMap<String, Figures>,
    #[serde(default)]
    components: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct Figures {
    cpu_seconds: f64,
    rss_bytes: f64,
}

impl Series {
    /// Reads the file. A last line without an end is of a program that was killed, and is left out.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(path).map_err(|source| Error::read(path, source))?;
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let mut series = Self::default();
        for (number, line) in whole.lines().enumerate() {
            let line: Line = serde_json::from_str(line).map_err(|error| Error::Damaged {
                path: path.to_owned(),
                line: number + 1,
                problem: format!("this is no line of a series: {error}"),
            })?;
            series.add(line);
        }
        Ok(series)
    }

    fn add(&mut self, Line { seconds, processes, components }: Line) {
        for (name, Figures { cpu_seconds, rss_bytes }) in processes {
            self.processes.entry(name).or_default().push(Sample { seconds, cpu_seconds, rss_bytes });
        }
        if let Some(components) = components {
            self.components.push(Reading { seconds, components });
        }
    }
}
