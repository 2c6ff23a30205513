//! Histograms as an HdrHistogram interval log, which HdrHistogram's own tools read and plot.
//!
//! One line is one histogram of one interval: values in microseconds, V2 compressed, tagged
//! `<response|service|lateness>:<verb>:<group/resource/subresource>`.

use std::time::Duration;

use hdrhistogram::serialization::{
    V2DeflateSerializer,
    interval_log::{IntervalLogWriterBuilder, Tag},
};
use jiff::Timestamp;
use measure::{Kind, Recorder};

use crate::Error;

/// What was recorded in one interval of a run.
#[derive(Clone, Copy, Debug)]
pub struct Interval<'a> {
    /// When it began, since the beginning of the log.
    pub start: Duration,
    /// How long it was.
    pub length: Duration,
    /// What was recorded in it.
    pub recorder: &'a Recorder,
}

/// Renders a log that begins at `base`. Histograms without a value are left out.
pub(crate) fn render(base: Timestamp, intervals: &[Interval<'_>]) -> Result<Vec<u8>, Error> {
    let mut log = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let io =
        |error: std::io::Error| Error::Histogram { tag: "header".to_owned(), problem: error.to_string() };
    let mut writer = IntervalLogWriterBuilder::new()
        .add_comment("[Histogram log format version 1.3]")
        .add_comment("[values in microseconds, Interval_Max in milliseconds]")
        .with_base_time(base.into())
        .with_start_time(base.into())
        .with_max_value_divisor(1000.0)
        .begin_log_with(&mut log, &mut serializer)
        .map_err(io)?;
    for interval in intervals {
        for (kind, stats) in interval.recorder.kinds() {
            for (what, latency) in
                [("response", &stats.response), ("service", &stats.service), ("lateness", &stats.lateness)]
            {
                if latency.is_empty() {
                    continue;
                }
                let text = tag(what, kind);
                let failed = |problem: String| Error::Histogram { tag: text.clone(), problem };
                let tag =
                    Tag::new(&text).ok_or_else(|| failed("its name has a space or a comma".to_owned()))?;
                writer
                    .write_histogram(latency.histogram(), interval.start, interval.length, Some(tag))
                    .map_err(|error| failed(error.to_string()))?;
            }
        }
    }
    Ok(log)
}

fn tag(what: &str, kind: Kind) -> String {
    format!("{what}:{}:{}", kind.verb, kind.resource)
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    use hdrhistogram::{
        Histogram,
        serialization::{
            Deserializer,
            interval_log::{IntervalLogIterator, LogEntry},
        },
    };
    use measure::{Nanos, Outcome};

    use super::*;

    const CREATE: Kind = Kind::new("create", "pods");
    const RENEW: Kind = Kind::new("update", "coordination.k8s.io/leases");

    fn recorded(kinds: &[(Kind, u64)]) -> Recorder {
        let mut recorder = Recorder::new();
        for (kind, micros) in kinds {
            recorder.record(*kind, Nanos(0), Nanos(1000), Nanos(micros * 1000), Outcome::Ok);
        }
        recorder
    }

    #[test]
    fn its_own_reader_finds_every_histogram_again() {
        let [first, second] =
            [recorded(&[(CREATE, 1500), (CREATE, 2500), (RENEW, 99)]), recorded(&[(CREATE, 7)])];
        let second_length = Duration::from_millis(500);
        let log = render(
            "2026-11-22T14:30:00.25Z".parse().unwrap(),
            &[
                Interval { start: Duration::ZERO, length: Duration::from_secs(1), recorder: &first },
                Interval { start: Duration::from_secs(1), length: second_length, recorder: &second },
            ],
        )
        .unwrap();

        let mut times = Vec::new();
        let mut found = Vec::new();
        for entry in IntervalLogIterator::new(&log) {
            match entry.unwrap() {
                LogEntry::StartTime(time) | LogEntry::BaseTime(time) => times.push(time),
                LogEntry::Interval(interval) => {
                    let bytes = BASE64_STANDARD.decode(interval.encoded_histogram()).unwrap();
                    let histogram: Histogram<u64> =
                        Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
                    let tag = interval.tag().unwrap().as_str().to_owned();
                    found.push((tag, interval.start_timestamp(), interval.duration(), histogram));
                }
            }
        }
        assert_eq!(times, [Duration::from_millis(1_795_357_800_250); 2]);

        let expected = [
            (&first, Duration::ZERO, Duration::from_secs(1)),
            (&second, Duration::from_secs(1), second_length),
        ]
        .into_iter()
        .flat_map(|(recorder, start, length)| recorder.kinds().map(move |kind| (kind, start, length)))
        .flat_map(|((kind, stats), start, length)| {
            [("response", &stats.response), ("service", &stats.service), ("lateness", &stats.lateness)]
                .map(|(what, latency)| (tag(what, kind), start, length, latency.histogram().clone()))
        });
        assert_eq!(found, expected.collect::<Vec<_>>());
        assert_eq!(found[0].0, "response:update:coordination.k8s.io/leases");
    }

    #[test]
    fn a_kind_that_cannot_be_a_tag_is_an_error() {
        let recorder = recorded(&[(Kind::new("create", "two words"), 5)]);
        let interval =
            Interval { start: Duration::ZERO, length: Duration::from_secs(1), recorder: &recorder };
        assert!(matches!(render(Timestamp::UNIX_EPOCH, &[interval]), Err(Error::Histogram { .. })));
    }

    #[test]
    fn empty_histograms_are_left_out() {
        let mut recorder = Recorder::new();
        recorder.record(CREATE, Nanos(0), Nanos(0), Nanos(5), Outcome::Connection);
        let interval =
            Interval { start: Duration::ZERO, length: Duration::from_secs(1), recorder: &recorder };
        let log = String::from_utf8(render(Timestamp::UNIX_EPOCH, &[interval]).unwrap()).unwrap();
        let lines: Vec<_> = log.lines().filter(|line| line.starts_with("Tag=")).collect();
        assert_eq!(lines.len(), 1);
        assert!(lines[0].starts_with("Tag=lateness:create:pods,"), "{log}");
    }
}
