use std::collections::BTreeMap;

use proptest::{collection, prelude::*};

use super::*;
use crate::series::{Bucket, Family, Histogram, Labels, Summary, Value};

fn all(text: &str) -> Scrape {
    parse(text, |_| true).unwrap()
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::new(pairs.iter().map(|&(name, value)| (name.into(), value.into())))
}

fn number(scrape: &Scrape, name: &str, pairs: &[(&str, &str)]) -> Option<f64> {
    match scrape.family(name)?.series.get(&labels(pairs))? {
        Value::Number(number) => Some(*number),
        other => panic!("{name}: {other:?}"),
    }
}

fn fault(text: &str) -> (usize, String) {
    let malformed = parse(text, |_| true).unwrap_err();
    (malformed.line, malformed.fault.to_string())
}

/// The example of the format's own description, with the odd spaces, escapes and values that are in it.
const EXAMPLE: &str = r#"
# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400"}    3 1395066363000

# Escaping in label values:
msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""} 1.458255915e9

# Minimalistic line:
metric_without_timestamp_and_labels 12.47

# A weird metric from before the epoch:
something_weird{problem="division by zero"} +Inf -3982045

# A histogram, which has a pretty complex representation in the text format:
# HELP http_request_duration_seconds A histogram of the request duration.
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{le="0.05"} 24054
http_request_duration_seconds_bucket{le="0.1"} 33444
http_request_duration_seconds_bucket{le="+Inf"} 144320
http_request_duration_seconds_sum 53423
http_request_duration_seconds_count 144320

# TYPE rpc_duration_seconds summary
rpc_duration_seconds{quantile="0.01"} 3102
rpc_duration_seconds{quantile="0.99"} NaN
rpc_duration_seconds_sum 1.7560473e+07
rpc_duration_seconds_count 2693
"#;

#[test]
fn the_formats_own_example_is_read() {
    let scrape = all(EXAMPLE);
    assert_eq!(number(&scrape, "http_requests_total", &[("code", "200"), ("method", "post")]), Some(1027.0));
    assert_eq!(number(&scrape, "metric_without_timestamp_and_labels", &[]), Some(12.47));
    assert_eq!(number(&scrape, "something_weird", &[("problem", "division by zero")]), Some(f64::INFINITY));
    let path = [("path", r"C:\DIR\FILE.TXT"), ("error", "Cannot find file:\n\"FILE.TXT\"")];
    assert_eq!(number(&scrape, "msdos_file_access_time_seconds", &path), Some(1.458_255_915e9));
    let histogram = scrape.family("http_request_duration_seconds").unwrap();
    assert_eq!((histogram.kind, histogram.series.len()), (Kind::Histogram, 1));
    let bucket = |upper, count| Bucket { upper, count };
    let buckets = vec![bucket(0.05, 24054.0), bucket(0.1, 33444.0), bucket(f64::INFINITY, 144_320.0)];
    assert_eq!(histogram.histogram(|_| true).unwrap(), Histogram::new(buckets, 53423.0, 144_320.0));
    let summary = &scrape.family("rpc_duration_seconds").unwrap().series[&labels(&[])];
    let Value::Summary(Summary { quantiles, sum, count }) = summary else { panic!("{summary:?}") };
    assert_eq!((quantiles[0], *sum, *count), ((0.01, 3102.0), 17_560_473.0, 2693.0));
    assert!(quantiles[1].1.is_nan());
    assert_eq!(scrape.len(), 7);
}

#[test]
fn a_family_that_is_not_wanted_is_neither_kept_nor_read() {
    let text = "# TYPE a counter\na{broken 1\n# TYPE b histogram\nb_bucket{x} no\nb_sum ?\nc 1\na_total 2\n";
    let asked = std::cell::RefCell::new(Vec::new());
    let scrape = parse(text, |name| {
        asked.borrow_mut().push(name.to_owned());
        name == "c"
    });
    assert_eq!(scrape.unwrap().families().map(|(name, _)| name).collect::<Vec<_>>(), ["c"]);
    assert_eq!(
        asked.into_inner(),
        ["a", "b", "c", "a_total"],
        "asked once, of a histogram by its family's name"
    );
}

#[test]
fn a_counter_that_ends_like_a_histograms_part_is_a_family_of_its_own() {
    let scrape = all("# TYPE a counter\na 1\na_count 2\n# TYPE b histogram\nb_sum 3\nb_created 4\n");
    assert_eq!(number(&scrape, "a_count", &[]), Some(2.0));
    assert_eq!(number(&scrape, "b_created", &[]), Some(4.0));
}

#[test]
fn buckets_that_stand_apart_or_with_their_bound_first_are_one_histogram() {
    let apart = "# TYPE h histogram\nh_bucket{le=\"1\",a=\"x\"} 1\nh_bucket{a=\"y\",le=\"1\"} 7\n\
                 h_bucket{a=\"x\",le=\"+Inf\",} 2\nh_sum{a=\"x\"} 5\nh_count{a=\"x\"} 2\nh_bucket{a=\"y\",le=\"+Inf\"} 9\n";
    let family = all(apart);
    let family = family.family("h").unwrap();
    let bounds = |of: &str| -> Vec<_> {
        let histogram = family.histogram(|labels| labels.is("a", of)).unwrap();
        histogram.buckets().iter().map(|bucket| bucket.count).collect()
    };
    assert_eq!((bounds("x"), bounds("y")), (vec![1.0, 2.0], vec![7.0, 9.0]));
    let without = family.histogram(|labels| labels.is("a", "y")).unwrap();
    assert_eq!(Some(without.count), Some(9.0), "without its own count that of the last bucket");
    assert!(without.sum.is_nan());
}

#[test]
fn a_value_may_hold_what_closes_labels_elsewhere() {
    let text =
        "# TYPE h histogram\nh_bucket{a=\"},le=\\\"7\\\"{\",le=\"1\"} 1\nh_count{a=\"},le=\\\"7\\\"{\"} 1\n";
    let scrape = all(text);
    let family = scrape.family("h").unwrap();
    assert_eq!(family.values_of("a").into_iter().collect::<Vec<_>>(), ["},le=\"7\"{"]);
    assert_eq!(family.series.len(), 1);
}

#[test]
fn errors_name_the_line_and_what_is_wrong() {
    let cases = [
        ("a 1\n\n9b 2\n", 3, "`9b 2` is not the name of a metric"),
        ("a\n", 1, "`` is not a number"),
        ("a 1,5\n", 1, "`1,5` is not a number"),
        ("a 1 2.5\n", 1, "`1 2.5` is not a timestamp"),
        ("a 1 2 3\n", 1, "`1 2 3` is not a timestamp"),
        ("a{b=\"c\" 1\n", 1, "labels: expected a closing brace at `b=\"c\" 1`"),
        ("a{b=\"c} 1\n", 1, "labels: expected a closing quote at `c`"),
        ("a{b=c} 1\n", 1, "labels: expected a quote at `c`"),
        ("a{b} 1\n", 1, "labels: expected a label at `b`"),
        ("a{b-c=\"d\"} 1\n", 1, "labels: expected the name of a label at `b-c=\"d\"`"),
        ("a{b=\"c\"d=\"e\"} 1\n", 1, "labels: expected a comma at `d=\"e\"`"),
        ("a{b=\"\\t\"} 1\n", 1, "labels: expected \\\\, \\\" or \\n at `\\t\"`"),
        ("# TYPE a gauge\na 1\n# TYPE a gauge\n", 3, "the family `a` comes twice"),
        ("# TYPE a thing\n", 1, "`thing` is not a type"),
        ("# TYPE a-b gauge\n", 1, "`a-b` is not the name of a metric"),
        ("# TYPE h histogram\nh_bucket{a=\"b\"} 1\n", 2, "no label `le`"),
        ("# TYPE h histogram\nh_bucket{le=\"x\"} 1\n", 2, "`x` is not a number"),
        ("# TYPE s summary\ns 1\n", 2, "no label `quantile`"),
    ];
    for (text, line, what) in cases {
        assert_eq!(fault(text), (line, what.to_owned()), "{text}");
    }
    let invalid = Parser::new(|_| true).feed(b"a 1\na{b=\"\xff\"} 1\n").unwrap_err();
    assert_eq!(invalid, Malformed { line: 2, fault: Fault::Encoding });
    assert_eq!(invalid.to_string(), "line 2: not UTF-8");
}

#[test]
fn a_line_without_an_end_does_not_fill_the_memory() {
    let mut parser = Parser::new(|_| true);
    let piece = vec![b'a'; LONGEST_LINE / 2];
    parser.feed(b"x 1\n").unwrap();
    parser.feed(&piece).unwrap();
    parser.feed(&piece).unwrap();
    assert_eq!(parser.feed(b"a").unwrap_err(), Malformed { line: 2, fault: Fault::Length });
}

fn finite_or_odd() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => any::<f64>().prop_filter("NaN has its own case", |number| !number.is_nan()),
        1 => Just(f64::INFINITY),
        1 => Just(f64::NEG_INFINITY),
        1 => Just(f64::NAN),
    ]
}

fn any_labels() -> impl Strategy<Value = Labels> {
    let pair = ("[a-d_][a-d0-9_]{0,3}", "(?s).{0,6}");
    collection::vec(pair, 0..4).prop_map(|pairs| {
        Labels::new(pairs.into_iter().map(|(name, value)| (name.as_str().into(), value.as_str().into())))
    })
}

fn steps() -> impl Strategy<Value = Vec<(f64, f64)>> {
    collection::btree_map(0_u16..1000, finite_or_odd(), 0..6)
        .prop_map(|steps| steps.into_iter().map(|(bound, value)| (f64::from(bound) / 8.0, value)).collect())
}

fn value(kind: Kind) -> BoxedStrategy<Value> {
    match kind {
        Kind::Histogram => (steps(), finite_or_odd(), finite_or_odd())
            .prop_map(|(steps, sum, count)| {
                let buckets = steps.into_iter().map(|(upper, count)| Bucket { upper, count });
                Value::Histogram(Histogram::new(buckets.collect(), sum, count))
            })
            .boxed(),
        Kind::Summary => (steps(), finite_or_odd(), finite_or_odd())
            .prop_map(|(quantiles, sum, count)| Value::Summary(Summary { quantiles, sum, count }))
            .boxed(),
        _ => finite_or_odd().prop_map(Value::Number).boxed(),
    }
}

fn family() -> impl Strategy<Value = Family> {
    let kinds = [Kind::Counter, Kind::Gauge, Kind::Histogram, Kind::Summary, Kind::Untyped];
    proptest::sample::select(kinds.to_vec()).prop_flat_map(|kind| {
        let series = collection::btree_map(any_labels(), value(kind), 0..5);
        series.prop_map(move |series: BTreeMap<_, _>| Family { kind, series })
    })
}

fn any_scrape() -> impl Strategy<Value = Scrape> {
    // Letters only: no name is another's with `_sum` after it.
    collection::btree_map("[a-z]{1,4}", family(), 0..5).prop_map(|families| {
        let mut scrape = Scrape::new();
        for (name, family) in families {
            scrape.insert(&name, family);
        }
        scrape
    })
}

proptest! {
    #[test]
    fn what_was_written_is_read_again(scrape in any_scrape()) {
        // Debug instead of equality: NaN is to be NaN again.
        prop_assert_eq!(format!("{:?}", all(&scrape.to_string())), format!("{:?}", scrape));
    }

    #[test]
    fn pieces_may_end_anywhere(scrape in any_scrape(), ends in collection::vec(any::<prop::sample::Index>(), 0..8)) {
        let text = scrape.to_string();
        let mut ends: Vec<_> = ends.iter().map(|end| end.index(text.len() + 1)).collect();
        ends.sort_unstable();
        let mut parser = Parser::new(|_| true);
        let mut start = 0;
        for end in ends.into_iter().chain([text.len()]) {
            parser.feed(&text.as_bytes()[start..end]).unwrap();
            start = end;
        }
        prop_assert_eq!(format!("{:?}", parser.finish().unwrap()), format!("{:?}", scrape));
    }

    #[test]
    fn no_text_makes_it_panic(text in "(?s).{0,60}", bytes in collection::vec(any::<u8>(), 0..60)) {
        let _ = parse(&text, |_| true);
        let mut parser = Parser::new(|_| true);
        let _ = parser.feed(&bytes).and_then(|()| parser.finish().map(drop));
    }

    #[test]
    fn no_text_that_is_nearly_right_makes_it_panic(
        text in "((# TYPE h (histogram|summary|gauge)|h(_bucket|_sum|_count)?)?(\\{(le|quantile|a)?=?\"?[0-9\\\\]?\"?,?\\})? ?[0-9]?\n?){0,6}",
    ) {
        let _ = parse(&text, |_| true);
    }
}
