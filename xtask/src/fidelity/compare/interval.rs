//! The time between repetitions, which has bounds, not values; and that a watch goes on after its time-out.

use super::{Difference, Item, Key, Kind, Stream, sample::difference};
use crate::fidelity::{items::items, recording::Recording};

/// What comes again, and when. All in seconds.
struct Rule {
    /// How its class begins.
    class: &'static str,
    /// The least and the most time from the end of one to the next.
    gap: (f64, f64),
    /// The latest that the first comes after the node's start, where every node sends it.
    first: Option<f64>,
    /// Where that is written.
    source: &'static str,
}

/// On a busy machine a timer is late.
const SLACK: f64 = 0.5;

const RULES: [Rule; 3] = [
    Rule {
        class: "PUT coordination.k8s.io/v1/namespaces/kube-node-lease/leases/NODE",
        gap: (10.0, 10.4),
        // The first try finds no node, the second creates the lease.
        first: Some(22.0),
        source: "component-helpers apimachinery/lease/controller.go: a quarter of 40 s, jitter 0.04",
    },
    Rule {
        class: "PATCH nodes/NODE/status",
        gap: (300.0, 310.4),
        first: Some(461.0),
        source: "kubelet_node_status.go: nodeStatusReportFrequency, looked at every 10.0-10.4 s",
    },
    Rule {
        class: "GET persistentvolume",
        gap: (60.0, 90.0),
        first: None,
        source: "kubelet.go: syncFrequency, jitter 0.5",
    },
];

/// What is out of bounds: of each kind of request the worst, and watches that were not opened again.
pub(crate) fn check(ours: &[Recording]) -> Vec<Difference> {
    let mut differences: Vec<Difference> = Vec::new();
    for recording in ours {
        let items: Vec<Item> =
            items(recording).into_iter().filter(|item| item.stream == Stream::Periodic).collect();
        let lives = lives(recording);
        let found = RULES.iter().filter_map(|rule| worst(rule, &items, &lives));
        for found in found.chain(not_opened_again(&items, &lives)) {
            match differences.iter_mut().find(|known| known.class == found.class && known.kind == found.kind)
            {
                Some(known) => known.seen += 1,
                None => differences.push(Difference { of: ours.len(), ..found }),
            }
        }
    }
    differences
}

/// From each start of the node to its stop.
fn lives(recording: &Recording) -> Vec<(f64, f64)> {
    let phases = &recording.about.phases;
    let starts = phases.iter().enumerate().filter(|(_, phase)| phase.does == "start");
    let last = recording.lines.last().map_or(0.0, |line| line.t);
    let end =
        |from: usize| phases[from..].iter().find(|phase| phase.does == "stop").map_or(last, |stop| stop.at);
    starts.map(|(index, start)| (start.at, end(index))).collect()
}

/// The gap that is furthest out of bounds.
fn worst(rule: &Rule, items: &[Item], lives: &[(f64, f64)]) -> Option<Difference> {
    let mut worst: Option<(f64, String)> = None;
    let mut see = |gap: f64, least: f64, most: f64, what: String| {
        let off = (least - gap).max(gap - most);
        if off > SLACK && worst.as_ref().is_none_or(|(known, _)| off > *known) {
            worst = Some((off, what));
        }
    };
    for (start, end) in lives {
        let of_rule: Vec<&Item> = items
            .iter()
            .filter(|item| item.class.starts_with(rule.class) && (*start..*end).contains(&item.t))
            .collect();
        for (index, item) in of_rule.iter().enumerate() {
            let last = of_rule[..index].iter().rev().find(|last| last.class == item.class);
            if let Some(last) = last.filter(|last| last.phase == item.phase || rule.first.is_some()) {
                let gap = item.t - last.t - last.took;
                see(gap, rule.gap.0, rule.gap.1, format!("after {gap:.1} s"));
            }
        }
        let Some(first) = rule.first else { continue };
        let (since, most, what) = match (of_rule.first(), of_rule.last()) {
            (Some(item), Some(last)) => {
                see(item.t - start, 0.0, first, format!("for the first time after {:.0} s", item.t - start));
                (last.t, rule.gap.1, "no more")
            }
            _ => (*start, first, "never"),
        };
        see(end - since, 0.0, most, format!("{what} in {:.0} s", end - since));
    }
    let (_, what) = worst?;
    let theirs = format!("every {} to {} s ({})", rule.gap.0, rule.gap.1, rule.source);
    let subject =
        items.iter().find(|item| item.class.starts_with(rule.class)).map(|item| item.subject.clone());
    let key = Key::all_the_time(subject.as_deref().unwrap_or("node"));
    Some(difference(&key, Kind::Interval, rule.class, theirs, what))
}

/// How soon a watch is opened again, on a busy machine. Seconds.
const SOON: f64 = 2.0;

/// The first watch that ended by its time-out and did not go on.
fn not_opened_again(items: &[Item], lives: &[(f64, f64)]) -> Option<Difference> {
    let left_alone = |ended: &&Item| {
        let Some(words) = ended.class.strip_prefix("END OF WATCH ") else { return false };
        let words = words.trim_end_matches(" at its time-out");
        let (resource, selector) = words.split_once('?').unwrap_or((words, ""));
        let goes_on = |item: &Item| {
            let watch = item.class.strip_prefix("WATCH ").and_then(|watch| watch.split_once('?'));
            watch.is_some_and(|(path, query)| path == resource && query.contains(selector))
                && (ended.t - 0.1..ended.t + SOON).contains(&item.t)
        };
        let alive = lives.iter().any(|(start, end)| (*start..end - SOON).contains(&ended.t));
        alive && !items.iter().any(goes_on)
    };
    let ended = items.iter().find(left_alone)?;
    let key = Key::all_the_time("node");
    let theirs = "the watch is opened again at once (tools/cache/reflector.go)".to_owned();
    Some(difference(&key, Kind::Missing, &ended.class, theirs, format!("not in {SOON} s")))
}
