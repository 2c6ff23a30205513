//! A family of metrics with its values: what an exposition is made of.

/// What kind of metric a family is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FamilyKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by upper bounds, with a sum and a count.
    Histogram,
    /// Quantiles, with a sum and a count. None of ours.
    Summary,
    /// Not known, as of a series without a `TYPE` line.
    Untyped,
}

/// Labels with their values, in the order of their names.
pub type Labels = Vec<(String, String)>;

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The family's name, or that with `_bucket`, `_sum` or `_count`.
    pub name: String,
    /// A bucket's `le` among them.
    pub labels: Labels,
    /// In the unit of the family.
    pub value: f64,
}

/// All series of one name.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// As in Prometheus' text format: that of a counter ends with `_total`.
    pub name: String,
    /// What kind it is.
    pub kind: FamilyKind,
    /// What it says.
    pub help: String,
    /// Its values.
    pub samples: Vec<Sample>,
}

impl FamilyKind {
    /// As the text format says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
            Self::Untyped => "untyped",
        }
    }
}
