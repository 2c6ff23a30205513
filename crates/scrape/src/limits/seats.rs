//! Priority and fairness: seats, and who waits for them, by priority level.

use super::{Finding, Process, Resource};
use crate::{names, series::Labels};

/// The level without a limit: its requests never wait.
const EXEMPT: &str = "exempt";

/// The histogram's last bound before 1: above it there is less than one seat in a hundred.
const ALL_SEATS: f64 = 0.99;

pub(super) fn figures(process: &Process) -> Vec<Finding> {
    let change = &process.change;
    let Some(family) = change.family(&names::NOMINAL_SEATS) else { return Vec::new() };
    let mut found = Vec::new();
    for level in family.values_of("priority_level").into_iter().filter(|level| *level != EXEMPT) {
        let here = |labels: &Labels| labels.is("priority_level", level);
        let mut add = |resource, figure: Option<f64>| {
            found.extend(figure.map(|figure| process.finding(resource, Some(level), figure)));
        };
        add(Resource::Seats, taken(process, level));
        let over_time = change.histogram(&names::SEAT_UTILIZATION, here);
        add(Resource::AllSeats, over_time.and_then(|taken| taken.share_above(ALL_SEATS)));
        let wait = change.histogram(&names::SEAT_WAIT, here).and_then(|waits| waits.mean());
        add(Resource::SeatWait, wait);
        let rejected = change.total(&names::REJECTED_REQUESTS, here).unwrap_or(0.0);
        let dispatched = change.total(&names::DISPATCHED_REQUESTS, here).unwrap_or(0.0);
        let asked = rejected + dispatched;
        add(Resource::Rejections, (asked > 0.0).then(|| rejected / asked));
    }
    found
}

/// Mean share of a level's seats that were taken. The apiserver's own mean over time where it has one (it is of the
/// seats that the level has at each moment), else what was taken at the end of the window, of the nominal seats.
fn taken(process: &Process, level: &str) -> Option<f64> {
    let here = |labels: &Labels| labels.is("priority_level", level);
    let over_time = process.change.histogram(&names::SEAT_UTILIZATION, here).and_then(|taken| taken.mean());
    over_time.or_else(|| {
        let taken = process.change.total(&names::EXECUTING_SEATS, here)?;
        let seats = process.change.total(&names::NOMINAL_SEATS, here)?;
        (seats > 0.0).then(|| taken / seats)
    })
}
