//! Windows that are steady, and each way in which they are not.

use proptest::prelude::*;

use super::*;
use crate::statistics::simulated::{self, Simulated};

fn window(intended: u64, done: u64, backlog: f64, response: f64) -> Window {
    Window { intended, done, backlog, response: Some(response) }
}

fn calm() -> [Window; WINDOWS] {
    [
        window(100, 98, 12.0, 0.020),
        window(95, 99, 10.0, 0.022),
        window(104, 101, 13.0, 0.019),
        window(99, 103, 9.0, 0.021),
        window(101, 99, 11.0, 0.020),
    ]
}

#[track_caller]
fn check(windows: &[Window], expected: Steadiness) {
    assert_eq!(judge(windows, 5.0, 20.0), Ok(expected));
}

#[test]
fn windows_that_keep_pace_without_a_trend_are_steady() {
    check(&calm(), Steadiness::Steady);
}

#[test]
fn four_windows_are_too_early() {
    check(&calm()[..4], Steadiness::Unsteady(Reason::TooEarly));
}

#[test]
fn only_the_last_five_windows_count() {
    let mut windows = vec![window(100, 0, 500.0, 9.0); 3];
    windows.extend(calm());
    check(&windows, Steadiness::Steady);
}

#[test]
fn one_window_out_of_pace_is_seen() {
    let mut windows = calm();
    // 3 sqrt(100) is 30.
    windows[2].done = 74;
    check(&windows, Steadiness::Steady);
    windows[2].done = 73;
    check(&windows, Steadiness::Unsteady(Reason::Pace));
}

#[test]
fn windows_that_are_all_a_little_behind_are_out_of_pace_together() {
    // 15 of 100 each is within chance; 75 of 500 is not (3 sqrt(500) is 67).
    let mut windows = calm();
    for window in &mut windows {
        (window.intended, window.done) = (100, 85);
    }
    check(&windows, Steadiness::Unsteady(Reason::Pace));
}

#[test]
fn large_counts_may_differ_by_five_per_cent() {
    let mut windows = calm();
    for window in &mut windows {
        (window.intended, window.done) = (1_000_000, 951_000);
    }
    check(&windows, Steadiness::Steady);
    for window in &mut windows {
        window.done = 949_000;
    }
    check(&windows, Steadiness::Unsteady(Reason::Pace));
}

#[test]
fn backlog_that_rises_or_falls_is_seen() {
    for direction in [1.0, -1.0] {
        let mut windows = calm();
        for (window, step) in windows.iter_mut().zip([0.0, 1.0, 2.0, 3.0, 4.0]) {
            window.backlog = 50.0 + direction * step;
        }
        check(&windows, Steadiness::Unsteady(Reason::Backlog));
    }
}

#[test]
fn response_that_rises_is_seen() {
    let mut windows = calm();
    for (window, response) in windows.iter_mut().zip([0.010, 0.011, 0.013, 0.015, 0.016]) {
        window.response = Some(response);
    }
    check(&windows, Steadiness::Unsteady(Reason::Response));
}

#[test]
fn backlog_that_runs_away_ends_it_at_once() {
    // 20/s offered: 2/s is the limit, 10 operations a window.
    let growing = |step: f64| {
        let mut windows = calm();
        for (window, at) in windows.iter_mut().zip([0.0, 1.0, 2.0, 3.0, 4.0]) {
            (window.backlog, window.done) = (step * at, 80);
        }
        windows
    };
    check(&growing(10.5), Steadiness::Broken);
    check(&growing(9.5), Steadiness::Unsteady(Reason::Pace));
}

#[test]
fn load_that_was_never_done_has_no_response() {
    let nothing = [Window { intended: 100, done: 0, backlog: 0.0, response: None }; WINDOWS];
    check(&nothing, Steadiness::Unsteady(Reason::Pace));
}

#[test]
fn rare_operations_are_not_judged_by_one_more_or_less() {
    let mut windows = calm();
    for (window, counts) in windows.iter_mut().zip([(0, 1), (1, 0), (0, 0), (2, 1), (0, 1)]) {
        (window.intended, window.done) = counts;
    }
    assert_eq!(judge(&windows, 5.0, 0.1), Ok(Steadiness::Steady));
}

#[test]
fn what_is_no_window_is_refused() {
    assert!(judge(&calm(), 0.0, 20.0).is_err());
    assert!(judge(&calm(), 5.0, f64::NAN).is_err());
    let mut windows = calm();
    windows[3].backlog = f64::NAN;
    assert_eq!(judge(&windows, 5.0, 20.0), Err(Error::NotFinite));
}

#[test]
fn steady_load_is_mostly_called_steady() {
    let mut random = Simulated::new(31);
    let steady = simulated::share(1000, || {
        let windows: [Window; WINDOWS] = std::array::from_fn(|_| {
            // Of a count of 100: standard deviation 10, and of what is done beside it not quite independent.
            let mut count = || (100.0 + 7.0 * random.normal()).round();
            let (intended, done) = (count(), count());
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "about a hundred")]
            let counts = (intended as u64, done as u64);
            window(counts.0, counts.1, 10.0 + random.normal(), 0.02 + 0.001 * random.normal())
        });
        judge(&windows, 5.0, 20.0) == Ok(Steadiness::Steady)
    });
    // Two trends at 1.7 % each, and the pace.
    assert!(steady >= 0.93, "{steady}");
}

proptest! {
    #[test]
    fn any_finite_windows_have_an_answer(
        counts in prop::collection::vec((0..u64::MAX / 8, 0..u64::MAX / 8, -1e9..1e9, 0.0..1e3), 0..9),
    ) {
        let windows: Vec<Window> = counts.iter().map(|it| window(it.0, it.1, it.2, it.3)).collect();
        prop_assert!(judge(&windows, 5.0, 20.0).is_ok());
    }
}
