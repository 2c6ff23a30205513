//! What was kept, as it is read.

use std::sync::Arc;

use measure::metrics::{FamilyKind, Labels};

/// All that was kept of a run.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// In the order in which they were told first.
    pub families: Vec<KeptFamily>,
    /// The last line, from 1, where it was cut off by a crash: it is left out.
    pub cut: Option<usize>,
    /// When each source told last.
    pub(super) last: Vec<(String, f64)>,
    /// How many bytes of the file are whole lines.
    pub(super) whole: u64,
}

/// All series of one name.
#[derive(Clone, Debug)]
pub struct KeptFamily {
    /// As in the text format: that of a counter ends with `_total`.
    pub name: String,
    /// What kind it is.
    pub kind: FamilyKind,
    /// What it says.
    pub help: String,
    /// In the order in which they were told first: the buckets of a histogram one after the other.
    pub series: Vec<KeptSeries>,
}

/// One series over time.
#[derive(Clone, Debug)]
pub struct KeptSeries {
    /// The family's name, or that with `_bucket`, `_sum` or `_count`.
    pub name: String,
    /// By name, a bucket's `le` among them.
    pub labels: Labels,
    /// When its source told, seconds since 1970, ascending.
    pub(super) moments: Arc<[f64]>,
    /// The place among the moments at which it was something else than before; no value where it was not there any more.
    pub(super) changes: Vec<(usize, Option<f64>)>,
}

impl Kept {
    /// The family of this name.
    pub fn family(&self, name: &str) -> Option<&KeptFamily> {
        self.families.iter().find(|family| family.name == name)
    }
}

impl KeptSeries {
    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// When it was told, seconds since 1970, and what it was: at every moment of its source at which it was there, whether it had changed or
    /// not, as whoever had scraped it would have it.
    pub fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        self.changes.iter().enumerate().flat_map(|(place, (from, value))| {
            let until = self.changes.get(place + 1).map_or(self.moments.len(), |(next, _)| *next);
            let moments = self.moments.get(*from..until).unwrap_or_default();
            moments.iter().filter_map(move |unix| Some((*unix, (*value)?)))
        })
    }

    /// The first moments at which it was not there any more, seconds since 1970. It may have come back after each.
    pub fn gone(&self) -> impl Iterator<Item = f64> {
        let ends = self.changes.iter().filter(|(_, value)| value.is_none());
        ends.filter_map(|(at, _)| self.moments.get(*at).copied())
    }
}
