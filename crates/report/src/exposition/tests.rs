use jiff::{SignedDuration, Timestamp};
use measure::metrics::{Family, FamilyKind, Labels, Sample};
use proptest::prelude::*;
use record::metrics::{FILE, Kept, Writer};
use scrape::{
    exposition::parse,
    series::{Scrape, Value},
};
use tempfile::TempDir;

use super::*;

fn labels(labels: &[(&str, &str)]) -> Labels {
    labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn sample(name: &str, pairs: &[(&str, &str)], value: f64) -> Sample {
    Sample { name: name.to_owned(), labels: labels(pairs), value }
}

fn family(name: &str, kind: FamilyKind, help: &str, samples: Vec<Sample>) -> Family {
    Family { name: name.to_owned(), kind, help: help.to_owned(), samples }
}

/// Answers of requests, up to 0.1 s, 1 s and any time.
fn requests(counts: [f64; 3], sum: f64) -> Family {
    let bounds = ["0.1", "1", "+Inf"];
    let bucket = |(le, count)| sample("rtt_seconds_bucket", &[("le", le), ("verb", "GET")], count);
    let mut samples: Vec<Sample> = bounds.into_iter().zip(counts).map(bucket).collect();
    samples.push(sample("rtt_seconds_sum", &[("verb", "GET")], sum));
    samples.push(sample("rtt_seconds_count", &[("verb", "GET")], counts[2]));
    family("rtt_seconds", FamilyKind::Histogram, "How long.", samples)
}

#[test]
fn families_are_written_as_the_format_says() {
    let families = [
        family(
            "http_requests_total",
            FamilyKind::Counter,
            "All \"requests\",\nby C:\\method.",
            vec![
                sample("http_requests_total", &[("code", "200"), ("path", "C:\\DIR\n\"x\"")], 1027.0),
                sample("http_requests_total", &[], 3.0),
            ],
        ),
        family("temperature", FamilyKind::Gauge, "", vec![sample("temperature", &[], f64::NEG_INFINITY)]),
        family("nothing", FamilyKind::Gauge, "Is not there.", Vec::new()),
        requests([2.0, 3.0, 3.0], 0.75),
    ];
    let expected = "\
# HELP http_requests_total All \"requests\",\\nby C:\\\\method.
# TYPE http_requests_total counter
http_requests_total{code=\"200\",path=\"C:\\\\DIR\\n\\\"x\\\"\"} 1027
http_requests_total 3
# TYPE temperature gauge
temperature -Inf
# HELP rtt_seconds How long.
# TYPE rtt_seconds histogram
rtt_seconds_bucket{le=\"0.1\",verb=\"GET\"} 2
rtt_seconds_bucket{le=\"1\",verb=\"GET\"} 3
rtt_seconds_bucket{le=\"+Inf\",verb=\"GET\"} 3
rtt_seconds_sum{verb=\"GET\"} 0.75
rtt_seconds_count{verb=\"GET\"} 3
";
    assert_eq!(text(&families), expected);
}

#[test]
fn numbers_are_spelled_as_go_spells_them() {
    let spelled = [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (0.1, "0.1"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (-2.5e-7, "-2.5e-07"),
        (123_456.7, "123456.7"),
        (999_999.0, "999999"),
        (1_000_000.0, "1e+06"),
        (12_345_678.0, "1.2345678e+07"),
        (1.458_255_915e9, "1.458255915e+09"),
        (1e100, "1e+100"),
        (f64::INFINITY, "+Inf"),
        (f64::NEG_INFINITY, "-Inf"),
        (f64::NAN, "NaN"),
    ];
    for (value, text) in spelled {
        assert_eq!(Number(value).to_string(), text);
    }
}

/// What components really served: every value and every bound has the spelling that they gave it.
#[test]
fn numbers_are_spelled_as_components_spell_them() {
    let served = [
        include_str!("../../../scrape/tests/data/apiserver-after.txt"),
        include_str!("../../../scrape/tests/data/controller-manager-after.txt"),
        include_str!("../../../scrape/tests/data/etcd-after.txt"),
        include_str!("../../../scrape/tests/data/scheduler-after.txt"),
    ];
    let mut numbers = 0;
    for line in served.iter().flat_map(|text| text.lines()).filter(|line| !line.starts_with('#')) {
        let value = line.rsplit(' ').next();
        // It comes last.
        let bound = line.split_once(",le=\"").or_else(|| line.split_once("{le=\""));
        let bound = bound.and_then(|(_, rest)| rest.split('"').next());
        for text in value.into_iter().chain(bound) {
            assert_eq!(Number(text.parse().unwrap()).to_string(), text, "{line}");
            numbers += 1;
        }
    }
    assert!(numbers > 1000, "{numbers}");
}

/// The families of a scrape, to be compared with those that were written.
fn number(scrape: &Scrape, family: &str, label: &str) -> Option<f64> {
    let family = scrape.family(family)?;
    family.series.iter().find_map(|(labels, value)| match value {
        Value::Number(number) if labels.get("x").unwrap_or_default() == label => Some(*number),
        _ => None,
    })
}

proptest! {
    #[test]
    fn what_is_written_is_what_a_scrape_reads(
        help in "\\PC*",
        values in prop::collection::btree_map("[\\PC\n\"\\\\]{1,8}", any::<f64>(), 1..6),
        counts in prop::collection::vec(0_u32..1000, 3),
    ) {
        let samples = values.iter().map(|(label, value)| sample("a", &[("x", label)], *value));
        let counts: Vec<f64> = counts.into_iter().map(f64::from).collect();
        let counts = [counts[0], counts[0] + counts[1], counts[0] + counts[1] + counts[2]];
        let families =
            [family("a", FamilyKind::Gauge, &help, samples.collect()), requests(counts, counts[2] / 3.0)];
        let scrape = parse(&text(&families), |_| true).unwrap();
        for (label, value) in &values {
            prop_assert_eq!(number(&scrape, "a", label).map(f64::to_bits), Some(value.to_bits()));
        }
        let read = scrape.family("rtt_seconds").unwrap().histogram(|labels| labels.is("verb", "GET")).unwrap();
        let buckets: Vec<u64> = read.buckets().iter().map(|bucket| bucket.count.to_bits()).collect();
        prop_assert_eq!(buckets, counts.map(f64::to_bits).to_vec());
        prop_assert_eq!((read.sum.to_bits(), read.count.to_bits()), ((counts[2] / 3.0).to_bits(), counts[2].to_bits()));
    }
}

fn at(seconds: f64) -> Timestamp {
    Timestamp::UNIX_EPOCH.checked_add(SignedDuration::from_secs_f64(1_795_461_234.0 + seconds)).unwrap()
}

/// What is read of families that were told 15 s after one another.
fn kept(told: &[Vec<Family>]) -> Kept {
    let folder = TempDir::new().unwrap();
    let mut writer = Writer::create(&folder.path().join(FILE)).unwrap();
    for (place, families) in told.iter().enumerate() {
        writer.append(at(15.0 * f64::from(u32::try_from(place).unwrap())), "components", families).unwrap();
    }
    record::metrics::read(folder.path()).unwrap()
}

fn openmetrics(kept: &Kept) -> String {
    let mut text = Vec::new();
    for family in &kept.families {
        openmetrics_family(&mut text, family).unwrap();
    }
    String::from_utf8(text).unwrap()
}

#[test]
fn a_counter_is_named_without_its_total_and_its_points_follow_one_another() {
    let counter = |get, list: Option<f64>| {
        let get = sample("calls_total", &[("verb", "GET")], get);
        let list = list.map(|list| sample("calls_total", &[("verb", "LIST")], list));
        vec![family(
            "calls_total",
            FamilyKind::Counter,
            "All \"calls\".",
            std::iter::once(get).chain(list).collect(),
        )]
    };
    let kept = kept(&[counter(1.0, Some(5.0)), counter(1.0, None), counter(4.5, Some(0.0))]);
    assert_eq!(
        openmetrics(&kept),
        "\
# TYPE calls counter
# HELP calls All \\\"calls\\\".
calls_total{verb=\"GET\"} 1 1795461234.000
calls_total{verb=\"GET\"} 1 1795461249.000
calls_total{verb=\"GET\"} 4.5 1795461264.000
calls_total{verb=\"LIST\"} 5 1795461234.000
calls_total{verb=\"LIST\"} 0 1795461264.000
"
    );
}

#[test]
fn the_parts_of_a_histogram_stand_together_at_each_moment() {
    let kept = kept(&[vec![requests([1.0, 2.0, 2.0], 0.25)], vec![requests([1.0, 2.0, 3.0], 9.25)]]);
    let lines: Vec<String> = openmetrics(&kept).lines().map(str::to_owned).collect();
    assert_eq!(lines[..2], ["# TYPE rtt_seconds histogram", "# HELP rtt_seconds How long."]);
    let moments = ["1795461234.000", "1795461249.000"];
    let heads = [
        "rtt_seconds_bucket{le=\"0.1\",verb=\"GET\"}",
        "rtt_seconds_bucket{le=\"1\",verb=\"GET\"}",
        "rtt_seconds_bucket{le=\"+Inf\",verb=\"GET\"}",
        "rtt_seconds_sum{verb=\"GET\"}",
        "rtt_seconds_count{verb=\"GET\"}",
    ];
    let values = [["1", "2", "2", "0.25", "2"], ["1", "2", "3", "9.25", "3"]];
    let expected = moments.iter().zip(values).flat_map(|(moment, values)| {
        heads.iter().zip(values).map(move |(head, value)| format!("{head} {value} {moment}"))
    });
    assert_eq!(lines[2..], expected.collect::<Vec<_>>());
}

#[test]
fn what_the_format_has_no_counter_or_value_for_is_unknown_or_left_out() {
    let told = |value| {
        vec![
            family("calls", FamilyKind::Counter, "", vec![sample("calls", &[], value)]),
            family("temperature", FamilyKind::Gauge, "", vec![sample("temperature", &[], value)]),
            family("other", FamilyKind::Untyped, "", vec![sample("other", &[], 1.0)]),
        ]
    };
    let kept = kept(&[told(f64::NAN), told(2.0)]);
    assert_eq!(
        openmetrics(&kept),
        "\
# TYPE calls unknown
calls 2 1795461249.000
# TYPE temperature gauge
temperature NaN 1795461234.000
temperature 2 1795461249.000
# TYPE other unknown
other 1 1795461234.000
other 1 1795461249.000
"
    );
}
