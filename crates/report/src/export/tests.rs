use std::fs;

use jiff::Timestamp;
use measure::metrics::{Family, FamilyKind, Sample};
use record::metrics::Writer;
use tempfile::TempDir;

use super::*;

const RUN: &str = include_str!("../../../record/testdata/run-v1.json");
const EXPERIMENT: &str = include_str!("../../../record/testdata/experiment-v1.json");

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

#[test]
fn a_folder_without_a_record_is_told() {
    let folder = folder(&[("notes.txt", "")]);
    let error = openmetrics(folder.path(), &mut Vec::new()).unwrap_err();
    assert!(matches!(&error, Error::Source(crate::Error::NoRecord { .. })), "{error}");
    assert!(error.to_string().contains(&folder.path().display().to_string()), "{error}");
}

#[test]
fn a_record_from_before_metrics_were_kept_is_told() {
    let folder = folder(&[("run.json", RUN)]);
    let error = openmetrics(folder.path(), &mut Vec::new()).unwrap_err();
    assert!(matches!(&error, Error::NoMetrics { .. }), "{error}");
    assert!(error.to_string().contains("has no metrics.jsonl"), "{error}");
}

#[test]
fn what_was_kept_is_written_with_its_times_and_an_end() {
    let folder = folder(&[("run.json", RUN)]);
    let nodes = |value| {
        let state = ("state".to_owned(), "ready".to_owned());
        let sample = Sample { name: "loadgen_nodes".to_owned(), labels: vec![state], value };
        let (name, help) = ("loadgen_nodes".to_owned(), "Virtual nodes.".to_owned());
        Family { name, kind: FamilyKind::Gauge, help, samples: vec![sample] }
    };
    let at = |seconds: i64| Timestamp::from_millisecond(1_795_461_234_500 + seconds * 1000).unwrap();
    let mut kept = Writer::create(&folder.path().join("metrics.jsonl")).unwrap();
    kept.append(at(0), "loadgen", &[nodes(3.0)]).unwrap();
    kept.append(at(5), "loadgen", &[nodes(3.0)]).unwrap();
    kept.append(at(10), "loadgen", &[]).unwrap();
    let mut text = Vec::new();
    openmetrics(&folder.path().join("run.json"), &mut text).unwrap();
    assert_eq!(
        String::from_utf8(text).unwrap(),
        "# TYPE loadgen_nodes gauge\n\
         # HELP loadgen_nodes Virtual nodes.\n\
         loadgen_nodes{state=\"ready\"} 3 1795461234.500\n\
         loadgen_nodes{state=\"ready\"} 3 1795461239.500\n\
         # EOF\n"
    );
}

#[test]
fn a_trial_of_an_experiment_says_where_its_metrics_are() {
    let folder =
        folder(&[("experiment.json", EXPERIMENT), ("metrics.jsonl", ""), ("trials/001/run.json", RUN)]);
    let error = openmetrics(&folder.path().join("trials/001"), &mut Vec::new()).unwrap_err();
    let Error::MetricsOutside { kind, outer, .. } = &error else { panic!("{error}") };
    assert_eq!((*kind, outer), ("experiment", &folder.path().canonicalize().unwrap()));
}

#[test]
fn perfdata_of_an_experiment_names_the_trial_to_export() {
    let folder = folder(&[("experiment.json", EXPERIMENT), ("trials/002/run.json", RUN)]);
    let record = Record::open(folder.path()).unwrap();
    let error = perfdata(&record).unwrap_err().to_string();
    assert!(error.contains("made of a run or a search"), "{error}");
    assert!(error.ends_with(&format!("export {}", folder.path().join("trials/002").display())), "{error}");
    assert!(junit(&record).is_ok() && csv(&record).is_ok());
}

#[test]
fn every_form_but_one_is_made_of_a_record_without_a_folder() {
    let folder = folder(&[("01.json", RUN)]);
    let record = Record::open(&folder.path().join("01.json")).unwrap();
    assert_eq!(perfdata(&record).unwrap().len(), 2);
    assert!(junit(&record).is_ok() && csv(&record).is_ok());
}
