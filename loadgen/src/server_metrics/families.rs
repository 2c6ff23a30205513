//! A reading as families, to be kept: the names and labels that a Prometheus would have that scraped the components.

use std::{borrow::Cow, collections::BTreeMap};

use measure::metrics::{Family, FamilyKind, Labels, Sample};
use report::exposition::Number;
use scrape::{
    names,
    series::{self, Histogram, Kind, Summary, Value},
};

use super::{Reading, program};

impl Reading {
    /// All that was read, with these labels of the run beside the components' own.
    pub(crate) fn families(&self, run: &Labels) -> Vec<Family> {
        let mut families: BTreeMap<&str, Family> = BTreeMap::new();
        for (component, process, scrape) in &self.scrapes {
            let mut common = run.clone();
            common.push(("instance".to_owned(), process.clone()));
            common.push(("job".to_owned(), program(*component).to_owned()));
            for (name, family) in scrape.families() {
                let to = families.entry(name).or_insert_with(|| empty(name, family.kind));
                for (labels, value) in &family.series {
                    Series { name, labels: labelled(&common, labels) }.add(value, &mut to.samples);
                }
            }
        }
        families.into_values().collect()
    }
}

fn empty(name: &str, kind: Kind) -> Family {
    let known = names::ALL.iter().find(|metric| metric.names().any(|own| own == name));
    let help = known.map_or("", |metric| metric.meaning).to_owned();
    let kind = match kind {
        Kind::Counter => FamilyKind::Counter,
        Kind::Gauge => FamilyKind::Gauge,
        Kind::Histogram => FamilyKind::Histogram,
        Kind::Summary => FamilyKind::Summary,
        Kind::Untyped => FamilyKind::Untyped,
    };
    Family { name: name.to_owned(), kind, help, samples: Vec::new() }
}

/// By name. What a component says of itself counts, as with `honor_labels`.
fn labelled(common: &Labels, own: &series::Labels) -> Labels {
    let others = common.iter().filter(|(name, _)| own.get(name).is_none()).cloned();
    let mut labels: Labels = own.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    labels.extend(others);
    labels.sort_unstable();
    labels
}

struct Series<'a> {
    name: &'a str,
    labels: Labels,
}

impl Series<'_> {
    fn add(&self, value: &Value, samples: &mut Vec<Sample>) {
        match value {
            Value::Number(value) => samples.push(self.sample("", None, *value)),
            Value::Histogram(histogram) => self.add_histogram(histogram, samples),
            Value::Summary(Summary { quantiles, sum, count }) => {
                let steps = quantiles.iter();
                samples.extend(steps.map(|(at, value)| self.sample("", Some(("quantile", *at)), *value)));
                self.add_whole(*sum, *count, samples);
            }
        }
    }

    fn add_histogram(&self, histogram: &Histogram, samples: &mut Vec<Sample>) {
        let buckets = histogram.buckets().iter();
        samples.extend(buckets.map(|it| self.sample("_bucket", Some(("le", it.upper)), it.count)));
        self.add_whole(histogram.sum, histogram.count, samples);
    }

    /// What is not told is NaN there, and is left out.
    fn add_whole(&self, sum: f64, count: f64, samples: &mut Vec<Sample>) {
        let told = [("_sum", sum), ("_count", count)].into_iter().filter(|(_, value)| !value.is_nan());
        samples.extend(told.map(|(suffix, value)| self.sample(suffix, None, value)));
    }

    fn sample(&self, suffix: &str, bound: Option<(&str, f64)>, value: f64) -> Sample {
        let mut labels = Cow::Borrowed(&self.labels);
        if let Some((name, bound)) = bound {
            let place = self.labels.partition_point(|(own, _)| own.as_str() < name);
            labels.to_mut().insert(place, (name.to_owned(), Number(bound).to_string()));
        }
        Sample { name: format!("{}{suffix}", self.name), labels: labels.into_owned(), value }
    }
}
