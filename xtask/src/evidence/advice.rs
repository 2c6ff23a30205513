//! `cargo xtask evidence advice`: verdicts on rules of tuning advice, and `docs/advice.md`, which is made of them.
//!
//! Each rule is one `loadgen advice test`, resumed where it was interrupted; what is kept of it lies in `docs/evidence/advice/RULE`.
//! What was shown of rules without a verdict, that their arms run and differ, comes from `cargo xtask advice-smoke`.

mod page;
mod rules;

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail, ensure};
use record::advice::{AdviceRecord, read_advice};
use sha2::{Digest, Sha256};

pub(crate) use self::rules::{Rule, rules};
use super::{Args, Programs, portable, say, without_places};
use crate::{
    command,
    generated::{self, File},
};

pub(crate) const NAME: &str = "advice";
pub(crate) const TITLE: &str = "Rules of tuning advice";

/// What a rule's record is called.
const RECORD: &str = "advice.json";
/// The rules on which the project has verdicts of its own.
const MEASURED: [&str; 9] = [
    "kube-api-qps",
    "etcd-fast-disk",
    "etcd-version",
    "max-inflight",
    "audit",
    "node-status-frequency",
    "events-own-etcd",
    "target-ram-mb",
    "jobs-ttl",
];
/// For each of them: two arms, and trials of about two minutes, are 40 minutes.
const PAIRS: usize = 8;

/// Tests what is missing of the rules that are named, or else of those that the project has verdicts on.
pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    if args.page {
        return generated::write(&[page()?]);
    }
    let all = rules()?;
    let wanted: Vec<&str> =
        if args.only.is_empty() { MEASURED.to_vec() } else { args.only.iter().map(String::as_str).collect() };
    for id in &wanted {
        let rule = all.iter().find(|rule| rule.id == *id);
        let rule = rule.with_context(|| format!("there is no rule {id}"))?;
        ensure!(
            !rule.experiments.is_empty(),
            "no experiment can test {id}: {}",
            rule.why.as_deref().unwrap_or("?")
        );
    }
    let programs = Programs::find()?;
    for id in wanted {
        if args.anew || kept(id).is_none() {
            measure(id, &programs)?;
            generated::write(&[page()?])?;
        }
    }
    Ok(())
}

/// The page of all rules.
pub(crate) fn page() -> anyhow::Result<File> {
    let of = |rule: Rule| {
        let (verdict, smoke) = (kept(&rule.id), smoked(&rule.id));
        page::Known { rule, verdict, smoke }
    };
    let known: Vec<page::Known> = rules()?.into_iter().map(of).collect();
    Ok(File { path: "docs/advice.md".into(), content: page::page(&known) })
}

/// Tests one rule to its end and keeps what came of it.
fn measure(id: &str, programs: &Programs) -> anyhow::Result<()> {
    let work = command::target().join("evidence").join(NAME).join(id);
    let words = ["advice", "test", id, "--pairs", &PAIRS.to_string()].map(str::to_owned);
    let begun = records_in(&work)?.into_iter().find(|(_, record)| !record.ended);
    let args = match &begun {
        Some((path, _)) => {
            ["advice", "test", "--resume", &path.to_string_lossy()].map(str::to_owned).to_vec()
        }
        None => [words.as_slice(), &["--out".to_owned(), work.to_string_lossy().into_owned()]].concat(),
    };
    say(&format!("=== {NAME}/{id}: loadgen {}", words.join(" ")));
    let output = programs.loadgen(&args)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    say(&text);
    let ended = records_in(&work)?.into_iter().filter(|(_, record)| record.ended);
    let Some((path, record)) = ended.max_by_key(|(_, record)| record.start) else {
        bail!("loadgen ended with {}; the same command goes on", output.status);
    };
    keep(id, &path, &record, &words, &text)
}

/// Copies the record, and those of its experiments, without the trials.
fn keep(id: &str, path: &Path, record: &AdviceRecord, words: &[String], text: &str) -> anyhow::Result<()> {
    let folder = folder_of(id);
    let mut files = vec![
        File { path: folder.join(RECORD), content: portable(&path.join(RECORD), words)? },
        File { path: folder.join("advice.txt"), content: without_places(text) },
    ];
    for tested in &record.tested {
        let name = Path::new(&tested.folder).join("experiment.json");
        files.push(File { path: folder.join(&name), content: portable(&path.join(&name), words)? });
    }
    generated::write(&files)
}

/// The records of tests in a folder, which may not be there yet.
pub(crate) fn records_in(work: &Path) -> anyhow::Result<Vec<(PathBuf, AdviceRecord)>> {
    fs::create_dir_all(work).with_context(|| format!("cannot make {}", work.display()))?;
    let entries = fs::read_dir(work).with_context(|| format!("cannot list {}", work.display()))?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    Ok(paths.filter_map(|path| Some((path.clone(), read_advice(&path).ok()?))).collect())
}

/// The verdict that is kept of a rule.
fn kept(id: &str) -> Option<AdviceRecord> {
    read_advice(&command::root().join(folder_of(id))).ok().filter(|record| record.ended)
}

/// From the repository's root.
fn folder_of(id: &str) -> PathBuf {
    Path::new("docs/evidence").join(NAME).join(id)
}

/// From the repository's root, where a rule's smoke is kept.
pub(crate) fn smoke_of(id: &str) -> PathBuf {
    Path::new("docs/evidence/advice-smoke").join(format!("{id}.json"))
}

/// What is kept of a rule's smoke.
pub(crate) fn smoked(id: &str) -> Option<AdviceRecord> {
    let text = fs::read_to_string(command::root().join(smoke_of(id))).ok()?;
    serde_json::from_str(&text).ok()
}

/// A smoke's record, as it is kept.
pub(crate) fn portable_smoke(path: &Path, words: &[String]) -> anyhow::Result<String> {
    portable(&path.join(RECORD), words)
}

/// SHA-256 in hexadecimal digits, as records have it of a rule's file.
pub(crate) fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut digits, byte| {
        // Writing to a String cannot fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_with_verdicts_of_the_projects_own_are_rules() {
        let known = record::advice::RULES;
        assert!(MEASURED.iter().all(|id| known.contains(id)));
    }

    #[test]
    fn a_hash_is_that_of_the_text() {
        assert_eq!(hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
