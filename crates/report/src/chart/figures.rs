//! The figures of a chart as a table, for who cannot see it and for who wants to know exactly.

use maud::{Markup, html};

use super::{Axis, Chart, Mark, Scale};
use crate::html::table;

/// A line with more points than this says no more by all of them.
const MOST_POINTS: usize = 60;

impl Chart {
    /// All that is drawn of what was measured.
    pub(super) fn figures(&self) -> Markup {
        let rows = match &self.y.scale {
            Scale::Rows(names) => self.rows(names),
            _ => self.points(),
        };
        let header: Vec<&str> = match &self.y.scale {
            Scale::Rows(_) if self.has_ranges() => vec!["", &self.x.title, "low", "high", "series"],
            Scale::Rows(_) => vec!["", &self.x.title, "series"],
            _ => vec!["series", &self.x.title, &self.y.title],
        };
        let notes: Vec<String> = self.marks.iter().filter_map(|mark| note(&self.x, &self.y, mark)).collect();
        html! {
            (table(&self.title, &header, &rows))
            @if !notes.is_empty() { p.muted { (notes.join("; ")) } }
        }
    }

    fn has_ranges(&self) -> bool {
        self.marks.iter().any(|mark| matches!(mark, Mark::Ranges { .. }))
    }

    fn points(&self) -> Vec<Vec<Markup>> {
        let series = self.marks.iter().filter_map(|mark| match mark {
            Mark::Line { name, points, .. } | Mark::Points { name, points, .. } => Some((name, points)),
            _ => None,
        });
        let row = |name: &String, (x, y): &(f64, f64)| {
            [name.clone(), self.x.exact(*x), self.y.exact(*y)].map(|cell| html! { (cell) }).to_vec()
        };
        series
            .flat_map(|(name, points)| {
                let every = points.len().div_ceil(MOST_POINTS).max(1);
                points.iter().step_by(every).map(move |point| row(name, point)).collect::<Vec<_>>()
            })
            .collect()
    }

    fn rows(&self, names: &[String]) -> Vec<Vec<Markup>> {
        let name_of = |row: usize| names.get(row).cloned().unwrap_or_default();
        let exact = |value: f64| self.x.exact(value);
        let mut rows: Vec<(usize, Vec<String>)> = Vec::new();
        for mark in &self.marks {
            match mark {
                Mark::Ranges { name, ranges, .. } => rows.extend(ranges.iter().map(|range| {
                    let figures = [range.value, range.low, range.high].map(exact);
                    let [value, low, high] = figures;
                    (range.row, vec![name_of(range.row), value, low, high, name.clone()])
                })),
                Mark::Bars { name, bars, .. } => rows.extend(
                    bars.iter().map(|(row, value)| (*row, vec![name_of(*row), exact(*value), name.clone()])),
                ),
                Mark::Points { name, points, .. } => rows.extend(points.iter().map(|(value, row)| {
                    let row = whole(*row);
                    (row, vec![name_of(row), exact(*value), "-".to_owned(), "-".to_owned(), name.clone()])
                })),
                _ => {}
            }
        }
        rows.sort_by_key(|(row, _)| *row);
        rows.into_iter().map(|(_, cells)| cells.iter().map(|cell| html! { (cell) }).collect()).collect()
    }
}

/// The row that a height stands for.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rows are counted from 0")]
fn whole(height: f64) -> usize {
    height.round() as usize
}

/// What else is drawn, in words.
fn note(x: &Axis, y: &Axis, mark: &Mark) -> Option<String> {
    match mark {
        Mark::Band { label, from, to, .. } => {
            Some(format!("{label}: {} to {} ({})", x.exact(*from), x.exact(*to), x.title))
        }
        Mark::Rule { label, at } => Some(format!("{label}: {} ({})", x.exact(*at), x.title)),
        Mark::Limit { label, at } => Some(format!("{label}: {} ({})", y.exact(*at), y.title)),
        Mark::Line { .. }
        | Mark::Points { .. }
        | Mark::Reference { .. }
        | Mark::Ranges { .. }
        | Mark::Bars { .. } => None,
    }
}
