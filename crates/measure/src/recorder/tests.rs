//! Requests in, counts out.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

const CREATE: Kind = Kind::new("create", "pods");
const RENEW: Kind = Kind::new("update", "coordination.k8s.io/leases");

fn ms(millis: u64) -> Nanos {
    Nanos::from(Duration::from_millis(millis))
}

#[test]
fn a_request_that_was_sent_late_has_waited_since_its_intended_start() {
    let mut recorder = Recorder::new();
    recorder.record(CREATE, ms(100), ms(130), ms(150), Outcome::Ok);
    let stats = recorder.kind(CREATE).unwrap();
    let only = |latency: &Latency| latency.summary().max.map(|seconds| (seconds * 1e3).round());
    assert_eq!(only(&stats.response), Some(50.0));
    assert_eq!(only(&stats.service), Some(20.0));
    assert_eq!(only(&stats.lateness), Some(30.0));
    assert_eq!((stats.ok, stats.done()), (1, 1));
}

#[test]
fn refusals_are_errors_and_not_quick_answers() {
    let mut recorder = Recorder::new();
    for status in [429, 409, 404, 500, 503, 100] {
        recorder.record(CREATE, ms(0), ms(0), ms(1), Outcome::from_status(status));
    }
    recorder.record(CREATE, ms(0), ms(0), ms(1), Outcome::Connection);
    recorder.record(CREATE, ms(0), ms(0), ms(60_000), Outcome::Timeout);
    let stats = recorder.kind(CREATE).unwrap();
    let errors: Vec<_> = stats.errors.iter().map(|(class, count)| (class.name(), count)).collect();
    assert_eq!(
        errors,
        [
            ("too-many-requests", 1),
            ("conflict", 1),
            ("not-found", 1),
            ("other-status", 1),
            ("server", 2),
            ("timeout", 1),
            ("connection", 1)
        ]
    );
    assert_eq!((stats.ok, stats.done()), (0, 8));
    assert_eq!(stats.response.len(), 1, "only the timeout says how long one waits");
    assert_eq!(stats.lateness.len(), 8);
}

#[test]
fn every_2xx_is_success() {
    assert!([200, 201, 204, 299].iter().all(|status| Outcome::from_status(*status) == Outcome::Ok));
    assert!([199, 300].iter().all(|status| Outcome::from_status(*status) == Outcome::Status(*status)));
}

#[test]
fn class_names_are_the_ones_in_records() {
    for class in ErrorClass::ALL {
        assert_eq!(serde_json::to_value(class).unwrap(), class.name());
    }
}

#[test]
fn kinds_come_in_order_and_taking_leaves_nothing() {
    let mut recorder = Recorder::new();
    for kind in [CREATE, RENEW, Kind::new("delete", "pods"), CREATE] {
        recorder.record(kind, ms(0), ms(0), ms(1), Outcome::Ok);
    }
    let taken = recorder.take();
    let names: Vec<_> = taken.kinds().map(|(kind, stats)| format!("{kind} {}", stats.ok)).collect();
    assert_eq!(names, ["update coordination.k8s.io/leases 1", "create pods 2", "delete pods 1"]);
    assert_eq!(recorder, Recorder::new());
}

proptest! {
    #[test]
    fn a_merge_is_what_one_recorder_would_have_counted(
        requests in prop::collection::vec((0..2_usize, 0..1000_u64, 0..1000_u64, 0..9_usize), 0..60), cut in 0..60_usize,
    ) {
        const OUTCOMES: [u16; 9] = [200, 201, 409, 429, 404, 500, 503, 200, 200];
        let count = |requests: &[(usize, u64, u64, usize)]| {
            let mut recorder = Recorder::new();
            for (kind, late, took, outcome) in requests {
                let outcome = Outcome::from_status(OUTCOMES[*outcome]);
                recorder.record([CREATE, RENEW][*kind], ms(5), ms(5 + late), ms(5 + late + took), outcome);
            }
            recorder
        };
        let (left, right) = requests.split_at(cut.min(requests.len()));
        let mut merged = count(left);
        merged.merge(&count(right));
        prop_assert_eq!(merged, count(&requests));
    }
}
