//! Verdicts that were kept: the records of tests in the folders of a folder.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use measure::statistics::verdict::Verdict;
use record::advice::{AdviceMode, AdviceRecord, Outcome, Tested, read_advice};

/// Where the project keeps its own, from the repository's root.
const EVIDENCE: &str = "docs/evidence/advice";

/// The folder that is meant where none is named: the project's, where this is its repository.
pub(crate) fn default_folder() -> Option<PathBuf> {
    Some(PathBuf::from(EVIDENCE)).filter(|folder| folder.is_dir())
}

/// The last test of each rule that came to its end, by id. `folder` has a folder for each: `docs/evidence/advice`, or the
/// `loadgen-runs` of whoever tested.
///
/// # Errors
///
/// A folder that cannot be listed, and a record in it that cannot be read.
pub(crate) fn latest(folder: &Path) -> anyhow::Result<BTreeMap<String, AdviceRecord>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut latest: BTreeMap<String, AdviceRecord> = BTreeMap::new();
    for entry in entries {
        let path = entry?.path();
        if !path.join("advice.json").is_file() {
            continue;
        }
        let record = read_advice(&path)?;
        let is_later = latest.get(&record.id).is_none_or(|known| known.start < record.start);
        if record.mode == AdviceMode::Verdict && record.ended && is_later {
            latest.insert(record.id.clone(), record);
        }
    }
    Ok(latest)
}

/// A candidate's verdict in a few words: `helps 1.84x, as the rule says`.
pub(crate) fn told(tested: &Tested) -> String {
    let Some(comparison) = &tested.verdict else { return "no verdict".to_owned() };
    let found = format!("{} {:.2}x", word(comparison.verdict), comparison.ratio);
    match tested.outcome() {
        Outcome::BorneOut => format!("{found}, as the rule says"),
        Outcome::NoEffect => format!("{found}; the rule says it {}: NO EFFECT", word(tested.predict)),
        Outcome::Contradicted => format!("{found}; the rule says {}: CONTRADICTED", word(tested.predict)),
        Outcome::Open => found,
    }
}

/// A verdict in a word.
pub(crate) fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Helps => "helps",
        Verdict::Hurts => "hurts",
        Verdict::Equivalent => "equivalent",
        Verdict::Inconclusive => "inconclusive",
    }
}
