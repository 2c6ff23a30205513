//! Reading what was kept.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufRead as _, BufReader},
    path::Path,
    sync::Arc,
};

use measure::metrics::{FamilyKind, Labels};

use super::{
    FILE, Kept, KeptFamily, KeptSeries, VERSION,
    line::{Line, Moment, OfFamily, OfSeries},
};
use crate::Error;

const KINDS: [FamilyKind; 5] =
    [FamilyKind::Counter, FamilyKind::Gauge, FamilyKind::Histogram, FamilyKind::Summary, FamilyKind::Untyped];

/// Reads what a record's folder has kept.
///
/// # Errors
///
/// Where there is no such file, and with the line where it is something else. A last line that was cut off is none.
pub fn read(folder: &Path) -> Result<Kept, Error> {
    read_file(&folder.join(FILE))
}

pub(super) fn read_file(path: &Path) -> Result<Kept, Error> {
    let failed = |source| Error::Io { action: "read", path: path.to_owned(), source };
    let mut file = BufReader::new(File::open(path).map_err(failed)?);
    let mut reading = Reading::default();
    let mut cut = None;
    let mut whole = 0;
    let mut number = 0;
    let mut line = Vec::new();
    while next(&mut file, &mut line).map_err(failed)? {
        number += 1;
        let is_ended = line.ends_with(b"\n");
        let wrong = match serde_json::from_slice::<Line<'_>>(&line) {
            Ok(parsed) => reading.take(parsed).map_err(|problem| (1, problem)),
            // A crash leaves the beginning of a line.
            Err(error) if !is_ended && error.is_eof() => {
                cut = Some(number);
                break;
            }
            Err(error) => Err((error.column(), without_place(&error))),
        };
        wrong.map_err(|(column, problem)| Error::Line {
            path: path.to_owned(),
            line: number,
            column,
            problem,
        })?;
        // One that lacks its line feed only is whole, but nothing can be appended to it.
        if !is_ended {
            break;
        }
        whole += line.len() as u64;
    }
    Ok(reading.finish(cut, whole))
}

fn next(file: &mut BufReader<File>, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    Ok(file.read_until(b'\n', line)? > 0)
}

/// What the parser says without the place, which is said before it.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or_else(|| text.clone(), |(problem, _)| problem.to_owned())
}

/// What is known so far.
#[derive(Default)]
struct Reading {
    has_begun: bool,
    families: Vec<KeptFamily>,
    places: HashMap<String, usize>,
    sources: Vec<(String, Vec<f64>)>,
    /// Of each id since the last head.
    ids: Vec<Place>,
    series: HashMap<(usize, String, Labels), Place>,
}

/// Where a series is.
#[derive(Clone, Copy)]
struct Place {
    source: usize,
    family: usize,
    /// Among the series of the family.
    series: usize,
}

impl Reading {
    fn take(&mut self, line: Line<'_>) -> Result<(), String> {
        if !self.has_begun && !matches!(line, Line::Metrics(_)) {
            return Err("is not where kept metrics begin; a line with `metrics` is at the top".to_owned());
        }
        match line {
            Line::Metrics(head) if head.version == VERSION => {
                self.begin();
                Ok(())
            }
            Line::Metrics(head) => {
                Err(format!("is of version {} of the format; this program knows {VERSION}", head.version))
            }
            Line::Family(family) => self.family(family),
            Line::Series(series) => self.series(series),
            Line::Moment(moment) => self.moment(&moment),
        }
    }

    /// Nothing is there any more of what was there, and the first moment of its source will show it.
    fn begin(&mut self) {
        self.has_begun = true;
        self.ids.clear();
        for place in self.series.values() {
            let changes = &mut self.families[place.family].series[place.series].changes;
            let now = self.sources[place.source].1.len();
            if changes.last().is_some_and(|(_, value)| value.is_some()) {
                changes.push((now, None));
            }
        }
    }

    fn family(&mut self, family: OfFamily<'_>) -> Result<(), String> {
        let kind = KINDS.into_iter().find(|kind| kind.name() == family.kind);
        let kind = kind.ok_or_else(|| format!("`{}` is no kind of metric", family.kind))?;
        if !self.places.contains_key(&*family.name) {
            let name = family.name.into_owned();
            self.places.insert(name.clone(), self.families.len());
            self.families.push(KeptFamily { name, kind, help: family.help.into_owned(), series: Vec::new() });
        }
        Ok(())
    }

    fn series(&mut self, series: OfSeries<'_>) -> Result<(), String> {
        let OfSeries { id, name, source, family, labels, le, then } = series;
        let family = family.as_deref().unwrap_or(&name);
        let family =
            *self.places.get(family).ok_or_else(|| format!("there is no family `{family}` before it"))?;
        if id != self.ids.len() {
            return Err(format!("its id is {id}, and the next is {}", self.ids.len()));
        }
        let source = self.source(&source);
        let labels = labels.into_labels();
        if le.is_empty() {
            self.add((source, family), &name, labels.clone());
        }
        for bound in le {
            let mut labels = labels.clone();
            labels.push(("le".to_owned(), bound.into_owned()));
            labels.sort_unstable();
            self.add((source, family), &name, labels);
        }
        for name in then {
            self.add((source, family), &name, labels.clone());
        }
        Ok(())
    }

    /// Gives an id to a series, which may have been there before.
    fn add(&mut self, (source, family): (usize, usize), name: &str, labels: Labels) {
        let all = &mut self.families[family].series;
        let place =
            self.series.entry((source, name.to_owned(), labels)).or_insert_with_key(|(_, name, labels)| {
                let (name, labels) = (name.clone(), labels.clone());
                all.push(KeptSeries { name, labels, moments: Arc::default(), changes: Vec::new() });
                Place { source, family, series: all.len() - 1 }
            });
        self.ids.push(*place);
    }

    fn moment(&mut self, moment: &Moment<'_>) -> Result<(), String> {
        let source = self.source(&moment.source);
        let moments = &mut self.sources[source].1;
        if moments.last().is_some_and(|last| moment.unix <= *last) {
            return Err(format!("is not later than the moment of `{}` before it", moment.source));
        }
        moments.push(moment.unix);
        let now = moments.len() - 1;
        let values = moment.values.iter();
        let values = values.flat_map(|(first, values)| (*first..).zip(values.values().map(Some)));
        let gone = moment.gone.iter().flat_map(|(first, last)| (*first..=*last).map(|id| (id, None)));
        for (id, value) in values.chain(gone) {
            let place = *self.ids.get(id).ok_or_else(|| format!("there is no series {id} before it"))?;
            if place.source != source {
                return Err(format!("series {id} is of another source than `{}`", moment.source));
            }
            self.families[place.family].series[place.series].change(now, value);
        }
        Ok(())
    }

    fn source(&mut self, name: &str) -> usize {
        let known = self.sources.iter().position(|(source, _)| source == name);
        known.unwrap_or_else(|| {
            self.sources.push((name.to_owned(), Vec::new()));
            self.sources.len() - 1
        })
    }

    fn finish(mut self, cut: Option<usize>, whole: u64) -> Kept {
        let last = self.sources.iter().filter_map(|(name, moments)| Some((name.clone(), *moments.last()?)));
        let last = last.collect();
        let moments: Vec<Arc<[f64]>> = self.sources.into_iter().map(|(_, moments)| moments.into()).collect();
        for place in self.series.values() {
            self.families[place.family].series[place.series].moments = Arc::clone(&moments[place.source]);
        }
        Kept { families: self.families, cut, last, whole }
    }
}

impl KeptSeries {
    /// At one moment the later of two counts, as where a series comes back with the moment at which it would be gone.
    fn change(&mut self, now: usize, value: Option<f64>) {
        match self.changes.last_mut() {
            Some((at, last)) if *at == now => *last = value,
            _ => self.changes.push((now, value)),
        }
    }
}
