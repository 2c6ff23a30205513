//! Writing what is told, as the difference to what was told before.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use measure::metrics::{Family, Sample};

use super::{
    VERSION,
    line::{Figures, Head, Line, Moment, OfFamily, OfSeries, Written},
    read::read_file,
};
use crate::Error;

/// `metrics.jsonl`, open for appending.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    file: File,
    /// When the head was written, seconds since 1970; nothing before the first moment.
    begun: Option<f64>,
    /// Each source, and when it told last.
    sources: Vec<(String, f64)>,
    families: HashSet<String>,
    ids: HashMap<Box<str>, usize>,
    series: Vec<Known>,
    /// Moments so far.
    moments: u64,
}

/// What is known of a series that has an id.
#[derive(Debug)]
struct Known {
    /// Its place among the sources.
    source: usize,
    /// The value that was told last; nothing where it is gone.
    value: Option<f64>,
    /// The moment at which it was told last.
    moment: u64,
}

impl Writer {
    /// Opens a file to append to. One that is there is gone on with; a last line that was cut off is removed.
    ///
    /// # Errors
    ///
    /// Where it cannot be opened, or is something else than kept metrics.
    pub fn create(path: &Path) -> Result<Self, Error> {
        let failed = |action| move |source| Error::Io { action, path: path.to_owned(), source };
        let kept = match read_file(path) {
            Ok(kept) => Some(kept),
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let file = OpenOptions::new().create(true).append(true).open(path).map_err(failed("open"))?;
        if let Some(kept) = &kept {
            file.set_len(kept.whole).map_err(failed("shorten"))?;
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            begun: None,
            sources: kept.map(|kept| kept.last).unwrap_or_default(),
            families: HashSet::new(),
            ids: HashMap::new(),
            series: Vec::new(),
            moments: 0,
        })
    }

    /// Appends what a source says: all of its families. Of what it said before and does not say now, the series are gone. A moment that is not
    /// later than the last of the source, by a thousandth of a second, is left out: two readings may have overtaken one another.
    ///
    /// # Errors
    ///
    /// Where it cannot be written. Then nothing more is to be appended: later lines would refer to what is not there.
    pub fn append(&mut self, at: Timestamp, source: &str, families: &[Family]) -> Result<(), Error> {
        let unix = unix(at);
        let told = match self.sources.iter().position(|(name, _)| name == source) {
            Some(known) if unix <= self.sources[known].1 => return Ok(()),
            Some(known) => known,
            None => {
                self.sources.push((source.to_owned(), unix));
                self.sources.len() - 1
            }
        };
        self.sources[told].1 = unix;
        let mut lines = Vec::new();
        if self.begun.is_none() {
            lines.push(Line::Metrics(Head { version: VERSION, unix }));
        }
        let begun = *self.begun.get_or_insert(unix);
        self.moments += 1;
        let mut changed = Vec::new();
        for family in families {
            self.tell((told, source), family, &mut lines, &mut changed);
        }
        let gone = self.take_gone(told);
        let seconds = rounded(unix - begun);
        lines.push(Line::Moment(Moment {
            seconds,
            unix,
            source: source.into(),
            values: runs(changed),
            gone,
        }));
        self.write(&lines)
    }

    /// Defines what is new of a family, and adds what has changed.
    fn tell<'a>(
        &mut self,
        (told, source): (usize, &'a str),
        family: &'a Family,
        lines: &mut Vec<Line<'a>>,
        changed: &mut Vec<(usize, f64)>,
    ) {
        if !self.families.contains(&family.name) {
            self.families.insert(family.name.clone());
            lines.push(Line::Family(OfFamily {
                name: Cow::Borrowed(&family.name),
                kind: Cow::Borrowed(family.kind.name()),
                help: Cow::Borrowed(&family.help),
            }));
        }
        let mut open: Option<OfSeries<'a>> = None;
        let mut key = String::new();
        for sample in &family.samples {
            write_key(&mut key, told, sample);
            let id = if let Some(id) = self.ids.get(key.as_str()) {
                *id
            } else {
                let id = self.series.len();
                self.ids.insert(key.as_str().into(), id);
                self.series.push(Known { source: told, value: None, moment: 0 });
                open = Some(define(open, OfSeries::of(id, source, family, sample), lines));
                id
            };
            let known = &mut self.series[id];
            known.moment = self.moments;
            if known.value.is_none_or(|value| differ(value, sample.value)) {
                known.value = Some(sample.value);
                changed.push((id, sample.value));
            }
        }
        lines.extend(open.map(Line::Series));
    }

    /// What the source did not say at this moment.
    fn take_gone(&mut self, told: usize) -> Vec<(usize, usize)> {
        let mut gone: Vec<(usize, usize)> = Vec::new();
        for (id, known) in self.series.iter_mut().enumerate() {
            if known.value.is_none() || known.moment == self.moments || known.source != told {
                continue;
            }
            known.value = None;
            match gone.last_mut() {
                Some((_, last)) if *last + 1 == id => *last = id,
                _ => gone.push((id, id)),
            }
        }
        gone
    }

    /// In one write, so that a crash cuts one line at most.
    fn write(&mut self, lines: &[Line<'_>]) -> Result<(), Error> {
        let mut text = Vec::new();
        for line in lines {
            serde_json::to_writer(&mut text, line)
                .map_err(|source| Error::Json { path: self.path.clone(), source })?;
            text.push(b'\n');
        }
        let failed = |source| Error::Io { action: "append to", path: self.path.clone(), source };
        self.file.write_all(&text).map_err(failed)
    }
}

impl<'a> OfSeries<'a> {
    fn of(id: usize, source: &'a str, family: &'a Family, sample: &'a Sample) -> Self {
        let is_bucket = sample.name.ends_with("_bucket");
        let (le, labels): (Vec<_>, Vec<_>) =
            sample.labels.iter().partition(|(name, _)| is_bucket && name == "le");
        let labels =
            labels.into_iter().map(|(name, value)| (Cow::Borrowed(&**name), Cow::Borrowed(&**value)));
        Self {
            id,
            name: Cow::Borrowed(&sample.name),
            source: Cow::Borrowed(source),
            family: (sample.name != family.name).then_some(Cow::Borrowed(&*family.name)),
            labels: Written(labels.collect()),
            le: le.into_iter().map(|(_, value)| Cow::Borrowed(&**value)).collect(),
            then: Vec::new(),
        }
    }

    /// Takes another series of the same histogram, which may follow its buckets: the next of them, or its sum or count. Gives back any other.
    fn take(&mut self, mut next: Self) -> Option<Self> {
        let follows = next.id == self.id + self.le.len() + self.then.len();
        if self.le.is_empty() || !follows || next.labels.0 != self.labels.0 {
            return Some(next);
        }
        if next.le.is_empty() {
            self.then.push(next.name);
        } else if self.then.is_empty() && next.name == self.name {
            self.le.append(&mut next.le);
        } else {
            return Some(next);
        }
        None
    }
}

/// Adds a series to the definition before it, if both are of one histogram; otherwise that one is complete.
fn define<'a>(open: Option<OfSeries<'a>>, next: OfSeries<'a>, lines: &mut Vec<Line<'a>>) -> OfSeries<'a> {
    let Some(mut open) = open else { return next };
    match open.take(next) {
        None => open,
        Some(next) => {
            lines.push(Line::Series(open));
            next
        }
    }
}

/// What tells a series from all others.
fn write_key(key: &mut String, told: usize, sample: &Sample) {
    key.clear();
    key.push_str(&told.to_string());
    let labels = sample.labels.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]);
    for part in std::iter::once(sample.name.as_str()).chain(labels) {
        // A letter that nobody has in a name or a label.
        key.push('\0');
        key.push_str(part);
    }
}

/// One NaN is as good as another.
fn differ(before: f64, now: f64) -> bool {
    before.to_bits() != now.to_bits() && !(before.is_nan() && now.is_nan())
}

/// Values of ids that follow one another, put together.
fn runs(mut changed: Vec<(usize, f64)>) -> Vec<(usize, Figures)> {
    // Told twice, the later counts.
    changed.reverse();
    changed.sort_by_key(|(id, _)| *id);
    changed.dedup_by_key(|(id, _)| *id);
    let runs = changed.chunk_by(|(id, _), (next, _)| *next == id + 1);
    let figures = |run: &[(usize, f64)]| {
        let values: Vec<f64> = run.iter().map(|(_, value)| *value).collect();
        (run[0].0, Figures::of(&values))
    };
    runs.map(figures).collect()
}

/// Seconds since 1970, to the millisecond: what Prometheus keeps.
fn unix(at: Timestamp) -> f64 {
    rounded(at.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64())
}

fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}
