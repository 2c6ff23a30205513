//! The family that is being read: puts the lines of one series together.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{Fault, line};
use crate::series::{Bucket, Family, Histogram, Kind, Labels, Summary, Value};

/// The family that the lines belong to.
pub(super) struct Current {
    name: String,
    kind: Kind,
    wanted: bool,
    series: HashMap<Labels, Unfinished>,
    open: Option<Open>,
}

/// The series that the last line belonged to: the lines of a histogram mostly come one after the other.
struct Open {
    /// Its labels as they were written, without that of the bound.
    text: String,
    labels: Labels,
    value: Unfinished,
}

#[derive(Clone, Debug, Default)]
struct Unfinished {
    /// Bounds and counts, or quantiles and values.
    steps: Vec<(f64, f64)>,
    number: Option<f64>,
    sum: Option<f64>,
    count: Option<f64>,
}

/// What of a series a line tells.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Number,
    Step,
    Sum,
    Count,
}

impl Current {
    pub(super) fn new(name: &str, kind: Kind, wanted: bool) -> Self {
        Self { name: name.to_owned(), kind, wanted, series: HashMap::new(), open: None }
    }

    pub(super) fn wanted(&self) -> bool {
        self.wanted
    }

    /// Its name and all of it.
    pub(super) fn finish(mut self) -> (String, Family) {
        self.settle();
        let kind = self.kind;
        let series = self.series.into_iter().map(|(labels, value)| (labels, value.finish(kind)));
        (self.name, Family { kind, series: series.collect() })
    }

    /// What a line of this name tells of this family; none if it belongs to another.
    pub(super) fn part(&self, name: &str) -> Option<Part> {
        let suffix = name.strip_prefix(self.name.as_str())?;
        match (self.kind, suffix) {
            (Kind::Histogram, "_bucket") | (Kind::Summary, "") => Some(Part::Step),
            (Kind::Histogram | Kind::Summary, "_sum") => Some(Part::Sum),
            (Kind::Histogram | Kind::Summary, "_count") => Some(Part::Count),
            (Kind::Counter | Kind::Gauge | Kind::Untyped, "") => Some(Part::Number),
            _ => None,
        }
    }

    /// Takes what stands after the name.
    pub(super) fn add(
        &mut self,
        part: Part,
        rest: &[u8],
        strings: &mut HashSet<Arc<str>>,
    ) -> Result<(), Fault> {
        let rest = std::str::from_utf8(rest).map_err(|_| Fault::Encoding)?;
        let (text, rest) = line::braces(rest)?;
        let value = line::value(rest)?;
        let bound = if self.kind == Kind::Summary { "quantile" } else { "le" };
        let mut step = None;
        let mut own = text;
        if part == Part::Step
            && let Some((others, last)) = line::split_last(text, bound)
        {
            step = Some(line::number(last)?);
            own = others;
        }
        if self.open.as_ref().is_none_or(|open| open.text != own || (part == Part::Step && step.is_none())) {
            let labels = read_labels(own, (part == Part::Step).then_some(bound), &mut step, strings)?;
            self.settle();
            self.open = Some(Open { text: own.to_owned(), labels, value: Unfinished::default() });
        }
        let unfinished = match &mut self.open {
            Some(open) => &mut open.value,
            None => return Ok(()),
        };
        match part {
            Part::Number => unfinished.number = Some(value),
            Part::Step => unfinished.steps.push((step.ok_or(Fault::Bound(bound))?, value)),
            Part::Sum => unfinished.sum = Some(value),
            Part::Count => unfinished.count = Some(value),
        }
        Ok(())
    }

    /// Files the open series with what other lines said of it before.
    fn settle(&mut self) {
        let Some(Open { labels, mut value, .. }) = self.open.take() else { return };
        let filed = self.series.entry(labels).or_default();
        filed.steps.append(&mut value.steps);
        filed.number = value.number.or(filed.number);
        filed.sum = value.sum.or(filed.sum);
        filed.count = value.count.or(filed.count);
    }
}

/// The labels, each text once; a `bound` that does not stand last is among them and goes to `step`.
fn read_labels(
    text: &str,
    bound: Option<&str>,
    step: &mut Option<f64>,
    strings: &mut HashSet<Arc<str>>,
) -> Result<Labels, Fault> {
    let mut labels = Vec::new();
    for label in line::labels(text) {
        let (name, value) = label?;
        if bound == Some(name) {
            *step = Some(line::number(&value)?);
        } else {
            labels.push((intern(strings, name), intern(strings, &value)));
        }
    }
    Ok(Labels::new(labels))
}

fn intern(strings: &mut HashSet<Arc<str>>, text: &str) -> Arc<str> {
    if let Some(known) = strings.get(text) {
        return Arc::clone(known);
    }
    let new: Arc<str> = text.into();
    strings.insert(Arc::clone(&new));
    new
}

impl Unfinished {
    /// A histogram or summary that does not tell its sum has none (NaN); one that does not tell its count has that of its
    /// last bucket.
    fn finish(self, kind: Kind) -> Value {
        let sum = self.sum.unwrap_or(f64::NAN);
        match kind {
            Kind::Histogram => {
                let steps = self.steps.into_iter();
                let buckets: Vec<_> = steps.map(|(upper, count)| Bucket { upper, count }).collect();
                let highest = buckets.iter().map(|bucket| bucket.count).fold(0.0, f64::max);
                Value::Histogram(Histogram::new(buckets, sum, self.count.unwrap_or(highest)))
            }
            Kind::Summary => {
                let mut quantiles = self.steps;
                quantiles.sort_by(|(one, _), (other, _)| one.total_cmp(other));
                Value::Summary(Summary { quantiles, sum, count: self.count.unwrap_or(f64::NAN) })
            }
            Kind::Counter | Kind::Gauge | Kind::Untyped => Value::Number(self.number.unwrap_or(f64::NAN)),
        }
    }
}
