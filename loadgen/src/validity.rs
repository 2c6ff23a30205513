//! The harness judges itself: named warnings when a figure is the harness's and not the server's.

use std::time::Duration;

use fake_kubelet::{Class, Classes};
use measure::{
    Latency, Recorder,
    criteria::Judged,
    statistics::{binomial::Share, steady::Reason},
};
use record::{Warning, WarningClass};

use crate::{
    about, cells,
    plan::Plan,
    probe::{Probed, Rest},
    scenario::{Load, MaintenanceLoad, Scenario},
    target::Target,
};

/// The shortest limit that is judged is the SLO of one second for single objects, and a hundredth of it may be ours.
const LATE: Duration = Duration::from_millis(10);
/// More than this share of sends may not be.
const LATE_SHARE: f64 = 0.01;
/// The level of the bound by which fewer are judged.
const SURE: f64 = 0.99;
/// A share of the machine's CPU above which the harness disturbs what it measures.
const HARNESS_WARN: f64 = 0.2;
/// A share above which it has no CPU left itself.
const HARNESS_INVALID: f64 = 0.8;
/// A share of the machine's CPU that went to neither harness nor control plane.
const OUTSIDE: f64 = 0.05;
/// A share of the window above which a figure is that of a component's own request limiter.
const THROTTLED: f64 = 0.1;
const CLOCK_STEP: Duration = Duration::from_millis(100);

/// The doubts about a probe.
pub(crate) fn of_probe(plan: &Plan, target: &Target, probed: &Probed, clock_step: Duration) -> Vec<Warning> {
    let used = probed.used.as_ref();
    judge(&Evidence {
        recorder: &probed.observed.recorded(&probed.seen.measured),
        dropped_starts: probed.dropped,
        waited_for_stream: probed.waited_for_stream,
        harness_cpu_share: used.and_then(about::harness_share),
        outside_cpu_share: used.filter(|_| !target.is_shared()).and_then(about::outside_share),
        clock_step,
        classes: plan.classes,
        rest: probed.seen.rest,
        judged: &probed.seen.judged,
        throttled: probed.cause.throttled.clone(),
        restarted: unplanned(probed.cause.restarted.clone(), &plan.scenario.scenario),
        missing: probed.cause.missing.clone(),
    })
}

/// Components that were started anew although no step of the scenario is to do that, nor to take away what they need: a scheduler and
/// a controller manager that lead end when they cannot renew their lease.
fn unplanned(mut restarted: Vec<String>, scenario: &Scenario) -> Vec<String> {
    let steps = || {
        scenario.loads.iter().filter_map(|load| match load {
            Load::Maintenance(load) => Some(load),
            _ => None,
        })
    };
    let planned = |name: &str| steps().any(|load| load.restarts(name));
    let takes_all_along = ["etcd", "etcd-leases", "kube-apiserver"].into_iter().any(planned)
        || steps().any(MaintenanceLoad::fills_etcd);
    let elected =
        |name: &str| ["kube-scheduler", "kube-controller-manager"].iter().any(|it| name.starts_with(it));
    // Steps are taken in each cell.
    restarted.retain(|name| {
        let name = cells::split(name).0;
        !(takes_all_along && elected(name) || planned(name))
    });
    restarted
}

/// What the judgement rests on, of the measured window.
#[derive(Debug)]
pub(crate) struct Evidence<'a> {
    /// The drivers' requests.
    pub(crate) recorder: &'a Recorder,
    pub(crate) dropped_starts: u64,
    /// Requests of drivers that waited for a free HTTP/2 stream.
    pub(crate) waited_for_stream: u64,
    /// 0 to 1, of the whole machine.
    pub(crate) harness_cpu_share: Option<f64>,
    /// 0 to 1, of the whole machine: neither the harness nor a component of ours; known only where all of them are.
    pub(crate) outside_cpu_share: Option<f64>,
    /// How far the wall clock moved against the monotonic one.
    pub(crate) clock_step: Duration,
    /// What the nodes sent.
    pub(crate) classes: Classes,
    /// How the load was when it was measured.
    pub(crate) rest: Rest,
    /// How the limits were kept.
    pub(crate) judged: &'a [Judged],
    /// Components that waited in their own request limiter, and for which share of the window.
    pub(crate) throttled: Vec<(String, f64)>,
    /// Components that were started anew.
    pub(crate) restarted: Vec<String>,
    /// Components whose metrics could not be read, and why.
    pub(crate) missing: Vec<(String, String)>,
}

/// The warnings that apply.
pub(crate) fn judge(evidence: &Evidence<'_>) -> Vec<Warning> {
    let checks = [
        late_sends(evidence.recorder),
        above(
            "dropped-starts",
            WarningClass::Invalid,
            count(evidence.dropped_starts),
            0.0,
            "the client had no room for a start when it was due; offer less, or give the harness more CPU",
        ),
        above(
            "stream-queueing",
            WarningClass::Invalid,
            count(evidence.waited_for_stream),
            0.0,
            "requests waited for a free HTTP/2 stream in the client; raise `identities` of the load",
        ),
        harness_cpu(evidence.harness_cpu_share),
        above(
            "noisy-host",
            WarningClass::Warn,
            evidence.outside_cpu_share.unwrap_or(0.0),
            OUTSIDE,
            "something else used this machine's CPU; run again when it is quiet",
        ),
        above(
            "clock-step",
            WarningClass::Invalid,
            evidence.clock_step.as_secs_f64(),
            CLOCK_STEP.as_secs_f64(),
            "the wall clock was set during the run; run again when time is in sync",
        ),
        fidelity(evidence.classes),
        not_steady(evidence.rest),
        few_samples(evidence.judged),
        throttled_by_default(&evidence.throttled),
        component_restart(&evidence.restarted),
        missing_metrics(&evidence.missing),
    ];
    checks.into_iter().flatten().collect()
}

fn late_sends(recorder: &Recorder) -> Option<Warning> {
    let worst = recorder.kinds().filter(|(_, stats)| is_late(&stats.lateness));
    // The 99th percentile, or the longest where the sample does not carry it.
    let lateness = worst.filter_map(|(_, stats)| {
        let summary = stats.lateness.summary();
        summary.p99.or(summary.max)
    });
    let value = lateness.max_by(f64::total_cmp)?;
    above(
        "late-sends",
        WarningClass::Invalid,
        value,
        LATE.as_secs_f64(),
        "requests were sent late; offer less, or give the harness more CPU",
    )
}

/// Whether more than one send in a hundred was late. Of few sends that has to be shown, as of every other share: two of a hundred are
/// chance once in four times.
fn is_late(lateness: &Latency) -> bool {
    let (late, all) = (count(lateness.longer_than(LATE)), count(lateness.len()));
    let Ok(share) = Share::new(late, all) else { return false };
    let carries_p99 = lateness.summary().p99.is_some();
    let shown = if carries_p99 { share.point() } else { share.lower(SURE).unwrap_or_default() };
    shown > LATE_SHARE
}

fn harness_cpu(share: Option<f64>) -> Option<Warning> {
    let share = share?;
    let advice =
        "the harness took much of the CPU; use fewer nodes or a lower rate, or a machine with more cores";
    above("harness-cpu", WarningClass::Invalid, share, HARNESS_INVALID, advice)
        .or_else(|| above("harness-cpu", WarningClass::Warn, share, HARNESS_WARN, advice))
}

fn fidelity(classes: Classes) -> Option<Warning> {
    let missing: Vec<&str> = classes.missing().map(Class::name).collect();
    let advice = format!(
        "the nodes did not send all that a kubelet and its kube-proxy do: no {}; --preset kubelet sends it",
        missing.join(", no ")
    );
    above("fidelity", WarningClass::Warn, count(missing.len() as u64), 0.0, &advice)
}

fn throttled_by_default(throttled: &[(String, f64)]) -> Option<Warning> {
    let (name, share) = throttled.iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let advice = format!(
        "{name} waited for its own request limiter, so the figure is the limiter's; raise its kube-api-qps and kube-api-burst, as \
         profile defaults-unthrottled does"
    );
    above("throttled-by-default", WarningClass::Warn, *share, THROTTLED, &advice)
}

fn missing_metrics(missing: &[(String, String)]) -> Option<Warning> {
    let reasons: Vec<String> = missing.iter().map(|(name, reason)| format!("{name} ({reason})")).collect();
    let advice = format!("what limited the control plane is not known of {}", reasons.join(", "));
    above("missing-metrics", WarningClass::Warn, count(missing.len() as u64), 0.0, &advice)
}

fn component_restart(restarted: &[String]) -> Option<Warning> {
    let advice = format!("{} was started anew in the window; look at its log", restarted.join(", "));
    above("component-restart", WarningClass::Invalid, count(restarted.len() as u64), 0.0, &advice)
}

fn not_steady(rest: Rest) -> Option<Warning> {
    let Rest::Not(reason) = rest else { return None };
    let advice = format!(
        "the load had not come to rest when it was measured ({}); measure for longer, or offer less",
        words(reason)
    );
    above("not-steady", WarningClass::Warn, 1.0, 0.0, &advice)
}

/// Why a load is not at rest, in words.
pub(crate) fn words(reason: Reason) -> &'static str {
    match reason {
        Reason::TooEarly => "it was too early to say",
        Reason::Pace => "what was done did not keep pace with what was due",
        Reason::Backlog => "its backlog rose or fell",
        Reason::Response => "its response times rose or fell",
    }
}

fn few_samples(judged: &[Judged]) -> Option<Warning> {
    let few: Vec<String> = judged
        .iter()
        .filter(|it| it.few_samples)
        .map(|it| format!("{} of {}", it.criterion, it.group))
        .collect();
    let advice = format!("too few samples to be sure of {}; measure for longer", few.join(", "));
    above("few-samples", WarningClass::Warn, count(few.len() as u64), 0.0, &advice)
}

/// A doubt about a figure that is above its threshold.
pub(crate) fn above(
    name: &str,
    class: WarningClass,
    value: f64,
    threshold: f64,
    advice: &str,
) -> Option<Warning> {
    let warning = || Warning { name: name.to_owned(), class, value, threshold, advice: advice.to_owned() };
    (value > threshold).then(warning)
}

#[expect(clippy::cast_precision_loss, reason = "a run does not count to 2^53")]
fn count(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use measure::{Kind, Nanos, Outcome};

    use super::*;
    use crate::scenario;

    fn names(late: &[u64], evidence: impl FnOnce(&mut Evidence<'_>)) -> Vec<(String, WarningClass)> {
        let mut recorder = Recorder::new();
        for millis in late {
            let sent = Nanos(millis * 1_000_000);
            recorder.record(Kind::new("create", "pods"), Nanos(0), sent, sent, Outcome::Ok);
        }
        let mut given = Evidence {
            recorder: &recorder,
            dropped_starts: 0,
            waited_for_stream: 0,
            harness_cpu_share: Some(0.05),
            outside_cpu_share: Some(0.01),
            clock_step: Duration::ZERO,
            classes: Classes::ALL,
            rest: Rest::Steady,
            judged: &[],
            throttled: Vec::new(),
            restarted: Vec::new(),
            missing: Vec::new(),
        };
        evidence(&mut given);
        let warnings = judge(&given).into_iter();
        warnings.map(|warning| (warning.name, warning.class)).collect()
    }

    fn invalid(name: &str) -> Vec<(String, WarningClass)> {
        vec![(name.to_owned(), WarningClass::Invalid)]
    }

    #[test]
    fn a_good_run_has_nothing_to_confess() {
        assert_eq!(names(&[0, 1, 9], |_| {}), []);
        assert_eq!(names(&[], |evidence| evidence.harness_cpu_share = None), []);
    }

    #[test]
    fn two_late_sends_in_a_hundred_were_taken_for_the_end_of_the_harness() {
        let late = |late: usize, all: usize| names(&[vec![50; late], vec![0; all - late]].concat(), |_| {});
        assert_eq!(late(2, 104), []);
        assert_eq!(late(6, 104), invalid("late-sends"));
        assert_eq!(late(1, 1), [], "one of one is chance");
        assert_eq!(late(2, 2), invalid("late-sends"));
        assert_eq!(late(5, 500), []);
        assert_eq!(late(6, 500), invalid("late-sends"), "so many carry a percentile");
    }

    #[test]
    fn each_doubt_has_its_name() {
        assert_eq!(names(&[], |evidence| evidence.dropped_starts = 1), invalid("dropped-starts"));
        assert_eq!(names(&[], |evidence| evidence.waited_for_stream = 1), invalid("stream-queueing"));
        assert_eq!(
            names(&[], |evidence| evidence.clock_step = Duration::from_millis(101)),
            invalid("clock-step")
        );
        assert_eq!(names(&[], |evidence| evidence.harness_cpu_share = Some(0.9)), invalid("harness-cpu"));
        let warn = vec![("harness-cpu".to_owned(), WarningClass::Warn)];
        assert_eq!(names(&[], |evidence| evidence.harness_cpu_share = Some(0.3)), warn);
        assert_eq!(
            names(&[], |evidence| evidence.restarted = vec!["etcd".to_owned()]),
            invalid("component-restart")
        );
        let warn = vec![("throttled-by-default".to_owned(), WarningClass::Warn)];
        assert_eq!(
            names(&[], |evidence| evidence.throttled = vec![("kube-scheduler".to_owned(), 0.4)]),
            warn
        );
        let warn = vec![("noisy-host".to_owned(), WarningClass::Warn)];
        assert_eq!(names(&[], |evidence| evidence.outside_cpu_share = Some(0.06)), warn);
        let warn = vec![("fidelity".to_owned(), WarningClass::Warn)];
        assert_eq!(names(&[], |evidence| evidence.classes = Classes::ALL.without(Class::Tokens)), warn);
    }

    #[test]
    fn a_restart_that_the_scenario_is_about_is_no_doubt() {
        let restarted = || ["etcd", "kube-apiserver", "kube-scheduler"].map(str::to_owned).to_vec();
        let rolling = scenario::load("rolling").unwrap().scenario;
        assert_eq!(unplanned(restarted(), &rolling), ["etcd"]);
        assert_eq!(unplanned(vec!["kube-scheduler-1".to_owned()], &rolling), [""; 0]);
        let in_cells = ["etcd (cell 2)", "kube-apiserver (cell 1)"].map(str::to_owned).to_vec();
        assert_eq!(unplanned(in_cells, &rolling), ["etcd (cell 2)"]);
        let churn = scenario::load("pod-churn").unwrap().scenario;
        assert_eq!(unplanned(restarted(), &churn), restarted());
    }

    #[test]
    fn a_load_that_did_not_come_to_rest_says_why() {
        let warn = vec![("not-steady".to_owned(), WarningClass::Warn)];
        assert_eq!(names(&[], |evidence| evidence.rest = Rest::Not(Reason::Backlog)), warn);
        assert!(not_steady(Rest::Not(Reason::Pace)).unwrap().advice.contains("keep pace"));
    }

    #[test]
    fn what_the_nodes_left_out_is_named() {
        let left_out = Classes::ALL.without(Class::Events).without(Class::KubeProxy);
        let advice = fidelity(left_out).unwrap().advice;
        assert!(advice.contains("no events, no kube-proxy;"), "{advice}");
    }
}
