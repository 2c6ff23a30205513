//! The page of a run.

use maud::{Markup, html};
use measure::{Phase, Summary, statistics::Judgement};
use record::{PodStartup, RunRecord};

use super::{
    doubts, latency, over_time,
    place::Place,
    requests,
    set_up::{self, SetUp},
    table::{row, table},
};
use crate::{
    Run,
    chart::{Axis, Chart, Mark, Range, Scale, Unit},
    words::run as words,
};

/// Everything below the answer.
pub(super) fn body(place: &Place, run: &Run) -> Markup {
    let record = &run.record;
    let window = record.phases.iter().find(|phase| phase.phase == Phase::Measure).map(|phase| phase.seconds);
    let limited = html! {
        @if broke(record) { (requests::used_up(&record.limited_by)) }
    };
    let times = html! {
        (latency::curves(place, "drivers", &record.requests.drivers, run.latency.as_ref()))
        (latency::curves(place, "fleet", &record.requests.fleet, run.fleet_latency.as_ref()))
    };
    let all_requests = html! {
        @if let Some(window) = window.filter(|window| *window > 0.0) { (requests::requests(&record.requests, window)) }
    };
    html! {
        p.lead { (words::standing(record)) @if broke(record) { " What was broken:" } }
        @if broke(record) { (super::list(&words::broken(record))) }
        p.muted { (words::on(record)) }
        (place.section("limits", "Limits", &requests::limits(&record.judged)))
        (place.section("limited", "What was used up", &limited))
        (place.section("loads", "Loads", &requests::loads(&record.loads)))
        (place.section("startup", "Pod startup", &startup(place, record)))
        (place.section("times", "Response times", &times))
        (place.section("course", "In the course of the run", &over_time::of_run(place, run)))
        (place.section("requests", "Requests", &all_requests))
        (place.section("processes", "Processes", &requests::processes(&record.resources, record.harness_cpu_share)))
        (place.section("faults", "Faults", &faults(record)))
        (doubts::section(place, &doubts::of(&record.warnings)))
        (set_up::section(place, &SetUp::of_run(record)))
    }
}

fn broke(record: &RunRecord) -> bool {
    record.judged.iter().any(|it| it.judgement == Judgement::Breaks)
}

/// The stages of a pod's start: from one to the next, and all together.
fn startup(place: &Place, record: &RunRecord) -> Markup {
    let Some(PodStartup { create, schedule, start, total }) = &record.pod_startup else { return html! {} };
    let stages: [(&str, &Summary); 4] = [
        ("intended to created", create),
        ("created to scheduled", schedule),
        ("scheduled to running", start),
        ("intended to running", total),
    ];
    let known = |summary: &Summary| {
        let (value, high) = (summary.p50.or(summary.max)?, summary.p99.or(summary.max)?);
        Some((value, high))
    };
    let ranges = stages.iter().enumerate().filter_map(|(row, (_, summary))| {
        let (value, high) = known(summary)?;
        Some(Range { row, low: value, value, high })
    });
    let chart = Chart {
        id: place.id("startup-stages"),
        title: "From the intention to a running pod".to_owned(),
        about: "The mark is the median of a stage, and the line goes to its 99th percentile, or to the longest where too few pods carry one."
            .to_owned(),
        x: Axis::new("time", Scale::Log, Unit::Seconds),
        y: Axis::new("stage", Scale::Rows(stages.map(|(name, _)| name.to_owned()).to_vec()), Unit::Plain),
        marks: vec![Mark::Ranges {
            name: "median to 99th percentile".to_owned(),
            look: 0,
            ranges: ranges.collect(),
        }],
    };
    let rows: Vec<Vec<Markup>> = stages
        .iter()
        .map(|(name, summary)| {
            let [p50, p90, p99, max] = requests::percentiles(summary);
            row([(*name).to_owned(), summary.n.to_string(), p50, p90, p99, max])
        })
        .collect();
    html! {
        @if !chart.is_empty() { (chart.render()) }
        (table("Pod startup", &["stage", "pods", "p50", "p90", "p99", "max"], &rows))
        @if let Some(pods) = &record.pods {
            p.muted {
                "Pods of the whole run: " (pods.offered) " offered, of which " (pods.deleted) " ran and are gone, " (pods.running)
                " run, " (pods.failed) " failed"
                @for (reason, count) in &pods.failed_by_reason { ", " (count) " " (reason) }
                "."
            }
        }
    }
}

fn faults(record: &RunRecord) -> Markup {
    if record.faults.is_empty() {
        return html! {};
    }
    let rows: Vec<Vec<Markup>> = record
        .faults
        .iter()
        .map(|fault| {
            let code = fault.code.map(|code| code.to_string());
            let delay = fault.delay_seconds.map(|seconds| crate::words::seconds(Some(seconds)));
            let [code, delay] = [code, delay].map(|cell| cell.unwrap_or_else(|| "-".to_owned()));
            row([
                fault.name.clone(),
                fault.resource.clone(),
                fault.asked.to_string(),
                fault.denied.to_string(),
                code,
                delay,
            ])
        })
        .collect();
    table("Faults", &["fault", "of", "asked", "denied", "status", "delay"], &rows)
}
