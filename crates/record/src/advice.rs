//! `advice.json`: a rule of tuning advice put to the test, beside the records of the experiments that were made for it.
//!
//! A verdict lies with the experiment (`experiment.json` in a folder of this one); what is here is what the rule said before, what
//! was seen of its setting on the server's side, and what came of it.

use std::{collections::BTreeMap, path::Path};

use jiff::Timestamp;
use measure::statistics::verdict::{Comparison, Verdict};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Folder, Host,
    experiment::{Arms, Finished, Metric},
    folder,
};

/// Version of the layout of `advice.json`. It rises when a field changes its meaning or goes.
pub const ADVICE_SCHEMA_VERSION: u32 = 1;

/// The id of every rule, in the order in which the note that they come from has them.
pub const RULES: [&str; 64] = [
    "etcd-dedicated",
    "etcd-fast-disk",
    "etcd-version",
    "etcd-compaction",
    "etcd-snapshots",
    "etcd-max-request-bytes",
    "etcd-quota",
    "etcd-defrag",
    "etcd-hot-objects",
    "events-own-etcd",
    "apiserver-lb",
    "max-inflight",
    "target-ram-mb",
    "request-timeout",
    "limit-watchers",
    "read-replica",
    "scheduler-instances",
    "scheduler-cache",
    "kube-api-qps",
    "scheduling-backoff",
    "operator-workqueues",
    "node-pools",
    "topology-spread",
    "federation",
    "node-status-frequency",
    "npd",
    "eviction-rate",
    "graceful-shutdown",
    "image-prepull",
    "image-mirror",
    "container-runtime",
    "snapshot-cleanup",
    "cni-choice",
    "ipam-subnets",
    "clustermesh",
    "conntrack",
    "coredns-cache",
    "headless-externalname",
    "kube-proxy-mode",
    "dns-domains",
    "csi-storage",
    "small-pvcs",
    "pvc-zombies",
    "csi-limits",
    "rbac",
    "quota-limits",
    "audit",
    "ingress-only",
    "crd-cleanup",
    "prometheus-sharding",
    "ksm-throttle",
    "log-policy",
    "node-pool-rolling",
    "upgrade-tests",
    "etcd-backup",
    "kubelet-qps",
    "pods-per-node",
    "pods-per-namespace",
    "total-pods",
    "crd-sharding",
    "jobs-ttl",
    "beyond-3000-multi",
    "beyond-3000-cells",
    "beyond-3000-aggregation",
];

/// The file's name in its folder.
const FILE: &str = "advice.json";

/// One test of one rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdviceRecord {
    /// [`ADVICE_SCHEMA_VERSION`] when this was written.
    pub schema_version: u32,
    /// What kind of record this is.
    pub kind: AdviceKind,
    /// The test's name.
    pub run_id: String,
    /// The rule's id.
    pub id: String,
    /// SHA-256 of the rule's file, as hexadecimal digits: one that was changed since is another test.
    pub file_sha256: String,
    /// The rule, in the words of whoever gave it.
    pub rule: String,
    /// What was expected, in a sentence.
    pub expect: String,
    /// Whether it was to end in verdicts or only to show that every arm can be run.
    pub mode: AdviceMode,
    /// Version of the program that ran.
    pub loadgen_version: String,
    /// Its command line.
    pub command: Vec<String>,
    /// When it began (RFC 3339, UTC).
    pub start: Timestamp,
    /// The machine.
    pub host: Host,
    /// Settings that the rule names and that do not exist any more, and how they are refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refused>,
    /// Each candidate, in the order of the rule's file.
    pub tested: Vec<Tested>,
    /// Whether nothing is left to be done.
    pub ended: bool,
}

/// The kind of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AdviceKind {
    /// The test of a rule.
    #[default]
    Advice,
}

/// What a test is to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AdviceMode {
    /// Verdicts.
    Verdict,
    /// That every arm can be run and differs from the baseline; each once, at the smallest size.
    Smoke,
}

/// A setting that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// As it was asked for.
    pub setting: String,
    /// What was answered.
    pub reason: String,
}

/// A candidate beside its baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tested {
    /// The experiment of the rule's file that it is of.
    pub experiment: String,
    /// What the arms are called.
    pub arms: Arms<String>,
    /// The scenario.
    pub scenario: String,
    /// The metric that decides.
    pub primary: Metric,
    /// What the rule says of that metric.
    pub predict: Verdict,
    /// Versions of each arm, by name: `kubernetes`, `etcd`.
    pub versions: Arms<BTreeMap<String, String>>,
    /// Where the record of the experiment lies, relative to this one's folder.
    pub folder: String,
    /// What was seen on the server's side of the settings in which the arms are to differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub knobs: Vec<KnobSeen>,
    /// How long a trial of each arm took with set-up and teardown, seconds; the mean where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trial_seconds: Option<Arms<f64>>,
    /// What came between; absent where nothing did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// How the experiment ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Finished>,
    /// What the primary metric said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Comparison>,
    /// Its p-value adjusted for all candidates of the test (Benjamini and Hochberg); absent where there is only one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adjusted_p_value: Option<f64>,
}

/// What was seen of one setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KnobSeen {
    /// Which.
    pub name: String,
    /// Where it was looked at.
    pub place: String,
    /// What was seen of each arm.
    pub seen: Arms<String>,
    /// How they were to differ.
    pub wanted: String,
    /// Whether they did.
    pub shown: bool,
}

/// What a measurement says to what a rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The rule is right here.
    BorneOut,
    /// There is no difference where the rule says that there is one.
    NoEffect,
    /// There is a difference where the rule says that there is none, or one of the other sign.
    Contradicted,
    /// Nothing was shown.
    Open,
}

impl Tested {
    /// What was measured, held against what the rule says.
    pub fn outcome(&self) -> Outcome {
        match (self.predict, self.verdict.map(|comparison| comparison.verdict)) {
            (_, None | Some(Verdict::Inconclusive)) => Outcome::Open,
            (said, Some(found)) if said == found => Outcome::BorneOut,
            (_, Some(Verdict::Equivalent)) => Outcome::NoEffect,
            (_, Some(_)) => Outcome::Contradicted,
        }
    }

    /// Whether the arms were seen to differ as they were to, and in anything at all.
    pub fn is_shown(&self) -> bool {
        let differs = |knob: &KnobSeen| knob.seen.baseline != knob.seen.candidate;
        self.failed.is_none() && self.knobs.iter().all(|knob| knob.shown) && self.knobs.iter().any(differs)
    }
}

/// The JSON schema of `advice.json`.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(AdviceRecord).to_value()
}

impl Folder {
    /// Writes `advice.json`, in place of an earlier one.
    pub fn write_advice(&self, advice: &AdviceRecord) -> Result<(), Error> {
        folder::write_json(&self.path().join(FILE), advice)
    }
}

/// Reads the record of a test that lies in `folder`.
///
/// # Errors
///
/// [`Error::Io`] where there is none; [`Error::Unreadable`] where it is cut off, or is not what a record of a test is;
/// [`Error::OtherRecord`] where it is of another kind or another version.
pub fn read_advice(folder: &Path) -> Result<AdviceRecord, Error> {
    folder::read_json(&folder.join(FILE), "advice", ADVICE_SCHEMA_VERSION)
}

#[cfg(test)]
mod tests {
    use measure::statistics::Interval;
    use tempfile::TempDir;

    use super::*;

    fn comparison(verdict: Verdict) -> Comparison {
        Comparison {
            verdict,
            n: 8,
            ratio: 1.2,
            interval: Interval { low: 1.1, high: 1.3, level: 0.95 },
            equivalence: Interval { low: 1.12, high: 1.28, level: 0.9 },
            p_value: 0.0078,
            needed: None,
        }
    }

    fn knob(baseline: &str, candidate: &str, shown: bool) -> KnobSeen {
        KnobSeen {
            name: "qps".to_owned(),
            place: "--kube-api-qps of kube-scheduler".to_owned(),
            seen: Arms { baseline: baseline.to_owned(), candidate: candidate.to_owned() },
            wanted: "different".to_owned(),
            shown,
        }
    }

    fn tested(predict: Verdict, found: Option<Verdict>) -> Tested {
        Tested {
            experiment: "pod-churn".to_owned(),
            arms: Arms { baseline: "default".to_owned(), candidate: "500/1000".to_owned() },
            scenario: "pod-churn".to_owned(),
            primary: Metric::PodScheduleP99,
            predict,
            versions: Arms::default(),
            folder: "pod-churn-500-1000".to_owned(),
            knobs: vec![knob("absent", "500", true)],
            trial_seconds: None,
            failed: None,
            ended: None,
            verdict: found.map(comparison),
            adjusted_p_value: None,
        }
    }

    #[test]
    fn a_rule_is_held_against_what_was_found() {
        use Verdict::{Equivalent, Helps, Hurts, Inconclusive};
        for (said, found, outcome) in [
            (Helps, Some(Helps), Outcome::BorneOut),
            (Equivalent, Some(Equivalent), Outcome::BorneOut),
            (Helps, Some(Equivalent), Outcome::NoEffect),
            (Hurts, Some(Equivalent), Outcome::NoEffect),
            (Helps, Some(Hurts), Outcome::Contradicted),
            (Equivalent, Some(Helps), Outcome::Contradicted),
            (Helps, Some(Inconclusive), Outcome::Open),
            (Helps, None, Outcome::Open),
        ] {
            assert_eq!(tested(said, found).outcome(), outcome, "{said:?} {found:?}");
        }
    }

    #[test]
    fn arms_are_shown_to_differ_when_every_look_says_so_and_one_has_two_values() {
        let of = |knobs| Tested { knobs, ..tested(Verdict::Helps, None) };
        assert!(of(vec![knob("absent", "500", true), knob("20", "20", true)]).is_shown());
        assert!(!of(vec![knob("20", "20", true)]).is_shown());
        assert!(!of(vec![knob("absent", "500", true), knob("20", "30", false)]).is_shown());
        assert!(!of(Vec::new()).is_shown());
        let failed = Some("etcd ended".to_owned());
        assert!(!Tested { failed, ..tested(Verdict::Helps, None) }.is_shown());
    }

    #[test]
    fn record_in_its_folder_is_read_as_it_was_written() {
        let base = TempDir::new().unwrap();
        let folder = Folder::create(base.path(), "advice-1").unwrap();
        let record = AdviceRecord {
            schema_version: ADVICE_SCHEMA_VERSION,
            kind: AdviceKind::Advice,
            run_id: "20261123-143000-advice-kube-api-qps-3f2a".to_owned(),
            id: "kube-api-qps".to_owned(),
            file_sha256: "5f".repeat(32),
            rule: "Raise it.".to_owned(),
            expect: "It helps.".to_owned(),
            mode: AdviceMode::Verdict,
            loadgen_version: "0.1.0".to_owned(),
            command: vec!["loadgen".to_owned()],
            start: Timestamp::UNIX_EPOCH,
            host: Host::default(),
            refused: Vec::new(),
            tested: vec![tested(Verdict::Helps, Some(Verdict::Helps))],
            ended: true,
        };
        folder.write_advice(&record).unwrap();
        assert_eq!(read_advice(folder.path()).unwrap(), record);
        let schema = schema();
        let described = schema["properties"].as_object().unwrap();
        let written = serde_json::to_value(&record).unwrap();
        assert!(written.as_object().unwrap().keys().all(|name| described.contains_key(name)), "{schema:#}");
        assert!(described.values().all(|property| property["description"].is_string()), "{schema:#}");
    }
}
