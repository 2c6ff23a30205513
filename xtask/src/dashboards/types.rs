//! The dashboards before the types that Grafana publishes (`@grafana/schema`).
//!
//! Each becomes a TypeScript literal that must satisfy `LoadgenDashboard` of `dashboards/check/grafana.ts`: a literal, because of JSON
//! that is read TypeScript forgets which texts it has, and does not mind fields that nobody knows.

use std::{fmt::Write as _, fs, path::Path, process::Command};

use anyhow::Context;
use report::dashboards::{Dashboard, dashboards};

use crate::command::{check as run, root, succeeds, target};

/// What is checked in, and the dashboards are put beside.
const FILES: [&str; 5] = [".npmrc", "grafana.ts", "package-lock.json", "package.json", "tsconfig.json"];

/// Whether there is npm to do it; fails where there is and a dashboard is not what Grafana reads.
pub(crate) fn check() -> anyhow::Result<bool> {
    let mut version = Command::new("npm");
    version.arg("--version");
    if !succeeds(version) {
        return Ok(false);
    }
    let folder = target().join("dashboards-check");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for file in FILES {
        let from = root().join("dashboards/check").join(file);
        fs::copy(&from, folder.join(file)).with_context(|| format!("cannot copy {}", from.display()))?;
    }
    let literals = folder.join("dashboards.ts");
    fs::write(&literals, typed(&dashboards()))
        .with_context(|| format!("cannot write {}", literals.display()))?;
    install(&folder)?;
    let mut compiler = Command::new(folder.join("node_modules/.bin/tsc"));
    compiler.args(["--project", "."]).current_dir(&folder);
    run(compiler)?;
    Ok(true)
}

/// The packages that the lock file names, unless they are there.
fn install(folder: &Path) -> anyhow::Result<()> {
    let lock = fs::read_to_string(folder.join("package-lock.json")).context("cannot read the lock file")?;
    let installed = folder.join("node_modules/installed-from.json");
    if fs::read_to_string(&installed).is_ok_and(|text| text == lock) {
        return Ok(());
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(folder);
    run(npm)?;
    fs::write(&installed, lock).with_context(|| format!("cannot write {}", installed.display()))
}

/// JSON is TypeScript.
fn typed(dashboards: &[Dashboard]) -> String {
    let mut text = "import type { LoadgenDashboard } from './grafana';\n".to_owned();
    for (dashboard, index) in dashboards.iter().zip(0_u32..) {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n// {}\nexport const dashboard{index} = {} satisfies LoadgenDashboard;\n",
            dashboard.file,
            dashboard.json().trim_end()
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dashboard_is_a_literal_to_be_judged() {
        let text = typed(&dashboards());
        assert_eq!(text.matches("} satisfies LoadgenDashboard;\n").count(), dashboards().len());
        assert!(
            text.contains("\n// run.json\nexport const dashboard0 = {\n  \"annotations\": {"),
            "{text:.400}"
        );
    }

    #[test]
    fn the_packages_are_pinned_and_no_host_is_named() {
        let read = |name: &str| -> serde_json::Value {
            let text = fs::read_to_string(root().join("dashboards/check").join(name)).unwrap();
            serde_json::from_str(&text).unwrap()
        };
        let (package, lock) = (read("package.json"), read("package-lock.json"));
        for (name, version) in package["devDependencies"].as_object().unwrap() {
            let version = version.as_str().unwrap();
            assert!(version.chars().all(|it| it.is_ascii_digit() || it == '.'), "{name} {version}");
            assert_eq!(lock["packages"][format!("node_modules/{name}")]["version"], version);
        }
        for (path, entry) in lock["packages"].as_object().unwrap().iter().filter(|(path, _)| !path.is_empty())
        {
            assert!(entry["integrity"].is_string() && entry.get("resolved").is_none(), "{path}");
        }
    }
}
