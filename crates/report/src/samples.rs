//! Records for tests: a whole folder of a run, and thinned records of a search, an experiment and a rule that were kept.

use std::{fs, path::Path, time::Duration};

use jiff::Timestamp;
use measure::{
    Kind, Nanos, Outcome, Recorder,
    metrics::{Family, GOOD, OFFERED, Sample},
};
use record::{
    Folder, Interval, Side,
    metrics::{self, Writer},
};
use serde_json::json;
use tempfile::TempDir;

use crate::{Child, Holds, Record};

const RUN: &str = include_str!("../testdata/run.json");
const SEARCH: &str = include_str!("../testdata/search.json");
const EXPERIMENT: &str = include_str!("../testdata/experiment.json");
const ADVICE: &str = include_str!("../testdata/advice.json");

/// Opens a record's file that has this text.
fn alone(text: &str) -> Record {
    let base = TempDir::new().unwrap();
    let file = base.path().join("01.json");
    fs::write(&file, text).unwrap();
    Record::open(&file).unwrap()
}

/// So many requests of a kind, the slower the more there are.
fn recorder(kinds: &[(Kind, u64)]) -> Recorder {
    let mut recorder = Recorder::new();
    for (kind, count) in kinds {
        for number in 1..=*count {
            recorder.record(*kind, Nanos(0), Nanos(100_000), Nanos(number * 100_000), Outcome::Ok);
        }
    }
    recorder
}

/// Makes the folder of a run in `base`.
pub(crate) fn run_folder(base: &Path) -> Folder {
    let folder = Folder::create(base, "run").unwrap();
    fs::write(folder.path().join("run.json"), RUN).unwrap();
    let drivers = recorder(&[(Kind::new("create", "pods"), 800), (Kind::new("delete", "pods"), 600)]);
    let fleet = recorder(&[(Kind::new("update", "coordination.k8s.io/leases"), 5)]);
    for (side, recorder) in [(Side::Drivers, &drivers), (Side::Fleet, &fleet)] {
        // In two intervals, which are to be added up.
        let halves = [0, 20].map(|start| Interval {
            start: Duration::from_secs(start),
            length: Duration::from_secs(20),
            recorder,
        });
        folder.write_hlog(side, "2026-11-23T17:00:32.5Z".parse().unwrap(), &halves).unwrap();
    }
    let mut series = folder.series().unwrap();
    for second in 0..60_u32 {
        let seconds = f64::from(second);
        let processes = json!({
            "etcd": { "cpu_seconds": 0.3 * seconds, "rss_bytes": 1.1e8 },
            "kube-apiserver": { "cpu_seconds": 1.1 * seconds, "rss_bytes": 5e8 + 1e6 * seconds },
        });
        series.append(&json!({ "seconds": seconds, "processes": processes })).unwrap();
        if second % 15 == 0 {
            let figures = json!({ "requests_per_second": 200.0 + seconds });
            series
                .append(&json!({ "seconds": seconds, "components": { "kube-apiserver": figures } }))
                .unwrap();
        }
    }
    keep_metrics(&folder);
    folder
}

/// Twenty operations a second are due, of which 19 are good.
fn keep_metrics(folder: &Folder) {
    let began: Timestamp = "2026-11-23T17:00:00Z".parse().unwrap();
    let mut writer = Writer::create(&folder.path().join(metrics::FILE)).unwrap();
    for moment in 0..12_i32 {
        let families = [(OFFERED, 20.0), (GOOD, 19.0)].map(|(declared, rate)| Family {
            name: declared.name.to_owned(),
            kind: declared.kind,
            help: declared.help.to_owned(),
            samples: vec![Sample {
                name: declared.name.to_owned(),
                labels: vec![("load".to_owned(), "pods".to_owned())],
                value: rate * f64::from(5 * moment),
            }],
        });
        let at = began + jiff::SignedDuration::from_secs(i64::from(5 * moment));
        writer.append(at, "run", &families).unwrap();
    }
}

/// A run with everything beside it.
pub(crate) fn run() -> Record {
    let base = TempDir::new().unwrap();
    Record::open(run_folder(base.path()).path()).unwrap()
}

/// A run of which only the record was kept.
pub(crate) fn run_alone() -> Record {
    alone(RUN)
}

pub(crate) fn search() -> Record {
    alone(SEARCH)
}

pub(crate) fn experiment() -> Record {
    alone(EXPERIMENT)
}

/// With the record of one of its experiments.
pub(crate) fn advice() -> Record {
    let mut record = alone(ADVICE);
    let Holds::Advice(advice) = &mut record.holds else { panic!("{record:?}") };
    let path = advice.record.tested[0].folder.clone();
    let Holds::Experiment(experiment) = experiment().holds else { panic!("no experiment") };
    advice.experiments =
        vec![Child { path, record: record::AnyRecord::Experiment(Box::new(experiment.record)) }];
    record
}

/// One of each.
pub(crate) fn all() -> Vec<Record> {
    vec![run(), run_alone(), search(), experiment(), advice()]
}
