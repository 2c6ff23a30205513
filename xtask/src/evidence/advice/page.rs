//! `docs/advice.md`: what each rule says, and what a measurement says to it.

use std::fmt::Write as _;

use measure::statistics::verdict::{Comparison, Verdict};
use record::advice::{AdviceRecord, Outcome, Tested};

use super::{NAME, Rule};
use crate::evidence::page::machine;

/// A rule, and what is kept of it.
pub(super) struct Known {
    pub(super) rule: Rule,
    pub(super) verdict: Option<AdviceRecord>,
    pub(super) smoke: Option<AdviceRecord>,
}

/// The page.
pub(super) fn page(known: &[Known]) -> String {
    let mut text = String::from(
        "# Tuning advice, put to the test\n\nPeople who run large clusters are told these rules. Each is a file in `profiles/advice/` that binds it to an \
         experiment, a baseline and what the rule recommends side by side on fresh control planes of one machine, or says why none can test it: \
         `loadgen advice show RULE` prints all of it, `loadgen advice test RULE` does it on yours. Class M is measured for real, of class T the traffic \
         is that of imitated clients, class N has no effect on a control plane.\n\n",
    );
    let _ = writeln!(text, "{}\n", summary(known));
    text += "| rule | class | what the rule says of | measured | ratio | interval | pairs | date |\n|---|---|---|---|---:|---|---:|---|\n";
    for one in known {
        rows(one, &mut text);
    }
    for one in known {
        section(one, &mut text);
    }
    text
}

fn summary(known: &[Known]) -> String {
    let testable = known.iter().filter(|it| !it.rule.experiments.is_empty()).count();
    let judged: Vec<Outcome> = known
        .iter()
        .filter_map(|it| it.verdict.as_ref())
        .flat_map(|record| record.tested.iter().map(Tested::outcome))
        .collect();
    let count = |outcome: Outcome| judged.iter().filter(|it| **it == outcome).count();
    let smoked = known.iter().filter(|it| it.smoke.as_ref().is_some_and(is_shown)).count();
    format!(
        "{} rules, of which {testable} can be tested and {} are: {} borne out, {} without the effect that the rule claims, {} contradicted, {} open. Of \
         {smoked} every arm was run at the smallest size and seen on the server's side to differ. `cargo xtask evidence {NAME}` and `cargo xtask \
         advice-smoke` measure what is missing; control plane and load share the machine, so only differences say something.",
        known.len(),
        judged.len(),
        count(Outcome::BorneOut),
        count(Outcome::NoEffect),
        count(Outcome::Contradicted),
        count(Outcome::Open),
    )
}

fn is_shown(record: &AdviceRecord) -> bool {
    record.ended && record.tested.iter().all(Tested::is_shown)
}

fn rows(Known { rule, verdict, .. }: &Known, text: &mut String) {
    let head = format!("[{0}](#{0}) | {1}", rule.id, rule.class);
    let Some(record) = verdict else {
        let said = if rule.experiments.is_empty() { "cannot be tested here" } else { "" };
        let _ = writeln!(text, "| {head} | | {said} | | | | |");
        return;
    };
    let date = record.start.strftime("%Y-%m-%d");
    for tested in &record.tested {
        let (ratio, interval, pairs) = figures(tested);
        let _ = writeln!(
            text,
            "| {head} | {}: {} | {} | {ratio} | {interval} | {pairs} | {date} |",
            tested.arms.candidate,
            word(tested.predict),
            measured(tested)
        );
    }
}

fn figures(tested: &Tested) -> (String, String, String) {
    match &tested.verdict {
        Some(Comparison { ratio, interval, n, .. }) => {
            (format!("{ratio:.2}"), format!("{:.2} to {:.2}", interval.low, interval.high), n.to_string())
        }
        None => ("-".to_owned(), "-".to_owned(), "-".to_owned()),
    }
}

fn measured(tested: &Tested) -> String {
    let Some(comparison) = &tested.verdict else { return "no verdict".to_owned() };
    let found = word(comparison.verdict);
    match tested.outcome() {
        Outcome::Contradicted => format!("**{found}: contradicts the rule**"),
        Outcome::NoEffect => format!("**{found}: not the effect the rule claims**"),
        Outcome::BorneOut | Outcome::Open => found.to_owned(),
    }
}

fn section(Known { rule, verdict, smoke }: &Known, text: &mut String) {
    let _ = writeln!(text, "\n## {}\n\n{}\n\nExpected: {}", rule.id, rule.words, rule.expect);
    for (what, words) in [("Why not", &rule.why), ("Nearest", &rule.nearest), ("Note", &rule.note)] {
        if let Some(words) = words {
            let _ = writeln!(text, "\n{what}: {words}");
        }
    }
    for experiment in &rule.experiments {
        let arms: Vec<String> = std::iter::once(&experiment.baseline)
            .chain(&experiment.candidates)
            .map(|arm| match &arm.profile {
                Some(profile) => format!("{} (`{profile}`)", arm.name),
                None => arm.name.clone(),
            })
            .collect();
        let (scenario, primary) = (&experiment.scenario, &experiment.primary);
        let _ = writeln!(text, "\nTested by `{scenario}`, `{primary}` decides: {}.", arms.join(", "));
    }
    if let Some(record) = verdict {
        for tested in &record.tested {
            let _ = writeln!(text, "\n{}", sentence(record, tested));
        }
        let same = record.file_sha256 == rule.sha256;
        let changed = if same { "" } else { " The rule's file was changed since." };
        let _ = writeln!(
            text,
            "\n`{}`, {}, on {}: [text](evidence/{NAME}/{id}/advice.txt), [record](evidence/{NAME}/{id}/advice.json).{changed}",
            record.command.join(" "),
            record.start.strftime("%Y-%m-%d %H:%M"),
            machine(&record.host),
            id = rule.id,
        );
    }
    if let Some(record) = smoke {
        smoked(record, text);
    }
    if !rule.sources.is_empty() {
        text.push_str("\nSources\n\n");
        for source in &rule.sources {
            let _ = writeln!(text, "- {source}");
        }
    }
}

/// What a measurement says to the rule, in words.
fn sentence(record: &AdviceRecord, tested: &Tested) -> String {
    let [baseline, candidate] = tested.arms.both();
    let metric = serde_json::to_value(tested.primary).ok();
    let metric = metric.as_ref().and_then(serde_json::Value::as_str).unwrap_or("?").to_owned();
    let Some(Comparison { ratio, interval, n, verdict, .. }) = &tested.verdict else {
        return format!("{candidate} against {baseline}: no verdict, too few pairs were valid.");
    };
    let figures = format!(
        "`{metric}` of {candidate} is {ratio:.2} times that of {baseline} ({:.1} % {:.2} to {:.2}, {n} pairs)",
        interval.level * 100.0,
        interval.low,
        interval.high
    );
    let said = match tested.outcome() {
        Outcome::BorneOut => {
            format!("The rule is borne out: {} it says, and {} it is.", word(*verdict), word(*verdict))
        }
        Outcome::NoEffect => format!(
            "**Here the rule has no effect**: it says that it {}, and no difference beyond the band is what was shown.",
            word(tested.predict)
        ),
        Outcome::Contradicted => format!(
            "**The measurement contradicts the rule**: it says {}, and what was found {}.",
            word(tested.predict),
            word(*verdict)
        ),
        Outcome::Open => "That decides nothing.".to_owned(),
    };
    let adjusted = tested
        .adjusted_p_value
        .map(|p| format!(" Over all {} candidates p is {p:.3}.", record.tested.len()))
        .unwrap_or_default();
    let [one, other] = tested.versions.both();
    let versions = |of: &std::collections::BTreeMap<String, String>| {
        of.iter().map(|(name, version)| format!("{name} {version}")).collect::<Vec<_>>().join(", ")
    };
    let versions =
        if one == other { versions(one) } else { format!("{} against {}", versions(other), versions(one)) };
    let refused: Vec<String> = record
        .refused
        .iter()
        .map(|it| format!(" `{}` itself is refused: {}.", it.setting, it.reason))
        .collect();
    format!("{figures}. {said}{adjusted} {versions}.{}{}", refused.concat(), knobs(tested))
}

/// What was seen on the server's side.
fn knobs(tested: &Tested) -> String {
    let one = |knob: &record::advice::KnobSeen| {
        format!("\n- {}: {} -> {}", knob.place, knob.seen.baseline, knob.seen.candidate)
    };
    let lines: String = tested.knobs.iter().map(one).collect();
    if lines.is_empty() { lines } else { format!("\n\nSeen on the server's side:\n{lines}") }
}

fn smoked(record: &AdviceRecord, text: &mut String) {
    let date = record.start.strftime("%Y-%m-%d");
    let wrong: Vec<&Tested> = record.tested.iter().filter(|tested| !tested.is_shown()).collect();
    let id = &record.id;
    let _ = if wrong.is_empty() {
        writeln!(
            text,
            "\nEvery arm was run at the smallest size and seen to differ on {date}: [record](evidence/advice-smoke/{id}.json)."
        )
    } else {
        let names: Vec<&str> = wrong.iter().map(|tested| tested.arms.candidate.as_str()).collect();
        writeln!(
            text,
            "\n**Not shown to differ** at the smallest size on {date}: {} ([record](evidence/advice-smoke/{id}.json)).",
            names.join(", ")
        )
    };
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Helps => "helps",
        Verdict::Hurts => "hurts",
        Verdict::Equivalent => "equivalent",
        Verdict::Inconclusive => "inconclusive",
    }
}

#[cfg(test)]
mod tests;
