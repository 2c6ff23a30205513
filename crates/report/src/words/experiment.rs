//! An experiment in a sentence.

use std::collections::BTreeMap;

use measure::statistics::verdict::{Comparison, Verdict};
use record::{
    Warning, WarningClass,
    experiment::{Design, ExperimentRecord, Finished, Load, Pair, Secondary, Trial},
};

/// What the primary metric says of the candidate, with its interval.
pub fn answer(record: &ExperimentRecord) -> String {
    let [baseline, candidate] = record.plan.arms.both().map(|subject| format!("`{}`", subject.name));
    let title = record.plan.primary.title();
    let Some(comparison) = &record.verdict else {
        return match record.ended {
            Some(Finished::TooFewValid) => format!("{candidate}: no verdict, too few pairs are valid"),
            Some(_) => format!("{candidate}: no verdict"),
            None => format!("{candidate}: no verdict yet, {} pairs are measured", record.pairs.len()),
        };
    };
    let (alpha, what) = (alpha(record), units(record, comparison.n));
    let measured = with_interval_of(comparison, alpha, &what);
    match comparison.verdict {
        Verdict::Helps => format!("{candidate} helps: {title} {measured}"),
        Verdict::Hurts => format!("{candidate} hurts: {title} {measured}"),
        Verdict::Equivalent => {
            let interval = &comparison.equivalence;
            format!(
                "{candidate} is equivalent to {baseline}: {title} {:.2}x ({} {:.3} to {:.3}, {what}, band {})",
                comparison.ratio,
                percent(1.0 - 2.0 * alpha),
                interval.low,
                interval.high,
                percent(record.plan.band),
            )
        }
        Verdict::Inconclusive => {
            let needed = comparison
                .needed
                .map(|needed| format!("; a spread like this needs about {}", units(record, needed)));
            format!("{candidate}: inconclusive, {title} {measured}{}", needed.unwrap_or_default())
        }
    }
}

/// `1.84x (95 % 1.71 to 1.97)`
pub fn with_interval(comparison: &Comparison, alpha: f64) -> String {
    let (low, high) = (comparison.interval.low, comparison.interval.high);
    format!("{:.2}x ({} {low:.2} to {high:.2})", comparison.ratio, percent(1.0 - alpha))
}

fn with_interval_of(comparison: &Comparison, alpha: f64, what: &str) -> String {
    let mut text = with_interval(comparison, alpha);
    text.truncate(text.len() - 1);
    format!("{text}, {what})")
}

/// What was measured, and how often.
pub fn units(record: &ExperimentRecord, n: usize) -> String {
    if record.unpaired.is_some() { format!("{n} trials of each") } else { format!("{n} pairs") }
}

/// The level of the look that decided.
pub fn alpha(record: &ExperimentRecord) -> f64 {
    record.looks.last().map_or(record.plan.alpha, |look| look.alpha)
}

/// A level or a band as a percentage, without more digits than it has.
pub fn percent(share: f64) -> String {
    let percent = (share * 1000.0).round() / 10.0;
    format!("{percent} %")
}

/// How it was measured: `both at 4.0`, `a search for each`.
pub fn design(record: &ExperimentRecord) -> String {
    match record.plan.design {
        Design::FixedRate { at, .. } => format!("both at {at:.1}"),
        Design::Capacity { .. } => "a search for each".to_owned(),
        Design::Kept => "kept records".to_owned(),
    }
}

/// The place of a pair, with the try where there were several.
pub fn number(pair: &Pair) -> String {
    match pair.attempt {
        1 => pair.number.to_string(),
        attempt => format!("{} ({attempt})", pair.number),
    }
}

/// What both trials of a pair were put to.
pub fn load(load: &Load) -> String {
    match load {
        Load::At(at) => format!("{at:.1}"),
        Load::Search(plan) => match plan.from {
            measure::search::From::Bracket { low, high } => format!("{low:.1}-{high:.1}"),
            measure::search::From::Ramp { start, .. } | measure::search::From::Start { at: start } => {
                format!("{start:.1}")
            }
        },
    }
}

/// What may be said of a metric that does not decide; nothing where it says nothing.
pub fn said(secondary: &Secondary) -> &'static str {
    match secondary.comparison.verdict {
        Verdict::Helps if secondary.differs => "better",
        Verdict::Hurts if secondary.differs => "worse",
        Verdict::Equivalent => "alike",
        _ => "",
    }
}

/// Every trial.
pub fn trials(record: &ExperimentRecord) -> Vec<&Trial> {
    let paired = record.pairs.iter().flat_map(|pair| pair.trials.both());
    let unpaired = record.unpaired.iter().flat_map(|sides| sides.baseline.iter().chain(&sides.candidate));
    paired.chain(unpaired).collect()
}

/// A doubt that several trials share.
#[derive(Clone, Copy, Debug)]
pub struct Shared<'a> {
    /// How many trials have it.
    pub count: usize,
    /// The one of them that is farthest from its threshold.
    pub worst: &'a Warning,
}

/// The doubts about trials, each once.
pub fn shared(record: &ExperimentRecord) -> Vec<Shared<'_>> {
    let mut shared: BTreeMap<(&str, WarningClass), Shared<'_>> = BTreeMap::new();
    for warning in trials(record).into_iter().flat_map(|trial| &trial.warnings) {
        let known =
            shared.entry((&warning.name, warning.class)).or_insert(Shared { count: 0, worst: warning });
        known.count += 1;
        if (warning.value - warning.threshold).abs() > (known.worst.value - known.worst.threshold).abs() {
            known.worst = warning;
        }
    }
    shared.into_values().collect()
}
