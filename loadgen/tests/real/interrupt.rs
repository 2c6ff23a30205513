//! Ctrl-C in each phase: exit code 130, and nothing is left.

use crate::support::{Bench, Running};

/// Interrupts a run when it says `line`.
fn check(line: &str) {
    check_signal(line, "INT");
}

fn check_signal(line: &str, signal: &str) {
    let bench = Bench::new();
    let args = ["run", "pod-churn", "--nodes", "20", "--rate", "5", "--duration", "4s"];
    let mut run = Running::start(bench.with_binaries(&args));
    run.line_with(line);
    run.signal(signal);
    let (status, output) = run.wait();
    assert_eq!(status.code(), Some(130), "{output}");
    bench.assert_nothing_left();
}

#[test]
fn a_closed_terminal_left_the_work_folder_behind() {
    check_signal("nodes:", "HUP");
}

#[test]
fn while_the_control_plane_starts() {
    check("control plane:");
}

#[test]
fn while_nodes_register() {
    check("nodes:");
}

#[test]
fn while_it_warms_up() {
    check("warm-up:");
}

#[test]
fn while_it_measures() {
    check("measure:");
}

#[test]
fn while_it_drains() {
    check("drain:");
}

#[test]
fn a_second_one_stops_at_once_and_says_what_may_be_left() {
    let bench = Bench::new();
    let mut run = Running::start(bench.with_binaries(&["run", "pod-churn", "--nodes", "20"]));
    run.line_with("warm-up:");
    run.signal("INT");
    run.signal("INT");
    let (status, output) = run.wait();
    assert_eq!(status.code(), Some(130), "{output}");
    crate::support::eventually("everything dies with it", std::time::Duration::from_secs(2), || {
        bench.processes().is_empty()
    });
}
