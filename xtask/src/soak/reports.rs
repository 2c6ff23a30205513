//! The first status report of each node after its start: spread over five minutes, or all at once?

use std::collections::HashMap;

use serde::Serialize;

use crate::traffic::{Request, Who};

/// `calculateDelay`: five minutes and up to half of them more or less after a change. Seconds.
const DELAY: (f64, f64) = (150.0, 450.0);
/// A kubelet looks every 10.0-10.4 s whether it is time. Seconds.
const LOOK: f64 = 10.2;
/// A node changes its status while it starts. Seconds.
const START: f64 = 60.0;
/// Kolmogorov's distribution: exceeded by chance once in a thousand times, when multiplied by the square root of n.
const CRITICAL: f64 = 1.9495;
/// Fewer nodes say nothing.
const ENOUGH: usize = 20;

/// How the reports are spread.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Reports {
    pub(crate) nodes: usize,
    /// Nodes that were observed for long enough and did not report.
    pub(crate) missing: usize,
    pub(crate) earliest: f64,
    pub(crate) median: f64,
    pub(crate) latest: f64,
    /// Kolmogorov and Smirnov's distance from what chance gives.
    pub(crate) distance: f64,
    pub(crate) critical: f64,
}

impl Reports {
    pub(crate) fn is_chance(&self) -> bool {
        self.missing == 0 && self.distance < self.critical
    }
}

/// Judges the nodes that had time to report before `end`; nothing when there are too few.
#[expect(clippy::cast_precision_loss, reason = "thousands of nodes")]
pub(crate) fn reports(requests: &[Request], end: f64) -> Option<Reports> {
    /// First patch, last of the start, first after it.
    struct Patches(f64, f64, Option<f64>);
    let mut nodes: HashMap<&str, Patches> = HashMap::new();
    let patches = requests.iter().filter(|it| it.who == Who::Node && &*it.verb == "patch" && it.succeeded());
    for patch in patches.filter(|it| &*it.resource == "nodes/status") {
        let Patches(first, last, report) =
            nodes.entry(&patch.user).or_insert(Patches(patch.at, patch.at, None));
        if patch.at < *first + START {
            *last = patch.at;
        } else {
            report.get_or_insert(patch.at);
        }
    }
    let had_time = nodes.into_values().filter(|Patches(_, last, _)| end - last > DELAY.1 + 2.0 * LOOK);
    let (reported, silent): (Vec<Patches>, Vec<Patches>) = had_time.partition(|it| it.2.is_some());
    let mut delays: Vec<f64> =
        reported.into_iter().filter_map(|Patches(_, last, report)| Some(report? - last)).collect();
    delays.sort_by(f64::total_cmp);
    if delays.len() < ENOUGH {
        return None;
    }
    let n = delays.len() as f64;
    let distance = delays.iter().enumerate().map(|(index, delay)| {
        let (below, expected) = (index as f64 / n, share_before(*delay));
        (expected - below).abs().max((expected - below - 1.0 / n).abs())
    });
    Some(Reports {
        nodes: delays.len(),
        missing: silent.len(),
        earliest: delays[0],
        median: delays[delays.len() / 2],
        latest: delays[delays.len() - 1],
        distance: distance.fold(0.0, f64::max),
        critical: CRITICAL / n.sqrt(),
    })
}

/// The distribution of a uniform delay and the uniform rest until the next look.
fn share_before(seconds: f64) -> f64 {
    let (from, to) = DELAY;
    // The integral of a uniform distribution from its beginning.
    let area = |x: f64| {
        if x <= from {
            0.0
        } else if x >= to {
            (to - from) / 2.0 + x - to
        } else {
            (x - from).powi(2) / (2.0 * (to - from))
        }
    };
    (area(seconds) - area(seconds - LOOK)) / LOOK
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::synthetic::request;

    fn log(delay: impl Fn(u32) -> Option<f64>) -> Vec<Request> {
        let patch = |node: u32, at: f64| {
            request(&format!("system:node:n-{node}"), &format!("patch nodes/status /n-{node}"), 200, at)
        };
        (0..200)
            .flat_map(|node| {
                let report = delay(node).map(|delay| patch(node, 4.0 + delay));
                [patch(node, 1.0), patch(node, 4.0)].into_iter().chain(report)
            })
            .collect()
    }

    #[test]
    fn the_distribution_is_one() {
        for (seconds, share) in [(100.0, 0.0), (150.0, 0.0), (305.1, 0.5), (470.0, 1.0)] {
            assert!((share_before(seconds) - share).abs() < 1e-9, "{seconds}: {}", share_before(seconds));
        }
    }

    #[test]
    fn reports_that_are_spread_pass_and_those_that_come_together_do_not() {
        let spread = reports(&log(|node| Some(155.0 + 1.5 * f64::from(node))), 900.0).unwrap();
        assert!(spread.is_chance() && spread.nodes == 200, "{spread:?}");
        let together = reports(&log(|_| Some(300.0)), 900.0).unwrap();
        assert!(!together.is_chance(), "{together:?}");
        let half = reports(&log(|node| Some(155.0 + 0.7 * f64::from(node))), 900.0).unwrap();
        assert!(!half.is_chance(), "{half:?}");
    }

    #[test]
    fn a_node_that_never_reports_is_missed() {
        let silent = reports(&log(|node| (node > 0).then(|| 155.0 + 1.5 * f64::from(node))), 900.0).unwrap();
        assert!(!silent.is_chance() && silent.missing == 1, "{silent:?}");
        assert!(reports(&log(|_| None), 300.0).is_none(), "too short to say anything");
    }
}
