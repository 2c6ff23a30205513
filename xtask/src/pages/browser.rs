//! A browser without a window, which opens a page, measures it and takes its picture.
//!
//! The page is put into a frame of a page of ours: the frame has the width that is asked for, which a browser's own window has not, and
//! the page itself is as it is. What was found is in our page when it is done.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use anyhow::{Context, bail};
use serde::Deserialize;
use tempfile::TempDir;

use super::Theme;

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

pub(super) struct Browser(PathBuf);

/// What was found of a page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Found {
    /// How wide what is in it is.
    pub(super) wide: u32,
    /// The element that reaches farthest to the right of all that scroll in no box.
    pub(super) widest: String,
    pub(super) high: u32,
    /// Whether it is shown dark.
    pub(super) dark: bool,
    /// What the browser complains of.
    #[serde(default)]
    pub(super) complaints: Vec<String>,
}

/// Between these is what our page found.
const BEGIN: &str = "<pre id=\"found\">";
const END: &str = "</pre>";

impl Browser {
    pub(super) fn find(given: Option<&Path>) -> anyhow::Result<Self> {
        if let Some(given) = given {
            return Ok(Self(given.to_owned()));
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&path)
            .flat_map(|folder| NAMES.map(|name| folder.join(name)))
            .find(|file| file.is_file());
        match found {
            Some(file) => Ok(Self(file)),
            None => bail!(
                "there is no Chromium in PATH (none of {}): `apt-get install chromium` installs Debian's, or name one with --browser",
                NAMES.join(", ")
            ),
        }
    }

    /// Opens a page, measures it, and takes its picture beside it.
    pub(super) fn look(&self, page: &Path, width: u32, theme: Theme) -> anyhow::Result<Found> {
        let folder = TempDir::new().context("cannot make a folder")?;
        let around = folder.path().join("around.html");
        let picture = page.with_file_name(format!(
            "{}-{width}-{}.png",
            page.file_stem().unwrap_or_default().display(),
            format!("{theme:?}").to_lowercase()
        ));
        let framed = |high: u32| frame(page, width, high, theme);
        fs::write(&around, framed(900)).context("cannot write the frame")?;
        let said = self.run(folder.path(), &around, &["--dump-dom".to_owned()])?;
        let mut found = parse(&String::from_utf8_lossy(&said.stdout))
            .with_context(|| format!("{} could not be measured", page.display()))?;
        found.complaints = complaints(&String::from_utf8_lossy(&said.stderr));
        // As high as it is, so that all of it is in the picture.
        fs::write(&around, framed(found.high)).context("cannot write the frame")?;
        self.run(
            folder.path(),
            &around,
            &[
                format!("--screenshot={}", picture.display()),
                format!("--window-size={},{}", width.max(500), found.high.max(500)),
            ],
        )?;
        Ok(found)
    }

    fn run(&self, profile: &Path, page: &Path, what: &[String]) -> anyhow::Result<Output> {
        let output = Command::new(&self.0)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"])
            .args(["--no-first-run", "--disable-extensions", "--disable-background-networking"])
            .args(["--allow-file-access-from-files", "--enable-logging=stderr", "--virtual-time-budget=4000"])
            .arg(format!("--user-data-dir={}", profile.join("profile").display()))
            .args(what)
            .arg(format!("file://{}", page.display()))
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot start {}", self.0.display()))?;
        if !output.status.success() {
            bail!(
                "{} ended with {}: {}",
                self.0.display(),
                output.status,
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(output)
    }
}

/// A page with another in a frame, which says what it finds of it.
fn frame(page: &Path, width: u32, high: u32, theme: Theme) -> String {
    let scheme = match theme {
        Theme::Light => "light",
        Theme::Dark => "dark",
    };
    format!(
        r#"<!DOCTYPE html><html><head><meta charset="utf-8"><style>
html{{color-scheme:{scheme}}}body{{margin:0}}iframe{{border:0;display:block;color-scheme:{scheme}}}pre{{display:none}}
</style></head><body><iframe id="page" width="{width}" height="{high}" src="file://{page}"></iframe>
<pre id="found"></pre>
<script>
document.getElementById("page").addEventListener("load", (event) => {{
  const page = event.target.contentWindow, root = page.document.documentElement;
  const inBox = (element) => element.closest(".scroll") !== null && !element.classList.contains("scroll");
  const shown = [...page.document.body.querySelectorAll("*")].filter((element) => !inBox(element));
  const right = (element) => element.getBoundingClientRect().right;
  const widest = shown.reduce((a, b) => (right(b) > right(a) ? b : a));
  document.getElementById("found").textContent = JSON.stringify({{
    wide: Math.ceil(Math.max(root.scrollWidth, right(widest))),
    widest: widest.tagName + " " + (widest.textContent || "").trim().slice(0, 60),
    high: root.scrollHeight,
    dark: page.matchMedia("(prefers-color-scheme: dark)").matches,
  }});
}});
</script></body></html>
"#,
        page = page.display()
    )
}

/// What our page says when it is done.
fn parse(dom: &str) -> anyhow::Result<Found> {
    let from = dom.find(BEGIN).context("the browser shows another page")? + BEGIN.len();
    let until = dom[from..].find(END).context("the browser stopped on the way")?;
    let json = &dom[from..from + until];
    let json = json.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    serde_json::from_str(&json).context("the page was not loaded")
}

/// What was written to the browser's console.
fn complaints(log: &str) -> Vec<String> {
    log.lines().filter(|line| line.contains(":CONSOLE")).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_our_page_found_is_read_from_what_the_browser_shows() {
        let dom = r#"<html><body><pre id="found">{"wide":400,"widest":"TD a &amp; b","high":3000,"dark":true}</pre></body></html>"#;
        let found = parse(dom).unwrap();
        assert_eq!(
            found,
            Found {
                wide: 400,
                widest: "TD a & b".to_owned(),
                high: 3000,
                dark: true,
                complaints: Vec::new()
            }
        );
        let empty = r#"<pre id="found"></pre>"#;
        assert_eq!(parse(empty).unwrap_err().to_string(), "the page was not loaded");
    }

    #[test]
    fn only_the_console_complains_of_a_page() {
        let log = "[1:2:INFO:CONSOLE(3)] \"Refused to load\", source: file:///x (3)\n[1:2:ERROR:bus.cc(4)] no dbus\n";
        assert_eq!(complaints(log).len(), 1);
    }
}
