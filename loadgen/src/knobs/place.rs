//! Where a setting shows.

use std::fmt;

use profile::Component;
use record::experiment::Metric;
use scrape::series::Labels;

/// A place to look at.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Place {
    /// What processes of a component say of themselves.
    Said { of: Component, family: String, labels: Labels, figure: Figure },
    /// The value of a flag in their command line.
    Flag { of: Component, name: String },
    /// A variable of their environment.
    Variable { of: Component, name: String },
    /// A line of `/proc/PID/status`.
    Status { of: Component, field: String },
    /// A file that one of their flags names, and a JSON pointer into it; without one its hash.
    File { of: Component, flag: String, pointer: Option<String> },
    /// The type of the file system that the folder of a flag is on.
    Filesystem { of: Component, flag: String },
    /// What their cgroup lets them write.
    WriteIops { of: Component },
    /// A field of an object, by the object's path and a JSON pointer.
    Object { path: String, pointer: String },
    /// How many objects a list has.
    Count { path: String },
    /// How many processes of a component there are.
    Processes { of: Component },
    /// A figure of the trial itself.
    Measured(Metric),
}

/// What of a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Figure {
    /// The sum of the series.
    Sum,
    /// How much that grew since the load began.
    Increase,
    /// The values of this label.
    Label(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Said { of, family, labels, figure } => {
                match figure {
                    Figure::Sum => {}
                    Figure::Increase => f.write_str("increase of ")?,
                    Figure::Label(label) => write!(f, "{label} of ")?,
                }
                f.write_str(family)?;
                let pairs: Vec<String> =
                    labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
                if !pairs.is_empty() {
                    write!(f, "{{{}}}", pairs.join(","))?;
                }
                write!(f, " of {of}")
            }
            Self::Flag { of, name } => write!(f, "--{name} of {of}"),
            Self::Variable { of, name } => write!(f, "{name} in the environment of {of}"),
            Self::Status { of, field } => write!(f, "{field} of {of}"),
            Self::File { of, flag, pointer: Some(pointer) } => {
                write!(f, "{pointer} in the file of --{flag} of {of}")
            }
            Self::File { of, flag, pointer: None } => write!(f, "the file of --{flag} of {of}, hashed"),
            Self::Filesystem { of, flag } => write!(f, "file system of --{flag} of {of}"),
            Self::WriteIops { of } => write!(f, "writes per second of the cgroup of {of}"),
            Self::Object { path, pointer } => write!(f, "{pointer} of {path}"),
            Self::Count { path } => write!(f, "objects of {path}"),
            Self::Processes { of } => write!(f, "processes of {of}"),
            Self::Measured(metric) => f.write_str(metric.title()),
        }
    }
}
