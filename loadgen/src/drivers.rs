//! Drivers: what offers load. One file a kind of load.

pub(crate) mod pods;

use std::ops::Range;

use measure::Nanos;

/// What a driver is told while it runs: nothing, or to stop.
pub(crate) type Order = Option<Stop>;

/// No operation is to start any more.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    /// Operations intended in here count.
    pub(crate) measured: Range<Nanos>,
    /// What has not settled by then never will.
    pub(crate) give_up: Nanos,
}
