//! A record of whatever kind it says that it is.

use std::path::Path;

use crate::{
    Error, RunRecord, SCHEMA_VERSION, SEARCH_SCHEMA_VERSION, SearchRecord,
    advice::{ADVICE_SCHEMA_VERSION, AdviceRecord},
    experiment::{self, ExperimentRecord},
    folder::{kind_of, read_json},
};

/// What a record's file is called in its folder, by kind.
pub const FILES: [&str; 4] = ["run.json", "search.json", "experiment.json", "advice.json"];

/// A record.
#[derive(Clone, Debug, PartialEq)]
pub enum AnyRecord {
    /// Of a run.
    Run(Box<RunRecord>),
    /// Of a search.
    Search(Box<SearchRecord>),
    /// Of an experiment.
    Experiment(Box<ExperimentRecord>),
    /// Of the test of a rule of advice.
    Advice(Box<AdviceRecord>),
}

impl AnyRecord {
    /// Reads a record's file, whatever it is called and wherever it lies.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where there is none; [`Error::Unreadable`] where it is cut off, or is not what a record is;
    /// [`Error::OtherRecord`] where it is of a kind or version that is not known.
    pub fn read(file: &Path) -> Result<Self, Error> {
        let (kind, version) = kind_of(file)?;
        Ok(match kind.as_str() {
            "run" => Self::Run(Box::new(read_json(file, "run", SCHEMA_VERSION)?)),
            "search" => Self::Search(Box::new(read_json(file, "search", SEARCH_SCHEMA_VERSION)?)),
            "experiment" => {
                Self::Experiment(Box::new(read_json(file, "experiment", experiment::SCHEMA_VERSION)?))
            }
            "advice" => Self::Advice(Box::new(read_json(file, "advice", ADVICE_SCHEMA_VERSION)?)),
            _ => {
                return Err(Error::OtherRecord {
                    path: file.to_owned(),
                    found: format!("{kind} of version {version}"),
                    wanted: "run, search, experiment or advice".to_owned(),
                });
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_file_is_of_the_kind_that_it_says() {
        let base = TempDir::new().unwrap();
        let file = base.path().join("01.json");
        let run = crate::run::tests::sample();
        fs::write(&file, serde_json::to_vec(&run).unwrap()).unwrap();
        assert_eq!(AnyRecord::read(&file).unwrap(), AnyRecord::Run(Box::new(run)));
    }

    #[test]
    fn what_is_no_record_is_told_with_its_name() {
        let base = TempDir::new().unwrap();
        let file = base.path().join("01.json");
        for (content, wanted) in [
            (r#"{"kind": "soak", "schema_version": 1}"#, "soak of version 1; needed is run, search"),
            (r#"{"kind": "run", "schema_version": 9}"#, "run of version 9; needed is run of version 1"),
            (r#"{"kind": "run", "sche"#, "is cut off or is no record"),
            (r#"{"kind": "run", "schema_version": 1}"#, "is cut off or is no record"),
        ] {
            fs::write(&file, content).unwrap();
            let error = AnyRecord::read(&file).unwrap_err().to_string();
            assert!(error.starts_with(&file.display().to_string()) && error.contains(wanted), "{error}");
        }
    }
}
