//! Latency histograms, as a run's interval log has them.

use std::{collections::BTreeMap, fs, path::Path};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hdrhistogram::{
    Histogram,
    serialization::{
        Deserializer,
        interval_log::{IntervalLogIterator, LogEntry},
    },
};

use super::Error;

/// What a histogram is of. In the log it is `<what>:<verb>:<group/resource/subresource>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag {
    /// `response`, `service` or `lateness`.
    pub what: String,
    /// The apiserver's verb.
    pub verb: String,
    /// Group, resource and subresource.
    pub resource: String,
}

/// The histograms of a log, in microseconds, over all its intervals.
#[derive(Clone, Debug)]
pub struct Latencies(BTreeMap<Tag, Histogram<u64>>);

impl Latencies {
    /// Those of one kind of figure: `response`, `service` or `lateness`.
    pub fn of<'a>(&'a self, what: &'a str) -> impl Iterator<Item = (&'a Tag, &'a Histogram<u64>)> {
        self.0.iter().filter(move |(tag, _)| tag.what == what)
    }

    /// Reads `latency.hlog` or `fleet-latency.hlog`.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let log = fs::read(path).map_err(|source| Error::read(path, source))?;
        let mut histograms: BTreeMap<Tag, Histogram<u64>> = BTreeMap::new();
        let mut intervals = 0;
        for entry in IntervalLogIterator::new(&log) {
            let damaged = |problem: String| Error::Damaged {
                path: path.to_owned(),
                line: line_of(&log, intervals),
                problem,
            };
            let entry = entry.map_err(|_| damaged("this is no line of an HdrHistogram log".to_owned()))?;
            let LogEntry::Interval(interval) = entry else { continue };
            let tag = interval.tag().and_then(|tag| Tag::parse(tag.as_str()));
            let tag = tag.ok_or_else(|| damaged("its tag is not <what>:<verb>:<resource>".to_owned()))?;
            let histogram = decoded(interval.encoded_histogram()).map_err(damaged)?;
            match histograms.get_mut(&tag) {
                Some(known) => known.add(&histogram).map_err(|error| damaged(error.to_string()))?,
                None => drop(histograms.insert(tag, histogram)),
            }
            intervals += 1;
        }
        Ok(Self(histograms))
    }
}

impl Tag {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ':').map(str::to_owned);
        Some(Self { what: parts.next()?, verb: parts.next()?, resource: parts.next()? })
    }
}

fn decoded(text: &str) -> Result<Histogram<u64>, String> {
    let bytes = BASE64_STANDARD.decode(text).map_err(|error| error.to_string())?;
    Deserializer::new().deserialize(&mut bytes.as_slice()).map_err(|error| error.to_string())
}

/// The line of the interval of this number, from 0: those before it have comments, legends and times. Of one beyond the last it is the
/// line after that.
fn line_of(log: &[u8], interval: usize) -> usize {
    let text = String::from_utf8_lossy(log);
    let starts = text.lines().enumerate().filter(|(_, line)| {
        line.starts_with("Tag=") || line.starts_with(|first: char| first.is_ascii_digit())
    });
    let lines: Vec<usize> = starts.map(|(number, _)| number + 1).collect();
    lines.get(interval).copied().unwrap_or_else(|| text.lines().count().max(1))
}
