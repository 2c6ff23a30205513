//! Tables of requests, loads, limits and processes, of a run or of one trial of a search.

use std::collections::BTreeMap;

use maud::{Markup, html};
use measure::{Summary, criteria::Judged, statistics::Judgement};
use record::{Limit, LoadRecord, ProcessUse, Requests};

use super::table::{row, table};
use crate::words::{errors, figure, mebibytes, of_criterion, per_second, seconds};

/// What came of the requests of a window of so many seconds.
pub(super) fn requests(requests: &Requests, window: f64) -> Markup {
    let header = ["request", "offered/s", "goodput/s", "p50", "p90", "p99", "max", "errors"];
    let side = |name: &str, kinds: &[record::KindRecord]| {
        let rows: Vec<Vec<Markup>> = kinds
            .iter()
            .map(|kind| {
                let failed: u64 = kind.errors.values().sum();
                let [p50, p90, p99, max] = percentiles(&kind.response);
                row([
                    format!("{} {}", kind.verb, kind.resource),
                    per_second(kind.offered, window),
                    per_second(kind.done - failed, window),
                    p50,
                    p90,
                    p99,
                    max,
                    errors(kind),
                ])
            })
            .collect();
        table(name, &header, &rows)
    };
    html! {
        @for (name, kinds) in [("Requests of the drivers", &requests.drivers), ("Requests of the fleet", &requests.fleet)] {
            @if !kinds.is_empty() { p.caption { (name) } (side(name, kinds)) }
        }
        @if !requests.drivers.is_empty() || !requests.fleet.is_empty() {
            p.muted { "From the intended start of a request to its answer. A percentile is left out where too few requests carry it." }
        }
    }
}

/// A row for each load.
pub(super) fn loads(loads: &[LoadRecord]) -> Markup {
    if loads.is_empty() {
        return html! {};
    }
    let header = ["load", "driver", "asked for", "goodput/s", "p50", "p90", "p99", "max", "watch lag p99"];
    let rows: Vec<Vec<Markup>> = loads
        .iter()
        .map(|load| {
            let asked = load.rate_per_second.map(|rate| format!("{rate:.1}/s"));
            let asked = asked.or_else(|| load.count.map(|count| count.to_string()));
            let goodput = load.goodput.map(|goodput| format!("{:.1}", goodput.goodput_per_second));
            let named = if load.judged { load.name.clone() } else { format!("{} (not judged)", load.name) };
            let [p50, p90, p99, max] = percentiles(&load.response);
            let lag = load.watch_lag.as_ref().and_then(|lag| lag.p99.or(lag.max));
            let dash = || "-".to_owned();
            let [asked, goodput] = [asked, goodput].map(|cell| cell.unwrap_or_else(dash));
            row([named, load.driver.clone(), asked, goodput, p50, p90, p99, max, seconds(lag)])
        })
        .collect();
    html! {
        (table("Loads", &header, &rows))
        @for load in loads {
            @if let Some(operations) = load.operations.as_ref().filter(|operations| operations.offered > 0) {
                p.muted {
                    (load.name) " of the whole run: " (operations.offered) " offered, of which " (operations.gone)
                    " gone again, " (operations.there) " there, " (operations.failed) " failed"
                    @for (reason, count) in &operations.failed_by_reason { ", " (count) " " (reason) }
                    "."
                }
            }
            @if !load.figures.is_empty() {
                p.muted {
                    (load.name) ": "
                    @for (place, (name, value)) in load.figures.iter().enumerate() {
                        @if place > 0 { ", " }
                        (name) " " (figure(*value))
                    }
                }
            }
        }
    }
}

/// How each limit was kept, the broken ones first.
pub(super) fn limits(judged: &[Judged]) -> Markup {
    if judged.is_empty() {
        return html! {};
    }
    let mut judged: Vec<&Judged> = judged.iter().collect();
    judged.sort_by_key(|it| match it.judgement {
        Judgement::Breaks => 0,
        Judgement::Undecided => 1,
        Judgement::Holds => 2,
    });
    let rows: Vec<Vec<Markup>> = judged
        .iter()
        .map(|it| {
            let shown = |value: Option<f64>| {
                value.map_or_else(|| "-".to_owned(), |value| of_criterion(&it.criterion, value))
            };
            let mut cells = row([
                it.criterion.clone(),
                it.group.clone(),
                shown(Some(it.value)),
                shown(it.low),
                shown(it.high),
                shown(Some(it.limit)),
                format!("{:.0}", it.n),
            ]);
            cells.insert(1, judgement(it));
            cells
        })
        .collect();
    table("Limits", &["limit", "kept?", "of", "value", "at least", "at most", "allowed", "samples"], &rows)
}

fn judgement(judged: &Judged) -> Markup {
    let (class, word) = match judged.judgement {
        Judgement::Holds => ("good", "✓ kept"),
        Judgement::Breaks => ("bad", "✗ broken"),
        Judgement::Undecided => ("muted", "? undecided"),
    };
    html! { span class=(class) { (word) } @if judged.few_samples { " " span.muted { "(few samples)" } } }
}

/// What was used up, the strongest first.
pub(super) fn used_up(limits: &[Limit]) -> Markup {
    html! {
        @if !limits.is_empty() {
            ul { @for limit in limits { li { (limit.text) } } }
        }
    }
}

/// What each process took.
pub(super) fn processes(resources: &BTreeMap<String, ProcessUse>, harness_share: Option<f64>) -> Markup {
    if resources.is_empty() {
        return html! {};
    }
    let rows: Vec<Vec<Markup>> = resources
        .iter()
        .map(|(name, used)| {
            row([
                name.clone(),
                format!("{:.2}", used.cpu_cores_mean),
                format!("{:.1}", used.cpu_seconds),
                mebibytes(used.rss_max_bytes),
                used.write_bytes.map_or_else(|| "-".to_owned(), mebibytes),
            ])
        })
        .collect();
    html! {
        (table("Processes", &["process", "cores", "CPU seconds", "most memory", "written"], &rows))
        @if let Some(share) = harness_share {
            p.muted { "The load generator itself (harness) took " (format!("{:.1}", share * 100.0)) " % of the machine's CPU." }
        }
    }
}

/// p50, p90, p99 and the longest.
pub(super) fn percentiles(summary: &Summary) -> [String; 4] {
    [summary.p50, summary.p90, summary.p99, summary.max].map(seconds)
}
