//! A search in a sentence, and its trials in a word.

use measure::{
    search::{Answer, End, Outcome, TaskKind},
    statistics::Judgement,
};
use record::{SearchRecord, TrialRecord};

use super::{nodes, setting};

/// What was found.
pub fn answer(record: &SearchRecord) -> String {
    let name = &record.scenario.name;
    let Some(answer) = &record.answer else {
        return format!("{name}: no answer yet, {} loads were tried", record.trials.len());
    };
    let Answer { end, low, high } = *answer;
    let shown = |value: Option<f64>| {
        value.map_or_else(|| "nothing that was tried".to_owned(), |value| record.axis.show(value))
    };
    match end {
        End::Found => format!(
            "{name} saturates at {}: {} holds, {} breaks",
            shown(record.lambda),
            shown(low),
            shown(high)
        ),
        End::NotReached => format!("{name} does not saturate: {} holds, and there is no more", shown(low)),
        End::HarnessLimited => format!(
            "harness-limited: {name} holds {}, and more than that this machine's harness could not offer",
            shown(low)
        ),
        End::NothingHolds => format!("{name}: nothing that was tried holds, not even {}", shown(high)),
    }
}

/// On what.
pub fn on(record: &SearchRecord) -> String {
    let nodes = nodes(&record.fleet, &record.scenario);
    setting(record.profile.as_ref(), &record.target, &record.versions, Some(&nodes))
}

/// A task in a word.
pub fn task(kind: TaskKind) -> &'static str {
    match kind {
        TaskKind::Ramp => "ramp",
        TaskKind::Probe => "probe",
        TaskKind::Hold => "hold",
        TaskKind::Overload => "overload",
        TaskKind::Recovery => "recovery",
    }
}

/// An outcome in a word.
pub fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Held => "holds",
        Outcome::Broke => "breaks",
        Outcome::HarnessLimited => "the harness could not offer it",
    }
}

/// Holds, or which criteria broke; of a recovery how long it took.
pub fn result(trial: &TrialRecord) -> String {
    match trial.recovery_seconds {
        Some(seconds) => return format!("in {seconds:.0} s"),
        None if trial.task.kind == TaskKind::Recovery => return "not in time".to_owned(),
        None => {}
    }
    if trial.finding.outcome != Outcome::Broke {
        return outcome(trial.finding.outcome).to_owned();
    }
    let mut names: Vec<&str> = Vec::new();
    for judged in trial.judged.iter().filter(|it| it.judgement == Judgement::Breaks) {
        if !names.contains(&judged.criterion.as_str()) {
            names.push(&judged.criterion);
        }
    }
    if names.is_empty() {
        names.push("the backlog runs away");
    }
    format!("breaks: {}", names.join(", "))
}

/// Processes that any trial knows, the harness last.
pub fn processes(record: &SearchRecord) -> Vec<&str> {
    let mut names: Vec<&str> =
        record.trials.iter().flat_map(|trial| trial.resources.keys()).map(String::as_str).collect();
    names.sort_unstable_by_key(|name| (*name == super::HARNESS, *name));
    names.dedup();
    names
}
