//! What can go wrong while a record is opened.

use std::path::{Path, PathBuf};

use record::FILES;

use super::records_in;

/// A record cannot be shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A folder that is none of a record.
    #[error("there is no record in {}: it has none of {}{hint}", path.display(), FILES.join(", "))]
    NoRecord {
        /// The folder.
        path: PathBuf,
        /// Where there is one.
        hint: String,
    },
    /// The record itself.
    #[error(transparent)]
    Record(#[from] record::Error),
    /// A file beside it is not what it ought to be.
    #[error("{}:{line}: {problem}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
}

impl Error {
    /// Of a folder, with the newest record in a folder of it: a user may have named one too few.
    pub(super) fn no_record(path: &Path) -> Self {
        let hint = match records_in(path).last() {
            Some(record) => format!("; there is one in {}", record.display()),
            None => String::new(),
        };
        Self::NoRecord { path: path.to_owned(), hint }
    }

    /// Of a file that cannot be read at all.
    pub(super) fn read(path: &Path, source: std::io::Error) -> Self {
        record::Error::Io { action: "read", path: path.to_owned(), source }.into()
    }
}
