//! A rule of advice and what a measurement says to it, in a few words.

use measure::statistics::verdict::Verdict;
use record::advice::{AdviceMode, AdviceRecord, KnobSeen, Outcome, Tested};

/// What came of all candidates.
pub fn answer(record: &AdviceRecord) -> String {
    let told: Vec<String> = record
        .tested
        .iter()
        .map(|tested| format!("{}: {}", tested.arms.candidate, told_in(record.mode, tested)))
        .collect();
    match told.as_slice() {
        [] => format!("{}: nothing was tested", record.id),
        told => format!("{}: {}", record.id, told.join("; ")),
    }
}

/// What came of a candidate, by what the test was to show.
pub fn told_in(mode: AdviceMode, tested: &Tested) -> String {
    match (&tested.failed, mode) {
        (Some(error), _) => format!("FAILED: {error}"),
        (None, AdviceMode::Verdict) => told(tested),
        (None, AdviceMode::Smoke) if tested.is_shown() => "runs, and the setting shows".to_owned(),
        (None, AdviceMode::Smoke) => "runs, and the setting does NOT show".to_owned(),
    }
}

/// A candidate's verdict in a few words: `helps 1.84x, as the rule says`.
pub fn told(tested: &Tested) -> String {
    let Some(comparison) = &tested.verdict else { return "no verdict".to_owned() };
    let found = format!("{} {:.2}x", word(comparison.verdict), comparison.ratio);
    match tested.outcome() {
        Outcome::BorneOut => format!("{found}, as the rule says"),
        Outcome::NoEffect => format!("{found}; the rule says it {}: NO EFFECT", word(tested.predict)),
        Outcome::Contradicted => format!("{found}; the rule says {}: CONTRADICTED", word(tested.predict)),
        Outcome::Open => found,
    }
}

/// A verdict in a word.
pub fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Helps => "helps",
        Verdict::Hurts => "hurts",
        Verdict::Equivalent => "equivalent",
        Verdict::Inconclusive => "inconclusive",
    }
}

/// What was seen of a setting on the server's side.
pub fn knob(knob: &KnobSeen) -> String {
    let KnobSeen { name, place, seen, wanted, shown } = knob;
    let verdict = if *shown { String::new() } else { format!(", but wanted is {wanted}") };
    format!("{name} ({place}): {} -> {}{verdict}", seen.baseline, seen.candidate)
}
