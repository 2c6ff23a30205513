//! The page about the metrics that a run shows of itself, from their declarations.

use std::{fmt::Write as _, path::PathBuf};

use measure::metrics::{ALL, Declared, EVERYWHERE, FamilyKind, LABELS};

use crate::generated::File;

const ABOVE: &str = "\
# Metrics

<!-- Written by `cargo xtask metrics` from crates/measure/src/metrics; a change here is lost. -->

What `loadgen run`, `saturate`, `compare` and `advice test` show of themselves while they go on, with `--metrics-addr`, and what their
records keep of it in `metrics.jsonl`. What etcd and the components of Kubernetes say of themselves beside it has the names that they
give it.

## To scrape it

`loadgen run pod-churn --metrics-addr 127.0.0.1:9095` serves the text format of Prometheus (0.0.4) at `/metrics`, and at `/sd` the list
of all that there is to scrape, the control plane's components among it, whose metrics it serves too: so a Prometheus needs one scrape
configuration with `http_sd_configs` and no certificate. `dashboards/prometheus.yml` is one; what is in it besides the address is
`honor_labels: true`, because every series says itself which job and instance it is of. An interval of 5 s is enough: most figures are
taken once a second.

## Rules

Names have the prefix `loadgen_` and base units: `_seconds`, `_bytes`, and `_total` at the end of what only grows. Histograms are classic
ones: `_bucket` with `le`, `_sum` and `_count`. What only grows, histograms among it, is cumulative over all trials of a command and is
kept for each profile and scenario: the arms of a comparison do not add to one another. What goes up and down is of the control plane
that is there at that moment, and has no series when there is nothing of it. A series that something has to happen for first, such as
that of a kind of request, begins when it has happened.

No label has a value for each node, pod or object, so there are as many series with 5,000 nodes as with 100.

";

/// The page.
pub(crate) fn file() -> File {
    File { path: PathBuf::from("docs/metrics.md"), content: page() }
}

fn page() -> String {
    let mut page = ABOVE.to_owned();
    page += "## Labels\n\n";
    let everywhere = EVERYWHERE.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
    // Writing to a String cannot fail.
    let _ = writeln!(page, "Every series has {everywhere}.\n\n| label | its values |\n|---|---|");
    for (label, values) in LABELS {
        let _ = writeln!(page, "| `{label}` | {values} |");
    }
    page += "\n## Metrics\n\n| name | kind | unit | labels | what it says |\n|---|---|---|---|---|\n";
    for declared in ALL {
        page += &row(declared);
    }
    page += "\n## Buckets\n\n";
    for (bounds, names) in bounds() {
        let _ = writeln!(page, "Up to {bounds}: {}.", names.join(", "));
    }
    page
}

fn row(declared: &Declared) -> String {
    let Declared { name, kind, help, labels, .. } = declared;
    let labels = labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
    format!("| `{name}` | {} | {} | {labels} | {help} |\n", kind.name(), declared.unit())
}

/// The bounds of histograms, and which histograms have them.
fn bounds() -> Vec<(String, Vec<String>)> {
    let mut all: Vec<(String, Vec<String>)> = Vec::new();
    for declared in ALL.iter().filter(|declared| declared.kind == FamilyKind::Histogram) {
        let bounds = declared.buckets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let bounds = format!("{bounds} {}", declared.unit());
        let name = format!("`{}`", declared.name);
        match all.iter_mut().find(|(known, _)| *known == bounds) {
            Some((_, names)) => names.push(name),
            None => all.push((bounds, vec![name])),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_and_every_label_is_on_the_page() {
        let page = page();
        for declared in ALL {
            assert_eq!(page.matches(&format!("| `{}` |", declared.name)).count(), 1, "{}", declared.name);
        }
        for (label, _) in LABELS {
            assert!(page.contains(&format!("| `{label}` | ")), "{label}");
        }
    }

    #[test]
    fn a_table_has_as_many_columns_in_every_row() {
        for line in page().lines().filter(|line| line.starts_with("| `loadgen_")) {
            assert_eq!(line.matches(" | ").count(), 4, "{line}");
        }
    }

    #[test]
    fn the_bounds_of_every_histogram_are_told_once() {
        let histograms = ALL.iter().filter(|declared| declared.kind == FamilyKind::Histogram).count();
        assert_eq!(bounds().iter().map(|(_, names)| names.len()).sum::<usize>(), histograms);
        assert!(
            bounds()[0].0.starts_with("0.001, 0.0025, 0.005") && bounds()[0].0.ends_with("30, 60 seconds")
        );
    }
}
