//! The search for the highest load that holds: what to try next, given what has come of everything tried so far.
//!
//! A ramp of short steps finds the first break; its figures say where to look and nothing else. Steady probes then close the
//! bracket between what holds and what breaks, a hold confirms its lower end, and overload and recovery show what is beyond it.
//! The search is a function of its plan and of its findings: the same findings in the same order lead to the same tasks, so an
//! interrupted search goes on from its record.

mod likely;

use std::fmt;

use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most by which the ramp grows from step to step.
const STEP: f64 = 1.5;
/// Roots and powers of a bracket are not quite what they were.
const ROUNDING: f64 = 1.0 + 1e-9;
/// So many times a load that breaks is divided by a step before nothing is said to hold.
const MOST_DIVISIONS: u32 = 12;
/// So many times in a row the harness cannot offer a load before that is its end.
const LIMITED: u32 = 3;
/// Loads beyond what holds, for one window each.
const OVERLOADS: [f64; 2] = [1.2, 2.0];
/// The load at which a server ought to recover from them.
const RECOVERY: f64 = 0.8;

/// How to search.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Where to begin.
    pub from: From,
    /// The bracket is narrow enough when its ends are within this factor, above 1.
    pub bracket: f64,
    /// Whether a probe that was close to a limit is repeated, the majority of three counting.
    pub repeats: bool,
    /// The highest load that there can be, where there is one: a share of 1.
    pub most: Option<f64>,
    /// So many probes at most; the bracket is what is left then.
    pub probes: Option<u32>,
    /// Whether the lower end is confirmed by a long hold.
    pub hold: bool,
    /// Whether overload and recovery are tried.
    pub overload: bool,
}

/// Where a search begins.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum From {
    /// A ramp that begins about here: at this times a step to the power of a seeded number below 1, so that searches do not all try
    /// the same loads.
    Ramp {
        /// The least load, above 0.
        start: f64,
        /// Chooses the power.
        seed: u64,
    },
    /// Steady probes from here, upwards or downwards: where each load needs a control plane of its own, a ramp costs as much.
    Start {
        /// The first load, above 0.
        at: f64,
    },
    /// A bracket that is believed to have the answer in it.
    Bracket {
        /// What is believed to hold.
        low: f64,
        /// What is believed to break.
        high: f64,
    },
}

/// Something to try.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// What for.
    pub kind: TaskKind,
    /// At which load.
    pub at: f64,
}

/// What a task is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TaskKind {
    /// A short step of the ramp, at once after the one before.
    Ramp,
    /// A steady window.
    Probe,
    /// A long window at the lower end of the bracket.
    Hold,
    /// A window beyond what holds.
    Overload,
    /// Until everything holds again.
    Recovery,
}

/// What came of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// How it went.
    pub outcome: Outcome,
    /// Whether a criterion was within a tenth of its limit.
    pub close: bool,
}

/// How a task went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// All criteria held.
    Held,
    /// One was broken.
    Broke,
    /// The harness could not offer the load: nothing is known of the server.
    HarnessLimited,
}

/// What a search found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// How it ended.
    pub end: End,
    /// The highest load that a steady window has shown to hold, if any did.
    pub low: Option<f64>,
    /// The lowest that broke, if any did.
    pub high: Option<f64>,
}

/// How a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// With a bracket.
    Found,
    /// The highest load that there can be holds.
    NotReached,
    /// The harness was at its end before the server: what held is a lower bound.
    HarnessLimited,
    /// Nothing that was tried holds.
    NothingHolds,
}

impl Plan {
    /// From step to step of the ramp, and the factor by which a bracket without an end is widened: the highest one up to 1.5 that
    /// halvings of its logarithm bring to the bracket and not below it, so that no probe is spent on a bracket narrower than asked.
    fn step(&self) -> f64 {
        let mut step = self.bracket.ln();
        while step * 2.0 <= STEP.ln() {
            step *= 2.0;
        }
        step.exp().min(STEP)
    }
}

impl Answer {
    /// The geometric middle of the bracket, lambda*; `None` where there is no bracket.
    pub fn lambda(&self) -> Option<f64> {
        (self.end == End::Found).then_some((self.low? * self.high?).sqrt())
    }
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Next {
    /// This.
    Try(Task),
    /// Nothing: this is the answer.
    Over(Answer),
}

/// A plan that cannot be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadPlan(&'static str);

impl fmt::Display for BadPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for BadPlan {}

/// A search under way.
#[derive(Clone, Debug)]
pub struct Search {
    plan: Plan,
    stage: Stage,
    low: Option<f64>,
    high: Option<f64>,
    /// A steady window has broken at `high`; the ramp's word for it is not enough.
    high_is_sure: bool,
    /// What windows at the load under trial came to so far: held and broke.
    votes: (u32, u32),
    probes: u32,
    /// How often in a row the harness could not offer what was to be tried.
    limited: u32,
    /// Loads that held in a steady window, but for the last.
    held: Vec<f64>,
}

/// Where the search is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Ramping {
        at: f64,
        held: Option<f64>,
    },
    /// Looks for a load that holds, downwards.
    Descending {
        at: f64,
        divisions: u32,
        /// What there is to do once one holds.
        then: Then,
    },
    Bisecting {
        at: f64,
    },
    Holding,
    /// The hold broke: one more look between what held before and what did not hold for long.
    After {
        at: f64,
    },
    Overload(usize),
    Recovering,
    Over(End),
}

/// What follows when a load has been found that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Bisect,
    /// The harness was limited in the ramp.
    GiveUp,
}

impl Search {
    /// A search that has tried nothing.
    ///
    /// # Errors
    /// [`BadPlan`] when loads are not above zero, not in order, or the bracket is not above 1.
    pub fn new(plan: Plan) -> Result<Self, BadPlan> {
        if !(plan.bracket > 1.0 && plan.bracket.is_finite()) {
            return Err(BadPlan("the ends of a bracket cannot be nearer than equal: its factor is above 1"));
        }
        let above_zero = |load: f64| load > 0.0 && load.is_finite();
        if plan.most.is_some_and(|most| !above_zero(most)) {
            return Err(BadPlan("the highest load is above zero"));
        }
        let capped = |at: f64| plan.most.map_or(at, |most| at.min(most));
        let (stage, high) = match plan.from {
            From::Ramp { start, seed } if above_zero(start) => {
                let power: f64 = ChaCha8Rng::seed_from_u64(seed).random();
                (Stage::Ramping { at: capped(start * plan.step().powf(power)), held: None }, None)
            }
            From::Bracket { low, high } if above_zero(low) && high > low && high.is_finite() => {
                let stage = Stage::Descending { at: capped(low), divisions: 0, then: Then::Bisect };
                (stage, (capped(high) > capped(low)).then_some(capped(high)))
            }
            From::Start { at } if above_zero(at) => {
                (Stage::Descending { at: capped(at), divisions: 0, then: Then::Bisect }, None)
            }
            From::Ramp { .. } | From::Start { .. } => return Err(BadPlan("a search starts above zero")),
            From::Bracket { .. } => return Err(BadPlan("a bracket goes from above zero to more than that")),
        };
        Ok(Self {
            plan,
            stage,
            low: None,
            high,
            high_is_sure: false,
            votes: (0, 0),
            probes: 0,
            limited: 0,
            held: Vec::new(),
        })
    }

    /// The bracket as it is: the highest load known to hold, the lowest believed to break.
    pub fn bracket(&self) -> (Option<f64>, Option<f64>) {
        (self.low, self.high)
    }

    /// What to do now.
    pub fn next(&self) -> Next {
        let (kind, at) = match self.stage {
            Stage::Ramping { at, .. } => (TaskKind::Ramp, at),
            Stage::Descending { at, .. } | Stage::Bisecting { at } | Stage::After { at } => {
                (TaskKind::Probe, at)
            }
            Stage::Holding => (TaskKind::Hold, self.lowest()),
            Stage::Overload(which) => (TaskKind::Overload, self.middle() * OVERLOADS[which]),
            Stage::Recovering => (TaskKind::Recovery, self.middle() * RECOVERY),
            Stage::Over(end) => {
                let high = self.high.filter(|_| self.high_is_sure || end == End::Found);
                return Next::Over(Answer { end, low: self.low, high });
            }
        };
        Next::Try(Task { kind, at })
    }

    /// What came of what [`Search::next`] said.
    pub fn report(&mut self, finding: Finding) {
        // Something may have disturbed it for a moment; what the harness cannot do it cannot do again.
        if finding.outcome == Outcome::HarnessLimited {
            self.limited += 1;
            if self.limited < LIMITED {
                return;
            }
        }
        self.limited = 0;
        match self.stage {
            Stage::Ramping { at, held } => self.ramped(at, held, finding.outcome),
            Stage::Descending { .. } | Stage::Bisecting { .. } | Stage::After { .. } => self.probed(finding),
            Stage::Holding => self.held_for_long(finding.outcome),
            Stage::Overload(which) => {
                self.stage = match which + 1 {
                    next if next < OVERLOADS.len() => Stage::Overload(next),
                    _ => Stage::Recovering,
                };
            }
            Stage::Recovering => self.stage = Stage::Over(End::Found),
            Stage::Over(_) => {}
        }
    }

    fn ramped(&mut self, at: f64, held: Option<f64>, outcome: Outcome) {
        let descend = |at, then| Stage::Descending { at, divisions: 0, then };
        self.stage = match outcome {
            Outcome::Held if self.plan.most.is_some_and(|most| at >= most) => descend(at, Then::Bisect),
            Outcome::Held => Stage::Ramping { at: self.capped(at * self.plan.step()), held: Some(at) },
            Outcome::Broke => {
                self.high = Some(at);
                descend(held.unwrap_or(at / self.plan.step()), Then::Bisect)
            }
            Outcome::HarnessLimited => match held {
                Some(held) => descend(held, Then::GiveUp),
                None => Stage::Over(End::HarnessLimited),
            },
        };
    }

    /// A steady window is over; with others at the same load it decides.
    fn probed(&mut self, Finding { outcome, close }: Finding) {
        self.probes += 1;
        match outcome {
            Outcome::Held => self.votes.0 += 1,
            Outcome::Broke => self.votes.1 += 1,
            Outcome::HarnessLimited => {
                self.stage = Stage::Over(End::HarnessLimited);
                return;
            }
        }
        let (held, broke) = self.votes;
        let is_decided = match held + broke {
            1 => !(close && self.plan.repeats),
            _ => held != broke,
        };
        if !is_decided && !self.is_exhausted() {
            return;
        }
        self.votes = (0, 0);
        // Where there was no time to repeat, the doubt counts against the load.
        self.decided(held > broke);
    }

    fn decided(&mut self, holds: bool) {
        let stage = self.stage;
        match stage {
            Stage::Descending { at, .. } | Stage::Bisecting { at } | Stage::After { at } if holds => {
                self.held.extend(self.low.replace(at));
            }
            Stage::Descending { at, .. } | Stage::Bisecting { at } | Stage::After { at } => {
                self.high = Some(at);
                self.high_is_sure = true;
            }
            _ => {}
        }
        self.stage = match stage {
            Stage::Descending { at, divisions, then } if !holds && divisions < MOST_DIVISIONS => {
                Stage::Descending { at: at / self.plan.step(), divisions: divisions + 1, then }
            }
            Stage::Descending { .. } if !holds => Stage::Over(End::NothingHolds),
            Stage::Descending { then: Then::GiveUp, .. } => Stage::Over(End::HarnessLimited),
            Stage::After { .. } => self.beyond(),
            _ => self.bisect(),
        };
        if self.is_exhausted() && matches!(self.stage, Stage::Descending { .. } | Stage::Bisecting { .. }) {
            self.stage = self.exhausted();
        }
    }

    /// The next probe between the ends of the bracket, or what follows when they are near enough.
    fn bisect(&self) -> Stage {
        let low = self.lowest();
        if self.plan.most.is_some_and(|most| low >= most) {
            return Stage::Over(End::NotReached);
        }
        match self.high {
            // Nothing has broken yet.
            None => Stage::Bisecting { at: self.capped(low * self.plan.step()) },
            // What the ramp could not hold is tried once more before it is believed, or has turned out to hold.
            Some(high) if high <= low => Stage::Bisecting { at: self.capped(low * self.plan.step()) },
            // A belief is tried before it is divided.
            Some(high) if !self.high_is_sure && matches!(self.plan.from, From::Bracket { .. }) => {
                Stage::Bisecting { at: high }
            }
            Some(high) if high / low > self.plan.bracket * ROUNDING => {
                Stage::Bisecting { at: (low * high).sqrt() }
            }
            Some(high) if !self.high_is_sure => Stage::Bisecting { at: high },
            Some(_) if self.plan.hold => Stage::Holding,
            Some(_) => self.beyond(),
        }
    }

    fn held_for_long(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Held => {
                self.stage = self.beyond();
                return;
            }
            // Nothing was learnt of the server, so the bracket stays what the probes have made it.
            Outcome::HarnessLimited => {
                self.stage = Stage::Over(End::HarnessLimited);
                return;
            }
            Outcome::Broke => {}
        }
        let broken = self.lowest();
        self.high = Some(broken);
        self.high_is_sure = true;
        self.low = self.held.iter().copied().filter(|held| *held < broken).reduce(f64::max);
        let below = self.low.unwrap_or(broken / self.plan.step());
        self.stage = Stage::After { at: (below * broken).sqrt() };
    }

    /// After the bracket is final.
    fn beyond(&self) -> Stage {
        match (self.low, self.plan.overload) {
            (None, _) => Stage::Over(End::NothingHolds),
            (Some(_), true) => Stage::Overload(0),
            (Some(_), false) => Stage::Over(End::Found),
        }
    }

    fn exhausted(&self) -> Stage {
        Stage::Over(match (self.low, self.high) {
            (None, _) => End::NothingHolds,
            (Some(_), Some(_)) => End::Found,
            (Some(_), None) => End::NotReached,
        })
    }

    fn is_exhausted(&self) -> bool {
        self.plan.probes.is_some_and(|probes| self.probes >= probes)
    }

    fn capped(&self, at: f64) -> f64 {
        self.plan.most.map_or(at, |most| at.min(most))
    }

    fn lowest(&self) -> f64 {
        self.low.or(self.high).unwrap_or_default()
    }

    fn middle(&self) -> f64 {
        (self.lowest() * self.high.unwrap_or(self.lowest())).sqrt()
    }
}

#[cfg(test)]
mod tests;
