//! Samples of a window, added up by process.

use std::collections::BTreeMap;

use crate::Sample;

/// Adds up samples. Pure: give it the samples of a window, the first of them at its beginning.
#[derive(Clone, Debug, Default)]
pub struct Tally(BTreeMap<String, Track>);

/// What one process took in the window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// CPU time, seconds.
    pub cpu_seconds: f64,
    /// The most resident memory seen, bytes.
    pub rss_max_bytes: u64,
    /// Bytes fetched from storage, where it is known.
    pub read_bytes: Option<u64>,
    /// Bytes sent to storage, where it is known.
    pub write_bytes: Option<u64>,
}

#[derive(Clone, Debug)]
struct Track {
    usage: Usage,
    latest: Sample,
}

impl Tally {
    /// An empty tally.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the samples of one moment.
    ///
    /// Of a process that was started anew under the same name, all that it has used since counts.
    pub fn add(&mut self, samples: &[Sample]) {
        for sample in samples {
            match self.0.get_mut(&sample.name) {
                Some(track) => track.add(sample),
                None => {
                    self.0.insert(sample.name.clone(), Track::begin(sample));
                }
            }
        }
    }

    /// Each process and what it took from its first sample to its latest, by name.
    pub fn usages(&self) -> impl Iterator<Item = (&str, Usage)> {
        self.0.iter().map(|(name, track)| (name.as_str(), track.usage))
    }
}

impl Track {
    fn begin(sample: &Sample) -> Self {
        let usage = Usage {
            cpu_seconds: 0.0,
            rss_max_bytes: sample.rss_bytes,
            read_bytes: sample.read_bytes.map(|_| 0),
            write_bytes: sample.write_bytes.map(|_| 0),
        };
        Self { usage, latest: sample.clone() }
    }

    fn add(&mut self, sample: &Sample) {
        let restarted = sample.pid != self.latest.pid;
        let from = |before: Option<u64>| if restarted { Some(0) } else { before };
        let grown = |sum: Option<u64>, before: Option<u64>, now: Option<u64>| {
            Some(sum? + now?.saturating_sub(from(before)?))
        };
        self.usage.cpu_seconds += sample.cpu_seconds - if restarted { 0.0 } else { self.latest.cpu_seconds };
        self.usage.rss_max_bytes = self.usage.rss_max_bytes.max(sample.rss_bytes);
        self.usage.read_bytes = grown(self.usage.read_bytes, self.latest.read_bytes, sample.read_bytes);
        self.usage.write_bytes = grown(self.usage.write_bytes, self.latest.write_bytes, sample.write_bytes);
        self.latest.clone_from(sample);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(name: &str, cpu_seconds: f64, rss_bytes: u64, bytes: Option<u64>) -> Sample {
        Sample {
            name: name.to_owned(),
            pid: 1,
            cpu_seconds,
            rss_bytes,
            read_bytes: bytes,
            write_bytes: bytes,
        }
    }

    fn tally(moments: &[&[Sample]]) -> Vec<(String, Usage)> {
        let mut tally = Tally::new();
        for samples in moments {
            tally.add(samples);
        }
        tally.usages().map(|(name, usage)| (name.to_owned(), usage)).collect()
    }

    fn usage(cpu_seconds: f64, rss_max_bytes: u64, bytes: Option<u64>) -> Usage {
        Usage { cpu_seconds, rss_max_bytes, read_bytes: bytes, write_bytes: bytes }
    }

    #[test]
    fn what_was_used_before_the_window_does_not_count() {
        let found = tally(&[
            &[sample("etcd", 100.0, 50, Some(7)), sample("apiserver", 1.0, 10, None)],
            &[sample("etcd", 101.5, 80, Some(9)), sample("apiserver", 4.0, 5, None)],
            &[sample("etcd", 102.0, 60, Some(17))],
        ]);
        let apiserver = ("apiserver".to_owned(), usage(3.0, 10, None));
        assert_eq!(found, [apiserver, ("etcd".to_owned(), usage(2.0, 80, Some(10)))]);
    }

    #[test]
    fn a_restarted_process_counts_from_zero_again() {
        let again = |cpu_seconds, bytes| Sample { pid: 2, ..sample("etcd", cpu_seconds, 20, Some(bytes)) };
        let found = tally(&[
            &[sample("etcd", 100.0, 50, Some(70))],
            &[sample("etcd", 101.0, 50, Some(75))],
            &[again(0.5, 3)],
            &[again(0.75, 4)],
        ]);
        assert_eq!(found, [("etcd".to_owned(), usage(1.75, 50, Some(9)))]);
    }

    #[test]
    fn a_process_that_was_restarted_early_and_has_used_more_since_is_not_taken_for_the_old_one() {
        let again = Sample { pid: 2, ..sample("scheduler", 0.75, 20, Some(9)) };
        let found = tally(&[&[sample("scheduler", 0.5, 50, Some(7))], &[again]]);
        assert_eq!(found, [("scheduler".to_owned(), usage(0.75, 50, Some(9)))]);
    }
}
