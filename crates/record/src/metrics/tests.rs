use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use measure::metrics::{Family, FamilyKind, Labels, Sample};
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::Error;

const START: f64 = 1_795_461_234.5;

fn at(seconds: f64) -> Timestamp {
    Timestamp::UNIX_EPOCH.checked_add(jiff::SignedDuration::from_secs_f64(START + seconds)).unwrap()
}

fn labels(labels: &[(&str, &str)]) -> Labels {
    labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn gauge(name: &str, samples: &[(&str, f64)]) -> Family {
    let sample = |(queue, value): &(&str, f64)| Sample {
        name: name.to_owned(),
        labels: labels(&[("name", queue)]),
        value: *value,
    };
    Family {
        name: name.to_owned(),
        kind: FamilyKind::Gauge,
        help: "Items that wait.".to_owned(),
        samples: samples.iter().map(sample).collect(),
    }
}

/// Counts up to 0.1, 1, and all of them.
fn histogram(verb: &str, counts: [f64; 3], sum: f64) -> Family {
    let bucket = |(le, value): (&str, f64)| Sample {
        name: "wait_seconds_bucket".to_owned(),
        labels: labels(&[("le", le), ("verb", verb)]),
        value,
    };
    let mut samples: Vec<Sample> = ["0.1", "1", "+Inf"].into_iter().zip(counts).map(bucket).collect();
    for (suffix, value) in [("sum", sum), ("count", counts[2])] {
        samples.push(Sample {
            name: format!("wait_seconds_{suffix}"),
            labels: labels(&[("verb", verb)]),
            value,
        });
    }
    let (name, help) = ("wait_seconds".to_owned(), "How long \"it\" took.\nTwo lines.".to_owned());
    Family { name, kind: FamilyKind::Histogram, help, samples }
}

fn file() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(FILE);
    (folder, path)
}

/// Seconds since [`START`] and values of a series.
fn points(kept: &Kept, family: &str, name: &str, label: (&str, &str)) -> Vec<(f64, f64)> {
    let family = kept.family(family).unwrap();
    let of = |series: &&KeptSeries| series.name == name && series.label(label.0) == Some(label.1);
    let series = family.series.iter().find(of).unwrap();
    series.points().map(|(unix, value)| (unix - START, value)).collect()
}

/// Compares what is written in the same way everywhere, so that no float is compared with `==`.
fn same(points: &[(f64, f64)], expected: &[(f64, f64)]) {
    assert_eq!(format!("{points:?}"), format!("{expected:?}"));
}

#[test]
fn what_did_not_change_is_not_written_and_is_read_all_the_same() {
    let (folder, path) = file();
    let mut writer = Writer::create(&path).unwrap();
    for (seconds, depth) in [(0.0, 3.0), (5.0, 3.0), (10.0, 4.5)] {
        writer.append(at(seconds), "ours", &[gauge("depth", &[("node", depth)])]).unwrap();
    }
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines,
        [
            r#"{"metrics":{"version":1,"unix":1795461234.5}}"#,
            r#"{"family":{"name":"depth","kind":"gauge","help":"Items that wait."}}"#,
            r#"{"series":{"id":0,"name":"depth","source":"ours","labels":{"name":"node"}}}"#,
            r#"{"moment":{"seconds":0.0,"unix":1795461234.5,"source":"ours","values":[[0,[3]]]}}"#,
            r#"{"moment":{"seconds":5.0,"unix":1795461239.5,"source":"ours"}}"#,
            r#"{"moment":{"seconds":10.0,"unix":1795461244.5,"source":"ours","values":[[0,[4.5]]]}}"#,
        ]
    );
    let kept = read(folder.path()).unwrap();
    assert_eq!(kept.cut, None);
    let family = kept.family("depth").unwrap();
    assert_eq!((family.kind, family.help.as_str()), (FamilyKind::Gauge, "Items that wait."));
    same(&points(&kept, "depth", "depth", ("name", "node")), &[(0.0, 3.0), (5.0, 3.0), (10.0, 4.5)]);
}

#[test]
fn buckets_are_one_line_and_their_changes_one_run() {
    let (folder, path) = file();
    let mut writer = Writer::create(&path).unwrap();
    writer.append(at(0.0), "components", &[histogram("GET", [1.0, 2.0, 2.0], 0.25)]).unwrap();
    writer.append(at(15.0), "components", &[histogram("GET", [1.0, 3.0, 4.0], 2.5)]).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(
        r#"{"series":{"id":0,"name":"wait_seconds_bucket","source":"components","family":"wait_seconds","labels":{"verb":"GET"},"le":["0.1","1","+Inf"],"then":["wait_seconds_sum","wait_seconds_count"]}}"#
    ));
    assert!(
        text.ends_with("\"values\":[[1,[3,1,2.5,4]]]}}\n"),
        "a whole number behind one is a difference: {text}"
    );
    let kept = read(folder.path()).unwrap();
    let family = kept.family("wait_seconds").unwrap();
    assert_eq!(family.help, "How long \"it\" took.\nTwo lines.");
    assert_eq!(family.series[1].labels, labels(&[("le", "1"), ("verb", "GET")]));
    let names: Vec<&str> = family.series.iter().map(|series| series.name.as_str()).collect();
    let bucket = "wait_seconds_bucket";
    assert_eq!(names, [bucket, bucket, bucket, "wait_seconds_sum", "wait_seconds_count"]);
    same(&points(&kept, "wait_seconds", bucket, ("le", "1")), &[(0.0, 2.0), (15.0, 3.0)]);
}

#[test]
fn a_series_that_goes_has_no_points_until_it_comes_back() {
    let (folder, path) = file();
    let mut writer = Writer::create(&path).unwrap();
    let both = gauge("depth", &[("node", 1.0), ("job", 7.0)]);
    let one = gauge("depth", &[("job", 7.0)]);
    for (seconds, family) in [(0.0, &both), (5.0, &one), (10.0, &one), (15.0, &both)] {
        writer.append(at(seconds), "ours", std::slice::from_ref(family)).unwrap();
    }
    let kept = read(folder.path()).unwrap();
    same(&points(&kept, "depth", "depth", ("name", "node")), &[(0.0, 1.0), (15.0, 1.0)]);
    assert_eq!(points(&kept, "depth", "depth", ("name", "job")).len(), 4);
    let node = &kept.family("depth").unwrap().series[0];
    assert_eq!(node.gone().map(|unix| format!("{}", unix - START)).collect::<Vec<_>>(), ["5"]);
    assert_eq!(kept.family("depth").unwrap().series.len(), 2, "it is the same series");
}

#[test]
fn one_source_says_nothing_of_another() {
    let (folder, path) = file();
    let mut writer = Writer::create(&path).unwrap();
    writer.append(at(0.0), "components", &[gauge("depth", &[("node", 1.0)])]).unwrap();
    writer.append(at(5.0), "ours", &[gauge("phase", &[("warm-up", 1.0)])]).unwrap();
    writer.append(at(15.0), "components", &[gauge("depth", &[("node", 1.0)])]).unwrap();
    writer.append(at(20.0), "components", &[]).unwrap();
    let kept = read(folder.path()).unwrap();
    same(&points(&kept, "depth", "depth", ("name", "node")), &[(0.0, 1.0), (15.0, 1.0)]);
    same(&points(&kept, "phase", "phase", ("name", "warm-up")), &[(5.0, 1.0)]);
}

#[test]
fn a_moment_that_was_overtaken_is_left_out() {
    let (folder, path) = file();
    let mut writer = Writer::create(&path).unwrap();
    writer.append(at(15.0), "components", &[gauge("depth", &[("node", 2.0)])]).unwrap();
    writer.append(at(14.9), "components", &[gauge("depth", &[("node", 1.0)])]).unwrap();
    writer.append(at(15.0001), "components", &[gauge("depth", &[("node", 1.0)])]).unwrap();
    writer.append(at(30.0), "components", &[gauge("depth", &[("node", 2.0)])]).unwrap();
    let kept = read(folder.path()).unwrap();
    same(&points(&kept, "depth", "depth", ("name", "node")), &[(15.0, 2.0), (30.0, 2.0)]);
}

#[test]
fn a_line_that_a_crash_cut_off_is_left_out_and_said() {
    let (folder, path) = file();
    let mut writer = Writer::create(&path).unwrap();
    writer.append(at(0.0), "ours", &[gauge("depth", &[("node", 1.0)])]).unwrap();
    writer.append(at(5.0), "ours", &[gauge("depth", &[("node", 2.0)])]).unwrap();
    let whole = fs::read(&path).unwrap();
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for length in last + 1..whole.len() - 1 {
        fs::write(&path, &whole[..length]).unwrap();
        let kept = read(folder.path()).unwrap();
        assert_eq!(kept.cut, Some(5), "cut at {length}");
        same(&points(&kept, "depth", "depth", ("name", "node")), &[(0.0, 1.0)]);
    }
    // Only the line feed is missing.
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let kept = read(folder.path()).unwrap();
    assert_eq!(kept.cut, None);
    same(&points(&kept, "depth", "depth", ("name", "node")), &[(0.0, 1.0), (5.0, 2.0)]);
}

#[test]
fn a_command_that_goes_on_appends_and_what_was_there_is_gone() {
    let (folder, path) = file();
    let mut first = Writer::create(&path).unwrap();
    first.append(at(0.0), "ours", &[gauge("depth", &[("node", 1.0), ("job", 2.0)])]).unwrap();
    drop(first);
    fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"moment\":{\"sec").unwrap();

    let mut second = Writer::create(&path).unwrap();
    second.append(at(-1.0), "ours", &[gauge("depth", &[("job", 8.0)])]).unwrap();
    second.append(at(60.0), "ours", &[gauge("depth", &[("job", 9.0)])]).unwrap();
    let kept = read(folder.path()).unwrap();
    assert_eq!(kept.cut, None, "what was cut off is removed");
    same(&points(&kept, "depth", "depth", ("name", "node")), &[(0.0, 1.0)]);
    same(&points(&kept, "depth", "depth", ("name", "job")), &[(0.0, 2.0), (60.0, 9.0)]);
    let [node, job] = kept.family("depth").unwrap().series.as_slice() else { panic!("two series") };
    assert_eq!((node.gone().count(), job.gone().count()), (1, 0));
}

/// The error of a file with this text, without its path.
fn error_of(text: &str) -> String {
    let (folder, path) = file();
    fs::write(&path, text).unwrap();
    let error = read(folder.path()).unwrap_err().to_string();
    let unwritten = Writer::create(&path).unwrap_err().to_string();
    assert_eq!(unwritten, error, "it is not appended to either");
    error.strip_prefix(&format!("{}:", path.display())).unwrap().to_owned()
}

#[test]
fn what_is_something_else_is_an_error_with_its_line() {
    let head = "{\"metrics\":{\"version\":1,\"unix\":1.5}}\n";
    let error = error_of("{\"seconds\":1.0,\"processes\":{}}\n");
    assert!(
        error.starts_with("1:") && error.contains("unknown variant `seconds`, expected one of"),
        "{error}"
    );
    assert!(error_of("time,value\n1,2\n").starts_with("1:"));
    assert_eq!(
        error_of("{\"family\":{\"name\":\"a\",\"kind\":\"gauge\",\"help\":\"\"}}\n"),
        "1:1: is not where kept metrics begin; a line with `metrics` is at the top"
    );
    assert_eq!(
        error_of("{\"metrics\":{\"version\":2,\"unix\":1.5}}\n"),
        "1:1: is of version 2 of the format; this program knows 1"
    );
    let of = |line: &str| error_of(&format!("{head}{line}\n"));
    assert_eq!(
        of("{\"family\":{\"name\":\"a\",\"kind\":\"guage\",\"help\":\"\"}}"),
        "2:1: `guage` is no kind of metric"
    );
    assert_eq!(
        of("{\"series\":{\"id\":0,\"name\":\"a\",\"source\":\"x\",\"labels\":{}}}"),
        "2:1: there is no family `a` before it"
    );
    assert_eq!(
        of("{\"moment\":{\"seconds\":0,\"unix\":1.5,\"source\":\"x\",\"values\":[[3,[1]]]}}"),
        "2:1: there is no series 3 before it"
    );
    let broken = of("{\"moment\":{\"seconds\":0,\"unix\":1.5,\"source\":\"x\",\"values\":[[3,[\"much\"]]]}}");
    assert!(broken.starts_with("2:") && broken.contains("\"+Inf\""), "{broken}");
}

#[test]
fn a_folder_without_the_file_says_so() {
    let folder = TempDir::new().unwrap();
    let error = read(folder.path()).unwrap_err();
    assert!(matches!(&error, Error::Io { path, .. } if path.ends_with(Path::new(FILE))), "{error}");
}

/// Who tells, and what of it is there with which value.
type Told = (bool, BTreeMap<u8, f64>);

fn told() -> impl Strategy<Value = Vec<Told>> {
    let value = prop_oneof![
        3 => (0_u32..4).prop_map(f64::from),
        1 => any::<f64>(),
        1 => Just(f64::INFINITY),
        1 => Just(-0.0),
    ];
    prop::collection::vec((any::<bool>(), prop::collection::btree_map(0_u8..12, value, 0..12)), 1..20)
}

/// Three families of four series each, one of them with buckets.
fn families(values: &BTreeMap<u8, f64>) -> Vec<Family> {
    let all = [("a_total", FamilyKind::Counter), ("b", FamilyKind::Gauge), ("c", FamilyKind::Histogram)];
    let family = |(place, (name, kind)): (u8, (&str, FamilyKind))| {
        let of = values.iter().filter(|(id, _)| **id / 4 == place);
        let sample = |(id, value): (&u8, &f64)| Sample {
            name: series_name(name, kind),
            labels: vec![("le".to_owned(), id.to_string()), ("x".to_owned(), "\"\\\n".to_owned())],
            value: *value,
        };
        Family { name: name.to_owned(), kind, help: String::new(), samples: of.map(sample).collect() }
    };
    (0..).zip(all).map(family).collect()
}

fn series_name(family: &str, kind: FamilyKind) -> String {
    if kind == FamilyKind::Histogram { format!("{family}_bucket") } else { family.to_owned() }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(moments in told(), resumed_at in 0_usize..20) {
        let (folder, path) = file();
        let mut writer = Writer::create(&path).unwrap();
        let mut expected: BTreeMap<(bool, u8), Vec<String>> = BTreeMap::new();
        for (place, (who, values)) in moments.iter().enumerate() {
            if place == resumed_at {
                writer = Writer::create(&path).unwrap();
            }
            let seconds = f64::from(u32::try_from(place).unwrap());
            writer.append(at(seconds), if *who { "one" } else { "other" }, &families(values)).unwrap();
            for (id, value) in values {
                expected.entry((*who, *id)).or_default().push(format!("{} {value:?}", START + seconds));
            }
        }
        let kept = read(folder.path()).unwrap();
        let mut found: Vec<Vec<String>> = Vec::new();
        for series in kept.families.iter().flat_map(|family| &family.series) {
            let points: Vec<_> = series.points().map(|(unix, value)| format!("{unix} {value:?}")).collect();
            found.push(std::iter::once(series.label("le").unwrap().to_owned()).chain(points).collect());
        }
        let mut expected: Vec<Vec<String>> =
            expected.into_iter().map(|((_, id), points)| std::iter::once(id.to_string()).chain(points).collect()).collect();
        found.sort();
        expected.sort();
        prop_assert_eq!(found, expected);
    }
}
