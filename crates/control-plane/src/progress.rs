//! What is going on while a control plane is prepared, for whoever waits in front of it.

use std::{fmt, sync::Arc, time::Duration};

/// One report. Shown as a line; a terminal may draw the same facts as a bar.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// Something that takes a while has begun or goes on.
    Working {
        /// What, in words.
        what: String,
        /// For how long.
        elapsed: Duration,
    },
    /// A download goes on.
    Downloading {
        /// The address.
        what: String,
        /// Bytes so far.
        received: u64,
        /// Bytes in all, when the server says so.
        total: Option<u64>,
    },
    /// Something is finished.
    Done {
        /// What, in words.
        what: String,
        /// How long it took.
        elapsed: Duration,
    },
    /// Something worth knowing.
    Note(String),
}

/// Where reports go. Called from any thread; it must not block.
pub type ProgressSink = Arc<dyn Fn(Progress) + Send + Sync>;

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Working { what, elapsed } if elapsed.as_secs() == 0 => write!(f, "{what}"),
            Self::Working { what, elapsed } => write!(f, "{what} ({} so far)", Seconds(*elapsed)),
            Self::Downloading { what, received, total: Some(total) } => {
                write!(f, "downloading {what}: {} of {} MB", received / 1_000_000, total / 1_000_000)
            }
            Self::Downloading { what, received, total: None } => {
                write!(f, "downloading {what}: {} MB", received / 1_000_000)
            }
            Self::Done { what, elapsed } => write!(f, "{what} ({})", Seconds(*elapsed)),
            Self::Note(note) => f.write_str(note),
        }
    }
}

/// A duration as a person says it: `4.2 s`, `3 min 05 s`.
pub(crate) struct Seconds(pub(crate) Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            seconds @ 60.. => write!(f, "{} min {:02} s", seconds / 60, seconds % 60),
            _ => write!(f, "{:.1} s", self.0.as_secs_f64()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Progress;

    #[test]
    fn reads_like_a_sentence() {
        let check = |progress: Progress, expected: &str| assert_eq!(progress.to_string(), expected);
        let what = || "building etcd".to_owned();
        check(Progress::Working { what: what(), elapsed: Duration::ZERO }, "building etcd");
        check(
            Progress::Working { what: what(), elapsed: Duration::from_secs(185) },
            "building etcd (3 min 05 s so far)",
        );
        check(Progress::Done { what: what(), elapsed: Duration::from_millis(4210) }, "building etcd (4.2 s)");
        let (received, total) = (12_500_000, Some(70_000_000));
        check(
            Progress::Downloading { what: what(), received, total },
            "downloading building etcd: 12 of 70 MB",
        );
    }
}
