//! `cargo xtask evidence NAME`: what the project claims of real control planes, measured again.
//!
//! A series is a list of `loadgen` commands (`series.rs`). Each leaves its record and what it printed under `docs/evidence/NAME`, and
//! the series' page is made of the records alone, so it can be made again. What is there already is not measured again, and a command
//! that was interrupted is gone on with: the same words go on where a series stopped.

pub(crate) mod advice;
mod catalogue;
mod page;
mod scraping;
mod series;

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{self, Command, Output, Stdio},
};

use anyhow::{Context, bail, ensure};
use clap::Args as ClapArgs;
use record::{Ended, RunRecord, SearchRecord, experiment::ExperimentRecord};

use self::series::{Item, SERIES, Series, Shows};
use crate::{
    binaries, command, generated,
    generated::{File, check},
};

#[derive(ClapArgs, Clone, Debug)]
pub(crate) struct Args {
    /// Which series; without one they are listed.
    series: Option<String>,
    /// Only these of its items.
    #[arg(value_name = "ITEM")]
    only: Vec<String>,
    /// Measure again what is there already.
    #[arg(long)]
    anew: bool,
    /// Measure nothing and make the page again.
    #[arg(long, conflicts_with = "anew")]
    page: bool,
}

/// A record that is whole.
#[derive(Clone, Debug)]
pub(crate) enum Kept {
    Run(Box<RunRecord>),
    Search(Box<SearchRecord>),
    Experiment(Box<ExperimentRecord>),
}

/// Measures what is missing of a series.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let Some(name) = &args.series else {
        for Series { name, title, .. } in &SERIES {
            say(&format!("{name:12} {title}"));
        }
        say(&format!("{:12} {}", advice::NAME, advice::TITLE));
        say(&format!("{:12} {}", scraping::NAME, scraping::TITLE));
        return Ok(());
    };
    match name.as_str() {
        advice::NAME => return advice::run(args),
        scraping::NAME => return scraping::run(args),
        _ => {}
    }
    let series = series::by_name(name)?;
    let wanted: Vec<Item> = series
        .items()?
        .into_iter()
        .filter(|item| args.only.is_empty() || args.only.contains(&item.name))
        .collect();
    ensure!(!wanted.is_empty(), "{name} has no such item: {}", args.only.join(", "));
    if args.page {
        return generated::write(&[page_of(series)?]);
    }
    let programs = Programs::find()?;
    for item in &wanted {
        if args.anew || kept(series, item).is_none() {
            measure(series, item, &programs)?;
            generated::write(&[page_of(series)?])?;
        }
    }
    Ok(())
}

/// What a measurement starts.
pub(crate) struct Programs {
    loadgen: PathBuf,
    /// Through which it is started, so that it dies with us, and its control plane with it.
    shim: OsString,
}

impl Programs {
    /// All that is compiled is compiled before anything is measured.
    pub(crate) fn find() -> anyhow::Result<Self> {
        Ok(Self { loadgen: command::build("loadgen", false)?, shim: binaries::shim()? })
    }

    /// Runs `loadgen` with these words to its end; what it tells on the way goes to our own stderr.
    pub(crate) fn loadgen(&self, words: &[String]) -> anyhow::Result<Output> {
        let mut command = Command::new(&self.shim);
        command.arg(process::id().to_string()).arg(&self.loadgen).args(words).stdin(Stdio::null());
        command.stderr(Stdio::inherit()).output().context("cannot start loadgen")
    }
}

/// Fails where a page is not what its records say.
pub(crate) fn check_pages() -> anyhow::Result<()> {
    for series in SERIES.iter().filter(|it| it.shows == Shows::Catalogue || root_of(it).exists()) {
        check(&[page_of(series)?], &format!("cargo xtask evidence {} --page", series.name))?;
    }
    if scraping::is_there() {
        check(&[scraping::page()?], &format!("cargo xtask evidence {} --page", scraping::NAME))?;
    }
    check(&[advice::page()?], &format!("cargo xtask evidence {} --page", advice::NAME))
}

/// Runs one command to its end and keeps what came of it.
fn measure(series: &Series, item: &Item, programs: &Programs) -> anyhow::Result<()> {
    let work = command::target().join("evidence").join(series.name).join(&item.name);
    fs::create_dir_all(&work).with_context(|| format!("cannot make {}", work.display()))?;
    // A run is not gone on with: what is left of one is nothing.
    let begun = records_in(&work)?.into_iter().find(|path| is_begun(path) && !path.join(RUN).is_file());
    let words: Vec<String> = match &begun {
        Some(record) => {
            [item.args[0].as_str(), "--resume", &record.to_string_lossy()].map(str::to_owned).into()
        }
        None => [item.args.as_slice(), &["--out".to_owned(), work.to_string_lossy().into_owned()]].concat(),
    };
    say(&format!("=== {}/{}: loadgen {}", series.name, item.name, item.args.join(" ")));
    let before = records_in(&work)?;
    let output = programs.loadgen(&words)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    say(&text);
    let record = begun.or_else(|| records_in(&work).ok()?.into_iter().find(|path| !before.contains(path)));
    let record = record.with_context(|| format!("loadgen ended with {} and no record", output.status))?;
    if read(&record).is_none() {
        bail!("loadgen ended with {}; the same command goes on", output.status);
    }
    keep(series, item, &record, &text)
}

/// Copies what is worth keeping: the record and the text, without the folders of the machine they come from.
fn keep(series: &Series, item: &Item, record: &Path, text: &str) -> anyhow::Result<()> {
    let file = RECORDS.iter().map(|name| record.join(name)).find(|path| path.is_file());
    let file = file.context("the record is gone")?;
    let path = |end: &str| folder_of(series).join(format!("{}.{end}", item.name));
    generated::write(&[
        File { path: path("json"), content: portable(&file, &item.args)? },
        File { path: path("txt"), content: without_places(text) },
    ])
}

/// A record without what it says of the machine's folders: as if these words had been typed.
fn portable(file: &Path, args: &[String]) -> anyhow::Result<String> {
    let json = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let json = match std::env::var("HOME") {
        Ok(home) if !home.is_empty() => json.replace(&home, "~"),
        _ => json,
    };
    let mut value: serde_json::Value = serde_json::from_str(&json)?;
    value["command"] = std::iter::once("loadgen").chain(args.iter().map(String::as_str)).collect();
    Ok(serde_json::to_string_pretty(&value)? + "\n")
}

/// What was printed, without where records lie.
fn without_places(text: &str) -> String {
    let shown: Vec<&str> = text.lines().filter(|line| !line.starts_with("record: ")).collect();
    shown.join("\n").trim_end().to_owned() + "\n"
}

/// What records are called.
const RECORDS: [&str; 3] = ["search.json", "experiment.json", RUN];
const RUN: &str = "run.json";

fn records_in(work: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(work).with_context(|| format!("cannot list {}", work.display()))?;
    let folders = entries.filter_map(|entry| Some(entry.ok()?.path()));
    Ok(folders.filter(|path| RECORDS.iter().any(|name| path.join(name).is_file())).collect())
}

/// Whether a record can be gone on with.
fn is_begun(folder: &Path) -> bool {
    read(folder).is_none()
}

/// The record in a folder, if it came to its end.
fn read(folder: &Path) -> Option<Kept> {
    if let Ok(record) = SearchRecord::read(folder) {
        return (record.ended == Some(Ended::Completed)).then(|| Kept::Search(Box::new(record)));
    }
    if let Ok(record) = record::read_run(folder) {
        return (record.ended == Ended::Completed).then(|| Kept::Run(Box::new(record)));
    }
    let experiment = record::experiment::read_experiment(folder).ok()?;
    experiment.ended?;
    Some(Kept::Experiment(Box::new(experiment)))
}

/// The record that is kept of an item.
fn kept(series: &Series, item: &Item) -> Option<Kept> {
    let path = root_of(series).join(format!("{}.json", item.name));
    let text = fs::read_to_string(path).ok()?;
    let search = serde_json::from_str(&text).ok().map(Box::new).map(Kept::Search);
    let run = || serde_json::from_str(&text).ok().map(Box::new).map(Kept::Run);
    search.or_else(|| serde_json::from_str(&text).ok().map(Box::new).map(Kept::Experiment)).or_else(run)
}

fn page_of(series: &Series) -> anyhow::Result<File> {
    let items = series.items()?;
    let wanted = items.len();
    let items = items.into_iter();
    let kept: Vec<(Item, Kept)> =
        items.filter_map(|item| Some((item.clone(), kept(series, &item)?))).collect();
    if series.shows == Shows::Catalogue {
        return Ok(File {
            path: "docs/scenarios.md".into(),
            content: catalogue::page(&folder_of(series), &kept)?,
        });
    }
    Ok(File { path: folder_of(series).join("README.md"), content: page::page(series, wanted, &kept) })
}

/// From the repository's root.
fn folder_of(series: &Series) -> PathBuf {
    Path::new("docs/evidence").join(series.name)
}

fn root_of(series: &Series) -> PathBuf {
    command::root().join(folder_of(series))
}

#[expect(clippy::print_stdout, reason = "what a person who waits wants to know")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}
