//! What can go wrong while a record is written or read.

use std::{io, path::PathBuf};

/// A record could not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be written.
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
    /// There is no such file.
    #[error("there is no {}; the folder is not such a record", path.display())]
    NotARecord {
        /// The file.
        path: PathBuf,
    },
    /// A file is cut off, or is of something else.
    #[error("{} cannot be read as a record: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// A record of another version of the program.
    #[error("the record in {} has layout {version}, and this program reads {known}", path.display())]
    Version {
        /// The folder.
        path: PathBuf,
        /// Its layout.
        version: u32,
        /// Ours.
        known: u32,
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
