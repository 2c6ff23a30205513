use jiff::SignedDuration;
use record::metrics::{Kept, KeptSeries, read};
use tempfile::TempDir;

use super::*;
use crate::server_metrics::tests::{after, before};

/// Components that are up and never asked.
#[derive(Debug)]
struct Silent;

impl Components for Silent {
    fn up(&self) -> Vec<Instance> {
        Vec::new()
    }

    fn read(&self, _name: &str) -> Option<Answer> {
        None
    }
}

fn folder() -> (TempDir, Folder) {
    let base = TempDir::new().unwrap();
    let folder = Folder::create(base.path(), "run-1").unwrap();
    (base, folder)
}

fn kept(folder: &Folder) -> Kept {
    read(folder.path()).unwrap()
}

/// The one series of a component with these labels.
fn series<'a>(kept: &'a Kept, family: &str, name: &str, labels: &[(&str, &str)]) -> &'a KeptSeries {
    let family = kept.family(family).unwrap();
    let all = |it: &&KeptSeries| {
        it.name == name && labels.iter().all(|(name, value)| it.label(name) == Some(value))
    };
    let found: Vec<&KeptSeries> = family.series.iter().filter(all).collect();
    let [only] = found.as_slice() else { panic!("{name} with {labels:?}: {}", found.len()) };
    only
}

fn values(series: &KeptSeries) -> Vec<String> {
    series.points().map(|(_, value)| value.to_string()).collect()
}

/// A run in which the components were read twice and then went down.
#[test]
fn what_components_say_is_kept_as_prometheus_would_have_scraped_it() {
    let (_base, folder) = folder();
    let telemetry = Telemetry::new("run-1", "pod-churn");
    telemetry.is_under("defaults");
    let shown = Shown::new(&telemetry, Some(folder.metrics().unwrap()));
    let start = Timestamp::now() - SignedDuration::from_secs(60);
    shown.keep(start, &before());
    shown.can_ask(Box::new(Silent));
    shown.keep(start + SignedDuration::from_secs(10), &before());
    shown.keep(start + SignedDuration::from_secs(31), &after());
    shown.goes_down();
    shown.keep(Timestamp::now() + SignedDuration::from_secs(1), &after());
    drop(shown);

    let kept = kept(&folder);
    let labels = [
        ("instance", "etcd"),
        ("job", "etcd"),
        ("profile", "defaults"),
        ("run", "run-1"),
        ("scenario", "pod-churn"),
    ];
    let commits = "etcd_disk_backend_commit_duration_seconds";
    assert!(!kept.family(commits).unwrap().help.is_empty());
    let bucket = |le| [&labels[..], &[("le", le)]].concat();
    let slowest = series(&kept, commits, &format!("{commits}_bucket"), &bucket("8.192"));
    let all = series(&kept, commits, &format!("{commits}_count"), &labels);
    assert_eq!(values(all).last().unwrap(), "707");
    assert_eq!(values(slowest), values(all), "none took longer");
    assert_eq!(values(all).len(), 2, "nothing before the control plane was up, nothing after it went");
    assert_eq!(all.gone().count(), 1);
    // With its own labels, sorted among those of the run.
    let seats = "apiserver_flowcontrol_current_executing_seats";
    for series in &kept.family(seats).unwrap().series {
        assert!(series.labels.is_sorted() && series.label("priority_level").is_some(), "{series:?}");
    }
}

#[test]
fn our_own_families_are_kept_to_the_last_moment() {
    let (_base, folder) = folder();
    let telemetry = Telemetry::new("run-1", "pod-churn");
    let shown = Shown::new(&telemetry, Some(folder.metrics().unwrap()));
    telemetry.is_under("defaults");
    shown.keep_ours();
    std::thread::sleep(Duration::from_millis(5));
    telemetry.is_in(measure::Phase::Measure);
    drop(shown);
    let kept = kept(&folder);
    let labels = [("instance", "loadgen"), ("job", "loadgen"), ("phase", "measure"), ("profile", "defaults")];
    let phase = series(&kept, "loadgen_phase", "loadgen_phase", &labels);
    assert_eq!(values(phase), ["0", "1"]);
}

#[tokio::test]
async fn our_own_families_are_kept_without_anybody_asking() {
    let (_base, folder) = folder();
    let shown = Shown::new(&Telemetry::new("run-1", "pod-churn"), Some(folder.metrics().unwrap()));
    let ticking = tokio::spawn(tick(Arc::downgrade(&shown.0), Duration::from_millis(2)));
    while kept(&folder).family("loadgen_phase").is_none() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    drop(shown);
    ticking.await.unwrap();
}

#[tokio::test]
async fn something_else_in_its_place_is_said_at_once() {
    let (_base, folder) = folder();
    let path = folder.path().join(record::metrics::FILE);
    std::fs::write(&path, "something else\n").unwrap();
    let error = Shown::kept_in(&folder, &Telemetry::new("run-1", "pod-churn")).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{}:1:", path.display())), "{error}");
}
