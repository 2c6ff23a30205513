//! The folder of one record. A file is there whole or not at all; only the series grow.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Error, Interval, RunRecord, SearchRecord, hlog, metrics};

/// A record's folder, open for writing.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

/// `series.jsonl`, open for appending.
#[derive(Debug)]
pub struct Series {
    path: PathBuf,
    file: File,
}

/// Whose requests a latency log holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The drivers': `latency.hlog`.
    Drivers,
    /// The virtual nodes': `fleet-latency.hlog`.
    Fleet,
}

impl Folder {
    /// Makes `base/run_id` and `logs` in it. A folder that is there already is never touched.
    pub fn create(base: &Path, run_id: &str) -> Result<Self, Error> {
        fs::create_dir_all(base).map_err(failed("make the folder", base))?;
        let path = base.join(run_id);
        fs::create_dir(&path).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => Error::Exists { path: path.clone() },
            _ => failed("make the folder", &path)(source),
        })?;
        let folder = Self { path };
        let logs = folder.logs_dir();
        fs::create_dir(&logs).map_err(failed("make the folder", &logs))?;
        Ok(folder)
    }

    /// A folder that is there already, to go on with what is in it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where there is no such folder.
    pub fn open(path: &Path) -> Result<Self, Error> {
        fs::read_dir(path).map_err(failed("open the folder", path))?;
        Ok(Self { path: path.to_owned() })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the logs of the components go.
    pub fn logs_dir(&self) -> PathBuf {
        self.path.join("logs")
    }

    /// Writes `run.json`, in place of an earlier one.
    pub fn write_run(&self, run: &RunRecord) -> Result<(), Error> {
        write_json(&self.path.join("run.json"), run)
    }

    /// Writes `search.json`, in place of an earlier one.
    pub fn write_search(&self, search: &SearchRecord) -> Result<(), Error> {
        write_json(&self.path.join("search.json"), search)
    }

    /// Opens `series.jsonl`, which grows while the run goes on.
    pub fn series(&self) -> Result<Series, Error> {
        let path = self.path.join("series.jsonl");
        let file = OpenOptions::new().create(true).append(true).open(&path).map_err(failed("open", &path))?;
        Ok(Series { path, file })
    }

    /// Opens `metrics.jsonl`, which grows while the run goes on.
    ///
    /// # Errors
    ///
    /// Where it cannot be opened, or is there and is something else.
    pub fn metrics(&self) -> Result<metrics::Writer, Error> {
        metrics::Writer::create(&self.path.join(metrics::FILE))
    }

    /// Writes the latency log of one side, in place of an earlier one. `base` is the moment that intervals count from.
    pub fn write_hlog(&self, side: Side, base: Timestamp, intervals: &[Interval<'_>]) -> Result<(), Error> {
        let name = match side {
            Side::Drivers => "latency.hlog",
            Side::Fleet => "fleet-latency.hlog",
        };
        write_whole(&self.path.join(name), &hlog::render(base, intervals)?)
    }
}

impl Series {
    /// Appends one line.
    pub fn append(&mut self, line: &impl Serialize) -> Result<(), Error> {
        let mut json =
            serde_json::to_vec(line).map_err(|source| Error::Json { path: self.path.clone(), source })?;
        json.push(b'\n');
        // One write for the whole line, so that a reader or a crash meets whole lines.
        self.file.write_all(&json).map_err(failed("append to", &self.path))
    }
}

/// Writes one record, in place of an earlier one.
pub(crate) fn write_json(path: &Path, record: &impl Serialize) -> Result<(), Error> {
    let mut json =
        serde_json::to_vec_pretty(record).map_err(|source| Error::Json { path: path.to_owned(), source })?;
    json.push(b'\n');
    write_whole(path, &json)
}

/// What every record begins with. A record of another version has other fields, so this is looked at first.
#[derive(Deserialize)]
struct Head {
    schema_version: u32,
    kind: String,
}

/// Of which kind a record says that it is.
pub(crate) fn kind_of(path: &Path) -> Result<(String, u32), Error> {
    let json = fs::read(path).map_err(failed("read", path))?;
    let head: Head = serde_json::from_slice(&json)
        .map_err(|source| Error::Unreadable { path: path.to_owned(), source })?;
    Ok((head.kind, head.schema_version))
}

/// Reads one record of this kind and version.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path, kind: &str, version: u32) -> Result<T, Error> {
    let json = fs::read(path).map_err(failed("read", path))?;
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    let head: Head = serde_json::from_slice(&json).map_err(unreadable)?;
    if head.kind != kind || head.schema_version != version {
        return Err(Error::OtherRecord {
            path: path.to_owned(),
            found: format!("{} of version {}", head.kind, head.schema_version),
            wanted: format!("{kind} of version {version}"),
        });
    }
    serde_json::from_slice(&json).map_err(unreadable)
}

/// Writes beside the file, then renames: whoever looks sees the old contents or the new.
fn write_whole(path: &Path, contents: &[u8]) -> Result<(), Error> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".tmp");
    let beside = PathBuf::from(beside);
    let mut file = File::create(&beside).map_err(failed("create", &beside))?;
    file.write_all(contents).and_then(|()| file.sync_all()).map_err(failed("write", &beside))?;
    fs::rename(&beside, path).map_err(failed("rename the new file to", path))
}

fn failed(action: &'static str, path: &Path) -> impl Fn(io::Error) -> Error + use<> {
    let path = path.to_owned();
    move |source| Error::Io { action, path: path.clone(), source }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use measure::{Kind, Nanos, Outcome, Recorder};
    use serde_json::json;
    use tempfile::TempDir;

    use super::*;
    use crate::run::tests::sample;

    fn names(path: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_record_is_a_folder_of_whole_files() {
        let base = TempDir::new().unwrap();
        let folder = Folder::create(&base.path().join("not/there/yet"), "run-1").unwrap();
        let mut run = sample();
        folder.write_run(&run).unwrap();
        run.seed = 99;
        folder.write_run(&run).unwrap();
        let mut series = folder.series().unwrap();
        series.append(&json!({"t": 1})).unwrap();
        series.append(&json!({"t": 2})).unwrap();
        let mut recorder = Recorder::new();
        recorder.record(Kind::new("get", "pods"), Nanos(0), Nanos(0), Nanos(9000), Outcome::Ok);
        let interval =
            Interval { start: Duration::ZERO, length: Duration::from_secs(1), recorder: &recorder };
        folder.write_hlog(Side::Drivers, Timestamp::UNIX_EPOCH, &[interval]).unwrap();
        folder.write_hlog(Side::Fleet, Timestamp::UNIX_EPOCH, &[]).unwrap();

        assert_eq!(
            names(folder.path()),
            ["fleet-latency.hlog", "latency.hlog", "logs", "run.json", "series.jsonl"]
        );
        let read = |name| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(serde_json::from_str::<RunRecord>(&read("run.json")).unwrap(), run);
        assert_eq!(read("series.jsonl"), "{\"t\":1}\n{\"t\":2}\n");
        assert!(read("latency.hlog").contains("Tag=response:get:pods,"));
    }

    #[test]
    fn a_record_that_is_there_is_never_overwritten() {
        let base = TempDir::new().unwrap();
        Folder::create(base.path(), "run-1").unwrap();
        let error = Folder::create(base.path(), "run-1").unwrap_err();
        assert!(matches!(&error, Error::Exists { path } if *path == base.path().join("run-1")), "{error}");
    }

    #[test]
    fn an_error_names_the_folder_that_cannot_be_made() {
        let base = TempDir::new().unwrap();
        let file = base.path().join("file");
        fs::write(&file, "").unwrap();
        let error = Folder::create(&file, "run-1").unwrap_err().to_string();
        assert_eq!(error, format!("cannot make the folder {}", file.display()));
    }
}
