//! Drivers: what offers load. One file a kind of load.

pub(crate) mod pods;

use std::ops::Range;

use measure::Nanos;

/// When a load's phases are, on the run's clock.
#[derive(Clone, Debug)]
pub(crate) struct Timeline {
    /// The first operation may be due.
    pub(crate) begin: Nanos,
    /// Operations intended in here are measured; the last one is due before its end.
    pub(crate) measure: Range<Nanos>,
    /// What has not settled by then never will.
    pub(crate) give_up: Nanos,
}
