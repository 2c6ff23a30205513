//! The scheduler's configuration file: what a profile says under `[scheduler.config]`, with what the harness must say.
//!
//! Beside `--config` kube-scheduler ignores a few flags without a word (`cmd/kube-scheduler/app/options/options.go`,
//! `ApplyDeprecated`). The two of them that a profile may have beside the table are said in the file instead. The flags of leader
//! election hold beside it (`ApplyLeaderElectionTo`), and are arguments as ever.

use profile::{Component, Profile};
use serde_json::{Map, Value, json};

use crate::layout::{Layout, text};

/// Those, and what they are called in its `clientConnection` (`kubescheduler.config.k8s.io/v1`).
const IN_THE_FILE: [(&str, &str); 2] = [("kube-api-qps", "qps"), ("kube-api-burst", "burst")];

/// Whether a flag of the scheduler is one that is said in the file.
pub(super) fn goes_into_the_file(flag: &str) -> bool {
    IN_THE_FILE.iter().any(|(name, _)| *name == flag)
}

/// The file's text, where the profile has a `[scheduler.config]`.
pub(crate) fn config(profile: &Profile, layout: &Layout) -> Option<String> {
    let mut config = profile.scheduler_config.as_ref()?.as_object().cloned().unwrap_or_default();
    config.insert("apiVersion".to_owned(), json!("kubescheduler.config.k8s.io/v1"));
    config.insert("kind".to_owned(), json!("KubeSchedulerConfiguration"));
    let flags = profile.flags(Component::Scheduler);
    // The last of a flag that is repeated counts.
    let last = |name: &str| flags.get(name).and_then(|flag| flag.values.last());
    for (name, field) in IN_THE_FILE {
        if let Some(value) = last(name) {
            let value = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
            put(&mut config, "clientConnection", field, value);
        }
    }
    put(&mut config, "clientConnection", "kubeconfig", json!(text(&layout.kubeconfig(Component::Scheduler))));
    let elected = last("leader-elect").is_none_or(|value| value != "false");
    put(&mut config, "leaderElection", "leaderElect", json!(elected));
    Some(format!("{:#}\n", Value::Object(config)))
}

/// Says something in a table. What is no table is left as it is, for the scheduler to refuse.
fn put(config: &mut Map<String, Value>, table: &str, field: &str, value: Value) {
    if let Value::Object(table) = config.entry(table).or_insert_with(|| json!({})) {
        table.insert(field.to_owned(), value);
    }
}
