//! What happened in the course of a run or a search: what was offered and done, CPU, memory and what components said, with the phases
//! or the loads that were tried.

use std::collections::BTreeSet;

use jiff::Timestamp;
use maud::{Markup, html};
use measure::{
    Phase,
    metrics::{BACKLOG, GOOD, OFFERED},
    search::Outcome,
};
use record::{
    RunRecord, SearchRecord,
    metrics::{Kept, KeptSeries},
};
use serde_json::Value;

use super::place::Place;
use crate::{
    Reading, Run, Sample, Search, Series,
    chart::{Axis, Chart, LOOKS, Mark, Points, Scale, Unit},
};

/// Points of a line at most: more are not told apart.
const MOST_POINTS: usize = 150;
const MIB: f64 = 1_048_576.0;

/// A figure that components say of themselves every fifteen seconds.
struct Figure {
    key: &'static str,
    id: &'static str,
    title: &'static str,
    axis: &'static str,
    unit: Unit,
}

const FIGURES: [Figure; 4] = [
    Figure {
        key: "requests_per_second",
        id: "answered",
        title: "Requests that apiservers answered",
        axis: "requests per second",
        unit: Unit::Plain,
    },
    Figure {
        key: "watch_events_per_second",
        id: "watch-events",
        title: "Events that apiservers sent to watches",
        axis: "events per second",
        unit: Unit::Plain,
    },
    Figure {
        key: "wal_fsync_p99_seconds",
        id: "fsync",
        title: "etcd's fsync of its write-ahead log, 99th percentile",
        axis: "seconds",
        unit: Unit::Seconds,
    },
    Figure {
        key: "attempts_per_second",
        id: "attempts",
        title: "Scheduling attempts",
        axis: "attempts per second",
        unit: Unit::Plain,
    },
];

/// A name and what is drawn of it.
type Line = (String, Points);

/// What all charts of one course have in common.
struct Course<'a> {
    place: &'a Place,
    /// What the seconds are counted from.
    since: &'static str,
    /// The stretches that it has.
    bands: Vec<Mark>,
    /// What the stretches are.
    shaded: &'static str,
}

impl Course<'_> {
    fn chart(&self, id: &str, title: &str, about: &str, y: Axis, lines: Vec<Line>) -> Markup {
        let lines = lines.into_iter().take(LOOKS.len()).enumerate();
        let lines = lines.map(|(look, (name, points))| Mark::Line { name, look, points, markers: false });
        let chart = Chart {
            id: self.place.id(id),
            title: title.to_owned(),
            about: format!("{about}. {}", self.shaded),
            x: Axis::new(self.since, Scale::Linear, Unit::Plain),
            y,
            marks: self.bands.iter().cloned().chain(lines).collect(),
        };
        if chart.is_empty() {
            html! {}
        } else {
            chart.render()
        }
    }

    /// What was offered and what was done of it, as it was kept every few seconds.
    fn rates(&self, kept: &Kept, began: Timestamp) -> Markup {
        let rates = [(OFFERED.name, "offered"), (GOOD.name, "good")];
        let lines = rates.into_iter().flat_map(|(name, what)| of_loads(kept, name, what, began, rate));
        let backlog = of_loads(kept, BACKLOG.name, "backlog", began, <[(f64, f64)]>::to_vec);
        html! {
            (self.chart(
                "rates",
                "Offered load and goodput",
                "Operations per second that were due, and that succeeded within twice their limit",
                plain("operations per second"),
                lines.collect(),
            ))
            (self.chart(
                "backlog",
                "Backlog",
                "Operations that are accepted and unfinished",
                plain("operations"),
                backlog,
            ))
        }
    }

    /// What processes took, and what components said of themselves.
    fn series(&self, series: &Series) -> Markup {
        let (cpu, memory) = (of_processes(series, cpu), of_processes(series, memory));
        html! {
            (self.chart("cpu", "CPU", "How many processors each process kept busy", plain("cores"), cpu))
            (self.chart("memory", "Memory", "Resident memory of each process", plain("MiB"), memory))
            @for figure in &FIGURES {
                @let scale = if figure.unit == Unit::Seconds { Scale::Log } else { Scale::Linear };
                (self.chart(
                    figure.id,
                    figure.title,
                    "As the components say it themselves, of every fifteen seconds",
                    Axis::new(figure.axis, scale, figure.unit),
                    said(&series.components, figure.key),
                ))
            }
        }
    }
}

fn plain(title: &str) -> Axis {
    Axis::new(title, Scale::Linear, Unit::Plain)
}

/// All charts of a run of which there are figures.
pub(super) fn of_run(place: &Place, run: &Run) -> Markup {
    let shaded = "The shaded stretch is the window that was measured.";
    let since = "seconds since the run began";
    let course = Course { place, since, bands: phases(&run.record), shaded };
    let began = run.record.phases.first().map(|phase| phase.start);
    html! {
        @if let (Some(kept), Some(began)) = (&run.metrics, began) { (course.rates(kept, began)) }
        @if let Some(series) = &run.series { (course.series(series)) }
    }
}

/// All charts of a search of which there are figures.
pub(super) fn of_search(place: &Place, search: &Search) -> Markup {
    let record = &search.record;
    let Some((kept, first)) = search.metrics.as_ref().zip(record.trials.first()) else { return html! {} };
    let shaded = "The stretches are the loads that were tried; shaded are those that held.";
    let since = "seconds since the first load was tried";
    Course { place, since, bands: trials(record), shaded }.rates(kept, first.start)
}

/// The loads that were tried, as stretches of the search.
fn trials(record: &SearchRecord) -> Vec<Mark> {
    let Some(first) = record.trials.first() else { return Vec::new() };
    let band = |trial: &record::TrialRecord| {
        let from = trial.start.duration_since(first.start).as_secs_f64();
        let at = record.axis.show(trial.task.at);
        Mark::Band {
            label: at.trim_end_matches(record.axis.unit.as_str()).to_owned(),
            from,
            to: from + trial.seconds,
            strong: trial.finding.outcome == Outcome::Held,
        }
    };
    record.trials.iter().map(band).collect()
}

/// A line for each load; its name is left out where there is only one.
fn of_loads(
    kept: &Kept,
    family: &str,
    what: &str,
    began: Timestamp,
    figures: fn(&[(f64, f64)]) -> Points,
) -> Vec<Line> {
    let series: &[KeptSeries] = kept.family(family).map_or(&[], |family| family.series.as_slice());
    let zero = began.as_duration().as_secs_f64();
    let loads: BTreeSet<&str> = series.iter().filter_map(|series| series.label("load")).collect();
    let line = |load: &&str| {
        // A load has a series for each profile that the control plane had meanwhile, one after the other.
        let own = series.iter().filter(|series| series.label("load") == Some(load));
        let points: Points = own.flat_map(KeptSeries::points).map(|(unix, it)| (unix - zero, it)).collect();
        let points: Points = figures(&points).into_iter().filter(|point| point.0 >= 0.0).collect();
        let name = if loads.len() > 1 { format!("{load}: {what}") } else { what.to_owned() };
        (name, thinned(&points))
    };
    loads.iter().map(line).filter(|(_, points)| points.len() > 1).collect()
}

/// How fast a total grew from one moment to the next. One that begins anew begins anew.
fn rate(totals: &[(f64, f64)]) -> Points {
    totals
        .windows(2)
        .filter_map(|pair| {
            let [before, after] = pair else { return None };
            let (seconds, more) = (after.0 - before.0, after.1 - before.1);
            (seconds > 0.0 && more >= 0.0).then(|| (after.0, more / seconds))
        })
        .collect()
}

/// The phases, as stretches of the run.
fn phases(record: &RunRecord) -> Vec<Mark> {
    let Some(first) = record.phases.first() else { return Vec::new() };
    let band = |phase: &record::PhaseRecord| {
        let from = phase.start.duration_since(first.start).as_secs_f64();
        Mark::Band {
            label: phase.phase.name().to_owned(),
            from,
            to: from + phase.seconds,
            strong: phase.phase == Phase::Measure,
        }
    };
    record.phases.iter().map(band).collect()
}

/// A line for each process, those with the most first.
fn of_processes(series: &Series, figures: fn(&[Sample]) -> Points) -> Vec<Line> {
    let mut lines: Vec<Line> = series
        .processes
        .iter()
        .map(|(name, samples)| (name.clone(), thinned(&figures(samples))))
        .filter(|(_, points)| points.len() > 1)
        .collect();
    let sum = |points: &[(f64, f64)]| points.iter().map(|point| point.1).sum::<f64>();
    lines.sort_by(|a, b| sum(&b.1).total_cmp(&sum(&a.1)));
    lines
}

/// CPU time between two samples, by the time between them.
fn cpu(samples: &[Sample]) -> Points {
    let totals: Points = samples.iter().map(|sample| (sample.seconds, sample.cpu_seconds)).collect();
    rate(&totals)
}

fn memory(samples: &[Sample]) -> Points {
    samples.iter().map(|sample| (sample.seconds, sample.rss_bytes / MIB)).collect()
}

/// Means of as many neighbours as it takes for a line to have no more points than are seen.
fn thinned(points: &[(f64, f64)]) -> Points {
    let every = points.len().div_ceil(MOST_POINTS).max(1);
    points
        .chunks(every)
        .map(|chunk| {
            #[expect(clippy::cast_precision_loss, reason = "a chunk is small")]
            let count = chunk.len() as f64;
            let (x, y) = chunk.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
            (x / count, y / count)
        })
        .collect()
}

/// A line for each component that says so much of itself.
fn said(readings: &[Reading], key: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for reading in readings {
        for (name, figures) in &reading.components {
            let Some(value) = figures.get(key).and_then(Value::as_f64) else { continue };
            match lines.iter_mut().find(|(known, _)| known == name) {
                Some((_, points)) => points.push((reading.seconds, value)),
                None => lines.push((name.clone(), vec![(reading.seconds, value)])),
            }
        }
    }
    lines.retain(|(_, points)| points.len() > 1);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(seconds: f64, cpu_seconds: f64) -> Sample {
        Sample { seconds, cpu_seconds, rss_bytes: 2.0 * MIB }
    }

    #[test]
    fn processors_are_what_a_process_took_between_two_looks() {
        let samples =
            [sample(1.0, 5.0), sample(2.0, 5.5), sample(4.0, 8.5), sample(5.0, 0.1), sample(6.0, 0.35)];
        let expected = [(2.0, 0.5), (4.0, 1.5), (6.0, 0.25)];
        let found = cpu(&samples);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(found.iter().zip(expected).all(|(a, b)| near(a.0, b.0) && near(a.1, b.1)), "{found:?}");
    }

    #[test]
    fn a_long_line_keeps_its_mean() {
        let points: Points = (0..1500).map(|second| (f64::from(second), f64::from(second % 2))).collect();
        let thin = thinned(&points);
        assert_eq!(thin.len(), MOST_POINTS);
        assert!(thin.iter().all(|(_, y)| (y - 0.5).abs() < 1e-9));
    }
}
