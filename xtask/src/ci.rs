//! Everything CI checks, cheapest first.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, bail};

use crate::{
    binaries,
    command::{cargo, check, display, succeeds},
    dashboards, evidence, fidelity, flags, generated, metrics, prometheus, rendered, schema, tidy,
};

/// Runs all checks and stops at the first that fails.
pub(crate) fn run() -> anyhow::Result<()> {
    step("tidy", tidy::check)?;
    step("format", || check(cargo(&["fmt", "--all", "--check"])))?;
    step("clippy", || {
        check(cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"]))
    })?;
    step("deny", deny)?;
    step("docs", || {
        let mut doc = cargo(&["doc", "--workspace", "--no-deps", "--document-private-items", "--locked"]);
        doc.env("RUSTDOCFLAGS", "--deny warnings");
        check(doc)
    })?;
    step("binaries", || binaries::find().map(drop))?;
    step("generated files", || {
        generated::check(&schema::files()?, "cargo xtask schema")?;
        generated::check(&[metrics::file()], "cargo xtask metrics")?;
        generated::check(&dashboards::files(), "cargo xtask dashboards")?;
        generated::check(&flags::files(&flags::Args::default())?, "cargo xtask flags")?;
        evidence::check_pages()
    })?;
    step("types of dashboards", || {
        if !dashboards::check_types()? {
            say("npm is not installed: not checked");
        }
        Ok(())
    })?;
    step("rendered profiles", rendered::run)?;
    let tests = step("tests", test)?;
    say(&format!("{} passed, {} failed", tests.passed, tests.failed));
    step("prometheus", || prometheus::run(&prometheus::Args::short()))?;
    step("fidelity", || fidelity::run(&fidelity::Args::short()))
}

fn step<T>(name: &str, run: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    say(&format!("=== {name}"));
    let (result, took) = timed(run);
    say(&format!("=== {name}: {}, {} s", if result.is_ok() { "ok" } else { "FAILED" }, took.as_secs()));
    result.context(name.to_owned())
}

#[expect(clippy::disallowed_methods, reason = "how long a step of CI took is told, not measured")]
fn timed<T>(run: impl FnOnce() -> T) -> (T, Duration) {
    let begin = std::time::Instant::now();
    let result = run();
    (result, begin.elapsed())
}

/// Licences, advisories and duplicate versions, where cargo-deny is installed; building it takes longer than all the rest.
fn deny() -> anyhow::Result<()> {
    if succeeds(cargo(&["deny", "--version"])) {
        return check(cargo(&["deny", "--locked", "check", "bans", "licenses", "sources"]));
    }
    say("cargo-deny is not installed: not checked");
    Ok(())
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tests {
    passed: u64,
    failed: u64,
}

/// Runs the tests, shows their output as it comes, and counts them.
fn test() -> anyhow::Result<Tests> {
    let mut command = cargo(&["test", "--workspace", "--locked", "--no-fail-fast"]);
    let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start cargo test")?;
    let output = child.stdout.take().context("cargo test has no output")?;
    let mut tests = Tests::default();
    for line in BufReader::new(output).lines() {
        let line = line.context("cannot read what cargo test prints")?;
        tests.add(&line);
        say(&line);
    }
    let status = child.wait().context("cannot wait for cargo test")?;
    if !status.success() {
        say(&format!("{} passed, {} failed", tests.passed, tests.failed));
        bail!("{} failed with {status}", display(&command));
    }
    Ok(tests)
}

impl Tests {
    /// Adds a line such as `test result: ok. 12 passed; 0 failed; 0 ignored; ...`.
    fn add(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else { return };
        let count = |what: &str| {
            let before = result.split(what).next()?.trim_end();
            before.rsplit([' ', ';']).next()?.parse::<u64>().ok()
        };
        self.passed += count("passed").unwrap_or(0);
        self.failed += count("failed").unwrap_or(0);
    }
}

#[expect(clippy::print_stdout, reason = "the log of CI")]
fn say(text: &str) {
    println!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_cargo_test_says() {
        let mut tests = Tests::default();
        tests.add("running 3 tests");
        tests.add(
            "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
        );
        tests.add("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s");
        assert_eq!(tests, Tests { passed: 15, failed: 2 });
    }
}
