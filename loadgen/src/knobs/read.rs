//! Looking at one place, of processes of this machine and of the API.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context, ensure};
use control_plane::{Exposition, ProcessInfo};
use profile::Component;
use scrape::{
    exposition,
    series::{Labels, Scrape},
    started,
};
use serde_json::Value;
use wire::{Client, Encoding, Request};

use super::ABSENT;
use crate::experiment::wanted::hash;

/// What the components of a control plane, or of all cells, say of themselves: as much of it as a knob is about.
pub(super) fn parse(
    expositions: &[Exposition],
    families: &[&str],
) -> anyhow::Result<Vec<(Component, Scrape)>> {
    // A histogram is a family without the ends of its lines' names.
    let ends = ["", "_count", "_sum"];
    let wanted = |name: &str| {
        families.iter().any(|family| ends.iter().any(|end| family.strip_suffix(end) == Some(name)))
    };
    let parsed = |exposition: &Exposition| -> anyhow::Result<(Component, Scrape)> {
        let process = &exposition.source.process;
        let text = exposition.text.as_ref();
        let text = text.map_err(|reason| anyhow::anyhow!("{process} does not say its metrics: {reason}"))?;
        let scrape = exposition::parse(text, wanted).with_context(|| format!("the metrics of {process}"))?;
        Ok((exposition.source.component, scrape))
    };
    expositions.iter().map(parsed).collect()
}

/// The sum of the series with these labels over all processes of a component. A label that is not there is an empty one.
pub(super) fn total(
    said: &[(Component, Scrape)],
    of: Component,
    family: &str,
    labels: &Labels,
) -> Option<f64> {
    let one = |scrape: &Scrape| {
        if let Some(found) = scrape.family(family) {
            return found.total(|own| fits(own, labels));
        }
        let histogram = |end: &str| -> Option<scrape::series::Histogram> {
            scrape.family(family.strip_suffix(end)?)?.histogram(|own| fits(own, labels))
        };
        histogram("_count").map(|it| it.count).or_else(|| histogram("_sum").map(|it| it.sum))
    };
    let of_component = said.iter().filter(|(component, _)| *component == of);
    of_component.filter_map(|(_, scrape)| one(scrape)).reduce(|sum, more| sum + more)
}

fn fits(own: &Labels, wanted: &Labels) -> bool {
    wanted.iter().all(|(name, value)| own.get(name).unwrap_or_default() == value)
}

/// The values of a label of those series.
pub(super) fn label(
    said: &[(Component, Scrape)],
    of: Component,
    family: &str,
    labels: &Labels,
    name: &str,
) -> String {
    let families = said.iter().filter(|(component, _)| *component == of);
    let families = families.filter_map(|(_, scrape)| scrape.family(family));
    let series = families.flat_map(|family| family.series.keys());
    let values = series.filter(|own| fits(own, labels)).filter_map(|own| own.get(name));
    listed(values.map(str::to_owned))
}

/// What is seen of each of some processes, each value once.
pub(super) fn of_each(processes: &[&ProcessInfo], see: impl Fn(u32) -> Option<String>) -> String {
    listed(processes.iter().map(|process| see(process.pid).unwrap_or_else(|| ABSENT.to_owned())))
}

fn listed(values: impl Iterator<Item = String>) -> String {
    let values: BTreeSet<String> = values.collect();
    if values.is_empty() { ABSENT.to_owned() } else { values.into_iter().collect::<Vec<_>>().join(", ") }
}

/// A field of the file that a flag names, or the file's hash.
pub(super) fn file(pid: u32, flag: &str, pointer: Option<&str>) -> Option<String> {
    let text = fs::read_to_string(started::flag(pid, flag)?).ok()?;
    let Some(pointer) = pointer else { return Some(hash(&text)) };
    let value: Value = serde_saphyr::from_str(&text).ok()?;
    value.pointer(pointer).map(shown)
}

/// The type of the file system that a flag's folder is on.
pub(super) fn filesystem(pid: u32, flag: &str) -> Option<String> {
    started::filesystem(pid, Path::new(&started::flag(pid, flag)?))
}

/// A field of an object.
pub(super) async fn object(admin: &Client, path: &str, pointer: &str) -> anyhow::Result<String> {
    let object = get(admin, path).await?;
    Ok(object.and_then(|object| object.pointer(pointer).map(shown)).unwrap_or_else(|| ABSENT.to_owned()))
}

/// How many objects a list has.
pub(super) async fn count(admin: &Client, path: &str) -> anyhow::Result<String> {
    // With a selector nobody says how many are left.
    let is_selected = path.contains("Selector=");
    let ask = if path.contains('?') { '&' } else { '?' };
    let path = if is_selected { path.to_owned() } else { format!("{path}{ask}limit=1") };
    let Some(list) = get(admin, &path).await? else { return Ok(ABSENT.to_owned()) };
    let items = list["items"].as_array().map_or(0, Vec::len) as u64;
    Ok((items + list["metadata"]["remainingItemCount"].as_u64().unwrap_or(0)).to_string())
}

/// Nothing where there is no such thing.
async fn get(admin: &Client, path: &str) -> anyhow::Result<Option<Value>> {
    let response = admin.send(&Request::get(path).accept(Encoding::Json)).await?;
    if response.status.as_u16() == 404 {
        return Ok(None);
    }
    ensure!(response.is_success(), "{path} answers {}", response.status);
    Ok(Some(response.json()?))
}

/// A value as a person writes it.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => ABSENT.to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use control_plane::MetricsSource;

    use super::*;

    fn said(component: Component, process: &str, text: &str) -> Exposition {
        let source =
            MetricsSource { component, process: process.to_owned(), url: "https://127.0.0.1:1".to_owned() };
        Exposition { source, text: Ok(text.to_owned()) }
    }

    fn labels(text: &str) -> Labels {
        let parsed = exposition::parse(&format!("x{text} 0"), |_| true).unwrap();
        parsed.family("x").unwrap().series.keys().next().unwrap().clone()
    }

    #[test]
    fn series_are_added_up_over_processes_and_labels() {
        let text = "# TYPE r counter\nr{verb=\"GET\",sub=\"\"} 2\nr{verb=\"PUT\",sub=\"status\"} 3\n\
                    # TYPE d histogram\nd_bucket{le=\"+Inf\"} 4\nd_sum 9\nd_count 4\n";
        let all = [
            said(Component::Apiserver, "kube-apiserver", text),
            said(Component::Apiserver, "kube-apiserver-1", text),
            said(Component::Etcd, "etcd", "r 100\n"),
        ];
        let parsed = parse(&all, &["r", "d_count"]).unwrap();
        let of = |family, text| total(&parsed, Component::Apiserver, family, &labels(text));
        assert_eq!(of("r", "{verb=\"GET\"}"), Some(4.0));
        assert_eq!(of("r", ""), Some(10.0));
        assert_eq!(of("r", "{sub=\"\"}"), Some(4.0));
        assert_eq!(of("r", "{verb=\"PATCH\"}"), None);
        assert_eq!(of("d_count", ""), Some(8.0));
        assert_eq!(of("d_sum", ""), Some(18.0));
        assert_eq!(label(&parsed, Component::Apiserver, "r", &labels(""), "verb"), "GET, PUT");
        assert_eq!(label(&parsed, Component::Scheduler, "r", &labels(""), "verb"), ABSENT);
    }

    #[test]
    fn a_component_that_does_not_answer_is_an_error() {
        let silent = Exposition { text: Err("it is gone".to_owned()), ..said(Component::Etcd, "etcd", "") };
        let error = parse(&[silent], &["r"]).unwrap_err().to_string();
        assert_eq!(error, "etcd does not say its metrics: it is gone");
    }

    #[test]
    fn each_value_is_told_once() {
        assert_eq!(listed(["a", "b", "a"].into_iter().map(str::to_owned)), "a, b");
        assert_eq!(listed(std::iter::empty()), ABSENT);
    }
}
