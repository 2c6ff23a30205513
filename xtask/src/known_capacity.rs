//! `cargo xtask known-capacity`: does `loadgen saturate` find a capacity that is known?
//!
//! The program itself, as a user has it, against servers in this process that make so many config maps in a second and no more: one
//! whose line only grows longer, and one that does less the longer its line is. It is config maps because a pod's life is twenty
//! requests on both sides, and both share this machine: two cores are used up before 500 a second.

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    process::{self, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, ensure};
use clap::Args as ClapArgs;
use identity::kubeconfig;
use null_apiserver::{Action, Config, NullApiserver, Pace, Rule};
use serde::Serialize;
use serde_json::Value;

use crate::{binaries, command, generated, generated::File, machine::About};

/// What is found may differ from what is true by this share.
const WITHIN: f64 = 0.05;
/// What is turned up.
const SCENARIO: &str = r#"
about = "Config maps are made at a rate and removed after five seconds."
axis = "creations.rate"

[fleet]
nodes = 10

[[objects]]
name = "creations"
rate = "200/s"
operation = "create"
lifetime = "5s"
manifest = """
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ name }}
  namespace: {{ namespace }}
data:
  text: "{{ filler(500) }}"
"""
"#;
/// Requests in line that double the time of the next, on the server that collapses.
const DOUBLES_AT: u32 = 1000;

#[derive(ClapArgs, Clone, Debug)]
pub(crate) struct Args {
    /// Config maps per second that the servers make.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    capacity: u32,
    /// Searches as `loadgen saturate` does without --quick: half an hour for each server.
    #[arg(long)]
    full: bool,
    /// With a debug build, to try it out; writes no evidence.
    #[arg(long)]
    debug: bool,
}

/// A server and what was found of it.
#[derive(Clone, Debug, Serialize)]
struct Found {
    server: String,
    /// As of the record: found, harness-limited, ...
    end: String,
    lambda: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
    broken_first: Vec<String>,
    warnings: Vec<String>,
    probes: usize,
}

impl Found {
    fn is_right(&self, capacity: f64) -> bool {
        self.lambda.is_some_and(|lambda| (lambda / capacity - 1.0).abs() <= WITHIN)
    }
}

/// Searches both servers, writes a page, and fails where the answer is wrong.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let program = command::build("loadgen", args.debug)?;
    let every = Duration::from_secs(1) / args.capacity;
    let servers = [
        ("a line without an end", Pace::every(every)),
        ("collapses under its line", Pace::every(every).collapsing(DOUBLES_AT)),
    ];
    let mut found = Vec::new();
    for (name, pace) in servers {
        say(&format!("a server for {} config maps/s: {name}", args.capacity));
        found.push(search(args, &program, name, pace)?);
    }
    let about = About::here()?;
    let page = page(args, &about, &found);
    say(&page);
    if !args.debug {
        let json = serde_json::to_string_pretty(&found)? + "\n";
        generated::write(&[
            File { path: "docs/evidence/known-capacity/README.md".into(), content: page },
            File { path: "docs/evidence/known-capacity/found.json".into(), content: json },
        ])?;
    }
    let capacity = f64::from(args.capacity);
    let wrong: Vec<&str> =
        found.iter().filter(|it| !it.is_right(capacity)).map(|it| it.server.as_str()).collect();
    ensure!(wrong.is_empty(), "the capacity was not found of: {}", wrong.join(", "));
    Ok(())
}

fn search(args: &Args, program: &Path, name: &str, pace: Pace) -> anyhow::Result<Found> {
    let runtime = tokio::runtime::Runtime::new()?;
    let server = runtime.block_on(NullApiserver::start_as(Config::for_load()))?;
    server.script(Rule::new(Action::Pace(pace)).method(http::Method::POST).collection("configmaps"));
    let folder = tempfile::TempDir::new().context("cannot make a folder")?;
    let (certificate, key) = server.client_certificate("admin", &["system:masters"])?;
    let config = kubeconfig::render("null", &server.url(), server.ca_pem(), &certificate, &key);
    fs::write(folder.path().join("kubeconfig"), config)?;
    fs::write(folder.path().join("creations.toml"), SCENARIO)?;
    // Through the shim, so that it dies with us.
    let mut command = Command::new(binaries::shim()?);
    command.arg(process::id().to_string()).arg(program).args([
        "saturate",
        "creations.toml",
        "--yes",
        "--json",
    ]);
    command.args(["--kubeconfig", "kubeconfig", "--preset", "kwok"]);
    // About two fifths of the way, so that the ramp has a step or two.
    command.args(["--from", &format!("{}/s", f64::from(args.capacity) * 0.4), "--bracket", "1.05"]);
    if !args.full {
        command.arg("--quick");
    }
    let output = command.current_dir(folder.path()).stderr(Stdio::inherit()).output();
    let output = output.context("cannot start loadgen")?;
    let record: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("loadgen ended with {} and no record", output.status))?;
    Ok(of(name, &record))
}

/// What a record says.
fn of(name: &str, record: &Value) -> Found {
    let names = |list: &Value, key: &str| -> Vec<String> {
        let items = list.as_array().into_iter().flatten();
        items.filter_map(|item| item[key].as_str()).map(str::to_owned).collect()
    };
    let answer = &record["answer"];
    Found {
        server: name.to_owned(),
        end: answer["end"].as_str().unwrap_or_default().to_owned(),
        lambda: record["lambda"].as_f64(),
        low: answer["low"].as_f64(),
        high: answer["high"].as_f64(),
        broken_first: names(&record["broke_first"], "criterion"),
        warnings: names(&record["warnings"], "name"),
        probes: record["trials"].as_array().map_or(0, Vec::len),
    }
}

fn page(args: &Args, about: &About, found: &[Found]) -> String {
    let capacity = f64::from(args.capacity);
    let right = found.iter().all(|it| it.is_right(capacity));
    let outcome = if right { "The capacity is found." } else { "**The capacity is not found.**" };
    let About { command, date, loadgen, cpus, cpu, memory_gib, kernel, .. } = about;
    let mut text = format!(
        "# A capacity that is known\n\n{outcome} `loadgen saturate` against servers that make {capacity} config maps in a second and no \
         more, of everything else as much as the machine can; Poisson arrivals, and what is made is removed after five seconds.\n\nWritten by `{command}` on {date}: \
         loadgen {loadgen}; {cpus} CPUs ({cpu}), {memory_gib} GiB, Linux {kernel}. The servers are null-apiserver in a process of their own \
         on the same machine.\n\n| server | true | found | off by | holds | breaks | broken first | trials | end | warnings |\n\
         |---|---:|---:|---:|---:|---:|---|---:|---|---|\n"
    );
    let rate = |rate: Option<f64>| rate.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.1}/s"));
    for it in found {
        let off = it
            .lambda
            .map_or_else(|| "-".to_owned(), |lambda| format!("{:+.1} %", (lambda / capacity - 1.0) * 100.0));
        let _ = writeln!(
            text,
            "| {} | {capacity}/s | {} | {off} | {} | {} | {} | {} | {} | {} |",
            it.server,
            rate(it.lambda),
            rate(it.low),
            rate(it.high),
            it.broken_first.join(", "),
            it.probes,
            it.end,
            it.warnings.join(", ")
        );
    }
    let _ = writeln!(
        text,
        "\nThe first server lets a creation wait as long as it must. On the second a creation takes as long again for every {DOUBLES_AT} that are in \
         line before it: beyond its capacity it does less and less, and what an overload has left in its line makes it fail at loads that it \
         carries otherwise. True is one creation in each 1/{capacity} s, reckoned when it comes in, so that no timer's grain counts."
    );
    text
}

#[expect(clippy::print_stdout, reason = "a person waits for it")]
fn say(text: &str) {
    println!("{text}");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_is_right_within_a_twentieth() {
        let found = |lambda: f64| {
            of("x", &json!({ "answer": { "end": "found", "low": 1.0, "high": 2.0 }, "lambda": lambda }))
        };
        assert!(found(480.0).is_right(500.0) && found(524.0).is_right(500.0));
        assert!(!found(470.0).is_right(500.0) && !found(526.0).is_right(500.0));
        assert!(!of("x", &json!({ "answer": { "end": "harness-limited" } })).is_right(500.0));
    }
}
