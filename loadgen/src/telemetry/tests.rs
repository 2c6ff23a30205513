use std::{collections::BTreeSet, time::Duration};

use fake_kubelet::FleetProgress;
use measure::{
    Kind, Nanos, Outcome, Recorder,
    criteria::{at_most, none},
    metrics::{ALL, EVERYWHERE, FamilyKind},
    statistics::verdict::{Better, Question, paired},
};
use record::WarningClass;
use wire::Traffic;

use super::*;
use crate::{
    criteria::Criteria,
    drivers::PodStage,
    observed::{Done, Observed},
};

const CREATE: Kind = Kind::new("create", "pods");
const LEASE: Kind = Kind::new("update", "coordination.k8s.io/leases");

fn at(millis: u64) -> Nanos {
    Nanos(1_000_000_000 + millis * 1_000_000)
}

fn watched(name: &str, rate: Option<f64>) -> Watched {
    Watched { name: name.to_owned(), is_judged: true, rate, limit: Duration::from_secs(1), slow: None }
}

/// What a fleet of so many nodes reports: each has renewed its lease, and started a pod every time so far.
fn report(nodes: u32, times: u64) -> FleetReport {
    let mut recorder = Recorder::new();
    for node in 0..nodes {
        let outcome = if node % 50 == 49 { Outcome::Status(409) } else { Outcome::Ok };
        recorder.record(LEASE, at(0), at(1), at(u64::from(node % 40) + 2), outcome);
    }
    let nodes = u64::from(nodes);
    FleetReport {
        recorder,
        traffic: Traffic {
            connections: nodes,
            bytes_read: 900 * times,
            bytes_written: 400 * times,
            ..Traffic::default()
        },
        progress: FleetProgress {
            registered: nodes,
            ready: nodes - 1,
            pods_started: nodes * times,
            pods_gone: nodes * (times - 1),
            nodes_written_off: times,
            ..FleetProgress::default()
        },
        longest_lease_gap: Duration::from_secs(10),
        ..FleetReport::default()
    }
}

fn samples(seconds: f64) -> Vec<Sample> {
    let sample = |name: &str, pid| Sample {
        name: name.to_owned(),
        pid,
        cpu_seconds: seconds,
        rss_bytes: 5 << 20,
        read_bytes: None,
        write_bytes: None,
    };
    vec![sample("etcd", 7), sample("harness", 1)]
}

/// A load of pods and one of watchers, for so many nodes, and all else that can be told of.
fn load(telemetry: &Telemetry, nodes: u32) {
    let parts = [watched("pods", Some(20.0)), watched("watchers", None)];
    let axis = Axis::Rate("pods".to_owned());
    let meters = telemetry.load_begins(Some(&axis), 20.0, &parts);
    let observed = Observed::new(at(0), Criteria::default(), parts.into_iter().zip(meters));
    let (pods, watchers) = (observed.told(0), observed.told(1));
    for node in 0..nodes {
        let intended = at(u64::from(node) * 2);
        pods.begins(CREATE, intended);
        pods.offers(intended);
        let after = |millis: u64| intended + Duration::from_millis(millis);
        let (sent, ended) = (after(1), after(5 + u64::from(node % 30)));
        pods.ends(&Done { kind: CREATE, intended, sent, ended, outcome: Outcome::Ok });
        pods.acknowledges(node.into(), ended);
        watchers.sees([(node.into(), ended + Duration::from_millis(3))]);
        for stage in [PodStage::Create, PodStage::Schedule, PodStage::Start, PodStage::Total] {
            pods.passes(stage, Duration::from_millis(300));
        }
        match node % 10 {
            0 => pods.misses(intended),
            1 => pods.achieves(intended, after(3_000)),
            _ => pods.achieves(intended, after(400)),
        }
    }
    observed.backlog_is(0, at(5), 3);
    observed.dropped_are(0, 2);
    watchers.alive(at(5), 90, 100);
    watchers.figures_are([("relists".to_owned(), 4.0)].into());
}

/// A command that does all that there is to do.
fn everything(nodes: u32) -> Telemetry {
    let telemetry = Telemetry::new("20261123-143000-pod-churn-3f2a", "pod-churn");
    telemetry.is_under("defaults");
    telemetry.state().now.runs_on = Some(RunsOn {
        kubernetes: "1.36.3".to_owned(),
        etcd: "3.6.8".to_owned(),
        target: "local".to_owned(),
    });
    telemetry.is_in(Phase::Prepare);
    telemetry.fleet_starts(0, nodes);
    telemetry.samples(&samples(1.0), Some(machine(100.0)));
    load(&telemetry, nodes);
    telemetry.is_in(Phase::Measure);
    telemetry.fleet_did(0, &report(nodes, 1));
    telemetry.samples(&samples(3.0), Some(machine(104.0)));
    telemetry.judges(&[none("not-ready", "fleet", 0), at_most("lease-gap", "fleet", 20.0, 15.0, 3)]);
    telemetry.doubts(&[Warning {
        name: "few-samples".to_owned(),
        class: WarningClass::Warn,
        value: 1.0,
        threshold: 0.0,
        advice: String::new(),
    }]);
    telemetry.bracket_is((Some(18.0), Some(25.0)));
    let question = Question { better: Better::Higher, band: 0.03, alpha: 0.05 };
    let comparison = paired(&[0.1, 0.12, 0.09, 0.11, 0.13, 0.1, 0.14], question).unwrap();
    telemetry.comparison_is(None, Some(&comparison));
    telemetry
}

fn machine(busy: f64) -> Machine {
    Machine { cores: 2, busy_cpu_seconds: busy, stolen_cpu_seconds: 0.0 }
}

/// The value of the series of a family whose labels hold all of these.
fn value(telemetry: &Telemetry, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let families = telemetry.families();
    let samples = families.iter().flat_map(|family| &family.samples).filter(|sample| sample.name == name);
    let has = |sample: &&measure::metrics::Sample, (name, value): &(&str, &str)| {
        sample.labels.iter().any(|(label, of)| label == name && of == value)
    };
    let found: Vec<f64> =
        samples.filter(|sample| labels.iter().all(|label| has(sample, label))).map(|it| it.value).collect();
    assert!(found.len() <= 1, "{name} {labels:?}: {found:?}");
    found.first().copied()
}

fn check(telemetry: &Telemetry, name: &str, labels: &[(&str, &str)], expected: f64) {
    let found = value(telemetry, name, labels);
    let is_it = found.is_some_and(|found| (found - expected).abs() < 1e-9);
    assert!(is_it, "{name} {labels:?}: {found:?} and not {expected}");
}

#[test]
fn a_command_that_does_all_gives_out_every_metric_that_is_declared_and_no_other() {
    let families = everything(100).families();
    let given: Vec<&str> = families.iter().map(|family| family.name.as_str()).collect();
    let declared: Vec<&str> = ALL.iter().map(|declared| declared.name).collect();
    assert_eq!(given, declared);
    for (family, declared) in families.iter().zip(ALL) {
        assert_eq!((family.kind, family.help.as_str()), (declared.kind, declared.help));
        for sample in &family.samples {
            let labels: Vec<&str> = sample.labels.iter().map(|(name, _)| name.as_str()).collect();
            assert!(labels.is_sorted(), "{labels:?}");
            let le = sample.name.ends_with("_bucket").then_some("le");
            let expected: BTreeSet<&str> =
                EVERYWHERE.iter().chain(declared.labels).copied().chain(le).collect();
            assert_eq!(labels, expected.into_iter().collect::<Vec<_>>(), "{}", sample.name);
        }
    }
}

#[test]
fn there_are_as_many_series_with_five_thousand_nodes_as_with_a_hundred() {
    let series = |nodes| {
        let families = everything(nodes).families();
        let mut all = BTreeSet::new();
        for sample in families.into_iter().flat_map(|family| family.samples) {
            assert!(all.insert((sample.name.clone(), sample.labels)), "{} is there twice", sample.name);
        }
        all
    };
    let (few, many) = (series(100), series(5000));
    assert_eq!(few, many);
    assert!(few.len() < 500, "{}", few.len());
}

#[test]
fn what_only_grows_never_falls_whatever_begins_anew() {
    let telemetry = everything(100);
    let mut before = telemetry.families();
    let mut looks = |telemetry: &Telemetry, what: &str| {
        let now = telemetry.families();
        let value = |name: &str, labels: &Labels| {
            let mut of = now.iter().flat_map(|family| &family.samples);
            of.find(|it| it.name == name && it.labels == *labels).map(|it| it.value)
        };
        for family in before.iter().filter(|family| family.kind != FamilyKind::Gauge) {
            for sample in &family.samples {
                let now = value(&sample.name, &sample.labels);
                assert!(now.is_some_and(|now| now >= sample.value), "{what}: {sample:?} became {now:?}");
            }
        }
        before = now;
    };
    telemetry.load_ends();
    looks(&telemetry, "the load ended");
    telemetry.plane_is_gone();
    looks(&telemetry, "the control plane ended");
    telemetry.is_under("kcm-sched-500");
    looks(&telemetry, "there is another profile");
    telemetry.fleet_starts(0, 100);
    telemetry.fleet_did(0, &report(100, 1));
    looks(&telemetry, "another fleet started");
    // With other processes of the same names.
    let started = samples(0.5).into_iter().map(|sample| Sample { pid: sample.pid + 100, ..sample });
    telemetry.samples(&started.collect::<Vec<_>>(), Some(machine(110.0)));
    looks(&telemetry, "processes were started anew");
    load(&telemetry, 50);
    telemetry.is_under("defaults");
    looks(&telemetry, "it is the first again");
    load(&telemetry, 50);
    looks(&telemetry, "and has a load once more");
}

#[test]
fn histograms_say_the_same_in_all_their_series() {
    for family in everything(100).families().iter().filter(|family| family.kind == FamilyKind::Histogram) {
        let mut running: Vec<f64> = Vec::new();
        for sample in &family.samples {
            match sample.name.strip_prefix(&family.name) {
                Some("_bucket") => running.push(sample.value),
                Some("_sum") => assert!(sample.value >= 0.0, "{sample:?}"),
                Some("_count") => {
                    assert!(running.is_sorted() && running.len() > 10, "{}: {running:?}", family.name);
                    let all = running.last().copied().map(f64::to_bits);
                    assert_eq!(all, Some(sample.value.to_bits()), "{sample:?}");
                    running.clear();
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn a_load_is_counted_as_it_was_told() {
    let telemetry = everything(100);
    let pods = ("load", "pods");
    for (name, expected) in [
        ("loadgen_operations_offered_total", 100.0),
        ("loadgen_operations_failed_total", 10.0),
        ("loadgen_operations_succeeded_total", 90.0),
        // Twice the limit is two seconds.
        ("loadgen_operations_good_total", 80.0),
        ("loadgen_operations_dropped_total", 2.0),
        ("loadgen_offered_rate", 20.0),
        ("loadgen_backlog", 3.0),
    ] {
        check(&telemetry, name, &[pods], expected);
    }
    check(&telemetry, "loadgen_operation_duration_seconds_bucket", &[pods, ("le", "0.5")], 80.0);
    check(&telemetry, "loadgen_pod_startup_duration_seconds_count", &[pods, ("stage", "schedule")], 100.0);
    let created = [("side", "drivers"), ("verb", "create"), ("resource", "pods")];
    check(
        &telemetry,
        "loadgen_requests_total",
        &[created[0], created[1], created[2], ("code", "2xx")],
        100.0,
    );
    check(&telemetry, "loadgen_request_duration_seconds_count", &created, 100.0);
    check(&telemetry, "loadgen_request_lateness_seconds_sum", &[("side", "drivers")], 0.1);
    let watchers = ("load", "watchers");
    check(&telemetry, "loadgen_level", &[watchers, ("state", "there")], 90.0);
    check(&telemetry, "loadgen_watch_events_total", &[watchers], 100.0);
    check(&telemetry, "loadgen_watch_lag_seconds_bucket", &[watchers, ("le", "0.005")], 100.0);
    check(&telemetry, "loadgen_driver_figure", &[watchers, ("figure", "relists")], 4.0);
    assert_eq!(value(&telemetry, "loadgen_backlog", &[watchers]), None, "a level has no operations");
    telemetry.load_ends();
    check(&telemetry, "loadgen_offered_rate", &[pods], 0.0);
}

#[test]
fn the_fleet_and_the_machine_are_counted_from_when_they_were_looked_at_first() {
    let telemetry = everything(100);
    let renewed = [("side", "fleet"), ("resource", "coordination.k8s.io/leases")];
    check(&telemetry, "loadgen_requests_total", &[renewed[0], renewed[1], ("code", "409")], 2.0);
    check(&telemetry, "loadgen_request_service_duration_seconds_count", &renewed, 98.0);
    check(&telemetry, "loadgen_nodes", &[("state", "ready")], 99.0);
    telemetry.fleet_did(0, &report(100, 3));
    check(&telemetry, "loadgen_fleet_pods_total", &[("event", "started")], 300.0);
    check(&telemetry, "loadgen_fleet_network_bytes_total", &[("direction", "read")], 2700.0);
    check(&telemetry, "loadgen_node_false_alarms_total", &[], 3.0);
    check(&telemetry, "loadgen_process_cpu_seconds_total", &[("process", "etcd")], 3.0);
    check(&telemetry, "loadgen_machine_cpu_busy_seconds_total", &[], 4.0);
}

#[test]
fn false_alarms_that_seem_fewer_for_a_moment_are_not_counted_twice() {
    let telemetry = Telemetry::new("run", "scenario");
    telemetry.fleet_starts(0, 5);
    for times in [3, 2, 3] {
        telemetry.fleet_did(0, &report(5, times));
    }
    check(&telemetry, "loadgen_node_false_alarms_total", &[], 3.0);
}

#[test]
fn the_arms_of_a_comparison_do_not_add_to_one_another() {
    let telemetry = everything(100);
    telemetry.is_under("kcm-sched-500");
    load(&telemetry, 30);
    let offered = |profile| value(&telemetry, "loadgen_operations_offered_total", &[("profile", profile)]);
    assert_eq!((offered("defaults"), offered("kcm-sched-500")), (Some(100.0), Some(30.0)));
    let rate = |profile| value(&telemetry, "loadgen_offered_rate", &[("profile", profile)]);
    assert_eq!((rate("defaults"), rate("kcm-sched-500")), (None, Some(20.0)));
    check(&telemetry, "loadgen_trial", &[], 2.0);
    let labels = telemetry.labels();
    assert_eq!(labels[0], ("profile".to_owned(), "kcm-sched-500".to_owned()));
}

#[test]
fn what_was_there_before_anybody_knew_the_profile_leaves_nothing() {
    let telemetry = Telemetry::new("run", "scenario");
    for profile in ["a", "b", "a"] {
        telemetry.is_under(profile);
    }
    assert_eq!(telemetry.state().counted.len(), 1);
    check(&telemetry, "loadgen_run_start_timestamp_seconds", &[("profile", "a"), ("run", "run")], {
        telemetry.state().start.as_duration().as_secs_f64()
    });
}

#[test]
fn figures_of_several_cells_are_added_up_where_that_means_something() {
    let telemetry = Telemetry::new("run", "cells");
    let meters = telemetry.load_begins(None, 1.0, &[watched("them", None)]);
    for (cell, bytes) in [(0, 10.0), (1, 5.0)] {
        let figures = [("bytes".to_owned(), bytes), ("synced-after-seconds".to_owned(), bytes)];
        meters[0].figures_are(cell, figures.into());
    }
    check(&telemetry, "loadgen_driver_figure", &[("figure", "bytes")], 15.0);
    check(&telemetry, "loadgen_driver_figure", &[("figure", "synced-after-seconds (cell 2)")], 5.0);
}

#[test]
fn a_criterion_that_one_group_broke_is_broken() {
    let telemetry = Telemetry::new("run", "scenario");
    telemetry.judges(&[
        at_most("lease-gap", "fleet", 20.0, 15.0, 3),
        at_most("lease-gap", "others", 2.0, 15.0, 3),
        none("not-ready", "fleet", 0),
    ]);
    check(&telemetry, "loadgen_criterion_kept", &[("criterion", "lease-gap")], 0.0);
    check(&telemetry, "loadgen_criterion_kept", &[("criterion", "not-ready")], 1.0);
}
