//! What can go wrong while a record is written or read.

use std::{io, path::PathBuf};

/// A record could not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be written or read.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// There is a record of this name already.
    #[error("there is a record at {} already; records are never overwritten", path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// Something cannot be expressed in JSON.
    #[error("cannot write {} as JSON", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What the serializer said.
        #[source]
        source: serde_json::Error,
    },
    /// A file is cut off, or is not what a record is.
    #[error("{} is cut off or is no record", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// A line of a file is not what such files have.
    #[error("{}:{line}:{column}: {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Where in it, from 1.
        column: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A record of something else, or of a version that this program does not know.
    #[error("{} is a record of kind {found}; needed is {wanted}", path.display())]
    OtherRecord {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: String,
        /// What was looked for.
        wanted: String,
    },
    /// A histogram could not be encoded.
    #[error("cannot encode the histogram {tag}: {problem}")]
    Histogram {
        /// Its tag.
        tag: String,
        /// What the encoder said.
        problem: String,
    },
}
