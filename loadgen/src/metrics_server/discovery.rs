//! Prometheus' HTTP service discovery: everything that can be scraped here now, with its labels.
//! (Format: `content/docs/prometheus/latest/http_sd.md` of Prometheus.)

use std::collections::BTreeMap;

use measure::metrics::Labels;
use serde::Serialize;

use crate::{server_metrics::components::Instance, shown::LOADGEN};

/// A target with its labels.
#[derive(Debug, Serialize)]
struct Group<'a> {
    targets: [&'a str; 1],
    labels: BTreeMap<&'a str, String>,
}

/// Where the metrics of a component are, as a person writes it.
pub(super) fn path(instance: &Instance) -> String {
    format!("/components/{}/metrics", instance.name)
}

/// Ours and those of these components, all at `host`, in JSON. Prometheus escapes a path itself.
pub(super) fn discovery(host: &str, run: &Labels, up: &[Instance]) -> serde_json::Result<String> {
    let group = |job: &str, instance: &str, path: String| {
        let mut labels: BTreeMap<&str, String> =
            run.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        labels.insert("__metrics_path__", path);
        labels.insert("instance", instance.to_owned());
        labels.insert("job", job.to_owned());
        Group { targets: [host], labels }
    };
    let ours = group(LOADGEN, LOADGEN, "/metrics".to_owned());
    let components = up.iter().map(|instance| group(instance.job, &instance.name, path(instance)));
    serde_json::to_string_pretty(&std::iter::once(ours).chain(components).collect::<Vec<_>>())
}
