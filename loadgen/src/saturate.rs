//! The search for lambda*: the highest load that holds, on real control planes.
//!
//! `measure::search` says what to try; here it is tried. A break leaves a control plane behind that cannot be trusted, so the next
//! steady probe has a fresh one, or on a cluster that is not ours one that has been drained.

mod lengths;
mod trial;

use measure::{
    Clock,
    search::{Answer, Finding, Next, Outcome, Search, Task, TaskKind},
    statistics::{Judgement, knee},
};
use record::{Folder, SearchRecord, TrialRecord};

pub(crate) use self::lengths::{Confirm, Lengths};
use crate::{
    plan::Plan,
    probe::{Ask, Probed, Rest, ToRest},
    progress::Progress,
    scenario::Axis,
    stand::{Setting, Stand},
    target::Target,
};

/// A search under way, over one control plane after another.
pub(crate) struct Searching<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) axis: Axis,
    pub(crate) lengths: Lengths,
    pub(crate) run: &'a str,
    pub(crate) folder: &'a Folder,
    pub(crate) progress: &'a Progress,
    search: Search,
    record: SearchRecord,
    /// Control planes so far.
    planes: u32,
    clock: Clock,
}

/// What is to be done about the control plane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Turn {
    /// The search is over.
    Over(Answer),
    /// The next probe needs a fresh one.
    Fresh,
}

impl<'a> Searching<'a> {
    /// A search that has tried what its record says, or nothing.
    pub(crate) fn new(
        plan: &'a Plan,
        axis: Axis,
        lengths: Lengths,
        (run, folder, progress): (&'a str, &'a Folder, &'a Progress),
        record: SearchRecord,
    ) -> anyhow::Result<Self> {
        let mut search = Search::new(record.settings.plan)?;
        for trial in &record.trials {
            search.report(trial.finding);
        }
        let planes = record.trials.last().map_or(0, |trial| trial.plane);
        Ok(Self { plan, axis, lengths, run, folder, progress, search, record, planes, clock: Clock::start() })
    }

    /// Goes on until the search is over or the control plane has had its day.
    pub(crate) async fn on(&mut self, target: &Target) -> anyhow::Result<Turn> {
        self.planes += 1;
        let setting = Setting {
            plan: self.plan,
            target,
            run: self.run,
            clock: self.clock,
            progress: self.progress,
            folder: self.folder,
        };
        let mut stand = Stand::prepare(setting).await?;
        let mut last: Option<(TaskKind, Outcome)> = None;
        let turn = loop {
            let task = match self.search.next() {
                Next::Over(answer) => break Turn::Over(answer),
                Next::Try(task) => task,
            };
            if last.is_some_and(|last| has_had_its_day(last, task.kind)) {
                if target.local.is_some() {
                    break Turn::Fresh;
                }
                stand.drain("waiting until nothing is left of the load that broke").await?;
            }
            let trial = self.attempt(&mut stand, task).await?;
            last = Some((task.kind, trial.finding.outcome));
            self.search.report(trial.finding);
            self.progress.say(&self.told(&trial));
            self.record.trials.push(trial);
            self.folder.write_search(&self.record)?;
        };
        if target.is_shared() {
            stand.drain("drain").await?;
        }
        stand.stop().await;
        Ok(turn)
    }

    async fn attempt(&self, stand: &mut Stand<'_>, task: Task) -> anyhow::Result<TrialRecord> {
        let ask = self.ask(task);
        let clock = stand.setting.clock;
        match task.kind {
            TaskKind::Ramp => {
                let probed = stand.step(&ask).await?;
                Ok(trial::record(stand, task, self.planes, &probed, exempt))
            }
            TaskKind::Probe | TaskKind::Hold => {
                let probed = stand.probe(&ask).await?;
                Ok(trial::record(stand, task, self.planes, &probed, finding))
            }
            TaskKind::Overload => {
                let probed = stand.probe(&ask).await?;
                Ok(trial::record(stand, task, self.planes, &probed, exempt))
            }
            TaskKind::Recovery => {
                let start = clock.now();
                let recovered = stand.recover(&ask).await?;
                Ok(trial::recovery(task, self.planes, (clock, start), recovered))
            }
        }
    }

    fn ask(&self, Task { kind, at }: Task) -> Ask {
        let Lengths { ramp_step, rest_window, measure, longest, hold, recovery, .. } = self.lengths;
        let to_rest = ToRest { least: self.plan.warm_up, window: rest_window };
        let (name, rest, measure, longest) = match kind {
            TaskKind::Ramp => ("ramp", None, ramp_step, 1),
            TaskKind::Probe => ("probe", Some(to_rest), measure, longest),
            TaskKind::Hold => ("hold", Some(to_rest), hold, 1),
            TaskKind::Overload => ("overload", None, measure, 1),
            TaskKind::Recovery => ("recovery", None, recovery, 1),
        };
        let title = format!("{name} at {}{}", self.axis.show(at), self.bracket());
        Ask { title, at, rest, measure, longest }
    }

    /// What is known so far, for a person who waits.
    fn bracket(&self) -> String {
        match self.search.bracket() {
            (Some(low), Some(high)) => {
                format!(" (holds {}, breaks {})", self.axis.show(low), self.axis.show(high))
            }
            (Some(low), None) => format!(" (holds {})", self.axis.show(low)),
            (None, Some(high)) => format!(" (breaks {})", self.axis.show(high)),
            (None, None) => String::new(),
        }
    }

    /// What a person is told of a trial that is over.
    fn told(&self, trial: &TrialRecord) -> String {
        let TrialRecord { task, finding, goodput, .. } = trial;
        let name = self.ask(*task).title;
        let name = name.split(" (").next().unwrap_or_default().to_owned();
        match trial.recovery_seconds {
            Some(seconds) => format!("{name}: everything holds again after {seconds:.0} s"),
            None if task.kind == TaskKind::Recovery => format!("{name}: it did not recover"),
            None => format!("{name}: {} ({:.1}/s done)", word(finding.outcome), goodput.goodput_per_second),
        }
    }

    /// Control planes so far.
    pub(crate) fn planes(&self) -> u32 {
        self.planes
    }

    /// The record, at the end.
    pub(crate) fn into_record(self) -> SearchRecord {
        self.record
    }
}

/// An outcome in a word.
pub(crate) fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Held => "holds",
        Outcome::Broke => "breaks",
        Outcome::HarnessLimited => "the harness could not offer it",
    }
}

/// Whether after the last task the control plane is not fit for the next. The steps of the ramp and the overloads follow one another
/// on purpose, and a recovery is of what was done to it.
fn has_had_its_day((last, outcome): (TaskKind, Outcome), next: TaskKind) -> bool {
    match next {
        TaskKind::Ramp | TaskKind::Recovery => false,
        TaskKind::Overload if last == TaskKind::Overload => false,
        TaskKind::Probe | TaskKind::Hold | TaskKind::Overload => outcome != Outcome::Held,
    }
}

/// What a steady window comes to.
fn finding(probed: &Probed, is_valid: bool) -> Finding {
    let outcome = match (is_valid, probed.judgement) {
        (false, _) => Outcome::HarnessLimited,
        (true, Judgement::Holds) => Outcome::Held,
        (true, Judgement::Breaks | Judgement::Undecided) => Outcome::Broke,
    };
    // A load whose backlog runs away is not close to anything.
    let close = probed.rest != Rest::Broken && probed.judged.iter().any(measure::criteria::Judged::is_close);
    Finding { outcome, close }
}

/// The same for a window that is there to overload: the harness may be late when the server is at its end.
fn exempt(probed: &Probed, is_valid: bool) -> Finding {
    finding(probed, is_valid || probed.judgement == Judgement::Breaks)
}

/// Fills in what a search comes to.
pub(crate) fn conclude(record: &mut SearchRecord, answer: Answer) {
    record.answer = Some(answer);
    record.lambda = answer.lambda();
    record.knee = knee_of(&record.trials);
    let steady = |trial: &&TrialRecord| matches!(trial.task.kind, TaskKind::Probe | TaskKind::Hold);
    let of =
        |outcome| record.trials.iter().filter(steady).filter(move |trial| trial.finding.outcome == outcome);
    let lowest = |a: &&TrialRecord, b: &&TrialRecord| a.task.at.total_cmp(&b.task.at);
    // Without a probe that broke the ramp's last step is all there is.
    let broke = of(Outcome::Broke)
        .min_by(lowest)
        .or_else(|| record.trials.iter().find(|trial| trial.finding.outcome == Outcome::Broke));
    let (broke_first, limited_by) = match broke {
        Some(trial) => {
            let broken = trial.judged.iter().filter(|it| it.judgement == Judgement::Breaks);
            (broken.cloned().collect(), trial.limited_by.clone())
        }
        None => (Vec::new(), Vec::new()),
    };
    let held = of(Outcome::Held).max_by(lowest);
    let cpu = held.map(trial::cpu_ms_per_operation).unwrap_or_default();
    let mut warnings: Vec<record::Warning> = Vec::new();
    for trial in record.trials.iter().filter(steady) {
        for warning in &trial.warnings {
            if !warnings.iter().any(|known| known.name == warning.name) {
                warnings.push(warning.clone());
            }
        }
    }
    record.broke_first = broke_first;
    record.limited_by = limited_by;
    record.cpu_ms_per_operation = cpu;
    warnings.extend(std::mem::take(&mut record.warnings));
    record.warnings = warnings;
}

/// Where goodput stops to follow the offered load, over everything that was measured in a window of its own.
fn knee_of(trials: &[TrialRecord]) -> Option<f64> {
    let measured = trials.iter().filter(|trial| trial.task.kind != TaskKind::Recovery);
    let mut points: Vec<(f64, f64)> =
        measured.map(|trial| (trial.task.at, trial.goodput.goodput_per_second)).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points.dedup_by(|later, first| later.0 <= first.0);
    knee::kneedle(&points, knee::Shape::ConcaveRising, 1.0).ok()?.map(|knee| knee.x)
}

#[cfg(test)]
pub(crate) mod tests;
