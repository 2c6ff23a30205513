//! What the fleet did, second by second: its requests are judged as the drivers' are, and its nodes must stay alive.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Range,
    time::Duration,
};

use fake_kubelet::FleetReport;
use measure::{
    Kind, KindStats, Nanos, Recorder,
    criteria::{self, Extent, Group, Judged},
    statistics::{Error, binomial::Block},
};

use crate::criteria::{Class, Criteria, is_servers};

/// Reports of about a second each.
#[derive(Debug)]
pub(super) struct FleetSeconds {
    seconds: Vec<Second>,
    /// Nodes taken for dead that were not, before the first of them.
    false_alarms: Option<u64>,
    recorder: Recorder,
    /// What was recorded last: it may lie beyond the end of a window that is judged now.
    recent: VecDeque<(Nanos, Recorder)>,
    /// For so long it may.
    keep: Duration,
}

/// Beyond the time that operations have, a window's end may be passed by this until it is judged.
const MARGIN: Duration = Duration::from_secs(3);

#[derive(Debug)]
struct Second {
    /// When it ended.
    at: Nanos,
    kinds: BTreeMap<Kind, Ended>,
    longest_lease_gap: Duration,
    /// Nodes taken for dead that were not silent, since the fleet started.
    false_alarms: u64,
}

/// Requests that ended in a second.
#[derive(Clone, Copy, Debug)]
struct Ended {
    all: u64,
    slow: u64,
    failed: u64,
}

impl Ended {
    fn of(stats: &KindStats, limit: Duration) -> Self {
        let failures = stats.errors.iter().filter(|(class, _)| is_servers(*class));
        Self {
            all: stats.done(),
            slow: stats.response.longer_than(limit),
            failed: failures.map(|(_, count)| count).sum(),
        }
    }
}

impl FleetSeconds {
    /// None yet. A window is judged when its operations have had this time.
    pub(super) fn new(ripens: Duration) -> Self {
        Self {
            seconds: Vec::new(),
            false_alarms: None,
            recorder: Recorder::new(),
            recent: VecDeque::new(),
            keep: ripens + MARGIN,
        }
    }

    pub(super) fn push(&mut self, at: Nanos, report: &FleetReport, criteria: &Criteria) {
        let kinds = report
            .recorder
            .kinds()
            .filter_map(|(kind, stats)| Some((kind, Ended::of(stats, criteria.limit(Class::of(kind)?)))));
        let false_alarms = report.progress.false_alarms();
        self.false_alarms.get_or_insert(false_alarms);
        self.seconds.push(Second {
            at,
            kinds: kinds.collect(),
            longest_lease_gap: report.longest_lease_gap,
            false_alarms,
        });
        self.recent.push_back((at, report.recorder.clone()));
        while let Some((_, earlier)) = self.recent.pop_front_if(|(then, _)| *then + self.keep < at) {
            self.recorder.merge(&earlier);
        }
    }

    /// Up to a window's end.
    pub(super) fn recorded(&self, end: Nanos) -> Recorder {
        let mut recorder = self.recorder.clone();
        self.recent.iter().filter(|(at, _)| *at <= end).for_each(|(_, recent)| recorder.merge(recent));
        recorder
    }

    pub(super) fn judge(
        &self,
        window: &Range<Nanos>,
        criteria: &Criteria,
        extent: Extent,
    ) -> Result<Vec<Judged>, Error> {
        let seconds: Vec<&Second> = self
            .seconds
            .iter()
            .filter(|second| second.at > window.start && second.at <= window.end)
            .collect();
        let Some(last) = seconds.last() else { return Ok(Vec::new()) };
        let mut judged = criteria::shares("slow", &groups(&seconds, |it| it.slow), criteria.slow, extent)?;
        judged.extend(criteria::shares(
            "errors",
            &groups(&seconds, |it| it.failed),
            criteria.errors,
            extent,
        )?);
        let gap = seconds.iter().map(|second| second.longest_lease_gap).max().unwrap_or_default();
        let looks = seconds.len() as u64;
        let (gap, limit) = (gap.as_secs_f64(), criteria.lease_gap.as_secs_f64());
        judged.push(criteria::at_most("lease-gap", "fleet", gap, limit, looks));
        let before = self.seconds.iter().take_while(|second| second.at <= window.start).last();
        let before = before.map_or(self.false_alarms.unwrap_or_default(), |second| second.false_alarms);
        // The two counts behind it are read one after the other, so for a moment it may be too low.
        let false_alarms = last.false_alarms.saturating_sub(before);
        judged.push(criteria::none("not-ready", "fleet", false_alarms));
        Ok(judged)
    }
}

/// The requests of every kind, a block for each second.
fn groups(seconds: &[&Second], misses: impl Fn(&Ended) -> u64) -> Vec<Group> {
    let mut kinds: Vec<Kind> = seconds.iter().flat_map(|second| second.kinds.keys().copied()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let group = |kind: Kind| {
        let block =
            |second: &&Second| second.kinds.get(&kind).map(|it| Block { misses: misses(it), n: it.all });
        Some(Group {
            name: format!("fleet: {kind}"),
            class: format!("fleet: {}", Class::of(kind)?.name()),
            blocks: seconds.iter().map(|second| block(second).unwrap_or(Block { misses: 0, n: 0 })).collect(),
        })
    };
    kinds.into_iter().filter_map(group).collect()
}
