//! Folders, files alone, and what is neither.

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::samples;

fn error(path: &Path) -> String {
    Record::open(path).unwrap_err().to_string()
}

#[test]
fn a_folder_is_read_with_all_that_lies_in_it() {
    let base = TempDir::new().unwrap();
    let folder = samples::run_folder(base.path());
    let record = Record::open(folder.path()).unwrap();
    assert_eq!((record.kind(), record.id()), ("run", "20261123-170000-pod-churn-51aa"));
    assert_eq!(record.folder.as_deref(), Some(folder.path()));
    let Holds::Run(run) = record.holds else { panic!("{record:?}") };
    let latency = run.latency.unwrap();
    let found: Vec<(String, u64)> = latency
        .of("response")
        .map(|(tag, it)| (format!("{} {}", tag.verb, tag.resource), it.len()))
        .collect();
    assert_eq!(found, [("create pods".to_owned(), 1600), ("delete pods".to_owned(), 1200)]);
    assert_eq!(latency.of("lateness").count(), 2);
    assert_eq!(run.fleet_latency.unwrap().of("response").count(), 1);
    let series = run.series.unwrap();
    assert_eq!((series.processes["etcd"].len(), series.components.len()), (60, 4));
    assert!((series.processes["etcd"][10].cpu_seconds - 3.0).abs() < 1e-9);
}

#[test]
fn the_file_of_a_folder_is_the_folder_and_a_file_alone_is_a_record_without_one() {
    let base = TempDir::new().unwrap();
    let folder = samples::run_folder(base.path());
    let record = Record::open(&folder.path().join("run.json")).unwrap();
    assert_eq!(record.folder.as_deref(), Some(folder.path()));
    assert!(matches!(&record.holds, Holds::Run(run) if run.series.is_some()));
    let record = samples::run_alone();
    assert_eq!(record.folder, None);
    assert!(matches!(&record.holds, Holds::Run(run) if run.series.is_none() && run.latency.is_none()));
}

#[test]
fn trials_are_read_where_they_are_there() {
    let base = TempDir::new().unwrap();
    let Holds::Experiment(experiment) = samples::experiment().holds else { panic!("no experiment") };
    let folder = record::Folder::create(base.path(), "it").unwrap();
    folder.write_experiment(&experiment.record).unwrap();
    let trials = folder.path().join("trials");
    fs::create_dir(&trials).unwrap();
    fs::rename(samples::run_folder(base.path()).path(), trials.join("002")).unwrap();
    let record = Record::open(folder.path()).unwrap();
    let Holds::Experiment(experiment) = record.holds else { panic!("no experiment") };
    let [trial] = experiment.trials.as_slice() else { panic!("{:?}", experiment.trials) };
    assert_eq!(trial.path, "trials/002");
    assert!(matches!(trial.record, AnyRecord::Run(_)));
}

#[test]
fn a_folder_without_a_record_says_where_there_is_one() {
    let base = TempDir::new().unwrap();
    let here = base.path().display().to_string();
    assert_eq!(
        error(base.path()),
        format!(
            "there is no record in {here}: it has none of run.json, search.json, experiment.json, advice.json"
        )
    );
    let folder = samples::run_folder(base.path());
    let error = error(base.path());
    assert!(error.ends_with(&format!("; there is one in {}", folder.path().display())), "{error}");
}

#[test]
fn what_is_damaged_is_told_by_file_and_line() {
    let base = TempDir::new().unwrap();
    let folder = samples::run_folder(base.path());
    let file = |name: &str| folder.path().join(name);
    let text = fs::read_to_string(file("series.jsonl")).unwrap();
    // What a killed program has not written to its end is no damage.
    fs::write(file("series.jsonl"), &text[..text.len() - 10]).unwrap();
    assert!(Record::open(folder.path()).is_ok());
    fs::write(file("series.jsonl"), text.replacen("\"seconds\"", "\"sec", 3)).unwrap();
    assert!(
        error(folder.path()).starts_with(&format!("{}:1: this is no line", file("series.jsonl").display()))
    );
    fs::write(file("series.jsonl"), text).unwrap();

    let log = fs::read_to_string(file("latency.hlog")).unwrap();
    for (damaged, wanted) in [
        (log[..log.len() - 30].to_owned(), "this is no line of an HdrHistogram log"),
        (log.replacen("Tag=lateness:", "Tag=", 1), "its tag is not"),
        (log.replacen(",HIST", ",!!!!", 1), "Invalid symbol"),
    ] {
        fs::write(file("latency.hlog"), damaged).unwrap();
        let error = error(folder.path());
        assert!(error.starts_with(&format!("{}:", file("latency.hlog").display())), "{error}");
        assert!(error.contains(wanted), "{error}");
    }
    fs::write(file("latency.hlog"), log).unwrap();

    fs::write(file("run.json"), "{").unwrap();
    let cut = format!("{} is cut off or is no record", file("run.json").display());
    assert_eq!(error(folder.path()), cut);
}
