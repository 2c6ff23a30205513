use measure::Nanos;
use profile::Profile;
use scrape::{
    limits::{self, Resource},
    names::Component,
};
use serde_json::json;

use super::{Answer, Reading, client_qps, cpus, processes, program};

/// What a real control plane served, 21 s apart; see `crates/scrape/tests/control_plane.rs`.
fn reading(at: u64, texts: [(Component, &str); 4]) -> Reading {
    let answer = |(component, text): (Component, &str)| -> Answer {
        (component, program(component).to_owned(), Ok(text.to_owned().into()))
    };
    Reading::parse(Nanos(at * 1_000_000_000), texts.map(answer).into())
}

pub(crate) fn before() -> Reading {
    reading(
        10,
        [
            (Component::Etcd, include_str!("../../../crates/scrape/tests/data/etcd-before.txt")),
            (Component::Apiserver, include_str!("../../../crates/scrape/tests/data/apiserver-before.txt")),
            (
                Component::ControllerManager,
                include_str!("../../../crates/scrape/tests/data/controller-manager-before.txt"),
            ),
            (Component::Scheduler, include_str!("../../../crates/scrape/tests/data/scheduler-before.txt")),
        ],
    )
}

pub(crate) fn after() -> Reading {
    reading(
        31,
        [
            (Component::Etcd, include_str!("../../../crates/scrape/tests/data/etcd-after.txt")),
            (Component::Apiserver, include_str!("../../../crates/scrape/tests/data/apiserver-after.txt")),
            (
                Component::ControllerManager,
                include_str!("../../../crates/scrape/tests/data/controller-manager-after.txt"),
            ),
            (Component::Scheduler, include_str!("../../../crates/scrape/tests/data/scheduler-after.txt")),
        ],
    )
}

fn profile(settings: &[&str]) -> Profile {
    let mut profile = profile::load("defaults").unwrap();
    for setting in settings {
        profile.set(setting).unwrap();
    }
    profile
}

#[test]
fn two_readings_say_what_limited_the_time_between_them() {
    let profile = profile(&[]);
    let processes = processes(&before(), &after(), Some((&profile, 2)));
    assert_eq!(processes.len(), 4);
    for process in &processes {
        assert!((process.change.seconds - 21.0).abs() < 1e-9);
        assert_eq!(process.cpus, Some(2.0));
    }
    let found = limits::findings(&processes, None);
    let first = found.first().map(|finding| (finding.component.as_str(), finding.resource));
    assert_eq!(first, Some(("kube-apiserver", Resource::AllSeats)));
}

#[test]
fn a_component_that_did_not_answer_is_missing_and_no_process() {
    let error = || Err("the connection is refused".to_owned());
    let silent: Answer = (Component::Etcd, "etcd".to_owned(), error());
    let garbled: Answer = (Component::Scheduler, "kube-scheduler".to_owned(), Ok("<html>".into()));
    let reading = Reading::parse(Nanos(0), vec![silent, garbled]);
    let missing: Vec<_> = reading.missing.iter().map(|(process, _)| process.as_str()).collect();
    assert_eq!(missing, ["etcd", "kube-scheduler"]);
    assert_eq!(processes(&reading, &after(), None).len(), 0);
    let line = reading.line(None);
    assert_eq!(line["missing"]["etcd"], "the connection is refused");
    assert_eq!(line["components"], json!({}));
}

#[test]
fn a_line_has_the_few_figures_of_each_component() {
    let line = after().line(Some(&before()));
    assert_eq!(line["seconds"], 31.0);
    assert_eq!(line.get("missing"), None);
    let components = &line["components"];
    for process in ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"] {
        assert!(components[process]["cpu_seconds"].as_f64().unwrap() > 0.0, "{line}");
        assert!(components[process]["rss_bytes"].as_f64().unwrap() > 1e6, "{line}");
    }
    let etcd = &components["etcd"];
    let fsync = etcd["wal_fsync_p99_seconds"].as_f64().unwrap();
    assert!((0.001..1.0).contains(&fsync), "{line}");
    assert!(
        etcd["backend_commit_p99_seconds"].is_f64() && etcd["db_bytes"].as_f64().unwrap() > 1e5,
        "{line}"
    );
    assert!(components["kube-apiserver"]["seats"]["workload-low"].as_f64().unwrap() > 0.0, "{line}");
    for figure in ["requests_per_second", "watch_events_per_second", "watch_bytes_per_second", "objects"] {
        assert!(components["kube-apiserver"][figure].as_f64().unwrap() > 0.1, "{figure}: {line}");
    }
    assert!(components["kube-scheduler"]["attempts_per_second"].as_f64().unwrap() > 1.0, "{line}");
    assert!(components["kube-scheduler"]["attempt_p99_seconds"].as_f64().unwrap() > 1e-4, "{line}");
    assert!(components["kube-scheduler"]["pending_pods"].is_object(), "{line}");
    assert!(components["kube-controller-manager"]["workqueue_depth"].is_object(), "{line}");
    assert!(line.to_string().len() < 2000, "{} bytes: {line}", line.to_string().len());
}

#[test]
fn the_first_line_has_no_figure_of_a_time() {
    let line = after().line(None);
    let etcd = &line["components"]["etcd"];
    assert_eq!(etcd.get("wal_fsync_p99_seconds"), None);
    assert!(etcd["db_bytes"].is_f64());
}

#[test]
fn the_qps_of_a_component_is_its_flag_or_its_default() {
    let of = |component, settings: &[&str]| client_qps(component, &profile(settings));
    assert_eq!(of(Component::Scheduler, &[]), Some(50.0));
    assert_eq!(of(Component::ControllerManager, &[]), Some(20.0));
    assert_eq!(of(Component::Apiserver, &[]), None);
    assert_eq!(of(Component::Scheduler, &["scheduler.flags.kube-api-qps=500"]), Some(500.0));
    assert_eq!(of(Component::Scheduler, &["scheduler.config.clientConnection.qps=300"]), Some(300.0));
    assert_eq!(of(Component::ControllerManager, &["scheduler.flags.kube-api-qps=500"]), Some(20.0));
    assert_eq!(of(Component::ControllerManager, &["controller-manager.flags.kube-api-qps=0"]), Some(5.0));
    assert_eq!(of(Component::ControllerManager, &["controller-manager.flags.kube-api-qps=-1"]), None);
}

#[test]
fn gomaxprocs_is_the_number_of_processors_up_to_those_there_are() {
    let of = |setting: &[&str], cores| cpus(Component::Apiserver, &profile(setting), cores);
    let close = |one: f64, other: f64| assert!((one - other).abs() < 1e-9, "{one} {other}");
    close(of(&[], 8), 8.0);
    close(of(&["env.apiserver.GOMAXPROCS=3"], 8), 3.0);
    close(of(&["env.apiserver.GOMAXPROCS=16"], 8), 8.0);
    close(of(&["env.apiserver.GOMAXPROCS=0"], 8), 8.0);
    close(of(&["env.etcd.GOMAXPROCS=1"], 8), 8.0);
    close(of(&["cpu.apiserver=2-3"], 8), 2.0);
    close(of(&["cpu.apiserver=2-3", "env.apiserver.GOMAXPROCS=1"], 8), 1.0);
}
