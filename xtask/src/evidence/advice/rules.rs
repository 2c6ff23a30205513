//! The files of `profiles/advice`, as far as a page says something about them. What is wrong with one `loadgen` says.

use std::fs;

use anyhow::Context;
use record::advice::RULES;
use serde::Deserialize;

use super::hash;
use crate::command;

/// A rule.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Rule {
    /// From the file's name.
    #[serde(skip)]
    pub(crate) id: String,
    /// Of the file.
    #[serde(skip)]
    pub(crate) sha256: String,
    #[serde(rename = "rule")]
    pub(crate) words: String,
    pub(crate) class: String,
    pub(crate) expect: String,
    pub(crate) note: Option<String>,
    pub(crate) why: Option<String>,
    pub(crate) nearest: Option<String>,
    #[serde(default)]
    pub(crate) sources: Vec<String>,
    #[serde(default, rename = "experiment")]
    pub(crate) experiments: Vec<Experiment>,
}

/// What tests it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Experiment {
    pub(crate) scenario: String,
    pub(crate) primary: String,
    pub(crate) baseline: Arm,
    #[serde(rename = "candidate")]
    pub(crate) candidates: Vec<Arm>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Arm {
    pub(crate) name: String,
    pub(crate) profile: Option<String>,
}

/// All that have a file, in the note's order.
pub(crate) fn rules() -> anyhow::Result<Vec<Rule>> {
    let folder = command::root().join("profiles/advice");
    let mut rules = Vec::new();
    for id in RULES {
        let path = folder.join(format!("{id}.toml"));
        // That none is missing is a test of loadgen's.
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let rule: Rule = toml::from_str(&text).with_context(|| format!("cannot read {}", path.display()))?;
        rules.push(Rule { id: id.to_owned(), sha256: hash(&text), ..rule });
    }
    Ok(rules)
}
