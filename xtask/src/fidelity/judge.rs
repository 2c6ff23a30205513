//! Differences, told apart: by chance, for a reason, or neither.

use super::{
    compare::{Counts, Difference, check_agents, check_intervals, compare, counts},
    exceptions::{Exception, Oracle},
    recording::Recording,
};

/// What came of the comparison with one oracle.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub(crate) oracle: Oracle,
    /// What the other nodes are.
    pub(crate) who: String,
    /// What was sent how often by a node, theirs and ours.
    pub(crate) counts: Counts,
    /// With the entry that explains it.
    pub(crate) explained: Vec<(Difference, Exception)>,
    pub(crate) chance: Vec<Difference>,
    pub(crate) unexplained: Vec<Difference>,
    /// Entries that explain nothing.
    pub(crate) stale: Vec<Exception>,
}

/// Compares the steps that are wanted.
pub(crate) fn judge(
    oracle: Oracle,
    theirs: &[Recording],
    ours: &[Recording],
    table: &[Exception],
    wanted: impl Fn(&str) -> bool + Copy,
) -> Verdict {
    let mut found = compare(theirs, ours, wanted);
    found.extend(check_intervals(ours));
    found.extend(check_agents(theirs, ours));
    let mut verdict = Verdict {
        oracle,
        who: theirs.first().map(|recording| recording.about.who.clone()).unwrap_or_default(),
        counts: counts(theirs, ours, wanted),
        explained: Vec::new(),
        chance: Vec::new(),
        unexplained: Vec::new(),
        stale: Vec::new(),
    };
    for difference in found {
        // An exception's reason says more than that not all nodes show it.
        match table.iter().find(|entry| entry.explains(oracle, &difference)) {
            Some(entry) => verdict.explained.push((difference, entry.clone())),
            None if difference.is_chance() => verdict.chance.push(difference),
            None => verdict.unexplained.push(difference),
        }
    }
    let of_oracle = table.iter().filter(|entry| entry.oracles.contains(&oracle) && !entry.sometimes);
    let used = |entry: &&Exception| !verdict.explained.iter().any(|(_, used)| used.id == entry.id);
    verdict.stale = of_oracle.filter(used).cloned().collect();
    verdict
}

impl Verdict {
    /// How a class came out, in a word or two.
    pub(crate) fn of_class(&self, class: &str) -> String {
        let about = |difference: &Difference| {
            difference.class == class || difference.class.split(", ").any(|part| part == class)
        };
        if self.unexplained.iter().any(about) {
            return "**different**".to_owned();
        }
        let explained = self.explained.iter().filter(|(difference, _)| about(difference));
        let mut ids: Vec<&str> = explained.map(|(_, entry)| entry.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        match (ids.is_empty(), self.chance.iter().any(about)) {
            (false, _) => ids.join(", "),
            (true, true) => "same, but for chance".to_owned(),
            (true, false) => "same".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fidelity::{exceptions, oracle, report};

    /// Without the token of the first pod, and without the event of cgroup v1.
    fn verdict(table: &[Exception]) -> Verdict {
        let theirs = oracle::read("kubelet-v1.36.3").unwrap();
        let mut ours = theirs.clone();
        let token = ours.lines.iter().position(|line| line.path.ends_with("/token")).unwrap();
        ours.lines.remove(token);
        let is_warning = |request: &serde_json::Value| request["reason"] == "CgroupV1";
        ours.lines.retain(|line| !line.request.as_ref().is_some_and(is_warning));
        judge(Oracle::Recorded, &[theirs], &[ours], table, |_| true)
    }

    #[test]
    fn what_the_table_does_not_explain_is_left() {
        let verdict = verdict(&exceptions::load().unwrap());
        let explained: Vec<_> =
            verdict.explained.iter().map(|(found, entry)| (&*found.key.step, &*entry.id)).collect();
        assert_eq!(explained, [("restart", "cgroup-v1"), ("start", "cgroup-v1")]);
        let left = report::lines(&verdict.unexplained);
        let token = "missing: POST serviceaccounts/default/token: theirs 1 times, ours 0 times";
        assert_eq!(left, [format!("{token}\n    in simple apply: pod simple (1 of 1)")]);
        assert_eq!(verdict.of_class("POST serviceaccounts/default/token"), "**different**");
        assert_eq!(verdict.of_class("POST event CgroupV1"), "cgroup-v1");
        assert_eq!(verdict.of_class("POST event Starting"), "same");
    }

    #[test]
    fn an_exception_that_explains_nothing_is_named() {
        let verdict = verdict(&exceptions::load().unwrap());
        let stale: Vec<&str> = verdict.stale.iter().map(|entry| entry.id.as_str()).collect();
        assert!(stale.contains(&"invalid-disk-capacity"), "{stale:?}");
        assert!(!stale.contains(&"cgroup-v1") && !stale.contains(&"no-op-get"), "{stale:?}");
        assert!(!stale.iter().any(|id| id.starts_with("hollow-")), "{stale:?}");
    }
}
