//! What came of the requests of a run, by kind.

use std::collections::BTreeMap;

use measure::{ErrorClass, Kind, KindStats, Recorder, Summary};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The requests of the measured window. Drivers are judged, the fleet is the background they run before: so they stay apart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Requests {
    /// Of the drivers.
    pub drivers: Vec<KindRecord>,
    /// Of the virtual nodes.
    pub fleet: Vec<KindRecord>,
}

/// The requests of one kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KindRecord {
    /// The apiserver's verb.
    pub verb: String,
    /// Group, resource and subresource.
    pub resource: String,
    /// Requests whose intended start lay in the window.
    pub offered: u64,
    /// Those of them that ended, well or badly.
    pub done: u64,
    /// Failures by class; classes that did not occur are absent.
    pub errors: BTreeMap<ErrorClass, u64>,
    /// From the intended start to the answer, of successes and timeouts.
    pub response: Summary,
    /// From the send to the answer, of successes and timeouts.
    pub service: Summary,
    /// From the intended start to the send, of all.
    pub lateness: Summary,
}

impl KindRecord {
    /// The record of one kind of which `offered` requests were to start.
    pub fn new(kind: Kind, stats: &KindStats, offered: u64) -> Self {
        Self {
            verb: kind.verb.to_owned(),
            resource: kind.resource.to_owned(),
            offered,
            done: stats.done(),
            errors: stats.errors.iter().collect(),
            response: stats.response.summary(),
            service: stats.service.summary(),
            lateness: stats.lateness.summary(),
        }
    }

    /// The records of all kinds of a load that starts a request only when it can be sent, so that what was offered was done.
    pub fn of_all(recorder: &Recorder) -> Vec<Self> {
        recorder.kinds().map(|(kind, stats)| Self::new(kind, stats, stats.done())).collect()
    }
}

#[cfg(test)]
mod tests {
    use measure::{Nanos, Outcome};

    use super::*;

    #[test]
    fn a_kind_is_counted_as_it_was_recorded() {
        let mut recorder = Recorder::new();
        for (millis, outcome) in [(5, Outcome::Ok), (9, Outcome::Ok), (1, Outcome::Status(429))] {
            let done = Nanos(millis * 1_000_000);
            recorder.record(Kind::new("create", "pods"), Nanos(0), Nanos(0), done, outcome);
        }
        let records = KindRecord::of_all(&recorder);
        let [record] = records.as_slice() else { panic!("{records:?}") };
        assert_eq!((record.verb.as_str(), record.resource.as_str()), ("create", "pods"));
        assert_eq!((record.offered, record.done), (3, 3));
        assert_eq!(record.errors, BTreeMap::from([(ErrorClass::TooManyRequests, 1)]));
        assert_eq!((record.response.n, record.lateness.n), (2, 3));
    }
}
