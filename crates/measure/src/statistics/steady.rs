//! Whether a trial has come to rest at the load it is offered.
//!
//! The last five windows decide: what was done keeps pace with what was intended, in each and in all together, and neither
//! the backlog nor the median response has a trend. A backlog that is shown to grow by more than a tenth of the offered
//! load needs no further window: the trial is broken.
//!
//! (Georges et al. 2007 ask for a small coefficient of variation over the last windows; a control plane's operations are
//! counted, so their own spread is known, and a trend is what a missing steady state looks like.)

use super::{Error, number, trend};

/// How many windows are looked at.
pub const WINDOWS: usize = 5;

/// Done may differ from intended by this share, however many there are.
const PACE: f64 = 0.05;

/// Or by so many standard deviations of a Poisson count.
const DEVIATIONS: f64 = 3.0;

/// A backlog is broken if it is shown to grow by this share of the offered load.
const BROKEN: f64 = 0.1;

/// The level of the intervals of slopes. Of five windows it takes all of them in order to show a trend, which happens by
/// chance once in sixty times.
const LEVEL: f64 = 0.95;

/// What happened in one window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Operations whose intended start lies in it.
    pub intended: u64,
    /// Operations that were done in it.
    pub done: u64,
    /// Its mean backlog, in operations.
    pub backlog: f64,
    /// The median of its responses, in seconds; `None` where nothing was done.
    pub response: Option<f64>,
}

/// What the last windows show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Steadiness {
    /// The load can be measured.
    Steady,
    /// More windows are needed, for this reason.
    Unsteady(Reason),
    /// The backlog grows by more than a tenth of the offered load.
    Broken,
}

/// Why a trial is not steady, the first that applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There are not yet five windows.
    TooEarly,
    /// Done differs from intended by more than chance.
    Pace,
    /// The backlog rises or falls.
    Backlog,
    /// The median response rises or falls.
    Response,
}

/// Judges the last five of `windows`, each `seconds` long, at `offered` operations per second.
///
/// # Errors
///
/// [`Error::OutOfRange`] unless seconds and offered are above zero; [`Error::NotFinite`] for a backlog or a response that
/// is not a number.
pub fn judge(windows: &[Window], seconds: f64, offered: f64) -> Result<Steadiness, Error> {
    super::above_zero("seconds", seconds)?;
    super::above_zero("offered", offered)?;
    let Some(last) = windows.last_chunk::<WINDOWS>() else {
        return Ok(Steadiness::Unsteady(Reason::TooEarly));
    };
    let backlog = trend::theil_sen(&last.map(|window| window.backlog), seconds, LEVEL)?;
    // A window in which nothing was done has no response; its pace says what there is to say.
    let responses: Vec<f64> = last.iter().filter_map(|window| window.response).collect();
    let response =
        (responses.len() == WINDOWS).then(|| trend::theil_sen(&responses, seconds, LEVEL)).transpose()?;
    Ok(if backlog.interval.low > BROKEN * offered {
        Steadiness::Broken
    } else if !keeps_pace(last) {
        Steadiness::Unsteady(Reason::Pace)
    } else if backlog.is_shown() {
        Steadiness::Unsteady(Reason::Backlog)
    } else if response.is_some_and(|response| response.is_shown()) {
        Steadiness::Unsteady(Reason::Response)
    } else {
        Steadiness::Steady
    })
}

fn keeps_pace(windows: &[Window; WINDOWS]) -> bool {
    let counts = windows.map(|window| (window.intended, window.done));
    let all = counts.iter().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
    counts.iter().chain([&all]).all(|&(intended, done)| {
        let count = number(intended);
        // As a number of operations, so that a window in which none was intended may still finish one.
        (number(done) - count).abs() <= f64::max(PACE * count, DEVIATIONS * count.max(1.0).sqrt())
    })
}

#[cfg(test)]
mod tests;
