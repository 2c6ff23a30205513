//! `cargo xtask pages`: reports of kept records, opened in a browser.
//!
//! Each is opened at the widths of a desk and of a phone, light and dark. A page that is wider than its window, or of which the browser
//! complains, fails; what it looks like is for people to judge: the pictures are in `target/pages`.

mod browser;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail, ensure};
use clap::Args as ClapArgs;
use report::{Record, html};

use self::browser::Browser;
use crate::{command, evidence::say};

/// Records that are opened where none are named, from the repository's root: a search, two comparisons and two runs, one of them with
/// everything that a run's folder has.
const KEPT: [&str; 5] = [
    "docs/evidence/saturate/01.json",
    "docs/evidence/aa/01.json",
    "docs/evidence/known-bad/etcd-slow-disk.json",
    "docs/evidence/fan-out/500.json",
    "crates/report/testdata/folder",
];

const WIDTHS: [u32; 2] = [1280, 400];

/// How a page is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Theme {
    Light,
    Dark,
}

#[derive(ClapArgs, Clone, Debug)]
pub(crate) struct Args {
    /// Folders or files of records; without them those that the project keeps.
    records: Vec<PathBuf>,
    /// The browser, instead of the first Chromium in PATH.
    #[arg(long, env = "CHROMIUM", value_name = "FILE")]
    browser: Option<PathBuf>,
}

/// Opens all of them.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let browser = Browser::find(args.browser.as_deref())?;
    let folder = command::target().join("pages");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let kept = || KEPT.iter().map(|path| command::root().join(path)).collect();
    let paths: Vec<PathBuf> = if args.records.is_empty() { kept() } else { args.records.clone() };
    let mut wrong = Vec::new();
    let mut all = Vec::new();
    for path in &paths {
        let record = Record::open(path)?;
        let page = folder.join(format!("{}.html", name_of(path)?));
        fs::write(&page, html::page(&record)).with_context(|| format!("cannot write {}", page.display()))?;
        all.push(record);
        wrong.extend(open(&browser, &page)?);
    }
    let page = folder.join("all.html");
    fs::write(&page, html::pages(&all)).with_context(|| format!("cannot write {}", page.display()))?;
    wrong.extend(open(&browser, &page)?);
    say(&format!("pictures: {}", folder.display()));
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// Opens one page in all ways, and says what is wrong with it.
fn open(browser: &Browser, page: &Path) -> anyhow::Result<Vec<String>> {
    let mut wrong = Vec::new();
    for width in WIDTHS {
        for theme in [Theme::Light, Theme::Dark] {
            let name = format!("{} at {width}, {theme:?}", page.file_stem().unwrap_or_default().display())
                .to_lowercase();
            let found = browser.look(page, width, theme)?;
            if found.wide > width {
                wrong.push(format!("{name}: {} wide, by {}", found.wide, found.widest));
            }
            if found.dark != (theme == Theme::Dark) {
                wrong.push(format!("{name}: it is not shown so"));
            }
            wrong.extend(found.complaints.iter().map(|complaint| format!("{name}: {complaint}")));
            say(&format!("{name}: {} high", found.high));
        }
    }
    Ok(wrong)
}

/// The end of a record's path, as a file is called: `saturate-01`.
fn name_of(path: &Path) -> anyhow::Result<String> {
    let path = path.canonicalize().with_context(|| format!("there is no {}", path.display()))?;
    let parts: Vec<String> = path
        .with_extension("")
        .components()
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    match parts.as_slice() {
        [.., folder, name] => Ok(format!("{folder}-{name}")),
        _ => bail!("{} is no record", path.display()),
    }
}
