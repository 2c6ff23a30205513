use super::*;
use crate::exposition;

/// A process of 100 s whose counters began at zero.
fn process(component: Component, after: &str) -> Process {
    let after = exposition::parse(after, |_| true).unwrap();
    Process::new(component, "it", &Scrape::new(), &after, 100.0)
}

fn shown(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(ToString::to_string).collect()
}

fn found(process: Process) -> Vec<String> {
    shown(&findings(&[process], None))
}

fn histogram(name: &str, labels: &str, buckets: &[(&str, f64)], sum: f64) -> String {
    use std::fmt::Write as _;

    let mut text = format!("# TYPE {name} histogram\n");
    for (bound, count) in buckets {
        writeln!(text, "{name}_bucket{{{labels}le=\"{bound}\"}} {count}").unwrap();
    }
    let count = buckets.last().unwrap().1;
    let braces = labels.trim_end_matches(',');
    writeln!(text, "{name}_sum{{{braces}}} {sum}\n{name}_count{{{braces}}} {count}").unwrap();
    text
}

/// Requests of which `delayed` waited for `sum` seconds in all.
fn limiter(component: Component, all: f64, delayed: f64, sum: f64, qps: Option<f64>) -> Process {
    let buckets = [("0.005", all - delayed), ("+Inf", all)];
    let text = histogram("rest_client_rate_limiter_duration_seconds", "verb=\"POST\",", &buckets, sum);
    let mut process = process(component, &text);
    process.client_qps = qps;
    process
}

fn near(one: f64, other: f64) -> bool {
    (one - other).abs() < 1e-9
}

#[test]
fn nothing_is_found_where_nothing_is_known() {
    for component in Component::ALL {
        assert_eq!(figures(&[process(component, "")], None), []);
    }
    assert_eq!(figures(&[], None), []);
}

#[test]
fn cpu_is_held_against_the_cpus_that_the_component_may_use() {
    let used = |cpus| {
        let mut process = process(
            Component::Etcd,
            "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 95\n",
        );
        process.cpus = cpus;
        found(process)
    };
    assert_eq!(used(Some(1.0)), ["it: CPU 95.0 %, threshold 80.0 %"]);
    assert!(used(Some(2.0)).is_empty());
    assert!(used(None).is_empty(), "of an unknown number of CPUs nobody can tell");
}

#[test]
fn a_burst_in_the_limiter_is_not_a_window_in_the_limiter() {
    // Two hundred requests at once on 50/100: the last hundred wait 1/50, 2/50, ... 100/50 s.
    let burst = throttling(&limiter(Component::Scheduler, 200.0, 100.0, 101.0, Some(50.0))).unwrap();
    assert!(near(burst.waiting, 1.01) && near(burst.delayed, 1.0), "{burst:?}");
    assert!(near(burst.share, 0.02), "the bucket was empty for 2 s of 100: {burst:?}");
    let unknown = throttling(&limiter(Component::Scheduler, 200.0, 100.0, 101.0, None)).unwrap();
    assert!(near(unknown.share, 1.0), "without the QPS only the upper bound is known: {unknown:?}");
}

#[test]
fn a_limiter_that_is_always_empty_is_the_whole_window() {
    // 50 requests per second go, and of those 60 that come in each second ten more wait than in the one before.
    let process = limiter(Component::Scheduler, 5000.0, 4990.0, 50_000.0, Some(50.0));
    assert!(near(throttling(&process).unwrap().share, 0.998));
    assert_eq!(found(process), ["it: time in its own request limiter 99.8 %, threshold 10.0 %"]);
}

#[test]
fn one_goroutine_that_waits_now_and_then_is_as_long_as_it_waited() {
    // With 5 QPS and short waits the time is what they waited, not a fifth of a second for each.
    let few = throttling(&limiter(Component::ControllerManager, 100.0, 50.0, 0.5, Some(5.0))).unwrap();
    assert!(near(few.share, 0.005), "{few:?}");
}

#[test]
fn waits_too_short_for_the_histogram_still_count_where_tokens_come_that_fast() {
    // One after the other at 500 QPS: every request waits 2 ms for the next token, and nothing shows but the sum.
    let serial =
        throttling(&limiter(Component::ControllerManager, 50_000.0, 0.0, 100.0, Some(500.0))).unwrap();
    assert!(near(serial.share, 1.0), "{serial:?}");
    let unthrottled = limiter(Component::ControllerManager, 50_000.0, 0.0, 0.1, Some(5000.0));
    assert!(near(throttling(&unthrottled).unwrap().share, 0.001));
    // A thousand at once on 500/500: one second, and what the five hundred that had a token may have waited.
    let burst = throttling(&limiter(Component::Scheduler, 1000.0, 500.0, 250.0, Some(500.0))).unwrap();
    assert!(near(burst.share, 0.035), "{burst:?}");
}

#[test]
fn seats_are_found_by_their_level_and_the_exempt_have_none() {
    let nominal = "# TYPE apiserver_flowcontrol_nominal_limit_seats gauge\n\
                   apiserver_flowcontrol_nominal_limit_seats{priority_level=\"exempt\"} 0\n\
                   apiserver_flowcontrol_nominal_limit_seats{priority_level=\"node-high\"} 98\n";
    let utilization = histogram(
        "apiserver_flowcontrol_priority_level_seat_utilization",
        "phase=\"executing\",priority_level=\"node-high\",",
        &[("0.99", 70e9), ("1", 100e9), ("+Inf", 100e9)],
        85e9,
    );
    let exempt = utilization.replace("node-high", "exempt").replace("# TYPE", "#");
    let text = format!("{nominal}{utilization}{exempt}");
    assert_eq!(
        found(process(Component::Apiserver, &text)),
        [
            "it: seats taken of node-high 85.0 %, threshold 80.0 %",
            "it: time without a free seat of node-high 30.0 %, threshold 10.0 %",
        ]
    );
}

#[test]
fn seats_of_the_last_moment_stand_in_where_there_is_no_mean_over_time() {
    let text = "# TYPE apiserver_flowcontrol_nominal_limit_seats gauge\n\
                apiserver_flowcontrol_nominal_limit_seats{priority_level=\"system\"} 100\n\
                # TYPE apiserver_flowcontrol_current_executing_seats gauge\n\
                apiserver_flowcontrol_current_executing_seats{flow_schema=\"a\",priority_level=\"system\"} 50\n\
                apiserver_flowcontrol_current_executing_seats{flow_schema=\"b\",priority_level=\"system\"} 40\n";
    assert_eq!(
        found(process(Component::Apiserver, text)),
        ["it: seats taken of system 90.0 %, threshold 80.0 %"]
    );
}

#[test]
fn waits_and_rejections_are_of_those_that_asked() {
    let nominal = "# TYPE apiserver_flowcontrol_nominal_limit_seats gauge\n\
                   apiserver_flowcontrol_nominal_limit_seats{priority_level=\"system\"} 100\n";
    let counts = "# TYPE apiserver_flowcontrol_rejected_requests_total counter\n\
                  apiserver_flowcontrol_rejected_requests_total{priority_level=\"system\",reason=\"queue-full\"} 1\n\
                  # TYPE apiserver_flowcontrol_dispatched_requests_total counter\n\
                  apiserver_flowcontrol_dispatched_requests_total{priority_level=\"system\"} 99\n";
    let waits = histogram(
        "apiserver_flowcontrol_request_wait_duration_seconds",
        "priority_level=\"system\",",
        &[("+Inf", 100.0)],
        20.0,
    );
    assert_eq!(
        found(process(Component::Apiserver, &format!("{nominal}{counts}{waits}"))),
        [
            "it: mean wait for a seat of system 200.0 ms, threshold 100.0 ms",
            "it: rejected requests of system 1.0 %, threshold 0.5 %",
        ]
    );
}

#[test]
fn etcds_log_is_busy_for_the_sum_of_its_syncs() {
    let syncs = histogram(
        "etcd_disk_wal_fsync_duration_seconds",
        "",
        &[("0.008", 0.0), ("0.016", 5000.0), ("+Inf", 5000.0)],
        60.0,
    );
    let commits = histogram(
        "etcd_disk_backend_commit_duration_seconds",
        "",
        &[("0.016", 0.0), ("0.032", 100.0), ("+Inf", 100.0)],
        2.0,
    );
    let pending = "# TYPE etcd_server_proposals_pending gauge\netcd_server_proposals_pending 12\n";
    assert_eq!(
        found(process(Component::Etcd, &format!("{syncs}{commits}{pending}"))),
        [
            "it: WAL busy syncing 60.0 %, threshold 50.0 %",
            "it: WAL fsync p99 15.9 ms, threshold 10.0 ms",
            "it: backend commit p99 31.8 ms, threshold 25.0 ms",
            "it: proposals pending 12, threshold 5",
        ]
    );
}

#[test]
fn the_scheduler_is_behind_by_the_work_in_its_active_queue() {
    let attempts =
        histogram("scheduler_scheduling_algorithm_duration_seconds", "", &[("+Inf", 4000.0)], 90.0);
    let pending = "# TYPE scheduler_pending_pods gauge\nscheduler_pending_pods{queue=\"active\"} 100\n\
                   scheduler_pending_pods{queue=\"unschedulable\"} 100000\n";
    assert_eq!(
        found(process(Component::Scheduler, &format!("{attempts}{pending}"))),
        [
            "it: scheduling loop busy 90.0 %, threshold 80.0 %",
            "it: work in the active queue 2.5 s, threshold 1.0 s",
        ]
    );
}

#[test]
fn a_queue_whose_items_never_get_a_worker_is_found_by_its_depth() {
    let depth = "# TYPE workqueue_depth gauge\nworkqueue_depth{name=\"job\"} 3\n\
                 workqueue_depth{name=\"idle\"} 0\nworkqueue_depth{name=\"deployment\"} 1\n";
    let waits =
        histogram("workqueue_queue_duration_seconds", "name=\"deployment\",", &[("+Inf", 50.0)], 200.0);
    assert_eq!(
        found(process(Component::ControllerManager, &format!("{depth}{waits}"))),
        [
            "it: work in the queue of job 100.0 s, threshold 1.0 s",
            "it: mean wait in the queue of deployment 4.0 s, threshold 1.0 s",
            "it: work in the queue of deployment 2.0 s, threshold 1.0 s",
        ]
    );
}

#[test]
fn what_is_used_up_comes_before_what_waits_however_long() {
    let finding = |resource, figure| Finding { component: "it".to_owned(), resource, part: None, figure };
    let mut sorted = [
        finding(Resource::WorkQueueWait, 1000.0),
        finding(Resource::WalFsync, 0.5),
        finding(Resource::Cpu, 0.81),
        finding(Resource::OwnLimiter, 0.9),
    ];
    sorted.sort_by(Finding::weaker_than);
    let order: Vec<_> = sorted.iter().map(|finding| finding.resource).collect();
    assert_eq!(order, [Resource::OwnLimiter, Resource::Cpu, Resource::WalFsync, Resource::WorkQueueWait]);
}

#[test]
fn a_window_without_length_has_no_figures_that_are_no_numbers() {
    let mut idle = limiter(Component::Scheduler, 1.0, 0.0, 0.0, Some(50.0));
    idle.change.seconds = 0.0;
    assert_eq!(figures(&[idle], None), []);
}

#[test]
fn the_machine_is_judged_as_a_whole() {
    assert_eq!(shown(&findings(&[], Some(0.95))), ["machine: CPU 95.0 %, threshold 90.0 %"]);
    assert!(findings(&[], Some(0.85)).is_empty());
}
