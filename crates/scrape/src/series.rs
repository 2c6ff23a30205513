//! Series as they are at one moment: families of numbers, histograms and summaries, told apart by their labels.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

mod histogram;
mod render;

pub use histogram::{Bucket, Histogram};

/// What kind of metric a family says it is (`# TYPE`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only goes up, until its process starts anew.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts of observations by upper bound.
    Histogram,
    /// Quantiles that the process has computed itself.
    Summary,
    /// It does not say.
    Untyped,
}

/// The labels of one series, in the order of their names. Clones share the text.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels(Box<[(Arc<str>, Arc<str>)]>);

/// What a series has to say.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A counter, a gauge or untyped.
    Number(f64),
    /// A histogram.
    Histogram(Histogram),
    /// A summary.
    Summary(Summary),
}

/// Quantiles over a time window of the process's own choosing, so two of them cannot be put together; and sums.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Quantile (0 to 1) and its value, ascending.
    pub quantiles: Vec<(f64, f64)>,
    /// Sum of what was observed.
    pub sum: f64,
    /// How often something was observed.
    pub count: f64,
}

/// All series of one name.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// What the family says it is.
    pub kind: Kind,
    /// Its series. A histogram is one of them, whatever number of lines it took.
    pub series: BTreeMap<Labels, Value>,
}

/// What one component said at one moment, or ([`crate::change`]) what it counted between two.
///
/// [`fmt::Display`] writes it in the text format again.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scrape {
    pub(crate) families: BTreeMap<Box<str>, Family>,
}

impl Labels {
    /// Sorts them by name; of two with one name the first counts.
    pub fn new(labels: impl IntoIterator<Item = (Arc<str>, Arc<str>)>) -> Self {
        let mut labels: Vec<_> = labels.into_iter().collect();
        labels.sort_by(|(one, _), (other, _)| one.cmp(other));
        labels.dedup_by(|(second, _), (first, _)| second == first);
        Self(labels.into())
    }

    /// The value of a label; an absent one is none, where Prometheus has the empty string.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| &**own == name).map(|(_, value)| &**value)
    }

    /// Whether the label has this value.
    pub fn is(&self, name: &str, value: &str) -> bool {
        self.get(name) == Some(value)
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Family {
    /// A family without series.
    pub fn new(kind: Kind) -> Self {
        Self { kind, series: BTreeMap::new() }
    }

    /// The numbers of the chosen series, added up. None if none of them is there, which is not the same as zero.
    pub fn total(&self, mut chosen: impl FnMut(&Labels) -> bool) -> Option<f64> {
        let numbers = self.series.iter().filter_map(|(labels, value)| match value {
            Value::Number(number) if chosen(labels) => Some(*number),
            _ => None,
        });
        numbers.fold(None, |sum, number| Some(sum.unwrap_or(0.0) + number))
    }

    /// The chosen histograms, put together: `sum by (le)`.
    pub fn histogram(&self, mut chosen: impl FnMut(&Labels) -> bool) -> Option<Histogram> {
        let mut merged: Option<Histogram> = None;
        for (labels, value) in &self.series {
            let Value::Histogram(one) = value else { continue };
            if !chosen(labels) {
                continue;
            }
            match &mut merged {
                Some(merged) => merged.merge(one),
                None => merged = Some(one.clone()),
            }
        }
        merged
    }

    /// Every value that a label has.
    pub fn values_of(&self, label: &str) -> BTreeSet<&str> {
        self.series.keys().filter_map(|labels| labels.get(label)).collect()
    }
}

impl Scrape {
    /// One without families.
    pub fn new() -> Self {
        Self::default()
    }

    /// The family of exactly this name.
    pub fn family(&self, name: &str) -> Option<&Family> {
        self.families.get(name)
    }

    /// All families by name.
    pub fn families(&self) -> impl Iterator<Item = (&str, &Family)> {
        self.families.iter().map(|(name, family)| (&**name, family))
    }

    /// Puts a family in the place of what had its name.
    pub fn insert(&mut self, name: &str, family: Family) {
        self.families.insert(name.into(), family);
    }

    /// How many series there are; a histogram is one.
    pub fn len(&self) -> usize {
        self.families.values().map(|family| family.series.len()).sum()
    }

    /// Whether there is no series.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// When the process was started, seconds since 1970, if `process_start_time_seconds` is among the families.
    pub fn started(&self) -> Option<f64> {
        self.family("process_start_time_seconds")?.total(|_| true)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
            Self::Untyped => "untyped",
        })
    }
}
