//! Records as test cases.

use jiff::Timestamp;
use measure::{
    criteria::Judged,
    search::{End, Outcome, TaskKind},
    statistics::{
        Judgement,
        verdict::{Comparison, Verdict},
    },
};
use record::{
    Ended, Profile, RunRecord, SearchRecord, TrialRecord, Warning, WarningClass,
    experiment::{ExperimentRecord, Finished},
};

use super::{Came, Case, Suite};
use crate::{export::word, words};

/// Every judgement of a run.
pub(in crate::export) fn of_run(run: &RunRecord) -> Suite {
    let class = class(&run.scenario.name, run.profile.as_ref());
    let mut cases: Vec<Case> = run.judged.iter().map(|judged| criterion(&class, judged)).collect();
    cases.push(ended(&class, Some(run.ended)));
    cases.extend(invalid(&class, &run.warnings));
    let seconds = run.phases.iter().map(|phase| phase.seconds).sum();
    let mut properties = vec![("run", run.run_id.clone()), ("seed", run.seed.to_string())];
    properties.extend(doubts(&run.warnings));
    let start = run.phases.first().map(|phase| phase.start);
    Suite { name: format!("run {}", run.scenario.name), start, seconds, properties, cases }
}

/// The answer of a search, and its holds.
pub(in crate::export) fn of_search(search: &SearchRecord) -> Suite {
    let class = class(&search.scenario.name, search.profile.as_ref());
    let mut cases = vec![answer(&class, search), ended(&class, search.ended)];
    let holds = search.trials.iter().filter(|trial| trial.task.kind == TaskKind::Hold);
    cases.extend(holds.map(|trial| hold(&class, search, trial)));
    cases.extend(invalid(&class, &search.warnings));
    let mut properties = vec![("run", search.run_id.clone()), ("seed", search.seed.to_string())];
    properties.extend(doubts(&search.warnings));
    let start = search.trials.first().map(|trial| trial.start);
    let seconds = search.trials.iter().map(|trial| trial.seconds).sum();
    Suite { name: format!("saturate {}", search.scenario.name), start, seconds, properties, cases }
}

/// The verdict of an experiment; of a control, whether it is the right one.
pub(in crate::export) fn of_experiment(experiment: &ExperimentRecord) -> Suite {
    let plan = &experiment.plan;
    let (baseline, candidate) = (&plan.arms.baseline.name, &plan.arms.candidate.name);
    let class = format!("loadgen.{}.{candidate}", plan.scenario.name);
    let mut cases = vec![verdict(&class, experiment)];
    cases.extend(invalid(&class, &experiment.warnings));
    let mut properties = vec![
        ("run", experiment.run_id.clone()),
        ("seed", plan.seed.to_string()),
        ("baseline", baseline.clone()),
        ("candidate", candidate.clone()),
    ];
    properties.extend(doubts(&experiment.warnings));
    let trials = experiment.pairs.iter().flat_map(|pair| pair.trials.both());
    let seconds = trials.map(|trial| trial.seconds).sum();
    let start: Option<Timestamp> = Some(experiment.start);
    Suite { name: format!("compare {}", plan.scenario.name), start, seconds, properties, cases }
}

fn class(scenario: &str, profile: Option<&Profile>) -> String {
    // A cluster that was there has no profile.
    format!("loadgen.{scenario}.{}", profile.map_or("cluster", |profile| profile.name.as_str()))
}

fn criterion(class: &str, judged: &Judged) -> Case {
    let came = match judged.judgement {
        Judgement::Holds => Came::Passed,
        Judgement::Breaks => Came::Failed,
        Judgement::Undecided => Came::Skipped,
    };
    let mut text = figures(judged);
    if came == Came::Skipped {
        text = format!("undecided, the window was too short: {text}");
    } else if judged.few_samples {
        text += "; its bounds left it open and the figure decided";
    }
    Case { name: format!("{} of {}", judged.criterion, judged.group), class: class.to_owned(), came, text }
}

/// The figure and its limit first; a CI server shows no more than the first line.
fn figures(judged: &Judged) -> String {
    let Judged { criterion, value, limit, low, high, n, .. } = judged;
    let said = |value: f64| words::of_criterion(criterion, value);
    let first = match judged.judgement {
        Judgement::Breaks => words::broken(judged),
        Judgement::Holds | Judgement::Undecided => format!("{}, limit {}", said(*value), said(*limit)),
    };
    let bounds = match (low, high) {
        (Some(low), Some(high)) => format!("{} to {}", said(*low), said(*high)),
        _ => "without bounds".to_owned(),
    };
    format!("{first}; {bounds}, of {} samples", short(*n))
}

/// Four digits are more than any of these figures carries.
fn short(value: f64) -> String {
    let rounded: f64 = format!("{value:.3e}").parse().unwrap_or(value);
    rounded.to_string()
}

fn ended(class: &str, ended: Option<Ended>) -> Case {
    let (came, text) = match ended {
        Some(Ended::Completed) => (Came::Passed, "it came to its end"),
        Some(Ended::Interrupted) => (Came::Errored, "it was interrupted"),
        Some(Ended::Failed) => (Came::Errored, "it failed"),
        None => (Came::Errored, "it is not over"),
    };
    Case { name: "end".to_owned(), class: class.to_owned(), came, text: text.to_owned() }
}

/// What makes figures void.
fn invalid(class: &str, warnings: &[Warning]) -> Vec<Case> {
    let invalid = warnings.iter().filter(|warning| warning.class == WarningClass::Invalid);
    let case = |warning: &Warning| Case {
        name: format!("validity: {}", warning.name),
        class: class.to_owned(),
        came: Came::Errored,
        text: format!("{}, threshold {}: {}", short(warning.value), short(warning.threshold), warning.advice),
    };
    invalid.map(case).collect()
}

/// What makes them doubtful.
fn doubts(warnings: &[Warning]) -> Option<(&'static str, String)> {
    let names: Vec<&str> = warnings
        .iter()
        .filter(|warning| warning.class == WarningClass::Warn)
        .map(|warning| warning.name.as_str())
        .collect();
    (!names.is_empty()).then(|| ("warnings", names.join(", ")))
}

fn answer(class: &str, search: &SearchRecord) -> Case {
    let at = |load: Option<f64>| load.map(|load| format!("{}{}", short(load), search.axis.unit));
    let (came, text) = match search.answer {
        None => (Came::Errored, "there is no answer yet".to_owned()),
        Some(answer) => {
            let (low, high) = (at(answer.low), at(answer.high));
            let holds = low.map_or_else(|| "nothing holds".to_owned(), |low| format!("{low} holds"));
            let bracket = high.map_or(holds.clone(), |high| format!("{holds}, {high} breaks"));
            match answer.end {
                End::Found => (Came::Passed, bracket),
                End::NotReached => (Came::Passed, format!("{bracket}: the highest load that there can be")),
                End::HarnessLimited => {
                    (Came::Errored, format!("{bracket}: the harness was at its end before the server"))
                }
                End::NothingHolds => (Came::Failed, format!("{bracket}: {}", broken(&search.broke_first))),
            }
        }
    };
    Case { name: format!("{} that holds", search.axis.name), class: class.to_owned(), came, text }
}

fn hold(class: &str, search: &SearchRecord, trial: &TrialRecord) -> Case {
    let (came, text) = match trial.finding.outcome {
        Outcome::Held => {
            (Came::Passed, format!("every criterion held for {} s", short(trial.window_seconds)))
        }
        Outcome::Broke => (Came::Failed, broken(&trial.judged)),
        Outcome::HarnessLimited => (Came::Errored, "the harness could not offer it".to_owned()),
    };
    let name = format!("hold at {}{}", short(trial.task.at), search.axis.unit);
    Case { name, class: class.to_owned(), came, text }
}

fn broken(judged: &[Judged]) -> String {
    let broken = judged.iter().filter(|it| it.judgement == Judgement::Breaks);
    let lines: Vec<String> = broken.map(figures).collect();
    lines.join("\n")
}

fn verdict(class: &str, experiment: &ExperimentRecord) -> Case {
    let name = format!("{} of {}", word(&experiment.plan.primary), experiment.plan.arms.candidate.name);
    let (came, text) = match &experiment.verdict {
        None => (Came::Errored, "there is no verdict".to_owned()),
        Some(_) if experiment.ended == Some(Finished::TooFewValid) => {
            (Came::Errored, "too few pairs were valid for a verdict".to_owned())
        }
        Some(comparison) => {
            let came = match (experiment.control_passed(), comparison.verdict) {
                (Some(true), _) | (None, Verdict::Helps | Verdict::Equivalent) => Came::Passed,
                (Some(false), _) | (None, Verdict::Hurts) => Came::Failed,
                (None, Verdict::Inconclusive) => Came::Skipped,
            };
            (came, compared(comparison))
        }
    };
    Case { name, class: class.to_owned(), came, text }
}

fn compared(comparison: &Comparison) -> String {
    let Comparison { verdict, n, ratio, interval, p_value, needed, .. } = comparison;
    let needed = needed.map(|needed| format!("; {needed} would show it")).unwrap_or_default();
    format!(
        "{}: ratio {ratio:.3}, {:.3} to {:.3} at {:.1} %, p {}, {n} pairs{needed}",
        word(verdict),
        interval.low,
        interval.high,
        interval.level * 100.0,
        short(*p_value)
    )
}
