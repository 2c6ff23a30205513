//! Panels, as one says what one wants to see.

use super::{expression::Expr, unit::Unit};

/// How wide Grafana's grid is.
pub(super) const COLUMNS: u32 = 24;

/// Panels under a heading.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// The heading.
    pub(super) title: &'static str,
    /// From left to right, and on the next line where they do not fit.
    pub(super) panels: Vec<Panel>,
}

/// One panel.
#[derive(Clone, Debug)]
pub(super) struct Panel {
    /// What it shows, in a few words.
    pub(super) title: &'static str,
    /// How to read it: what is good, and where the limit is from.
    pub(super) about: &'static str,
    /// Of all its numbers.
    pub(super) unit: Unit,
    /// What it looks like.
    pub(super) shape: Shape,
    /// Columns of the grid.
    pub(super) width: u32,
    /// Lines of the grid.
    pub(super) height: u32,
    /// What it asks for.
    pub(super) targets: Vec<Target>,
    /// Where it stops being good.
    pub(super) limit: Option<Limit>,
}

/// What a panel looks like.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    /// Lines over time.
    Lines(Lines),
    /// One number, with its course behind it.
    Number,
    /// Columns of labels and one of the value, by their order and with their headings: what it is now.
    Table {
        /// Labels, as the query has them.
        columns: &'static [&'static str],
        /// The heading of the value.
        value: &'static str,
    },
    /// How many fall into each bucket, by colour.
    HeatMap,
    /// A line for each series, coloured where it is 1.
    Timeline(States),
    /// Words, in Markdown.
    Text(&'static str),
}

/// How lines are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lines {
    /// On top of each other: parts of a whole.
    pub(super) stacked: bool,
    /// By powers of ten.
    pub(super) logarithmic: bool,
}

/// What the two values of a timeline are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct States {
    /// What 1 is.
    pub(super) one: &'static str,
    /// What 0 is.
    pub(super) zero: &'static str,
    /// Whether 0 is bad: else it is nothing.
    pub(super) zero_is_bad: bool,
}

/// Where it stops being good.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Limit {
    /// Above this it is bad.
    AtMost(f64),
    /// Below this it is bad.
    AtLeast(f64),
}

/// A query of a panel.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// What is asked.
    pub(super) expr: Expr,
    /// What a series is called: `{{label}}` is the label's value.
    pub(super) legend: &'static str,
    /// Whether its lines are dashed: what is not by colour alone.
    pub(super) dashed: bool,
}

impl Panel {
    fn new(title: &'static str, unit: Unit, shape: Shape, about: &'static str) -> Self {
        Self { title, about, unit, shape, width: 8, height: 8, targets: Vec::new(), limit: None }
    }

    /// Lines over time.
    pub(super) fn lines(title: &'static str, unit: Unit, about: &'static str) -> Self {
        Self::new(title, unit, Shape::Lines(Lines::default()), about)
    }

    /// One number.
    pub(super) fn number(title: &'static str, unit: Unit, about: &'static str) -> Self {
        Self { width: 4, height: 4, ..Self::new(title, unit, Shape::Number, about) }
    }

    /// A table of labels and a value.
    pub(super) fn table(
        title: &'static str,
        unit: Unit,
        columns: &'static [&'static str],
        value: &'static str,
        about: &'static str,
    ) -> Self {
        Self::new(title, unit, Shape::Table { columns, value }, about)
    }

    /// How many fall into each bucket.
    pub(super) fn heat_map(title: &'static str, unit: Unit, about: &'static str) -> Self {
        Self::new(title, unit, Shape::HeatMap, about)
    }

    /// A line for each series, coloured where it is 1.
    pub(super) fn timeline(title: &'static str, states: States, about: &'static str) -> Self {
        Self::new(title, Unit::Count, Shape::Timeline(states), about)
    }

    /// Words.
    pub(super) fn text(title: &'static str, about: &'static str, words: &'static str) -> Self {
        Self { width: COLUMNS, height: 5, ..Self::new(title, Unit::Count, Shape::Text(words), about) }
    }

    /// With a query.
    pub(super) fn query(mut self, expr: Expr, legend: &'static str) -> Self {
        self.targets.push(Target { expr, legend, dashed: false });
        self
    }

    /// With a query whose lines are dashed.
    pub(super) fn dashed(mut self, expr: Expr, legend: &'static str) -> Self {
        self.targets.push(Target { expr, legend, dashed: true });
        self
    }

    /// As wide as this, of 24 columns.
    pub(super) fn wide(self, width: u32) -> Self {
        Self { width, ..self }
    }

    /// As high as this, of lines of 30 pixels.
    pub(super) fn high(self, height: u32) -> Self {
        Self { height, ..self }
    }

    /// Good up to this.
    pub(super) fn at_most(self, limit: f64) -> Self {
        Self { limit: Some(Limit::AtMost(limit)), ..self }
    }

    /// Good from this up.
    pub(super) fn at_least(self, limit: f64) -> Self {
        Self { limit: Some(Limit::AtLeast(limit)), ..self }
    }

    /// Lines on top of each other.
    pub(super) fn stacked(self) -> Self {
        self.drawn(|lines| Lines { stacked: true, ..lines })
    }

    /// By powers of ten.
    pub(super) fn logarithmic(self) -> Self {
        self.drawn(|lines| Lines { logarithmic: true, ..lines })
    }

    fn drawn(self, change: impl FnOnce(Lines) -> Lines) -> Self {
        let shape = match self.shape {
            Shape::Lines(lines) => Shape::Lines(change(lines)),
            other => other,
        };
        Self { shape, ..self }
    }
}
