//! What a user asks for, checked before anything is started, and the plan that is made of it.

use std::{fmt::Write as _, time::Duration};

use measure::statistics::signed_rank;
use record::experiment::{Arms, Control, Design, Metric, Pairs, Plan, Scenario, Subject};
use sha2::{Digest, Sha256};

use super::{
    differences,
    machine::{FIRST_LOOK, NEXT_LOOK},
    metrics,
};

/// Ratios nearer to 1 than this mean nothing to anybody.
pub(crate) const BAND: f64 = 0.03;
/// How often a difference may be found where there is none.
pub(crate) const ALPHA: f64 = 0.05;
/// At a fixed rate both arms are offered this share of what the weaker one sustains: enough to show what a setting costs, and not
/// so much that one of them breaks.
const SHARE_OF_LAMBDA: f64 = 0.8;
/// More looks than this are no use: the first ones could not find anything at their level.
const MOST_LOOKS: usize = 100;

/// A design, before its loads are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Both arms at one load.
    FixedRate,
    /// A search for each.
    Capacity,
}

/// How many pairs a user wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PairsWanted {
    Exactly(usize),
    /// Until it is decided, and no longer than the budget if trials take as long as expected. Pairs that are measured again come on
    /// top of it.
    UntilDecided {
        budget: Duration,
        trial: Duration,
    },
}

/// Ten pairs find a ratio of 1.10 nine times of ten where ratios of single pairs spread by 8 %.
impl Default for PairsWanted {
    fn default() -> Self {
        PairsWanted::Exactly(10)
    }
}

/// What a user asks for.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) scenario_name: String,
    /// The scenario's file.
    pub(crate) scenario_text: String,
    /// Whether anything can be turned up.
    pub(crate) has_axis: bool,
    pub(crate) arms: Arms<Subject>,
    pub(crate) kind: Kind,
    /// The design's own, if none is named.
    pub(crate) primary: Option<Metric>,
    /// What is looked at beside it; the usual metrics, if none are named.
    pub(crate) secondaries: Option<Vec<Metric>>,
    pub(crate) pairs: PairsWanted,
    /// Ratios from 1 / (1 + band) to 1 + band mean nothing to the user.
    pub(crate) band: f64,
    /// How often a difference may be found where there is none.
    pub(crate) alpha: f64,
    pub(crate) seed: u64,
    pub(crate) control: Option<Control>,
}

/// The loads of an experiment, known before its first pair.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Loads {
    /// This one, in units of the axis.
    At(f64),
    /// What each arm's pilot search found, and the highest load that there can be.
    Pilots { lambda: Arms<f64>, most: Option<f64> },
}

/// What cannot be compared as it is asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum BadPlan {
    #[error("too few pairs for the design: {least} is the least that can show a difference at {percent} %")]
    TooFewPairs { least: usize, percent: f64 },
    #[error(
        "a budget of {budget_minutes:.0} min is too small for the first look: {first} pairs of trials that take about \
         {trial_minutes:.1} min each need {needed_minutes:.0} min", first = FIRST_LOOK
    )]
    SmallBudget { budget_minutes: f64, trial_minutes: f64, needed_minutes: f64 },
    #[error(
        "the arms differ in nothing, so there is nothing to compare; `--control aa` compares a profile with itself"
    )]
    NoDifference,
    #[error("`--control aa` compares a profile with itself, and these differ: {0}")]
    Differ(String),
    #[error("scenario {0} has no axis, so nothing can be turned up until it breaks: compare at a fixed rate")]
    NoAxis(String),
    #[error("{metric} cannot decide this design; {allowed} can")]
    Primary { metric: &'static str, allowed: String },
    #[error("a search has no load of its own: it begins where both arms' pilots were")]
    NoPilots,
    #[error("{name} is {value}; it must be {allowed}")]
    OutOfRange { name: &'static str, value: f64, allowed: &'static str },
}

impl Wanted {
    /// Finds every mistake that can be found before anything is started.
    pub(crate) fn check(&self) -> Result<(), BadPlan> {
        self.level()?;
        self.pairs()?;
        self.primary()?;
        self.differences()?;
        if self.kind == Kind::Capacity && !self.has_axis {
            return Err(BadPlan::NoAxis(self.scenario_name.clone()));
        }
        Ok(())
    }

    /// The plan, once the loads are known.
    pub(crate) fn plan(self, loads: Loads) -> Result<Plan, BadPlan> {
        self.check()?;
        let primary = self.primary()?;
        Ok(Plan {
            design: self.design(loads)?,
            pairs: self.pairs()?,
            differences: self.differences()?,
            scenario: Scenario { text_sha256: hash(&self.scenario_text), name: self.scenario_name },
            arms: self.arms,
            primary,
            secondaries: self.secondaries,
            better: primary.row().better,
            band: self.band,
            alpha: self.alpha,
            seed: self.seed,
            control: self.control,
        })
    }

    fn level(&self) -> Result<(), BadPlan> {
        if !(self.alpha > 0.0 && self.alpha < 0.5) {
            let allowed = "between 0 and 0.5";
            return Err(BadPlan::OutOfRange { name: "alpha", value: self.alpha, allowed });
        }
        above_zero("the band", self.band).map(drop)
    }

    fn pairs(&self) -> Result<Pairs, BadPlan> {
        match self.pairs {
            PairsWanted::Exactly(pairs) => {
                let least = signed_rank::least_pairs(self.alpha);
                if pairs < least {
                    return Err(BadPlan::TooFewPairs {
                        least,
                        percent: (self.alpha * 1000.0).round() / 10.0,
                    });
                }
                Ok(Pairs::Exactly(pairs))
            }
            PairsWanted::UntilDecided { budget, trial } => looks(budget, trial),
        }
    }

    fn primary(&self) -> Result<Metric, BadPlan> {
        let primary = self.primary.unwrap_or_else(|| metrics::default_primary(self.kind));
        if metrics::may_decide(primary, self.kind) {
            return Ok(primary);
        }
        let allowed = metrics::usual().filter(|metric| metrics::may_decide(*metric, self.kind));
        let allowed: Vec<&str> = allowed.map(|metric| metric.row().name).collect();
        Err(BadPlan::Primary { metric: primary.row().name, allowed: allowed.join(", ") })
    }

    fn differences(&self) -> Result<Vec<String>, BadPlan> {
        let differences = differences::between(&self.arms);
        match (self.control, differences.is_empty()) {
            (Some(Control::Aa), false) => Err(BadPlan::Differ(differences.join("; "))),
            (Some(Control::Aa), true) | (_, false) => Ok(differences),
            (_, true) => Err(BadPlan::NoDifference),
        }
    }

    fn design(&self, loads: Loads) -> Result<Design, BadPlan> {
        match (self.kind, loads) {
            (Kind::FixedRate, Loads::At(at)) => {
                Ok(Design::FixedRate { at: above_zero("the load", at)?, pilots: None })
            }
            (Kind::Capacity, Loads::At(_)) => Err(BadPlan::NoPilots),
            (kind, Loads::Pilots { lambda, most }) => {
                let low = above_zero("the baseline's lambda*", lambda.baseline)?;
                let low = low.min(above_zero("the candidate's lambda*", lambda.candidate)?);
                if let Some(most) = most {
                    above_zero("the highest load", most)?;
                }
                Ok(match kind {
                    Kind::FixedRate => Design::FixedRate { at: low * SHARE_OF_LAMBDA, pilots: Some(lambda) },
                    Kind::Capacity => Design::Capacity { pilots: lambda, most },
                })
            }
        }
    }
}

/// How many looks fit: the first takes eight pairs, every other two more.
fn looks(budget: Duration, trial: Duration) -> Result<Pairs, BadPlan> {
    let (budget_seconds, trial_seconds) =
        (budget.as_secs_f64(), above_zero("the length of a trial, seconds", trial.as_secs_f64())?);
    let trials = |pairs: usize| 2.0 * super::judge::real(pairs) * trial_seconds;
    let fit =
        (1..=MOST_LOOKS).take_while(|look| trials(FIRST_LOOK + NEXT_LOOK * (look - 1)) <= budget_seconds);
    match fit.last() {
        Some(looks) => Ok(Pairs::UntilDecided { looks, budget_seconds, trial_seconds }),
        None => Err(BadPlan::SmallBudget {
            budget_minutes: budget_seconds / 60.0,
            trial_minutes: trial_seconds / 60.0,
            needed_minutes: (trials(FIRST_LOOK) / 60.0).ceil(),
        }),
    }
}

fn above_zero(name: &'static str, value: f64) -> Result<f64, BadPlan> {
    let allowed = "finite and above zero";
    if value > 0.0 && value.is_finite() {
        Ok(value)
    } else {
        Err(BadPlan::OutOfRange { name, value, allowed })
    }
}

/// SHA-256 in hexadecimal digits.
pub(crate) fn hash(text: &str) -> String {
    let mut digits = String::new();
    for byte in Sha256::digest(text.as_bytes()) {
        // Writing to a String cannot fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

#[cfg(test)]
mod tests;
