//! The time between repetitions, which has bounds, not values.

use super::{Difference, Item, Key, Kind, Stream, sample::difference};
use crate::fidelity::{items::items, recording::Recording};

/// What comes again, and when.
struct Rule {
    /// How its class begins.
    class: &'static str,
    /// The least and the most time from one to the next. Seconds.
    gap: (f64, f64),
    /// Where that is written.
    source: &'static str,
}

/// On a busy machine a timer is late, and a request takes its time.
const SLACK: f64 = 0.5;

const RULES: [Rule; 3] = [
    Rule {
        class: "PUT coordination.k8s.io/v1/namespaces/kube-node-lease/leases/NODE",
        gap: (10.0, 10.4),
        source: "component-helpers apimachinery/lease/controller.go: a quarter of 40 s, jitter 0.04, from the end of the last",
    },
    Rule {
        class: "PATCH nodes/NODE/status",
        gap: (300.0, 310.4),
        source: "kubelet_node_status.go: nodeStatusReportFrequency, looked at every 10.0-10.4 s",
    },
    Rule {
        class: "GET persistentvolume",
        gap: (60.0, 90.0),
        source: "kubelet.go: syncFrequency with jitter 0.5; pod_workers.go",
    },
];

/// Gaps of ours that are out of bounds; of each kind the worst.
pub(crate) fn check(ours: &[Recording]) -> Vec<Difference> {
    let mut differences: Vec<Difference> = Vec::new();
    for recording in ours {
        let items: Vec<Item> =
            items(recording).into_iter().filter(|item| item.stream == Stream::Periodic).collect();
        let starts: Vec<f64> =
            recording.about.phases.iter().filter(|p| p.does == "start").map(|p| p.at).collect();
        for rule in &RULES {
            let Some((worst, item)) = worst(rule, &items, &starts) else { continue };
            let key = Key::all_the_time(&item.subject);
            let theirs = format!("every {} to {} s ({})", rule.gap.0, rule.gap.1, rule.source);
            let found =
                difference(&key, Kind::Interval, &item.class, theirs, format!("once after {worst:.1} s"));
            match differences.iter_mut().find(|known| known.class == found.class) {
                Some(known) => known.seen += 1,
                None => differences.push(Difference { of: ours.len(), ..found }),
            }
        }
    }
    differences
}

/// The gap that is furthest out of bounds. A restart begins anew, and so does another object.
fn worst<'a>(rule: &Rule, items: &'a [Item], starts: &[f64]) -> Option<(f64, &'a Item)> {
    let of_rule: Vec<&Item> = items.iter().filter(|item| item.class.starts_with(rule.class)).collect();
    let mut worst: Option<(f64, &Item)> = None;
    let off = |gap: f64| (rule.gap.0 - gap).max(gap - rule.gap.1).max(0.0);
    for (index, item) in of_rule.iter().enumerate() {
        let Some(last) = of_rule[..index].iter().rev().find(|last| last.class == item.class) else {
            continue;
        };
        if last.phase != item.phase && rule.class.starts_with("GET")
            || starts.iter().any(|start| (last.t..item.t).contains(start))
        {
            continue;
        }
        let gap = item.t - last.t - last.took;
        if off(gap) > SLACK && worst.is_none_or(|(known, _)| off(gap) > off(known)) {
            worst = Some((gap, item));
        }
    }
    worst
}
