//! Verdicts that were kept: the records of tests in the folders of a folder.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use record::advice::{AdviceMode, AdviceRecord, read_advice};

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
