use super::*;
use crate::{exposition, names};

fn change(before: &str, after: &str) -> Change {
    let read = |text: &str| exposition::parse(text, |_| true).unwrap();
    Change::between(&read(before), &read(after), 10.0)
}

fn total(change: &Change, metric: &Metric) -> Option<f64> {
    change.total(metric, |_| true)
}

#[test]
fn counters_gain_and_gauges_stand() {
    let before = "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 5\n\
                  # TYPE go_goroutines gauge\ngo_goroutines 9\n";
    let after = "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 8\n\
                 # TYPE go_goroutines gauge\ngo_goroutines 4\n";
    let change = change(before, after);
    assert_eq!(total(&change, &names::PROCESS_CPU), Some(3.0));
    assert_eq!(change.rate(&names::PROCESS_CPU, |_| true), Some(0.3));
    assert_eq!(total(&change, &names::GOROUTINES), Some(4.0));
    assert_eq!(total(&change, &names::DB_QUOTA), None, "a metric that is not there is not zero");
    assert!(!change.restarted);
}

const REQUESTS: &str = "# TYPE apiserver_request_total counter\n";

#[test]
fn series_are_told_apart_and_new_ones_began_at_zero() {
    let before = format!("{REQUESTS}apiserver_request_total{{code=\"200\",verb=\"GET\"}} 10\n");
    let after = format!(
        "{REQUESTS}apiserver_request_total{{verb=\"GET\",code=\"200\"}} 15\napiserver_request_total{{code=\"429\",verb=\"GET\"}} 2\n"
    );
    let change = change(&before, &after);
    assert_eq!(total(&change, &names::REQUESTS), Some(7.0));
    assert_eq!(change.total(&names::REQUESTS, |labels| labels.is("code", "429")), Some(2.0));
    assert_eq!(change.total(&names::REQUESTS, |labels| labels.is("code", "500")), None);
}

#[test]
fn a_counter_that_went_back_counts_from_zero() {
    let at = |count: u32| format!("{REQUESTS}apiserver_request_total {count}\n");
    assert_eq!(total(&change(&at(10), &at(3)), &names::REQUESTS), Some(3.0));
}

#[test]
fn a_restarted_process_counts_from_zero_even_where_it_has_overtaken_itself() {
    let at = |start: f64, count: u32| {
        format!(
            "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {start}\n{REQUESTS}apiserver_request_total {count}\n"
        )
    };
    let change_of = |start| change(&at(1000.0, 10), &at(start, 14));
    let restarted = change_of(1100.0);
    assert!(restarted.restarted);
    assert_eq!(total(&restarted, &names::REQUESTS), Some(14.0));
    let corrected = change_of(1001.0);
    assert!(!corrected.restarted, "the wall clock was set by a second");
    assert_eq!(total(&corrected, &names::REQUESTS), Some(4.0));
}

#[test]
fn histograms_differ_by_buckets_and_are_reset_as_a_whole() {
    let at = |low: u32, all: u32, sum: f64| {
        format!(
            "# TYPE etcd_disk_wal_fsync_duration_seconds histogram\n\
             etcd_disk_wal_fsync_duration_seconds_bucket{{le=\"0.001\"}} {low}\n\
             etcd_disk_wal_fsync_duration_seconds_bucket{{le=\"+Inf\"}} {all}\n\
             etcd_disk_wal_fsync_duration_seconds_sum {sum}\netcd_disk_wal_fsync_duration_seconds_count {all}\n"
        )
    };
    let observed = |before: &str, after: &str| {
        let change = change(before, after);
        let histogram = change.histogram(&names::WAL_FSYNC, |_| true).unwrap();
        (histogram.buckets()[0].count, histogram.count, histogram.sum)
    };
    assert_eq!(observed(&at(10, 20, 1.0), &at(15, 40, 3.5)), (5.0, 20.0, 2.5));
    assert_eq!(observed(&at(10, 20, 1.0), &at(9, 40, 3.5)), (9.0, 40.0, 3.5), "only one bucket went back");
}

#[test]
fn sums_of_summaries_grow_and_their_quantiles_are_the_latest() {
    let at = |quantile: f64, sum: f64, count: u32| {
        format!(
            "# TYPE go_gc_duration_seconds summary\ngo_gc_duration_seconds{{quantile=\"0.5\"}} {quantile}\n\
             go_gc_duration_seconds_sum {sum}\ngo_gc_duration_seconds_count {count}\n"
        )
    };
    let change = change(&at(0.1, 1.0, 10), &at(0.2, 1.5, 14));
    let value = change.family(&names::GC_PAUSES).unwrap().series.values().next().unwrap();
    let Value::Summary(summary) = value else { panic!("{value:?}") };
    assert_eq!((summary.quantiles[0].1, summary.sum, summary.count), (0.2, 0.5, 4.0));
}
