//! The metrics that a run shows of itself while it goes on: what there is, declared once.
//!
//! `/metrics`, what a record keeps of it, the dashboards and `docs/metrics.md` all go by this table. Names have the prefix
//! `loadgen_` and base units (<https://prometheus.io/docs/practices/naming/>); no label has a value for each node or pod,
//! so the number of series depends on what a scenario does and not on how much of it.

mod family;
mod histogram;
mod labels;
mod table;

pub use family::{Family, FamilyKind, Labels, Sample};
pub use histogram::Histogram;
pub use labels::LABELS;
pub use table::*;

/// A metric of ours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Declared {
    /// Its name, with prefix and unit.
    pub name: &'static str,
    /// What kind it is.
    pub kind: FamilyKind,
    /// What it says: one sentence, with its unit where the name does not say it.
    pub help: &'static str,
    /// Its labels, beside [`EVERYWHERE`] and a bucket's `le`.
    pub labels: &'static [&'static str],
    /// Upper bounds of the buckets of a histogram, in its unit, without the infinite one; nothing of other kinds.
    pub buckets: &'static [f64],
}

/// Labels that all of our series have: the run, its scenario, and the profile that its control plane has at that moment.
pub const EVERYWHERE: &[&str] = &["run", "scenario", "profile"];

impl Declared {
    /// The family of it that has these series.
    pub fn family(&self, samples: Vec<Sample>) -> Family {
        Family { name: self.name.to_owned(), kind: self.kind, help: self.help.to_owned(), samples }
    }

    /// The unit of its values, in a word; nothing of a number of things.
    pub fn unit(&self) -> &'static str {
        let name = self.name.trim_end_matches("_total");
        ["seconds", "bytes", "ratio"].into_iter().find(|unit| name.ends_with(unit)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
