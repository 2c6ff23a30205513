//! A search finds a capacity that is known: that of a server which creates so many pods in a second and no more.
//!
//! The whole search, over a real fleet and real drivers, against null-apiserver; only the lengths of its windows are shorter than a
//! user's, and arrivals are even, so that windows this short say as much as long ones of a Poisson load. The ends of the first bracket
//! are placed so that no probe is at the capacity itself, where either finding would be right.

use std::{fs, num::NonZeroU32, path::PathBuf, sync::Arc, time::Duration};

use identity::kubeconfig;
use measure::search::{End, From, Plan as SearchPlan};
use null_apiserver::{Action, Config, NullApiserver, Pace, Rule};
use record::Folder;
use tempfile::TempDir;

use super::*;
use crate::{
    cli::ClusterArgs,
    ground::{Ground, Where},
    interrupt::Interrupt,
    plan::Wishes,
    progress::Progress,
    scenario,
};

/// Pods per second; small, because a debug build of everything shares the machine with other tests.
const CAPACITY: NonZeroU32 = NonZeroU32::new(30).unwrap();

/// A pod runs within 1.4 s on a virtual node; beyond that it waits for the server.
const SCENARIO: &str = r#"
about = "Pods, evenly."
axis = "pods.rate"

[fleet]
nodes = 20
preset = "kwok"

[[load]]
driver = "pods"
name = "pods"
rate = "30/s"
arrivals = "uniform"
lifetime = "1s"
manifest = """
apiVersion: v1
kind: Pod
metadata: { name: {{ name }}, namespace: {{ namespace }} }
spec:
  containers:
    - { name: app, image: pause }
"""

[criteria]
pod-startup = "2s"
"#;

/// A server that creates pods at a pace, and what a user has of it.
struct Cluster {
    files: TempDir,
    /// Serves as long as it is kept.
    _server: NullApiserver,
}

impl Cluster {
    async fn start(pace: impl Fn(Duration) -> Pace) -> Self {
        let server = NullApiserver::start_as(Config::for_load()).await.unwrap();
        let every = Duration::from_secs(1) / CAPACITY.get();
        server.script(Rule::new(Action::Pace(pace(every))).method(http::Method::POST).collection("pods"));
        let files = TempDir::new().unwrap();
        let (certificate, key) = server.client_certificate("admin", &["system:masters"]).unwrap();
        let config = kubeconfig::render("null", &server.url(), server.ca_pem(), &certificate, &key);
        fs::write(files.path().join("kubeconfig"), config).unwrap();
        fs::write(files.path().join("evenly.toml"), SCENARIO).unwrap();
        Self { files, _server: server }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// Searches, or goes on with what an earlier search has found.
    async fn search(&self, earlier: Option<SearchRecord>) -> SearchRecord {
        let place = Where::Cluster {
            cluster: ClusterArgs { kubeconfig: Some(self.file("kubeconfig")), context: None },
            ca: None,
            yes: true,
        };
        let run = "known";
        let path = self.file(run);
        let folder = if path.exists() { Folder::open(&path) } else { Folder::create(self.files.path(), run) };
        let folder = folder.unwrap();
        let (progress, interrupt) = (Arc::new(Progress::of_a_test()), Interrupt::never());
        let ground = Ground {
            place: &place,
            profile: None,
            run,
            folder: &folder,
            progress: &progress,
            interrupt: &interrupt,
            inventory: None,
        };
        let loaded = scenario::load(self.file("evenly.toml").to_str().unwrap()).unwrap();
        let axis = loaded.scenario.axis.clone().unwrap();
        let wishes = Wishes::new(Duration::from_secs(20), 1, "100/s".parse().unwrap());
        let mut plan = crate::plan::Plan::new(loaded, &wishes).unwrap();
        // From its creation to its end a pod takes less.
        plan.warm_up = Duration::from_secs(5);
        let wanted = Wanted { plan, axis, lengths: lengths(), search: around(f64::from(CAPACITY.get())) };
        let Searched { record, answer } = Box::pin(search(&ground, &wanted, earlier)).await;
        let (mut record, answer) = (record.unwrap(), answer.unwrap());
        conclude(&mut record, answer);
        record
    }
}

/// Ten means of the backlog: at this rate they tell a growth of 2.5 % from none, with the limit of 1 % between the two.
fn lengths() -> Lengths {
    let mut lengths = Lengths::quick();
    lengths.rest_window = Duration::from_secs(1);
    lengths.measure = Duration::from_secs(20);
    lengths
}

/// Probes at 0.9, 1.07, 0.981 and 1.025 of the capacity.
fn around(capacity: f64) -> SearchPlan {
    SearchPlan {
        from: From::Bracket { low: 0.9 * capacity, high: 1.07 * capacity },
        bracket: 1.05,
        repeats: false,
        most: None,
        probes: None,
        hold: false,
        overload: false,
    }
}

/// Of probes that the machine was too busy for, so many are made again.
const SPARE: usize = 4;

async fn finds_the_capacity(pace: impl Fn(Duration) -> Pace) -> SearchRecord {
    let cluster = Cluster::start(pace).await;
    let mut record = cluster.search(None).await;
    for _ in 0..SPARE {
        if record.answer.unwrap().end == End::HarnessLimited {
            // As if it had been interrupted in that probe.
            record.trials.pop();
            record = cluster.search(Some(record)).await;
        }
    }
    let answer = record.answer.unwrap();
    let tried: Vec<_> = record.trials.iter().map(|trial| (trial.task.at, trial.finding.outcome)).collect();
    assert_ne!(
        answer.end,
        End::HarnessLimited,
        "this machine was too busy to offer {CAPACITY} pods per second, {SPARE} times and once more, so nothing was shown: {:?}",
        record.warnings
    );
    let capacity = f64::from(CAPACITY.get());
    let share = |rate: Option<f64>| rate.unwrap() / capacity;
    let (low, high, lambda) = (share(answer.low), share(answer.high), share(record.lambda));
    assert_eq!(answer.end, End::Found, "{tried:?}");
    assert!((0.95..=1.05).contains(&lambda), "{lambda} of the capacity: {tried:?}");
    assert!(low <= 1.03 && high >= 0.97 && high / low <= 1.05, "{low} to {high}: {tried:?}");
    record
}

fn broken_first(record: &SearchRecord) -> Vec<&str> {
    record.broke_first.iter().map(|judged| judged.criterion.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_capacity_of_a_server_with_a_long_line_is_found() {
    wire::install_crypto_provider();
    let record = finds_the_capacity(Pace::every).await;
    assert!(broken_first(&record).contains(&"backlog"), "{:?}", record.broke_first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_capacity_of_a_server_that_collapses_is_found() {
    wire::install_crypto_provider();
    let record = finds_the_capacity(|every| Pace::every(every).collapsing(500)).await;
    assert!(broken_first(&record).contains(&"backlog"), "{:?}", record.broke_first);
}
