//! How long the parts of a search take, and how it is planned.

use std::time::Duration;

use measure::search::{From, Plan, Task, TaskKind};
use record::{SearchSettings, Warning, WarningClass};

use crate::probe::{Ask, ToRest};

/// Ends of a bracket this near to each other are near enough.
const NARROW: f64 = 1.05;
/// The same for a search that is to be over soon.
const WIDE: f64 = 1.2;

/// A compaction of etcd (every 5 minutes, apiserver's `--etcd-compaction-interval`) and a watch's life (5-10 minutes).
const FULL_HOLD: Duration = Duration::from_mins(10);

/// How long the lower end of the bracket is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Confirm {
    /// For three minutes.
    #[default]
    Short,
    /// For ten, which hold a compaction of etcd and the end of every watch.
    Full,
    /// Not at all.
    None,
}

/// How long the parts of a search take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Lengths {
    pub(crate) ramp_step: Duration,
    /// Each of the windows by which rest is judged.
    pub(crate) rest_window: Duration,
    pub(crate) measure: Duration,
    /// So many times that a window may be while its criteria are undecided.
    pub(crate) longest: u32,
    pub(crate) hold: Duration,
    pub(crate) recovery: Duration,
    quick: bool,
}

impl Lengths {
    /// About 25 minutes in all.
    pub(crate) fn full(confirm: Confirm) -> Self {
        Self {
            ramp_step: Duration::from_secs(10),
            rest_window: Duration::from_secs(5),
            measure: Duration::from_secs(40),
            longest: 4,
            hold: match confirm {
                Confirm::Short => Duration::from_mins(3),
                Confirm::Full => FULL_HOLD,
                Confirm::None => Duration::ZERO,
            },
            recovery: Duration::from_mins(5),
            quick: false,
        }
    }

    /// About four minutes in all.
    pub(crate) fn quick() -> Self {
        Self {
            rest_window: Duration::from_secs(2),
            measure: Duration::from_secs(20),
            longest: 1,
            hold: Duration::from_secs(30),
            quick: true,
            ..Self::full(Confirm::Short)
        }
    }

    /// The same for those who look on: what holds is not held for longer.
    pub(crate) fn demo() -> Self {
        Self { hold: Duration::ZERO, ..Self::quick() }
    }

    /// Of the searches of an experiment, of which there are many: what one of them misses, the pairs make up for.
    pub(crate) fn of_pairs() -> Self {
        Self { longest: 2, quick: false, ..Self::quick() }
    }

    /// A search of these lengths whose ramp begins about `start`.
    pub(crate) fn from(&self, start: f64, seed: u64) -> Plan {
        Plan {
            from: From::Ramp { start, seed },
            bracket: if self.quick { WIDE } else { NARROW },
            repeats: !self.quick,
            most: None,
            probes: None,
            hold: !self.hold.is_zero(),
            overload: !self.quick,
        }
    }

    /// What to offer for the `number`th task, counted from 0, and for how long. Of what is deleted as much comes as is made after
    /// `warm_up`.
    pub(super) fn ask(&self, number: usize, Task { kind, at }: Task, warm_up: Duration) -> Ask {
        let to_rest = ToRest { least: warm_up, window: self.rest_window, or_break: true };
        let (rest, measure, longest) = match kind {
            TaskKind::Ramp => (None, self.ramp_step, 1),
            TaskKind::Probe => (Some(to_rest), self.measure, self.longest),
            TaskKind::Hold => (Some(to_rest), self.hold, 1),
            TaskKind::Overload => (None, self.measure, 1),
            TaskKind::Recovery => (None, self.recovery, 1),
        };
        Ask { title: None, number: number as u64, at, rest, measure, longest }
    }

    /// How long a task takes, about, before any has been tried.
    pub(super) fn expected(&self, kind: TaskKind, warm_up: Duration) -> Duration {
        /// What is offered last has its time, and a control plane that has broken is replaced.
        const BESIDE: Duration = Duration::from_secs(20);
        let rest = warm_up.max(self.rest_window * 5);
        match kind {
            TaskKind::Ramp => self.ramp_step,
            TaskKind::Probe => rest + self.measure + BESIDE,
            TaskKind::Hold => rest + self.hold + BESIDE,
            TaskKind::Overload => self.measure + BESIDE,
            // It may take as long as it is given, and mostly does not.
            TaskKind::Recovery => self.recovery / 4,
        }
    }

    /// The settings of a search of these lengths.
    pub(crate) fn settings(&self, plan: Plan) -> SearchSettings {
        SearchSettings {
            quick: self.quick,
            plan,
            ramp_step_seconds: self.ramp_step.as_secs_f64(),
            rest_window_seconds: self.rest_window.as_secs_f64(),
            measure_seconds: self.measure.as_secs_f64(),
            longest: self.longest,
            hold_seconds: self.hold.as_secs_f64(),
        }
    }

    /// What a search of these lengths, for a bracket of this factor, does without.
    pub(crate) fn warnings(&self, bracket: f64) -> Vec<Warning> {
        let warn = |name: &str, value, threshold, advice: &str| Warning {
            name: name.to_owned(),
            class: WarningClass::Warn,
            value,
            threshold,
            advice: advice.to_owned(),
        };
        let hold = self.hold.as_secs_f64();
        if self.quick {
            let advice = if bracket > NARROW {
                "the bracket is wide, windows are short and nothing was tried twice; leave --quick out"
            } else {
                "windows are short and nothing was tried twice; leave --quick out"
            };
            vec![warn("quick", bracket, NARROW, advice)]
        } else if self.hold < FULL_HOLD {
            let advice =
                "the hold was shorter than a compaction interval of etcd and a watch's life; --confirm full";
            vec![warn("shortened-hold", hold, FULL_HOLD.as_secs_f64(), advice)]
        } else {
            Vec::new()
        }
    }

    /// The lengths of a search that is gone on with.
    pub(crate) fn of(settings: &SearchSettings) -> Self {
        Self {
            ramp_step: Duration::from_secs_f64(settings.ramp_step_seconds),
            rest_window: Duration::from_secs_f64(settings.rest_window_seconds),
            measure: Duration::from_secs_f64(settings.measure_seconds),
            longest: settings.longest,
            hold: Duration::from_secs_f64(settings.hold_seconds),
            quick: settings.quick,
            ..Self::full(Confirm::Short)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_that_is_gone_on_with_has_the_lengths_it_began_with() {
        for lengths in
            [Lengths::quick(), Lengths::demo(), Lengths::full(Confirm::Short), Lengths::full(Confirm::Full)]
        {
            assert_eq!(Lengths::of(&lengths.settings(lengths.from(20.0, 1))), lengths);
        }
    }
}
