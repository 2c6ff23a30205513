//! `loadgen export`: a record as other tools read it.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::Context;
use report::{Record, export};

use crate::{
    cli::{ExportArgs, ExportForm},
    end::End,
    progress::tell,
};

/// What goes wrong with the record is the user's to mend; what goes wrong with the disk is not.
pub(crate) fn run(args: &ExportArgs) -> End {
    let made = match args.form {
        ExportForm::Openmetrics => return openmetrics(args),
        ExportForm::Perfdata => return perfdata(args),
        ExportForm::Junit => {
            Record::open(&args.record).map_err(export::Error::from).and_then(|it| export::junit(&it))
        }
        ExportForm::Csv => {
            Record::open(&args.record).map_err(export::Error::from).and_then(|it| export::csv(&it))
        }
    };
    let text = match made {
        Ok(text) => text,
        Err(error) => return failed(error),
    };
    end(write(args.out.as_deref(), |out| out.write_all(text.as_bytes()).map_err(export::Error::Write)))
}

/// As it is read, because it may be much.
fn openmetrics(args: &ExportArgs) -> End {
    let written = write(args.out.as_deref(), |out| export::openmetrics(&args.record, out));
    if let (Ok(()), Some(file)) = (&written, &args.out) {
        tell(&format!(
            "into a Prometheus that keeps what is this old (--storage.tsdb.retention.time) and starts with --query.lookback-delta={}:\n  \
             promtool tsdb create-blocks-from openmetrics {} DATA-DIR",
            export::LOOKBACK,
            file.display()
        ));
    }
    end(written)
}

fn perfdata(args: &ExportArgs) -> End {
    // clap has seen to it that it is there.
    let folder = args.out.as_deref().unwrap_or(Path::new("."));
    let files = Record::open(&args.record).map_err(export::Error::from).and_then(|it| export::perfdata(&it));
    let files = match files {
        Ok(files) => files,
        Err(error) => return failed(error),
    };
    let made = fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()));
    let written = made.and_then(|()| {
        files.iter().try_for_each(|file| {
            let content = file.content.as_bytes();
            write(Some(&folder.join(&file.name)), |out| out.write_all(content).map_err(export::Error::Write))
        })
    });
    end(written)
}

/// A file is there whole or not at all; a reader of stdout that has gone away is no error.
fn write(
    file: Option<&Path>,
    written_by: impl FnOnce(&mut dyn Write) -> Result<(), export::Error>,
) -> anyhow::Result<()> {
    let Some(path) = file else {
        return match written_by(&mut io::stdout().lock()) {
            Err(export::Error::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            done => Ok(done?),
        };
    };
    let beside = beside(path);
    let mut out = File::create(&beside).with_context(|| format!("cannot create {}", beside.display()))?;
    let filled = written_by(&mut out).map_err(anyhow::Error::from);
    let renamed = filled.and_then(|()| {
        fs::rename(&beside, path).with_context(|| format!("cannot rename the new file to {}", path.display()))
    });
    renamed.inspect_err(|_| {
        // The error says what went wrong; that the rest of it stays there as well would not help.
        let _ = fs::remove_file(&beside);
    })
}

fn beside(path: &Path) -> PathBuf {
    let mut beside: OsString = path.as_os_str().to_owned();
    beside.push(".tmp");
    beside.into()
}

fn end(written: anyhow::Result<()>) -> End {
    match written {
        Ok(()) => End::Done,
        Err(error) => match error.downcast::<export::Error>() {
            Ok(error) => failed(error),
            Err(error) => End::Failed(error),
        },
    }
}

fn failed(error: export::Error) -> End {
    match error {
        error @ (export::Error::Write(_) | export::Error::Table(_) | export::Error::Json(_)) => {
            End::Failed(error.into())
        }
        error => End::usage(error),
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_file_is_written_whole_or_not_at_all() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("it.csv");
        write(Some(&path), |out| out.write_all(b"old").map_err(export::Error::Write)).unwrap();
        let broken = write(Some(&path), |out| {
            out.write_all(b"half").map_err(export::Error::Write)?;
            Err(export::Error::NothingHeld)
        });
        assert!(broken.is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing half-finished is left");
    }

    #[test]
    fn what_is_no_record_is_a_mistake_of_usage() {
        let folder = TempDir::new().unwrap();
        for form in [ExportForm::Openmetrics, ExportForm::Perfdata, ExportForm::Junit, ExportForm::Csv] {
            let out = Some(folder.path().join("out"));
            let end = run(&ExportArgs { record: folder.path().to_owned(), form, out });
            assert!(
                matches!(&end, End::Usage(error) if error.to_string().contains("no record")),
                "{form:?}: {end:?}"
            );
        }
    }
}
