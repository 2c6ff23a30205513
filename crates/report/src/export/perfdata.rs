//! PerfData: latencies as `ClusterLoader2` leaves them and Perfdash draws them.
//!
//! The shape is that of Kubernetes' `test/e2e/perftype/perftype.go`: `version`, `dataItems` of `data`, `unit` and `labels`, and the
//! `labels` of the whole. Perfdash finds a file by the beginning of its name (perf-tests' `perfdash/config.go`), so names are made as
//! `ClusterLoader2` makes them, `<summary>_<test>_<time>.json` with the scenario for the test:
//!
//! - `APIResponsivenessPrometheus_<scenario>_<time>.json`: requests by verb, resource and subresource. `Count` is a label there, as
//!   Perfdash's table of counts expects. `ClusterLoader2` asks Prometheus for what apiservers measure of themselves; these are service
//!   times as clients measured them, from the send to the answer, of drivers and fleet apart (label `Client`).
//! - `PodStartupLatency_PodStartupLatency_<scenario>_<time>.json`: `create_to_schedule`, `schedule_to_run` and `pod_startup`, which
//!   begins with the intended start and so holds the creation too; `create` by itself is ours.
//!
//! A percentile that the samples do not carry is absent, and so is an item without any.

use std::collections::BTreeMap;

use jiff::Timestamp;
use measure::{Phase, Summary};
use record::{KindRecord, Profile, Requests, RunRecord, SearchRecord};
use serde::{Deserialize, Serialize};

use super::{Error, File};

/// Version of both measurements (`currentAPICallMetricsVersion` in perf-tests).
const VERSION: &str = "v1";
/// API groups whose names have no dot: in `apps/deployments` the first part is a group, in `pods/status` the resource. The group of a
/// custom resource always has one.
const DOTLESS_GROUPS: [&str; 4] = ["apps", "autoscaling", "batch", "policy"];

/// What one measurement found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PerfData {
    /// Of the measurement: whoever reads it compares only files of one version.
    pub version: String,
    /// The figures.
    pub data_items: Vec<DataItem>,
    /// What they are of.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// The figures of one thing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataItem {
    /// By name: `Perc50`, `Perc90`, `Perc99`.
    pub data: BTreeMap<String, f64>,
    /// Of all of them.
    pub unit: String,
    /// Which thing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// The files of a run: requests, and pods where there were some.
pub(super) fn of_run(run: &RunRecord) -> Result<Vec<File>, Error> {
    let window = run.phases.iter().find(|phase| phase.phase == Phase::Measure);
    let at = window.or(run.phases.first()).map(|phase| phase.start).unwrap_or_default();
    let labels =
        labels(&run.run_id, &run.scenario.name, run.profile.as_ref(), &run.versions, run.fleet.nodes);
    let scenario = &run.scenario.name;
    let mut files = vec![file("APIResponsivenessPrometheus", scenario, at, api(&run.requests), &labels)?];
    if let Some(startup) = &run.pod_startup {
        let stages = [
            ("create", &startup.create),
            ("create_to_schedule", &startup.schedule),
            ("schedule_to_run", &startup.start),
            ("pod_startup", &startup.total),
        ];
        let items = stages.into_iter().filter_map(|(stage, summary)| {
            item(summary, BTreeMap::from([("Metric".to_owned(), stage.to_owned())]))
        });
        files.push(file("PodStartupLatency_PodStartupLatency", scenario, at, items.collect(), &labels)?);
    }
    Ok(files)
}

/// The file of a search: the requests of the highest load that held. `None` where none did.
pub(super) fn of_search(search: &SearchRecord) -> Result<Option<Vec<File>>, Error> {
    let Some(held) = search.held() else { return Ok(None) };
    let scenario = &search.scenario.name;
    let mut labels =
        labels(&search.run_id, scenario, search.profile.as_ref(), &search.versions, search.fleet.nodes);
    labels.insert(search.axis.name.clone(), format!("{}{}", held.task.at, search.axis.unit));
    let file = file("APIResponsivenessPrometheus", scenario, held.start, api(&held.requests), &labels)?;
    Ok(Some(vec![file]))
}

fn labels(
    run: &str,
    scenario: &str,
    profile: Option<&Profile>,
    versions: &BTreeMap<String, String>,
    nodes: u32,
) -> BTreeMap<String, String> {
    let mut labels = versions.clone();
    labels.extend([
        ("run".to_owned(), run.to_owned()),
        ("scenario".to_owned(), scenario.to_owned()),
        ("nodes".to_owned(), nodes.to_string()),
    ]);
    labels.extend(profile.map(|profile| ("profile".to_owned(), profile.name.clone())));
    labels
}

fn file(
    summary: &str,
    scenario: &str,
    at: Timestamp,
    data_items: Vec<DataItem>,
    labels: &BTreeMap<String, String>,
) -> Result<File, Error> {
    // A scenario may be a path; a file's name may not.
    let scenario = scenario.replace('/', "-");
    let data = PerfData { version: VERSION.to_owned(), data_items, labels: labels.clone() };
    Ok(File {
        name: format!("{summary}_{scenario}_{}.json", at.strftime("%Y-%m-%dT%H:%M:%SZ")),
        content: serde_json::to_string_pretty(&data)? + "\n",
    })
}

fn api(requests: &Requests) -> Vec<DataItem> {
    let sides = [("drivers", &requests.drivers), ("fleet", &requests.fleet)];
    let kinds = sides.into_iter().flat_map(|(side, kinds)| kinds.iter().map(move |kind| (side, kind)));
    kinds.filter_map(|(side, kind)| item(&kind.service, kind_labels(side, kind))).collect()
}

/// As `apiCallToPerfData` in perf-tests' `slos/api_responsiveness_prometheus.go` has them, and whose requests they are.
fn kind_labels(side: &str, kind: &KindRecord) -> BTreeMap<String, String> {
    let (group, resource, subresource) = parts(&kind.resource);
    let mut labels = BTreeMap::from(
        [
            ("Verb", verb(&kind.verb)),
            ("Resource", resource.to_owned()),
            ("Subresource", subresource.to_owned()),
            ("Count", kind.done.to_string()),
            ("Client", side.to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    if !group.is_empty() {
        labels.insert("Group".to_owned(), group.to_owned());
    }
    // Of a list the record does not say whether it was of a namespace or of everything.
    if !matches!(kind.verb.as_str(), "list" | "watch" | "deletecollection") {
        labels.insert("Scope".to_owned(), "resource".to_owned());
    }
    labels
}

/// As apiservers' metrics have it: `POST` for a creation.
fn verb(verb: &str) -> String {
    match verb {
        "create" => "POST".to_owned(),
        "update" => "PUT".to_owned(),
        other => other.to_uppercase(),
    }
}

/// Group, resource and subresource of a kind's resource; what it has not is empty.
fn parts(resource: &str) -> (&str, &str, &str) {
    let mut parts = resource.splitn(3, '/');
    let (first, second, third) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    if first.contains('.') || DOTLESS_GROUPS.contains(&first) {
        (first, second, third)
    } else {
        ("", first, second)
    }
}

/// In milliseconds.
fn item(summary: &Summary, labels: BTreeMap<String, String>) -> Option<DataItem> {
    let percentiles = [("Perc50", summary.p50), ("Perc90", summary.p90), ("Perc99", summary.p99)];
    let data: BTreeMap<String, f64> = percentiles
        .into_iter()
        .filter_map(|(name, seconds)| Some((name.to_owned(), seconds? * 1000.0)))
        .collect();
    (!data.is_empty()).then(|| DataItem { data, unit: "ms".to_owned(), labels })
}

#[cfg(test)]
mod tests;
