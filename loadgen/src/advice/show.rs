//! One rule: what it says, what would test it, and what came of it.

use record::advice::AdviceRecord;
use report::words::advice::{knob as knob_seen, told as verdict, told_in, word};

use super::{
    Advice, bind,
    written::{Arm, Class, Design, Experiment},
};
use crate::{experiment::metrics, knobs::Wish, table::line};

/// The rule, with the last test that came to its end.
pub(crate) fn text(advice: &Advice, last: Option<&AdviceRecord>) -> String {
    let mut text = String::new();
    let file = &advice.file;
    line(&mut text, &format!("{} ({}): {}", advice.id, meaning(file.class), file.rule));
    line(&mut text, &format!("expected: {}", file.expect));
    for (what, words) in [("note", &file.note), ("why not", &file.why), ("nearest", &file.nearest)] {
        if let Some(words) = words {
            line(&mut text, &format!("{what}: {words}"));
        }
    }
    for refused in bind::refusals(advice).unwrap_or_default() {
        line(&mut text, &format!("refused: {}: {}", refused.setting, refused.reason));
    }
    for experiment in &file.experiments {
        of_experiment(experiment, &mut text);
    }
    if let Some(last) = last {
        line(&mut text, &format!("\nlast test, {}", last.start.strftime("%Y-%m-%d %H:%M")));
        for tested in &last.tested {
            let [baseline, candidate] = tested.arms.both();
            line(&mut text, &format!("  {candidate} against {baseline}: {}", verdict(tested)));
        }
    }
    line(&mut text, "\nsources");
    for source in &file.sources {
        line(&mut text, &format!("  {source}"));
    }
    text
}

/// What a letter stands for.
fn meaning(class: Class) -> &'static str {
    match class {
        Class::M => "M, measured on a control plane of this machine",
        Class::T => "T, measured with imitated clients",
        Class::N => "N, no effect on a control plane",
    }
}

fn of_experiment(experiment: &Experiment, text: &mut String) {
    let at = experiment.at.as_ref().map(|at| format!(" at {at}")).unwrap_or_default();
    let design = match experiment.design {
        Design::FixedRate => format!("both{at}"),
        Design::Capacity => format!("a search for each{}", at.replace(" at ", " from ")),
    };
    line(text, &format!("\n{}: scenario {}, {design}", experiment.name(), experiment.scenario.get_ref()));
    let title = |name: &toml::Spanned<String>| match metrics::by_name(name.get_ref()) {
        Ok(metric) => metric.title(),
        Err(_) => "?",
    };
    line(text, &format!("  decides: {}", title(&experiment.primary)));
    let beside: Vec<&str> = experiment.secondary.iter().map(title).collect();
    if !beside.is_empty() {
        line(text, &format!("  beside it: {}", beside.join(", ")));
    }
    for setting in &experiment.set {
        line(text, &format!("  all arms: {}", setting.get_ref()));
    }
    line(text, &format!("  baseline {}", told(&experiment.baseline)));
    for candidate in &experiment.candidates {
        let first = if candidate.first { " (measured first)" } else { "" };
        let says = candidate.predict.map_or("?", word);
        line(text, &format!("  candidate {}: the rule says {says}{first}", told(candidate)));
    }
    for check in &experiment.verify {
        let place = check.place().map_or_else(|error| error, |place| place.to_string());
        let wish = check.wish();
        let differs = if wish == Wish::Same { String::new() } else { format!(", {wish}") };
        line(text, &format!("  looked at: {place}{differs}"));
    }
}

fn told(arm: &Arm) -> String {
    let mut words: Vec<String> = arm.profile.iter().map(|profile| profile.get_ref().clone()).collect();
    words.extend(arm.scenario.iter().map(|scenario| format!("scenario {}", scenario.get_ref())));
    words.extend(arm.set.iter().map(|setting| setting.get_ref().clone()));
    let load = arm.load.iter().flat_map(toml::Spanned::get_ref);
    words.extend(load.map(|(path, value)| match value.as_str() {
        Some(value) if value.contains('\n') => format!("{path} of its own"),
        _ => format!("{path} = {value}"),
    }));
    let name = arm.name.get_ref();
    if words.is_empty() { name.clone() } else { format!("{name} ({})", words.join(", ")) }
}

/// What came of a test, a few lines for each candidate.
pub(crate) fn outcome(record: &AdviceRecord) -> String {
    let mut text = String::new();
    for refused in &record.refused {
        line(&mut text, &format!("refused: {}: {}", refused.setting, refused.reason));
    }
    for tested in &record.tested {
        let [baseline, candidate] = tested.arms.both();
        let whole = told_in(record.mode, tested);
        let adjusted = tested.adjusted_p_value.map(|p| format!(" (p {p:.3}, adjusted for all candidates)"));
        line(&mut text, &format!("{candidate} against {baseline}: {whole}{}", adjusted.unwrap_or_default()));
        for knob in &tested.knobs {
            line(&mut text, &format!("  {}", knob_seen(knob)));
        }
        if let Some(seconds) =
            tested.trial_seconds.filter(|_| record.mode == record::advice::AdviceMode::Smoke)
        {
            line(&mut text, &format!("  {:.0} s and {:.0} s", seconds.baseline, seconds.candidate));
        }
    }
    if record.mode == record::advice::AdviceMode::Verdict {
        line(&mut text, &format!("expected: {}", record.expect));
    }
    text
}
