//! What to measure next, and when to stop, given what has come of everything measured so far.
//!
//! The machine is a function of its plan and of its findings: the same findings in the same order lead to the same asks and the
//! same end, so an interrupted experiment goes on from its record.

use measure::statistics::{sequential, signed_rank};
use record::experiment::{Arm, Arms, Design, ExperimentRecord, Finished, Look, Pair, Pairs, Plan, Trial};

use super::{Ask, Measured, judge, order, standing::Standing};

/// So many pairs of an experiment are measured again, with a new seed, when one of their trials is void. The bound is one of the
/// whole experiment: where trials are void again and again the machine is at fault, and more of them cost time and tell nothing.
/// A pair that is void beyond it is left out, and the experiment goes on with fewer.
pub(super) const MOST_REPEATS: usize = 2;

/// The first look of an experiment that stops when it is decided comes after so many pairs.
pub(super) const FIRST_LOOK: usize = 8;
/// And one after every so many more.
pub(super) const NEXT_LOOK: usize = 2;

/// An experiment under way.
#[derive(Clone, Debug)]
pub(crate) struct Experiment {
    plan: Plan,
    /// After so many pairs there is a look.
    looks_at: Vec<usize>,
    /// The level of each look.
    alpha: f64,
    pairs: Vec<Pair>,
    /// The trial of the pair under way that is over.
    half: Option<Trial>,
    number: usize,
    attempt: usize,
    looks: Vec<Look>,
    finished: Option<Finished>,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Next {
    /// Make this trial.
    Measure(Ask),
    /// Nothing.
    Over(Finished),
}

/// A record whose pairs its plan does not ask for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the record's pair at place {number} is not the one that its plan asks for there: it was changed, or is of another program"
)]
pub(crate) struct NotThisPlan {
    number: usize,
}

impl Experiment {
    /// One of which nothing has been measured. The plan must come from [`super::wanted::Wanted::plan`] or from a record; of one that asks
    /// for levels that do not exist no look says anything.
    pub(crate) fn new(plan: Plan) -> Self {
        let (looks_at, alpha) = looks(&plan);
        // An experiment of kept records has nothing to measure.
        let is_empty = plan.design == Design::Kept || looks_at.last().is_none_or(|last| *last == 0);
        Self {
            plan,
            looks_at,
            alpha,
            pairs: Vec::new(),
            half: None,
            number: 1,
            attempt: 1,
            looks: Vec::new(),
            finished: is_empty.then_some(Finished::TooFewValid),
        }
    }

    /// One that goes on after these pairs.
    pub(crate) fn resume(plan: Plan, pairs: &[Pair]) -> Result<Self, NotThisPlan> {
        let mut experiment = Self::new(plan);
        for pair in pairs {
            for arm in pair.order.arms() {
                let trial = pair.trials.of(arm);
                let Next::Measure(ask) = experiment.next() else {
                    return Err(NotThisPlan { number: pair.number });
                };
                let asked = (ask.number, ask.attempt, ask.arm, ask.seed, ask.load, ask.path.as_str());
                if asked != (pair.number, pair.attempt, arm, pair.seed, pair.load, trial.path.as_str()) {
                    return Err(NotThisPlan { number: pair.number });
                }
                let Trial { values, warnings, seen, seconds, .. } = trial.clone();
                experiment.report(Measured { values, warnings, seen, seconds });
            }
        }
        Ok(experiment)
    }

    /// What to do now.
    pub(crate) fn next(&self) -> Next {
        if let Some(finished) = self.finished {
            return Next::Over(finished);
        }
        let (number, attempt) = (self.number, self.attempt);
        let seed = order::pair_seed(self.plan.seed, number, attempt);
        let [first, second] = order::order(self.plan.seed, number).arms();
        let trial = 2 * self.pairs.len() + usize::from(self.half.is_some()) + 1;
        Next::Measure(Ask {
            number,
            attempt,
            arm: if self.half.is_some() { second } else { first },
            seed,
            load: order::load(&self.plan.design, seed),
            path: format!("trials/{trial:03}"),
        })
    }

    /// What came of what [`Experiment::next`] asked for. Whether a pair is complete by it, and the record can be kept.
    pub(crate) fn report(&mut self, measured: Measured) -> bool {
        let Next::Measure(ask) = self.next() else { return false };
        let Measured { mut values, warnings, seen, seconds } = measured;
        // JSON has no infinity, and no comparison a use for it.
        values.retain(|_, value| value.is_finite());
        let trial = Trial { path: ask.path, values, warnings, seen, seconds };
        let Some(first) = self.half.take() else {
            self.half = Some(trial);
            return false;
        };
        let trials = match ask.arm {
            Arm::Candidate => Arms { baseline: first, candidate: trial },
            Arm::Baseline => Arms { baseline: trial, candidate: first },
        };
        self.pairs.push(Pair {
            number: ask.number,
            attempt: ask.attempt,
            order: order::order(self.plan.seed, ask.number),
            seed: ask.seed,
            load: ask.load,
            left_out: judge::left_out(&trials, self.plan.primary),
            trials,
        });
        self.advance();
        true
    }

    /// A pair is complete.
    fn advance(&mut self) {
        let void = self.pairs.last().is_some_and(|pair| pair.left_out.is_some());
        if void && self.repeats() < MOST_REPEATS {
            self.attempt += 1;
            return;
        }
        let done = self.number;
        (self.number, self.attempt) = (done + 1, 1);
        let last = self.last_look();
        let valid = judge::valid(&self.pairs).count();
        if valid + (last - done) < signed_rank::least_pairs(self.alpha) {
            self.finished = Some(Finished::TooFewValid);
        } else if self.looks_at.contains(&done) {
            let comparison = judge::compare(&self.plan, &self.pairs, self.plan.primary, self.alpha);
            self.looks.push(Look { pairs: done, valid, alpha: self.alpha, comparison });
            if done == last {
                self.finished = Some(Finished::AllPairs);
            } else if comparison.is_some_and(judge::decides) {
                self.finished = Some(Finished::Decided);
            }
        }
    }

    /// How many pairs have been measured again so far.
    fn repeats(&self) -> usize {
        self.pairs.iter().filter(|pair| pair.attempt > 1).count()
    }

    fn last_look(&self) -> usize {
        self.looks_at.last().copied().unwrap_or_default()
    }

    /// How it stands, before this trial.
    pub(crate) fn standing(&self, ask: &Ask) -> Standing {
        let trials = self.pairs.iter().flat_map(|pair| pair.trials.both()).chain(&self.half);
        let seconds: Vec<f64> = trials.map(|trial| trial.seconds).collect();
        let left = 2 * (self.last_look() + 1 - self.number) - usize::from(self.half.is_some());
        Standing {
            number: ask.number,
            of: self.last_look(),
            may_stop_earlier: self.looks_at.len() > 1,
            attempt: ask.attempt,
            arm: ask.arm,
            ratio: judge::ratio(&self.pairs, self.plan.primary),
            comparison: judge::compare(&self.plan, &self.pairs, self.plan.primary, self.alpha),
            alpha: self.alpha,
            seconds_left: judge::mean(&seconds).map(|mean| mean * judge::real(left)),
        }
    }

    /// Puts what is known now into the record.
    pub(crate) fn fill(&self, record: &mut ExperimentRecord) {
        record.pairs.clone_from(&self.pairs);
        record.looks.clone_from(&self.looks);
        record.ended = self.finished;
        if let Some(finished) = self.finished {
            judge::conclude(record, finished, self.alpha);
        }
    }
}

/// After how many pairs there are looks, and the level of each.
fn looks(plan: &Plan) -> (Vec<usize>, f64) {
    match plan.pairs {
        Pairs::Exactly(pairs) => (vec![pairs], plan.alpha),
        Pairs::UntilDecided { looks, .. } => {
            let at = (0..looks).map(|look| FIRST_LOOK + NEXT_LOOK * look).collect();
            // Without a level nothing is found, which is the safe side.
            (at, sequential::pocock_level(looks, plan.alpha).unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests;
