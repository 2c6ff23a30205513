//! Differences that have a reason: one table, xtask/fidelity/exceptions.toml.

use anyhow::Context;
use serde::Deserialize;

use super::compare::{Difference, Kind};

/// What a fake node is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Oracle {
    /// What a real kubelet sent once.
    Recorded,
    /// What hollow nodes send beside the fake ones.
    Live,
}

/// One line of the table. Patterns may hold `*`, and a difference must match one of each list that there is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exception {
    pub(crate) id: String,
    pub(crate) oracles: Vec<Oracle>,
    #[serde(default)]
    steps: Vec<String>,
    #[serde(default)]
    kinds: Vec<Kind>,
    #[serde(default)]
    requests: Vec<String>,
    /// JSON pointers, for differences in bodies.
    #[serde(default)]
    pointers: Vec<String>,
    /// Why it is so.
    pub(crate) reason: String,
    /// Where that can be read: file and function in Kubernetes, or a property of the machine.
    pub(crate) source: String,
    /// It is not there in every run.
    #[serde(default)]
    pub(crate) sometimes: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    exception: Vec<Exception>,
}

/// The table.
pub(crate) fn load() -> anyhow::Result<Vec<Exception>> {
    parse(include_str!("../../fidelity/exceptions.toml"))
}

fn parse(text: &str) -> anyhow::Result<Vec<Exception>> {
    let table: Table = toml::from_str(text).context("xtask/fidelity/exceptions.toml")?;
    let mut seen = std::collections::BTreeSet::new();
    for exception in &table.exception {
        anyhow::ensure!(seen.insert(&exception.id), "exception {} is there twice", exception.id);
        let empty = exception.requests.is_empty() && exception.pointers.is_empty();
        anyhow::ensure!(!empty, "exception {} would explain everything", exception.id);
    }
    Ok(table.exception)
}

impl Exception {
    pub(crate) fn explains(&self, oracle: Oracle, difference: &Difference) -> bool {
        let any = |patterns: &[String], text: &str| {
            patterns.is_empty() || patterns.iter().any(|pattern| matches(pattern, text))
        };
        self.oracles.contains(&oracle)
            && any(&self.steps, &difference.key.step)
            && (self.kinds.is_empty() || self.kinds.contains(&difference.kind))
            && any(&self.requests, &difference.class)
            && any(&self.pointers, &difference.pointer)
    }
}

/// `*` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == text };
    let Some(rest) = text.strip_prefix(head) else { return false };
    (0..=rest.len()).filter_map(|start| rest.get(start..)).any(|rest| matches(tail, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text() {
        for (pattern, text, expected) in [
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "acd", false),
            ("*", "", true),
            ("a", "ab", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn the_table_is_sound() {
        load().unwrap();
        let entry = "[[exception]]\nid = 'a'\noracles = ['live']\nreason = 'r'\nsource = 's'\n";
        assert!(parse(entry).unwrap_err().to_string().contains("everything"));
        let entry = format!("{entry}requests = ['GET *']\n");
        assert!(parse(&format!("{entry}{entry}")).unwrap_err().to_string().contains("twice"));
    }
}
