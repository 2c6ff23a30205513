//! The table of metrics, and the judgement, against what a real control plane served: Kubernetes 1.36.3 with etcd
//! 3.6.8 on two cores, as `loadgen up` starts it, while 200 nodes came up (`*-before.txt`) and 21 s later under 60
//! pods/s (`*-after.txt`).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;

use scrape::{
    exposition,
    limits::{self, Process, Resource},
    names::{self, Component, Metric, Presence, Stability},
    series::{Labels, Scrape, Value},
};

const SECONDS: f64 = 21.0;

struct Served {
    component: Component,
    before: &'static str,
    after: &'static str,
}

const SERVED: [Served; 4] = [
    Served {
        component: Component::Apiserver,
        before: include_str!("data/apiserver-before.txt"),
        after: include_str!("data/apiserver-after.txt"),
    },
    Served {
        component: Component::Etcd,
        before: include_str!("data/etcd-before.txt"),
        after: include_str!("data/etcd-after.txt"),
    },
    Served {
        component: Component::Scheduler,
        before: include_str!("data/scheduler-before.txt"),
        after: include_str!("data/scheduler-after.txt"),
    },
    Served {
        component: Component::ControllerManager,
        before: include_str!("data/controller-manager-before.txt"),
        after: include_str!("data/controller-manager-after.txt"),
    },
];

fn read(text: &str) -> Scrape {
    exposition::parse(text, names::wanted).unwrap()
}

fn served(component: Component) -> Scrape {
    read(SERVED.iter().find(|served| served.component == component).unwrap().after)
}

/// Every metric of the table with every component that should serve it, and what it serves.
fn table() -> impl Iterator<Item = (&'static Metric, &'static Served)> {
    names::ALL.iter().flat_map(|metric| {
        SERVED
            .iter()
            .filter(|served| metric.components.contains(&served.component))
            .map(move |served| (metric, served))
    })
}

#[test]
fn what_must_be_there_is_there_and_what_is_newer_is_not() {
    for (metric, served) in table() {
        let there = metric.find(&read(served.after)).is_some();
        match metric.presence {
            Presence::Always => assert!(there, "{} of {:?}", metric.name, served.component),
            Presence::Since(version) => assert!(!there, "{} is said to be new in {version}", metric.name),
            Presence::OnceItHappened => {}
        }
    }
}

#[test]
fn kinds_and_labels_are_those_of_the_table() {
    let mut seen = 0;
    for (metric, served) in table() {
        let scrape = read(served.after);
        let Some(family) = scrape.family(metric.name) else { continue };
        assert_eq!(family.kind, metric.kind, "{}", metric.name);
        let mut expected = metric.labels.to_vec();
        expected.sort_unstable();
        for labels in family.series.keys() {
            let names: Vec<_> = labels.iter().map(|(name, _)| name).collect();
            assert_eq!(names, expected, "{}", metric.name);
            seen += 1;
        }
        assert!(!family.series.is_empty(), "{}", metric.name);
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn stability_is_what_the_help_text_says() {
    for (metric, served) in table() {
        let help =
            served.after.lines().find_map(|line| line.strip_prefix(&format!("# HELP {} ", metric.name)));
        let Some(help) = help else { continue };
        let mark = match metric.stability {
            Stability::Alpha => "[ALPHA]",
            Stability::Beta => "[BETA]",
            Stability::Stable => "[STABLE]",
            Stability::Unmarked => "",
        };
        assert!(help.contains(mark), "{}: {help}", metric.name);
        assert!(!mark.is_empty() || !help.starts_with('['), "{}: {help}", metric.name);
    }
}

#[test]
fn what_is_read_can_be_written_and_read_again() {
    for served in &SERVED {
        let scrape = exposition::parse(served.after, |_| true).unwrap();
        assert_eq!(exposition::parse(&scrape.to_string(), |_| true).unwrap(), scrape);
        assert_eq!(scrape.families().count(), served.after.matches("# TYPE ").count());
    }
}

#[test]
fn histograms_are_whole() {
    let scrape = served(Component::Apiserver);
    let family = names::REQUEST_DURATION.find(&scrape).unwrap();
    for value in family.series.values() {
        let Value::Histogram(histogram) = value else { panic!("{value:?}") };
        let last = histogram.buckets().last().unwrap();
        assert_eq!((last.upper, last.count), (f64::INFINITY, histogram.count));
        assert!(histogram.mean().unwrap() > 0.0 && histogram.quantile(0.99).unwrap() > 0.0);
    }
}

/// What 1.33 served for the same.
const OLDER: &str = "# TYPE apiserver_storage_objects gauge\napiserver_storage_objects{resource=\"pods\"} 7\n\
                     # TYPE etcd_request_duration_seconds histogram\n\
                     etcd_request_duration_seconds_count{operation=\"get\",type=\"pods\"} 3\n";

#[test]
fn older_names_of_metrics_and_labels_are_found() {
    let older = read(OLDER);
    assert_eq!(names::OBJECTS.find(&older).unwrap().total(|labels| labels.is("resource", "pods")), Some(7.0));
    let resource = |scrape: &Scrape, metric: &Metric| {
        let of = |labels: &Labels| metric.label(labels, "resource").map(str::to_owned);
        metric.find(scrape).unwrap().series.keys().find_map(of)
    };
    assert_eq!(resource(&older, &names::STORAGE_DURATION).as_deref(), Some("pods"));
    assert!(resource(&served(Component::Apiserver), &names::STORAGE_DURATION).is_some());
}

#[test]
fn each_name_stands_in_the_table_once() {
    let mut all: Vec<_> = names::ALL.iter().flat_map(Metric::names).collect();
    let length = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), length);
    assert!(names::wanted("apiserver_storage_objects") && !names::wanted("apiserver_request_total_bucket"));
}

fn processes() -> Vec<Process> {
    let process = |served: &Served| {
        let name = format!("{:?}", served.component);
        let mut process =
            Process::new(served.component, &name, &read(served.before), &read(served.after), SECONDS);
        process.cpus = Some(2.0);
        process.client_qps = match served.component {
            Component::Scheduler => Some(50.0),
            Component::ControllerManager => Some(20.0),
            Component::Apiserver | Component::Etcd => None,
        };
        process
    };
    SERVED.iter().map(process).collect()
}

#[test]
fn what_limited_it_was_the_machine_then_the_drivers_seats_then_the_disk() {
    let found = limits::findings(&processes(), Some(0.97));
    let found: Vec<_> = found.iter().map(|finding| (finding.resource, finding.part.as_deref())).collect();
    assert_eq!(
        found,
        [
            (Resource::MachineCpu, None),
            (Resource::AllSeats, Some("workload-low")),
            (Resource::WalFsync, None),
            (Resource::BackendCommit, None),
            (Resource::SeatWait, Some("workload-low")),
        ]
    );
}

#[test]
fn every_kind_of_figure_is_found_in_real_metrics() {
    let figures = limits::figures(&processes(), Some(0.97));
    let found: BTreeSet<_> = figures.iter().map(|finding| finding.resource).collect();
    // Sixty pods a second for ten seconds: the hundred tokens of the burst had just gone.
    let share = |component: Component| {
        let all = processes();
        limits::throttling(all.iter().find(|process| process.component == component).unwrap())
            .map(|it| it.share)
    };
    let scheduler = share(Component::Scheduler).unwrap();
    assert!((0.05..0.15).contains(&scheduler), "{scheduler}");
    assert_eq!(share(Component::Etcd), None);
    // No item was taken from the queues that the scrapes were trimmed to.
    let missing: Vec<_> = Resource::ALL.iter().filter(|resource| !found.contains(resource)).collect();
    assert_eq!(missing, [&Resource::WorkQueueWait]);
}
