//! A harness that gets no CPU says so, and says nothing about the server.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use identity::kubeconfig;
use null_apiserver::{Config, NullApiserver};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// In turn: nineteen parts of twenty it does not run.
const STOPPED: Duration = Duration::from_millis(285);
const RUNS: Duration = Duration::from_millis(15);
/// More turns than the search takes of a harness that does not notice.
const MOST_TURNS: u32 = 600;

const SCENARIO: &str = r#"
about = "A few pods, which cost a harness next to nothing."
axis = "pods.rate"

[fleet]
nodes = 5
preset = "kwok"

[[pods]]
name = "pods"
rate = "10/s"
lifetime = "1s"
manifest = """
apiVersion: v1
kind: Pod
metadata: { name: {{ name }}, namespace: {{ namespace }} }
spec:
  containers:
    - { name: app, image: pause }
"""
"#;

/// loadgen at work, with the lines it tells a person.
struct Harness {
    child: Child,
    told: mpsc::Receiver<String>,
}

impl Harness {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        let (sender, told) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, told }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Lets it run for its part of the time until it ends, and says how it did.
    fn starve(&mut self) -> ExitStatus {
        for _ in 0..MOST_TURNS {
            self.signal(Signal::STOP);
            thread::sleep(STOPPED);
            self.signal(Signal::CONT);
            thread::sleep(RUNS);
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
        }
        panic!("it did not end:\n{}", self.told.try_iter().collect::<Vec<_>>().join("\n"));
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        // Of a test that failed half-way; one that has ended is not there any more.
        let _ = self.child.kill();
    }
}

#[test]
fn a_harness_without_cpu_finds_its_own_end_and_not_the_servers() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(NullApiserver::start_as(Config::for_load())).unwrap();
    let files = TempDir::new().unwrap();
    let (certificate, key) = server.client_certificate("admin", &["system:masters"]).unwrap();
    let config = kubeconfig::render("null", &server.url(), server.ca_pem(), &certificate, &key);
    fs::write(files.path().join("kubeconfig"), config).unwrap();
    fs::write(files.path().join("few.toml"), SCENARIO).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    command
        .current_dir(files.path())
        .args(["saturate", "few.toml", "--quick", "--kubeconfig", "kubeconfig", "--yes"])
        .env("LOADGEN_CACHE_DIR", files.path().join("cache"));
    let mut harness = Harness::start(command);

    let begun = harness.told.iter().find(|line| line.starts_with("ramp at"));
    assert!(begun.is_some(), "it ended before it offered anything");
    let status = harness.starve();
    let mut answer = String::new();
    harness.child.stdout.take().unwrap().read_to_string(&mut answer).unwrap();
    assert_eq!(status.code(), Some(4), "{answer}");
    assert!(answer.lines().next().unwrap_or_default().starts_with("harness-limited: few holds"), "{answer}");
}
