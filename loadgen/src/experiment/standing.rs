//! How an experiment stands, told while it goes on.

use std::{fmt, time::Duration};

use measure::statistics::verdict::Comparison;
use record::experiment::Arm;
use report::words::experiment::with_interval;

/// What is told before each trial.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Standing {
    /// The pair, from 1.
    pub(crate) number: usize,
    /// How many pairs there are at most.
    pub(crate) of: usize,
    pub(crate) may_stop_earlier: bool,
    /// Which try at this pair, from 1.
    pub(crate) attempt: usize,
    pub(crate) arm: Arm,
    /// The ratio so far, from the first valid pair on.
    pub(crate) ratio: Option<f64>,
    /// With its interval, once there are pairs enough for one.
    pub(crate) comparison: Option<Comparison>,
    /// The level of a look.
    pub(crate) alpha: f64,
    /// By the mean length of the trials so far.
    pub(crate) seconds_left: Option<f64>,
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = if self.may_stop_earlier { "at most " } else { "" };
        write!(f, "pair {} of {most}{}, {}", self.number, self.of, self.arm.name())?;
        if self.attempt > 1 {
            write!(f, " (again)")?;
        }
        match (self.comparison, self.ratio) {
            (Some(comparison), _) => write!(f, ": {}", with_interval(&comparison, self.alpha))?,
            (None, Some(ratio)) => write!(f, ": {ratio:.2}x so far")?,
            (None, None) => {}
        }
        if let Some(seconds) = self.seconds_left {
            write!(f, ", {most}{} left", time(seconds))?;
        }
        Ok(())
    }
}

/// Minutes, or hours and minutes: nobody plans by the second.
pub(crate) fn time(seconds: f64) -> String {
    let minutes = Duration::try_from_secs_f64(seconds).unwrap_or_default().as_secs().div_ceil(60);
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) => format!("{hours} h {minutes:02} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn experiment_that_may_stop_earlier_says_at_most() {
        let standing = Standing {
            number: 3,
            of: 16,
            may_stop_earlier: true,
            attempt: 1,
            arm: Arm::Candidate,
            ratio: Some(1.08),
            comparison: None,
            alpha: 0.05,
            seconds_left: Some(3000.0),
        };
        assert_eq!(
            standing.to_string(),
            "pair 3 of at most 16, candidate: 1.08x so far, at most 50 min left"
        );
    }

    #[test]
    fn minutes_are_rounded_up() {
        assert_eq!(
            [0.0, 1.0, 60.0, 61.0, 3600.0, 7321.0].map(time),
            ["0 min", "1 min", "1 min", "2 min", "1 h 00 min", "2 h 03 min"]
        );
        assert_eq!(time(f64::INFINITY), "0 min");
    }
}
