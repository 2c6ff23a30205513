//! `GET /metrics/resource`: the text that metrics-server reads, family by family as a kubelet of 1.36 writes it
//! (`pkg/kubelet/metrics/collectors/resource_metrics.go`; `scrape_error` is hidden since its deprecation).

use std::fmt::Write;

use jiff::Timestamp;

use super::usage::{self, Reading, Usage};
use crate::snapshot::{ContainerState, NodeSnapshot};

/// The text's content type.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A family: name, type, and the help text with the stability in front.
struct Family {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    /// Whether its samples carry the time they were taken.
    timed: bool,
}

const fn family(name: &'static str, kind: &'static str, help: &'static str) -> Family {
    Family { name, kind, help, timed: true }
}

const fn untimed(name: &'static str, kind: &'static str, help: &'static str) -> Family {
    Family { name, kind, help, timed: false }
}

static CONTAINER_CPU: Family = family(
    "container_cpu_usage_seconds_total",
    "counter",
    "[STABLE] Cumulative cpu time consumed by the container in core-seconds",
);
static CONTAINER_MEMORY: Family = family(
    "container_memory_working_set_bytes",
    "gauge",
    "[STABLE] Current working set of the container in bytes",
);
static CONTAINER_START: Family = untimed(
    "container_start_time_seconds",
    "gauge",
    "[STABLE] Start time of the container since unix epoch in seconds",
);
static CONTAINER_SWAP_LIMIT: Family = family(
    "container_swap_limit_bytes",
    "gauge",
    "[ALPHA] Current amount of the container swap limit in bytes. Reported only on non-windows systems",
);
static CONTAINER_SWAP: Family = family(
    "container_swap_usage_bytes",
    "gauge",
    "[ALPHA] Current amount of the container swap usage in bytes. Reported only on non-windows systems",
);
static NODE_CPU: Family = family(
    "node_cpu_usage_seconds_total",
    "counter",
    "[STABLE] Cumulative cpu time consumed by the node in core-seconds",
);
static NODE_MEMORY: Family =
    family("node_memory_working_set_bytes", "gauge", "[STABLE] Current working set of the node in bytes");
static NODE_SWAP: Family = family(
    "node_swap_usage_bytes",
    "gauge",
    "[ALPHA] Current swap usage of the node in bytes. Reported only on non-windows systems",
);
static POD_CPU: Family = family(
    "pod_cpu_usage_seconds_total",
    "counter",
    "[STABLE] Cumulative cpu time consumed by the pod in core-seconds",
);
static POD_MEMORY: Family =
    family("pod_memory_working_set_bytes", "gauge", "[STABLE] Current working set of the pod in bytes");
static POD_SWAP: Family = family(
    "pod_swap_usage_bytes",
    "gauge",
    "[ALPHA] Current amount of the pod swap usage in bytes. Reported only on non-windows systems",
);
static ERROR: Family = untimed(
    "resource_scrape_error",
    "gauge",
    "[STABLE] 1 if there was an error while getting container metrics, 0 otherwise",
);

/// The text, and where the node's CPU counter stands now.
pub(super) fn render(node: &NodeSnapshot, last: Option<Reading>, now: Timestamp) -> (String, Reading) {
    let mut text = Text { out: String::new(), now };
    let containers = containers(node, now);
    let each = |value: fn(&Container) -> f64| {
        containers.iter().map(move |container| (container.labels.as_str(), value(container)))
    };
    text.family(&CONTAINER_CPU, each(|container| container.usage.cpu_seconds));
    text.family(&CONTAINER_MEMORY, each(|container| container.usage.memory_bytes));
    text.family(&CONTAINER_START, each(|container| container.since));
    // Nodes have no swap, and their containers may use none.
    text.family(&CONTAINER_SWAP_LIMIT, each(|_| 0.0));
    text.family(&CONTAINER_SWAP, each(|_| 0.0));

    let (usage, reading) = usage::of_node(node, last, now);
    text.family(&NODE_CPU, [("", usage.cpu_seconds)]);
    text.family(&NODE_MEMORY, [("", usage.memory_bytes)]);
    text.family(&NODE_SWAP, [("", 0.0)]);

    let pods = pods(node, now);
    let each =
        |value: fn(&Usage) -> f64| pods.iter().map(move |(labels, usage)| (labels.as_str(), value(usage)));
    text.family(&POD_CPU, each(|usage| usage.cpu_seconds));
    text.family(&POD_MEMORY, each(|usage| usage.memory_bytes));
    text.family(&POD_SWAP, each(|_| 0.0));
    text.family(&ERROR, [("", 0.0)]);
    (text.out, reading)
}

struct Container {
    labels: String,
    usage: Usage,
    /// Seconds since the epoch.
    since: f64,
}

/// The running containers with their labels, in the order of these.
fn containers(node: &NodeSnapshot, now: Timestamp) -> Vec<Container> {
    let all = node.pods.iter().flat_map(|pod| pod.containers.iter().map(move |container| (pod, container)));
    let mut containers: Vec<Container> = all
        .filter_map(|(pod, container)| {
            let ContainerState::Running { since } = container.state else { return None };
            Some(Container {
                labels: format!(
                    "{{container={:?},namespace={:?},pod={:?}}}",
                    container.name, pod.namespace, pod.name
                ),
                usage: usage::of_container(pod, container, now)?,
                since: since.as_duration().as_secs_f64(),
            })
        })
        .collect();
    containers.sort_by(|a, b| a.labels.cmp(&b.labels));
    containers
}

/// The running pods with their labels, in the order of these.
fn pods(node: &NodeSnapshot, now: Timestamp) -> Vec<(String, Usage)> {
    let usage = node.pods.iter().filter_map(|pod| {
        let labels = format!("{{namespace={:?},pod={:?}}}", pod.namespace, pod.name);
        Some((labels, usage::of_pod(pod, now)?))
    });
    let mut pods: Vec<_> = usage.collect();
    pods.sort_by(|a, b| a.0.cmp(&b.0));
    pods
}

struct Text {
    out: String,
    now: Timestamp,
}

impl Text {
    /// A family with its samples, labels and value each; nothing without samples.
    fn family<'a>(&mut self, family: &Family, samples: impl IntoIterator<Item = (&'a str, f64)>) {
        let Family { name, kind, help, timed } = family;
        for (index, (labels, value)) in samples.into_iter().enumerate() {
            if index == 0 {
                self.line(&format!("# HELP {name} {help}\n# TYPE {name} {kind}"));
            }
            match timed {
                true => self.line(&format!("{name}{labels} {value} {}", self.now.as_millisecond())),
                false => self.line(&format!("{name}{labels} {value}")),
            }
        }
    }

    fn line(&mut self, line: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.out, "{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::usage::tests::{at, node};

    /// What a kubelet of 1.36.3 says of a node with a pod, but for the numbers.
    const FAMILIES: &str = include_str!("metrics/families.txt");

    fn samples(text: &str) -> Vec<(&str, f64, Option<i64>)> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines
            .map(|line| {
                let (series, rest) = line.split_once(' ').unwrap();
                let mut numbers = rest.split(' ');
                let value = numbers.next().unwrap().parse().unwrap();
                (series, value, numbers.next().map(|time| time.parse().unwrap()))
            })
            .collect()
    }

    #[test]
    fn the_families_are_a_kubelets_with_help_and_type() {
        let (text, _) = render(&node(), None, at(100));
        let comments: Vec<&str> = text.lines().filter(|line| line.starts_with('#')).collect();
        assert_eq!(comments.join("\n"), FAMILIES.trim_end());
    }

    #[test]
    fn samples_have_the_labels_and_the_times_that_a_kubelets_have() {
        let (text, _) = render(&node(), None, at(100));
        let labels = r#"{container="app",namespace="default",pod="web"}"#;
        let pod = r#"{namespace="default",pod="web"}"#;
        let expected = [
            (format!("container_cpu_usage_seconds_total{labels}"), true),
            (format!("container_memory_working_set_bytes{labels}"), true),
            (format!("container_start_time_seconds{labels}"), false),
            (format!("container_swap_limit_bytes{labels}"), true),
            (format!("container_swap_usage_bytes{labels}"), true),
            ("node_cpu_usage_seconds_total".to_owned(), true),
            ("node_memory_working_set_bytes".to_owned(), true),
            ("node_swap_usage_bytes".to_owned(), true),
            (format!("pod_cpu_usage_seconds_total{pod}"), true),
            (format!("pod_memory_working_set_bytes{pod}"), true),
            (format!("pod_swap_usage_bytes{pod}"), true),
            ("resource_scrape_error".to_owned(), false),
        ];
        let seen: Vec<_> =
            samples(&text).into_iter().map(|(series, _, time)| (series.to_owned(), time)).collect();
        let time = |timed: bool| timed.then(|| at(100).as_millisecond());
        assert_eq!(seen, expected.map(|(series, timed)| (series, time(timed))));
    }

    #[test]
    fn a_node_without_pods_still_has_its_own_samples() {
        let mut node = node();
        node.pods.clear();
        let (text, _) = render(&node, None, at(100));
        let names: Vec<&str> = samples(&text).into_iter().map(|(series, ..)| series).collect();
        assert_eq!(
            names,
            [
                "node_cpu_usage_seconds_total",
                "node_memory_working_set_bytes",
                "node_swap_usage_bytes",
                "resource_scrape_error"
            ]
        );
    }
}
