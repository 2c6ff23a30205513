//! Settings in which two arms are to differ, looked at where the server has them.
//!
//! A profile may say something that nothing comes of: a flag that a configuration file overrides, a limit that a default raises again.
//! So an experiment on a setting says where the setting shows ([`Place`]) and how the arms differ there ([`Wish`]); what is found
//! ([`Witness`]) is in the record of every trial, and arms that do not differ end the experiment.

mod place;
mod read;
mod wish;
mod witness;
pub(crate) mod written;

use std::collections::BTreeMap;

use record::{advice::KnobSeen, experiment::Arms};
use report::words::advice::knob as words;

pub(crate) use self::{
    place::{Figure, Place},
    wish::{ABSENT, Wish},
    witness::Witness,
};

/// A setting, and how the arms are to differ in it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Knob {
    pub(crate) name: String,
    pub(crate) place: Place,
    /// What the baseline has, where that is known exactly.
    pub(crate) baseline: Option<String>,
    /// What the candidate has, beside it.
    pub(crate) candidate: Wish,
}

/// What was seen of every setting in two trials, held against what was to be seen.
pub(crate) fn judge(knobs: &[Knob], seen: &Arms<&BTreeMap<String, String>>) -> Vec<KnobSeen> {
    let one = |knob: &Knob| {
        let of = |seen: &BTreeMap<String, String>| {
            seen.get(&knob.name).cloned().unwrap_or_else(|| "not looked at".to_owned())
        };
        let seen = Arms { baseline: of(seen.baseline), candidate: of(seen.candidate) };
        let exact = knob.baseline.as_ref().is_none_or(|wanted| wish::is_same(wanted, &seen.baseline));
        let shown = exact && knob.candidate.holds(&seen.baseline, &seen.candidate);
        let wanted = match &knob.baseline {
            Some(baseline) => format!("{baseline}, and {}", knob.candidate),
            None => knob.candidate.to_string(),
        };
        KnobSeen { name: knob.name.clone(), place: knob.place.to_string(), seen, wanted, shown }
    };
    knobs.iter().map(one).collect()
}

/// Fails where two trials do not differ as they are to, or in nothing at all.
pub(crate) fn check(knobs: &[Knob], seen: &Arms<&BTreeMap<String, String>>) -> anyhow::Result<()> {
    if knobs.is_empty() {
        return Ok(());
    }
    let judged = judge(knobs, seen);
    let wrong: Vec<String> = judged.iter().filter(|knob| !knob.shown).map(words).collect();
    if !wrong.is_empty() {
        anyhow::bail!("the arms do not differ as they are to: {}", wrong.join("; "));
    }
    if judged.iter().all(|knob| knob.seen.baseline == knob.seen.candidate) {
        anyhow::bail!("the arms differ in nothing that was looked at");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knob(candidate: Wish) -> Knob {
        Knob {
            name: "n".to_owned(),
            place: Place::Count { path: "/api/v1/nodes".to_owned() },
            baseline: None,
            candidate,
        }
    }

    fn seen(value: &str) -> BTreeMap<String, String> {
        [("n".to_owned(), value.to_owned())].into()
    }

    fn checked(knobs: &[Knob], baseline: &str, candidate: &str) -> String {
        let (baseline, candidate) = (seen(baseline), seen(candidate));
        let checked = check(knobs, &Arms { baseline: &baseline, candidate: &candidate });
        checked.map_or_else(|error| error.to_string(), |()| "ok".to_owned())
    }

    #[test]
    fn arms_that_differ_as_they_are_to_pass() {
        assert_eq!(checked(&[knob(Wish::Higher(1.5))], "10", "15"), "ok");
        assert_eq!(
            checked(&[knob(Wish::Higher(1.5))], "10", "14"),
            "the arms do not differ as they are to: n (objects of /api/v1/nodes): 10 -> 14, but wanted is at least 1.5 times as high"
        );
        assert_eq!(checked(&[], "1", "1"), "ok");
    }

    #[test]
    fn arms_that_are_alike_in_everything_do_not_pass() {
        assert_eq!(checked(&[knob(Wish::Same)], "10", "10"), "the arms differ in nothing that was looked at");
    }

    #[test]
    fn what_the_baseline_has_may_be_wanted_too() {
        let exact = Knob { baseline: Some("50".to_owned()), ..knob(Wish::Is("500".to_owned())) };
        assert_eq!(checked(std::slice::from_ref(&exact), "50", "500"), "ok");
        assert!(checked(&[exact], "20", "500").ends_with("20 -> 500, but wanted is 50, and 500"));
    }

    #[test]
    fn what_was_not_looked_at_does_not_pass() {
        let nothing = BTreeMap::new();
        let judged = judge(&[knob(Wish::Different)], &Arms { baseline: &nothing, candidate: &nothing });
        assert!(!judged[0].shown && judged[0].seen.baseline == "not looked at");
    }
}
