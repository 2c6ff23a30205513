//! `cargo xtask advice-smoke`: every arm of every rule of advice that can be tested, once, at the smallest size.
//!
//! What came of each rule is one small file in `docs/evidence/advice-smoke`. A rule whose arms ran and were seen to differ is not run
//! again until its file changes, so the same words go on where an interrupted series stopped.

use std::fs;

use anyhow::{Context, bail, ensure};
use clap::Args as ClapArgs;
use record::advice::{AdviceRecord, Tested};

use crate::{
    command,
    evidence::{
        Programs,
        advice::{Rule, page, portable_smoke, records_in, rules, smoke_of, smoked},
        say,
    },
    generated::{self, File},
};

/// How `loadgen` ends when it is told to stop.
const INTERRUPTED: i32 = 130;

#[derive(ClapArgs, Clone, Debug)]
pub(crate) struct Args {
    /// Only these rules.
    #[arg(value_name = "RULE")]
    rules: Vec<String>,
    /// Run again what has been shown already.
    #[arg(long)]
    anew: bool,
}

/// Runs what is missing, and fails if any arm did not run or does not differ.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let all = rules()?.into_iter().filter(|rule| !rule.experiments.is_empty());
    let wanted: Vec<Rule> =
        all.filter(|rule| args.rules.is_empty() || args.rules.contains(&rule.id)).collect();
    ensure!(!wanted.is_empty(), "there is no such rule: {}", args.rules.join(", "));
    let programs = Programs::find()?;
    let mut failed = Vec::new();
    for rule in &wanted {
        if !args.anew && smoked(&rule.id).is_some_and(|record| is_current(&record, rule)) {
            continue;
        }
        if !smoke(rule, &programs)? {
            failed.push(rule.id.as_str());
        }
        generated::write(&[page()?])?;
    }
    if failed.is_empty() {
        say(&format!("{} rules are shown", wanted.len()));
        return Ok(());
    }
    bail!("{} of {} rules are not shown: {}", failed.len(), wanted.len(), failed.join(", "))
}

/// Whether a record shows what there is to show of the file as it is now.
fn is_current(record: &AdviceRecord, rule: &Rule) -> bool {
    record.ended && record.file_sha256 == rule.sha256 && record.tested.iter().all(Tested::is_shown)
}

/// One rule. Whether every arm ran and differed.
fn smoke(rule: &Rule, programs: &Programs) -> anyhow::Result<bool> {
    let work = command::target().join("evidence/advice-smoke").join(&rule.id);
    let words = ["advice", "test", &rule.id, "--smoke"].map(str::to_owned);
    let out = ["--out".to_owned(), work.to_string_lossy().into_owned()];
    say(&format!("=== loadgen {}", words.join(" ")));
    let before = records_in(&work)?.len();
    let output = programs.loadgen(&[words.as_slice(), &out].concat())?;
    say(&String::from_utf8_lossy(&output.stdout));
    let records = records_in(&work)?;
    let last = records.iter().max_by_key(|(_, record)| record.start).filter(|_| records.len() > before);
    let Some((path, record)) = last.filter(|(_, record)| record.ended) else {
        if output.status.code() == Some(INTERRUPTED) {
            bail!("interrupted; the same command goes on");
        }
        say(&format!("=== {}: {} and no record", rule.id, output.status));
        return Ok(false);
    };
    generated::write(&[File { path: smoke_of(&rule.id), content: portable_smoke(path, &words)? }])?;
    let is_shown = is_current(record, rule);
    if is_shown {
        // Logs are for those that went wrong.
        fs::remove_dir_all(path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(is_shown)
}
