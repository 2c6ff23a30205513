//! Charts as SVG, made of figures alone: the same figures give the same bytes.
//!
//! Nothing is told by colour alone: a series has a dash pattern and a marker of its own and its name at its end, every chart has a
//! description, and below it is a table of the same figures.

mod draw;
mod figures;
mod labels;
mod look;
mod scale;

use maud::{Markup, html};

pub(crate) use self::{
    look::{LOOKS, css},
    scale::{Axis, Scale, Unit},
};

/// A chart.
#[derive(Clone, Debug)]
pub(crate) struct Chart {
    /// Its name in the page, where no other has it.
    pub(crate) id: String,
    /// What it shows.
    pub(crate) title: String,
    /// What is to be seen in it, for who does not see it and for who does.
    pub(crate) about: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    /// From the one behind to the one in front.
    pub(crate) marks: Vec<Mark>,
}

/// Values of x with those of y.
pub(crate) type Points = Vec<(f64, f64)>;

/// Something that is drawn.
#[derive(Clone, Debug)]
pub(crate) enum Mark {
    /// Points that are connected.
    Line { name: String, look: usize, points: Points, markers: bool },
    /// Points that are not.
    Points { name: String, look: usize, points: Points },
    /// What a line would be if something were so; it is no measurement.
    Reference { name: String, points: Points },
    /// Values with what they may be as well, along x; of charts whose y axis has rows.
    Ranges { name: String, look: usize, ranges: Vec<Range> },
    /// From nothing to a value along x; of charts whose y axis has rows.
    Bars { name: String, look: usize, bars: Vec<(usize, f64)> },
    /// A stretch of x.
    Band { label: String, from: f64, to: f64, strong: bool },
    /// A place on x.
    Rule { label: String, at: f64 },
    /// A height on y.
    Limit { label: String, at: f64 },
}

/// A value with its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Range {
    pub(crate) row: usize,
    pub(crate) low: f64,
    pub(crate) value: f64,
    pub(crate) high: f64,
}

impl Chart {
    /// The chart with its title, for wide and for narrow screens, and its table.
    pub(crate) fn render(&self) -> Markup {
        html! {
            figure.chart id=(self.id) {
                figcaption { strong { (self.title) } " " span.muted { (self.about) } }
                (self.draw(&draw::WIDE))
                (self.draw(&draw::NARROW))
                details.figures {
                    summary { "The same figures as a table" }
                    (self.figures())
                }
            }
        }
    }

    /// Whether there is anything to be seen.
    pub(crate) fn is_empty(&self) -> bool {
        self.marks.iter().all(|mark| match mark {
            Mark::Line { points, .. } | Mark::Points { points, .. } => points.is_empty(),
            Mark::Ranges { ranges, .. } => ranges.is_empty(),
            Mark::Bars { bars, .. } => bars.is_empty(),
            Mark::Reference { .. } | Mark::Band { .. } | Mark::Rule { .. } | Mark::Limit { .. } => true,
        })
    }
}

#[cfg(test)]
mod tests;
