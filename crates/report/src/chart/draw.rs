//! From a chart to SVG.

use maud::{Markup, html};

use super::{
    Chart, Mark, Range, Scale,
    labels::{self, width},
    look::LOOKS,
    scale::Fitted,
};

/// How large a chart is drawn. Text has one size in all of them, so a narrow screen gets a chart of its own and not a small one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    /// The class of it, and the end of its name.
    name: &'static str,
    width: f64,
    /// Of what is drawn into, where it has no rows.
    plot: f64,
    row: f64,
    ticks: (f64, f64),
    /// Whether there is room beside a line for its name, and before a row.
    beside: bool,
}

pub(super) const WIDE: Size =
    Size { name: "wide", width: 920.0, plot: 250.0, row: 24.0, ticks: (9.0, 5.0), beside: true };
pub(super) const NARROW: Size =
    Size { name: "narrow", width: 360.0, plot: 210.0, row: 40.0, ticks: (4.0, 5.0), beside: false };

const LINE: f64 = 16.0;

/// Where what is.
struct Frame<'a> {
    size: &'a Size,
    x: Fitted<'a>,
    y: Fitted<'a>,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

impl Frame<'_> {
    fn x(&self, value: f64) -> f64 {
        self.left + self.x.place(value) * (self.right - self.left)
    }

    fn y(&self, value: f64) -> f64 {
        self.bottom - self.y.place(value) * (self.bottom - self.top)
    }

    fn at(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (self.x(x), self.y(y))
    }
}

/// A length in the fewest digits that are enough.
pub(super) fn px(value: f64) -> String {
    let text = format!("{value:.1}");
    match text.strip_suffix(".0") {
        Some("-0") => "0".to_owned(),
        Some(whole) => whole.to_owned(),
        None => text,
    }
}

impl Chart {
    /// The chart at one size.
    pub(super) fn draw(&self, size: &Size) -> Markup {
        let keys = self.keys(size);
        let key_rows = lay_out(&keys, size.width);
        let notes = self.notes();
        let mut frame = self.frame(size);
        let placed = placed(&notes, &frame);
        let lines = |rows: usize| f64::from(u32::try_from(rows).unwrap_or(0)) * LINE;
        let head = lines(key_rows.last().map_or(0, |(row, _)| row + 1));
        let above = lines(placed.iter().map(|(row, _)| row + 1).max().unwrap_or(0));
        let titled = if matches!(self.y.scale, Scale::Rows(_)) { 4.0 } else { LINE + 4.0 };
        let down = head + titled + above + 4.0;
        frame.top += down;
        frame.bottom += down;
        let height = frame.bottom + 2.0 * LINE + 8.0;
        let id = |part: &str| format!("{}-{}-{part}", self.id, size.name);
        html! {
            svg class=(size.name) viewBox={ "0 0 " (px(size.width)) " " (px(height)) } role="img"
                aria-labelledby={ (id("title")) " " (id("desc")) } {
                title id=(id("title")) { (self.title) }
                desc id=(id("desc")) { (self.about) }
                @for ((name, look, line), (row, x)) in keys.iter().zip(&key_rows) {
                    (key(name, *look, *line, *x, lines(*row) + 12.0))
                }
                @if !matches!(self.y.scale, Scale::Rows(_)) {
                    text x="0" y=(px(head + 14.0)) class="title" { (self.y.title) }
                }
                (self.axes(&frame))
                @for mark in self.marks.iter() { (behind(mark, &frame)) }
                (self.names(&frame))
                @for ((label, at), (row, x)) in notes.iter().zip(&placed) {
                    (note(label, frame.x(*at), *x, frame.top - 6.0 - lines(*row)))
                }
                @for mark in self.marks.iter() { (self.before(mark, &frame)) }
                @if size.beside { (self.ends(&frame)) }
            }
        }
    }

    /// Fits the axes, with the plot at the top.
    fn frame<'a>(&'a self, size: &'a Size) -> Frame<'a> {
        let x = self.x.fit(self.values(Mark::xs));
        let y = self.y.fit(self.values(Mark::ys));
        let left = match &self.y.scale {
            Scale::Rows(names) if size.beside => longest(names.iter().map(String::as_str)).min(300.0) + 12.0,
            Scale::Rows(_) => 16.0,
            _ => longest(y.ticks(size.ticks.1).iter().map(|(_, text)| text.as_str())) + 10.0,
        };
        let names = self.marks.iter().filter_map(|mark| match mark {
            Mark::Line { name, .. } => Some(name.as_str()),
            _ => None,
        });
        let beside = longest(names.filter(|_| size.beside));
        let has_bars = self.marks.iter().any(|mark| matches!(mark, Mark::Bars { .. }));
        let beside = if has_bars { 50.0 } else { beside };
        let right = size.width - if beside > 0.0 { beside + 26.0 } else { 20.0 };
        let plot = match &self.y.scale {
            Scale::Rows(names) => f64::from(u32::try_from(names.len()).unwrap_or(1)) * size.row,
            _ => size.plot,
        };
        Frame { size, x, y, left, right, top: 0.0, bottom: plot }
    }

    fn values(&self, of: impl Fn(&Mark) -> Vec<f64>) -> std::vec::IntoIter<f64> {
        self.marks.iter().flat_map(of).collect::<Vec<_>>().into_iter()
    }

    /// What the key names: all that has no name at its end.
    fn keys(&self, size: &Size) -> Vec<(&str, usize, bool)> {
        let named = self.marks.iter().filter_map(|mark| match mark {
            Mark::Line { name, look, .. } => (!size.beside).then_some((name.as_str(), *look, true)),
            Mark::Points { name, look, .. } => Some((name.as_str(), *look, false)),
            Mark::Ranges { name, look, .. } => Some((name.as_str(), *look, true)),
            Mark::Bars { .. }
            | Mark::Reference { .. }
            | Mark::Band { .. }
            | Mark::Rule { .. }
            | Mark::Limit { .. } => None,
        });
        named.collect()
    }

    /// What is written above the plot, and over which value of x.
    fn notes(&self) -> Vec<(&str, f64)> {
        let notes = self.marks.iter().filter_map(|mark| match mark {
            Mark::Band { label, from, to, .. } => Some((label.as_str(), self.middle(*from, *to))),
            Mark::Rule { label, at } => Some((label.as_str(), *at)),
            _ => None,
        });
        notes.filter(|(label, _)| !label.is_empty()).collect()
    }

    fn middle(&self, from: f64, to: f64) -> f64 {
        if self.x.scale == Scale::Log { (from * to).sqrt() } else { f64::midpoint(from, to) }
    }

    fn axes(&self, frame: &Frame<'_>) -> Markup {
        let Frame { left, right, top, bottom, size, .. } = *frame;
        html! {
            @for (place, text) in frame.y.ticks(size.ticks.1) {
                @let y = px(bottom - place * (bottom - top));
                path class="grid" d={ "M" (px(left)) "," (y) "H" (px(right)) } {}
                text x=(px(left - 6.0)) y=(y) dy="0.32em" text-anchor="end" { (text) }
            }
            @for (place, text) in frame.x.ticks(size.ticks.0) {
                @let x = px(left + place * (right - left));
                path class="grid" d={ "M" (x) "," (px(top)) "V" (px(bottom + 4.0)) } {}
                text x=(x) y=(px(bottom + LINE)) text-anchor="middle" { (text) }
            }
            path class="axis" d={ "M" (px(left)) "," (px(bottom)) "H" (px(right)) } {}
            text x=(px(f64::midpoint(left, right))) y=(px(bottom + 2.0 * LINE + 2.0)) text-anchor="middle" class="title" {
                (self.x.title)
            }
        }
    }

    /// The names of rows: before them, or above what is drawn in them where there is no room.
    fn names(&self, frame: &Frame<'_>) -> Markup {
        let names: &[String] = if let Scale::Rows(names) = &self.y.scale { names } else { &[] };
        html! {
            @for (row, name) in names.iter().enumerate() {
                @let y = frame.y(number(row));
                @if frame.size.beside {
                    text x=(px(frame.left - 8.0)) y=(px(y)) dy="0.32em" text-anchor="end" { (name) }
                } @else {
                    text x=(px(frame.left)) y=(px(y - 10.0)) class="halo" { (name) }
                }
            }
        }
    }

    /// The figures.
    fn before(&self, mark: &Mark, frame: &Frame<'_>) -> Markup {
        match mark {
            Mark::Line { look, points, markers, .. } => {
                let points = self.drawn(points, frame);
                html! {
                    path class={ "series c" (look) } stroke-dasharray=[LOOKS[*look].dash] d=(path(&points)) {}
                    @if *markers { @for point in &points { (marker(*look, *point)) } }
                }
            }
            Mark::Points { look, points, .. } => html! {
                @for point in self.drawn(points, frame) { (marker(*look, point)) }
            },
            Mark::Ranges { look, ranges, .. } => html! {
                @for range in ranges { (self.range(*look, range, frame)) }
            },
            Mark::Bars { look, bars, .. } => html! {
                @for (row, value) in bars {
                    @let (y, x) = (frame.y(number(*row)), frame.x(*value));
                    rect class={ "bar c" (look) } x=(px(frame.left)) y=(px(y - 6.0)) height="12"
                        width=(px((x - frame.left).max(1.0))) {}
                    text class="halo" x=(px(x + 5.0)) y=(px(y)) dy="0.32em" { (self.x.exact(*value)) }
                }
            },
            Mark::Reference { .. } | Mark::Band { .. } | Mark::Rule { .. } | Mark::Limit { .. } => html! {},
        }
    }

    fn range(&self, look: usize, range: &Range, frame: &Frame<'_>) -> Markup {
        let y = frame.y(number(range.row));
        let clipped = |value: f64| if self.x.has(value) { frame.x(value) } else { frame.left };
        let (low, high) = (clipped(range.low), clipped(range.high));
        html! {
            path class={ "whisker c" (look) } d={
                "M" (px(low)) "," (px(y)) "H" (px(high)) "M" (px(low)) "," (px(y - 4.0)) "V" (px(y + 4.0))
                "M" (px(high)) "," (px(y - 4.0)) "V" (px(y + 4.0))
            } {}
            (marker(look, (clipped(range.value), y)))
        }
    }

    /// The points that have a place.
    fn drawn(&self, points: &[(f64, f64)], frame: &Frame<'_>) -> Vec<(f64, f64)> {
        let has = |point: &&(f64, f64)| self.x.has(point.0) && self.y.has(point.1);
        points.iter().filter(has).map(|point| frame.at(*point)).collect()
    }

    /// The names of lines, each where its line ends.
    fn ends(&self, frame: &Frame<'_>) -> Markup {
        let lines: Vec<(&String, usize, f64)> = self
            .marks
            .iter()
            .filter_map(|mark| match mark {
                Mark::Line { name, look, points, .. } => {
                    Some((name, *look, self.drawn(points, frame).last()?.1))
                }
                _ => None,
            })
            .collect();
        let heights: Vec<f64> = lines.iter().map(|(_, _, y)| *y).collect();
        let spread = labels::spread(&heights, LINE - 1.0, frame.top, frame.bottom);
        html! {
            @for ((name, look, _), y) in lines.iter().zip(spread) {
                (marker(*look, (frame.right + 10.0, y)))
                text x=(px(frame.right + 20.0)) y=(px(y)) dy="0.32em" { (name) }
            }
        }
    }
}

/// What lies behind the figures.
fn behind(mark: &Mark, frame: &Frame<'_>) -> Markup {
    let Frame { left, right, top, bottom, .. } = *frame;
    match mark {
        Mark::Band { from, to, strong, .. } => {
            let (from, to) = (frame.x(*from), frame.x(*to));
            html! {
                rect class=(if *strong { "band" } else { "band faint" }) x=(px(from)) y=(px(top))
                    width=(px((to - from).max(1.0))) height=(px(bottom - top)) {}
            }
        }
        Mark::Rule { at, .. } => html! {
            path class="rule" d={ "M" (px(frame.x(*at))) "," (px(top - 4.0)) "V" (px(bottom)) } {}
        },
        Mark::Limit { label, at } => {
            let y = frame.y(*at);
            html! {
                path class="rule" d={ "M" (px(left)) "," (px(y)) "H" (px(right)) } {}
                text x=(px(right - 4.0)) y=(px(y - 5.0)) text-anchor="end" class="halo" { (label) }
            }
        }
        Mark::Reference { name, points } => {
            let points: Vec<(f64, f64)> = points.iter().map(|point| frame.at(*point)).collect();
            let Some((x, y)) = points.last().copied() else { return html! {} };
            html! {
                path class="reference" d=(path(&points)) {}
                text x=(px(x - 6.0)) y=(px(y + 4.0)) text-anchor="end" class="halo muted" { (name) }
            }
        }
        Mark::Line { .. } | Mark::Points { .. } | Mark::Ranges { .. } | Mark::Bars { .. } => html! {},
    }
}

impl Mark {
    fn xs(&self) -> Vec<f64> {
        match self {
            Self::Line { points, .. } | Self::Points { points, .. } | Self::Reference { points, .. } => {
                points.iter().map(|point| point.0).collect()
            }
            Self::Ranges { ranges, .. } => {
                ranges.iter().flat_map(|range| [range.low, range.value, range.high]).collect()
            }
            Self::Bars { bars, .. } => bars.iter().map(|bar| bar.1).collect(),
            Self::Band { from, to, .. } => vec![*from, *to],
            Self::Rule { at, .. } => vec![*at],
            Self::Limit { .. } => Vec::new(),
        }
    }

    fn ys(&self) -> Vec<f64> {
        match self {
            Self::Line { points, .. } | Self::Points { points, .. } | Self::Reference { points, .. } => {
                points.iter().map(|point| point.1).collect()
            }
            Self::Limit { at, .. } => vec![*at],
            Self::Ranges { .. } | Self::Bars { .. } | Self::Band { .. } | Self::Rule { .. } => Vec::new(),
        }
    }
}

fn longest<'a>(texts: impl Iterator<Item = &'a str>) -> f64 {
    texts.map(width).fold(0.0, f64::max)
}

fn number(row: usize) -> f64 {
    f64::from(u32::try_from(row).unwrap_or(u32::MAX))
}

fn path(points: &[(f64, f64)]) -> String {
    let points: Vec<String> = points.iter().map(|(x, y)| format!("{},{}", px(*x), px(*y))).collect();
    if points.is_empty() { String::new() } else { format!("M{}", points.join("L")) }
}

fn marker(look: usize, (x, y): (f64, f64)) -> Markup {
    html! { path class={ "mark c" (look) } d=(LOOKS[look].marker.path(x, y)) {} }
}

/// A name with a piece of its line or its marker.
fn key(name: &str, look: usize, line: bool, x: f64, y: f64) -> Markup {
    html! {
        @if line {
            path class={ "series c" (look) } stroke-dasharray=[LOOKS[look].dash]
                d={ "M" (px(x)) "," (px(y - 4.0)) "h22" } {}
        }
        (marker(look, (x + 11.0, y - 4.0)))
        text x=(px(x + 28.0)) y=(px(y)) { (name) }
    }
}

fn note(label: &str, at: f64, x: f64, y: f64) -> Markup {
    html! {
        text class="note" x=(px(x)) y=(px(y)) { (label) }
        path class="leader" d={ "M" (px(at)) "," (px(y + 3.0)) "v3" } {}
    }
}

/// The rows of the key, and where in them each begins.
fn lay_out(keys: &[(&str, usize, bool)], right: f64) -> Vec<(usize, f64)> {
    let mut placed = Vec::new();
    let (mut row, mut x) = (0, 0.0);
    for (name, ..) in keys {
        let wide = width(name) + 28.0 + 16.0;
        if x > 0.0 && x + wide > right {
            (row, x) = (row + 1, 0.0);
        }
        placed.push((row, x));
        x += wide;
    }
    placed
}

fn placed(notes: &[(&str, f64)], frame: &Frame<'_>) -> Vec<(usize, f64)> {
    let texts: Vec<(f64, &str)> = notes.iter().map(|(label, at)| (frame.x(*at), *label)).collect();
    labels::rows(&texts, frame.left, frame.size.width)
}
