//! What no type says of a rule's file, and what can be known without looking at what it names.

use std::collections::BTreeSet;

use measure::statistics::verdict::Verdict;
use profile::{input::InputError, nearest};

use super::{
    Advice,
    written::{Arm, Class, Experiment},
};
use crate::{
    experiment::metrics,
    knobs::{Wish, written::Verify},
};

pub(super) fn check(advice: &Advice) -> Result<(), InputError> {
    let file = &advice.file;
    let wrong = |message: &str| Err(advice.wrong(0, message));
    match file.class {
        Class::N if file.why.is_none() || file.nearest.is_none() => {
            return wrong("class N says `why` no experiment can test it, and what is `nearest`");
        }
        Class::N if !file.experiments.is_empty() => return wrong("class N has no experiment"),
        Class::M | Class::T if file.experiments.is_empty() => {
            return wrong("classes M and T have an [[experiment]]");
        }
        Class::M | Class::T if file.why.is_some() || file.nearest.is_some() => {
            return wrong("`why` and `nearest` are of class N");
        }
        _ => {}
    }
    let mut names = BTreeSet::new();
    for experiment in &file.experiments {
        let name = experiment.name();
        if !is_name(name) {
            return wrong(&format!("`{name}` is no name of an experiment: small letters, digits and dashes"));
        }
        if !names.insert(name) {
            return wrong(&format!("there are two experiments called {name}"));
        }
        of_experiment(advice, experiment)?;
    }
    let candidates = file.experiments.iter().flat_map(|experiment| &experiment.candidates);
    match candidates.filter(|candidate| candidate.first).count() {
        1 => Ok(()),
        0 if file.class == Class::N => Ok(()),
        first => {
            wrong(&format!("{first} candidates are `first`; there is one, which is measured for a verdict"))
        }
    }
}

fn of_experiment(advice: &Advice, experiment: &Experiment) -> Result<(), InputError> {
    let at = experiment.scenario.span().start;
    for metric in std::iter::once(&experiment.primary).chain(&experiment.secondary) {
        let wrong = |message| advice.wrong(metric.span().start, message);
        let found = metrics::by_name(metric.get_ref()).map_err(wrong)?;
        if !metrics::may_decide(found, experiment.design.kind()) {
            let name = found.row().name;
            return Err(advice.wrong(metric.span().start, format!("{name} is not of this design")));
        }
    }
    let Experiment { baseline, candidates, verify, .. } = experiment;
    if candidates.is_empty() {
        return Err(advice.wrong(at, "it has no [[experiment.candidate]]"));
    }
    if verify.is_empty() {
        return Err(
            advice.wrong(at, "it has no [[experiment.verify]]: nobody would see that the arms differ")
        );
    }
    let mut names = BTreeSet::new();
    for arm in experiment.arms() {
        let (name, at) = (arm.name.get_ref(), arm.name.span().start);
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(advice.wrong(at, "an arm has a name without spaces"));
        }
        if !names.insert(name) {
            return Err(advice.wrong(at, format!("there are two arms called {name}")));
        }
    }
    let at = baseline.name.span().start;
    if baseline.profile.is_none() {
        return Err(advice.wrong(at, "a baseline has a profile"));
    }
    if baseline.predict.is_some() || baseline.first {
        return Err(advice.wrong(at, "`predict` and `first` are of candidates"));
    }
    for arm in candidates {
        if arm.predict.is_none_or(|predict| predict == Verdict::Inconclusive) {
            let message = "a candidate has `predict`: helps, hurts or equivalent, as the rule has it";
            return Err(advice.wrong(arm.name.span().start, message));
        }
    }
    of_checks(advice, experiment)
}

fn of_checks(advice: &Advice, experiment: &Experiment) -> Result<(), InputError> {
    let verify = &experiment.verify;
    for (place, check) in verify.iter().enumerate() {
        let (name, at) = (check.name.get_ref(), check.name.span().start);
        if !is_name(name) {
            return Err(advice.wrong(at, format!("`{name}` is no name: small letters, digits and dashes")));
        }
        if verify[..place].iter().any(|before| before.name.get_ref() == name) {
            return Err(advice.wrong(at, format!("there are two checks called {name}")));
        }
        check.place().map_err(|message| advice.wrong(at, message))?;
    }
    for arm in experiment.arms() {
        sees(advice, verify, arm)?;
    }
    for (name, said) in &experiment.baseline.sees {
        if !said.starts_with('=') {
            let message = format!("of a baseline {name} is a value, `=VALUE`");
            return Err(advice.wrong(experiment.baseline.name.span().start, message));
        }
    }
    Ok(())
}

/// Of one arm: that it sees only what is looked at, and of a candidate that it differs in something.
fn sees(advice: &Advice, verify: &[Verify], arm: &Arm) -> Result<(), InputError> {
    let at = arm.name.span().start;
    for (name, said) in &arm.sees {
        let names = || verify.iter().map(|check| check.name.get_ref().as_str());
        let Some(check) = verify.iter().find(|check| check.name.get_ref() == name) else {
            let meant = nearest(name, names()).map(|it| format!("; did you mean `{it}`?"));
            let message =
                format!("nothing that is looked at is called `{name}`{}", meant.unwrap_or_default());
            return Err(advice.wrong(at, message));
        };
        check.wish_of(said).map_err(|message| advice.wrong(at, message))?;
    }
    let same = |check: &Verify| wish(check, arm) == Wish::Same;
    if arm.predict.is_some() && verify.iter().all(same) {
        return Err(advice.wrong(at, "it is to be seen to differ in nothing"));
    }
    Ok(())
}

/// How a candidate is to differ. What it says itself was read when the file was checked.
pub(super) fn wish(check: &Verify, arm: &Arm) -> Wish {
    let own = arm.sees.get(check.name.get_ref()).and_then(|said| check.wish_of(said).ok());
    own.unwrap_or_else(|| check.wish())
}

fn is_name(name: &str) -> bool {
    let of_name = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
    !name.is_empty() && name.chars().all(of_name)
}
