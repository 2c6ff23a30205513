use proptest::prelude::*;

use super::*;

const fn at(seconds: u64) -> Nanos {
    Nanos(seconds * 1_000_000_000)
}

fn ledger() -> Ledger {
    let mut ledger = Ledger::new(Until::Running);
    ledger.offer(0, at(12));
    ledger
}

fn pod(index: u64, seconds: u64, scheduled: bool, phase: SeenPhase) -> Sighting {
    Sighting::Pod { index, at: at(seconds), scheduled, phase }
}

fn failed(reason: &str) -> Accounting {
    Accounting { offered: 1, failed_by_reason: [(reason.to_owned(), 1)].into(), ..Accounting::default() }
}

#[test]
fn a_whole_life_is_counted_once_as_deleted() {
    let mut ledger = ledger();
    ledger.created(0, at(13));
    assert_eq!(ledger.on_sighting(pod(0, 13, false, SeenPhase::Pending)), News::Nothing);
    assert_eq!(ledger.on_sighting(pod(0, 14, true, SeenPhase::Pending)), News::Nothing);
    assert_eq!(
        ledger.on_sighting(pod(0, 16, true, SeenPhase::Running)),
        News::Achieved { index: 0, at: at(16) }
    );
    assert_eq!(ledger.on_sighting(pod(0, 17, true, SeenPhase::Running)), News::Nothing);
    assert!(ledger.deleting(0));
    ledger.on_sighting(Sighting::Gone { index: 0, at: at(18) });
    assert!(ledger.is_settled());
    assert_eq!(ledger.accounting(0), Accounting { offered: 1, gone: 1, ..Accounting::default() });
    let stages = ledger.stages(&(at(10)..at(20)));
    let seconds = [&stages.create, &stages.schedule, &stages.start, &stages.total]
        .map(|it| format!("{:.0}", it.summary().max.unwrap()));
    assert_eq!(seconds, ["1", "1", "2", "4"]);
}

#[test]
fn a_pod_whose_creation_timed_out_but_runs_is_not_failed() {
    let mut ledger = ledger();
    ledger.refused(0, ErrorClass::Timeout);
    assert!(ledger.is_settled());
    assert_eq!(ledger.accounting(0), failed("create-timeout"));
    ledger.on_sighting(pod(0, 14, true, SeenPhase::Running));
    assert!(!ledger.is_settled());
    assert_eq!(ledger.accounting(0).there, 1);
}

#[test]
fn a_pod_that_goes_although_nobody_deleted_it_has_vanished() {
    let mut ledger = ledger();
    ledger.created(0, at(13));
    ledger.on_sighting(pod(0, 14, true, SeenPhase::Running));
    ledger.on_sighting(Sighting::Gone { index: 0, at: at(15) });
    assert_eq!(ledger.accounting(0), failed("vanished"));
    assert!(!ledger.deleting(0), "there is nothing left to delete");
}

#[test]
fn creations_that_wait_in_the_servers_line_are_backlog() {
    let mut ledger = ledger();
    ledger.offer(1, at(12));
    assert_eq!(ledger.counts().backlog, 2, "nothing has been answered yet");
    ledger.refused(1, ErrorClass::TooManyRequests);
    ledger.created(0, at(13));
    assert_eq!(ledger.counts().backlog, 1, "it does not run yet");
    ledger.on_sighting(pod(0, 14, true, SeenPhase::Running));
    assert_eq!(ledger.counts().backlog, 0, "it lives");
    assert!(ledger.deleting(0));
    assert_eq!(ledger.counts().backlog, 1);
    ledger.on_sighting(Sighting::Gone { index: 0, at: at(18) });
    assert_eq!(ledger.counts().backlog, 0);
}

#[test]
fn a_list_sweeps_what_was_seen_before_it_and_spares_what_is_newer() {
    let mut ledger = ledger();
    ledger.offer(1, at(13));
    ledger.on_sighting(pod(0, 14, true, SeenPhase::Running));
    ledger.on_sighting(Sighting::ListBegins);
    ledger.on_sighting(Sighting::ListEnds { at: at(15) });
    assert_eq!(
        ledger.accounting(0).failed_by_reason,
        [("vanished".to_owned(), 1), ("never-seen".to_owned(), 1)].into()
    );
}

#[test]
fn dropped_starts_are_offered_and_failed() {
    let accounting = ledger().accounting(2);
    assert_eq!(accounting.offered, 3);
    assert_eq!(accounting.failed_by_reason["dropped-start"], 2);
}

fn event() -> impl Strategy<Value = (u8, u64, u64)> {
    (0..9_u8, 0..6_u64, 10..30_u64)
}

proptest! {
    /// Whatever happens in whatever order: running, deleted and failed add up to offered, and settled means nobody runs.
    #[test]
    fn every_offered_pod_is_in_exactly_one_place(events in prop::collection::vec(event(), 0..120), dropped in 0..3_u64) {
        let mut ledger = Ledger::new(Until::Running);
        let mut offered = std::collections::BTreeSet::new();
        for (what, index, when) in events {
            let when = at(when);
            match what {
                0 => if offered.insert(index) { ledger.offer(index, when) },
                1 => ledger.created(index, when),
                2 => ledger.refused(index, ErrorClass::Server),
                3 => drop(ledger.deleting(index)),
                4 => ledger.deletion_failed(index),
                5 => drop(ledger.on_sighting(Sighting::Gone { index, at: when })),
                6 => drop(ledger.on_sighting(Sighting::ListBegins)),
                7 => drop(ledger.on_sighting(Sighting::ListEnds { at: when })),
                _ => drop(ledger.on_sighting(pod(index, 14, true, SeenPhase::Running))),
            }
        }
        let accounting = ledger.accounting(dropped);
        prop_assert_eq!(accounting.offered, offered.len() as u64 + dropped);
        prop_assert_eq!(accounting.there + accounting.gone + accounting.failed(), accounting.offered);
        if ledger.is_settled() {
            prop_assert_eq!(accounting.there, 0);
        }
    }
}

#[test]
fn a_pod_that_is_only_to_be_bound_is_there_when_it_has_a_node() {
    let mut ledger = Ledger::new(Until::Bound);
    ledger.offer(0, at(12));
    ledger.created(0, at(12));
    assert_eq!(ledger.on_sighting(pod(0, 13, false, SeenPhase::Pending)), News::Nothing);
    assert_eq!(ledger.counts().backlog, 1);
    assert_eq!(
        ledger.on_sighting(pod(0, 14, true, SeenPhase::Pending)),
        News::Achieved { index: 0, at: at(14) }
    );
    assert_eq!((ledger.counts().done, ledger.counts().backlog), (1, 0));
    assert_eq!(
        ledger.on_sighting(pod(0, 15, true, SeenPhase::Running)),
        News::Nothing,
        "that is once more than was asked for"
    );
    assert!(ledger.deleting(0));
    ledger.on_sighting(Sighting::Gone { index: 0, at: at(18) });
    assert_eq!(ledger.accounting(0), Accounting { offered: 1, gone: 1, ..Accounting::default() });
}
