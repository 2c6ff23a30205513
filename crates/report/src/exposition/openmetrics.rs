//! OpenMetrics 1.0 with timestamps: what `promtool tsdb create-blocks-from openmetrics` reads.
//! (Format: `prometheus/OpenMetrics`, `specification/OpenMetrics.md`; reader: Prometheus' `cmd/promtool/backfill.go` and
//! `model/textparse/openmetricsparse.go`.)
//!
//! Names, labels and the spelling of bounds are those that a scrape has, so that a series is the same series whether it was scraped or
//! backfilled. Where one went away its points end and nothing is written in their place: the format has no mark for it, and a NaN
//! would make NaN of every sum that it is part of for the five minutes in which Prometheus looks back for a value.

use std::{
    collections::HashMap,
    io::{self, Write},
};

use measure::metrics::FamilyKind;
use record::metrics::{KeptFamily, KeptSeries};

use super::{
    Number,
    text::{Braces, Escaped},
};

/// The last line of every text.
pub const EOF: &str = "# EOF\n";

/// Writes one family: what it is, and then metric by metric its points as time goes on, those of a histogram together. Whoever has written
/// all families writes [`EOF`].
///
/// A counter is named without its `_total` in the lines that say what it is, as the format has it. One whose name does not end so is no
/// counter of this format, and is said to be unknown: its series keep their names. What has no point is left out.
///
/// # Errors
///
/// Where `out` fails.
pub fn openmetrics_family(out: &mut (impl Write + ?Sized), family: &KeptFamily) -> io::Result<()> {
    let mut metrics = metrics(family);
    metrics.retain(|parts| parts.iter().any(|series| series.points().next().is_some()));
    if metrics.is_empty() {
        return Ok(());
    }
    let (name, kind) = named(family);
    writeln!(out, "# TYPE {name} {kind}")?;
    if !family.help.is_empty() {
        writeln!(out, "# HELP {name} {}", Escaped { text: &family.help, quotes: true })?;
    }
    metrics.iter().try_for_each(|parts| write_points(out, family.kind, parts))
}

/// The family's name and kind in this format.
fn named(family: &KeptFamily) -> (&str, &str) {
    match (family.kind, family.name.strip_suffix("_total")) {
        (FamilyKind::Counter, Some(name)) => (name, "counter"),
        (FamilyKind::Counter, None) | (FamilyKind::Untyped, _) => (&family.name, "unknown"),
        (kind, _) => (&family.name, kind.name()),
    }
}

/// The series of a family by what differs in more than a bound, each with all that is said of it: bounds ascending, then the sum and
/// the count.
fn metrics(family: &KeptFamily) -> Vec<Vec<&KeptSeries>> {
    let bound = match family.kind {
        FamilyKind::Histogram => "le",
        FamilyKind::Summary => "quantile",
        FamilyKind::Counter | FamilyKind::Gauge | FamilyKind::Untyped => {
            return family.series.iter().map(|series| vec![series]).collect();
        }
    };
    let mut places = HashMap::new();
    let mut metrics: Vec<Vec<&KeptSeries>> = Vec::new();
    for series in &family.series {
        let others: Vec<_> = series.labels.iter().filter(|(name, _)| name != bound).collect();
        let place = *places.entry(others).or_insert_with(|| {
            metrics.push(Vec::new());
            metrics.len() - 1
        });
        metrics[place].push(series);
    }
    for parts in &mut metrics {
        parts.sort_by(|one, other| rank(one, bound).total_cmp(&rank(other, bound)));
    }
    metrics
}

/// Where a part stands among those of its metric: what has no bound is behind what has one.
fn rank(series: &KeptSeries, bound: &str) -> f64 {
    let number = series.label(bound).map(|bound| bound.parse().unwrap_or(f64::INFINITY));
    number.unwrap_or(f64::NAN)
}

/// The points of one metric, all parts of it at a moment together.
fn write_points(out: &mut (impl Write + ?Sized), kind: FamilyKind, parts: &[&KeptSeries]) -> io::Result<()> {
    // What counts cannot be NaN in this format.
    let counts = matches!(kind, FamilyKind::Counter | FamilyKind::Histogram);
    let mut waiting: Vec<_> = parts.iter().map(|series| points(series, counts).peekable()).collect();
    let heads: Vec<String> =
        parts.iter().map(|series| format!("{}{}", series.name, Braces(&series.labels))).collect();
    loop {
        let next = waiting.iter_mut().filter_map(|points| points.peek().map(|(unix, _)| *unix));
        let Some(now) = next.min_by(f64::total_cmp) else { return Ok(()) };
        for (points, head) in waiting.iter_mut().zip(&heads) {
            if let Some((_, value)) = points.next_if(|(unix, _)| *unix <= now) {
                writeln!(out, "{head} {} {now:.3}", Number(value))?;
            }
        }
    }
}

fn points(series: &KeptSeries, counts: bool) -> impl Iterator<Item = (f64, f64)> {
    series.points().filter(move |(_, value)| !(counts && value.is_nan()))
}
