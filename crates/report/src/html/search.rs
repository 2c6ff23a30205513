//! The page of a search.

use maud::{Markup, html};
use measure::search::{Outcome, TaskKind};
use record::{SearchRecord, TrialRecord};

use super::{
    doubts, over_time,
    place::Place,
    requests,
    set_up::{self, SetUp},
    table::{row, table},
};
use crate::{
    Search,
    chart::{Axis, Chart, Mark, Scale, Unit},
    words::{broken, search as words, seconds},
};

/// Everything below the answer.
pub(super) fn body(place: &Place, search: &Search) -> Markup {
    let record = &search.record;
    html! {
        (lead(record))
        (place.section("saturation", "Where it saturates", &saturation(place, record)))
        (place.section("broke", "What broke first, and what limited it", &broke(record)))
        (place.section("cost", "What an operation costs", &cost(place, record)))
        (place.section("tried", "Everything that was tried", &tried(record)))
        (place.section("course", "In the course of the search", &over_time::of_search(place, search)))
        (place.section("held", "At the highest load that holds", &held(record)))
        (doubts::section(place, &doubts::of(&record.warnings)))
        (set_up::section(place, &SetUp::of_search(record)))
    }
}

fn lead(record: &SearchRecord) -> Markup {
    let [low, high] = [Outcome::Held, Outcome::Broke].map(|outcome| record.steady(outcome).count());
    html! {
        p.lead {
            (record.trials.len()) " loads were tried; of the steady windows " (low) " held and " (high) " broke."
            @if let Some((from, to)) = record.wavered() {
                " From " (record.axis.show(from)) " to " (record.axis.show(to)) " they held and broke by turns."
            }
        }
        p.muted { (words::on(record)) }
    }
}

/// What a window was, for a chart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Held,
    Broke,
    Ramp,
    Overload,
    Limited,
}

impl Sort {
    const ALL: [(Self, &'static str, usize); 5] = [
        (Self::Ramp, "step of the ramp", 5),
        (Self::Limited, "the harness could not offer it", 4),
        (Self::Overload, "overload", 3),
        (Self::Held, "held", 0),
        (Self::Broke, "broke", 1),
    ];

    /// Nothing of a recovery: it is at a load that is known.
    fn of(trial: &TrialRecord) -> Option<Self> {
        Some(match (trial.task.kind, trial.finding.outcome) {
            (TaskKind::Recovery, _) => return None,
            (_, Outcome::HarnessLimited) => Self::Limited,
            (TaskKind::Ramp, _) => Self::Ramp,
            (TaskKind::Overload, _) => Self::Overload,
            (_, Outcome::Held) => Self::Held,
            (_, Outcome::Broke) => Self::Broke,
        })
    }
}

fn saturation(place: &Place, record: &SearchRecord) -> Markup {
    let goodput = Chart {
        id: place.id("goodput"),
        title: "Goodput by offered load".to_owned(),
        about: format!(
            "{}. Each mark is a window; where goodput stops to follow the load, the marks leave the dashed line.",
            words::answer(record)
        ),
        x: Axis::new(&offered(record), Scale::Linear, Unit::Plain),
        y: Axis::new("good operations per second", Scale::Linear, Unit::Plain),
        marks: marks(
            record,
            |trial| (trial.goodput.offered > 0).then_some(trial.goodput.goodput_per_second),
            true,
        ),
    };
    let latency = Chart {
        id: place.id("latency"),
        title: "Latency by offered load".to_owned(),
        about: "From the intended start of an operation to its success: its 99th percentile, or the longest where too few operations carry one."
            .to_owned(),
        x: Axis::new(&offered(record), Scale::Linear, Unit::Plain),
        y: Axis::new("99th percentile", Scale::Log, Unit::Seconds),
        marks: limit(record)
            .into_iter()
            .chain(marks(record, |trial| trial.response.p99.or(trial.response.max), false))
            .collect(),
    };
    html! {
        @if !goodput.is_empty() { (goodput.render()) }
        @if !latency.is_empty() { (latency.render()) }
    }
}

/// What an operation may take: goodput counts those within twice as long.
fn limit(record: &SearchRecord) -> Option<Mark> {
    let seconds = record.trials.first()?.goodput.limit_seconds / 2.0;
    let label = format!("limit {seconds} s");
    (seconds > 0.0).then_some(Mark::Limit { label, at: seconds })
}

fn offered(record: &SearchRecord) -> String {
    let unit = record.axis.unit.trim();
    let unit = if unit.is_empty() { String::new() } else { format!(", {unit}") };
    format!("offered ({}{unit})", record.axis.name)
}

fn marks(record: &SearchRecord, figure: impl Fn(&TrialRecord) -> Option<f64>, follows: bool) -> Vec<Mark> {
    let mut marks = Vec::new();
    let bracket = record.answer.and_then(|answer| Some((answer.low?, answer.high?)));
    if let Some((from, to)) = bracket.filter(|(low, high)| low < high) {
        marks.push(Mark::Band { label: String::new(), from, to, strong: true });
    }
    let rules = [("λ*", record.lambda), ("knee", record.knee)];
    marks.extend(rules.into_iter().filter_map(|(name, at)| {
        let at = at?;
        Some(Mark::Rule { label: format!("{name} {}", record.axis.show(at)), at })
    }));
    let most = record.trials.iter().map(|trial| trial.task.at).fold(0.0, f64::max);
    if follows && record.axis.unit == "/s" && most > 0.0 {
        let points = vec![(0.0, 0.0), (most, most)];
        marks.push(Mark::Reference { name: "all that is offered".to_owned(), points });
    }
    for (sort, name, look) in Sort::ALL {
        let of = record.trials.iter().filter(|trial| Sort::of(trial) == Some(sort));
        let points: Vec<(f64, f64)> = of.filter_map(|trial| Some((trial.task.at, figure(trial)?))).collect();
        if !points.is_empty() {
            marks.push(Mark::Points { name: name.to_owned(), look, points });
        }
    }
    marks
}

fn broke(record: &SearchRecord) -> Markup {
    html! {
        @if record.broke_first.is_empty() {
            p { "No window broke a limit." }
        } @else {
            p { "At the lowest load that broke these limits were not kept:" }
            ul { @for judged in &record.broke_first { li { (broken(judged)) } } }
        }
        @if !record.limited_by.is_empty() {
            p { "What was used up there, the strongest first:" }
            (requests::used_up(&record.limited_by))
        }
        @if let Some(knee) = record.knee {
            p { "Goodput stops to follow the load at " (record.axis.show(knee)) " (the knee, by Kneedle)." }
        }
    }
}

fn cost(place: &Place, record: &SearchRecord) -> Markup {
    let costs = &record.cpu_ms_per_operation;
    let mut sorted: Vec<(&String, f64)> = costs.iter().map(|(name, cost)| (name, *cost)).collect();
    sorted.sort_by(|a, b| b.1.total_cmp(&a.1));
    let chart = Chart {
        id: place.id("cpu-per-operation"),
        title: "CPU per operation".to_owned(),
        about: "Milliseconds of CPU that each process takes for one operation at the highest load that holds: a figure that other machines of \
                this kind share."
            .to_owned(),
        x: Axis::new("milliseconds of CPU", Scale::Linear, Unit::Plain),
        y: Axis::new("process", Scale::Rows(sorted.iter().map(|(name, _)| (*name).clone()).collect()), Unit::Plain),
        marks: vec![Mark::Bars {
            name: "CPU per operation".to_owned(),
            look: 0,
            bars: sorted.iter().map(|(_, cost)| *cost).enumerate().collect(),
        }],
    };
    if chart.is_empty() {
        html! {}
    } else {
        chart.render()
    }
}

fn tried(record: &SearchRecord) -> Markup {
    let processes = words::processes(record);
    let mut header = vec!["tried", "at", "result", "goodput/s", "p50", "p99"];
    let cores: Vec<String> = processes.iter().map(|name| format!("{name}, cores")).collect();
    header.extend(cores.iter().map(String::as_str));
    let rows: Vec<Vec<Markup>> = record
        .trials
        .iter()
        .map(|trial| {
            let recovers = trial.task.kind == TaskKind::Recovery;
            let dash = || "-".to_owned();
            let figures = [
                if trial.goodput.offered == 0 {
                    dash()
                } else {
                    format!("{:.1}", trial.goodput.goodput_per_second)
                },
                seconds(trial.response.p50),
                seconds(trial.response.p99.or(trial.response.max)),
            ];
            let [goodput, p50, p99] = if recovers { [dash(), dash(), dash()] } else { figures };
            let kind = words::task(trial.task.kind).to_owned();
            let mut cells = row([kind, record.axis.show(trial.task.at), goodput, p50, p99]);
            cells.insert(2, result(trial));
            cells.extend(row(processes.iter().map(|name| match trial.resources.get(*name) {
                Some(used) => format!("{:.2}", used.cpu_cores_mean),
                None => dash(),
            })));
            cells
        })
        .collect();
    html! {
        (table("Everything that was tried", &header, &rows))
        p.muted {
            "Latencies are from an operation's intended start. A step of the ramp is too short to say that a load holds: it only shows where to \
             look."
        }
    }
}

fn result(trial: &TrialRecord) -> Markup {
    let sign = match (trial.task.kind, trial.finding.outcome) {
        // A step of the ramp is too short to say it of a load.
        (TaskKind::Recovery | TaskKind::Ramp, _) => "",
        (_, Outcome::Held) => "✓ ",
        (_, Outcome::Broke) => "✗ ",
        (_, Outcome::HarnessLimited) => "? ",
    };
    let class = match (trial.task.kind, trial.finding.outcome) {
        (TaskKind::Ramp, _) => "words muted",
        (_, Outcome::Broke) => "words bad",
        _ => "words",
    };
    html! { span class=(class) { (sign) (words::result(trial)) } }
}

fn held(record: &SearchRecord) -> Markup {
    let Some(trial) = record.held() else { return html! {} };
    html! {
        p.muted { "The last steady window at " (record.axis.show(trial.task.at)) ", " (format!("{:.0}", trial.window_seconds)) " s." }
        p.caption { "Limits" }
        (requests::limits(&trial.judged))
        @if !trial.loads.is_empty() { p.caption { "Loads" } }
        (requests::loads(&trial.loads))
        (requests::requests(&trial.requests, trial.window_seconds))
        @if !trial.resources.is_empty() { p.caption { "Processes" } }
        (requests::processes(&trial.resources, trial.harness_cpu_share))
    }
}
