//! Where panels go on Grafana's grid of 24 columns.

use super::panel::{COLUMNS, Panel, Row};

/// A place: columns from the left, lines from the top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) width: u32,
    pub(super) height: u32,
}

/// A row's heading or one of its panels, where it goes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Placed<'a> {
    Heading(&'a Row, Place),
    Panel(&'a Panel, Place),
}

impl Placed<'_> {
    /// Where it goes.
    pub(super) fn place(&self) -> Place {
        match self {
            Self::Heading(_, place) | Self::Panel(_, place) => *place,
        }
    }
}

/// Every row under the one before: its heading on a line of its own, then its panels from left to right. One that does not fit begins
/// the next line, below the highest of this one.
pub(super) fn place(rows: &[Row]) -> Vec<Placed<'_>> {
    let mut placed = Vec::new();
    let mut y = 0;
    for row in rows {
        placed.push(Placed::Heading(row, Place { x: 0, y, width: COLUMNS, height: 1 }));
        y += 1;
        let (mut x, mut highest) = (0, 0);
        for panel in &row.panels {
            if x + panel.width > COLUMNS {
                y += highest;
                (x, highest) = (0, 0);
            }
            let place = Place { x, y, width: panel.width, height: panel.height };
            placed.push(Placed::Panel(panel, place));
            x += panel.width;
            highest = highest.max(panel.height);
        }
        y += highest;
    }
    placed
}
