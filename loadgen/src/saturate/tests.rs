use std::time::Duration;

use jiff::Timestamp;
use measure::{
    Nanos, Summary,
    criteria::Judged,
    search::{End, Task},
};
use record::{Folder, Goodput, ProcessUse, Requests};

use super::*;
use crate::scenario;

fn trial(kind: TaskKind, at: f64, goodput: f64, outcome: Outcome) -> TrialRecord {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few hundred")]
    let good = (goodput * 10.0).round() as u64;
    let cpu = ProcessUse {
        cpu_seconds: 5.0,
        cpu_cores_mean: 0.5,
        rss_max_bytes: 1,
        read_bytes: None,
        write_bytes: None,
    };
    let judged = |judgement| Judged {
        criterion: "startup".to_owned(),
        group: "operations".to_owned(),
        judgement,
        value: 0.03,
        limit: 0.01,
        low: None,
        high: None,
        n: 400.0,
        few_samples: false,
    };
    TrialRecord {
        task: Task { kind, at },
        finding: Finding { outcome, close: false },
        plane: 1,
        start: Timestamp::UNIX_EPOCH,
        seconds: 60.0,
        window_seconds: 10.0,
        rest: "steady".to_owned(),
        goodput: Goodput::new(good, good, Duration::from_secs(10), Duration::from_secs(10)),
        response: Summary::default(),
        requests: Requests::default(),
        loads: Vec::new(),
        judged: vec![judged(if outcome == Outcome::Broke { Judgement::Breaks } else { Judgement::Holds })],
        limited_by: Vec::new(),
        resources: [("etcd".to_owned(), cpu)].into(),
        harness_cpu_share: None,
        recovery_seconds: None,
        warnings: Vec::new(),
    }
}

/// A search that found 100/s.
pub(crate) fn sample() -> SearchRecord {
    use Outcome::{Broke, Held};
    use TaskKind::{Hold, Overload, Probe, Ramp, Recovery};
    let loaded = scenario::load("pod-churn").unwrap();
    let mut recovery = trial(Recovery, 80.0, 0.0, Held);
    recovery.recovery_seconds = Some(34.0);
    let trials = vec![
        trial(Ramp, 60.0, 60.0, Held),
        trial(Ramp, 90.0, 90.0, Held),
        trial(Ramp, 135.0, 70.0, Broke),
        trial(Probe, 90.0, 90.0, Held),
        trial(Probe, 110.2, 80.0, Broke),
        trial(Hold, 90.0, 90.0, Held),
        trial(Overload, 200.0, 70.0, Broke),
        recovery,
    ];
    let mut record = SearchRecord {
        schema_version: record::SEARCH_SCHEMA_VERSION,
        kind: record::SearchKind::Search,
        run_id: "20261122-143000-pod-churn-3f2a".to_owned(),
        ended: Some(record::Ended::Completed),
        loadgen_version: "0.1.0".to_owned(),
        command: vec!["loadgen".to_owned()],
        seed: 1,
        scenario: record::Scenario {
            name: loaded.name,
            text: loaded.text,
            resolved: serde_json::Value::Null,
        },
        axis: record::SearchAxis { name: "pods.rate".to_owned(), unit: "/s".to_owned() },
        profile: Some(record::Profile { name: "defaults".to_owned(), resolved: serde_json::Value::Null }),
        target: record::Target {
            kind: record::TargetKind::Local,
            server: "https://127.0.0.1:6443".to_owned(),
            context: None,
        },
        components: Vec::new(),
        versions: [("etcd".to_owned(), "3.6.8".to_owned()), ("kubernetes".to_owned(), "1.36.3".to_owned())]
            .into(),
        host: record::Host::default(),
        fleet: record::Fleet {
            nodes: 500,
            ready: 500,
            preset: "kubelet".to_owned(),
            identities: "ca".to_owned(),
        },
        driver_identities: 16,
        settings: Lengths::quick().settings(Lengths::quick().from(20.0, 1)),
        trials,
        answer: None,
        lambda: None,
        knee: None,
        broke_first: Vec::new(),
        limited_by: Vec::new(),
        cpu_ms_per_operation: std::collections::BTreeMap::new(),
        warnings: Lengths::quick().warnings(1.2),
    };
    conclude(&mut record, Answer { end: End::Found, low: Some(90.0), high: Some(110.2) });
    record
}

#[test]
fn after_a_break_a_steady_window_has_a_fresh_control_plane() {
    use Outcome::{Broke, Held};
    use TaskKind::{Hold, Overload, Probe, Ramp, Recovery};
    for (last, next, fresh) in [
        ((Ramp, Held), Ramp, false),
        ((Ramp, Held), Probe, false),
        ((Ramp, Broke), Probe, true),
        ((Probe, Held), Probe, false),
        ((Probe, Broke), Hold, true),
        ((Hold, Held), Overload, false),
        ((Hold, Broke), Probe, true),
        ((Probe, Broke), Overload, true),
        ((Overload, Broke), Overload, false),
        ((Overload, Broke), Recovery, false),
    ] {
        assert_eq!(has_had_its_day(last, next), fresh, "{last:?} then {next:?}");
    }
}

#[test]
fn the_answer_comes_with_what_broke_first_and_what_an_operation_costs() {
    let record = sample();
    assert!(record.lambda.is_some_and(|lambda| (99.0..100.0).contains(&lambda)));
    assert_eq!(record.knee, Some(90.0));
    let [broken] = record.broke_first.as_slice() else { panic!("{:?}", record.broke_first) };
    assert_eq!(broken.criterion, "startup");
    // Half a core at 90/s.
    let cost = record.cpu_ms_per_operation["etcd"];
    assert!((cost - 5.555).abs() < 0.001, "{cost}");
    assert_eq!(record.warnings[0].name, "quick");
}

#[test]
fn a_step_too_short_for_any_goodput_is_no_point_of_the_knee() {
    let mut record = sample();
    record.trials.extend([20.0, 30.0, 45.0].map(|at| trial(TaskKind::Ramp, at, 0.0, Outcome::Held)));
    let answer = record.answer.unwrap();
    conclude(&mut record, answer);
    assert_eq!(record.knee, Some(90.0));
}

#[test]
fn a_load_that_broke_below_one_that_held_makes_the_answer_one_of_several() {
    let mut record = sample();
    assert_eq!(record.wavered(), None);
    // Of the same load, tried three times, the majority counts.
    record.trials.push(trial(TaskKind::Probe, 90.0, 80.0, Outcome::Broke));
    assert_eq!(record.wavered(), None);
    record.trials.push(trial(TaskKind::Hold, 80.0, 70.0, Outcome::Broke));
    assert_eq!(record.wavered(), Some((80.0, 90.0)));
    let answer = record.answer.unwrap();
    conclude(&mut record, answer);
    let warning = record.warnings.iter().find(|warning| warning.name == "wavering").unwrap();
    assert!(
        warning.advice.starts_with("windows from 80.0/s to 90.0/s held and broke by turns"),
        "{warning:?}"
    );
}

#[test]
fn a_record_is_read_as_it_was_written_and_a_search_goes_on_where_it_stopped() {
    let base = tempfile::tempdir().unwrap();
    let folder = Folder::create(base.path(), "a").unwrap();
    let mut record = sample();
    // As of a search whose second probe had not ended.
    record.trials.truncate(4);
    folder.write_search(&record).unwrap();
    assert_eq!(SearchRecord::read(folder.path()).unwrap(), record);
    let search = so_far(&record).unwrap();
    let Next::Try(Task { kind: TaskKind::Probe, at }) = search.next() else { panic!("a probe") };
    let (low, high) = search.bracket();
    assert!(
        low.is_some_and(|low| low < at) && high.is_some_and(|high| at < high),
        "{at} between {low:?} and {high:?}"
    );
}

#[test]
fn a_record_that_is_cut_off_or_of_something_else_is_refused() {
    let base = tempfile::tempdir().unwrap();
    let folder = Folder::create(base.path(), "a").unwrap();
    let error = |folder: &Folder| SearchRecord::read(folder.path()).unwrap_err().to_string();
    assert!(error(&folder).contains("search.json"), "{}", error(&folder));
    let mut record = sample();
    record.schema_version += 1;
    folder.write_search(&record).unwrap();
    assert!(error(&folder).contains("search of version 2"), "{}", error(&folder));
    let path = folder.path().join("search.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, &text[..text.len() / 2]).unwrap();
    assert!(error(&folder).contains("is cut off or is no record"), "{}", error(&folder));
}

#[test]
fn only_a_window_that_is_there_to_overload_may_be_late() {
    let seen =
        |judgement| Seen { measured: Nanos(0)..Nanos(0), rest: Rest::Steady, judged: Vec::new(), judgement };
    let (holds, breaks) = (seen(Judgement::Holds), seen(Judgement::Breaks));
    let outcomes = |seen: &Seen, is_valid| {
        let outcome = |kind| finding(kind, seen, is_valid).outcome;
        assert_eq!(outcome(TaskKind::Hold), outcome(TaskKind::Probe));
        assert_eq!(outcome(TaskKind::Overload), outcome(TaskKind::Ramp));
        (outcome(TaskKind::Probe), outcome(TaskKind::Ramp))
    };
    assert_eq!(outcomes(&holds, true), (Outcome::Held, Outcome::Held));
    assert_eq!(outcomes(&breaks, true), (Outcome::Broke, Outcome::Broke));
    assert_eq!(outcomes(&breaks, false), (Outcome::HarnessLimited, Outcome::Broke));
    assert_eq!(outcomes(&holds, false), (Outcome::HarnessLimited, Outcome::HarnessLimited));
}
