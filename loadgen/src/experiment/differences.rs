//! In what two profiles differ, in words.

use std::collections::BTreeMap;

use record::experiment::{Arms, Subject};
use report::words::settings::{leaves, shown};

/// One line for each setting that differs: `flags.kube-scheduler.kube-api-qps: 50 -> 5000`. Of two clusters that are as they are
/// it is their names.
pub(super) fn between(arms: &Arms<Subject>) -> Vec<String> {
    let [baseline, candidate] = arms.both();
    let mut differences = match (&baseline.resolved, &candidate.resolved) {
        (Some(from), Some(to)) => settings(&leaves(from), &leaves(to)),
        (None, None) if baseline.name == candidate.name => Vec::new(),
        _ => vec![format!("target: {} -> {}", baseline.name, candidate.name)],
    };
    differences.extend(settings(&changed(baseline), &changed(candidate)));
    differences
}

/// What an arm is put through otherwise than the scenario says.
fn changed(subject: &Subject) -> BTreeMap<String, String> {
    let changes = subject.changes.iter();
    changes.map(|(path, value)| (format!("scenario.{path}"), shown(value))).collect()
}

fn settings(from: &BTreeMap<String, String>, to: &BTreeMap<String, String>) -> Vec<String> {
    let keys: std::collections::BTreeSet<&String> = from.keys().chain(to.keys()).collect();
    let told = |leaves: &BTreeMap<String, String>, key| match leaves.get(key) {
        Some(value) => value.clone(),
        None => "(not set)".to_owned(),
    };
    keys.into_iter()
        .filter(|key| from.get(*key) != to.get(*key))
        .map(|key| {
            let (from, to) = (told(from, key), told(to, key));
            format!("{key}: {} -> {}", only_in(&from, &to), only_in(&to, &from))
        })
        .collect()
}

/// Of a text of several lines those that the other has not, in one.
fn only_in(text: &str, other: &str) -> String {
    if !text.contains('\n') {
        return text.to_owned();
    }
    let others: Vec<&str> = other.lines().map(str::trim).collect();
    let own: Vec<&str> = text.lines().map(str::trim).filter(|line| !others.contains(line)).collect();
    if own.is_empty() { "(no more than that)".to_owned() } else { own.join(" | ") }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(from: Value, to: Value, expected: &[&str]) {
        let subject = |resolved| Subject::new("it", Some(resolved));
        assert_eq!(between(&Arms { baseline: subject(from), candidate: subject(to) }), expected);
    }

    #[test]
    fn settings_are_told_and_words_are_not() {
        let flags = |qps: u32| json!({"kube-scheduler": {"kube-api-qps": qps, "v": "2"}});
        check(
            json!({"name": "a", "about": "One.", "sources": ["x"], "flags": flags(50), "bin_dir": null}),
            json!({"name": "b", "about": "Two.", "sources": [], "flags": flags(5000)}),
            &["flags.kube-scheduler.kube-api-qps: 50 -> 5000"],
        );
        check(
            json!({"flags": {"etcd": {"quota": "8"}}, "versions": {"etcd": "3.6.8"}}),
            json!({"flags": {"etcd": {}}, "versions": {"etcd": "3.5.9"}, "gates": ["A", "B"]}),
            &["flags.etcd.quota: 8 -> (not set)", "gates: (not set) -> A,B", "versions.etcd: 3.6.8 -> 3.5.9"],
        );
        check(json!({"name": "a", "flags": flags(1)}), json!({"name": "b", "flags": flags(1)}), &[]);
        let gates = |on: bool, line: u8| {
            let gate = json!({"on": on, "origin": format!("p.toml:{line}:1")});
            json!({"feature_gates": {"apiserver": {"WatchList": gate}}, "manifests": []})
        };
        check(gates(true, 1), gates(true, 2), &[]);
        check(gates(true, 1), gates(false, 1), &["feature_gates.apiserver.WatchList: true -> false"]);
    }

    #[test]
    fn what_an_arm_is_put_through_is_a_difference_too() {
        let subject = |manifest: &str| Subject {
            changes: [("jobs.manifest".to_owned(), json!(manifest))].into(),
            ..Subject::new("it", Some(json!({})))
        };
        let arms = Arms {
            baseline: subject("kind: Job\nspec:\n  backoffLimit: 1\n"),
            candidate: subject("kind: Job\nspec:\n  backoffLimit: 1\n  ttlSecondsAfterFinished: 10\n"),
        };
        assert_eq!(
            between(&arms),
            ["scenario.jobs.manifest: (no more than that) -> ttlSecondsAfterFinished: 10"]
        );
        let nothing = Subject { changes: BTreeMap::new(), ..arms.baseline.clone() };
        let arms = Arms { candidate: nothing, ..arms };
        assert!(between(&arms)[0].ends_with(" -> (not set)"));
    }

    #[test]
    fn clusters_differ_by_their_names() {
        let cluster = |name: &str| Subject::new(name, None);
        let names = Arms { baseline: cluster("one"), candidate: cluster("two") };
        assert_eq!(between(&names), ["target: one -> two"]);
        assert!(between(&Arms { baseline: cluster("one"), candidate: cluster("one") }).is_empty());
    }

    #[test]
    fn profiles_that_come_with_the_program_differ_in_their_limits() {
        let subject = |name: &str| {
            let resolved = serde_json::to_value(profile::load(name).unwrap()).unwrap();
            Subject::new(name, Some(resolved))
        };
        let found =
            between(&Arms { baseline: subject("defaults"), candidate: subject("defaults-unthrottled") });
        let expected = ["controller-manager.kube-api-burst", "controller-manager.kube-api-qps"]
            .into_iter()
            .chain(["scheduler.kube-api-burst", "scheduler.kube-api-qps"])
            .zip([10_000, 5000].into_iter().cycle())
            .map(|(flag, value)| format!("flags.{flag}: (not set) -> {value}"));
        assert_eq!(found, expected.collect::<Vec<_>>());
    }
}
